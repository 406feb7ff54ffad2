// What the tables of messages share: scalar types with the texts that users know, and one list a file.
#pragma once

#include <span>

#include "schema/schema.h"

namespace mlxserving::schema {

std::span<const Message* const> engine_messages();  // what callers of the Engine API pass and get
std::span<const Message* const> event_messages();   // what the engine emits
std::span<const Message* const> rpc_messages();     // JSON-RPC envelopes, params, results and notifications
std::span<const Message* const>
config_messages();                                // runtime.yaml: what the engine and its runtime read; telemetry.yaml
std::span<const Message* const> flag_messages();  // feature-flags.yaml
std::span<const Message* const> http_messages();  // bodies of HTTP requests

inline constexpr Texts kNonEmptyTexts = {.too_short = "Cannot be empty"};
inline constexpr Texts kPositiveTexts = {.not_integer = "Must be an integer",
                                         .too_small = "Must be a positive integer"};
inline constexpr Texts kNonNegativeTexts = {.not_integer = "Must be an integer", .too_small = "Must be non-negative"};
inline constexpr Texts kTemperatureTexts = {.too_small = "Temperature must be at least 0",
                                            .too_big = "Temperature cannot exceed 2"};
inline constexpr Texts kTopPTexts = {.too_small = "Top-p must be at least 0", .too_big = "Top-p cannot exceed 1"};
inline constexpr Texts kPenaltyTexts = {.too_small = "Penalty must be at least -2",
                                        .too_big = "Penalty cannot exceed 2"};
inline constexpr Texts kQuantizationTexts = {.no_choice = "Quantization must be one of: none, int8, int4"};
inline constexpr Texts kFormatTexts = {.no_choice = "Format must be either json or yaml"};

inline constexpr const char* kQuantizationModes[] = {"none", "int8", "int4"};
inline constexpr const char* kStructuredFormats[] = {"json", "yaml"};

inline constexpr Range kPositive = {0, kInfinity, true};
inline constexpr Range kFromZero = {0, kInfinity};

inline constexpr Type kText = text();
inline constexpr Type kAny = any();
inline constexpr Type kNumber = number();
inline constexpr Type kNonEmptyString = text(&kNonEmptyTexts).sized(1).named("NonEmptyString");
inline constexpr Type kPositiveInteger = integer(kPositive, &kPositiveTexts).named("PositiveInteger");
inline constexpr Type kNonNegativeInteger = integer(kFromZero, &kNonNegativeTexts).named("NonNegativeInteger");
inline constexpr Type kNonNegativeNumber = number(kFromZero, &kNonNegativeTexts).named("NonNegativeNumber");
inline constexpr Type kTemperature = number({0, 2}, &kTemperatureTexts).named("ClampedTemperature");
inline constexpr Type kTopP = number({0, 1}, &kTopPTexts).named("ClampedTopP");
inline constexpr Type kPenalty = number({-2, 2}, &kPenaltyTexts).named("ClampedPenalty");
inline constexpr Type kQuantization = choice(kQuantizationModes, &kQuantizationTexts).named("QuantizationModeSchema");
inline constexpr Type kStructuredFormat = choice(kStructuredFormats, &kFormatTexts).named("StructuredFormat");
inline constexpr Type kTexts = list_of(kText);
inline constexpr Type kAnyMap = map_of(kAny);

}  // namespace mlxserving::schema
