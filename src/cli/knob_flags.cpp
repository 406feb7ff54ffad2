#include "cli/knob_flags.h"

#include <fmt/format.h>

#include "core/result.h"
#include "sampling/knobs.h"

namespace mlxserving::cli {
namespace {

const char* type_name(const Knob& knob) {
  const std::string type = sampling::type_of(knob);
  if (type.find("object") != std::string::npos) return "ID:BIAS";
  if (type.find("integer") != std::string::npos) return "INT";
  return type.find("number") != std::string::npos ? "NUMBER" : "TEXT";
}

}  // namespace

KnobFlags::KnobFlags(CLI::App& command) {
  for (const Knob& knob : kKnobs) {
    const std::string range = sampling::range_of(knob);
    const std::string help =
        fmt::format("{}{} Default {}.", knob.doc, range.empty() ? "" : " " + range + ".", sampling::default_of(knob));
    CLI::Option* option = nullptr;
    if (std::holds_alternative<KnobMember<bool>>(knob.field)) {
      option = command.add_flag(sampling::flag_of(knob), switches_[knob.name], help);
    } else {
      option = command.add_option(sampling::flag_of(knob), texts_[knob.name], help)->allow_extra_args(false);
      if (!sampling::is_list(knob)) option->expected(1);
      option->type_name(type_name(knob))->check([&knob](const std::string& text) {
        SamplingParams alone;
        const auto read = sampling::read_knob_texts(alone, knob, {&text, 1});
        return read ? std::string() : read.error().message;
      });
    }
    option->group("Sampling");
  }
}

Result<SamplingParams> KnobFlags::read(SamplingParams params) const {
  for (const auto& [name, texts] : texts_) {
    if (!texts.empty()) MLXS_CHECKED(sampling::read_knob_texts(params, *sampling::find_knob(name), texts));
  }
  for (const auto& [name, on] : switches_) {
    if (on) MLXS_CHECKED(read_knob_text(params, name, "true"));
  }
  return params;
}

Result<void> read_knob_text(SamplingParams& params, const std::string& name, const std::string& text) {
  const Knob* knob = sampling::find_knob(name);
  if (knob == nullptr) return fail(ErrorCode::invalid_request, name, "there is no sampling knob named '{}'", name);
  return sampling::read_knob_texts(params, *knob, {&text, 1});
}

}  // namespace mlxserving::cli
