// Statements. Expressions are in expressions.cpp.
#include "text/jinja/interpreter.h"

#include <algorithm>
#include <utility>

#include "text/jinja/access.h"
#include "text/jinja/builtins.h"
#include "text/jinja/fault.h"
#include "text/jinja/loop.h"
#include "text/jinja/markup.h"

namespace mlxserving::text::jinja {
namespace {

// The result of a filter or call block is printed as it is: only a string can be.
void append_string(TextBuilder& out, const Value& value) {
  if (!value.is_string()) raise(FaultKind::type_error, "expected str instance, {} found", type_name(value));
  out.append(value.text());
}

// Sets a flag of the rendering for a scope.
class AutoescapeScope {
 public:
  AutoescapeScope(Rendering& rendering, bool enabled)
      : rendering_(rendering), before_(std::exchange(rendering.autoescape, enabled)) {}
  ~AutoescapeScope() { rendering_.autoescape = before_; }
  AutoescapeScope(const AutoescapeScope&) = delete;
  AutoescapeScope& operator=(const AutoescapeScope&) = delete;
  bool before() const { return before_; }

 private:
  Rendering& rendering_;
  bool before_;
};

}  // namespace

Interpreter::Interpreter(Rendering& rendering, const Program& program, const Dict& context)
    : rendering_(rendering), program_(program) {
  const auto globals = make_globals();
  for (const std::string& name : program.context_names) {
    const Value* given = context.find(name);
    const auto global =
        std::find_if(globals.begin(), globals.end(), [&](const auto& row) { return row.first == name; });
    context_.push_back(given != nullptr ? *given : global != globals.end() ? global->second : Value());
  }
}

// Kept activations and the macros in them refer to each other.
Interpreter::~Interpreter() {
  for (const auto& activation : kept_) activation->slots.clear();
}

Activation* Interpreter::keep(std::unique_ptr<Activation> activation) {
  if (!activation->is_kept) return nullptr;
  kept_.push_back(std::move(activation));
  return kept_.back().get();
}

void Interpreter::mark_kept(Activation* activation) {
  for (; activation != nullptr && !activation->is_kept; activation = activation->parent) activation->is_kept = true;
}

TextPtr Interpreter::run() {
  TextBuilder out(rendering_.limits().output_bytes_max, "the output of a template");
  auto root = std::make_unique<Activation>(nullptr, program_.slots);
  Activation& at = *root;
  at.is_kept = true;
  keep(std::move(root));
  if (program_.self_slot != SIZE_MAX) at.slots[program_.self_slot] = self_value();
  enter(program_.loads, at);
  run_body(program_.body, at, out);
  return out.take();
}

Value& Interpreter::variable(const Ref& ref, Activation& at) {
  if (ref.place == Ref::Place::context) return context_[ref.index];
  Activation* activation = &at;
  for (int hop = 0; hop < ref.hops; ++hop) activation = activation->parent;
  return activation->slots[ref.index];
}

void Interpreter::enter(const std::vector<Load>& loads, Activation& at) {
  for (const Load& load : loads) at.slots[load.slot] = load.is_empty ? Value() : Value(variable(load.from, at));
}

void Interpreter::check_namespaces(const Expr& target, Activation& at) {
  if (target.kind == ExprKind::tuple) {
    for (const ExprPtr& item : static_cast<const Items&>(target).items) check_namespaces(*item, at);
  }
  if (target.kind != ExprKind::namespace_ref) return;
  if (!variable(static_cast<const NamespaceRef&>(target).ref, at).is(Kind::space)) {
    raise(FaultKind::runtime_error, "cannot assign attribute on non-namespace object");
  }
}

void Interpreter::assign(const Expr& target, const Value& value, Activation& at) {
  if (target.kind == ExprKind::name) {
    variable(static_cast<const Name&>(target).ref, at) = value;
    return;
  }
  if (target.kind == ExprKind::namespace_ref) {
    const auto& space = static_cast<const NamespaceRef&>(target);
    check_namespaces(target, at);
    check_namespace_name(space.attribute);
    // By value: setting may drop the last other reference to the namespace.
    const Value holder = variable(space.ref, at);
    return holder.as<Namespace>().set(space.attribute, value);
  }
  const auto& targets = static_cast<const Items&>(target).items;
  if (!is_iterable(value)) raise(FaultKind::type_error, "cannot unpack non-iterable {} object", type_name(value));
  std::vector<Value> items;
  const auto source = iterate(rendering_, value);
  for (Value item; source->next(rendering_, item);) {
    if (items.size() == targets.size()) {
      raise(FaultKind::value_error, "too many values to unpack (expected {})", targets.size());
    }
    items.push_back(item);
  }
  if (items.size() < targets.size()) {
    raise(FaultKind::value_error, "not enough values to unpack (expected {}, got {})", targets.size(), items.size());
  }
  for (size_t i = 0; i < targets.size(); ++i) assign(*targets[i], items[i], at);
}

void Interpreter::export_all(const std::vector<std::pair<size_t, Ref>>& exported, Activation& at) {
  for (const auto& [index, ref] : exported) context_[index] = variable(ref, at);
}

Interpreter::Flow Interpreter::run_body(const Body& body, Activation& at, TextBuilder& out) {
  for (const StmtPtr& stmt : body) {
    try {
      const Flow flow = run_stmt(*stmt, at, out);
      if (flow != Flow::next) return flow;
    } catch (Fault& fault) {
      if (fault.line == 0) fault.line = stmt->line;
      throw;
    }
  }
  return Flow::next;
}

Interpreter::Flow Interpreter::run_stmt(const Stmt& stmt, Activation& at, TextBuilder& out) {
  rendering_.step();
  const Rendering::Depth depth(rendering_);
  switch (stmt.kind) {
    case StmtKind::output: run_output(static_cast<const Output&>(stmt), at, out); break;
    case StmtKind::if_chain: return run_if(static_cast<const If&>(stmt), at, out);
    case StmtKind::for_loop: return run_for(static_cast<const For&>(stmt), at, out);
    case StmtKind::assign: {
      const auto& node = static_cast<const Assign&>(stmt);
      check_namespaces(*node.target, at);
      assign(*node.target, eval(*node.value, at), at);
      export_all(node.exported, at);
      break;
    }
    case StmtKind::assign_block: return run_assign_block(static_cast<const AssignBlock&>(stmt), at);
    case StmtKind::macro: {
      const auto& node = static_cast<const Macro&>(stmt);
      const Value macro = make_macro(node.signature, node.name, at);
      variable(node.ref, at) = macro;
      if (node.exported != SIZE_MAX) context_[node.exported] = macro;
      break;
    }
    case StmtKind::call_block: run_call_block(static_cast<const CallBlock&>(stmt), at, out); break;
    case StmtKind::filter_block: return run_filter_block(static_cast<const FilterBlock&>(stmt), at, out);
    case StmtKind::with: return run_with(static_cast<const With&>(stmt), at, out);
    case StmtKind::autoescape: {
      const auto& node = static_cast<const Autoescape&>(stmt);
      enter(node.loads, at);
      const AutoescapeScope scope(rendering_, is_true(eval(*node.enabled, at)));
      return run_body(node.body, at, out);
    }
    case StmtKind::block: {
      const auto& node = static_cast<const Block&>(stmt);
      if (node.is_required) raise(FaultKind::runtime_error, "Required block '{}' not found", node.name);
      out.append(*run_block(node, &at));
      break;
    }
    case StmtKind::loader: {
      const auto& node = static_cast<const NeedsLoader&>(stmt);
      raise(FaultKind::type_error, "no loader for this environment specified: a chat template cannot {} another",
            node.tag);
    }
    case StmtKind::break_loop: return Flow::break_loop;
    case StmtKind::continue_loop: return Flow::continue_loop;
  }
  return Flow::next;
}

void Interpreter::run_output(const Output& stmt, Activation& at, TextBuilder& out) {
  for (const auto& [data, expr] : stmt.parts) {
    if (data != nullptr) {
      out.append(*data);
      continue;
    }
    try {
      const Value value = eval(*expr, at);
      out.append(rendering_.autoescape ? *escape(rendering_, value) : *to_text(rendering_, value));
    } catch (Fault& fault) {
      if (fault.line == 0) fault.line = expr->line;
      throw;
    }
  }
}

Interpreter::Flow Interpreter::run_if(const If& stmt, Activation& at, TextBuilder& out) {
  for (const auto& [test, body] : stmt.branches) {
    if (is_true(eval(*test, at))) return run_body(body, at, out);
  }
  return run_body(stmt.otherwise, at, out);
}

Interpreter::Flow Interpreter::run_for(const For& stmt, Activation& at, TextBuilder& out) {
  const Value iterable = eval(*stmt.iterable, at);
  if (!stmt.is_recursive) return run_loop(stmt, iterable, 0, at, out);
  const Value text = recurse(stmt, iterable, 0, at);
  out.append(text.text());
  return Flow::next;
}

// The loop as a function: what loop(...) calls.
Value Interpreter::recurse(const For& stmt, const Value& iterable, int64_t depth, Activation& home) {
  const Rendering::Depth guard(rendering_);
  auto activation = std::make_unique<Activation>(&home, stmt.slots);
  TextBuilder inner = rendering_.text_builder();
  try {
    run_loop(stmt, iterable, depth, *activation, inner);
  } catch (...) {
    keep(std::move(activation));
    throw;
  }
  keep(std::move(activation));
  rendering_.charge_bytes(inner.size());
  return Value::string(inner.take(rendering_.autoescape));
}

namespace {

// The items that pass the `if` of a for: lazily, because the test may look at what the body changes.
template <typename Passes>
class FilteredItems final : public Iterator {
 public:
  FilteredItems(std::shared_ptr<Iterator> source, Passes passes)
      : source_(std::move(source)), passes_(std::move(passes)) {}
  bool next(Rendering& rendering, Value& item) override {
    while (source_->next(rendering, item)) {
      if (passes_(item)) return true;
    }
    return false;
  }

