// JSON-RPC over stdio, in snake_case: envelopes, the params of each method, results and notifications.
#include <algorithm>

#include "schema/tables.h"

namespace mlxserving::schema {
namespace {

using enum Need;

// ---------------------------------------------------------------------------------------------------------- envelopes

constexpr const char* kTwoZero[] = {"2.0"};
constexpr Type kVersion = choice(kTwoZero);
constexpr Type kRequestIds[] = {kText, kNumber};
constexpr Type kReplyIds[] = {kText, kNumber.or_null()};

constexpr Field kRequestFields[] = {
    {"jsonrpc", kVersion, required},
    {"method", kText, required},
    {"params", kAny, optional},
    {"id", either(kRequestIds), optional, nullptr, "Absent in a notification."},
};
constexpr Message kRequest = {"JsonRpcRequest", "A call.", kRequestFields};

constexpr Field kSuccessFields[] = {
    {"jsonrpc", kVersion, required},
    {"result", kAny, optional},
    {"id", either(kReplyIds), required},
};
constexpr Rule kSuccessRules[] = {
    {Rule::Kind::present, "result", nullptr, "JSON-RPC success response must have result field"}};
constexpr Message kSuccess = {"JsonRpcSuccess", "A good reply.", kSuccessFields, Extra::strip,
                              Voice::zod,       false,           kSuccessRules};

constexpr Field kErrorObjectFields[] = {
    {"code", kNumber, required},
    {"message", kText, required},
    {"data", kAny, optional},
};
constexpr Message kErrorObject = {"JsonRpcErrorObject", "Why a call failed.", kErrorObjectFields};

constexpr Field kErrorResponseFields[] = {
    {"jsonrpc", kVersion, required},
    {"error", object(kErrorObject), required},
    {"id", either(kReplyIds), required},
};
constexpr Rule kErrorRules[] = {
    {Rule::Kind::present, "error", nullptr, "JSON-RPC error response must have error field"}};
constexpr Message kErrorResponse = {"JsonRpcErrorResponse",
                                    "A failed call's reply.",
                                    kErrorResponseFields,
                                    Extra::strip,
                                    Voice::zod,
                                    false,
                                    kErrorRules};

constexpr Field kNotificationFields[] = {
    {"jsonrpc", kVersion, required},
    {"method", kText, required},
    {"params", kAny, optional},
};
constexpr Message kNotification = {"JsonRpcNotification", "A message that wants no reply.", kNotificationFields};

// ------------------------------------------------------------------------------------------------------------- params

// ^[a-zA-Z0-9_\-./@:]+$ without ".."
bool is_model_id(std::string_view id) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("_-./@:").find(c) != std::string_view::npos;
  };
  return std::all_of(id.begin(), id.end(), allowed) && id.find("..") == std::string_view::npos;
}

bool is_safe_path(std::string_view path) {
  return path.find("..") == std::string_view::npos && path.find('~') == std::string_view::npos;
}

constexpr Pattern kModelIdPattern = {"^(?!.*\\.\\.)[a-zA-Z0-9_\\-./@:]*$", is_model_id};
constexpr Pattern kSafePath = {"^(?!.*\\.\\.)[^~]*$", is_safe_path};

constexpr Texts kModelIdTexts = {.not_matching = "{field} contains invalid characters or path traversal attempts"};
constexpr Texts kPathTexts = {.not_matching = "Path contains potentially unsafe sequences (.. or ~): {text}"};
constexpr Texts kContextTexts = {.too_small = "{field} out of range (1 to {max}), got {value}",
                                 .too_big = "{field} out of range (1 to {max}), got {value}"};
constexpr Texts kMaxTokensTexts = {.too_small = "{field} must be positive, got {value}"};
constexpr Texts kTemperatureFaults = {.too_small = "{field} must be non-negative, got {value}"};
constexpr Texts kTopPFaults = {.too_small = "{field} must be in (0, 1], got {value}",
                               .too_big = "{field} must be in (0, 1], got {value}"};
constexpr Texts kPenaltyFaults = {.too_small = "{field} must be in [{min}, {max}], got {value}",
                                  .too_big = "{field} must be in [{min}, {max}], got {value}"};
constexpr Texts kSeedTexts = {.too_small = "{field} out of range (0 to 4294967295)",
                              .too_big = "{field} out of range (0 to 4294967295)"};
