// datetime.strftime() in the C locale, for a local time without a zone.
#include <ctime>

#include "text/jinja/builtins.h"
#include "text/jinja/fault.h"
#include "text/jinja/rendering.h"

namespace mlxserving::text::jinja {
namespace {

constexpr const char* kDays[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
constexpr const char* kMonths[] = {"January", "February", "March",     "April",   "May",      "June",
                                   "July",    "August",   "September", "October", "November", "December"};

// Days before `year`-01-01 and the week rules of ISO 8601, for %G and %V.
struct IsoWeek {
  int year;
  int week;
};

IsoWeek iso_week(const std::tm& time) {
  const int weekday = (time.tm_wday + 6) % 7;  // Monday is 0
  int year = time.tm_year + 1900;
  int week = (time.tm_yday - weekday + 10) / 7;
  const auto weeks_in = [](int y) {
    const auto dominical = [](int z) { return (z + z / 4 - z / 100 + z / 400) % 7; };
    return dominical(y) == 4 || dominical(y - 1) == 3 ? 53 : 52;
  };
  if (week < 1) return {year - 1, weeks_in(year - 1)};
  if (week > weeks_in(year)) return {year + 1, 1};
  return {year, week};
}

// Seconds since 1970 as if the time were UTC; a zone would need the machine's.
int64_t seconds_of(const std::tm& time) {
  const int64_t y = time.tm_year + 1900 - 1;
  const int64_t days = y * 365 + y / 4 - y / 100 + y / 400 - 719162 + time.tm_yday;
  return days * 86400 + time.tm_hour * 3600 + time.tm_min * 60 + time.tm_sec;
}

struct Flags {
  char pad = 0;  // - _ 0, or none
  bool upper = false;
  size_t width = 0;
};

std::string number(int64_t value, int width, char default_pad, const Flags& flags) {
  const char pad = flags.pad != 0 ? flags.pad : default_pad;
  const auto wanted = flags.width > 0 ? flags.width : static_cast<size_t>(width);
  std::string digits = std::to_string(value);
  if (pad == '-' || digits.size() >= wanted) return digits;
  return std::string(wanted - digits.size(), pad == '_' ? ' ' : '0') + digits;
}

std::string word(std::string text, const Flags& flags) {
  if (flags.upper) {
    for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  }
  if (text.size() < flags.width) text.insert(0, flags.width - text.size(), flags.pad == '0' ? '0' : ' ');
  return text;
}

int hour12(const std::tm& time) { return time.tm_hour % 12 == 0 ? 12 : time.tm_hour % 12; }

std::string expand(const std::tm& time, std::string_view format);

// The text of one directive; nothing for an unknown one.
std::string directive(const std::tm& time, char type, const Flags& flags, bool& is_known) {
  const int year = time.tm_year + 1900;
  const int monday = (time.tm_wday + 6) % 7;
  switch (type) {
    case 'a': return word(std::string(kDays[time.tm_wday]).substr(0, 3), flags);
    case 'A': return word(kDays[time.tm_wday], flags);
    case 'b':
    case 'h': return word(std::string(kMonths[time.tm_mon]).substr(0, 3), flags);
    case 'B': return word(kMonths[time.tm_mon], flags);
    case 'c': return word(expand(time, "%a %b %e %H:%M:%S %Y"), flags);
    case 'C': return number(year / 100, 2, '0', flags);
    case 'd': return number(time.tm_mday, 2, '0', flags);
    case 'D':
    case 'x': return word(expand(time, "%m/%d/%y"), flags);
    case 'e': return number(time.tm_mday, 2, '_', flags);
    case 'f': return "000000";
    case 'F': return word(expand(time, "%Y-%m-%d"), flags);
    case 'g': return number(iso_week(time).year % 100, 2, '0', flags);
    case 'G': return number(iso_week(time).year, 4, '0', flags);
    case 'H': return number(time.tm_hour, 2, '0', flags);
    case 'I': return number(hour12(time), 2, '0', flags);
    case 'j': return number(time.tm_yday + 1, 3, '0', flags);
    case 'k': return number(time.tm_hour, 2, '_', flags);
    case 'l': return number(hour12(time), 2, '_', flags);
    case 'm': return number(time.tm_mon + 1, 2, '0', flags);
    case 'M': return number(time.tm_min, 2, '0', flags);
    case 'n': return "\n";
    case 'p': return word(time.tm_hour < 12 ? "AM" : "PM", flags);
    case 'P': return word(time.tm_hour < 12 ? "am" : "pm", flags);
    case 'r': return word(expand(time, "%I:%M:%S %p"), flags);
    case 'R': return word(expand(time, "%H:%M"), flags);
    case 's': return number(seconds_of(time), 1, '0', flags);
    case 'S': return number(time.tm_sec, 2, '0', flags);
    case 't': return "\t";
    case 'T':
    case 'X': return word(expand(time, "%H:%M:%S"), flags);
    case 'u': return number(monday + 1, 1, '0', flags);
    case 'U': return number((time.tm_yday + 7 - time.tm_wday) / 7, 2, '0', flags);
    case 'V': return number(iso_week(time).week, 2, '0', flags);
    case 'w': return number(time.tm_wday, 1, '0', flags);
    case 'W': return number((time.tm_yday + 7 - monday) / 7, 2, '0', flags);
    case 'y': return number(year % 100, 2, '0', flags);
    case 'Y': return number(year, 1, '0', flags);
    case 'z':
    case 'Z': return {};
    case '%': return "%";
    default: is_known = false; return {};
  }
}

std::string expand(const std::tm& time, std::string_view format) {
  constexpr size_t kWidthMax = 255;
  std::string out;
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out.push_back(format[i]);
      continue;
    }
    const size_t begin = i++;
    Flags flags;
    for (; i < format.size(); ++i) {
      if (format[i] == '-' || format[i] == '_' || format[i] == '0') {
        flags.pad = format[i];
      } else if (format[i] == '^' || format[i] == '#') {
        flags.upper = true;
      } else {
        break;
      }
    }
    for (; i < format.size() && format[i] >= '0' && format[i] <= '9'; ++i) {
      flags.width = flags.width * 10 + static_cast<size_t>(format[i] - '0');
      if (flags.width > kWidthMax) raise(FaultKind::limit, "a width in strftime must be at most {}", kWidthMax);
    }
    if (i < format.size() && (format[i] == 'E' || format[i] == 'O')) ++i;
    bool is_known = i < format.size();
    const std::string text = is_known ? directive(time, format[i], flags, is_known) : "";
    out += is_known ? text : std::string(format.substr(begin, i + 1 - begin));
  }
  return out;
}

}  // namespace

TextPtr format_time(Rendering& rendering, const Text& format) {
  rendering.charge_bytes(format.bytes.size() * 16);
  TextBuilder out = rendering.text_builder();
  out.append(expand(rendering.now(), format.bytes), format.is_trusted() ? Trust::yes : Trust::no);
  return out.take();
}

}  // namespace mlxserving::text::jinja