 private:
  std::shared_ptr<Iterator> source_;
  Passes passes_;
};

}  // namespace

Value Interpreter::filtered_items(const For& stmt, const Value& iterable, Activation& at) {
  auto passes = [this, &stmt, &at](const Value& item) {
    assign(*stmt.test_target, item, at);
    return is_true(eval(*stmt.test, at));
  };
  enter(stmt.test_loads, at);
  auto items = std::make_shared<FilteredItems<decltype(passes)>>(iterate(rendering_, iterable), passes);
  return rendering_.make_iterator(std::move(items), iterable.value_depth());
}

Interpreter::Flow Interpreter::run_loop(const For& stmt, const Value& iterable, int64_t depth, Activation& at,
                                        TextBuilder& out) {
  const Value items = stmt.test ? filtered_items(stmt, iterable, at) : iterable;
  auto loop = std::make_shared<Loop>();
  loop->iterable = items;
  loop->source = iterate(rendering_, items);
  loop->depth0 = depth;
  Value loop_value;
  if (stmt.has_loop) {
    mark_kept(&at);  // the loop may outlive the call, and with it the test of its items
    if (stmt.is_recursive) {
      mark_kept(at.parent);
      loop->recurse = [this, &stmt, home = at.parent](const Value& inner, int64_t inner_depth) {
        return recurse(stmt, inner, inner_depth, *home);
      };
    }
    loop_value = rendering_.make_mutable(Kind::loop, loop);
  }
  // As Jinja compiles it, only an iteration that reaches its end keeps the else branch away.
  bool runs_otherwise = true;
  for (Value item; loop->advance(rendering_, item);) {
    rendering_.step();
    if (stmt.has_loop) at.slots[stmt.loop_slot] = loop_value;
    assign(*stmt.target, item, at);
    enter(stmt.body_loads, at);
    const Flow flow = run_body(stmt.body, at, out);
    if (flow == Flow::break_loop) break;
    if (flow == Flow::next) runs_otherwise = false;
  }
  for (const size_t slot : stmt.body_slots) at.slots[slot] = Value();
  if (!runs_otherwise) return Flow::next;
  enter(stmt.otherwise_loads, at);
  return run_body(stmt.otherwise, at, out);
}

Interpreter::Flow Interpreter::run_with(const With& stmt, Activation& at, TextBuilder& out) {
  enter(stmt.loads, at);
  for (const auto& [target, value] : stmt.targets) assign(*target, eval(*value, at), at);
  return run_body(stmt.body, at, out);
}

Interpreter::Flow Interpreter::run_filter_block(const FilterBlock& stmt, Activation& at, TextBuilder& out) {
  enter(stmt.loads, at);
  TextBuilder inner = rendering_.text_builder();
  const Flow flow = run_body(stmt.body, at, inner);
  if (flow != Flow::next) return flow;
  rendering_.charge_bytes(inner.size());
  const Value body = Value::string(inner.take(rendering_.autoescape));
  const Value result = eval_applied(static_cast<const Applied&>(*stmt.filter), at, &body);
  append_string(out, result);
  return Flow::next;
}

Interpreter::Flow Interpreter::run_assign_block(const AssignBlock& stmt, Activation& at) {
  enter(stmt.loads, at);
  TextBuilder inner = rendering_.text_builder();
  const Flow flow = run_body(stmt.body, at, inner);
  if (flow != Flow::next) return flow;
  rendering_.charge_bytes(inner.size());
  Value value = Value::string(inner.take(rendering_.autoescape));
  if (stmt.filter) value = eval_applied(static_cast<const Applied&>(*stmt.filter), at, &value);
  assign(*stmt.target, value, at);
  export_all(stmt.exported, at);
  return Flow::next;
}

Value Interpreter::make_macro(const Signature& signature, std::string name, Activation& at) {
  mark_kept(&at);
  auto macro = std::make_shared<MacroValue>();
  macro->interpreter = this;
  macro->signature = &signature;
  macro->home = &at;
  macro->name = std::move(name);
  macro->autoescape = rendering_.autoescape;
  return Value::object(Kind::macro, std::move(macro));
}

void Interpreter::run_call_block(const CallBlock& stmt, Activation& at, TextBuilder& out) {
  const Value caller = make_macro(stmt.signature, stmt.call ? "" : "caller", at);
  const Value result = stmt.call ? eval_call(static_cast<const Call&>(*stmt.call), at, &caller)
                                 : call_macro(caller.as<MacroValue>(), {});
  append_string(out, result);
}

namespace {

// Takes a named argument out of those still unused; missing when there is none.
Value take_named(std::vector<std::pair<std::string, Value>>& named, std::string_view name) {
  const auto at = std::find_if(named.begin(), named.end(), [&](const auto& row) { return row.first == name; });
  if (at == named.end()) return {};
  Value value = std::move(at->second);
  named.erase(at);
  return value;
}

}  // namespace

// Puts the arguments into the slots of the parameters, by the rules of jinja2.runtime.Macro.
void Interpreter::bind_macro(const MacroValue& macro, const Arguments& arguments, Activation& at) {
  const Signature& signature = *macro.signature;
  const size_t count = signature.names.size();
  std::vector<std::pair<std::string, Value>> named = arguments.named;
  bool has_caller = arguments.positional.size() >= count && signature.explicit_caller;
  for (size_t i = 0; i < count; ++i) {
    const bool is_positional = i < arguments.positional.size();
    at.slots[signature.slots_of_names[i]] =
        is_positional ? arguments.positional[i] : take_named(named, signature.names[i]);
    has_caller = has_caller || (!is_positional && signature.names[i] == "caller");
  }
  if (signature.accesses_caller && !has_caller && signature.caller_slot != SIZE_MAX) {
    const Value caller = take_named(named, "caller");
    at.slots[signature.caller_slot] =
        caller.is_missing() || caller.is_none() ? make_undefined("No caller defined") : caller;
  }
  if (signature.kwargs_slot != SIZE_MAX) {
    // Names lose their trust: they may have come from a message through **.
    auto rest = std::make_shared<Dict>();
    for (const auto& [name, value] : named) rest->insert(Value::string(name, Trust::no), value);
    at.slots[signature.kwargs_slot] = rendering_.make_dict(std::move(rest));
  } else if (!named.empty()) {
    raise(FaultKind::type_error, "macro '{}' takes no keyword argument '{}'", macro.name, named[0].first);
  }
  const auto& positional = arguments.positional;
  if (signature.varargs_slot != SIZE_MAX) {
    const auto begin = positional.begin() + static_cast<ptrdiff_t>(std::min(count, positional.size()));
    at.slots[signature.varargs_slot] = rendering_.make_tuple({begin, positional.end()});
  } else if (positional.size() > count) {
    raise(FaultKind::type_error, "macro '{}' takes not more than {} argument(s)", macro.name, count);
  }
}

Value Interpreter::call_macro(const MacroValue& macro, const Arguments& arguments) {
  rendering_.step();
  const Rendering::Depth depth(rendering_);
  const Signature& signature = *macro.signature;
  auto activation = std::make_unique<Activation>(macro.home, signature.slots);
  Activation& at = *activation;
  const AutoescapeScope scope(rendering_, macro.autoescape);
  TextBuilder out = rendering_.text_builder();
  try {
    bind_macro(macro, arguments, at);
    enter(signature.loads, at);
    const size_t required = signature.names.size() - signature.defaults.size();
    for (size_t i = 0; i < signature.names.size(); ++i) {
      Value& parameter = at.slots[signature.slots_of_names[i]];
      if (!parameter.is_missing()) continue;
      const Value fallback = i < required
                                 ? make_undefined(fmt::format("parameter '{}' was not provided", signature.names[i]))
                                 : eval(*signature.defaults[i - required], at);
      at.slots[signature.slots_of_names[i]] = fallback;
    }
    run_body(signature.body, at, out);
  } catch (...) {
    keep(std::move(activation));
    throw;
  }
  keep(std::move(activation));
  rendering_.charge_bytes(out.size());
  return Value::string(out.take(scope.before()));
}

TextPtr Interpreter::run_block(const Block& block, Activation* at) {
  const Rendering::Depth depth(rendering_);
  const std::vector<Value> context = context_;
  if (at != nullptr) {
    for (const auto& [index, ref] : block.passed) {
      const Value& value = variable(ref, *at);
      if (!value.is_missing()) context_[index] = value;
    }
  }
  auto activation = std::make_unique<Activation>(nullptr, block.slots);
  activation->is_kept = true;
  Activation& inner = *keep(std::move(activation));
  if (block.self_slot != SIZE_MAX) inner.slots[block.self_slot] = self_value();
  if (block.super_slot != SIZE_MAX) {
    inner.slots[block.super_slot] = make_undefined(fmt::format("there is no parent block called '{}'.", block.name));
  }
  TextBuilder out = rendering_.text_builder();
  enter(block.loads, inner);
  run_body(block.body, inner, out);
  if (!block.passed.empty()) context_ = context;
  rendering_.charge_bytes(out.size());
  return out.take(rendering_.autoescape);
}

Value Interpreter::self_value() {
  auto blocks = std::make_shared<BlocksValue>();
  blocks->interpreter = this;
  return Value::object(Kind::blocks, std::move(blocks));
}

Value Interpreter::block_reference(std::string_view name) {
  for (const Block* block : program_.blocks) {
    if (block->name != name) continue;
    auto function = std::make_shared<Function>();
    function->name = block->name;
    function->closure = [this, block](Rendering&, const Arguments&) {
      return Value::string(run_block(*block, nullptr));
    };
    return Value::object(Kind::function, std::move(function));
  }
  return {};
}

}  // namespace mlxserving::text::jinja
