// The quantization block of a config.json. Private to model_config.cpp.
#pragma once

#include "core/json.h"
#include "format/json_fields.h"
#include "format/model_config.h"

namespace mlxserving::format {

// `top` is the whole file, `text` the text model's object, which may hold a Hugging Face block of its own.
QuantConfig read_quantization(const Json& top_json, const JsonFields& top, const JsonFields& text, FieldFaults& faults);

}  // namespace mlxserving::format
