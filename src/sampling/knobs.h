// What is made from the knob table of mlxserving/request.h: validation, reading from JSON and from the command line,
// flags, and the reference in docs/sampling.md.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/json.h"
#include "mlxserving/error.h"
#include "mlxserving/request.h"

namespace mlxserving::sampling {

// The knob of this wire name, or null.
const Knob* find_knob(std::string_view name);

// Every knob against its row. The error's param is the knob's name.
Result<void> validate(const SamplingParams& params);

// Sets one knob from a JSON value and checks it. null gives the default; `stop` may be one string. On an error `params`
// is unchanged.
Result<void> read_knob(SamplingParams& params, const Knob& knob, const Json& value);

// Every knob that `object` names; members that are no knob are left to the caller.
Result<SamplingParams> read_knobs(const Json& object);

// Sets one knob from what the command line gave for its flag: one text, or for a list one per item (`12:-1.5` for a
// logit bias; numbers may also share a text, separated by commas).
Result<void> read_knob_texts(SamplingParams& params, const Knob& knob, std::span<const std::string> texts);

std::string flag_of(const Knob& knob);     // "--top-k"
bool is_list(const Knob& knob);            // its flag may be repeated
std::string type_of(const Knob& knob);     // "integer", "list of strings"
std::string range_of(const Knob& knob);    // "[0, 2]", "up to 32, each 1 to 512 bytes", or empty
std::string default_of(const Knob& knob);  // as JSON
std::string knob_table_markdown();         // the table of docs/sampling.md

const char* to_string(SamplerOrder order);

}  // namespace mlxserving::sampling