constexpr Texts kStopListTexts = {.too_long = "too many {field} ({size}, max {max_size})"};
constexpr Texts kStopTexts = {.wrong_type = "{field} must be a string"};
constexpr Texts kTokenIdTexts = {.wrong_type = "{field} must be an integer",
                                 .not_integer = "{field} must be an integer",
                                 .too_small = "{field} out of range",
                                 .too_big = "{field} out of range"};
constexpr Texts kImageTexts = {.required = "image parameter is required for vision generation",
                               .wrong_type = "image must be a base64 string or bytes, got {received}",
                               .too_short = "image payload is empty"};
constexpr Texts kBatchTexts = {.required = "batch_generate expects 'requests' to be a list",
                               .wrong_type = "batch_generate expects 'requests' to be a list"};
constexpr Texts kVisionQuantizationTexts = {.no_choice = "quantization must be one of {{choices}} or omitted"};

constexpr size_t kPromptCharactersMax = 1'048'576;
constexpr size_t kImageCharactersMax = 16'777'216;  // base64 of 10 MiB, with room for a data URI's head

constexpr Type kModelId = text(&kModelIdTexts, &kModelIdPattern).sized(1, 512);
constexpr Type kLocalPath = text(&kPathTexts, &kSafePath).sized(0, 4096).or_null();
constexpr Type kRevision = text().sized(0, 256).or_null();
constexpr Type kPromptText = text().sized(0, kPromptCharactersMax);
constexpr Type kMaxTokens = integer(
    {.min = 0, .max = kSafeInteger, .above_min = true, .max_key = "model.max_generation_tokens"}, &kMaxTokensTexts);
constexpr Type kSamplingTemperature =
    number({.min = 0, .max = 10, .max_key = "model.max_temperature"}, &kTemperatureFaults);
constexpr Type kNucleus = number({0, 1, true}, &kTopPFaults);
constexpr Type kSigned = number({-2, 2}, &kPenaltyFaults);
constexpr Type kStopString = text(&kStopTexts).sized(0, 100);
constexpr Type kTokenId = integer({0, 1'000'000}, &kTokenIdTexts);
constexpr Type kIds = list_of(kTokenId);

constexpr Type kStreamId = text().sized(1, 256);
constexpr Type kCount = integer({0, kSafeInteger});

constexpr Message kNoParams = {"NoParams", "Params of methods that take none.", {}, Extra::keep, Voice::runtime};

constexpr Field kLoadModelFields[] = {
    {"model_id", kModelId, required, nullptr, "Hub id, or the name of a local model."},
    {"revision", kRevision, optional, nullptr, "Branch, tag or commit on the hub."},
    {"quantization", text().sized(0, 64).or_null(), optional, nullptr, "Quantise when loading: int4, int8 or none."},
    {"draft", boolean(), optional, nullptr, "Load as draft model."},
    {"local_path", kLocalPath, optional, nullptr, "Absolute directory of the model."},
    {"context_length", integer({1, 1'000'000}, &kContextTexts), optional, nullptr, "Tokens of prompt and answer."},
    {"trust_remote_code", boolean(), optional, nullptr, "Accepted for compatibility: no remote code is ever run.",
     nullptr, Effect::inert},
};
constexpr Message kLoadModelParams = {"LoadModelParams", "load_model", kLoadModelFields, Extra::keep, Voice::runtime};

constexpr Field kUnloadModelFields[] = {
    {"model_id", kModelId, required},
    {"force", boolean(), optional, nullptr, "Accepted for compatibility.", nullptr, Effect::inert},
};
constexpr Message kUnloadModelParams = {"UnloadModelParams", "unload_model", kUnloadModelFields, Extra::strip,
                                        Voice::runtime};

constexpr Type kGuidanceSchemas[] = {kAnyMap, kText, kTexts};
constexpr Field kGuidanceFields[] = {
    {"mode", kText, optional, "\"json_schema\"", "json_schema, xml, regex, choice, gbnf or lark."},
    {"schema", either(kGuidanceSchemas), required, nullptr,
     "A JSON Schema as object; the texts of a choice as list; the XML schema or example, pattern or grammar as text."},
    {"model_id", kText, optional},
    {"temperature", kNumber, optional},
};
constexpr Message kGuidance = {"GuidanceParams", "What form the answer must have.", kGuidanceFields, Extra::strip,
                               Voice::runtime};

