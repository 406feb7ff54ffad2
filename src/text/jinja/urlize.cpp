#include "text/jinja/urlize.h"

#include <algorithm>
#include <set>

#include "text/jinja/characters.h"
#include "text/jinja/markup.h"

namespace mlxserving::text::jinja {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool starts_with_ignoring_case(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), text.begin(), [](char a, char b) { return a == lower(b); });
}

bool is_ascii_digit(char c) { return c >= '0' && c <= '9'; }
bool is_ascii_letter(char c) { return lower(c) >= 'a' && lower(c) <= 'z'; }
bool is_host_mark(char32_t c) { return is_word(c) || c == '%' || c == '-'; }

// An optional ":port" and an optional path, and then the end.
bool is_tail(std::string_view text) {
  if (!text.empty() && text[0] == ':') {
    size_t digits = 1;
    while (digits < text.size() && is_ascii_digit(text[digits])) ++digits;
    if (digits > 1 && digits <= 6) text.remove_prefix(digits);
  }
  return text.empty() || text[0] == '/' || text[0] == '?' || text[0] == '#';
}

// The labels of a host name at the start of `text`, ends of each, as long as they go on with dots.
std::vector<std::pair<size_t, size_t>> labels_of(std::string_view text) {
  std::vector<std::pair<size_t, size_t>> labels;
  for (CodePoints at(text); at;) {
    const size_t begin = at.offset();
    while (at && is_host_mark(*at)) at.advance();
    if (at.offset() == begin) break;
    labels.emplace_back(begin, at.offset());
    if (!at || *at != '.') break;
    at.advance();
  }
  return labels;
}

// (subdomains.)tld tail: any label may be the last one.
bool is_named_host(std::string_view text) {
  for (const auto& [begin, end] : labels_of(text)) {
    const std::string_view label = text.substr(begin, end - begin);
    const bool is_idna = starts_with_ignoring_case(label, "xn--");
    const size_t longest = std::min<size_t>(label.size(), 63);
    for (size_t size = longest; size >= 2; --size) {
      const std::string_view tld = label.substr(0, size);
      const bool letters = std::all_of(tld.begin(), tld.end(), is_ascii_letter);
      if ((letters || (is_idna && size >= 6)) && is_tail(text.substr(begin + size))) return true;
    }
  }
  return false;
}

bool is_basic_domain(std::string_view text) {
  constexpr std::string_view kTlds[] = {"com", "net", "int", "edu", "gov", "org", "info", "mil"};
  const auto labels = labels_of(text);
  for (size_t i = 1; i < labels.size(); ++i) {
    const auto [before_begin, before_end] = labels[i - 1];
    const size_t length = count_code_points(text.substr(before_begin, before_end - before_begin));
    if (length < 2 || length > 63) return false;
    for (const std::string_view tld : kTlds) {
      const std::string_view rest = text.substr(labels[i].first);
      if (starts_with_ignoring_case(rest, tld) && is_tail(rest.substr(tld.size()))) return true;
    }
  }
  return false;
}

bool is_ipv4(std::string_view text) {
  for (int part = 0; part < 4; ++part) {
    if (part > 0) {
      if (text.empty() || text[0] != '.') return false;
      text.remove_prefix(1);
    }
    size_t digits = 0;
    while (digits < text.size() && digits < 3 && is_ascii_digit(text[digits])) ++digits;
    if (digits == 0) return false;
    text.remove_prefix(digits);
  }
  return is_tail(text);
}

bool is_ipv6(std::string_view text) {
  if (text.empty() || text[0] != '[') return false;
  const size_t close = text.find(']');
  if (close == std::string_view::npos) return false;
  const std::string_view address = text.substr(1, close - 1);
  const auto colons = std::count(address.begin(), address.end(), ':');
  size_t run = 0;
  for (const char c : address) {
    run = c == ':' ? 0 : run + 1;
    const bool is_hex = is_ascii_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f');
    if ((c != ':' && !is_hex) || run > 4) return false;
  }
  return colons >= 2 && colons <= 8 && is_tail(text.substr(close + 1));
}

bool is_url(std::string_view text) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!starts_with_ignoring_case(text, scheme)) continue;
    const std::string_view rest = text.substr(scheme.size());
    return is_named_host(rest) || is_ipv4(rest) || is_ipv6(rest);
  }
  if (starts_with_ignoring_case(text, "www.") && is_named_host(text.substr(4))) return true;
  return is_basic_domain(text);
}

// \S+@\w[\w.-]*\.\w+
bool is_mail_address(std::string_view text) {
  for (size_t at = text.find('@', 1); at != std::string_view::npos; at = text.find('@', at + 1)) {
    const std::string_view host = text.substr(at + 1);
    CodePoints c(host);
    if (!c || !is_word(*c)) continue;
    while (c && (is_word(*c) || *c == '.' || *c == '-')) c.advance();
    if (c) continue;
    const size_t dot = host.rfind('.');
    if (dot == std::string_view::npos || dot == 0 || dot + 1 == host.size()) continue;
    const std::string_view last = host.substr(dot + 1);
    bool is_name = true;
    for (CodePoints each(last); each; each.advance()) is_name = is_name && is_word(*each);
    if (is_name) return true;
  }
  return false;
}

