// Jinja analyses a scope before it compiles it: which names are parameters, stored, or only read. A name that is stored
// anywhere in a scope is that scope's own everywhere in it, and starts as a copy of the outer variable of its name.
// This file follows jinja2/idtracking.py in what it decides, since templates have come to rely on all of it.
#include "text/jinja/resolver.h"

#include <algorithm>
#include <map>
#include <set>

#include "text/jinja/builtins.h"
#include "text/jinja/fault.h"

namespace mlxserving::text::jinja {
namespace {

[[noreturn]] void fail(int line, std::string message) {
  Fault fault(FaultKind::syntax_error, std::move(message));
  fault.line = line;
  throw fault;
}

// Calls `visit` on the direct parts of an expression, in Jinja's order.
template <typename Visit>
void for_each_argument(const CallArguments& arguments, Visit visit) {
  for (const ExprPtr& each : arguments.positional) visit(*each);
  for (const auto& [name, value] : arguments.named) visit(*value);
  if (arguments.rest_positional) visit(*arguments.rest_positional);
  if (arguments.rest_named) visit(*arguments.rest_named);
}

template <typename Visit>
void for_each_part(const Expr& expr, Visit visit) {
  const auto maybe = [&](const ExprPtr& part) {
    if (part) visit(*part);
  };
  switch (expr.kind) {
    case ExprKind::constant:
    case ExprKind::name:
    case ExprKind::namespace_ref: return;
    case ExprKind::tuple:
    case ExprKind::list:
      for (const ExprPtr& item : static_cast<const Items&>(expr).items) visit(*item);
      return;
    case ExprKind::dict:
      for (const auto& [key, value] : static_cast<const DictLiteral&>(expr).items) {
        visit(*key);
        visit(*value);
      }
      return;
    case ExprKind::attribute: return visit(*static_cast<const Attribute&>(expr).object);
    case ExprKind::item:
      visit(*static_cast<const Item&>(expr).object);
      return visit(*static_cast<const Item&>(expr).key);
    case ExprKind::slice:
      maybe(static_cast<const Slice&>(expr).start);
      maybe(static_cast<const Slice&>(expr).stop);
      return maybe(static_cast<const Slice&>(expr).step);
    case ExprKind::call:
      visit(*static_cast<const Call&>(expr).function);
      return for_each_argument(static_cast<const Call&>(expr).arguments, visit);
    case ExprKind::filter:
    case ExprKind::test:
      maybe(static_cast<const Applied&>(expr).subject);
      return for_each_argument(static_cast<const Applied&>(expr).arguments, visit);
    case ExprKind::unary: return visit(*static_cast<const Unary&>(expr).operand);
    case ExprKind::arithmetic:
      visit(*static_cast<const ArithmeticChain&>(expr).first);
      for (const auto& [op, operand] : static_cast<const ArithmeticChain&>(expr).rest) visit(*operand);
      return;
    case ExprKind::logic:
      for (const ExprPtr& operand : static_cast<const Logic&>(expr).operands) visit(*operand);
      return;
    case ExprKind::negation: return visit(*static_cast<const Negation&>(expr).operand);
    case ExprKind::concat:
      for (const ExprPtr& part : static_cast<const Concat&>(expr).parts) visit(*part);
      return;
    case ExprKind::compare:
      visit(*static_cast<const CompareChain&>(expr).first);
      for (const auto& [op, operand] : static_cast<const CompareChain&>(expr).rest) visit(*operand);
      return;
    case ExprKind::conditional: {
      const auto& conditional = static_cast<const Conditional&>(expr);
      visit(*conditional.test);
      visit(*conditional.then);
      return maybe(conditional.otherwise);
    }
  }
}

// Which of `names` a body reads without having set them first, looking through all scopes but blocks.
class UndeclaredNames {
 public:
  explicit UndeclaredNames(std::set<std::string> names) : names_(std::move(names)) {}

  std::set<std::string> found;

  void visit(const Body& body) {
    for (const StmtPtr& stmt : body) visit(*stmt);
  }

  void visit_target(const Expr& expr) {
    if (expr.kind == ExprKind::name) names_.erase(static_cast<const Name&>(expr).name);
    for_each_part(expr, [this](const Expr& part) { visit_target(part); });
  }

  void visit(const Expr& expr) {
    if (expr.kind == ExprKind::name) {
      const std::string& name = static_cast<const Name&>(expr).name;
      if (names_.contains(name)) found.insert(name);
    }
    for_each_part(expr, [this](const Expr& part) { visit(part); });
  }

