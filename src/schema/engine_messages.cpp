// What callers of the Engine API pass and get, in camelCase.
#include "schema/tables.h"

namespace mlxserving::schema {
namespace {

using enum Need;

// ------------------------------------------------------------------------------------------------------------- models

constexpr Texts kVocabularyTexts = {.not_integer = "Must be an integer",
                                    .too_small = "Vocabulary size must be positive"};
constexpr Texts kSourceTexts = {.no_choice = "Source must be either huggingface or local"};
constexpr Texts kModalityTexts = {.no_choice = "Modality must be one of: text, vision, multimodal"};
constexpr Texts kFamilyTexts = {.no_choice = "Family must be either mlx-lm or mlx-vlm"};
constexpr Texts kStateTexts = {.no_choice = "Model state must be one of: loading, ready, failed"};
constexpr Texts kContextTexts = {.not_integer = "Must be an integer", .too_small = "Context length must be positive"};
constexpr Texts kModelTexts = {.no_choice = "Model must be a non-empty string or a ModelDescriptor object"};

constexpr const char* kSources[] = {"huggingface", "local"};
constexpr const char* kModalities[] = {"text", "vision", "multimodal"};
constexpr const char* kFamilies[] = {"mlx-lm", "mlx-vlm"};
constexpr const char* kStates[] = {"loading", "ready", "failed"};

constexpr Type kNumberMap = map_of(kNumber);

constexpr Field kTokenizerConfigFields[] = {
    {"type", kText, required, nullptr, "Kind of tokenizer."},
    {"vocabSize", integer(kPositive, &kVocabularyTexts), required, nullptr, "Number of token ids."},
    {"specialTokens", kNumberMap, optional, nullptr, "Special tokens and their ids."},
};
constexpr Message kTokenizerConfig = {"TokenizerConfig", "How a model's text becomes tokens.", kTokenizerConfigFields};

constexpr Field kModelDescriptorFields[] = {
    {"id", kNonEmptyString, required, nullptr, "Hub id or local name."},
    {"variant", kText, optional, nullptr, "Variant of the model, such as its quantization."},
    {"source", choice(kSources, &kSourceTexts), required, nullptr, "Where the model comes from."},
    {"path", kText, optional, nullptr, "Directory of a local model."},
    {"tokenizer", object(kTokenizerConfig), optional, nullptr, "The model's tokenizer."},
    {"modality", choice(kModalities, &kModalityTexts), required, nullptr, "What the model reads."},
    {"family", choice(kFamilies, &kFamilyTexts), required, nullptr, "Loader family."},
};
constexpr Message kModelDescriptor = {"ModelDescriptor", "Names a model and says what it is.", kModelDescriptorFields};

constexpr Type kModelOptions[] = {kNonEmptyString, object(kModelDescriptor)};

constexpr Field kLoadModelOptionsFields[] = {
    {"model", either(kModelOptions, &kModelTexts), required, nullptr, "Hub id, local name or descriptor.", "model_id"},
    {"draft", boolean(), optional, nullptr, "Load as draft model for speculative decoding."},
    {"revision", kText, optional, nullptr, "Branch, tag or commit on the hub."},
    {"quantization", kQuantization, optional, nullptr, "Quantise when loading."},
    {"parameters", kAnyMap, optional, nullptr, "Default generation parameters.", "params"},
    {"trustRemoteCode", boolean(), optional, nullptr, "Accepted for compatibility: no remote code is ever run."},
};
constexpr Message kLoadModelOptions = {"LoadModelOptions", "What to load, and how.", kLoadModelOptionsFields,
                                       Extra::keep};

constexpr Type kModelState = choice(kStates, &kStateTexts).named("ModelStateSchema");

constexpr Field kModelHandleFields[] = {
    {"descriptor", object(kModelDescriptor), required, nullptr, "The model."},
    {"state", kModelState, required, nullptr, "Whether it can be used."},
    {"contextLength", integer(kPositive, &kContextTexts), required, nullptr, "Tokens of prompt and answer together."},
    {"metadata", kAnyMap, required, nullptr, "What the runtime reports of it."},
    {"draft", boolean(), optional, nullptr, "Loaded as draft model."},
};
constexpr Message kModelHandle = {"ModelHandle", "A loaded model.", kModelHandleFields};

constexpr Field kComparedModelFields[] = {
    {"id", kText, required},
    {"vocabSize", kNumber.or_null(), required},
    {"parameterCount", kNumber, required},
    {"architecture", kText, required},
};
constexpr Message kComparedModel = {"ComparedModel", "One side of a draft check.", kComparedModelFields};

constexpr Field kPerformanceEstimateFields[] = {
    {"expectedSpeedup", kText, required, nullptr, "Such as 1.23x."},
    {"sizeRatio", kText, required, nullptr, "Such as 25.0%."},
    {"recommendation", kText, required},
};
constexpr Message kPerformanceEstimate = {"PerformanceEstimate", "What a draft model may bring.",
                                          kPerformanceEstimateFields};

constexpr Field kCompatibilityDetailsFields[] = {
    {"primaryModel", object(kComparedModel), required},
    {"draftModel", object(kComparedModel), required},
    {"performanceEstimate", object(kPerformanceEstimate), required},
};
constexpr Message kCompatibilityDetails = {"CompatibilityDetails", "Both models of a draft check.",
                                           kCompatibilityDetailsFields};

constexpr Field kCompatibilityReportFields[] = {
    {"compatible", boolean(), required, nullptr, "True if there are no errors."},
    {"errors", kTexts, required},
    {"warnings", kTexts, required},
    {"details", object(kCompatibilityDetails), required},
};
constexpr Message kCompatibilityReport = {"CompatibilityReport", "Whether one model can draft for another.",
                                          kCompatibilityReportFields};

// --------------------------------------------------------------------------------------------------------- generation

constexpr Texts kPromptTexts = {.no_choice = "Prompt must be a string, PromptTemplate, or TokenizedPrompt object"};
constexpr Texts kMaxTokensTexts = {.not_integer = "Must be an integer",
                                   .too_small = "Must be a positive integer",
                                   .too_big = "maxTokens cannot exceed 100000"};
constexpr Texts kImageFormatTexts = {.no_choice = "Image format must be one of: base64, url, path"};
constexpr const char* kImageFormats[] = {"base64", "url", "path"};

constexpr Type kTextMap = map_of(kText);
constexpr Type kTokenIds = list_of(kNonNegativeInteger);

constexpr Field kPromptTemplateFields[] = {
    {"template", kText, required, nullptr, "Text with {{ name }} where a variable goes."},
    {"variables", kTextMap, required, nullptr, "What goes there."},
};
constexpr Message kPromptTemplate = {"PromptTemplate", "A prompt with places to fill.", kPromptTemplateFields};

constexpr Field kTokenizedPromptFields[] = {{"tokens", kTokenIds, required, nullptr, "Token ids."}};
constexpr Message kTokenizedPrompt = {"TokenizedPrompt", "A prompt that is tokens already.", kTokenizedPromptFields};

constexpr Field kStructuredOutputFields[] = {
    {"schema", kAnyMap, required, nullptr, "JSON Schema that the answer must meet."},
    {"format", kStructuredFormat, required, nullptr, "Form of the answer."},
};
constexpr Message kStructuredOutput = {"StructuredOutputConfig", "What form the answer must have.",
                                       kStructuredOutputFields};

constexpr Field kVisionPromptFields[] = {
    {"images", kTexts, required, nullptr, "Images, each in the format given."},
    {"imageFormat", choice(kImageFormats, &kImageFormatTexts), optional, nullptr, "How the images are given."},
};
constexpr Message kVisionPrompt = {"VisionPromptConfig", "Images of a prompt.", kVisionPromptFields};

constexpr Type kPrompts[] = {kText, object(kPromptTemplate), object(kTokenizedPrompt)};

constexpr Field kGeneratorParamsFields[] = {
    {"model", kNonEmptyString, required, nullptr, "Id of a loaded model.", "model_id"},
    {"prompt", either(kPrompts, &kPromptTexts), required, nullptr, "What the model reads first."},
    {"maxTokens", integer({0, 100000, true}, &kMaxTokensTexts), optional, nullptr, knob_doc("max_tokens"),
     "max_tokens"},
    {"temperature", kTemperature, optional, nullptr, knob_doc("temperature")},
    {"topP", kTopP, optional, nullptr, knob_doc("top_p"), "top_p"},
    {"presencePenalty", kPenalty, optional, nullptr, knob_doc("presence_penalty"), "presence_penalty"},
    {"frequencyPenalty", kPenalty, optional, nullptr, knob_doc("frequency_penalty"), "frequency_penalty"},
    {"repetitionPenalty", kNonNegativeNumber, optional, nullptr, knob_doc("repetition_penalty"), "repetition_penalty"},
    {"stopSequences", kTexts, optional, nullptr, knob_doc("stop"), "stop_sequences"},
    {"stopTokenIds", kTokenIds, optional, nullptr, knob_doc("stop_token_ids"), "stop_token_ids"},
    {"seed", kNonNegativeInteger, optional, nullptr, knob_doc("seed")},
    {"streaming", boolean(), optional, nullptr, "Send each token as it comes.", "stream"},
    {"structured", object(kStructuredOutput), optional, nullptr, "What form the answer must have."},
    {"multimodal", object(kVisionPrompt), optional, nullptr, "Images of the prompt."},
    {"draftModel", kText, optional, nullptr, "Loaded model that drafts tokens for this request.", "draft_model"},
    {"hints", kAnyMap, optional, nullptr, "Hints to the scheduler."},
    {"promptTokens", kTokenIds, optional, nullptr, "The prompt's token ids, when the caller has them.",
     "prompt_tokens"},
};
constexpr Message kGeneratorParams = {"GeneratorParams", "What to generate from, and how.", kGeneratorParamsFields,
                                      Extra::keep};

constexpr Field kGenerationStatsFields[] = {
    {"tokensGenerated", kNonNegativeInteger, required},
    {"tokensPerSecond", kNonNegativeNumber, required},
    {"timeToFirstToken", kNonNegativeNumber, required, nullptr, "Seconds."},
    {"totalTime", kNonNegativeNumber, optional, nullptr, "Seconds."},
    {"draftTokensAccepted", kNonNegativeInteger, optional},
    {"modelId", kText, optional},
};
constexpr Message kGenerationStats = {"GenerationStats", "What a generation took.", kGenerationStatsFields};

constexpr Field kEngineErrorFields[] = {
    {"code", kText, optional, nullptr, "One of EngineErrorCode."},
    {"message", kText, required},
    {"details", kAnyMap, optional},
};
constexpr Message kEngineError = {"EngineError", "An error as a value.", kEngineErrorFields};

constexpr const char* kToken[] = {"token"};
constexpr const char* kMetadata[] = {"metadata"};
constexpr const char* kError[] = {"error"};

constexpr Field kTokenChunkFields[] = {
    {"type", choice(kToken), required},
    {"token", kText, required, nullptr, "Text that became certain."},
    {"tokenId", kNonNegativeInteger, optional},
    {"logprob", kNumber, optional, nullptr, "Natural logarithm of the token's probability."},
    {"isFinal", boolean(), optional},
    {"cumulativeText", kText, optional},
};
constexpr Message kTokenChunk = {"TokenChunk", "One token.", kTokenChunkFields};

constexpr Field kMetadataChunkFields[] = {
    {"type", choice(kMetadata), required},
    {"stats", object(kGenerationStats), required},
};
constexpr Message kMetadataChunk = {"MetadataChunk", "What the generation took; the last chunk of a good one.",
                                    kMetadataChunkFields};

constexpr Field kErrorChunkFields[] = {
    {"type", choice(kError), required},
    {"error", object(kEngineError), required},
};
constexpr Message kErrorChunk = {"ErrorChunk", "Why the generation ended early; the last chunk.", kErrorChunkFields};

constexpr Field kTokenizeRequestFields[] = {
    {"model", kNonEmptyString, required, nullptr, "Id of a loaded model.", "model_id"},
    {"text", kText, required, nullptr, "May be empty."},
    {"addBos", boolean(), optional, nullptr, "Add the special tokens that begin and end a prompt.", "add_bos"},
};
constexpr Message kTokenizeRequest = {"TokenizeRequest", "What to tokenise.", kTokenizeRequestFields};

constexpr Field kTokenizeResponseFields[] = {
    {"tokens", kTokenIds, required},
    {"tokenStrings", kTexts, optional},
};
constexpr Message kTokenizeResponse = {"TokenizeResponse", "Tokens of a text.", kTokenizeResponseFields};

// ---------------------------------------------------------------------------------------------------------- telemetry

bool is_service_name(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  for (const char c : name) {
    if (!allowed(c)) return false;
  }
  return !name.empty();
}

constexpr Pattern kServiceName = {"^[a-zA-Z0-9_-]+$", is_service_name};
constexpr Texts kEnabledTexts = {.required = "enabled field is required", .wrong_type = "enabled must be a boolean"};
constexpr Texts kServiceNameTexts = {
    .too_short = "Service name cannot be empty",
    .too_long = "Service name cannot exceed 100 characters",
    .not_matching = "Service name must contain only alphanumeric characters, hyphens, and underscores"};
constexpr Texts kPortTexts = {.not_integer = "Prometheus port must be an integer",
                              .too_small = "Prometheus port must be >= 1024",
                              .too_big = "Prometheus port must be <= 65535"};
constexpr Texts kExportTexts = {.not_integer = "Export interval must be an integer",
                                .too_small = "Export interval must be >= 1000ms (1 second)",
                                .too_big = "Export interval must be <= 600000ms (10 minutes)"};

constexpr Field kEngineTelemetryFields[] = {
    {"enabled", boolean(&kEnabledTexts), required, nullptr, "Measure and export."},
    {"serviceName", text(&kServiceNameTexts, &kServiceName).sized(1, 100), optional, "\"kr-serve-mlx\"",
     "Name in the exported metrics.", "service_name"},
    {"prometheusPort", integer({1024, 65535}, &kPortTexts), optional, "9464", "Port of /metrics.", "prometheus_port"},
    {"exportIntervalMs", integer({1000, 600000}, &kExportTexts), optional, "60000", "Milliseconds between exports.",
     "export_interval_ms"},
};
constexpr Message kEngineTelemetry = {"EngineTelemetryConfig", "telemetry.yaml, and the option of the same form.",
                                      kEngineTelemetryFields};

constexpr const Message* kMessages[] = {
    &kTokenizerConfig,     &kModelDescriptor,      &kLoadModelOptions,    &kModelHandle,     &kComparedModel,
    &kPerformanceEstimate, &kCompatibilityDetails, &kCompatibilityReport, &kPromptTemplate,  &kTokenizedPrompt,
    &kStructuredOutput,    &kVisionPrompt,         &kGeneratorParams,     &kGenerationStats, &kEngineError,
    &kTokenChunk,          &kMetadataChunk,        &kErrorChunk,          &kTokenizeRequest, &kTokenizeResponse,
    &kEngineTelemetry,
};

}  // namespace

std::span<const Message* const> engine_messages() { return kMessages; }

}  // namespace mlxserving::schema
