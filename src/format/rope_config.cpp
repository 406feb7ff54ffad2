#include "format/rope_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "core/json.h"

namespace mlxserving::format {
namespace {

struct RopeName {
  std::string_view name;
  RopeType type;
};

// As files spell them. "su" is longrope's first name.
constexpr RopeName kRopeNames[] = {
    {"default", RopeType::none},  {"linear", RopeType::linear}, {"dynamic", RopeType::dynamic},
    {"llama3", RopeType::llama3}, {"yarn", RopeType::yarn},     {"longrope", RopeType::longrope},
    {"su", RopeType::longrope},
};

constexpr size_t kFactorsMax = 512;  // half the widest head

std::string allowed_names() {
  std::string out;
  for (const RopeName& row : kRopeNames) out += fmt::format("{}{}", out.empty() ? "" : ", ", row.name);
  return out;
}

RopeType read_type(const JsonFields& scaling) {
  const char* key = scaling.has("rope_type") ? "rope_type" : "type";
  const std::string name = scaling.text(key, "default");
  const auto* found = std::ranges::find(kRopeNames, name, &RopeName::name);
  if (found != std::end(kRopeNames)) return found->type;
  scaling.fault(key, fmt::format("must be one of {}, got {}", allowed_names(), name), ErrorCode::unsupported_model);
  return RopeType::none;
}

// The defaults are mlx-lm's (models/rope_utils.py).
int64_t default_original_positions(RopeType type, const RopeContext& context) {
  if (context.defaults.original_max_position_embeddings > 0) return context.defaults.original_max_position_embeddings;
  if (type == RopeType::llama3) return 8192;
  if (type == RopeType::yarn) return 4096;
  return context.max_position_embeddings;
}

int64_t read_original_positions(const JsonFields& config, const JsonFields& scaling, RopeType type,
                                const RopeContext& context) {
  const char* key = "original_max_position_embeddings";
  const IntegerRange range{1, INT32_MAX};
  // Phi-3 keeps it outside, and transformers gives that one priority.
  if (const auto outer = config.integer(key, range)) return *outer;
  return scaling.integer(key, range).value_or(default_original_positions(type, context));
}

// Rotated elements of a head, as both references round them.
int64_t rotated_dims(const RopeConfig& rope, const RopeContext& context) {
  return static_cast<int64_t>(context.head_dim * rope.partial_rotary_factor);
}

void read_longrope(const JsonFields& scaling, const RopeContext& context, RopeConfig& rope) {
  rope.short_factor = scaling.numbers("short_factor", kFactorsMax);
  rope.long_factor = scaling.numbers("long_factor", kFactorsMax);
  const auto wanted = static_cast<size_t>(rotated_dims(rope, context) / 2);
  if (rope.long_factor.size() != wanted) {
    scaling.fault("long_factor",
                  fmt::format("must have {} numbers, one a rotated pair, got {}", wanted, rope.long_factor.size()));
  }
  if (context.max_position_embeddings == 0) scaling.fault("rope_type", "longrope needs max_position_embeddings");
  if (rope.original_max_position_embeddings < 2) {
    scaling.fault("original_max_position_embeddings", "must be at least 2 for longrope");
  }
}

void read_dynamic(const JsonFields& scaling, const RopeContext& context, RopeConfig& rope) {
  if (context.max_position_embeddings == 0) scaling.fault("rope_type", "dynamic needs max_position_embeddings");
  if (rotated_dims(rope, context) < 4)
    scaling.fault("rope_type", "dynamic needs at least four rotated elements a head");
  rope.original_max_position_embeddings = context.max_position_embeddings;
}

void read_yarn(const JsonFields& scaling, RopeConfig& rope) {
  rope.beta_fast = scaling.number("beta_fast", {}, rope.beta_fast);
  rope.beta_slow = scaling.number("beta_slow", {}, rope.beta_slow);
  rope.mscale = scaling.number("mscale", {-1e6, 1e6});
  rope.mscale_all_dim = scaling.number("mscale_all_dim", {-1e6, 1e6});
  rope.truncate = scaling.boolean("truncate", true);
  if (!(rope.theta > 1.0)) scaling.fault("rope_theta", "must be above 1 for yarn");
}

void read_llama3(const JsonFields& scaling, RopeConfig& rope) {
  rope.low_freq_factor = scaling.number("low_freq_factor", {}, rope.low_freq_factor);
  rope.high_freq_factor = scaling.number("high_freq_factor", {}, rope.high_freq_factor);
  if (rope.high_freq_factor <= rope.low_freq_factor) {
    scaling.fault("high_freq_factor", fmt::format("must be above low_freq_factor, {}, got {}", rope.low_freq_factor,
                                                  rope.high_freq_factor));
  }
}

// `scaling` has the settings of one rope, `config` the object around it.
RopeConfig read_rope(const JsonFields& config, const JsonFields& scaling, double theta, const RopeContext& context) {
  RopeConfig rope;
  rope.type = read_type(scaling);
  rope.theta = scaling.number("rope_theta").value_or(theta);
  rope.partial_rotary_factor =
      scaling.number("partial_rotary_factor", {0, 1}).value_or(config.number("partial_rotary_factor", {0, 1}, 1.0));
  if (const int64_t dims = rotated_dims(rope, context); dims < 2 || dims % 2 != 0) {
    scaling.fault("partial_rotary_factor", fmt::format("must leave an even number of rotated elements, of head_dim {} "
                                                       "it leaves {}",
                                                       context.head_dim, dims));
  }
  if (rope.type == RopeType::none) return rope;
  rope.original_max_position_embeddings = read_original_positions(config, scaling, rope.type, context);
  rope.attention_factor = scaling.number("attention_factor");
  const bool has_default_factor = rope.type == RopeType::longrope || rope.type == RopeType::yarn;
  const double ratio =
      std::max(1.0, static_cast<double>(context.max_position_embeddings) /
                        static_cast<double>(std::max<int64_t>(1, rope.original_max_position_embeddings)));
  rope.factor = scaling.number("factor", {}, has_default_factor ? std::optional(ratio) : std::nullopt);
  switch (rope.type) {
    case RopeType::none:
    case RopeType::linear: break;
    case RopeType::dynamic: read_dynamic(scaling, context, rope); break;
    case RopeType::llama3: read_llama3(scaling, rope); break;
    case RopeType::yarn: read_yarn(scaling, rope); break;
    case RopeType::longrope:
      rope.factor = ratio;  // mlx-lm and Phi-3 use the ratio whatever `factor` says
      read_longrope(scaling, context, rope);
      break;
  }
  return rope;
}

// transformers 5 nests one object a layer type when they differ.
const Json* nested_parameters(const JsonFields& config, FieldFaults& faults, const char* layer_type) {
  const Json* parameters = config.object("rope_parameters");
  if (parameters == nullptr) return nullptr;
  return JsonFields(*parameters, config.name("rope_parameters."), faults).object(layer_type);
}

}  // namespace

RopeConfig read_full_rope(const JsonFields& config, FieldFaults& faults, const RopeContext& context) {
  static const Json kNone = Json::object();
  const double theta = config.number("rope_theta", {}, context.defaults.theta);
  // Files that have both forms were made for readers of the old one, and both references let it win.
  if (const Json* scaling = config.object("rope_scaling")) {
    return read_rope(config, JsonFields(*scaling, config.name("rope_scaling."), faults), theta, context);
  }
  if (const Json* nested = nested_parameters(config, faults, "full_attention")) {
    return read_rope(config, JsonFields(*nested, config.name("rope_parameters.full_attention."), faults), theta,
                     context);
  }
  if (const Json* flat = config.object("rope_parameters")) {
    return read_rope(config, JsonFields(*flat, config.name("rope_parameters."), faults), theta, context);
  }
  return read_rope(config, JsonFields(kNone, config.name(""), faults), theta, context);
}

RopeConfig read_sliding_rope(const JsonFields& config, FieldFaults& faults, const RopeContext& context) {
  if (!context.defaults.sliding_theta) {
    const Json* nested = nested_parameters(config, faults, "sliding_attention");
    if (nested == nullptr) return read_full_rope(config, faults, context);
  }
  const double fallback = context.defaults.sliding_theta.value_or(context.defaults.theta);
  const double theta = config.number("rope_local_base_freq", {}, fallback);
  if (const Json* nested = nested_parameters(config, faults, "sliding_attention")) {
    return read_rope(config, JsonFields(*nested, config.name("rope_parameters.sliding_attention."), faults), theta,
                     context);
  }
  RopeConfig rope;
  rope.theta = theta;
  return rope;
}

}  // namespace mlxserving::format
