#include "api/rpc_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "core/check.h"
#include "schema/read.h"

namespace mlxserving::api {
namespace {

using std::chrono::milliseconds;
using telemetry::Level;

constexpr int kWorkers = 2;      // tokenising, submitting: short, and the engine wants the cores
constexpr int kLoadWorkers = 2;  // a load of a model that is there need not wait for one that is not
constexpr milliseconds kTick{1000};
constexpr milliseconds kGiveUpAfter{1000};  // from cancelling the streams to leaving what still runs

template <typename... Arms>
struct Match : Arms... {
  using Arms::operator()...;
};

// Ids of one value are one id, a string and a number never.
std::string key_of(const Json& id) { return to_text(id); }

double seconds_since_1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

// The model whose calls this one keeps in order with, where it can be read.
std::string lane_of(const Method& method, const Json& params) {
  if (method.model_field == nullptr) return "";
  const std::string_view field = method.model_field;
  const auto found = params.find(field);
  if (found == params.end()) return "";
  const Json* of = &*found;
  if (field == "requests") {
    if (of->empty() || !of->front().is_object()) return "";
    const Json& first = of->front();
    const auto id = first.contains("model_id") ? first.find("model_id") : first.find("primary_id");
    if (id == first.end()) return "";
    of = &*id;
  }
  return of->is_string() ? of->get<std::string>() : "";
}

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
      jobs_(services.settings.pending_max + 1),
      loads_(services.settings.pending_max + 1),
      reader_(
          output_.notify,
          [this](const std::string& id, Ending ending) { inbox_.push(StreamEnded{id, std::move(ending)}); },
          services.settings.streams_max) {
  for (int i = 0; i < kWorkers; ++i) workers_.emplace_back([this] { run_jobs(jobs_); });
  for (int i = 0; i < kLoadWorkers; ++i) workers_.emplace_back([this] { run_jobs(loads_); });
}

RpcServer::~RpcServer() {
  inbox_.close();
  jobs_.close();
  loads_.close();
  for (auto& [id, slot] : streams_) {
    if (slot.live) slot.live->cancel();
  }
  streams_.clear();  // before the bell that they ring
  for (std::thread& worker : workers_) worker.join();
}

bool RpcServer::run() {
  while (!is_done()) {
    if (auto message = inbox_.pop_for(patience())) {
      std::visit([this](auto& m) { take(std::move(m)); }, *message);
    }
    tick();
  }
  if (stopping_->call) answer(*stopping_->call, Json{{"success", true}});
  services_.log.write(Level::info, "runtime stopped",
                      {{"running_jobs", jobs_running_}, {"running_streams", streams_.size()}});
  return jobs_running_ == 0 && streams_.empty();
}

milliseconds RpcServer::patience() const {
  if (!stopping_) return kTick;
  const auto until = stopping_->is_cancelled ? stopping_->give_up_at : stopping_->cancel_at;
  return std::clamp(std::chrono::ceil<milliseconds>(until - Clock::now()), milliseconds(0), kTick);
}

void RpcServer::tick() {
  if (Clock::now() - sampled_at_ >= kTick) sample_rates();
  if (!stopping_) return;
  if (!stopping_->is_cancelled && Clock::now() >= stopping_->cancel_at) cancel_streams();
  if (stopping_->is_cancelled && Clock::now() >= stopping_->give_up_at) give_up();
}

// Logs what a model's part has become, when it is not what it was.
void RpcServer::note_state(const std::string& model_id, const char* part, const std::string& state) {
  std::string& last = states_[model_id][part];
  if (last == state) return;
  if (!last.empty()) {
    services_.log.write(Level::warn, "state changed",
                        {{"model", model_id}, {"part", part}, {"from", last}, {"to", state}});
  }
  last = state;
}

// Every event at rate 1, every fourth at 0.25.
bool RpcServer::is_sampled() {
  sampling_ += services_.settings.sampling_rate;
  if (sampling_ < 1) return false;
  sampling_ -= 1;
  return true;
}

void RpcServer::sample_rates() {
  sampled_at_ = Clock::now();
  const double seconds = std::chrono::duration<double>(sampled_at_ - started_).count();
  std::set<std::string> loaded;
  for (const ModelStatus& status : services_.host.list()) {
    if (status.state != ModelState::ready) continue;
    const auto engine = services_.host.get(status.id);
    if (!engine) continue;
    const Metrics metrics = (*engine)->metrics();
    activity_.tokens[status.id].sample(seconds, static_cast<double>(metrics.completion_tokens));
    activity_.requests_done[status.id].sample(seconds, static_cast<double>(metrics.requests_finished));
    note_state(status.id, "health", to_string((*engine)->health().state));
    note_state(status.id, "circuit", metrics.circuit_state);
    loaded.insert(status.id);
  }
  const auto is_gone = [&](const auto& row) { return !loaded.contains(row.first); };
  std::erase_if(activity_.tokens, is_gone);
  std::erase_if(activity_.requests_done, is_gone);
  std::erase_if(states_, is_gone);
}

// ------------------------------------------------------------------------------------------------------------ messages

void RpcServer::take(Received received) {
  std::visit(Match{[this](Request& request) { take_request(std::move(request)); },
                   [this](BadLine& bad) {
                     ++activity_.errors;
                     services_.log.write(Level::warn, "bad line", {{"fault", bad.error.message}});
                     output_.reply(error_line(bad.id, bad.error));
                   }},
             received.message);
}

void RpcServer::take_request(Request request) {
  ++activity_.requests;
  auto call = std::make_shared<Call>();
  call->number = ++last_number_;
  call->id = std::move(request.id);
  call->method = find_method(request.method);
  call->bytes = request.bytes;
  call->correlation_id = fmt::format("r{}", call->number);
  if (services_.settings.log_messages) {
    services_.log.write(Level::info, "message received",
                        {{"correlation_id", call->correlation_id},
                         {"request_id", key_of(call->id)},
                         {"method", request.method},
                         {"bytes", request.bytes}});
  }
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
                     const bool has_order = lanes_.contains(lane_of(*call->method, call->params));
                     if (has_order) return work(call);
                     answer(*call, tell(answer_of, *call));
                   },
                   [&](Work) { work(call); }, [&](const Load&) { work(call); },
                   [&](const Generate&) {
                     if (auto error = prepare_entries(*call)) return answer(*call, *error);
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
  activity_.active_streams = streams_.size();
  activity_.uptime_seconds = std::chrono::duration<double>(Clock::now() - started_).count();
  activity_.timestamp = seconds_since_1970();
  return answer_of(services_, call.params, activity_);
}

// --------------------------------------------------------------------------------------------------------------- lanes

void RpcServer::work(const std::shared_ptr<Call>& call) {
  call->lane = lane_of(*call->method, call->params);
  calls_[call->number] = call;
  if (!call->id.is_null()) numbers_[key_of(call->id)] = call->number;
  pending_bytes_ += call->bytes;
  lanes_[call->lane].waiting.push_back(call);
  start_next(call->lane);
}

void RpcServer::start_next(const std::string& name) {
  Lane& lane = lanes_[name];
  if (lane.is_busy) return;
  if (lane.waiting.empty()) {
    lanes_.erase(name);
    return;
  }
  const std::shared_ptr<Call> call = std::move(lane.waiting.front());
  lane.waiting.pop_front();
  if (const auto* answer_of = std::get_if<Answer>(&call->method->does)) {
    answer(*call, tell(*answer_of, *call));
    return start_next(name);
  }
  lane.is_busy = true;
  ++jobs_running_;
  Job job{call, work_of(call)};
  const bool is_load = std::holds_alternative<Load>(call->method->does);
  const bool is_taken = (is_load ? loads_ : jobs_).try_push(job);
  check(is_taken, "the queues of jobs have room for every pending call");
}

std::function<Outcome()> RpcServer::work_of(const std::shared_ptr<const Call>& call) const {
  return std::visit(Match{[&](Work work) -> std::function<Outcome()> {
                            return [this, call, work] { return work(of_call(*call), call->params); };
                          },
                          [&](const Load& load) -> std::function<Outcome()> {
                            return [this, call, load] { return load.work(of_call(*call), call->params); };
                          },
                          [&](const Generate& how) -> std::function<Outcome()> {
                            return [this, call, how] {
                              return generate(of_call(*call), call->entries, how.defaults, how.is_batch);
                            };
                          },
                          [](Answer) -> std::function<Outcome()> { return {}; },
                          [](Control) -> std::function<Outcome()> { return {}; }},
                    call->method->does);
}

// A worker. What is thrown here ends here.
void RpcServer::run_jobs(Jobs& jobs) {
  while (auto job = jobs.pop()) {
    const auto begun = Clock::now();
    Outcome outcome{internal_error()};
    try {
      outcome = job->work();
    } catch (const std::exception& e) {
      services_.log.write(
          Level::error, "internal error",
          {{"correlation_id", job->call->correlation_id}, {"method", job->call->method->name}, {"fault", e.what()}});
    }
    const double took = std::chrono::duration<double, std::milli>(Clock::now() - begun).count();
    inbox_.push(WorkDone{std::move(job->call), std::move(outcome), took});
  }
}

void RpcServer::take(WorkDone done) {
  --jobs_running_;
  const std::shared_ptr<const Call> call = std::move(done.call);
  if (std::string_view(call->method->name) == "tokenize" && is_sampled()) activity_.tokenize_ms.add(done.took_ms);
  const auto unanswered = calls_.find(call->number);
  if (unanswered != calls_.end()) {
    conclude(unanswered->second, std::move(done.outcome));
  } else {  // cancelled while a worker was at it: streams that nobody asks for any more end when they are dropped
    release_streams(*call);
    if (done.outcome.loaded) (void)services_.host.unload(call->lane);
  }
  // Only now, so that the next call of the model finds it as this one has left it.
  if (const auto lane = lanes_.find(call->lane); lane != lanes_.end()) {
    lane->second.is_busy = false;
    start_next(call->lane);
  }
}

// Holds the call: answering forgets it.
void RpcServer::conclude(std::shared_ptr<Call> call, Outcome outcome) {
  const auto* how = std::get_if<Generate>(&call->method->does);
  const bool replies_at_end = how != nullptr && how->replies_at_end && !outcome.streams.empty();
  if (replies_at_end) {
    call->streams_left = outcome.streams.size();
    for (NewStream& stream : outcome.streams) stream.style.stats_in_event = true;
  } else {
    const bool is_null = how != nullptr && (how->replies_null || how->replies_at_end);
    const bool is_good = std::holds_alternative<Json>(outcome.reply);
    answer(*call, is_null && is_good ? Reply(Json()) : outcome.reply);
  }
  start_streams(*call, std::move(outcome.streams));
}

// ------------------------------------------------------------------------------------------------------------- streams

std::optional<RpcError> RpcServer::prepare_one(Call& call) const {
  const auto id = call.params.find("stream_id");
  const std::string name = id != call.params.end() ? id->get<std::string>() : fmt::format("stream-{}", call.number);
  if (streams_.contains(name)) return invalid_param("stream_id", fmt::format("Stream ID '{}' is already in use", name));
  call.entries.push_back({.stream_id = name, .params = call.params});
  return std::nullopt;
}

std::optional<RpcError> RpcServer::prepare_batch(Call& call) const {
  const Json& requests = call.params.at("requests");
  std::set<std::string> names;
  for (size_t i = 0; i < requests.size(); ++i) {
    const Json& request = requests[i];
    const auto id = request.is_object() ? request.find("stream_id") : request.end();
    if (id == request.end() || !id->is_string() || id->get_ref<const std::string&>().empty()) {
      return invalid_param("requests",
                           fmt::format("{} request at index {} is missing 'stream_id'", call.method->name, i));
    }
    Entry entry{.stream_id = id->get<std::string>(), .params = {}};
    if (!names.insert(entry.stream_id).second) {
      return invalid_param("requests", fmt::format("Duplicate stream_id '{}' detected in {} payload", entry.stream_id,
                                                   call.method->name));
    }
    auto params = read_params(of_call(call), "GenerateParams", request);
    if (auto* error = std::get_if<RpcError>(&params)) {
      entry.refused = std::move(*error);
    } else if (streams_.contains(entry.stream_id)) {
      entry.refused = invalid_param("stream_id", fmt::format("Stream ID '{}' is already in use", entry.stream_id));
    } else {
      entry.params = std::move(std::get<Json>(params));
    }
    call.entries.push_back(std::move(entry));
  }
  return std::nullopt;
}

std::optional<RpcError> RpcServer::prepare_entries(Call& call) {
  const bool is_batch = std::get<Generate>(call.method->does).is_batch;
  const size_t wanted = is_batch ? call.params.at("requests").size() : 1;
  const size_t streams_max = services_.settings.streams_max;
  if (streams_.size() + wanted > streams_max) {
    return rpc_error(RpcCode::server_error,
                     fmt::format("too many active streams ({} and {} more, max {}); wait for some "
                                 "to end",
                                 streams_.size(), wanted, streams_max));
  }
  if (auto error = is_batch ? prepare_batch(call) : prepare_one(call)) return error;
  for (const Entry& entry : call.entries) {
    if (!entry.refused) streams_[entry.stream_id].call = call.number;
  }
  return std::nullopt;
}

// Frees the names of streams that never began.
void RpcServer::release_streams(const Call& call) {
  for (const Entry& entry : call.entries) {
    const auto slot = streams_.find(entry.stream_id);
    if (slot != streams_.end() && slot->second.call == call.number && !slot->second.live) streams_.erase(slot);
  }
}

void RpcServer::start_streams(const Call& call, std::vector<NewStream> started) {
  for (NewStream& stream : started) {
    const std::string id = stream.stream_id;
    StreamSlot& slot = streams_.at(id);
    slot.live = std::make_shared<LiveStream>(std::move(stream), reader_.bell());
    reader_.add(slot.live);
    if (slot.is_cancelled) slot.live->cancel();
  }
  release_streams(call);
}

// The name is free before the client can know that the stream has ended.
void RpcServer::take(StreamEnded ended) {
  const auto slot = streams_.find(ended.stream_id);
  const uint64_t number = slot->second.call;
  streams_.erase(slot);
  const Ending& ending = ended.ending;
  if (is_sampled()) {
    activity_.generation_ms.add(ending.timings.total_ms);
    activity_.generation_seconds += ending.timings.total_ms / 1000;
    activity_.generated_tokens += static_cast<uint64_t>(ending.usage.completion_tokens);
  }
  if (ending.is_failed) {
    ++activity_.errors;
    if (ending.error == ErrorCode::timeout) ++activity_.timeouts;
  }
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
  if (stream_id != params.end()) found = cancel_stream(stream_id->get<std::string>());
  if (id != params.end()) found = cancel_call(*id) || found;
  return Json{{"success", found}};
}

bool RpcServer::cancel_stream(const std::string& stream_id) {
  const auto slot = streams_.find(stream_id);
  if (slot == streams_.end()) return false;
  slot->second.is_cancelled = true;
  if (slot->second.live) slot->second.live->cancel();
  return true;
}

bool RpcServer::cancel_call(const Json& id) {
  const auto number = numbers_.find(key_of(id));
  if (number == numbers_.end()) return false;
  const std::shared_ptr<Call> call = calls_.at(number->second);
  for (const Entry& entry : call->entries) {
    const auto slot = streams_.find(entry.stream_id);
    if (slot != streams_.end() && slot->second.call == call->number) cancel_stream(entry.stream_id);
  }
  const auto lane = lanes_.find(call->lane);
  const bool is_waiting = lane != lanes_.end() && std::erase(lane->second.waiting, call) > 0;
  if (is_waiting) release_streams(*call);
  answer(*call, cancelled());
  return true;
}

Reply RpcServer::acknowledge(const Json& params) {
  const schema::Reader reader(*schema::find_message("StreamAckParams"), params);
  const auto slot = streams_.find(reader.get<std::string>("stream_id"));
  const bool is_live = slot != streams_.end() && slot->second.live;
  if (is_live) slot->second.live->acknowledge(reader.get<uint64_t>("count"));
  return Json{{"success", is_live}};
}

// --------------------------------------------------------------------------------------------------------------
// answers

void RpcServer::answer(const Call& call, const Reply& reply) {
  const auto* error = std::get_if<RpcError>(&reply);
  if (error != nullptr) {
    ++activity_.errors;
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

void RpcServer::cancel_streams() {
  stopping_->is_cancelled = true;
  for (auto& [id, slot] : streams_) cancel_stream(id);
}

// What was not done in time is answered all the same.
void RpcServer::give_up() {
  for (auto& [name, lane] : lanes_) {
    for (const auto& call : lane.waiting) release_streams(*call);
    lane.waiting.clear();
  }
  const auto left = calls_;
  for (const auto& [number, call] : left) answer(*call, cancelled());
}

bool RpcServer::is_done() const {
  if (!stopping_) return false;
  if (calls_.empty() && streams_.empty() && jobs_running_ == 0) return true;
  return stopping_->is_cancelled && Clock::now() >= stopping_->give_up_at;
}

}  // namespace mlxserving::api
