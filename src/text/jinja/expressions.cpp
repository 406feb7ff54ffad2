// Expressions.
#include "text/jinja/access.h"
#include "text/jinja/builtins.h"
#include "text/jinja/fault.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/markup.h"

namespace mlxserving::text::jinja {

Value Interpreter::eval(const Expr& expr, Activation& at) {
  rendering_.step();
  if (expr.kind == ExprKind::constant) return static_cast<const Constant&>(expr).value;
  if (expr.kind == ExprKind::name) {
    const auto& name = static_cast<const Name&>(expr);
    const Value& value = variable(name.ref, at);
    return value.is_missing() ? make_undefined_name(name.name) : value;
  }
  const Rendering::Depth depth(rendering_);
  switch (expr.kind) {
    case ExprKind::attribute: {
      const auto& node = static_cast<const Attribute&>(expr);
      return get_attribute(rendering_, eval(*node.object, at), node.name);
    }
    case ExprKind::item: return eval_item(static_cast<const Item&>(expr), at);
    case ExprKind::call: return eval_call(static_cast<const Call&>(expr), at, nullptr);
    case ExprKind::filter:
    case ExprKind::test: return eval_applied(static_cast<const Applied&>(expr), at, nullptr);
    case ExprKind::logic: return eval_logic(static_cast<const Logic&>(expr), at);
    case ExprKind::compare: return eval_compare(static_cast<const CompareChain&>(expr), at);
    case ExprKind::conditional: return eval_conditional(static_cast<const Conditional&>(expr), at);
    case ExprKind::concat: return eval_concat(static_cast<const Concat&>(expr), at);
    case ExprKind::negation: return Value::boolean(!is_true(eval(*static_cast<const Negation&>(expr).operand, at)));
    case ExprKind::unary: {
      const auto& node = static_cast<const Unary&>(expr);
      const Value operand = eval(*node.operand, at);
      return node.negates ? negate(operand) : positive(operand);
    }
    case ExprKind::arithmetic: {
      const auto& chain = static_cast<const ArithmeticChain&>(expr);
      Value value = eval(*chain.first, at);
      for (const auto& [op, operand] : chain.rest) value = calculate(rendering_, op, value, eval(*operand, at));
      return value;
    }
    case ExprKind::list: return rendering_.make_list(eval_all(static_cast<const Items&>(expr).items, at));
    case ExprKind::tuple: return rendering_.make_tuple(eval_all(static_cast<const Items&>(expr).items, at));
    case ExprKind::dict: {
      auto dict = std::make_shared<Dict>();
      for (const auto& [key, value] : static_cast<const DictLiteral&>(expr).items) {
        const Value name = eval(*key, at);
        const Value item = eval(*value, at);
        rendering_.charge_weight(name);
        dict->insert(name, item);
      }
      return rendering_.make_dict(std::move(dict));
    }
    default: break;
  }
  raise(FaultKind::runtime_error, "this expression has no value");
}

std::vector<Value> Interpreter::eval_all(const std::vector<ExprPtr>& exprs, Activation& at) {
  std::vector<Value> values;
  values.reserve(exprs.size());
  for (const ExprPtr& expr : exprs) values.push_back(eval(*expr, at));
  return values;
}

Value Interpreter::eval_logic(const Logic& expr, Activation& at) {
  Value value;
  for (const ExprPtr& operand : expr.operands) {
    value = eval(*operand, at);
    if (is_true(value) != expr.is_and) return value;
  }
  return value;
}

Value Interpreter::eval_compare(const CompareChain& expr, Activation& at) {
  Value left = eval(*expr.first, at);
  for (const auto& [op, operand] : expr.rest) {
    Value right = eval(*operand, at);
    if (!compare(rendering_, op, left, right)) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Value Interpreter::eval_conditional(const Conditional& expr, Activation& at) {
  if (is_true(eval(*expr.test, at))) return eval(*expr.then, at);
  if (expr.otherwise) return eval(*expr.otherwise, at);
  return make_undefined(fmt::format(
      "the inline if-expression on line {} evaluated to false and no else section was defined.", expr.line));
}

Value Interpreter::eval_item(const Item& expr, Activation& at) {
  const Value object = eval(*expr.object, at);
  if (expr.key->kind != ExprKind::slice) return get_item(rendering_, object, eval(*expr.key, at));
  const auto& bounds = static_cast<const Slice&>(*expr.key);
  const auto bound = [&](const ExprPtr& value) { return value ? eval(*value, at) : Value(); };
  const Value start = bound(bounds.start);
  const Value stop = bound(bounds.stop);
  return slice(rendering_, object, start, stop, bound(bounds.step));
}

Value Interpreter::eval_concat(const Concat& expr, Activation& at) {
  const std::vector<Value> values = eval_all(expr.parts, at);
  TextBuilder out = rendering_.text_builder();
  bool is_markup = false;
  for (const Value& value : values)
    is_markup = is_markup || (rendering_.autoescape && value.is_string() && value.text().markup);
  for (const Value& value : values) {
    const Value text = to_string(rendering_, value);
    out.append(is_markup ? *escape(rendering_, text) : text.text());
  }
  rendering_.charge_bytes(out.size());
  return Value::string(out.take(is_markup));
}

Arguments Interpreter::eval_arguments(const CallArguments& arguments, Activation& at) {
  Arguments values;
  values.positional = eval_all(arguments.positional, at);
  for (const auto& [name, value] : arguments.named) values.named.emplace_back(name, eval(*value, at));
  if (arguments.rest_positional) {
    for (Value& value : collect(rendering_, eval(*arguments.rest_positional, at)))
      values.positional.push_back(std::move(value));
  }
  if (!arguments.rest_named) return values;
  const Value rest = eval(*arguments.rest_named, at);
  if (rest.is_undefined()) raise_undefined(rest);
  if (!rest.is(Kind::dict))
    raise(FaultKind::type_error, "argument after ** must be a mapping, not {}", type_name(rest));
  for (const auto& [key, value] : rest.as<Dict>().entries) {
    if (!key.is_string()) raise(FaultKind::type_error, "keywords must be strings");
    const std::string& name = key.text().bytes;
    for (const auto& [other, ignored] : values.named) {
      if (other == name) raise(FaultKind::type_error, "got multiple values for keyword argument '{}'", name);
    }
    values.named.emplace_back(name, value);
  }
  return values;
}

Value Interpreter::eval_call(const Call& expr, Activation& at, const Value* caller) {
  const Value function = eval(*expr.function, at);
  Arguments arguments = eval_arguments(expr.arguments, at);
  if (caller != nullptr) arguments.named.emplace_back("caller", *caller);
  return call(rendering_, function, arguments);
}

Value Interpreter::eval_applied(const Applied& expr, Activation& at, const Value* subject) {
  // A chain on a filter block has the block's text at its innermost filter.
  const bool is_innermost = !expr.subject;
  Value value;
  if (is_innermost) {
    value = *subject;
  } else if (subject != nullptr && expr.subject->kind == ExprKind::filter) {
    value = eval_applied(static_cast<const Applied&>(*expr.subject), at, subject);
  } else {
    value = eval(*expr.subject, at);
  }
  const Arguments arguments = eval_arguments(expr.arguments, at);
  if (expr.code == nullptr) {
    raise(FaultKind::runtime_error, "No {} named '{}' found.", expr.kind == ExprKind::filter ? "filter" : "test",
          expr.name);
  }
  return expr.code(rendering_, value, arguments);
}

}  // namespace mlxserving::text::jinja