constexpr const char* kPriorities[] = {"high", "normal", "low"};
constexpr Field kGenerateFields[] = {
    {"model_id", kModelId, required},
    {"prompt", kPromptText, required, nullptr, "What the model reads first."},
    {"max_tokens", kMaxTokens, optional, nullptr, knob_doc("max_tokens")},
    {"temperature", kSamplingTemperature, optional, "0.7", knob_doc("temperature")},
    {"top_p", kNucleus, optional, "1.0", knob_doc("top_p")},
    {"streaming", boolean(), optional, "true", "Send each token as it comes."},
    {"presence_penalty", kSigned, optional, nullptr, knob_doc("presence_penalty")},
    {"frequency_penalty", kSigned, optional, nullptr, knob_doc("frequency_penalty")},
    {"repetition_penalty", number({0, 100, true}), optional, nullptr, knob_doc("repetition_penalty")},
    {"stop_sequences", list_of(kStopString, &kStopListTexts).sized(0, 10).or_null(), optional, nullptr,
     knob_doc("stop"), "stop"},
    {"stop_token_ids", list_of(kTokenId, &kStopListTexts).sized(0, 100).or_null(), optional, nullptr,
     knob_doc("stop_token_ids")},
    {"seed", integer({0, 4294967295.0}, &kSeedTexts).or_null(), optional, nullptr, knob_doc("seed")},
    {"guidance", object(kGuidance), optional, nullptr, "What form the answer must have."},
    {"draft_model", kText, optional, nullptr, "Loaded model that drafts tokens for this request."},
    {"prompt_tokens", kIds, optional, nullptr, "The prompt's token ids; they replace the text."},
    {"stream_id", kStreamId, optional, nullptr, "Names the stream in its notifications; made up when absent."},
    {"raw", boolean(), optional, "true", "Give the prompt to the model as it is; false applies its chat template."},
    {"priority", choice(kPriorities), optional, "\"normal\"", "Who goes first when the machine is short."},
    {"timeout_ms", kCount, optional, nullptr, "From the request to its last event; 0 or absent: none."},
    {"credit", integer({1, kSafeInteger}), optional, nullptr,
     "Chunks that may be sent before stream.ack returns some; absent: any number."},
};
constexpr Message kGenerateParams = {"GenerateParams", "generate", kGenerateFields, Extra::keep, Voice::runtime, true};

constexpr Field kBatchGenerateFields[] = {
    {"requests", list_of(kAny, &kBatchTexts), required, nullptr, "Params of generate, each with its stream_id."}};
constexpr Message kBatchGenerateParams = {"BatchGenerateParams", "batch_generate", kBatchGenerateFields, Extra::keep,
                                          Voice::runtime};

constexpr Field kBatchGenerateParallelFields[] = {
    {"requests", list_of(kAny, &kBatchTexts), required, nullptr, "Params of generate, each with its stream_id."},
    {"batch_size", integer({1, kSafeInteger}), optional, "4", "Accepted for compatibility: batches form by themselves.",
     nullptr, Effect::inert},
};
constexpr Message kBatchGenerateParallelParams = {"BatchGenerateParallelParams", "batch_generate_parallel",
                                                  kBatchGenerateParallelFields, Extra::keep, Voice::runtime};

constexpr Field kModelParamsFields[] = {{"model_id", kModelId, required}};
constexpr Message kModelParams = {"ModelParams", "Params of methods that ask about one model.", kModelParamsFields,
                                  Extra::strip, Voice::runtime};

constexpr Field kShutdownParamsFields[] = {
    {"timeout_ms", integer({0, kSafeInteger}), optional, "0",
     "How long running requests may take to finish before they are cancelled."},
};
constexpr Message kShutdownParams = {"ShutdownParams", "shutdown", kShutdownParamsFields, Extra::strip, Voice::runtime};

constexpr Field kStreamAckFields[] = {
    {"stream_id", kStreamId, required},
    {"count", kCount, required, nullptr, "Chunks that the client has taken since the last time."},
};
constexpr Message kStreamAckParams = {"StreamAckParams", "stream.ack", kStreamAckFields, Extra::strip, Voice::runtime};

