// Every named limit of a template, one below, at and above.
#include <gtest/gtest.h>

#include <string>
#include <thread>

#include "text/jinja/template.h"

namespace mlxserving::text::jinja {
namespace {

// "" when it renders, else the error.
std::string fault_of(const std::string& source, const Limits& limits, const Json& context = Json::object()) {
  const auto parsed = Template::parse(source, limits);
  if (!parsed) return parsed.error().message;
  const auto rendered = parsed->render(context, {});
  return rendered ? "" : rendered.error().message;
}

ErrorCode code_of(const std::string& source, const Limits& limits) {
  const auto parsed = Template::parse(source, limits);
  return parsed ? parsed->render(Json::object(), {}).error().code : parsed.error().code;
}

std::string repeated(const std::string& text, int count) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

TEST(JinjaLimits, template_bytes) {
  const Limits limits{.template_bytes_max = 10};
  EXPECT_EQ(fault_of(std::string(9, 'a'), limits), "");
  EXPECT_EQ(fault_of(std::string(10, 'a'), limits), "");
  EXPECT_EQ(fault_of(std::string(11, 'a'), limits), "a template must be at most 10 bytes, got 11");
  EXPECT_EQ(code_of(std::string(11, 'a'), limits), ErrorCode::resource_exhausted);
}

TEST(JinjaLimits, nesting_of_the_source) {
  // Each bracket is a unary and an expression inside the last one; the innermost 1 and the body count too.
  const Limits limits{.nesting_max = 4 + 2 * 10};
  const auto nested = [](int depth) { return "{{ " + repeated("(", depth) + "1" + repeated(")", depth) + " }}"; };
  EXPECT_EQ(fault_of(nested(9), limits), "");
  EXPECT_EQ(fault_of(nested(10), limits), "");
  EXPECT_EQ(fault_of(nested(11), limits), "a template must be nested at most 24 deep (template line 1)");
  EXPECT_NE(fault_of("{{ 'a'" + repeated("|upper", 200) + " }}", Limits{}), "");
  EXPECT_NE(fault_of("{{ a" + repeated(".b", 200) + " }}", Limits{}), "");
  EXPECT_NE(fault_of(repeated("{% if 1 %}", 200) + repeated("{% endif %}", 200), Limits{}), "");
  EXPECT_EQ(fault_of("{{ 1" + repeated(" + 1", 2000) + " }}", Limits{}), "");
}

TEST(JinjaLimits, steps) {
  const auto loop = [](int count) { return "{% for i in range(" + std::to_string(count) + ") %}{% endfor %}"; };
  const Limits limits{.steps_max = 1000};
  EXPECT_EQ(fault_of(loop(100), limits), "");
  EXPECT_EQ(fault_of(loop(5000), limits), "a template must render in at most 1000 steps (template line 1)");
  // The exact count is an implementation's own; what matters is that one more than enough is too much.
  size_t needed = 1;
  while (!fault_of(loop(3), {.steps_max = needed}).empty()) ++needed;
  EXPECT_NE(fault_of(loop(3), {.steps_max = needed - 1}), "");
  EXPECT_EQ(fault_of(loop(3), {.steps_max = needed + 1}), "");
}

TEST(JinjaLimits, depth_of_evaluation) {
  const std::string endless = "{% macro f(n) %}{{ f(n + 1) if n < limit else n }}{% endmacro %}{{ f(0) }}";
  EXPECT_EQ(fault_of(endless, Limits{}, {{"limit", 20}}), "");
  EXPECT_NE(fault_of(endless, Limits{}, {{"limit", 100000}}).find("a template must evaluate at most"),
            std::string::npos);
  int needed = 1;
  while (!fault_of("{{ -(-1) }}", {.depth_max = needed}).empty()) ++needed;
  EXPECT_NE(fault_of("{{ -(-1) }}", {.depth_max = needed - 1}), "");
  EXPECT_EQ(fault_of("{{ -(-1) }}", {.depth_max = needed + 1}), "");
}

TEST(JinjaLimits, depth_fits_a_small_stack) {
  // A worker thread may have 512 KiB of stack.
  const std::string loops = "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}";
  EXPECT_NE(fault_of(loops, Limits{}).find("a template must evaluate at most"), std::string::npos);
}

TEST(JinjaLimits, depth_of_values) {
  const auto grow = [](int depth) {
    return "{% set ns = namespace(x=[]) %}{% for i in range(" + std::to_string(depth - 1) +
           ") %}{% set ns.x = [ns.x] %}{% endfor %}";
  };
  const Limits limits{.value_depth_max = 10};
  EXPECT_EQ(fault_of(grow(9), limits), "");
  EXPECT_EQ(fault_of(grow(11), limits), "");
  EXPECT_EQ(fault_of(grow(12), limits), "values must be nested at most 10 deep (template line 1)");
}

TEST(JinjaLimits, weight_of_values) {
  // Doubles with each turn: 2^40 values in 40 containers.
  const std::string bomb =
      "{% set ns = namespace(x=[1]) %}{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x == ns.x "
      "}}";
  EXPECT_NE(fault_of(bomb, Limits{}).find("a value must hold at most"), std::string::npos);
  EXPECT_EQ(fault_of("{{ [1, 2] }}", {.value_weight_max = 4}), "");
  EXPECT_EQ(fault_of("{{ [1, 2] }}", {.value_weight_max = 3}), "");
  EXPECT_NE(fault_of("{{ [1, 2] }}", {.value_weight_max = 2}), "");
}

TEST(JinjaLimits, output_bytes) {
  const Limits limits{.output_bytes_max = 4};
  EXPECT_EQ(fault_of("{{ 'abc' }}", limits), "");
  EXPECT_EQ(fault_of("{{ 'abcd' }}", limits), "");
  EXPECT_EQ(fault_of("{{ 'abcde' }}", limits), "the output of a template must be at most 4 bytes (template line 1)");
}

TEST(JinjaLimits, string_bytes_stop_every_way_to_grow) {
  const Limits limits{.string_bytes_max = 8};
  EXPECT_EQ(fault_of("{{ 'a' * 7 }}", limits), "");
  EXPECT_EQ(fault_of("{{ 'a' * 8 }}", limits), "");
  EXPECT_EQ(fault_of("{{ 'a' * 9 }}", limits), "a string must be at most 8 bytes (template line 1)");
  for (const char* bomb :
       {"{{ 'a' * 10 ** 9 }}", "{{ 10 ** 9 * 'ab' }}", "{{ '%1000000000d' % 1 }}", "{{ '%*d' % (999999999, 1) }}",
        "{{ '{:999999999}'.format(1) }}", "{{ '%.999999999f' % 1 }}", "{{ 'x'.center(999999999) }}",
        "{{ 'x'.zfill(999999999) }}", "{{ 'x'|indent(999999999, true) }}", "{{ 'aaaaaaaa'|replace('a', 'aaaaaaaa') }}",
        "{{ 'abcdefgh'|replace('', 'aaaaaaaa') }}", "{{ ('a' * 8)|join('bbbbbbbb') }}",
        "{{ '\\t'.expandtabs(999999999) }}", "{{ [1, 2]|tojson(indent=999999999) }}", "{{ 'ab' ~ 'cdefghij' }}",
        "{{ 'aaaa'.ljust(9, 'x') }}"}) {
    EXPECT_NE(fault_of(bomb, limits).find("must be at most"), std::string::npos) << bomb << fault_of(bomb, limits);
  }
}

TEST(JinjaLimits, items) {
  const Limits limits{.items_max = 3};
  EXPECT_EQ(fault_of("{{ [0] * 2 }}", limits), "");
  EXPECT_EQ(fault_of("{{ [0] * 3 }}", limits), "");
  EXPECT_EQ(fault_of("{{ [0] * 4 }}", limits),
            "a list, tuple or dict must have at most 3 items, got 4 (template line 1)");
  EXPECT_NE(fault_of("{{ [0] * 10 ** 12 }}", Limits{}), "");
  EXPECT_NE(fault_of("{{ range(4)|list }}", limits), "");
  EXPECT_NE(fault_of("{{ 'a b c d'.split() }}", limits), "");
}

TEST(JinjaLimits, range_items) {
  const Limits limits{.range_items_max = 3};
  EXPECT_EQ(fault_of("{{ range(2) }}", limits), "");
  EXPECT_EQ(fault_of("{{ range(3) }}", limits), "");
  EXPECT_NE(fault_of("{{ range(4) }}", limits).find("Range too big"), std::string::npos);
  EXPECT_NE(fault_of("{{ range(0, -10 ** 30, -1) }}", Limits{}), "");
}

TEST(JinjaLimits, integer_bits) {
  const Limits limits{.integer_bits_max = 100};
  EXPECT_EQ(fault_of("{{ 2 ** 98 }}", limits), "");
  EXPECT_EQ(fault_of("{{ 2 ** 99 }}", limits), "");
  EXPECT_EQ(fault_of("{{ 2 ** 100 }}", limits), "an integer must have at most 100 bits (template line 1)");
  EXPECT_NE(fault_of("{{ 9 ** (9 ** 9) }}", Limits{}), "");
  EXPECT_NE(fault_of("{% set ns = namespace(n=3) %}{% for i in range(99) %}{% set ns.n = ns.n * ns.n %}{% endfor %}",
                     Limits{}),
            "");
}

TEST(JinjaLimits, self_containing_things_print_and_end) {
  EXPECT_EQ(
      fault_of("{% set ns = namespace() %}{% set ns.a = [ns] %}{{ ns }}{% for x in [ns] %}{{ loop.changed(loop) }}"
               "{% set ns.loop = loop %}{% endfor %}{% macro m() %}{% endmacro %}{% set ns.m = m %}",
               Limits{}),
      "");
}

}  // namespace
}  // namespace mlxserving::text::jinja
