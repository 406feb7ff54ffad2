// Slices, subscripts and iteration.
#include <algorithm>

#include "text/jinja/characters.h"
#include "text/jinja/fault.h"
#include "text/jinja/loop.h"
#include "text/jinja/semantics.h"

namespace mlxserving::text::jinja {
namespace {

struct Bounds {
  int64_t start;
  int64_t stop;
  int64_t step;
  int64_t count;
  int64_t at(int64_t i) const { return start + i * step; }
};

int64_t clamp_bound(const Value& bound, int64_t if_absent, int64_t length, int64_t low, int64_t high) {
  if (bound.is_missing() || bound.is_none()) return if_absent;
  int64_t index = as_index(bound, "a slice index");
  if (index < 0) index = index < -length ? low : index + length;
  return std::clamp(index, low, high);
}

Bounds bounds_of(int64_t length, const Value& start, const Value& stop, const Value& step) {
  Bounds bounds{};
  bounds.step = step.is_missing() || step.is_none() ? 1 : as_index(step, "a slice step");
  if (bounds.step == 0) raise(FaultKind::value_error, "slice step cannot be zero");
  bounds.step = std::max(bounds.step, -INT64_MAX);
  if (bounds.step > 0) {
    bounds.start = clamp_bound(start, 0, length, 0, length);
    bounds.stop = clamp_bound(stop, length, length, 0, length);
    bounds.count = bounds.start < bounds.stop ? (bounds.stop - bounds.start - 1) / bounds.step + 1 : 0;
  } else {
    bounds.start = clamp_bound(start, length - 1, length, -1, length - 1);
    bounds.stop = clamp_bound(stop, -1, length, -1, length - 1);
    bounds.count = bounds.stop < bounds.start ? (bounds.start - bounds.stop - 1) / -bounds.step + 1 : 0;
  }
  return bounds;
}

Value slice_string(Rendering& rendering, const Value& value, const Bounds& bounds) {
  const Text& text = value.text();
  rendering.charge_bytes(text.bytes.size());
  if (bounds.count == 0) return Value::string(make_text("", Trust::yes, text.markup));
  if (bounds.step == 1) {
    const size_t begin = text.offset_of(static_cast<size_t>(bounds.start));
    const size_t end = text.offset_of(static_cast<size_t>(bounds.start + bounds.count));
    return Value::string(slice_text(value.text_pointer(), begin, end));
  }
  std::vector<size_t> offsets;
  for (CodePoints at(text.bytes); at; at.advance()) offsets.push_back(at.offset());
  offsets.push_back(text.bytes.size());
  TextBuilder out = rendering.text_builder();
  for (int64_t i = 0; i < bounds.count; ++i) {
    const auto index = static_cast<size_t>(bounds.at(i));
    out.append_slice(text, offsets[index], offsets[index + 1]);
  }
  return Value::string(out.take(text.markup));
}

Value slice_items(Rendering& rendering, const Value& value, const Bounds& bounds) {
  const auto& items = value.as<Sequence>().items;
  std::vector<Value> picked;
  picked.reserve(static_cast<size_t>(bounds.count));
  for (int64_t i = 0; i < bounds.count; ++i) picked.push_back(items[static_cast<size_t>(bounds.at(i))]);
  return value.is(Kind::list) ? rendering.make_list(std::move(picked)) : rendering.make_tuple(std::move(picked));
}

Value slice_range(const Value& value, const Bounds& bounds) {
  const Range& range = value.as<Range>();
  auto part = std::make_shared<Range>();
  part->start = range.at(bounds.start);
  part->stop = range.at(bounds.stop);
  // The product may wrap for slices of one item, where the step means nothing.
  part->step = static_cast<int64_t>(static_cast<uint64_t>(range.step) * static_cast<uint64_t>(bounds.step));
  if (part->step == 0) part->step = 1;
  return Value::object(Kind::range, std::move(part));
}

// Position of a possibly negative index, or -1.
int64_t position_of(const Value& key, int64_t length) {
  if (!key.is_integral()) return -1;
  int64_t index = as_index(key, "an index");
  if (index < 0) index += length;
  return index >= 0 && index < length ? index : -1;
}

// Gives item after item of something with a length.
template <typename At>
class Counted final : public Iterator {
 public:
  Counted(Value source, size_t count, At at) : source_(std::move(source)), count_(count), at_(std::move(at)) {}
  bool next(Rendering& rendering, Value& item) override {
    if (position_ >= count_) return false;
    rendering.step();
    item = at_(source_, position_++);
    return true;
  }

 private:
  Value source_;
  size_t count_;
  size_t position_ = 0;
  At at_;
};

template <typename At>
std::shared_ptr<Iterator> counted(const Value& source, size_t count, At at) {
  return std::make_shared<Counted<At>>(source, count, std::move(at));
}

class Characters final : public Iterator {
 public:
  explicit Characters(TextPtr text) : text_(std::move(text)) {}
  bool next(Rendering& rendering, Value& item) override {
    rendering.step();
    const CodePoints at(text_->bytes, offset_);
    if (!at) return false;
    TextBuilder character = rendering.text_builder();
    character.append_slice(*text_, at.offset(), at.end());
    item = Value::string(character.take());
    offset_ = at.end();
    return true;
  }

