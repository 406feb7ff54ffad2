// Bodies of HTTP requests, in the words that OpenAI's and Anthropic's clients use. What no row names is refused by name
// (api/request_reader); every sampling knob is a row of the generating ones.
#include "core/check.h"
#include "schema/tables.h"

namespace mlxserving::schema {
namespace {

using enum Need;

constexpr const char* kPriorities[] = {"high", "normal", "low"};
constexpr Type kStopTypes[] = {kText, kTexts};
constexpr Type kTokenId = integer({0, kInt32Max});
constexpr Type kTokenIds = list_of(kTokenId);
constexpr Type kTokenLists = list_of(kTokenIds).sized(1);
constexpr Type kTextsNotEmpty = list_of(kText).sized(1);
constexpr Type kPromptTypes[] = {kText, kTextsNotEmpty, kTokenIds.sized(1), kTokenLists};
constexpr Type kMilliseconds = integer({0, kSafeInteger});

constexpr Field kStreamOptionsFields[] = {
    {"include_usage", boolean(), optional, nullptr, "A last chunk has the usage and no choice."},
};
constexpr Message kStreamOptions = {"HttpStreamOptions",  "What a stream tells besides its text.",
                                    kStreamOptionsFields, Extra::forbid,
                                    Voice::runtime,       false};

constexpr Message kAnyObject = {"HttpObject", "Any object.", {}, Extra::keep, Voice::runtime, false};
constexpr Type kObject = object(kAnyObject);
constexpr Type kObjects = list_of(kObject);
constexpr Type kToolChoiceTypes[] = {kText, kObject};

constexpr Type kUser = kText.sized(0, 512);

// Which form the answer must have, as vLLM's clients say it; docs/structured-output.md.
constexpr Type kSchemaTypes[] = {kObject, boolean(), kText};
constexpr Type kTagTypes[] = {kObject, kText};
constexpr Field kStructuredOutputsFields[] = {
    {"json", either(kSchemaTypes).or_null(), optional, nullptr, "A JSON Schema, or a string that holds one."},
    {"json_object", boolean().or_null(), optional, nullptr, "Any JSON object."},
    {"regex", kText.or_null(), optional, nullptr, "A pattern that the whole answer matches."},
    {"choice", kTextsNotEmpty.or_null(), optional, nullptr, "The answer is one of these."},
    {"grammar", kText.or_null(), optional, nullptr, "A grammar: GBNF where it has ::=, else Lark."},
    {"xml", kText.or_null(), optional, nullptr,
     "An XML Schema, or an example whose elements the answer has; empty: any well-formed document."},
    {"structural_tag", either(kTagTypes).or_null(), optional, nullptr,
     "{\"structures\": [{\"begin\", \"schema\", \"end\"}], \"triggers\": [...]}: parts of the text that follow a "
     "schema."},
    {"disable_any_whitespace", boolean().or_null(), optional, nullptr, "No white space between JSON's tokens."},
};
constexpr Message kStructuredOutputs = {"HttpStructuredOutputs",  "The one form that the answer must have.",
                                        kStructuredOutputsFields, Extra::forbid,
                                        Voice::runtime,           false};
#define MLXS_FORM_FIELDS                                                                                             \
  {"response_format", kObject.or_null(), optional, nullptr,                                                          \
   "{\"type\": \"text\" | \"json_object\" | \"json_schema\" | \"structural_tag\", ...}."},                           \
      {"structured_outputs", object(kStructuredOutputs).or_null(), optional, nullptr, "The form, as one of these."}, \
      {"guided_json", either(kSchemaTypes).or_null(), optional, nullptr, "As structured_outputs.json."},             \
      {"guided_regex", kText.or_null(), optional, nullptr, "As structured_outputs.regex."},                          \
      {"guided_choice", kTextsNotEmpty.or_null(), optional, nullptr, "As structured_outputs.choice."},               \
      {"guided_grammar", kText.or_null(), optional, nullptr, "As structured_outputs.grammar."}

// Rows that every generating endpoint has besides the knobs.
#define MLXS_COMMON_FIELDS                                                                                         \
  {"model", kText.sized(1), required, nullptr, "The id of a model that /v1/models lists."},                        \
      {"stream", boolean().or_null(), optional, nullptr, "Server-sent events instead of one JSON object."},        \
      {"user", kUser.or_null(), optional, nullptr, "Stands in the access log."},                                   \
      {"priority", choice(kPriorities), optional, nullptr, "Who goes first when the machine is short."},           \
      {"timeout_ms", kMilliseconds, optional, nullptr, "The request fails after so many milliseconds; 0: never."}, \
      {"effective", boolean(), optional, nullptr,                                                                  \
       "The response says what really ran: every knob, the seed, the model."}

// Of OpenAI's own service: what asks for nothing that is missing here.
constexpr const char* kTiers[] = {"auto", "default"};
#define MLXS_OPENAI_FIELDS                                                                                           \
  {"store", boolean().or_null(), optional, nullptr, "Only false: nothing is kept."},                                 \
      {"service_tier", choice(kTiers).or_null(), optional, nullptr, "There is one tier; priority orders requests."}, \
      {"prompt_cache_key", kText.or_null(), optional, nullptr,                                                       \
       "A hint; what prompts begin with alike is shared anyway."}

constexpr Field kChatFields[] = {
    MLXS_COMMON_FIELDS,
    {"messages", kObjects.sized(1), required, nullptr, "The chat, as the model's template takes it."},
    {"stream_options", object(kStreamOptions).or_null(), optional, nullptr, "Only with stream."},
    {"n", integer({1, kAnswersMax}).or_null(), optional, nullptr, "Independent answers."},
    {"max_completion_tokens", integer({0, kInt32Max}).or_null(), optional, nullptr, "Another name of max_tokens."},
    {"stop", either(kStopTypes).or_null(), optional, nullptr, knob_doc("stop")},
    {"tools", kObjects.or_null(), optional, nullptr, "Functions that the model may call."},
    {"tool_choice", either(kToolChoiceTypes).or_null(), optional, nullptr,
     "auto, none, required, or {\"type\": \"function\", \"function\": {\"name\": ...}}."},
    {"parallel_tool_calls", boolean().or_null(), optional, nullptr, "false: at most one call."},
    MLXS_FORM_FIELDS,
    {"reasoning_effort", kText.or_null(), optional, nullptr,
     "Given to the template as reasoning_effort; none: as enable_thinking false."},
    {"chat_template_kwargs", kObject.or_null(), optional, nullptr, "Further variables of the template."},
    MLXS_OPENAI_FIELDS,
};
constexpr Message kChat = {
    "ChatCompletionRequest", "Body of POST /v1/chat/completions.", kChatFields, Extra::forbid, Voice::runtime, true};

constexpr Field kCompletionFields[] = {
    MLXS_COMMON_FIELDS,
    {"prompt", either(kPromptTypes), required, nullptr, "A text, a list of texts, token ids, or a list of those."},
    {"stream_options", object(kStreamOptions).or_null(), optional, nullptr, "Only with stream."},
    {"n", integer({1, kAnswersMax}).or_null(), optional, nullptr, "Answers returned for each prompt."},
    {"best_of", integer({1, kAnswersMax}).or_null(), optional, nullptr,
     "Answers made for each prompt, of which the n most likely a token are returned; not in a stream."},
    {"echo", boolean().or_null(), optional, nullptr, "The text begins with the prompt's."},
    {"logprobs", integer({0, kTopLogprobsMax}).or_null(), optional, nullptr,
     "Report the log-probability of each token and of so many most likely ones."},
    {"stop", either(kStopTypes).or_null(), optional, nullptr, knob_doc("stop")},
    MLXS_FORM_FIELDS,
};
constexpr Message kCompletion = {
    "CompletionRequest", "Body of POST /v1/completions.", kCompletionFields, Extra::forbid, Voice::runtime, true};

constexpr Field kTokenizeFields[] = {
    {"model", kText.sized(1), optional, nullptr, "May be absent while one model is loaded."},
    {"content", kText, optional, nullptr, "The text."},
    {"prompt", kText, optional, nullptr, "Another name of content."},
    {"add_special", boolean(), defaulted, "true", "Add the tokens that begin or end every text of the model."},
};
constexpr Message kTokenize = {
    "HttpTokenizeRequest", "Body of POST /tokenize.", kTokenizeFields, Extra::forbid, Voice::runtime, false};

constexpr Field kDetokenizeFields[] = {
    {"model", kText.sized(1), optional, nullptr, "May be absent while one model is loaded."},
    {"tokens", kTokenIds, required, nullptr, "Token ids."},
    {"special_tokens", boolean(), defaulted, "true", "Spell special tokens out."},
};
constexpr Message kDetokenize = {
    "HttpDetokenizeRequest", "Body of POST /detokenize.", kDetokenizeFields, Extra::forbid, Voice::runtime, false};

constexpr Field kTemplateFields[] = {
    {"model", kText.sized(1), optional, nullptr, "May be absent while one model is loaded."},
    {"messages", kObjects.sized(1), required, nullptr, "The chat."},
    {"tools", kObjects.or_null(), optional},
    {"chat_template_kwargs", kObject.or_null(), optional, nullptr, "Further variables of the template."},
};
constexpr Message kTemplate = {
    "HttpTemplateRequest", "Body of POST /apply-template.", kTemplateFields, Extra::forbid, Voice::runtime, false};

constexpr Field kModelFields[] = {
    {"model", kText.sized(1), required, nullptr, "The id of a model that /v1/models lists."},
    {"stream", boolean(), optional, nullptr, "Tell the progress as server-sent events."},
};
constexpr Message kModel = {"HttpModelRequest", "Body of POST /v1/models/load and /v1/models/unload.",
                            kModelFields,       Extra::forbid,
                            Voice::runtime,     false};

constexpr const char* kPoolings[] = {"mean", "last"};
constexpr const char* kEncodings[] = {"float", "base64"};
constexpr Field kEmbeddingFields[] = {
    {"model", kText.sized(1), required, nullptr, "The id of a model that /v1/models lists."},
    {"input", either(kPromptTypes), required, nullptr, "A text, a list of texts, token ids, or a list of those."},
    {"encoding_format", choice(kEncodings), optional, nullptr, "base64: 32-bit floats, little endian."},
    {"pooling", choice(kPoolings), optional, nullptr, "How the tokens' vectors become one."},
    {"normalize", boolean(), optional, nullptr, "To length 1; true unless given."},
    {"user", kUser.or_null(), optional, nullptr, "Stands in the access log."},
};
constexpr Message kEmbedding = {
    "EmbeddingRequest", "Body of POST /v1/embeddings.", kEmbeddingFields, Extra::forbid, Voice::runtime, false};

constexpr Type kContentTypes[] = {kText, kObjects};
constexpr Field kAnthropicFields[] = {
    {"model", kText.sized(1), required, nullptr, "The id of a model that /v1/models lists."},
    {"messages", kObjects.sized(1), required, nullptr, "The chat in Anthropic's form."},
    {"max_tokens", integer({1, kInt32Max}), required, nullptr, knob_doc("max_tokens")},
    {"system", either(kContentTypes), optional, nullptr, "The system prompt: a text, or a list of text blocks."},
    {"stream", boolean(), optional, nullptr, "Server-sent events instead of one JSON object."},
    {"stop_sequences", kTexts, optional, nullptr, knob_doc("stop")},
    {"tools", kObjects, optional, nullptr, "Tools that the model may call."},
    {"tool_choice", kObject, optional, nullptr, "{\"type\": \"auto\" | \"any\" | \"none\" | \"tool\", ...}."},
    {"thinking", kObject, optional, nullptr, "{\"type\": \"enabled\" | \"disabled\"}: the template's enable_thinking."},
    {"metadata", kObject, optional, nullptr, "Its user_id stands in the access log."},
};
constexpr Message kAnthropic = {
    "AnthropicMessagesRequest", "Body of POST /v1/messages.", kAnthropicFields, Extra::forbid, Voice::runtime, true};

constexpr Type kInputTypes[] = {kText, kObjects.sized(1)};
constexpr Field kResponsesFields[] = {
    MLXS_COMMON_FIELDS,
    {"input", either(kInputTypes), required, nullptr, "A text, or a list of messages, calls and their results."},
    {"instructions", kText.or_null(), optional, nullptr, "The system prompt."},
    {"max_output_tokens", integer({0, kInt32Max}).or_null(), optional, nullptr, knob_doc("max_tokens")},
    {"tools", kObjects, optional, nullptr, "Functions that the model may call."},
    {"tool_choice", either(kToolChoiceTypes), optional, nullptr,
     "auto, none, required, or {\"type\": \"function\", \"name\": ...}."},
    {"parallel_tool_calls", boolean().or_null(), optional, nullptr, "false: at most one call."},
    {"text", kObject, optional, nullptr,
     "{\"format\": {\"type\": \"text\" | \"json_object\" | \"json_schema\", ...}}."},
    {"reasoning", kObject.or_null(), optional, nullptr, "{\"effort\": ...}, as reasoning_effort of a chat."},
    MLXS_OPENAI_FIELDS,
    {"metadata", kObject.or_null(), optional, nullptr, "Comes back as it was sent."},
};
constexpr Message kResponses = {
    "ResponsesRequest", "Body of POST /v1/responses.", kResponsesFields, Extra::forbid, Voice::runtime, true};

#undef MLXS_COMMON_FIELDS
#undef MLXS_FORM_FIELDS
#undef MLXS_OPENAI_FIELDS

constexpr const Message* kMessages[] = {
    &kStreamOptions, &kStructuredOutputs, &kAnyObject, &kChat,      &kCompletion, &kTokenize,
    &kDetokenize,    &kTemplate,          &kModel,     &kEmbedding, &kAnthropic,  &kResponses,
};

}  // namespace

std::span<const Message* const> http_messages() { return kMessages; }

const Message& http_message(std::string_view name) {
  for (const Message* message : kMessages) {
    if (message->name == name) return *message;
  }
  throw BrokenInvariant("there is no HTTP message of this name");
}

}  // namespace mlxserving::schema
