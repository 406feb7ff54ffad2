#include "api/rpc_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "schema/read.h"

namespace mlxserving::api {
namespace {

using std::chrono::milliseconds;
using telemetry::Level;

constexpr milliseconds kTick{1000};         // between two looks at the models
constexpr milliseconds kGiveUpAfter{1000};  // from cancelling the streams to leaving what still runs

template <typename... Arms>
struct Match : Arms... {
  using Arms::operator()...;
};
template <typename... Arms>
Match(Arms...) -> Match<Arms...>;  // clang deduces those of an aggregate from version 17 on

// Ids of one value are one id, a string and a number never.
std::string key_of(const Json& id) { return to_text(id); }

const char* to_string(StopReason reason) {
  switch (reason) {
    case StopReason::input_ended: return "input ended";
    case StopReason::signal: return "signal";
    case StopReason::parent_died: return "parent died";
    case StopReason::output_broken: return "output broken";
  }
  return "";
}

}  // namespace

RpcServer::RpcServer(const Services& services, ServerInbox& inbox, RpcOutput output)
    : services_(services),
      output_(std::move(output)),
      inbox_(inbox),
      activity_(services_),
      streams_(
          output_.notify,
          [this](const std::string& id, Ending ending) { inbox_.push(StreamEnded{id, std::move(ending)}); },
          services.settings.streams_max),
      lanes_(
          services.settings.pending_max + 1, services.log, [this](const auto& call) { return begin(call); },
          [this](WorkDone done) { inbox_.push(std::move(done)); }) {}

RpcServer::~RpcServer() {
  inbox_.close();  // workers and streams find nobody to tell
}

bool RpcServer::run() {
  while (!is_done()) {
    if (auto message = inbox_.pop_for(patience())) {
      std::visit([this](auto& m) { take(std::move(m)); }, *message);
    }
    activity_.tick();
    if (stopping_) go_on_stopping();
  }
  if (stopping_->call) answer(*stopping_->call, Json{{"success", true}});
  services_.log.write(Level::info, "runtime stopped",
                      {{"running_jobs", lanes_.running()}, {"running_streams", streams_.size()}});
  return lanes_.running() == 0 && streams_.size() == 0;
}

milliseconds RpcServer::patience() const {
  if (!stopping_) return kTick;
  const auto until = stopping_->is_cancelled ? stopping_->give_up_at : stopping_->cancel_at;
  return std::clamp(std::chrono::ceil<milliseconds>(until - Clock::now()), milliseconds(0), kTick);
}

// ------------------------------------------------------------------------------------------------------------ messages

void RpcServer::take(Received received) {
  std::visit(Match{[this](Request& request) { take_request(std::move(request)); },
                   [this](BadLine& bad) {
                     activity_.count_error();
                     services_.log.write(Level::warn, "bad line", {{"fault", bad.error.message}});
                     output_.reply(error_line(bad.id, bad.error));
                   }},
             received.message);
}

void RpcServer::take_request(Request request) {
  activity_.count_request();
  auto call = std::make_shared<Call>();
  call->number = ++last_number_;
  call->id = std::move(request.id);
  call->method = find_method(request.method);
  call->bytes = request.bytes;
  call->correlation_id = fmt::format("r{}", call->number);
  if (services_.settings.log_messages) log_received(*call, request);
  if (!call->id.is_null() && numbers_.contains(key_of(call->id))) {
    // Under its id the first request would be answered twice.
    auto error =
        rpc_error(RpcCode::invalid_request,
                  fmt::format("Invalid request: id {} is already in use by a pending request", key_of(call->id)),
                  {{"id", call->id}});
    call->id = nullptr;
    output_.reply(error_line(call->id, error));
    return;
  }
  const auto refuse = [&](const RpcError& error) { answer(*call, error); };
  if (call->method == nullptr) {
    Json data = Json::object();
    if (const Method* similar = similar_method(request.method)) data["did_you_mean"] = similar->name;
    return refuse(rpc_error(RpcCode::method_not_found, "Unknown method: " + request.method, data));
  }
  if (auto error = admit(request)) return refuse(*error);
  auto params = read_params(of_call(*call), call->method->params, request.params);
  if (const auto* error = std::get_if<RpcError>(&params)) return refuse(*error);
  call->params = std::move(std::get<Json>(params));
  if (const auto id = call->params.find("correlation_id"); id != call->params.end() && id->is_string()) {
    call->correlation_id = id->get<std::string>().substr(0, kIdBytesMax);
  }
  dispatch(std::move(call));
}

void RpcServer::log_received(const Call& call, const Request& request) const {
  services_.log.write(Level::info, "message received",
                      {{"correlation_id", call.correlation_id},
                       {"request_id", key_of(call.id)},
                       {"method", request.method},
                       {"bytes", request.bytes}});
}

// Controls are always let in: they make room.
std::optional<RpcError> RpcServer::admit(const Request& request) const {
  const config::RuntimeSettings& settings = services_.settings;
  const Method& method = *find_method(request.method);
  if (std::holds_alternative<Control>(method.does)) return std::nullopt;
  if (stopping_) return rpc_error(RpcCode::server_error, "the runtime is shutting down");
  if (calls_.size() >= settings.pending_max) {
    return rpc_error(RpcCode::server_error, fmt::format("too many pending requests ({}, max {}); wait for replies",
                                                        calls_.size(), settings.pending_max));
  }
  if (pending_bytes_ + request.bytes > settings.pending_bytes_max && !calls_.empty()) {
    return rpc_error(RpcCode::server_error, fmt::format("pending requests hold {} bytes, max {}; wait for replies",
                                                        pending_bytes_ + request.bytes, settings.pending_bytes_max));
  }
  return std::nullopt;
}

void RpcServer::dispatch(std::shared_ptr<Call> call) {
  std::visit(Match{[&](Answer answer_of) {
                     const bool has_order = lanes_.is_in_use(lane_of(*call->method, call->params));
                     if (has_order) return work(call);
                     answer(*call, tell(answer_of, *call));
                   },
                   [&](Work) { work(call); }, [&](const Load&) { work(call); },
                   [&](const Generate&) {
                     if (auto error = streams_.reserve(of_call(*call), *call)) return answer(*call, *error);
                     work(call);
                   },
                   [&](Control what) { control(call, what); }},
             call->method->does);
}

Services RpcServer::of_call(const Call& call) const {
  Services services = services_;
  services.correlation_id = call.correlation_id;
  return services;
}

Reply RpcServer::tell(Answer answer_of, const Call& call) {
  return answer_of(services_, call.params, activity_.read(streams_.size()));
}

// --------------------------------------------------------------------------------------------------------------- work

void RpcServer::work(const std::shared_ptr<Call>& call) {
  call->lane = lane_of(*call->method, call->params);
  calls_[call->number] = call;
  if (!call->id.is_null()) numbers_[key_of(call->id)] = call->number;
  pending_bytes_ += call->bytes;
  lanes_.push(call);
}

RpcLanes::Job RpcServer::begin(const std::shared_ptr<Call>& call) {
  return std::visit(
      Match{
          [&](Answer answer_of) -> RpcLanes::Job {
            answer(*call, tell(answer_of, *call));
            return {};
          },
          [&](Work work) -> RpcLanes::Job { return [this, call, work] { return work(of_call(*call), call->params); }; },
          [&](const Load& load) -> RpcLanes::Job {
            return [this, call, load] { return load.work(of_call(*call), call->params); };
          },
          [&](const Generate& how) -> RpcLanes::Job {
            return [this, call, how] { return generate(of_call(*call), call->entries, how.defaults, how.is_batch); };
          },
          [](Control) -> RpcLanes::Job { return {}; }},
      call->method->does);
}

void RpcServer::take(WorkDone done) {
  const std::shared_ptr<const Call> call = std::move(done.call);
  if (std::string_view(call->method->name) == "tokenize") activity_.add_tokenize(done.took_ms);
  const auto unanswered = calls_.find(call->number);
  if (unanswered != calls_.end()) {
    const std::shared_ptr<Call> asked = unanswered->second;  // answering forgets it
    conclude(*asked, std::move(done.outcome));
  } else {  // cancelled while a worker was at it: streams that nobody asks for any more end when they are dropped
    streams_.release(*call);
    if (done.outcome.loaded) (void)services_.host.unload(call->lane);
  }
  lanes_.finish(*call);
}

void RpcServer::conclude(Call& call, Outcome outcome) {
  const auto* how = std::get_if<Generate>(&call.method->does);
  const bool replies_at_end = how != nullptr && how->replies_at_end && !outcome.streams.empty();
  if (replies_at_end) {
    call.streams_left = outcome.streams.size();
    for (NewStream& stream : outcome.streams) stream.style.stats_in_event = true;
  } else {
    const bool is_null = how != nullptr && (how->replies_null || how->replies_at_end);
    const bool is_good = std::holds_alternative<Json>(outcome.reply);
    answer(call, is_null && is_good ? Reply(Json()) : outcome.reply);
  }
  streams_.start(call, std::move(outcome.streams));
}

// The name is free before the client can know that the stream has ended.
void RpcServer::take(StreamEnded ended) {
  const uint64_t number = streams_.end(ended.stream_id);
  const Ending& ending = ended.ending;
  activity_.add_stream(ending);
  services_.log.write(ending.is_failed ? Level::error : Level::debug, "stream ended",
                      {{"correlation_id", ended.stream_id},
                       {"model", ending.model_id},
                       {"finish_reason", ending.finish_reason},
                       {"tokens", ending.usage.completion_tokens},
                       {"total_ms", ending.timings.total_ms}});
  for (const std::string& line : ending.lines) output_.reply(line);
  const auto call = calls_.find(number);
  if (call == calls_.end() || call->second->streams_left == 0) return;
  const std::shared_ptr<Call> waiting = call->second;
  if (--waiting->streams_left == 0) answer(*waiting, Json());
}

// ------------------------------------------------------------------------------------------------------------ controls

void RpcServer::control(const std::shared_ptr<Call>& call, Control what) {
  switch (what) {
    case Control::cancel: return answer(*call, cancel(call->params));
    case Control::acknowledge: return answer(*call, acknowledge(call->params));
    case Control::shutdown: {
      const schema::Reader reader(*schema::find_message("ShutdownParams"), call->params);
      return begin_stop(milliseconds(reader.get<int64_t>("timeout_ms")), call);
    }
  }
}

Reply RpcServer::cancel(const Json& params) {
  const auto stream_id = params.find("stream_id");
  const auto id = params.find("id");
  if (stream_id == params.end() && id == params.end()) {
    return invalid_param("stream_id", "cancel needs the stream_id of a stream or the id of a pending request");
  }
  bool found = false;
  if (stream_id != params.end()) found = streams_.cancel(stream_id->get<std::string>());
  if (id != params.end()) found = cancel_call(*id) || found;
  return Json{{"success", found}};
}

bool RpcServer::cancel_call(const Json& id) {
  const auto number = numbers_.find(key_of(id));
  if (number == numbers_.end()) return false;
  const std::shared_ptr<Call> call = calls_.at(number->second);
  streams_.cancel(*call);
  if (lanes_.withdraw(call)) streams_.release(*call);
  answer(*call, cancelled());
  return true;
}

Reply RpcServer::acknowledge(const Json& params) {
  const schema::Reader reader(*schema::find_message("StreamAckParams"), params);
  const auto stream_id = reader.get<std::string>("stream_id");
  return Json{{"success", streams_.acknowledge(stream_id, reader.get<uint64_t>("count"))}};
}

// ------------------------------------------------------------------------------------------------------------- answers

void RpcServer::answer(const Call& call, const Reply& reply) {
  const auto* error = std::get_if<RpcError>(&reply);
  if (error != nullptr) {
    activity_.count_error();
    services_.log.write(Level::warn, "request failed",
                        {{"correlation_id", call.correlation_id},
                         {"request_id", key_of(call.id)},
                         {"method", call.method != nullptr ? call.method->name : "unknown"},
                         {"model", call.lane},
                         {"code", static_cast<int>(error->code)},
                         {"fault", error->message}});
  }
  if (!call.id.is_null()) {
    output_.reply(error != nullptr ? error_line(call.id, *error) : reply_line(call.id, std::get<Json>(reply)));
  }
  forget(call);
}

void RpcServer::forget(const Call& call) {
  const uint64_t number = call.number;
  if (!calls_.contains(number)) return;
  pending_bytes_ -= call.bytes;
  if (!call.id.is_null()) numbers_.erase(key_of(call.id));
  calls_.erase(number);  // perhaps the last to hold `call`
}

// ----------------------------------------------------------------------------------------------------------------- end

void RpcServer::take(StopRequested stop) {
  services_.log.write(Level::info, "stop requested", {{"reason", to_string(stop.reason)}});
  const bool is_heard = stop.reason == StopReason::input_ended || stop.reason == StopReason::signal;
  begin_stop(milliseconds(is_heard ? services_.settings.shutdown_ms : 0), nullptr);
}

// A later request to stop may only hasten the end.
void RpcServer::begin_stop(milliseconds drain, std::shared_ptr<Call> call) {
  const Clock::time_point cancel_at = Clock::now() + std::min(drain, milliseconds(std::chrono::hours(24)));
  if (!stopping_) {
    stopping_ = Stopping{.cancel_at = cancel_at, .give_up_at = cancel_at + kGiveUpAfter, .call = nullptr};
  } else if (!stopping_->is_cancelled) {
    stopping_->cancel_at = std::min(stopping_->cancel_at, cancel_at);
    stopping_->give_up_at = stopping_->cancel_at + kGiveUpAfter;
  }
  if (!call) return;
  if (stopping_->call) {
    answer(*call, rpc_error(RpcCode::server_error, "the runtime is shutting down"));
  } else {
    stopping_->call = std::move(call);
  }
}

void RpcServer::go_on_stopping() {
  const auto now = Clock::now();
  if (!stopping_->is_cancelled && now >= stopping_->cancel_at) {
    stopping_->is_cancelled = true;
    streams_.cancel_all();
  }
  if (stopping_->is_cancelled && now >= stopping_->give_up_at) give_up();
}

// What was not done in time is answered all the same.
void RpcServer::give_up() {
  for (const auto& call : lanes_.withdraw_all()) streams_.release(*call);
  const auto left = calls_;
  for (const auto& [number, call] : left) answer(*call, cancelled());
}

bool RpcServer::is_done() const {
  if (!stopping_) return false;
  if (calls_.empty() && streams_.size() == 0 && lanes_.running() == 0) return true;
  return stopping_->is_cancelled && Clock::now() >= stopping_->give_up_at;
}

}  // namespace mlxserving::api
