// A template as parsed: expressions and statements. Immutable once its names are resolved, so threads may share it.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/semantics.h"
#include "text/jinja/value.h"

namespace mlxserving::text::jinja {

// Where a variable lives: a slot of the function that runs (hops 0) or of one that encloses it, or a name of the
// context.
struct Ref {
  enum class Place : uint8_t { slot, context };
  Place place = Place::slot;
  int hops = 0;
  size_t index = 0;  // of the slot, or of Program::context_names
};

// What a scope does when it is entered: a slot starts as a copy of an outer variable, or empty.
struct Load {
  size_t slot = 0;
  bool is_empty = true;
  Ref from;
};

enum class ExprKind : uint8_t {
  constant,
  name,
  namespace_ref,
  tuple,
  list,
  dict,
  attribute,
  item,
  slice,
  call,
  filter,
  test,
  unary,
  arithmetic,
  logic,
  negation,
  concat,
  compare,
  conditional,
};

struct Expr {
  Expr(ExprKind kind, int line) : kind(kind), line(line) {}
  Expr(const Expr&) = delete;
  Expr& operator=(const Expr&) = delete;
  virtual ~Expr() = default;

  const ExprKind kind;
  const int line;
};
using ExprPtr = std::unique_ptr<Expr>;

struct Constant final : Expr {
  Constant(int line, Value value) : Expr(ExprKind::constant, line), value(std::move(value)) {}
  Value value;
};

struct Name final : Expr {
  Name(int line, std::string name) : Expr(ExprKind::name, line), name(std::move(name)) {}
  std::string name;
  Ref ref;
};

struct NamespaceRef final : Expr {  // the target of {% set ns.x = ... %}
  NamespaceRef(int line, std::string name, std::string attribute)
      : Expr(ExprKind::namespace_ref, line), name(std::move(name)), attribute(std::move(attribute)) {}
  std::string name;
  std::string attribute;
  Ref ref;
};

struct Items final : Expr {  // tuple and list
  Items(ExprKind kind, int line) : Expr(kind, line) {}
  std::vector<ExprPtr> items;
};

struct DictLiteral final : Expr {
  explicit DictLiteral(int line) : Expr(ExprKind::dict, line) {}
  std::vector<std::pair<ExprPtr, ExprPtr>> items;
};

struct Attribute final : Expr {
  Attribute(int line, ExprPtr object, std::string name)
      : Expr(ExprKind::attribute, line), object(std::move(object)), name(std::move(name)) {}
  ExprPtr object;
  std::string name;
};

struct Item final : Expr {
  Item(int line, ExprPtr object, ExprPtr key)
      : Expr(ExprKind::item, line), object(std::move(object)), key(std::move(key)) {}
  ExprPtr object;
  ExprPtr key;
};

struct Slice final : Expr {  // only as the key of an Item; bounds may be null
  explicit Slice(int line) : Expr(ExprKind::slice, line) {}
  ExprPtr start;
  ExprPtr stop;
  ExprPtr step;
};

struct CallArguments {
  std::vector<ExprPtr> positional;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr rest_positional;  // *args
  ExprPtr rest_named;       // **kwargs
};

struct Call final : Expr {
  explicit Call(int line) : Expr(ExprKind::call, line) {}
  ExprPtr function;
  CallArguments arguments;
};

struct Applied final : Expr {  // filter and test
  Applied(ExprKind kind, int line) : Expr(kind, line) {}
  ExprPtr subject;  // null: the text of a filter block
  std::string name;
  CallArguments arguments;
  NativeCode code = nullptr;  // null: unknown, a fault when reached
};

struct Unary final : Expr {
  Unary(int line, bool negates, ExprPtr operand)
      : Expr(ExprKind::unary, line), negates(negates), operand(std::move(operand)) {}
  bool negates;
  ExprPtr operand;
};

struct ArithmeticChain final : Expr {  // a + b - c, left to right
  explicit ArithmeticChain(int line) : Expr(ExprKind::arithmetic, line) {}
  ExprPtr first;
  std::vector<std::pair<Arithmetic, ExprPtr>> rest;
};

struct Logic final : Expr {  // a and b and c, or the same with `or`
  Logic(int line, bool is_and) : Expr(ExprKind::logic, line), is_and(is_and) {}
  bool is_and;
  std::vector<ExprPtr> operands;
};

struct Negation final : Expr {
  Negation(int line, ExprPtr operand) : Expr(ExprKind::negation, line), operand(std::move(operand)) {}
  ExprPtr operand;
};

struct Concat final : Expr {
  explicit Concat(int line) : Expr(ExprKind::concat, line) {}
  std::vector<ExprPtr> parts;
};

struct CompareChain final : Expr {
  explicit CompareChain(int line) : Expr(ExprKind::compare, line) {}
  ExprPtr first;
  std::vector<std::pair<Comparison, ExprPtr>> rest;
};

struct Conditional final : Expr {
  explicit Conditional(int line) : Expr(ExprKind::conditional, line) {}
  ExprPtr test;
  ExprPtr then;
  ExprPtr otherwise;  // may be null: Undefined
};

enum class StmtKind : uint8_t {
  output,
  for_loop,
  if_chain,
  with,
  autoescape,
  block,
  macro,
  call_block,
  filter_block,
  assign,
  assign_block,
  loader,
  break_loop,
  continue_loop,
};

struct Stmt {
  Stmt(StmtKind kind, int line) : kind(kind), line(line) {}
  Stmt(const Stmt&) = delete;
  Stmt& operator=(const Stmt&) = delete;
  virtual ~Stmt() = default;

