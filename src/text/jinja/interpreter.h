// Runs a resolved template.
#pragma once

#include <memory>
#include <vector>

#include "text/jinja/ast.h"
#include "text/jinja/rendering.h"

namespace mlxserving::text::jinja {

// The variables of one call of a function of the template. A macro keeps the one it was made in.
struct Activation {
  Activation(Activation* parent, size_t slots) : parent(parent), slots(slots) {}
  Activation* parent;
  std::vector<Value> slots;
  bool is_kept = false;  // something that outlives the call refers to it
};

class Interpreter;

struct MacroValue final : Object {
  Interpreter* interpreter = nullptr;
  const Signature* signature = nullptr;
  Activation* home = nullptr;
  std::string name;
  bool autoescape = false;
};

struct BlocksValue final : Object {  // `self`
  Interpreter* interpreter = nullptr;
};

class Interpreter {
 public:
  // `context` gives the variables by name; both must outlive the interpreter.
  Interpreter(Rendering& rendering, const Program& program, const Dict& context);
  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  // The output; throws a Fault.
  TextPtr run();

  // How macros are called from anywhere.
  Value call_macro(const MacroValue& macro, const Arguments& arguments);
  // `self.name`: missing when there is no such block.
  Value block_reference(std::string_view name);

 private:
  enum class Flow : uint8_t { next, break_loop, continue_loop };

  Activation* keep(std::unique_ptr<Activation> activation);
  static void mark_kept(Activation* activation);
  Value& variable(const Ref& ref, Activation& at);
  void enter(const std::vector<Load>& loads, Activation& at);
  void assign(const Expr& target, const Value& value, Activation& at);
  void check_namespaces(const Expr& target, Activation& at);
  void export_all(const std::vector<std::pair<size_t, Ref>>& exported, Activation& at);

  Flow run_body(const Body& body, Activation& at, TextBuilder& out);
  Flow run_stmt(const Stmt& stmt, Activation& at, TextBuilder& out);
  void run_output(const Output& stmt, Activation& at, TextBuilder& out);
  Flow run_if(const If& stmt, Activation& at, TextBuilder& out);
  Flow run_for(const For& stmt, Activation& at, TextBuilder& out);
  Flow run_loop(const For& stmt, const Value& iterable, int64_t depth, Activation& at, TextBuilder& out);
  Flow run_with(const With& stmt, Activation& at, TextBuilder& out);
  Flow run_filter_block(const FilterBlock& stmt, Activation& at, TextBuilder& out);
  Flow run_assign_block(const AssignBlock& stmt, Activation& at);
  void run_call_block(const CallBlock& stmt, Activation& at, TextBuilder& out);
  Value recurse(const For& stmt, const Value& iterable, int64_t depth, Activation& home);
  Value filtered_items(const For& stmt, const Value& iterable, Activation& at);
  Value make_macro(const Signature& signature, std::string name, Activation& at);
  void bind_macro(const MacroValue& macro, const Arguments& arguments, Activation& at);
  Value self_value();
  TextPtr run_block(const Block& block, Activation* at);

  Value eval(const Expr& expr, Activation& at);
  Value eval_logic(const Logic& expr, Activation& at);
  Value eval_compare(const CompareChain& expr, Activation& at);
  Value eval_conditional(const Conditional& expr, Activation& at);
  Value eval_item(const Item& expr, Activation& at);
  Value eval_call(const Call& expr, Activation& at, const Value* caller);
  Value eval_applied(const Applied& expr, Activation& at, const Value* subject);
  Value eval_concat(const Concat& expr, Activation& at);
  std::vector<Value> eval_all(const std::vector<ExprPtr>& exprs, Activation& at);
  Arguments eval_arguments(const CallArguments& arguments, Activation& at);

  Rendering& rendering_;
  const Program& program_;
  std::vector<Value> context_;  // by Program::context_names
  std::vector<std::unique_ptr<Activation>> kept_;
};

}  // namespace mlxserving::text::jinja
