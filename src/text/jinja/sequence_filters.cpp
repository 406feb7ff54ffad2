// The filters of sequences and mappings. Those that are generators in Jinja are lazy here too: an item's fault comes
// when the item is asked for.
#include <algorithm>
#include <unordered_map>

#include "text/jinja/access.h"
#include "text/jinja/builtins.h"
#include "text/jinja/characters.h"
#include "text/jinja/fault.h"
#include "text/jinja/parameters.h"
#include "text/jinja/semantics.h"
#include "text/jinja/stable_sort.h"

namespace mlxserving::text::jinja {
namespace {

// A generator that is the function it runs for each next item.
template <typename Next>
class Generator final : public Iterator {
 public:
  explicit Generator(Next next) : next_(std::move(next)) {}
  bool next(Rendering& rendering, Value& item) override {
    rendering.step();
    const Rendering::Depth depth(rendering);
    return next_(rendering, item);
  }

 private:
  Next next_;
};

template <typename Next>
Value generator(Rendering& rendering, const Value& source, Next next, const char* name = "generator") {
  auto iterator = std::make_shared<Generator<Next>>(std::move(next));
  iterator->type_name = name;
  return rendering.make_iterator(std::move(iterator), source.value_depth());
}

Value ignore_case(const Value& value) { return value.is_string() ? Value::string(to_lower(value.text())) : value; }

// item -> key, for sort, unique, groupby, min and max.
struct Keys {
  Value attribute{};  // missing or none: the item itself
  Value fallback{};
  bool case_sensitive = false;