  const StmtKind kind;
  const int line;
};
using StmtPtr = std::unique_ptr<Stmt>;
using Body = std::vector<StmtPtr>;

struct Output final : Stmt {
  explicit Output(int line) : Stmt(StmtKind::output, line) {}
  struct Part {
    TextPtr data;  // or
    ExprPtr value;
  };
  std::vector<Part> parts;
};

struct For final : Stmt {
  explicit For(int line) : Stmt(StmtKind::for_loop, line) {}
  ExprPtr target;
  ExprPtr test_target;  // the same names once more, in the scope of the test
  ExprPtr iterable;
  ExprPtr test;  // may be null
  Body body;
  Body otherwise;
  bool is_recursive = false;
  // Resolved:
  bool has_loop = false;
  size_t loop_slot = 0;
  size_t slots = 0;  // when recursive: the loop is a function of its own
  std::vector<Load> test_loads;
  std::vector<Load> body_loads;
  std::vector<Load> otherwise_loads;
  std::vector<size_t> body_slots;  // emptied at the end
};

struct If final : Stmt {
  explicit If(int line) : Stmt(StmtKind::if_chain, line) {}
  std::vector<std::pair<ExprPtr, Body>> branches;
  Body otherwise;
};

struct With final : Stmt {
  explicit With(int line) : Stmt(StmtKind::with, line) {}
  std::vector<std::pair<ExprPtr, ExprPtr>> targets;
  Body body;
  std::vector<Load> loads;
};

struct Autoescape final : Stmt {
  explicit Autoescape(int line) : Stmt(StmtKind::autoescape, line) {}
  ExprPtr enabled;
  Body body;
  std::vector<Load> loads;
};

struct Block final : Stmt {
  explicit Block(int line) : Stmt(StmtKind::block, line) {}
  std::string name;
  bool is_scoped = false;
  bool is_required = false;
  Body body;
  // Resolved: a function of its own that sees the context only.
  size_t slots = 0;
  std::vector<Load> loads;
  size_t self_slot = SIZE_MAX;
  size_t super_slot = SIZE_MAX;
  std::vector<std::pair<size_t, Ref>> passed;  // scoped: context index and the variable that stands for it
};

// What a macro and the body of a call block have in common: a function.
struct Signature {
  std::vector<std::string> names;
  std::vector<ExprPtr> defaults;  // of the last ones
  Body body;
  // Resolved:
  std::vector<size_t> slots_of_names;
  size_t caller_slot = SIZE_MAX;
  size_t kwargs_slot = SIZE_MAX;
  size_t varargs_slot = SIZE_MAX;
  size_t slots = 0;
  std::vector<Load> loads;

  bool takes_caller() const { return caller_slot != SIZE_MAX || explicit_caller; }
  bool explicit_caller = false;  // `caller` is a named parameter
  bool accesses_caller = false;
};

struct Macro final : Stmt {
  explicit Macro(int line) : Stmt(StmtKind::macro, line) {}
  std::string name;
  Signature signature;
  Ref ref;
  size_t exported = SIZE_MAX;
};

struct CallBlock final : Stmt {
  explicit CallBlock(int line) : Stmt(StmtKind::call_block, line) {}
  ExprPtr call;  // a Call; null: {% generation %}, whose body is printed as it is
  Signature signature;
};

struct FilterBlock final : Stmt {
  explicit FilterBlock(int line) : Stmt(StmtKind::filter_block, line) {}
  ExprPtr filter;
  Body body;
  std::vector<Load> loads;
};

struct Assign final : Stmt {
  explicit Assign(int line) : Stmt(StmtKind::assign, line) {}
  ExprPtr target;
  ExprPtr value;
  std::vector<std::pair<size_t, Ref>> exported;  // context index and variable
};

struct AssignBlock final : Stmt {
  explicit AssignBlock(int line) : Stmt(StmtKind::assign_block, line) {}
  ExprPtr target;
  ExprPtr filter;  // may be null
  Body body;
  std::vector<Load> loads;
  std::vector<std::pair<size_t, Ref>> exported;
};

struct NeedsLoader final : Stmt {  // include, import, from, extends: there is no loader
  NeedsLoader(int line, std::string tag) : Stmt(StmtKind::loader, line), tag(std::move(tag)) {}
  std::string tag;
  ExprPtr name;
  std::vector<std::string> imported;
};

struct Jump final : Stmt {  // break and continue
  Jump(StmtKind kind, int line) : Stmt(kind, line) {}
};

struct Program {
  Body body;
  size_t slots = 0;
  std::vector<Load> loads;
  size_t self_slot = SIZE_MAX;
  std::vector<std::string> context_names;
  std::vector<const Block*> blocks;
};

}  // namespace mlxserving::text::jinja