  void visit(const Stmt& stmt) {
    switch (stmt.kind) {
      case StmtKind::output:
        for (const auto& part : static_cast<const Output&>(stmt).parts) {
          if (part.value) visit(*part.value);
        }
        return;
      case StmtKind::for_loop: {
        const auto& loop = static_cast<const For&>(stmt);
        visit_target(*loop.target);
        visit(*loop.iterable);
        visit(loop.body);
        visit(loop.otherwise);
        if (loop.test) visit(*loop.test);
        return;
      }
      case StmtKind::if_chain:
        for (const auto& [test, body] : static_cast<const If&>(stmt).branches) {
          visit(*test);
          visit(body);
        }
        return visit(static_cast<const If&>(stmt).otherwise);
      case StmtKind::with:
        for (const auto& [target, value] : static_cast<const With&>(stmt).targets) visit_target(*target);
        for (const auto& [target, value] : static_cast<const With&>(stmt).targets) visit(*value);
        return visit(static_cast<const With&>(stmt).body);
      case StmtKind::autoescape:
        visit(*static_cast<const Autoescape&>(stmt).enabled);
        return visit(static_cast<const Autoescape&>(stmt).body);
      case StmtKind::block: return;
      case StmtKind::macro: return visit_signature(static_cast<const Macro&>(stmt).signature);
      case StmtKind::call_block: {
        const auto& block = static_cast<const CallBlock&>(stmt);
        if (block.call) visit(*block.call);
        return visit_signature(block.signature);
      }
      case StmtKind::filter_block:
        visit(static_cast<const FilterBlock&>(stmt).body);
        return visit(*static_cast<const FilterBlock&>(stmt).filter);
      case StmtKind::assign:
        visit_target(*static_cast<const Assign&>(stmt).target);
        return visit(*static_cast<const Assign&>(stmt).value);
      case StmtKind::assign_block: {
        const auto& block = static_cast<const AssignBlock&>(stmt);
        visit_target(*block.target);
        if (block.filter) visit(*block.filter);
        return visit(block.body);
      }
      case StmtKind::loader: return visit(*static_cast<const NeedsLoader&>(stmt).name);
      case StmtKind::break_loop:
      case StmtKind::continue_loop: return;
    }
  }

 private:
  void visit_signature(const Signature& signature) {
    for (const std::string& name : signature.names) names_.erase(name);
    for (const ExprPtr& value : signature.defaults) visit(*value);
    visit(signature.body);
  }

  std::set<std::string> names_;
};

std::set<std::string> undeclared(const Body& body, std::set<std::string> names) {
  UndeclaredNames visitor(std::move(names));
  visitor.visit(body);
  return visitor.found;
}

// What runs with its own slots: the template, a macro, a recursive loop, a block.
struct Function {
  Function* parent = nullptr;
  size_t slots = 0;
};

struct Place {
  Function* function;
  size_t slot;
};

enum class LoadKind : uint8_t { parameter, empty, resolve, alias };

struct PlannedLoad {
  LoadKind kind;
  Place from{};
};

struct Symbols {
  Symbols* parent = nullptr;
  Function* function = nullptr;
  std::map<std::string, size_t>* slots = nullptr;  // of the scope, shared by the copies made for branches
  std::map<std::string, size_t> refs;
  std::map<std::string, PlannedLoad> loads;
  std::set<std::string> stores;

  std::optional<Place> find(const std::string& name) const {
    for (const Symbols* scope = this; scope != nullptr; scope = scope->parent) {
      const auto found = scope->refs.find(name);
      if (found != scope->refs.end()) return Place{scope->function, found->second};
    }
    return std::nullopt;
  }

  size_t define(const std::string& name, PlannedLoad load) {
    const auto [at, is_new] = slots->emplace(name, function->slots);
    if (is_new) ++function->slots;
    refs[name] = at->second;
    loads[name] = load;
    return at->second;
  }

  size_t declare_parameter(const std::string& name) {
    stores.insert(name);
    return define(name, {LoadKind::parameter});
  }

  void store(const std::string& name) {
    stores.insert(name);
    if (refs.contains(name)) return;
    const std::optional<Place> outer = parent != nullptr ? parent->find(name) : std::nullopt;
    define(name, outer ? PlannedLoad{LoadKind::alias, *outer} : PlannedLoad{LoadKind::empty});
  }