  Value of(Rendering& rendering, const Value& item) const {
    rendering.step();
    const bool has_path = !attribute.is_missing() && !attribute.is_none();
    const Value key = has_path ? attribute_path(rendering, item, attribute, fallback) : item;
    return case_sensitive ? key : ignore_case(key);
  }
};

struct Keyed {
  Value key;
  Value item;
};

void sort_stably(Rendering& rendering, std::vector<Keyed>& items, bool reverse) {
  size_t weight = 0;
  for (const Keyed& keyed : items) weight += keyed.key.weight();
  rendering.charge_items(weight * 2);
  // As sorted(reverse=True): equal items keep their order.
  if (reverse) std::reverse(items.begin(), items.end());
  stable_sort(items, [](const Keyed& a, const Keyed& b) { return less(a.key, b.key); });
  if (reverse) std::reverse(items.begin(), items.end());
}

Value list_of(Rendering& rendering, std::vector<Keyed> keyed) {
  std::vector<Value> items;
  items.reserve(keyed.size());
  for (Keyed& each : keyed) items.push_back(std::move(each.item));
  return rendering.make_list(std::move(items));
}

Value filter_length(Rendering& rendering, const Value& self, const Arguments& arguments) {
  check_no_arguments("length", arguments);
  return Value::integer(length_of(rendering, self));
}

Value filter_list(Rendering& rendering, const Value& self, const Arguments& arguments) {
  check_no_arguments("list", arguments);
  return rendering.make_list(collect(rendering, self));
}

Value filter_first(Rendering& rendering, const Value& self, const Arguments& arguments) {
  check_no_arguments("first", arguments);
  Value item;
  if (iterate(rendering, self)->next(rendering, item)) return item;
  return make_undefined("No first item, sequence was empty.");
}

bool is_reversible(const Value& value) {
  return is_iterable(value) && !value.is(Kind::iterator) && !value.is(Kind::loop);
}

Value item_from_end(Rendering& rendering, const Value& value, int64_t index) {
  if (value.is(Kind::dict)) return value.as<Dict>().entries[static_cast<size_t>(index)].first;
  if (value.is(Kind::view)) return value.as<View>().at(static_cast<size_t>(index));
  return subscript(rendering, value, Value::integer(index));
}

Value filter_last(Rendering& rendering, const Value& self, const Arguments& arguments) {
  check_no_arguments("last", arguments);
  if (!is_reversible(self)) raise(FaultKind::type_error, "'{}' object is not reversible", type_name(self));
  const int64_t length = length_of(rendering, self);
  if (length == 0) return make_undefined("No last item, sequence was empty.");
  return item_from_end(rendering, self, length - 1);
}

Value filter_reverse(Rendering& rendering, const Value& self, const Arguments& arguments) {
  check_no_arguments("reverse", arguments);
  if (self.is_string()) return slice(rendering, self, Value(), Value(), Value::integer(-1));
  if (!is_reversible(self)) {
    if (!is_iterable(self)) raise(FaultKind::runtime_error, "argument must be iterable");
    std::vector<Value> items = collect(rendering, self);
    std::reverse(items.begin(), items.end());
    return rendering.make_list(std::move(items));
  }
  const auto reversed = [self, left = length_of(rendering, self)](Rendering& inner, Value& item) mutable {
    if (left == 0) return false;
    item = item_from_end(inner, self, --left);
    return true;
  };
  return generator(rendering, self, reversed, "list_reverseiterator");
}

Value filter_items(Rendering& rendering, const Value& self, const Arguments& arguments) {
  check_no_arguments("items", arguments);
  const auto pairs = [self, at = size_t{0}](Rendering&, Value& item) mutable {
    if (self.is_undefined()) return false;
    if (!self.is(Kind::dict)) raise(FaultKind::type_error, "Can only get item pairs from a mapping.");
    const auto& entries = self.as<Dict>().entries;
    if (at == entries.size()) return false;
    item = make_pair(entries[at].first, entries[at].second);
    ++at;
    return true;
  };
  return generator(rendering, self, pairs);
}

Value filter_dictsort(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("dictsort", arguments, {"case_sensitive", "by", "reverse"}, 0);
  const std::string by = given.has(1) ? (given[1].is_string() ? given[1].text().bytes : "") : "key";
  if (by != "key" && by != "value") raise(FaultKind::runtime_error, "You can only sort by either \"key\" or \"value\"");
  if (self.is_undefined()) raise_undefined(self);
  if (!self.is(Kind::dict)) raise(FaultKind::type_error, "'{}' object has no attribute 'items'", type_name(self));
  const Keys keys{.case_sensitive = given.truth(0, false)};
  std::vector<Keyed> items;
  for (const auto& [key, value] : self.as<Dict>().entries) {
    items.push_back({keys.of(rendering, by == "key" ? key : value), make_pair(key, value)});
  }
  sort_stably(rendering, items, given.truth(2, false));
  return list_of(rendering, std::move(items));
}

// The attribute of sort may name several, parted by commas; the key is then all of them.
Value sort_key(Rendering& rendering, const Keys& keys, const Value& item) {
  if (!keys.attribute.is_string()) return rendering.make_list({keys.of(rendering, item)});
  std::vector<Value> parts;
  std::string_view rest = keys.attribute.text().bytes;
  for (;;) {
    const size_t comma = std::min(rest.find(','), rest.size());
    parts.push_back(Keys{.attribute = Value::string(rest.substr(0, comma)), .case_sensitive = keys.case_sensitive}.of(
        rendering, item));
    if (comma == rest.size()) break;
    rest.remove_prefix(comma + 1);
  }
  return rendering.make_list(std::move(parts));
}

Value filter_sort(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("sort", arguments, {"reverse", "case_sensitive", "attribute"}, 0);
  const Keys keys{.attribute = given[2], .case_sensitive = given.truth(1, false)};
  std::vector<Keyed> items;
  for (const Value& item : collect(rendering, self)) items.push_back({sort_key(rendering, keys, item), item});
  sort_stably(rendering, items, given.truth(0, false));
  return list_of(rendering, std::move(items));
}

Value filter_unique(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("unique", arguments, {"case_sensitive", "attribute"}, 0);
  const Keys keys{.attribute = given[1], .case_sensitive = given.truth(0, false)};
  // Not iterated before the first item is asked for, as a generator does.
  const auto unique = [self, keys, source = std::shared_ptr<Iterator>(), seen = std::make_shared<Dict>()](
                          Rendering& inner, Value& item) mutable {
    if (source == nullptr) source = iterate(inner, self);
    while (source->next(inner, item)) {
      const Value key = keys.of(inner, item);
      inner.charge_weight(key);
      if (seen->find(key) != nullptr) continue;
      seen->insert(key, Value::none());
      return true;
    }
    return false;
  };
  return generator(rendering, self, unique);
}

Value extreme(Rendering& rendering, const char* name, const Value& self, const Arguments& arguments,
              bool wants_largest) {
  const Parameters given(name, arguments, {"case_sensitive", "attribute"}, 0);
  const Keys keys{.attribute = given[1], .case_sensitive = given.truth(0, false)};
  const auto items = iterate(rendering, self);
  Value best;
  if (!items->next(rendering, best)) return make_undefined("No aggregated item, sequence was empty.");
  Value best_key = keys.of(rendering, best);
  for (Value item; items->next(rendering, item);) {
    const Value key = keys.of(rendering, item);
    rendering.charge_weight(key);
    if (wants_largest ? less(best_key, key) : less(key, best_key)) {
      best = item;
      best_key = key;
    }
  }
  return best;
}

Value filter_min(Rendering& rendering, const Value& self, const Arguments& arguments) {
  return extreme(rendering, "min", self, arguments, false);
}
Value filter_max(Rendering& rendering, const Value& self, const Arguments& arguments) {
  return extreme(rendering, "max", self, arguments, true);
}

Value filter_sum(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("sum", arguments, {"attribute", "start"}, 0);
  Value total = given.has(1) ? given[1] : Value::integer(0);
  const auto items = iterate(rendering, self);
  if (total.is_string()) raise(FaultKind::type_error, "sum() can't sum strings [use ''.join(seq) instead]");
  for (Value item; items->next(rendering, item);) {
    if (given.has(0) && !given[0].is_none()) item = attribute_path(rendering, item, given[0]);
    total = calculate(rendering, Arithmetic::add, total, item);
  }
  return total;
}

Value filter_batch(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("batch", arguments, {"linecount", "fill_with"}, 1);
  const auto batches = [self, fill = given[1], count = given[0], source = std::shared_ptr<Iterator>(), ended = false](
                           Rendering& inner, Value& item) mutable {
    if (source == nullptr) source = iterate(inner, self);
    std::vector<Value> batch;
    Value each;
    while (!ended) {
      // A batch is given only when the next item comes, or at the end.
      if (!batch.empty() && equals(Value::integer(static_cast<int64_t>(batch.size())), count)) break;
      if (!source->next(inner, each)) {
        ended = true;
        break;
      }
      batch.push_back(each);
    }
    if (batch.empty()) return false;
    if (ended && !fill.is_missing() && !fill.is_none()) {
      const int64_t wanted = as_index(count, "linecount");
      inner.check_items(static_cast<size_t>(std::max<int64_t>(0, wanted)));
      while (static_cast<int64_t>(batch.size()) < wanted) batch.push_back(fill);
    }
    item = inner.make_list(std::move(batch));
    return true;
  };
  return generator(rendering, self, batches);
}

Value filter_slice(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("slice", arguments, {"slices", "fill_with"}, 1);
  const auto slices = [self, fill = given[1], wanted = given[0], items = std::vector<Value>(), number = int64_t{0},
                       begin = int64_t{0}, started = false](Rendering& inner, Value& item) mutable {
    if (!started) items = collect(inner, self);
    started = true;
    const auto length = Value::integer(static_cast<int64_t>(items.size()));
    const int64_t each = as_index(calculate(inner, Arithmetic::floordiv, length, wanted), "slices");
    const int64_t extra = as_index(calculate(inner, Arithmetic::mod, length, wanted), "slices");
    if (number >= as_index(wanted, "slices")) return false;
    const int64_t end = begin + each + (number < extra ? 1 : 0);
    std::vector<Value> part(items.begin() + begin, items.begin() + end);
    if (!fill.is_missing() && !fill.is_none() && number >= extra) part.push_back(fill);
    begin = end;
    ++number;
    item = inner.make_list(std::move(part));
    return true;
  };
  return generator(rendering, self, slices);
}

Value filter_groupby(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const Parameters given("groupby", arguments, {"attribute", "default", "case_sensitive"}, 1);
  const bool case_sensitive = given.truth(2, false);
  const Value fallback = given.has(1) && !given[1].is_none() ? given[1] : Value();
  const Keys keys{.attribute = given[0], .fallback = fallback, .case_sensitive = case_sensitive};
  std::vector<Keyed> items;
  for (const Value& item : collect(rendering, self)) items.push_back({keys.of(rendering, item), item});
  sort_stably(rendering, items, false);
  std::vector<Value> groups;
  for (size_t begin = 0; begin < items.size();) {
    std::vector<Value> members;
    size_t end = begin;
    for (; end < items.size() && (end == begin || equals(items[begin].key, items[end].key)); ++end) {
      members.push_back(items[end].item);
    }
    // The first member's own key stands for the group, with its case.
    const Keys shown{.attribute = given[0], .fallback = fallback, .case_sensitive = true};
    const Value grouper = case_sensitive ? items[begin].key : shown.of(rendering, members[0]);
    const Value group = rendering.make_tuple({grouper, rendering.make_list(std::move(members))});
    group.as<Sequence>().is_group = true;
    groups.push_back(group);
    begin = end;
  }
  return rendering.make_list(std::move(groups));
}

// What map, select and the like apply to each item, resolved when the first is asked for.
Value apply_filter(Rendering& rendering, const Value& item, const Arguments& arguments) {
  if (arguments.positional.empty()) raise(FaultKind::runtime_error, "map requires a filter argument");
  const Value& name = arguments.positional[0];
  const NativeCode filter = name.is_string() ? find_filter(name.text().bytes) : nullptr;
  if (filter == nullptr) raise(FaultKind::runtime_error, "No filter named {}.", repr(name));
  Arguments rest{{arguments.positional.begin() + 1, arguments.positional.end()}, arguments.named};
  return filter(rendering, item, rest);
}

Value map_item(Rendering& rendering, const Value& item, const Arguments& arguments) {
  const auto named = [&](std::string_view name) {
    for (const auto& [key, value] : arguments.named) {
      if (key == name) return value;
    }
    return Value();
  };
  const Value attribute = named("attribute");
  if (!arguments.positional.empty() || attribute.is_missing()) return apply_filter(rendering, item, arguments);
  for (const auto& [key, value] : arguments.named) {
    if (key != "attribute" && key != "default")
      raise(FaultKind::runtime_error, "Unexpected keyword argument '{}'", key);
  }
  const Value fallback = named("default");
  return attribute_path(rendering, item, attribute, fallback.is_none() ? Value() : fallback);
}

Value filter_map(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const auto mapped = [self, arguments, source = std::shared_ptr<Iterator>()](Rendering& inner, Value& item) mutable {
    if (!is_true(self)) return false;
    if (source == nullptr) {
      if (arguments.positional.empty() && arguments.named.empty()) {
        raise(FaultKind::runtime_error, "map requires a filter argument");
      }
      source = iterate(inner, self);
    }
    Value each;
    if (!source->next(inner, each)) return false;
    item = map_item(inner, each, arguments);
    return true;
  };
  return generator(rendering, self, mapped);
}

// Whether the test (or truth) of the item, or of its attribute, holds.
bool passes(Rendering& rendering, const Value& item, const Arguments& arguments, bool of_attribute) {
  const size_t skipped = of_attribute ? 1 : 0;
  const Value subject = of_attribute ? attribute_path(rendering, item, arguments.positional[0]) : item;
  if (arguments.positional.size() <= skipped) return is_true(subject);
  const Value& name = arguments.positional[skipped];
  const NativeCode test = name.is_string() ? find_test(name.text().bytes) : nullptr;
  if (test == nullptr) raise(FaultKind::runtime_error, "No test named {}.", repr(name));
  Arguments rest{{arguments.positional.begin() + static_cast<ptrdiff_t>(skipped) + 1, arguments.positional.end()},
                 arguments.named};
  return is_true(test(rendering, subject, rest));
}

template <bool keeps, bool of_attribute>
Value filter_select(Rendering& rendering, const Value& self, const Arguments& arguments) {
  const auto selected = [self, arguments, source = std::shared_ptr<Iterator>()](Rendering& inner, Value& item) mutable {
    if (!is_true(self)) return false;
    if (of_attribute && arguments.positional.empty()) {
      raise(FaultKind::runtime_error, "Missing parameter for attribute name");
    }
    if (source == nullptr) source = iterate(inner, self);
    while (source->next(inner, item)) {
      if (passes(inner, item, arguments, of_attribute) == keeps) return true;
    }
    return false;
  };
  return generator(rendering, self, selected);
}

constexpr Builtin kFilters[] = {
    {"length", filter_length},
    {"count", filter_length},
    {"list", filter_list},
    {"first", filter_first},
    {"last", filter_last},
    {"items", filter_items},
    {"map", filter_map},
    {"select", filter_select<true, false>},
    {"reject", filter_select<false, false>},
    {"selectattr", filter_select<true, true>},
    {"rejectattr", filter_select<false, true>},
    {"dictsort", filter_dictsort},
    {"sort", filter_sort},
    {"reverse", filter_reverse},
    {"unique", filter_unique},
    {"min", filter_min},
    {"max", filter_max},
    {"sum", filter_sum},
    {"batch", filter_batch},
    {"slice", filter_slice},
    {"groupby", filter_groupby},
};

}  // namespace

std::span<const Builtin> sequence_filters() { return kFilters; }

}  // namespace mlxserving::text::jinja