constexpr Field kTokenizeFields[] = {
    {"model_id", kModelId, required},
    {"text", kPromptText, required},
    {"add_special_tokens", boolean(), optional, "true", "Add the special tokens that begin and end a prompt."},
};
constexpr Message kTokenizeParams = {"TokenizeParams", "tokenize", kTokenizeFields, Extra::strip, Voice::runtime};

constexpr Field kCheckDraftFields[] = {
    {"primary_id", kModelId, required},
    {"draft_id", kModelId, required},
};
constexpr Message kCheckDraftParams = {"CheckDraftParams", "check_draft", kCheckDraftFields, Extra::strip,
                                       Voice::runtime};

constexpr Field kBatchTokenizeFields[] = {{"requests", list_of(kAny), required, nullptr, "Params of tokenize."}};
constexpr Message kBatchTokenizeParams = {"BatchTokenizeParams", "batch_tokenize", kBatchTokenizeFields, Extra::strip,
                                          Voice::runtime};

constexpr Field kBatchCheckDraftFields[] = {{"requests", list_of(kAny), required, nullptr, "Params of check_draft."}};
constexpr Message kBatchCheckDraftParams = {"BatchCheckDraftParams", "batch_check_draft", kBatchCheckDraftFields,
                                            Extra::strip, Voice::runtime};

constexpr const char* kVisionQuantizations[] = {"int4", "int8", "fp16", "bf16"};
constexpr Field kLoadVisionModelFields[] = {
    {"model_id", kModelId, required},
    {"revision", text().sized(0, 256), defaulted, "\"main\""},
    {"quantization", choice(kVisionQuantizations, &kVisionQuantizationTexts).or_null(), optional},
    {"local_path", kLocalPath, optional},
};
constexpr Message kLoadVisionModelParams = {"LoadVisionModelParams", "load_vision_model", kLoadVisionModelFields,
                                            Extra::keep, Voice::runtime};

constexpr Field kGenerateWithImageFields[] = {
    {"model_id", kModelId, required},
    {"prompt", kPromptText, required},
    {"image", text(&kImageTexts).sized(1, kImageCharactersMax), required, nullptr, "Base64 or a data URI."},
    {"max_tokens", kMaxTokens, defaulted, "100", knob_doc("max_tokens")},
    {"temperature", kSamplingTemperature, defaulted, "0", knob_doc("temperature")},
    {"top_p", kNucleus, defaulted, "1", knob_doc("top_p")},
    {"stream_id", kStreamId, optional},
};
constexpr Message kGenerateWithImageParams = {"GenerateWithImageParams", "generate_with_image",
                                              kGenerateWithImageFields, Extra::keep, Voice::runtime};

constexpr Type kCancelIds[] = {text(), number()};
constexpr Field kCancelFields[] = {
    {"stream_id", text(), optional, nullptr, "The stream to end."},
    {"id", either(kCancelIds), optional, nullptr, "The pending request to end."},
};
constexpr Message kCancelParams = {"CancelParams", "cancel", kCancelFields, Extra::strip, Voice::runtime};

// ------------------------------------------------------------------------------------------------------------ results

constexpr Field kMemoryFields[] = {
    {"rss", kNumber, required, nullptr, "Bytes."},
    {"vms", kNumber, required, nullptr, "Bytes."},
};
constexpr Message kMemory = {"RuntimeMemory", "Memory of the runtime.", kMemoryFields};

constexpr Field kRuntimeInfoFields[] = {
    {"version", kText, required},          {"mlx_version", kText, required},   {"mlx_lm_version", kText, optional},
    {"protocol", kText, required},         {"capabilities", kTexts, required}, {"mlx_supported", boolean(), optional},
    {"memory", object(kMemory), optional},
};
constexpr Message kRuntimeInfoResponse = {"RuntimeInfoResponse", "runtime/info", kRuntimeInfoFields};

constexpr Field kStateModelFields[] = {
    {"model_id", kText, required},
    {"state", kText, required},
    {"type", kText, required, nullptr, "text or vision."},
};
constexpr Message kStateModel = {"RuntimeStateModel", "One loaded model.", kStateModelFields};
constexpr Type kStateModelType = object(kStateModel);

constexpr Field kRuntimeStateFields[] = {
    {"loaded_models", list_of(kStateModelType), required},
    {"active_streams", kNonNegativeInteger, required},
    {"restart_count", kNonNegativeInteger, required},
};
constexpr Message kRuntimeStateResponse = {"RuntimeStateResponse", "runtime/state", kRuntimeStateFields};