  void load(const std::string& name) {
    if (!find(name)) define(name, {LoadKind::resolve});
  }

  // After an if: what a branch stored has, in the other branches, the value it had before.
  void merge(const std::vector<Symbols>& branches) {
    std::set<std::string> stored;
    for (const Symbols& branch : branches) stored.insert(branch.stores.begin(), branch.stores.end());
    for (const std::string& name : stores) stored.erase(name);
    for (const Symbols& branch : branches) {
      for (const auto& [name, slot] : branch.refs) refs[name] = slot;
      for (const auto& [name, planned] : branch.loads) loads[name] = planned;
      stores.insert(branch.stores.begin(), branch.stores.end());
    }
    for (const std::string& name : stored) {
      const std::optional<Place> outer = parent != nullptr ? parent->find(name) : std::nullopt;
      loads[name] = outer ? PlannedLoad{LoadKind::alias, *outer} : PlannedLoad{LoadKind::resolve};
    }
  }
};

// Fills a scope's symbols from its statements, not entering the scopes inside.
class Analysis {
 public:
  explicit Analysis(Symbols& symbols) : symbols_(&symbols) {}

  void visit(const Body& body) {
    for (const StmtPtr& stmt : body) visit(*stmt);
  }

  void visit(const Expr& expr) {
    if (expr.kind == ExprKind::name) return symbols_->load(static_cast<const Name&>(expr).name);
    if (expr.kind == ExprKind::namespace_ref) return symbols_->load(static_cast<const NamespaceRef&>(expr).name);
    for_each_part(expr, [this](const Expr& part) { visit(part); });
  }

  void visit_target(const Expr& expr, bool as_parameter) {
    if (expr.kind == ExprKind::name) {
      const std::string& name = static_cast<const Name&>(expr).name;
      if (as_parameter) {
        symbols_->declare_parameter(name);
      } else {
        symbols_->store(name);
      }
      return;
    }
    if (expr.kind == ExprKind::namespace_ref) return symbols_->load(static_cast<const NamespaceRef&>(expr).name);
    for_each_part(expr, [&](const Expr& part) { visit_target(part, as_parameter); });
  }

  void visit_signature(const Signature& signature) {
    for (const std::string& name : signature.names) symbols_->declare_parameter(name);
    for (const ExprPtr& value : signature.defaults) visit(*value);
    visit(signature.body);
  }

 private:
  void visit(const Stmt& stmt) {
    switch (stmt.kind) {
      case StmtKind::output:
        for (const auto& part : static_cast<const Output&>(stmt).parts) {
          if (part.value) visit(*part.value);
        }
        return;
      case StmtKind::for_loop: return visit(*static_cast<const For&>(stmt).iterable);
      case StmtKind::if_chain: return visit_if(static_cast<const If&>(stmt));
      case StmtKind::with:
        for (const auto& [target, value] : static_cast<const With&>(stmt).targets) visit(*value);
        return;
      case StmtKind::autoescape:
      case StmtKind::block: return;
      case StmtKind::macro: return symbols_->store(static_cast<const Macro&>(stmt).name);
      case StmtKind::call_block:
        if (const ExprPtr& call = static_cast<const CallBlock&>(stmt).call) visit(*call);
        return;
      case StmtKind::filter_block: return visit(*static_cast<const FilterBlock&>(stmt).filter);
      case StmtKind::assign:
        visit(*static_cast<const Assign&>(stmt).value);
        return visit_target(*static_cast<const Assign&>(stmt).target, false);
      case StmtKind::assign_block: return visit_target(*static_cast<const AssignBlock&>(stmt).target, false);
      case StmtKind::loader:
        visit(*static_cast<const NeedsLoader&>(stmt).name);
        for (const std::string& name : static_cast<const NeedsLoader&>(stmt).imported) symbols_->store(name);
        return;
      case StmtKind::break_loop:
      case StmtKind::continue_loop: return;
    }
  }

  // An elif is an if inside the else branch's place: all elifs share one branch, each with branches of its own.
  void visit_if(const If& stmt) {
    visit(*stmt.branches[0].first);
    Symbols* const before = symbols_;
    std::vector<Symbols> branches;
    const auto branch = [&](auto fill) {
      Symbols copy = *before;
      symbols_ = &copy;
      fill();
      symbols_ = before;
      branches.push_back(std::move(copy));
    };
    branch([&] { visit(stmt.branches[0].second); });
    branch([&] {
      for (size_t i = 1; i < stmt.branches.size(); ++i) visit_elif(stmt.branches[i]);
    });
    branch([&] { visit(stmt.otherwise); });
    symbols_->merge(branches);
  }

