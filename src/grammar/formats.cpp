#include "grammar/formats.h"

#include <fmt/format.h>

#include <array>
#include <string>

namespace mlxserving::grammar {
namespace {

struct Format {
  std::string_view name;
  std::string pattern;
};

// RFC 3339, days of months and leap years included; a leap second only where UTC has one.
const std::string kLeapYear = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[048]|[2468][048]|[13579][26])00)";
const std::string kDate =
    "(?:[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1["
    "0-9]|2[0-8]))"
    "|" +
    kLeapYear + "-02-29)";
const std::string kOffset = "(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])";
const std::string kTime = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{1,9})?" + kOffset;

// RFC 3986.
const std::string kUnreserved = "[A-Za-z0-9._~-]";
const std::string kEscaped = "%[0-9A-Fa-f]{2}";
const std::string kPchar = "(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|" + kEscaped + ")";
const std::string kByte = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const std::string kIpv4 = kByte + "\\." + kByte + "\\." + kByte + "\\." + kByte;
const std::string kH16 = "[0-9A-Fa-f]{1,4}";
const std::string kLs32 = "(?:" + kH16 + ":" + kH16 + "|" + kIpv4 + ")";

std::string ipv6() {
  std::string pattern = "(?:(?:" + kH16 + ":){6}" + kLs32 + "|::(?:" + kH16 + ":){5}" + kLs32;
  const auto before = [](int n) {
    return n == 0 ? "(?:" + kH16 + ")?" : "(?:(?:" + kH16 + ":){0," + std::to_string(n) + "}" + kH16 + ")?";
  };
  for (int n = 4; n >= 1; --n) {
    pattern += fmt::format("|{}::(?:{}:){{{}}}{}", before(4 - n), kH16, n, kLs32);
  }
  pattern += "|" + before(4) + "::" + kLs32 + "|" + before(5) + "::" + kH16 + "|" + before(6) + "::)";
  return pattern;
}

const std::string kHost = "(?:\\[(?:" + ipv6() +
                          "|[Vv][0-9A-Fa-f]+\\.[A-Za-z0-9._~!$&'()*+,;=:-]+)\\]|(?:[A-Za-z0-9._~!$&'()*+,;=-]|" +
                          kEscaped + ")*)";
const std::string kAuthority = "(?:(?:[A-Za-z0-9._~!$&'()*+,;=:-]|" + kEscaped + ")*@)?" + kHost + "(?::[0-9]*)?";
const std::string kTail = "(?:\\?(?:" + kPchar + "|[/?])*)?(?:#(?:" + kPchar + "|[/?])*)?";
const std::string kUri = "[A-Za-z][A-Za-z0-9+.-]*:(?://" + kAuthority + "(?:/" + kPchar + "*)*|/(?:" + kPchar +
                         "+(?:/" + kPchar + "*)*)?|" + kPchar + "+(?:/" + kPchar + "*)*|)" + kTail;
const std::string kRelative = "(?://" + kAuthority + "(?:/" + kPchar + "*)*|/(?:" + kPchar + "+(?:/" + kPchar +
                              "*)*)?|(?:[A-Za-z0-9._~!$&'()*+,;=@-]|" + kEscaped + ")+(?:/" + kPchar + "*)*|)" + kTail;

const std::string kLabel = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
const std::string kHostname = "(?=.{1,253}$)" + kLabel + "(?:\\." + kLabel + ")*";
const std::string kAtom = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+";
const std::string kEmail = "(?=[^@]{1,64}@)" + kAtom + "(?:\\." + kAtom + ")*@" + kLabel + "(?:\\." + kLabel + ")*";
const std::string kPointer = "(?:/(?:[^~/]|~[01])*)*";

// Regular expressions of groups three deep: each is one, though not each one is here.
std::string regex_subset() {
  const std::string escape = "\\\\[dDsSwWbBfnrtv.*+?^$()\\[\\]{}|\\\\/-]";
  const std::string in_class = "(?:[^\\\\\\[\\]^-]|\\\\[dDsSwWfnrtv.*+?^$()\\[\\]{}|\\\\/-]|0-9|a-z|A-Z|a-f|A-F)";
  const std::string atom = "(?:[^\\\\()\\[\\]{}*+?|]|" + escape + "|\\[\\^?" + in_class + "+-?\\])";
  // Counts whose order their lengths tell; 0 to 9 as one digit are told apart by listing.
  std::string counts = "[0-9]{1,3}(?:,)?|[0-9],[1-9][0-9]{1,2}|[1-9][0-9],[1-9][0-9]{2}";
  for (char low = '0'; low < '9'; ++low) counts += fmt::format("|{0},[{0}-9]", low);
  const std::string repeat = "(?:(?:[*+?]|\\{(?:" + counts +
                             ")\\})\\?"
                             "?)?";
  std::string body = "(?:(?:" + atom + repeat + ")*)";
  for (int depth = 0; depth < 3; ++depth) {
    const std::string group = fmt::format("\\((?:\\?:)?{0}(?:\\|{0})*\\)", body);
    body = fmt::format("(?:(?:(?:{}|{}){})*)", atom, group, repeat);
  }
  return body + "(?:\\|" + body + ")*";
}

const std::array<Format, 19>& formats() {
  static const std::array<Format, 19> kFormats = {{
      {"date-time", kDate + "[Tt]" + kTime},
      {"date", kDate},
      {"time", kTime},
      {"duration",
       "P(?:[0-9]+W|(?=[0-9T])(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)?(?:T(?:[0-9]+H(?:[0-9]+M("
       "?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S))?)"},
      {"email", kEmail},
      {"idn-email", kEmail},
      {"hostname", kHostname},
      {"idn-hostname", kHostname},
      {"ipv4", kIpv4},
      {"ipv6", ipv6()},
      {"uuid", "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"},
      {"uri", kUri},
      {"iri", kUri},
      {"uri-reference", "(?:" + kUri + "|" + kRelative + ")"},
      {"iri-reference", "(?:" + kUri + "|" + kRelative + ")"},
      {"uri-template",
       "(?:[^\\u0000-\\u0020\"'%<>\\\\^`{|}]|" + kEscaped +
           "|\\{[+#./"
           ";?&=,!@|]?[A-Za-z0-9_.%]+(?::[1-9][0-9]{0,3}|\\*)?(?:,[A-Za-z0-9_.%]+(?::[1-9][0-9]{0,3}|\\*)?)*\\})*"},
      {"json-pointer", kPointer},
      {"relative-json-pointer", "(?:0|[1-9][0-9]*)(?:#|" + kPointer + ")"},
      {"regex", regex_subset()},
  }};
  return kFormats;
}

}  // namespace

std::optional<std::string_view> format_pattern(std::string_view format) {
  for (const Format& entry : formats()) {
    if (entry.name == format) return entry.pattern;
  }
  return std::nullopt;
}

}  // namespace mlxserving::grammar
