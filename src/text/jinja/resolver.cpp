#include "text/jinja/resolver.h"

#include <algorithm>
#include <map>
#include <set>

#include "text/jinja/builtins.h"
#include "text/jinja/fault.h"
#include "text/jinja/scopes.h"

namespace mlxserving::text::jinja {
namespace {

[[noreturn]] void fail(int line, std::string message) {
  Fault fault(FaultKind::syntax_error, std::move(message));
  fault.line = line;
  throw fault;
}

// A scope while it is compiled.
struct Scope {
  Symbols symbols;
  std::map<std::string, size_t> slots;
  ScopeFunction* function;
  bool is_toplevel = false;
  bool is_soft = false;  // directly inside an if: unknown filters are faults only when reached
  int loops = 0;         // around, in the same function: what break and continue need

  Scope(Scope* parent, ScopeFunction* function) : function(function) {
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
    ScopeFunction function;
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

  static Ref ref_to(const Place& place, const ScopeFunction* from) {
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
    ScopeFunction function;
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
    ScopeFunction own{scope.function, 0};
    ScopeFunction* const function = node.is_recursive ? &own : scope.function;
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
    ScopeFunction function{scope.function, 0};
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