  void visit_elif(const std::pair<ExprPtr, Body>& elif) {
    visit(*elif.first);
    Symbols* const before = symbols_;
    Symbols body = *before;
    symbols_ = &body;
    visit(elif.second);
    symbols_ = before;
    const Symbols untouched = *before;
    symbols_->merge({body, untouched, untouched});
  }

  Symbols* symbols_;
};

// A scope while it is compiled.
struct Scope {
  Symbols symbols;
  std::map<std::string, size_t> slots;
  Function* function;
  bool is_toplevel = false;
  bool is_soft = false;  // directly inside an if: unknown filters are faults only when reached
  int loops = 0;         // around, in the same function: what break and continue need

  Scope(Scope* parent, Function* function) : function(function) {
    symbols.parent = parent != nullptr ? &parent->symbols : nullptr;
    symbols.function = function;
    symbols.slots = &slots;
    if (parent != nullptr && parent->function == function) loops = parent->loops;
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
};

class Resolver {
 public:
  Program run(Body body) {
    program_.body = std::move(body);
    collect_blocks(program_.body);
    Function function;
    Scope root(nullptr, &function);
    root.is_toplevel = true;
    if (undeclared(program_.body, {"self"}).contains("self")) {
      program_.self_slot = root.symbols.declare_parameter("self");
    }
    Analysis(root.symbols).visit(program_.body);
    program_.loads = loads_of(root);
    resolve_body(program_.body, root);
    for (Block* block : blocks_) resolve_block(*block);
    program_.slots = function.slots;
    return std::move(program_);
  }

 private:
  size_t context_index(const std::string& name) {
    const auto found = std::find(program_.context_names.begin(), program_.context_names.end(), name);
    if (found != program_.context_names.end()) return static_cast<size_t>(found - program_.context_names.begin());
    program_.context_names.push_back(name);
    return program_.context_names.size() - 1;
  }

  static Ref ref_to(const Place& place, const Function* from) {
    Ref ref;
    ref.index = place.slot;
    for (; from != place.function; from = from->parent) ++ref.hops;
    return ref;
  }

  std::vector<Load> loads_of(const Scope& scope) {
    std::vector<Load> loads;
    for (const auto& [name, planned] : scope.symbols.loads) {
      Load load;
      load.slot = scope.symbols.refs.at(name);
      switch (planned.kind) {
        case LoadKind::parameter: continue;
        case LoadKind::empty: break;
        case LoadKind::resolve:
          load.is_empty = false;
          load.from = {Ref::Place::context, 0, context_index(name)};
          break;
        case LoadKind::alias:
          load.is_empty = false;
          load.from = ref_to(planned.from, scope.function);
          break;
      }
      // A name that is only read is read where it lives.
      const bool is_read_only = !scope.symbols.stores.contains(name);
      if (!is_read_only) loads.push_back(load);
    }
    return loads;
  }

  Ref find(const std::string& name, const Scope& scope, int line) {
    for (const Symbols* symbols = &scope.symbols; symbols != nullptr; symbols = symbols->parent) {
      const auto found = symbols->refs.find(name);
      if (found == symbols->refs.end()) continue;
      const auto planned = symbols->loads.find(name);
      if (planned != symbols->loads.end() && planned->second.kind == LoadKind::resolve &&
          !symbols->stores.contains(name)) {
        return {Ref::Place::context, 0, context_index(name)};
      }
      return ref_to({symbols->function, found->second}, scope.function);
    }
    fail(line, fmt::format("the name '{}' is not known here", name));
  }

  // --- blocks and exports

  void collect_blocks(const Body& body) {
    for (const StmtPtr& stmt : body) {
      for_each_body(*stmt, [this](const Body& inner) { collect_blocks(inner); });
      if (stmt->kind != StmtKind::block) continue;
      auto* block = static_cast<Block*>(stmt.get());
      for (const Block* other : blocks_) {
        if (other->name == block->name) fail(block->line, fmt::format("block '{}' defined twice", block->name));
      }
      blocks_.push_back(block);
      program_.blocks.push_back(block);
    }
  }

