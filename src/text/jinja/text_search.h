// Taking strings apart and putting them together: what methods and filters share. Every part keeps its trust.
#pragma once

#include <vector>

#include "text/jinja/rendering.h"
#include "text/jinja/value.h"

namespace mlxserving::text::jinja {

enum class StripSides : uint8_t { left, right, both };
// Null `chars`: white space.
TextPtr strip(const TextPtr& text, StripSides sides, const Text* chars);

// Negative `splits_max`: no bound.
std::vector<Value> split_at(Rendering& rendering, const TextPtr& text, std::string_view separator, int64_t splits_max,
                            bool from_right);
std::vector<Value> split_at_spaces(const TextPtr& text, int64_t splits_max, bool from_right);
std::vector<Value> split_lines(const TextPtr& text, bool keeps_ends);

// Negative `count`: all.
TextPtr replace(Rendering& rendering, const Text& text, std::string_view old, const Text& fresh, int64_t count);

enum class Padding : uint8_t { left, right, both };
// `width` in code points; `fill` is one of them.
TextPtr pad_text(Rendering& rendering, const TextPtr& text, int64_t width, const Text& fill, Padding padding);

}  // namespace mlxserving::text::jinja
