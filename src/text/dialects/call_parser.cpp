#include "text/dialects/call_parser.h"

#include <utility>

namespace mlxserving::text {

using Kind = AnswerPart::Kind;

CallParser::CallParser(CallSections sections) : sections_(std::move(sections)), search_(sections_.opens) {}

void CallParser::feed(std::string_view text, AnswerParts& parts) {
  for (const char c : text) take(c, parts);
}

// What a section leaves when it breaks is read again as text: another mark may stand in it. It gets shorter each time.
void CallParser::take(char c, AnswerParts& parts) {
  if (reader_ == nullptr) return take_text(c, parts);
  take_section(c, parts);
}

void CallParser::take_text(char c, AnswerParts& parts) {
  if (losses_ > kLossesMax) return add_content({&c, 1}, parts);
  if (at_start_ && !is_blank(c)) {
    at_start_ = false;
    if (sections_.first_characters.find(c) != std::string::npos) {
      open("");
      return take_section(c, parts);
    }
  }
  add_content(search_.take(c), parts);
  if (search_.is_found()) open(search_.mark());
}

void CallParser::open(const std::string& mark) {
  reader_ = sections_.reader(mark);
  raw_ = mark;
  mark_bytes_ = mark.size();
  call_is_open_ = false;
  search_.reset();
}

void CallParser::take_section(char c, AnswerParts& parts) {
  raw_ += c;
  AnswerParts read;
  const auto verdict = reader_->take(c, read);
  for (const AnswerPart& part : read) {
    if (part.kind == Kind::call) call_is_open_ = true, blank_.clear();
    if (part.kind == Kind::call_end) {
      call_is_open_ = false;
      told_ = true;
      in_words_ = false;
      raw_.clear();
      mark_bytes_ = 0;
    }
    add_part(parts, part.kind, part.text);
  }
  if (verdict == CallReader::Verdict::done) reader_.reset(), raw_.clear();
  if (verdict != CallReader::Verdict::broken) return;
  for (const char again : give_up(parts)) take(again, parts);
}

// Ends the section: its mark becomes content, the rest is returned to be read again.
std::string CallParser::give_up(AnswerParts& parts) {
  reader_.reset();
  ++losses_;
  if (std::exchange(call_is_open_, false)) add_part(parts, Kind::call_lost);
  const std::string raw = std::exchange(raw_, {});
  // A section without a mark begins with a character that would open it again.
  const size_t told = mark_bytes_;
  add_content(std::string_view(raw).substr(0, told), parts);
  return raw.substr(told);
}

// White space waits where a call stands before it or may follow: before the first word of the answer or of what comes
// after a call.
void CallParser::add_content(std::string_view text, AnswerParts& parts) {
  for (const char c : text) {
    if (is_blank(c) && !in_words_) {
      blank_ += c;
      continue;
    }
    in_words_ = true;
    add_part(parts, Kind::content, std::exchange(blank_, {}));
    add_part(parts, Kind::content, {&c, 1});
  }
}

void CallParser::finish(AnswerParts& parts) {
  while (reader_ != nullptr) {
    if (reader_->is_closing()) {
      reader_.reset();
      break;
    }
    for (const char again : give_up(parts)) take(again, parts);
  }
  add_content(search_.release(), parts);
  if (!told_) add_part(parts, Kind::content, std::exchange(blank_, {}));
}

CallReader::Verdict LiteralReader::take(char c) {
  if (matched_ == 0 && is_blank(c)) return CallReader::Verdict::more;
  if (c != literal_[matched_]) return CallReader::Verdict::broken;
  return ++matched_ == literal_.size() ? CallReader::Verdict::done : CallReader::Verdict::more;
}

}  // namespace mlxserving::text
