// POST /v1/embeddings.
#include <cstring>
#include <utility>

#include "api/request_reader.h"
#include "api/routes.h"
#include "api/submission.h"
#include "core/result.h"

namespace mlxserving::api {
namespace {

// 32-bit floats, little endian, as OpenAI's clients ask for them by default.
std::string base64_of(const std::vector<float>& values) {
  constexpr const char* kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes(values.size() * sizeof(float), '\0');
  std::memcpy(bytes.data(), values.data(), bytes.size());
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - i);
    uint32_t group = 0;
    for (size_t b = 0; b < 3; ++b) group = group << 8 | (b < count ? static_cast<unsigned char>(bytes[i + b]) : 0U);
    for (size_t digit = 0; digit < 4; ++digit) out += digit <= count ? kDigits[group >> (18 - 6 * digit) & 63] : '=';
  }
  return out;
}

Error named(const Error& error) { return rename_param(error, {{"prompt", "input"}, {"inputs", "input"}}); }

// How the request wants its vectors told.
struct Wording {
  std::string model;
  bool base64 = false;
  net::HttpHeaders notes = {};
};

// Thousands of vectors are megabytes of JSON: they are written as the client takes them, so that the server's thread
// never stays with one response.
class EmbeddingsResponse final : public net::PendingResponse {
 public:
  EmbeddingsResponse(std::shared_ptr<Engine> engine, std::unique_ptr<PendingEmbeddings> pending, Wording wording,
                     Ticket ticket)
      : engine_(std::move(engine)),
        pending_(std::move(pending)),
        wording_(std::move(wording)),
        ticket_(std::move(ticket)) {}

  void on_ready(std::function<void()> wake) override { pending_->on_ready(std::move(wake)); }

  std::optional<net::HttpResponse> begin(bool) override {
    auto result = pending_->try_take();
    if (!result) return std::nullopt;
    is_streamed_ = result->ok();
    if (!is_streamed_) return error_response(named(result->error()), Dialect::openai);
    embeddings_ = std::move(**result);
    return net::HttpResponse{.notes = wording_.notes};
  }

  bool is_streamed() const override { return is_streamed_; }

  bool read(std::string& body, size_t bytes_max) override {
    auto& vectors = embeddings_.vectors;
    if (told_ == 0) body += R"({"object":"list","data":[)";
    for (; told_ < vectors.size() && body.size() < bytes_max; ++told_) {
      body += (told_ == 0 ? "" : ",") + to_text(item(told_));
      vectors[told_] = {};
    }
    if (told_ < vectors.size()) return true;
    const Json usage = {{"prompt_tokens", embeddings_.prompt_tokens}, {"total_tokens", embeddings_.prompt_tokens}};
    body += "]," + to_text({{"model", wording_.model}, {"usage", usage}}).substr(1);
    ticket_.reset();
    return false;
  }

 private:
  Json item(size_t index) const {
    const auto& vector = embeddings_.vectors[index];
    return {{"object", "embedding"},
            {"index", index},
            {"embedding", wording_.base64 ? Json(base64_of(vector)) : Json(vector)}};
  }

  std::shared_ptr<Engine> engine_;  // shared with the shelf, which may unload it: what is pending then ends
  std::unique_ptr<PendingEmbeddings> pending_;
  Wording wording_;
  Ticket ticket_;
  bool is_streamed_ = false;
  Embeddings embeddings_;
  size_t told_ = 0;
};

Result<net::HttpReply> embedded(ServerState& state, const net::HttpRequest& request, Ticket ticket) {
  const schema::Message& message = schema::http_message("EmbeddingRequest");
  MLXS_TRY(const Json body, read_body(request.body, message));
  const schema::Reader reader(message, body);
  const auto model = reader.get<std::string>("model");
  MLXS_TRY(auto engine, state.shelf.find(model));
  const EmbedRequest embed{.inputs = read_prompts(reader.json("input")),
                           .pooling = reader.maybe<std::string>("pooling") == "last" ? Pooling::last : Pooling::mean,
                           .normalize = reader.maybe<bool>("normalize").value_or(true)};
  auto pending = engine->submit_embedding(embed);
  if (!pending) return named(pending.error());
  Wording wording{.model = model,
                  .base64 = reader.maybe<std::string>("encoding_format") == "base64",
                  .notes = notes_of(model, reader.maybe<std::string>("user").value_or(""))};
  return net::HttpReply(std::make_unique<EmbeddingsResponse>(std::move(engine), std::move(*pending), std::move(wording),
                                                             std::move(ticket)));
}

}  // namespace

net::HttpReply embeddings(ServerState& state, net::HttpRequest& request) {
  return with_place(state, request, Dialect::openai,
                    [&](Ticket ticket) { return embedded(state, request, std::move(ticket)); });
}

}  // namespace mlxserving::api