  template <typename Visit>
  static void for_each_body(const Stmt& stmt, Visit visit) {
    switch (stmt.kind) {
      case StmtKind::for_loop:
        visit(static_cast<const For&>(stmt).body);
        return visit(static_cast<const For&>(stmt).otherwise);
      case StmtKind::if_chain:
        for (const auto& [test, body] : static_cast<const If&>(stmt).branches) visit(body);
        return visit(static_cast<const If&>(stmt).otherwise);
      case StmtKind::with: return visit(static_cast<const With&>(stmt).body);
      case StmtKind::autoescape: return visit(static_cast<const Autoescape&>(stmt).body);
      case StmtKind::block: return visit(static_cast<const Block&>(stmt).body);
      case StmtKind::macro: return visit(static_cast<const Macro&>(stmt).signature.body);
      case StmtKind::call_block: return visit(static_cast<const CallBlock&>(stmt).signature.body);
      case StmtKind::filter_block: return visit(static_cast<const FilterBlock&>(stmt).body);
      case StmtKind::assign_block: return visit(static_cast<const AssignBlock&>(stmt).body);
      default: return;
    }
  }

  void collect_names(const Expr& target, std::vector<std::string>& names) const {
    if (target.kind == ExprKind::name) names.push_back(static_cast<const Name&>(target).name);
    for_each_part(target, [&](const Expr& part) { collect_names(part, names); });
  }

  // Blocks see what the top level sets, through the context.
  std::vector<std::pair<size_t, Ref>> exports_of(const Expr& target, const Scope& scope) {
    std::vector<std::pair<size_t, Ref>> exported;
    if (blocks_.empty() || !scope.is_toplevel) return exported;
    std::vector<std::string> names;
    collect_names(target, names);
    for (const std::string& name : names) exported.emplace_back(context_index(name), find(name, scope, target.line));
    return exported;
  }

  void resolve_block(Block& block) {
    Function function;
    Scope scope(nullptr, &function);
    const std::set<std::string> special = undeclared(block.body, {"self", "super"});
    if (special.contains("self")) block.self_slot = scope.symbols.declare_parameter("self");
    if (special.contains("super")) block.super_slot = scope.symbols.declare_parameter("super");
    Analysis(scope.symbols).visit(block.body);
    block.loads = loads_of(scope);
    resolve_body(block.body, scope);
    block.slots = function.slots;
  }

  // --- statements

  void resolve_body(const Body& body, Scope& scope) {
    for (const StmtPtr& stmt : body) resolve(*stmt, scope);
  }

  void resolve_soft(const Body& body, Scope& scope) {
    const bool before = std::exchange(scope.is_soft, true);
    resolve_body(body, scope);
    scope.is_soft = before;
  }

  void resolve(Stmt& stmt, Scope& scope) {
    switch (stmt.kind) {
      case StmtKind::output:
        for (const auto& part : static_cast<Output&>(stmt).parts) {
          if (part.value) resolve(*part.value, scope);
        }
        return;
      case StmtKind::for_loop: return resolve_for(static_cast<For&>(stmt), scope);
      case StmtKind::if_chain: return resolve_if(static_cast<If&>(stmt), scope);
      case StmtKind::with: return resolve_with(static_cast<With&>(stmt), scope);
      case StmtKind::autoescape: {
        auto& node = static_cast<Autoescape&>(stmt);
        Scope inner(&scope, scope.function);
        Analysis analysis(inner.symbols);
        analysis.visit(*node.enabled);
        analysis.visit(node.body);
        node.loads = loads_of(inner);
        resolve(*node.enabled, inner);
        return resolve_body(node.body, inner);
      }
      case StmtKind::block: return resolve_block_use(static_cast<Block&>(stmt), scope);
      case StmtKind::macro: {
        auto& node = static_cast<Macro&>(stmt);
        resolve_signature(node.signature, scope, node.line);
        node.ref = find(node.name, scope, node.line);
        if (scope.is_toplevel && !blocks_.empty()) node.exported = context_index(node.name);
        return;
      }
      case StmtKind::call_block: {
        auto& node = static_cast<CallBlock&>(stmt);
        resolve_signature(node.signature, scope, node.line);
        if (node.call) resolve(*node.call, scope);
        return;
      }
      case StmtKind::filter_block: {
        auto& node = static_cast<FilterBlock&>(stmt);
        Scope inner(&scope, scope.function);
        Analysis analysis(inner.symbols);
        analysis.visit(node.body);
        analysis.visit(*node.filter);
        node.loads = loads_of(inner);
        resolve_body(node.body, inner);
        return resolve(*node.filter, inner);
      }
      case StmtKind::assign: {
        auto& node = static_cast<Assign&>(stmt);
        resolve_target(*node.target, scope);
        resolve(*node.value, scope);
        node.exported = exports_of(*node.target, scope);
        return;
      }
      case StmtKind::assign_block: return resolve_assign_block(static_cast<AssignBlock&>(stmt), scope);
      case StmtKind::loader: return resolve(*static_cast<NeedsLoader&>(stmt).name, scope);
      case StmtKind::break_loop:
      case StmtKind::continue_loop:
        if (scope.loops == 0) {
          fail(stmt.line,
               stmt.kind == StmtKind::break_loop ? "'break' outside loop" : "'continue' not properly in loop");
        }
        return;
    }
  }

