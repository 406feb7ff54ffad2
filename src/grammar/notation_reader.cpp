#include "grammar/notation_reader.h"

#include <algorithm>
#include <optional>

#include "core/result.h"

namespace mlxserving::grammar {
namespace {

constexpr uint32_t kRepeatMax = 100'000;

// Of the digits at `at`, which moves behind them; beyond kRepeatMax it is just too much.
std::optional<uint32_t> take_number(std::string_view text, size_t& at) {
  const size_t begin = at;
  uint64_t value = 0;
  while (at < text.size() && text[at] >= '0' && text[at] <= '9')
    value = std::min<uint64_t>(value * 10 + static_cast<uint64_t>(text[at++] - '0'), kRepeatMax + 1);
  if (at == begin) return std::nullopt;
  return static_cast<uint32_t>(value);
}

}  // namespace

bool NotationReader::take(std::string_view s) {
  if (!is_at(s)) return false;
  at_ += s.size();
  return true;
}

Result<Expression> NotationReader::repeated(Expression part, const char* separator, const char* end) {
  skip_space();
  const auto low = take_number(text_, at_);
  const uint32_t min = low.value_or(0);
  uint32_t max = min;
  skip_space();
  if (take(separator)) {
    skip_space();
    max = take_number(text_, at_).value_or(kUnbounded);
    skip_space();
  } else if (!low) {
    return refuse("expected a count");
  }
  if (!take(end)) return refuse(std::string("missing ") + end);
  if (min > kRepeatMax || (max != kUnbounded && max > kRepeatMax) || min > max) return refuse("bad repeat counts");
  return Expression::times(std::move(part), min, max);
}

Result<char32_t> NotationReader::hex(size_t digits) {
  uint32_t value = 0;
  for (size_t i = 0; i < digits; ++i, ++at_) {
    const char c = at_ < text_.size() ? text_[at_] : ' ';
    const int digit = c >= '0' && c <= '9'   ? c - '0'
                      : c >= 'a' && c <= 'f' ? c - 'a' + 10
                      : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                             : -1;
    if (digit < 0) return refuse("expected a hexadecimal digit");
    value = value * 16 + static_cast<uint32_t>(digit);
  }
  if (value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return refuse("no such character");
  return static_cast<char32_t>(value);
}

}  // namespace mlxserving::grammar
