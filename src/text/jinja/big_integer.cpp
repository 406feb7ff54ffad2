#include "text/jinja/big_integer.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace mlxserving::text::jinja {
namespace {

using Words = std::vector<uint32_t>;

int compare_words(const Words& a, const Words& b) {
  if (a.size() != b.size()) return a.size() < b.size() ? -1 : 1;
  for (size_t i = a.size(); i-- > 0;) {
    if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
  }
  return 0;
}

Words add_words(const Words& a, const Words& b) {
  Words sum(std::max(a.size(), b.size()) + 1);
  uint64_t carry = 0;
  for (size_t i = 0; i < sum.size(); ++i) {
    carry += (i < a.size() ? a[i] : 0);
    carry += (i < b.size() ? b[i] : 0);
    sum[i] = static_cast<uint32_t>(carry);
    carry >>= 32;
  }
  return sum;
}

// a - b, where a >= b.
Words subtract_words(const Words& a, const Words& b) {
  Words difference(a.size());
  int64_t borrow = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    int64_t word = int64_t{a[i]} - (i < b.size() ? b[i] : 0) - borrow;
    borrow = word < 0 ? 1 : 0;
    difference[i] = static_cast<uint32_t>(word + (borrow << 32));
  }
  return difference;
}

// Divides in place and gives the remainder.
uint32_t divide_by_word(Words& words, uint32_t divisor) {
  uint64_t rest = 0;
  for (size_t i = words.size(); i-- > 0;) {
    rest = (rest << 32) | words[i];
    words[i] = static_cast<uint32_t>(rest / divisor);
    rest %= divisor;
  }
  while (!words.empty() && words.back() == 0) words.pop_back();
  return static_cast<uint32_t>(rest);
}

void shift_left_one(Words& words, uint32_t low_bit) {
  for (uint32_t& word : words) {
    const uint32_t high = word >> 31;
    word = (word << 1) | low_bit;
    low_bit = high;
  }
  if (low_bit != 0) words.push_back(low_bit);
}

}  // namespace

BigInteger::BigInteger(int64_t value) : negative_(value < 0) {
  uint64_t magnitude = negative_ ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
  for (; magnitude != 0; magnitude >>= 32) words_.push_back(static_cast<uint32_t>(magnitude));
}

void BigInteger::trim() {
  while (!words_.empty() && words_.back() == 0) words_.pop_back();
  if (words_.empty()) negative_ = false;
}

BigInteger BigInteger::truncate(double value) {
  int exponent = 0;
  const double fraction = std::frexp(std::fabs(std::trunc(value)), &exponent);
  BigInteger whole(static_cast<int64_t>(std::ldexp(fraction, 53)));
  exponent -= 53;
  for (; exponent > 0; --exponent) shift_left_one(whole.words_, 0);
  if (exponent < 0) {
    whole = BigInteger(static_cast<int64_t>(std::fabs(std::trunc(value))));  // below 2^53
  }
  whole.negative_ = value < 0;
  whole.trim();
  return whole;
}

