#include "api/rpc_streams.h"

#include <fmt/format.h>

#include <set>
#include <utility>

namespace mlxserving::api {

RpcStreams::RpcStreams(LiveStream::Emit notify, StreamReader::OnEnd on_end, size_t streams_max)
    : streams_max_(streams_max), reader_(std::move(notify), std::move(on_end), streams_max) {}

RpcStreams::~RpcStreams() { cancel_all(); }

std::optional<RpcError> RpcStreams::refuse_used(const std::string& name) const {
  if (!slots_.contains(name)) return std::nullopt;
  return invalid_param("stream_id", fmt::format("Stream ID '{}' is already in use", name));
}

std::optional<RpcError> RpcStreams::read_one(Call& call) const {
  const auto id = call.params.find("stream_id");
  const std::string name = id != call.params.end() ? id->get<std::string>() : fmt::format("stream-{}", call.number);
  if (auto error = refuse_used(name)) return error;
  call.entries.push_back({.stream_id = name, .params = call.params});
  return std::nullopt;
}

std::optional<RpcError> RpcStreams::read_batch(const Services& services, Call& call) const {
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
    auto params = read_params(services, "GenerateParams", request);
    if (auto* error = std::get_if<RpcError>(&params)) {
      entry.refused = std::move(*error);
    } else if (entry.refused = refuse_used(entry.stream_id); !entry.refused) {
      entry.params = std::move(std::get<Json>(params));
    }
    call.entries.push_back(std::move(entry));
  }
  return std::nullopt;
}

std::optional<RpcError> RpcStreams::reserve(const Services& services, Call& call) {
  const bool is_batch = std::get<Generate>(call.method->does).is_batch;
  const size_t wanted = is_batch ? call.params.at("requests").size() : 1;
  if (slots_.size() + wanted > streams_max_) {
    return rpc_error(RpcCode::server_error,
                     fmt::format("too many active streams ({} and {} more, max {}); wait for some to end",
                                 slots_.size(), wanted, streams_max_));
  }
  if (auto error = is_batch ? read_batch(services, call) : read_one(call)) return error;
  for (const Entry& entry : call.entries) {
    if (!entry.refused) slots_[entry.stream_id].call = call.number;
  }
  return std::nullopt;
}

void RpcStreams::start(const Call& call, std::vector<NewStream> started) {
  for (NewStream& stream : started) {
    Slot& slot = slots_.at(stream.stream_id);
    slot.live = std::make_shared<LiveStream>(std::move(stream), reader_.bell());
    reader_.add(slot.live);
    if (slot.is_cancelled) slot.live->cancel();
  }
  release(call);
}

void RpcStreams::release(const Call& call) {
  for (const Entry& entry : call.entries) {
    const auto slot = slots_.find(entry.stream_id);
    if (slot != slots_.end() && slot->second.call == call.number && !slot->second.live) slots_.erase(slot);
  }
}

uint64_t RpcStreams::end(const std::string& name) {
  const auto slot = slots_.find(name);
  const uint64_t call = slot->second.call;
  slots_.erase(slot);
  return call;
}

void RpcStreams::cancel(Slot& slot) {
  slot.is_cancelled = true;
  if (slot.live) slot.live->cancel();
}

bool RpcStreams::cancel(const std::string& name) {
  const auto slot = slots_.find(name);
  if (slot == slots_.end()) return false;
  cancel(slot->second);
  return true;
}

void RpcStreams::cancel(const Call& call) {
  for (const Entry& entry : call.entries) {
    const auto slot = slots_.find(entry.stream_id);
    if (slot != slots_.end() && slot->second.call == call.number) cancel(slot->second);
  }
}

void RpcStreams::cancel_all() {
  for (auto& [name, slot] : slots_) cancel(slot);
}

bool RpcStreams::acknowledge(const std::string& name, uint64_t chunks) {
  const auto slot = slots_.find(name);
  if (slot == slots_.end() || !slot->second.live) return false;
  slot->second.live->acknowledge(chunks);
  return true;
}

}  // namespace mlxserving::api
