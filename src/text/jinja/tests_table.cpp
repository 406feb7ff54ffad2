// What stands after `is`.
#include "text/jinja/access.h"
#include "text/jinja/builtins.h"
#include "text/jinja/characters.h"
#include "text/jinja/fault.h"
#include "text/jinja/parameters.h"
#include "text/jinja/semantics.h"

namespace mlxserving::text::jinja {
namespace {

template <bool (*holds)(const Value&)>
Value unary(Rendering&, const Value& self, const Arguments& arguments) {
  check_no_arguments("the test", arguments);
  return Value::boolean(holds(self));
}

template <Comparison op>
Value comparing(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("the test", arguments, {"other"}, 1, 1);
  return Value::boolean(compare(rendering, op, self, given[0]));
}

bool is_defined(const Value& value) { return !value.is_undefined(); }
bool is_undefined(const Value& value) { return value.is_undefined(); }
bool is_none(const Value& value) { return value.is_none(); }
bool is_boolean(const Value& value) { return value.is(Kind::boolean); }
bool is_false(const Value& value) { return value.is(Kind::boolean) && !value.truth(); }
bool is_true_itself(const Value& value) { return value.is(Kind::boolean) && value.truth(); }
bool is_integer(const Value& value) { return value.is(Kind::integer); }
bool is_float(const Value& value) { return value.is(Kind::real); }
bool is_string(const Value& value) { return value.is_string(); }
bool is_mapping(const Value& value) { return value.is(Kind::dict); }
bool is_number(const Value& value) { return value.is_number(); }
bool is_escaped(const Value& value) { return value.is_string() && value.text().markup; }

bool is_sequence(const Value& value) {
  const Kind kind = value.kind();
  return kind == Kind::string || kind == Kind::list || kind == Kind::tuple || kind == Kind::dict ||
         kind == Kind::range || kind == Kind::undefined;
}

bool is_callable(const Value& value) {
  const Kind kind = value.kind();
  return kind == Kind::function || kind == Kind::macro || kind == Kind::undefined || kind == Kind::joiner ||
         kind == Kind::loop;
}

Value test_divisibleby(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("divisibleby", arguments, {"num"}, 1);
  return Value::boolean(equals(calculate(rendering, Arithmetic::mod, self, given[0]), Value::integer(0)));
}

template <int64_t rest>
Value test_parity(Rendering& rendering, const Value& self, const Arguments& arguments) {
  check_no_arguments("the test", arguments);
  const Value found = calculate(rendering, Arithmetic::mod, self, Value::integer(2));
  return Value::boolean(equals(found, Value::integer(rest)));
}

template <bool wants_upper>
Value test_case(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Value text = Value::string(to_text(rendering, self));
  return find_in(text_methods(), wants_upper ? "isupper" : "islower")(rendering, text, arguments);
}

template <NativeCode (*find)(std::string_view)>
Value test_named(Rendering&, const Value& self, const Arguments& arguments) {
  check_no_arguments("the test", arguments);
  hash_of(self);  // as `in` a dict: a list has no hash
  return Value::boolean(self.is_string() && find(self.text().bytes) != nullptr);
}

Value test_sameas(Rendering&, const Value& self, const Arguments& arguments) {
  const Parameters given("sameas", arguments, {"other"}, 1);
  return Value::boolean(is_same(self, given[0]));
}

Value test_in(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("in", arguments, {"seq"}, 1);
  return Value::boolean(contains(rendering, given[0], self));
}

constexpr Builtin kTests[] = {
    {"defined", unary<is_defined>},
    {"undefined", unary<is_undefined>},
    {"none", unary<is_none>},
    {"string", unary<is_string>},
    {"mapping", unary<is_mapping>},
    {"iterable", unary<is_iterable>},
    {"sequence", unary<is_sequence>},
    {"number", unary<is_number>},
    {"boolean", unary<is_boolean>},
    {"true", unary<is_true_itself>},
    {"false", unary<is_false>},
    {"integer", unary<is_integer>},
    {"float", unary<is_float>},
    {"callable", unary<is_callable>},
    {"escaped", unary<is_escaped>},
    {"odd", test_parity<1>},
    {"even", test_parity<0>},
    {"divisibleby", test_divisibleby},
    {"lower", test_case<false>},
    {"upper", test_case<true>},
    {"filter", test_named<find_filter>},
    {"test", test_named<find_test>},
    {"sameas", test_sameas},
    {"in", test_in},
    {"==", comparing<Comparison::eq>},
    {"eq", comparing<Comparison::eq>},
    {"equalto", comparing<Comparison::eq>},
    {"!=", comparing<Comparison::ne>},
    {"ne", comparing<Comparison::ne>},
    {">", comparing<Comparison::gt>},
    {"gt", comparing<Comparison::gt>},
    {"greaterthan", comparing<Comparison::gt>},
    {">=", comparing<Comparison::ge>},
    {"ge", comparing<Comparison::ge>},
    {"<", comparing<Comparison::lt>},
    {"lt", comparing<Comparison::lt>},
    {"lessthan", comparing<Comparison::lt>},
    {"<=", comparing<Comparison::le>},
    {"le", comparing<Comparison::le>},
};

}  // namespace

std::span<const Builtin> tests() { return kTests; }

}  // namespace mlxserving::text::jinja