constexpr Field kShutdownFields[] = {{"success", boolean(), required}};
constexpr Message kShutdownResponse = {"ShutdownResponse", "shutdown", kShutdownFields};

constexpr const char* kLoadStates[] = {"ready", "loading", "error"};
constexpr Field kLoadModelResponseFields[] = {
    {"model_id", kText, required},
    {"state", choice(kLoadStates), required},
    {"context_length", kPositiveInteger, optional},
    {"parameter_count", kNonNegativeInteger, optional},
    {"dtype", kText, optional},
    {"is_vision_model", boolean(), optional},
    {"tokenizer_type", kText, optional},
    {"memory_usage", kNonNegativeNumber, optional},
    {"cached_path", kText.or_null(), optional},
};
constexpr Message kLoadModelResponse = {"LoadModelResponse", "load_model", kLoadModelResponseFields};

constexpr Field kGenerateResponseFields[] = {
    {"stream_id", kText, required},
    {"started_at", kNumber, required, nullptr, "Seconds since 1970."},
};
constexpr Message kGenerateResponse = {"GenerateResponse", "generate", kGenerateResponseFields};

constexpr Field kRpcTokenizeResponseFields[] = {
    {"tokens", list_of(kNonNegativeInteger), required},
    {"token_strings", kTexts, optional},
};
constexpr Message kRpcTokenizeResponse = {"RpcTokenizeResponse", "tokenize", kRpcTokenizeResponseFields};

constexpr Field kDraftSideFields[] = {
    {"id", kText, required},
    {"vocab_size", kNumber.or_null(), required},
    {"parameter_count", kNumber, required},
    {"architecture", kText, required},
};
constexpr Message kDraftSide = {"CheckDraftModel", "One side of a draft check.", kDraftSideFields};

constexpr Field kDraftEstimateFields[] = {
    {"expected_speedup", kText, required},
    {"size_ratio", kText, required},
    {"recommendation", kText, required},
};
constexpr Message kDraftEstimate = {"CheckDraftEstimate", "What a draft model may bring.", kDraftEstimateFields};

constexpr Field kDraftDetailsFields[] = {
    {"primary_model", object(kDraftSide), required},
    {"draft_model", object(kDraftSide), required},
    {"performance_estimate", object(kDraftEstimate), required},
};
constexpr Message kDraftDetails = {"CheckDraftDetails", "Both models of a draft check.", kDraftDetailsFields};

constexpr Field kCheckDraftResponseFields[] = {
    {"compatible", boolean(), required},
    {"errors", kTexts, required},
    {"warnings", kTexts, required},
    {"details", object(kDraftDetails), optional},
};
constexpr Message kCheckDraftResponse = {"CheckDraftResponse", "check_draft", kCheckDraftResponseFields};

constexpr Field kVisionModelResponseFields[] = {
    {"model_id", kText, required},
    {"state", choice(kLoadStates), required},
    {"context_length", kPositiveInteger, required},
    {"processor_type", kText, required},
    {"image_size", kNumber.or_null(), optional},
    {"revision", kText.or_null(), optional},
    {"quantization", kText.or_null(), optional},
    {"dtype", kText, optional},
    {"is_vision_model", boolean(), optional},
};
constexpr Message kVisionModelResponse = {"VisionModelResponse", "load_vision_model", kVisionModelResponseFields};

constexpr Field kSuccessResponseFields[] = {
    {"success", boolean(), required, nullptr, "Of cancel and stream.ack: whether there was such a request or stream."}};
constexpr Message kSuccessResponse = {"SuccessResponse", "unload_model, cancel, stream.ack", kSuccessResponseFields};

constexpr Field kBatchItemFields[] = {
    {"success", boolean(), required},
    {"result", kAny, optional, nullptr, "What the method replies on its own; null of a failed item."},
    {"error", kText.or_null(), optional},
    {"code", kNumber, optional, nullptr, "Of a failed item, as in an error reply."},
    {"data", kAny, optional},
};
constexpr Message kBatchItem = {"BatchItem", "One request of a batch.", kBatchItemFields};
constexpr Type kBatchItemType = object(kBatchItem);
constexpr Field kBatchResponseFields[] = {{"results", list_of(kBatchItemType), required, nullptr, "In their order."}};
constexpr Message kBatchResponse = {"BatchResponse", "batch_generate, batch_tokenize, batch_check_draft",
                                    kBatchResponseFields};