size_t count_of(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

struct Word {
  std::string head;
  std::string middle;
  std::string tail;
};

// Brackets before and punctuation after do not belong to the URL, unless they pair inside it.
Word take_apart(std::string_view word) {
  size_t begin = 0;
  for (;;) {
    const std::string_view rest = word.substr(begin);
    if (rest.starts_with("(") || rest.starts_with("<")) {
      begin += 1;
    } else if (rest.starts_with("&lt;")) {
      begin += 4;
    } else {
      break;
    }
  }
  size_t end = word.size();
  for (;;) {
    const std::string_view rest = word.substr(begin, end - begin);
    if (!rest.empty() && std::string_view(")>.,\n").find(rest.back()) != std::string_view::npos) {
      end -= 1;
    } else if (rest.ends_with("&gt;")) {
      end -= 4;
    } else {
      break;
    }
  }
  Word parts{std::string(word.substr(0, begin)), std::string(word.substr(begin, end - begin)),
             std::string(word.substr(end))};
  constexpr std::pair<std::string_view, std::string_view> kPairs[] = {{"(", ")"}, {"<", ">"}, {"&lt;", "&gt;"}};
  for (const auto& [open, close] : kPairs) {
    const size_t opened = count_of(parts.middle, open);
    if (opened <= count_of(parts.middle, close)) continue;
    for (size_t left = std::min(opened, count_of(parts.tail, close)); left > 0; --left) {
      const size_t stop = parts.tail.find(close) + close.size();
      parts.middle += parts.tail.substr(0, stop);
      parts.tail.erase(0, stop);
    }
  }
  return parts;
}

std::string shown(const std::string& url, const Links& links) {
  const TextPtr text = make_text(url, Trust::yes);
  if (!links.shown_max || static_cast<int64_t>(text->code_points) <= *links.shown_max) return url;
  const int64_t length = static_cast<int64_t>(text->code_points);
  const int64_t end = *links.shown_max < 0 ? std::max<int64_t>(0, length + *links.shown_max) : *links.shown_max;
  return url.substr(0, text->offset_of(static_cast<size_t>(end))) + "...";
}

std::string rel_of(const Links& links) {
  std::set<std::string> parts{"noopener"};
  if (links.nofollow) parts.insert("nofollow");
  std::string part;
  for (const char c : links.rel + " ") {
    if (!is_space(static_cast<unsigned char>(c))) {
      part.push_back(c);
    } else if (!part.empty()) {
      parts.insert(std::move(part));
      part.clear();
    }
  }
  std::string joined;
  for (const std::string& each : parts) joined += (joined.empty() ? "" : " ") + each;
  return joined;
}

std::string link_word(const std::string& middle, const std::string& attributes, const Links& links) {
  const auto link = [&](const std::string& to, const std::string& text, const std::string& extra) {
    return "<a href=\"" + to + "\"" + extra + ">" + text + "</a>";
  };
  if (is_url(middle)) {
    const bool has_scheme = middle.starts_with("https://") || middle.starts_with("http://");
    return link(has_scheme ? middle : "https://" + middle, shown(middle, links), attributes);
  }
  if (middle.starts_with("mailto:") && is_mail_address(std::string_view(middle).substr(7))) {
    return link(middle, middle.substr(7), "");
  }
  const bool may_be_mail =
      !middle.starts_with("www.") && !middle.starts_with("@") && middle.find(':') == std::string::npos;
  if (may_be_mail && is_mail_address(middle)) return link("mailto:" + middle, middle, "");
  std::string result = middle;
  for (const std::string& scheme : links.extra_schemes) {
    if (result != scheme && result.starts_with(scheme)) result = link(result, result, attributes);
  }
  return result;
}

}  // namespace

bool is_uri_scheme(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos || colon < 2) return false;
  for (CodePoints at(text.substr(0, colon)); at; at.advance()) {
    if (!is_word(*at) && *at != '.' && *at != '+' && *at != '-') return false;
  }
  const std::string_view rest = text.substr(colon + 1);
  return rest.empty() || rest == "/" || rest == "//";
}

TextPtr urlize(Rendering& rendering, const Text& escaped, const Links& links) {
  const auto html = [&](const std::string& text) {
    return escape_text(rendering, *make_text(text, Trust::yes))->bytes;
  };
  std::string attributes = " rel=\"" + html(rel_of(links)) + "\"";
  if (!links.target.empty()) attributes += " target=\"" + html(links.target) + "\"";
  rendering.charge_bytes(escaped.bytes.size() * 4);
  // Links mix the text with markup of our own: trusted only when all of the text is.
  const bool is_ours = escaped.is_trusted() && links.target.empty() && links.rel.empty() && links.extra_schemes.empty();
  const Trust trust = is_ours ? Trust::yes : Trust::no;
  TextBuilder out = rendering.text_builder();
  CodePoints at(escaped.bytes);
  while (at) {
    const size_t begin = at.offset();
    const bool space = is_space(*at);
    while (at && is_space(*at) == space) at.advance();
    const std::string word = escaped.bytes.substr(begin, at.offset() - begin);
    if (space) {
      out.append(word, trust);
      continue;
    }
    const Word parts = take_apart(word);
    out.append(parts.head + link_word(parts.middle, attributes, links) + parts.tail, trust);
  }
  return out.take(rendering.autoescape);
}

}  // namespace mlxserving::text::jinja
