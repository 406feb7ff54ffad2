// Which names a scope of a template reads, stores and takes as parameters: the analysis Jinja makes before it compiles
// a scope. A name that is stored anywhere in a scope is that scope's own everywhere in it, and starts as a copy of the
// outer variable of its name. This follows jinja2/idtracking.py in what it decides, since templates have come to rely
// on it.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "text/jinja/ast.h"

namespace mlxserving::text::jinja {

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
std::set<std::string> undeclared(const Body& body, std::set<std::string> names);

// What runs with its own slots: the template, a macro, a recursive loop, a block.
struct ScopeFunction {
  ScopeFunction* parent = nullptr;
  size_t slots = 0;
};

struct Place {
  ScopeFunction* function;
  size_t slot;
};

enum class LoadKind : uint8_t { parameter, empty, resolve, alias };

struct PlannedLoad {
  LoadKind kind;
  Place from{};
};

struct Symbols {
  Symbols* parent = nullptr;
  ScopeFunction* function = nullptr;
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

  void visit(const Body& body);
  void visit(const Expr& expr);
  void visit_target(const Expr& expr, bool as_parameter);
  void visit_signature(const Signature& signature);

 private:
  void visit(const Stmt& stmt);
  void visit_if(const If& stmt);
  void visit_elif(const std::pair<ExprPtr, Body>& elif);

  Symbols* symbols_;
};

}  // namespace mlxserving::text::jinja