constexpr Field kLatencyFields[] = {
    {"mean", kNumber, required}, {"min", kNumber, required}, {"max", kNumber, required},
    {"p50", kNumber, optional},  {"p95", kNumber, optional}, {"p99", kNumber, optional},
};
constexpr Message kLatency = {"LatencyMs", "Milliseconds; percentiles of ten samples and more.", kLatencyFields};

constexpr Field kTokenRateFields[] = {{"tokens_per_second", kNonNegativeNumber, required}};
constexpr Message kTokenRate = {"TokenRate", "Speed of generation.", kTokenRateFields};

constexpr Field kTelemetryGenerationFields[] = {
    {"calls", kNonNegativeInteger, required},
    {"total_tokens", kNonNegativeInteger, required},
    {"avg_tokens_per_call", kNonNegativeNumber, optional},
    {"latency_ms", object(kLatency), optional},
    {"throughput", object(kTokenRate), optional},
};
constexpr Message kTelemetryGeneration = {"TelemetryGeneration", "Generations that ended.", kTelemetryGenerationFields};

constexpr Field kTelemetryTokenizationFields[] = {
    {"calls", kNonNegativeInteger, required},
    {"latency_ms", object(kLatency), optional},
};
constexpr Message kTelemetryTokenization = {"TelemetryTokenization", "Calls of tokenize.",
                                            kTelemetryTokenizationFields};

constexpr Field kTelemetryErrorsFields[] = {
    {"total", kNonNegativeInteger, required},
    {"timeouts", kNonNegativeInteger, required},
    {"error_rate", kNonNegativeNumber, required, nullptr, "Errors a request."},
};
constexpr Message kTelemetryErrors = {"TelemetryErrors", "Requests and streams that failed.", kTelemetryErrorsFields};

constexpr Type kFlag = boolean();
constexpr Field kNativeFields[] = {
    {"enabled", map_of(kFlag), required},
    {"statistics", kAnyMap, required},
};
constexpr Message kNative = {"NativeOptimizations", "Parts of older runtimes.", kNativeFields};

constexpr Field kRuntimeTelemetryFields[] = {
    {"enabled", boolean(), required},
    {"sampling_rate", kNonNegativeNumber, optional},
    {"generation", object(kTelemetryGeneration), optional},
    {"tokenization", object(kTelemetryTokenization), optional},
    {"errors", object(kTelemetryErrors), optional},
    {"native_optimizations", object(kNative), required},
};
constexpr Message kRuntimeTelemetry = {"RuntimeTelemetryResponse", "runtime/telemetry", kRuntimeTelemetryFields};

constexpr Field kBatcherLatencyFields[] = {
    {"p50_ms", kNonNegativeNumber, required}, {"p95_ms", kNonNegativeNumber, required},
    {"p99_ms", kNonNegativeNumber, required}, {"min_ms", kNonNegativeNumber, required},
    {"max_ms", kNonNegativeNumber, required}, {"mean_ms", kNonNegativeNumber, required},
    {"count", kNonNegativeInteger, required},
};
constexpr Message kBatcherLatency = {"BatcherLatency", "Of whole requests.", kBatcherLatencyFields};

constexpr Field kSpansFields[] = {
    {"5s", kNonNegativeNumber, required},
    {"30s", kNonNegativeNumber, required},
    {"60s", kNonNegativeNumber, required},
};
constexpr Message kSpans = {"RatesBySpan", "A second, over the latest seconds.", kSpansFields};

constexpr Field kBatcherThroughputFields[] = {
    {"tokens_per_second", object(kSpans), required},
    {"requests_per_second", object(kSpans), required},
};
constexpr Message kBatcherThroughput = {"BatcherThroughput", "How much is done.", kBatcherThroughputFields};

constexpr Field kBatcherBatchFields[] = {
    {"current_size", kNonNegativeInteger, required},
    {"min_size", kNonNegativeNumber, required},
    {"max_size", kNonNegativeNumber, required},
    {"mean_size", kNonNegativeNumber, required},
    {"distribution", kAnyMap, required},
};
constexpr Message kBatcherBatch = {"BatcherBatch", "Rows of a step.", kBatcherBatchFields};

