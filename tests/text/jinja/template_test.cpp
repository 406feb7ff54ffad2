// The parts of Python's and Jinja's behaviour that engines get wrong most. The whole is compared with Python itself in
// tests/parity/jinja_goldens.py and jinja_fuzz.py; here each rule has its name.
#include "text/jinja/template.h"

#include <gtest/gtest.h>

#include <string>

namespace mlxserving::text::jinja {
namespace {

std::string rendered(std::string_view source, const Json& context = Json::object()) {
  const auto parsed = Template::parse(source);
  if (!parsed) return "fault: " + parsed.error().message;
  RenderOptions options;
  std::tm& now = options.now;  // Friday, 2024-07-26T09:05:03
  now.tm_year = 124, now.tm_mon = 6, now.tm_mday = 26, now.tm_hour = 9, now.tm_min = 5, now.tm_sec = 3;
  now.tm_wday = 5, now.tm_yday = 207;
  const auto out = parsed->render(context, options);
  return out ? out->text : "fault: " + out.error().message;
}

TEST(Jinja, values_print_as_python_prints_them) {
  EXPECT_EQ(rendered("{{ {'a': 1, 'b': [true, none, \"x'y\"]} }}"), "{'a': 1, 'b': [True, None, \"x'y\"]}");
  EXPECT_EQ(rendered("{{ 1e16 }} {{ 10/2 }} {{ 1e-7 }} {{ none ~ 1 }} {{ (1,) }}"), "1e+16 5.0 1e-07 None1 (1,)");
  EXPECT_EQ(rendered("{{ 2 ** 100 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }}"),
            "1267650600228229401496703205376 -4 2 3.5");
}

TEST(Jinja, large_integers_of_the_context_keep_every_digit) {
  EXPECT_EQ(rendered("{{ n }} {{ n + 1 }}", {{"n", UINT64_MAX}}), "18446744073709551615 18446744073709551616");
}

TEST(Jinja, undefined_prints_empty_but_has_no_attributes) {
  EXPECT_EQ(rendered("[{{ x }}{{ x is defined }}{{ d.q }}]", {{"d", Json::object()}}), "[False]");
  EXPECT_EQ(rendered("{{ x.y is defined }}"), "fault: 'x' is undefined (template line 1)");
  EXPECT_EQ(rendered("\n\n{{ d.a.b }}", {{"d", Json::object()}}),
            "fault: 'dict object' has no attribute 'a' (template line 3)");
}

TEST(Jinja, a_dot_finds_methods_first_and_brackets_find_keys_first) {
  const Json context = {{"d", {{"items", 7}}}};
  EXPECT_EQ(rendered("{{ d['items'] }} {{ d.items()|list }}", context), "7 [('items', 7)]");
}

TEST(Jinja, set_in_a_loop_stays_there_and_a_namespace_does_not) {
  EXPECT_EQ(rendered("{% set n = 0 %}{% set ns = namespace(n=0) %}{% for i in [1, 2] %}{% set n = n + i %}"
                     "{% set ns.n = ns.n + i %}{{ n }}{% endfor %}{{ n }}{{ ns.n }}"),
            "1203");
}

TEST(Jinja, blocks_eat_their_newline_and_their_indent) {
  EXPECT_EQ(rendered("a\n  {% if true %}\n  b\n  {% endif %}\nc\n"), "a\n  b\nc");
  EXPECT_EQ(rendered("a\n  {%+ if true %}\nb{% endif +%}\n c"), "a\n  b\n c");
  EXPECT_EQ(rendered("a \n {{- 1 -}} \n b"), "a1b");
}

TEST(Jinja, the_sandbox_refuses_what_would_change_or_escape) {
  EXPECT_EQ(rendered("{{ [].append(1) }}"),
            "fault: access to attribute 'append' of 'list' object is unsafe. (template line 1)");
  EXPECT_EQ(rendered("[{{ ''.__class__ }}]"), "[]");
  EXPECT_NE(rendered("{{ ''.__class__.__mro__ }}").find("fault"), std::string::npos);
  EXPECT_NE(rendered("{% set ns = namespace() %}{% set ns.__init__ = 1 %}").find("underscore"), std::string::npos);
}

TEST(Jinja, lists_handed_out_by_filters_are_lazy_and_read_once) {
  EXPECT_EQ(rendered("{% set m = ['a', 'b']|map('upper') %}{{ m|list }}{{ m|list }}"), "['A', 'B'][]");
  EXPECT_EQ(rendered("{{ ['a', 1]|map('nope')|first if false else 'ok' }}"), "ok");
}

TEST(Jinja, a_macro_sees_its_definition_and_its_caller_body) {
  EXPECT_EQ(rendered("{% macro f(a, b=2) %}{{ a }}{{ b }}{{ caller('x') if caller }}{{ kwargs }}{% endmacro %}"
                     "{{ f(1, c=3) }}{% call(t) f(1) %}<{{ t }}>{% endcall %}"),
            "12{'c': 3}12<x>{}");
}

TEST(Jinja, loops_know_their_place_and_can_be_left) {
  EXPECT_EQ(
      rendered("{% for x in 'abcd' %}{% if x == 'b' %}{% continue %}{% endif %}{% if loop.last %}{% break %}{% endif %}"
               "{{ loop.index }}{{ x }}{{ loop.nextitem }}{{ loop.previtem }} {% endfor %}"),
      "1ab 3cdb ");
  EXPECT_EQ(rendered("{% for x in [[1, [2]], 3] recursive %}{{ loop(x) if x is iterable else x }}{% endfor %}"), "123");
}

TEST(Jinja, json_is_pythons) {
  EXPECT_EQ(rendered("{{ {'é': [1.0, {}, ' <']}|tojson }}"), "{\"é\": [1.0, {}, \" <\"]}");
  EXPECT_EQ(rendered("{{ {'b': [1], 'a': 2}|tojson(indent=1, sort_keys=true, ensure_ascii=true) }}"),
            "{\n \"a\": 2,\n \"b\": [\n  1\n ]\n}");
}

TEST(Jinja, the_clock_is_the_callers) {
  EXPECT_EQ(rendered("{{ strftime_now('%d %b %Y, %-I:%M %p, %A') }}"), "26 Jul 2024, 9:05 AM, Friday");
}

TEST(Jinja, a_syntax_error_names_its_line) {
  EXPECT_EQ(rendered("a\n{{ 1 + }}"), "fault: unexpected 'end of print statement' (template line 2)");
  EXPECT_EQ(rendered("{% for x in y %}"),
            "fault: Unexpected end of template. Jinja was looking for the following tags: 'endfor' or 'else'. "
            "(template line 1)");
  EXPECT_EQ(rendered("{{ x|nope }}"), "fault: No filter named 'nope'. (template line 1)");
  EXPECT_NE(rendered("{{ x").find("fault"), std::string::npos);
  EXPECT_NE(rendered(std::string("\xff")).find("valid UTF-8"), std::string::npos);
}

TEST(Jinja, another_template_cannot_be_loaded) {
  EXPECT_NE(rendered("{% include 'x' %}").find("no loader"), std::string::npos);
  EXPECT_EQ(rendered("{% if false %}{% include 'x' %}{% endif %}ok"), "ok");
}

}  // namespace
}  // namespace mlxserving::text::jinja
