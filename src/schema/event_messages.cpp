// What the engine emits. The payloads are those of real events: a handle is a whole handle, statistics are the
// generation's own.
#include "schema/tables.h"

namespace mlxserving::schema {
namespace {

using enum Need;

constexpr Texts kModelIdTexts = {.too_short = "Model ID cannot be empty"};
constexpr Texts kStreamIdTexts = {.too_short = "Stream ID cannot be empty"};
constexpr Texts kTimestampTexts = {.too_small = "Timestamp must be positive"};
constexpr Texts kReasonTexts = {.no_choice = "Reason must be one of: python_restart, unload, error"};
constexpr Texts kStatusTexts = {.no_choice = "Status must be one of: starting, ready, error, stopped"};
constexpr Texts kCountTexts = {.too_small = "Tokens generated must be >= 0"};
constexpr Texts kTotalTimeTexts = {.too_small = "Total time must be >= 0"};
constexpr Texts kRateTexts = {.too_small = "Tokens per second must be >= 0"};

constexpr const char* kReasons[] = {"python_restart", "unload", "error"};
constexpr const char* kStatuses[] = {"starting", "ready", "error", "stopped"};

constexpr Type kModelId = text(&kModelIdTexts).sized(1);
constexpr Type kStreamId = text(&kStreamIdTexts).sized(1);
constexpr Type kTimestamp = integer(kPositive, &kTimestampTexts);

constexpr Field kEventHandleFields[] = {
    {"id", kText, optional},
    {"descriptor", kAny, optional},
};
constexpr Message kEventHandle = {"EventModelHandle", "The loaded model's handle.", kEventHandleFields, Extra::keep};

constexpr Field kEventStatsFields[] = {
    {"tokensGenerated", integer(kFromZero, &kCountTexts), required},
    {"totalTimeMs", number(kFromZero, &kTotalTimeTexts), optional},
    {"tokensPerSecond", number(kFromZero, &kRateTexts), optional},
};
constexpr Message kEventStats = {"EventGenerationStats", "What the generation took.", kEventStatsFields, Extra::keep};

constexpr Field kEventErrorFields[] = {
    {"message", kText, required},
    {"code", kText, optional},
    {"stack", kText, optional},
};
constexpr Message kEventError = {"EventError", "What went wrong.", kEventErrorFields, Extra::keep};

constexpr Field kModelLoadedFields[] = {
    {"modelId", kModelId, required},
    {"handle", object(kEventHandle), required},
    {"timestamp", kTimestamp, required, nullptr, "Milliseconds since 1970."},
};
constexpr Message kModelLoaded = {"ModelLoadedEvent", "model:loaded", kModelLoadedFields};

constexpr Field kModelUnloadedFields[] = {
    {"modelId", kModelId, required},
    {"timestamp", kTimestamp, required},
};
constexpr Message kModelUnloaded = {"ModelUnloadedEvent", "model:unloaded", kModelUnloadedFields};

constexpr Field kModelInvalidatedFields[] = {
    {"modelId", kModelId, required},
    {"reason", choice(kReasons, &kReasonTexts), required},
    {"timestamp", kTimestamp, required},
};
constexpr Message kModelInvalidated = {"ModelInvalidatedEvent", "model:invalidated", kModelInvalidatedFields};

constexpr Field kGenerationStartedFields[] = {
    {"streamId", kStreamId, required},
    {"modelId", kModelId, required},
    {"prompt", kText, required},
    {"timestamp", kTimestamp, required},
};
constexpr Message kGenerationStarted = {"GenerationStartedEvent", "generation:started", kGenerationStartedFields};

constexpr Field kTokenGeneratedFields[] = {
    {"streamId", kStreamId, required},
    {"token", kText, required},
    {"logprob", kNumber, optional},
    {"timestamp", kTimestamp, required},
};
constexpr Message kTokenGenerated = {"TokenGeneratedEvent", "generation:token", kTokenGeneratedFields};

constexpr Field kGenerationCompletedFields[] = {
    {"streamId", kStreamId, required},
    {"stats", object(kEventStats), required},
    {"timestamp", kTimestamp, required},
};
constexpr Message kGenerationCompleted = {"GenerationCompletedEvent", "generation:completed",
                                          kGenerationCompletedFields};

constexpr Field kErrorFields[] = {
    {"error", object(kEventError), required},
    {"context", kText, optional},
    {"timestamp", kTimestamp, required},
};
constexpr Message kError = {"ErrorEvent", "error", kErrorFields};

constexpr Field kRuntimeStatusFields[] = {
    {"status", choice(kStatuses, &kStatusTexts), required},
    {"previousStatus", choice(kStatuses, &kStatusTexts), optional},
    {"timestamp", kTimestamp, required},
};
constexpr Message kRuntimeStatus = {"RuntimeStatusEvent", "runtime:status", kRuntimeStatusFields};

constexpr const Message* kMessages[] = {
    &kEventHandle,       &kEventStats,     &kEventError,          &kModelLoaded, &kModelUnloaded, &kModelInvalidated,
    &kGenerationStarted, &kTokenGenerated, &kGenerationCompleted, &kError,       &kRuntimeStatus,
};

}  // namespace

std::span<const Message* const> event_messages() { return kMessages; }

}  // namespace mlxserving::schema