constexpr Field kBatcherMetricsFields[] = {
    {"latency", object(kBatcherLatency), required},
    {"throughput", object(kBatcherThroughput), required},
    {"batch", object(kBatcherBatch), required},
    {"queue_depth", kNonNegativeInteger, required},
    {"mode_transitions", kNonNegativeInteger, required},
    {"uptime_seconds", kNonNegativeNumber, required},
    {"timestamp", kNonNegativeNumber, required, nullptr, "Seconds since 1970."},
};
constexpr Message kBatcherMetrics = {"BatcherMetricsResponse", "get_batcher_metrics", kBatcherMetricsFields};

constexpr Field kBatcherHealthFields[] = {
    {"healthy", boolean(), required},
    {"running", boolean(), required},
    {"active_batch_size", kNonNegativeInteger, required},
    {"pending_queue_size", kNonNegativeInteger, required},
    {"total_requests", kNonNegativeInteger, required},
    {"completed_requests", kNonNegativeInteger, required},
    {"max_batch_size", kNonNegativeInteger, required},
    {"error_indicators", kTexts, required},
};
constexpr Message kBatcherHealth = {"BatcherHealthResponse", "get_batcher_health", kBatcherHealthFields};

constexpr Field kMemoryControllerFields[] = {
    {"enabled", boolean(), required},
    {"current_limit", kNonNegativeInteger, required},
    {"utilization", kNonNegativeNumber, required, nullptr, "Of the KV cache, from 0 to 1."},
    {"active_memory_gb", kNonNegativeNumber, required},
    {"oom_prevented", kNonNegativeInteger, required},
};
constexpr Message kMemoryController = {"MemoryControllerMetrics", "Memory of one model.", kMemoryControllerFields};

constexpr Field kPromptCacheFields[] = {
    {"enabled", boolean(), required},
    {"cache_size", kNonNegativeInteger, required, nullptr, "Pages."},
    {"hit_rate", kNonNegativeNumber, required, nullptr, "Of prompt tokens."},
    {"total_requests", kNonNegativeInteger, required},
    {"cache_hits", kNonNegativeInteger, required, nullptr, "Prompt tokens that were not computed again."},
    {"memory_mb", kNonNegativeNumber, required},
};
constexpr Message kPromptCacheMetrics = {"PromptCacheMetrics", "The prefix cache of one model.", kPromptCacheFields};

constexpr Field kWeek4FeaturesFields[] = {
    {"memory_controller", object(kMemoryController), required},
    {"prompt_cache", object(kPromptCacheMetrics), required},
};
constexpr Message kWeek4Features = {"Week4Features", "Parts of get_week4_metrics.", kWeek4FeaturesFields};

constexpr Field kBatcherPerformanceFields[] = {
    {"total_requests", kNonNegativeInteger, required},    {"completed_requests", kNonNegativeInteger, required},
    {"avg_batch_size", kNonNegativeNumber, required},     {"max_batch_size", kNonNegativeInteger, required},
    {"active_batch_size", kNonNegativeInteger, required},
};
constexpr Message kBatcherPerformance = {"BatcherPerformance", "Requests of one model.", kBatcherPerformanceFields};

constexpr Field kWeek4Fields[] = {
    {"week4_features", object(kWeek4Features), required},
    {"performance", object(kBatcherPerformance), required},
};
constexpr Message kWeek4 = {"Week4MetricsResponse", "get_week4_metrics", kWeek4Fields};

// ------------------------------------------------------------------------------------------------------ notifications

constexpr Field kTopLogprobFields[] = {
    {"token", kText, required},
    {"token_id", kNonNegativeInteger, required},
    {"logprob", kNumber, required},
};
constexpr Message kTopLogprob = {"TopLogprob", "A likely token at one position.", kTopLogprobFields};
constexpr Type kTopLogprobType = object(kTopLogprob);

constexpr Field kChunkFields[] = {
    {"stream_id", kText, required},
    {"token", kText, required},
    {"token_id", kNonNegativeInteger, required},
    {"logprob", kNumber, optional},
    {"is_final", boolean(), required},
    {"cumulative_text", kText, optional},
    {"top_logprobs", list_of(kTopLogprobType), optional, nullptr, "Most likely first."},
};
constexpr Message kChunk = {"StreamChunkParams", "Params of stream.chunk.", kChunkFields};

