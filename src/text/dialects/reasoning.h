// Splits <think>…</think> off, and hands the rest to a parser of calls.
#pragma once

#include <memory>

#include "text/dialects/answer_parser.h"

namespace mlxserving::text {

inline constexpr const char* kThinkOpen = "<think>";
inline constexpr const char* kThinkClose = "</think>";

// `rest` null: what is no reasoning is content. A tag counts at the beginning of the answer only: a model that writes
// about tags later writes content.
std::unique_ptr<AnswerParser> make_reasoning(std::unique_ptr<AnswerParser> rest, bool begins_inside);

}  // namespace mlxserving::text
