#include "api/routes.h"

namespace mlxserving::api {
namespace {

using enum Route::Cost;

constexpr Route kRoutes[] = {
    {"POST", "/v1/chat/completions", "ChatCompletionRequest", generation, true, Dialect::openai, chat_completions,
     "Answers a chat; with stream as server-sent events of chat.completion.chunk."},
    {"POST", "/v1/completions", "CompletionRequest", generation, true, Dialect::openai, completions,
     "Continues raw text or token ids."},
    {"POST", "/v1/responses", "ResponsesRequest", generation, true, Dialect::openai, responses,
     "Answers in the form of OpenAI's responses; nothing is stored."},
    {"POST", "/v1/messages", "AnthropicMessagesRequest", generation, true, Dialect::anthropic, anthropic_messages,
     "Answers in the form of Anthropic's messages."},
    {"POST", "/v1/embeddings", "EmbeddingRequest", generation, true, Dialect::openai, embeddings,
     "Vectors for texts, pooled from the model's last hidden states."},
    {"GET", "/v1/models", nullptr, quick, true, Dialect::openai, get_models, "The models and their states."},
    {"POST", "/v1/models/load", "HttpModelRequest", work, true, Dialect::openai, load_model,
     "Loads a model; with stream as events progress, then ready or error."},
    {"POST", "/v1/models/unload", "HttpModelRequest", work, true, Dialect::openai, unload_model,
     "Unloads a model; its requests end."},
    {"GET", "/v1/models/{model}", nullptr, quick, true, Dialect::openai, get_model, "One model."},
    {"POST", "/tokenize", "HttpTokenizeRequest", work, true, Dialect::openai, tokenize, "Text to token ids."},
    {"POST", "/detokenize", "HttpDetokenizeRequest", work, true, Dialect::openai, detokenize, "Token ids to text."},
    {"POST", "/apply-template", "HttpTemplateRequest", work, true, Dialect::openai, apply_template,
     "A chat as the text that the model reads."},
    {"GET", "/", nullptr, quick, false, Dialect::openai, get_page, "A page to chat on."},
    {"GET", "/health", nullptr, quick, false, Dialect::openai, get_health, "As /health/ready."},
    {"GET", "/health/live", nullptr, quick, false, Dialect::openai, get_live,
     "200 while every engine's loop works; 503 when only a restart helps."},
    {"GET", "/health/ready", nullptr, quick, false, Dialect::openai, get_ready,
     "200 while a model takes requests; 503 while loading and while shutting down."},
    {"GET", "/metrics", nullptr, quick, false, Dialect::openai, get_metrics, "Counters in Prometheus's text format."},
    {"GET", "/openapi.json", nullptr, quick, false, Dialect::openai, get_openapi, "This interface as OpenAPI 3.1."},
};

}  // namespace

std::span<const Route> routes() { return kRoutes; }

}  // namespace mlxserving::api