constexpr Field kStatsFields[] = {
    {"stream_id", kText, required},
    {"tokens_generated", kNonNegativeInteger, required},
    {"tokens_per_second", kNonNegativeNumber, required},
    {"time_to_first_token", kNonNegativeNumber, required, nullptr, "Seconds."},
    {"total_time", kNonNegativeNumber, required, nullptr, "Seconds."},
};
constexpr Message kStats = {"StreamStatsParams", "Params of stream.stats.", kStatsFields};

constexpr const char* kStreamEvents[] = {"completed", "error"};
constexpr Field kEventFields[] = {
    {"stream_id", kText, required},
    {"event", choice(kStreamEvents), required},
    {"error", kText, optional},
    {"is_final", boolean(), required},
    {"finish_reason", kText, optional},
    {"code", kText, optional, nullptr, "Of an error: what kind of fault it was."},
    {"stats", object(kStats), optional, nullptr, "Of batch_generate_parallel, which sends no stream.stats."},
};
constexpr Message kEvent = {"StreamEventParams", "Params of stream.event, the last of a stream.", kEventFields};

constexpr const char* kChunkMethod[] = {"stream.chunk"};
constexpr const char* kStatsMethod[] = {"stream.stats"};
constexpr const char* kEventMethod[] = {"stream.event"};
constexpr Field kChunkNotificationFields[] = {
    {"jsonrpc", kVersion, required}, {"method", choice(kChunkMethod), required}, {"params", object(kChunk), required}};
constexpr Message kChunkNotification = {"StreamChunkNotification", "A token.", kChunkNotificationFields};
constexpr Field kStatsNotificationFields[] = {
    {"jsonrpc", kVersion, required}, {"method", choice(kStatsMethod), required}, {"params", object(kStats), required}};
constexpr Message kStatsNotification = {"StreamStatsNotification", "What the stream took.", kStatsNotificationFields};
constexpr Field kEventNotificationFields[] = {
    {"jsonrpc", kVersion, required}, {"method", choice(kEventMethod), required}, {"params", object(kEvent), required}};
constexpr Message kEventNotification = {"StreamEventNotification", "The stream's end.", kEventNotificationFields};

constexpr const Message* kMessages[] = {
    &kRequest,
    &kSuccess,
    &kErrorObject,
    &kErrorResponse,
    &kNotification,
    &kNoParams,
    &kLoadModelParams,
    &kUnloadModelParams,
    &kGuidance,
    &kGenerateParams,
    &kBatchGenerateParams,
    &kBatchGenerateParallelParams,
    &kModelParams,
    &kShutdownParams,
    &kStreamAckParams,
    &kTokenizeParams,
    &kCheckDraftParams,
    &kBatchTokenizeParams,
    &kBatchCheckDraftParams,
    &kLoadVisionModelParams,
    &kGenerateWithImageParams,
    &kCancelParams,
    &kMemory,
    &kRuntimeInfoResponse,
    &kStateModel,
    &kRuntimeStateResponse,
    &kShutdownResponse,
    &kLoadModelResponse,
    &kGenerateResponse,
    &kRpcTokenizeResponse,
    &kDraftSide,
    &kDraftEstimate,
    &kDraftDetails,
    &kCheckDraftResponse,
    &kVisionModelResponse,
    &kSuccessResponse,
    &kBatchItem,
    &kBatchResponse,
    &kLatency,
    &kTokenRate,
    &kTelemetryGeneration,
    &kTelemetryTokenization,
    &kTelemetryErrors,
    &kNative,
    &kRuntimeTelemetry,
    &kBatcherLatency,
    &kSpans,
    &kBatcherThroughput,
    &kBatcherBatch,
    &kBatcherMetrics,
    &kBatcherHealth,
    &kMemoryController,
    &kPromptCacheMetrics,
    &kWeek4Features,
    &kBatcherPerformance,
    &kWeek4,
    &kTopLogprob,
    &kChunk,
    &kStats,
    &kEvent,
    &kChunkNotification,
    &kStatsNotification,
    &kEventNotification,
};

}  // namespace

std::span<const Message* const> rpc_messages() { return kMessages; }

}  // namespace mlxserving::schema