BigInteger BigInteger::from_digits(std::string_view digits, int base) {
  BigInteger value;
  bool negative = false;
  for (const char c : digits) {
    if (c == '-' || c == '+') {
      negative = c == '-';
      continue;
    }
    const int digit = c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
    uint64_t carry = static_cast<uint64_t>(digit);
    for (uint32_t& word : value.words_) {
      carry += uint64_t{word} * static_cast<uint32_t>(base);
      word = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    if (carry != 0) value.words_.push_back(static_cast<uint32_t>(carry));
  }
  value.negative_ = negative;
  value.trim();
  return value;
}

size_t BigInteger::bits() const {
  return words_.empty() ? 0 : words_.size() * 32 - static_cast<size_t>(std::countl_zero(words_.back()));
}

std::optional<int64_t> BigInteger::to_int64() const {
  if (words_.size() > 2) return std::nullopt;
  uint64_t magnitude = 0;
  for (size_t i = words_.size(); i-- > 0;) magnitude = (magnitude << 32) | words_[i];
  const uint64_t limit = uint64_t{1} << 63;
  if (magnitude > limit || (magnitude == limit && !negative_)) return std::nullopt;
  return negative_ ? static_cast<int64_t>(~magnitude + 1) : static_cast<int64_t>(magnitude);
}

double BigInteger::to_double() const {
  // The top 64 bits, the last of them made sticky: one rounding, in the conversion.
  const size_t length = bits();
  if (length > 1024) return negative_ ? -HUGE_VAL : HUGE_VAL;
  const size_t dropped = length > 64 ? length - 64 : 0;
  uint64_t top = 0;
  bool sticky = false;
  for (size_t bit = length; bit-- > 0;) {
    const bool set = ((words_[bit / 32] >> (bit % 32)) & 1) != 0;
    if (bit >= dropped) {
      top = (top << 1) | (set ? 1 : 0);
    } else {
      sticky = sticky || set;
    }
  }
  if (sticky) top |= 1;
  const double magnitude = std::ldexp(static_cast<double>(top), static_cast<int>(dropped));
  return negative_ ? -magnitude : magnitude;
}

std::string BigInteger::to_digits(int base) const {
  if (words_.empty()) return "0";
  std::string digits;
  for (Words rest = words_; !rest.empty();) {
    digits.push_back("0123456789abcdefghijklmnopqrstuvwxyz"[divide_by_word(rest, static_cast<uint32_t>(base))]);
  }
  if (negative_) digits.push_back('-');
  std::reverse(digits.begin(), digits.end());
  return digits;
}

BigInteger BigInteger::operator-() const {
  BigInteger negated = *this;
  negated.negative_ = !negative_ && !words_.empty();
  return negated;
}

BigInteger operator+(const BigInteger& a, const BigInteger& b) {
  BigInteger sum;
  if (a.negative_ == b.negative_) {
    sum.words_ = add_words(a.words_, b.words_);
    sum.negative_ = a.negative_;
  } else if (compare_words(a.words_, b.words_) >= 0) {
    sum.words_ = subtract_words(a.words_, b.words_);
    sum.negative_ = a.negative_;
  } else {
    sum.words_ = subtract_words(b.words_, a.words_);
    sum.negative_ = b.negative_;
  }
  sum.trim();
  return sum;
}

BigInteger operator*(const BigInteger& a, const BigInteger& b) {
  BigInteger product;
  product.words_.assign(a.words_.size() + b.words_.size(), 0);
  for (size_t i = 0; i < a.words_.size(); ++i) {
    uint64_t carry = 0;
    for (size_t j = 0; j < b.words_.size(); ++j) {
      carry += uint64_t{a.words_[i]} * b.words_[j] + product.words_[i + j];
      product.words_[i + j] = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    product.words_[i + b.words_.size()] = static_cast<uint32_t>(carry);
  }
  product.negative_ = a.negative_ != b.negative_;
  product.trim();
  return product;
}

BigInteger::Division BigInteger::divide(const BigInteger& a, const BigInteger& b) {
  Division result;
  result.quotient.words_.assign(a.words_.size(), 0);
  Words& rest = result.remainder.words_;
  for (size_t bit = a.bits(); bit-- > 0;) {
    shift_left_one(rest, (a.words_[bit / 32] >> (bit % 32)) & 1);
    if (compare_words(rest, b.words_) < 0) continue;
    rest = subtract_words(rest, b.words_);
    while (!rest.empty() && rest.back() == 0) rest.pop_back();
    result.quotient.words_[bit / 32] |= uint32_t{1} << (bit % 32);
  }
  result.quotient.negative_ = a.negative_ != b.negative_;
  result.remainder.negative_ = a.negative_;
  result.quotient.trim();
  result.remainder.trim();
  // So far truncated toward zero; Python rounds toward minus infinity.
  if (!result.remainder.is_zero() && result.remainder.negative_ != b.negative_) {
    result.quotient = result.quotient - BigInteger(1);
    result.remainder = result.remainder + b;
  }
  return result;
}

int BigInteger::compare(const BigInteger& a, const BigInteger& b) {
  if (a.negative_ != b.negative_) return a.negative_ ? -1 : 1;
  const int magnitude = compare_words(a.words_, b.words_);
  return a.negative_ ? -magnitude : magnitude;
}

}  // namespace mlxserving::text::jinja