 private:
  TextPtr text_;
  size_t offset_ = 0;
};

// iter(loop) goes on with the loop itself.
class RestOfLoop final : public Iterator {
 public:
  explicit RestOfLoop(Value loop) : loop_(std::move(loop)) {}
  bool next(Rendering& rendering, Value& item) override {
    Value current;
    if (!loop_.as<Loop>().advance(rendering, current)) return false;
    item = make_pair(current, loop_);
    return true;
  }

 private:
  Value loop_;
};

}  // namespace

Value slice(Rendering& rendering, const Value& value, const Value& start, const Value& stop, const Value& step) {
  switch (value.kind()) {
    case Kind::string: return slice_string(rendering, value, bounds_of(length_of(rendering, value), start, stop, step));
    case Kind::list:
    case Kind::tuple: return slice_items(rendering, value, bounds_of(length_of(rendering, value), start, stop, step));
    case Kind::range: return slice_range(value, bounds_of(length_of(rendering, value), start, stop, step));
    case Kind::undefined: raise_undefined(value);
    case Kind::dict: raise(FaultKind::type_error, "unhashable type: 'slice'");
    default: raise(FaultKind::type_error, "'{}' object is not subscriptable", type_name(value));
  }
}

Value subscript(Rendering& rendering, const Value& object, const Value& key) {
  switch (object.kind()) {
    case Kind::undefined: raise_undefined(object);
    case Kind::dict: {
      if (key.is(Kind::list) || key.is(Kind::dict)) return {};
      rendering.charge_weight(key);
      try {
        const Value* found = object.as<Dict>().find(key);
        return found != nullptr ? *found : Value();
      } catch (const Fault&) {  // a tuple with a list inside has no hash
        return {};
      }
    }
    case Kind::list:
    case Kind::tuple: {
      const int64_t at = position_of(key, length_of(rendering, object));
      return at < 0 ? Value() : object.as<Sequence>().items[static_cast<size_t>(at)];
    }
    case Kind::range: {
      const int64_t at = position_of(key, object.as<Range>().size());
      return at < 0 ? Value() : Value::integer(object.as<Range>().at(at));
    }
    case Kind::string: {
      const int64_t at = position_of(key, length_of(rendering, object));
      if (at < 0) return {};
      return slice(rendering, object, Value::integer(at), Value::integer(at + 1), Value());
    }
    default: return {};
  }
}

bool is_iterable(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined:
    case Kind::string:
    case Kind::list:
    case Kind::tuple:
    case Kind::dict:
    case Kind::range:
    case Kind::view:
    case Kind::iterator:
    case Kind::loop: return true;
    default: return false;
  }
}

std::shared_ptr<Iterator> iterate(Rendering& rendering, const Value& value) {
  rendering.step();
  switch (value.kind()) {
    case Kind::list:
    case Kind::tuple:
      return counted(value, value.as<Sequence>().items.size(),
                     [](const Value& source, size_t i) { return source.as<Sequence>().items[i]; });
    case Kind::dict:
      return counted(value, value.as<Dict>().entries.size(),
                     [](const Value& source, size_t i) { return source.as<Dict>().entries[i].first; });
    case Kind::view:
      return counted(value, value.as<View>().size(),
                     [](const Value& source, size_t i) { return source.as<View>().at(i); });
    case Kind::range:
      return counted(value, static_cast<size_t>(value.as<Range>().size()), [](const Value& source, size_t i) {
        return Value::integer(source.as<Range>().at(static_cast<int64_t>(i)));
      });
    case Kind::undefined: return counted(value, 0, [](const Value& source, size_t) { return source; });
    case Kind::string: return std::make_shared<Characters>(value.text_pointer());
    case Kind::iterator:
      // Shares the object: what one reader takes is gone for the next.
      return std::shared_ptr<Iterator>(std::make_shared<Value>(value), &value.as<Iterator>());
    case Kind::loop: return std::make_shared<RestOfLoop>(value);
    default: raise(FaultKind::type_error, "'{}' object is not iterable", type_name(value));
  }
}

std::vector<Value> collect(Rendering& rendering, const Value& value) {
  if (value.is(Kind::list) || value.is(Kind::tuple)) {
    rendering.charge_items(value.as<Sequence>().items.size() / 8);
    return value.as<Sequence>().items;
  }
  std::vector<Value> items;
  const auto source = iterate(rendering, value);
  for (Value item; source->next(rendering, item);) {
    items.push_back(item);
    rendering.check_items(items.size());
  }
  return items;
}

}  // namespace mlxserving::text::jinja
