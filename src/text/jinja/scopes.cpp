#include "text/jinja/scopes.h"

namespace mlxserving::text::jinja {
namespace {

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

}  // namespace

std::set<std::string> undeclared(const Body& body, std::set<std::string> names) {
  UndeclaredNames visitor(std::move(names));
  visitor.visit(body);
  return visitor.found;
}

void Analysis::visit(const Body& body) {
  for (const StmtPtr& stmt : body) visit(*stmt);
}

void Analysis::visit(const Expr& expr) {
  if (expr.kind == ExprKind::name) return symbols_->load(static_cast<const Name&>(expr).name);
  if (expr.kind == ExprKind::namespace_ref) return symbols_->load(static_cast<const NamespaceRef&>(expr).name);
  for_each_part(expr, [this](const Expr& part) { visit(part); });
}

void Analysis::visit_target(const Expr& expr, bool as_parameter) {
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

void Analysis::visit_signature(const Signature& signature) {
  for (const std::string& name : signature.names) symbols_->declare_parameter(name);
  for (const ExprPtr& value : signature.defaults) visit(*value);
  visit(signature.body);
}

void Analysis::visit(const Stmt& stmt) {
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

void Analysis::visit_if(const If& stmt) {
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

void Analysis::visit_elif(const std::pair<ExprPtr, Body>& elif) {
  visit(*elif.first);
  Symbols* const before = symbols_;
  Symbols body = *before;
  symbols_ = &body;
  visit(elif.second);
  symbols_ = before;
  const Symbols untouched = *before;
  symbols_->merge({body, untouched, untouched});
}

}  // namespace mlxserving::text::jinja