  void resolve_assign_block(AssignBlock& node, Scope& scope) {
    Scope inner(&scope, scope.function);
    Analysis(inner.symbols).visit(node.body);
    node.loads = loads_of(inner);
    resolve_body(node.body, inner);
    resolve_target(*node.target, scope);
    if (node.filter) resolve(*node.filter, inner);
    node.exported = exports_of(*node.target, scope);
  }

  void resolve_if(If& node, Scope& scope) {
    const bool before = std::exchange(scope.is_soft, true);
    for (auto& [test, body] : node.branches) {
      resolve(*test, scope);
      resolve_body(body, scope);
    }
    resolve_body(node.otherwise, scope);
    scope.is_soft = before;
  }

  void resolve_with(With& node, Scope& scope) {
    Scope inner(&scope, scope.function);
    Analysis analysis(inner.symbols);
    for (const auto& [target, value] : node.targets) analysis.visit_target(*target, true);
    analysis.visit(node.body);
    node.loads = loads_of(inner);
    for (auto& [target, value] : node.targets) {
      resolve_target(*target, inner);
      resolve(*value, scope);
    }
    resolve_body(node.body, inner);
  }

  static bool has_scoped_block(const Body& body) {
    bool found = false;
    for (const StmtPtr& stmt : body) {
      found = found || (stmt->kind == StmtKind::block && static_cast<const Block&>(*stmt).is_scoped);
      for_each_body(*stmt, [&found](const Body& inner) { found = found || has_scoped_block(inner); });
    }
    return found;
  }

  // "loop" may not be set anywhere inside a for.
  static void check_loop_is_not_set(const For& node) {
    const auto check_target = [](const auto& self, const Expr& target) -> void {
      if (target.kind == ExprKind::name && static_cast<const Name&>(target).name == "loop") {
        fail(target.line, "Can't assign to special loop variable in for-loop target");
      }
      for_each_part(target, [&self](const Expr& part) { self(self, part); });
    };
    const auto check_body = [&](const auto& self, const Body& body) -> void {
      for (const StmtPtr& stmt : body) {
        if (stmt->kind == StmtKind::for_loop) check_target(check_target, *static_cast<const For&>(*stmt).target);
        if (stmt->kind == StmtKind::assign) check_target(check_target, *static_cast<const Assign&>(*stmt).target);
        if (stmt->kind == StmtKind::assign_block) {
          check_target(check_target, *static_cast<const AssignBlock&>(*stmt).target);
        }
        for_each_body(*stmt, [&self](const Body& inner) { self(self, inner); });
      }
    };
    check_target(check_target, *node.target);
    check_body(check_body, node.body);
    check_body(check_body, node.otherwise);
  }

  void resolve_for(For& node, Scope& scope) {
    Function own{scope.function, 0};
    Function* const function = node.is_recursive ? &own : scope.function;
    Scope body(&scope, function);
    Scope test(&scope, function);
    Scope otherwise(&scope, function);
    body.loops = (node.is_recursive ? 0 : scope.loops) + 1;
    if (node.is_recursive) otherwise.loops = 0;

    node.has_loop =
        node.is_recursive || undeclared(node.body, {"loop"}).contains("loop") || has_scoped_block(node.body);
    if (node.has_loop) node.loop_slot = body.symbols.declare_parameter("loop");
    Analysis body_analysis(body.symbols);
    body_analysis.visit_target(*node.target, true);
    body_analysis.visit(node.body);
    Analysis(otherwise.symbols).visit(node.otherwise);
    if (node.test) {
      Analysis test_analysis(test.symbols);
      test_analysis.visit_target(*node.test_target, true);
      test_analysis.visit(*node.test);
      node.test_loads = loads_of(test);
      resolve_target(*node.test_target, test);
      resolve(*node.test, test);
    }
    check_loop_is_not_set(node);
    resolve(*node.iterable, scope);
    resolve_target(*node.target, body);
    node.body_loads = loads_of(body);
    resolve_body(node.body, body);
    node.otherwise_loads = loads_of(otherwise);
    resolve_body(node.otherwise, otherwise);
    for (const auto& [name, slot] : body.slots) node.body_slots.push_back(slot);
    node.slots = own.slots;
  }

