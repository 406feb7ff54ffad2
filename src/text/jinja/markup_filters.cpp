// The filters of HTML, and pprint.
#include "text/jinja/builtins.h"
#include "text/jinja/characters.h"
#include "text/jinja/fault.h"
#include "text/jinja/markup.h"
#include "text/jinja/parameters.h"
#include "text/jinja/pretty_print.h"
#include "text/jinja/semantics.h"
#include "text/jinja/urlize.h"

namespace mlxserving::text::jinja {
namespace {

Value filter_escape(Rendering& rendering, const Value& self, const Arguments& arguments) {
  check_no_arguments("escape", arguments);
  return Value::string(escape(rendering, self));
}

Value filter_forceescape(Rendering& rendering, const Value& self, const Arguments& arguments) {
  check_no_arguments("forceescape", arguments);
  return Value::string(escape_text(rendering, *to_text(rendering, self)));
}

Value filter_safe(Rendering& rendering, const Value& self, const Arguments& arguments) {
  check_no_arguments("safe", arguments);
  auto safe = std::make_shared<Text>(*to_text(rendering, self));
  rendering.charge_bytes(safe->bytes.size());
  safe->markup = true;
  return Value::string(std::move(safe));
}

Value filter_striptags(Rendering& rendering, const Value& self, const Arguments& arguments) {
  check_no_arguments("striptags", arguments);
  return Value::string(strip_tags(rendering, *to_text(rendering, self)));
}

Value filter_xmlattr(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("xmlattr", arguments, {"autospace"}, 0);
  if (self.is_undefined()) raise_undefined(self);
  if (!self.is(Kind::dict)) raise(FaultKind::type_error, "'{}' object has no attribute 'items'", type_name(self));
  TextBuilder out = rendering.text_builder();
  bool is_first = true;
  for (const auto& [key, value] : self.as<Dict>().entries) {
    if (value.is_none() || value.is_undefined()) continue;
    if (!key.is_string())
      raise(FaultKind::type_error, "expected string or bytes-like object, got '{}'", type_name(key));
    if (key.text().bytes.find_first_of(" \t\n\r\f\v/>=") != std::string::npos) {
      raise(FaultKind::value_error, "Invalid character in attribute name: {}", repr(key));
    }
    if (!is_first || given.truth(0, true)) out.append(' ', Trust::yes);
    is_first = false;
    out.append(*escape(rendering, key));
    out.append("=\"", Trust::yes);
    out.append(*escape(rendering, value));
    out.append('"', Trust::yes);
  }
  return Value::string(out.take(rendering.autoescape));
}

Value filter_urlize(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("urlize", arguments, {"trim_url_limit", "nofollow", "target", "rel", "extra_schemes"}, 0);
  Links links;
  if (given.has(0) && !given[0].is_none()) links.shown_max = given.integer(0, 0);
  links.nofollow = given.truth(1, false);
  const auto text_of = [&](size_t index) {
    return given.has(index) && !given[index].is_none() ? to_text(rendering, given[index])->bytes : std::string();
  };
  links.target = text_of(2);
  links.rel = text_of(3);
  if (given.has(4) && !given[4].is_none()) {
    for (const Value& scheme : collect(rendering, given[4])) {
      if (!scheme.is_string() || !is_uri_scheme(scheme.text().bytes)) {
        raise(FaultKind::runtime_error, "{} is not a valid URI scheme prefix.", repr(scheme));
      }
      links.extra_schemes.push_back(scheme.text().bytes);
    }
  }
  return Value::string(urlize(rendering, *escape(rendering, self), links));
}

Value filter_pprint(Rendering& rendering, const Value& self, const Arguments& arguments) {
  check_no_arguments("pprint", arguments);
  return Value::string(pretty_print(rendering, self));
}

constexpr Builtin kFilters[] = {
    {"e", filter_escape},      {"escape", filter_escape},       {"forceescape", filter_forceescape},
    {"safe", filter_safe},     {"striptags", filter_striptags}, {"xmlattr", filter_xmlattr},
    {"urlize", filter_urlize}, {"pprint", filter_pprint},
};

}  // namespace

std::span<const Builtin> markup_filters() { return kFilters; }

}  // namespace mlxserving::text::jinja