  void resolve_signature(Signature& signature, Scope& scope, int line) {
    Function function{scope.function, 0};
    Scope inner(&scope, &function);
    Analysis(inner.symbols).visit_signature(signature);
    const std::set<std::string> special = undeclared(signature.body, {"caller", "kwargs", "varargs"});
    const auto index_of = [&](const char* name) {
      return static_cast<size_t>(std::find(signature.names.begin(), signature.names.end(), name) -
                                 signature.names.begin());
    };
    const auto is_named = [&](const char* name) { return index_of(name) < signature.names.size(); };
    signature.explicit_caller = is_named("caller");
    if (special.contains("caller")) {
      signature.accesses_caller = true;
      if (!signature.explicit_caller) {
        signature.caller_slot = inner.symbols.declare_parameter("caller");
      } else if (index_of("caller") < signature.names.size() - signature.defaults.size()) {
        fail(line,
             "When defining macros or call blocks the special \"caller\" argument must be omitted or be given a "
             "default.");
      }
    }
    if (special.contains("kwargs") && !is_named("kwargs"))
      signature.kwargs_slot = inner.symbols.declare_parameter("kwargs");
    if (special.contains("varargs") && !is_named("varargs"))
      signature.varargs_slot = inner.symbols.declare_parameter("varargs");
    Analysis(inner.symbols).visit_signature(signature);
    signature.loads = loads_of(inner);
    for (const std::string& name : signature.names) signature.slots_of_names.push_back(inner.symbols.refs.at(name));
    for (const ExprPtr& value : signature.defaults) resolve(*value, inner);
    resolve_body(signature.body, inner);
    signature.slots = function.slots;
  }

  void resolve_block_use(Block& block, Scope& scope) {
    if (!block.is_scoped) return;
    for (const Symbols* symbols = &scope.symbols; symbols != nullptr; symbols = symbols->parent) {
      for (const std::string& name : symbols->stores) {
        const size_t index = context_index(name);
        const auto same = [index](const auto& passed) { return passed.first == index; };
        if (std::any_of(block.passed.begin(), block.passed.end(), same)) continue;
        block.passed.emplace_back(index, find(name, scope, block.line));
      }
    }
  }

  // --- expressions

  void resolve_target(Expr& target, const Scope& scope) {
    if (target.kind == ExprKind::name) {
      auto& name = static_cast<Name&>(target);
      name.ref = find(name.name, scope, name.line);
    } else if (target.kind == ExprKind::namespace_ref) {
      auto& space = static_cast<NamespaceRef&>(target);
      space.ref = find(space.name, scope, space.line);
    } else {
      for (const ExprPtr& item : static_cast<Items&>(target).items) resolve_target(*item, scope);
    }
  }

  void resolve(Expr& expr, Scope& scope) {
    if (expr.kind == ExprKind::name) return resolve_target(expr, scope);
    if (expr.kind == ExprKind::filter || expr.kind == ExprKind::test) {
      auto& applied = static_cast<Applied&>(expr);
      const bool is_filter = expr.kind == ExprKind::filter;
      applied.code = is_filter ? find_filter(applied.name) : find_test(applied.name);
      if (applied.code == nullptr && !scope.is_soft) {
        fail(expr.line, fmt::format("No {} named '{}'.", is_filter ? "filter" : "test", applied.name));
      }
    }
    const bool before = scope.is_soft;
    if (expr.kind == ExprKind::conditional) scope.is_soft = true;
    for_each_part(expr, [&](Expr& part) { resolve(part, scope); });
    scope.is_soft = before;
  }

  Program program_;
  std::vector<Block*> blocks_;
};

}  // namespace

Program resolve(Body body) { return Resolver().run(std::move(body)); }

}  // namespace mlxserving::text::jinja
