#include "text/chat_template.h"

#include <algorithm>
#include <filesystem>

#include "core/read_file.h"
#include "core/result.h"

namespace mlxserving::text {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMessagesMax = 100'000;
constexpr size_t kTemplateFileBytesMax = size_t{4} << 20;
constexpr size_t kTokenizerConfigBytesMax = size_t{64} << 20;  // some list every added token

// Role names that templates put inside a special token ("<|" + role + "|>"). Any other role is user text.
constexpr std::string_view kRoles[] = {"system",   "user",        "assistant", "tool",    "developer", "function",
                                       "model",    "observation", "ipython",   "context", "documents", "environment",
                                       "thinking", "critic",      "human",     "gpt",     "data"};

bool is_known_role(std::string_view role) {
  return std::find(std::begin(kRoles), std::end(kRoles), role) != std::end(kRoles);
}

// "messages/3/role"
bool is_role_path(std::string_view path) {
  if (!path.starts_with("messages/") || !path.ends_with("/role")) return false;
  const std::string_view index = path.substr(9, path.size() - 9 - 5);
  return !index.empty() && index.find_first_not_of("0123456789") == std::string_view::npos;
}

Error bad_field(const std::string& field, const std::string& wanted, const Json& seen) {
  return fail(ErrorCode::invalid_request, field, "{} must be {}, got {}", field, wanted, seen.type_name());
}

Result<void> check_part(const Json& part, const std::string& field) {
  if (part.is_string()) return {};
  if (!part.is_object()) return bad_field(field, "an object with a type", part);
  if (!part.contains("type")) return fail(ErrorCode::invalid_request, field + ".type", "{}.type is missing", field);
  if (!part["type"].is_string()) return bad_field(field + ".type", "a string", part["type"]);
  const bool is_text = part["type"] == "text";
  if (is_text && (!part.contains("text") || !part["text"].is_string())) {
    return fail(ErrorCode::invalid_request, field + ".text", "{}.text must be a string", field);
  }
  return {};
}

Result<void> check_content(const Json& content, const std::string& field) {
  if (content.is_string() || content.is_null()) return {};
  if (!content.is_array()) return bad_field(field, "a string, a list of parts or null", content);
  for (size_t i = 0; i < content.size(); ++i) {
    MLXS_CHECKED(check_part(content[i], fmt::format("{}[{}]", field, i)));
  }
  return {};
}

Result<void> check_message(const Json& message, const std::string& field) {
  if (!message.is_object()) return bad_field(field, "an object", message);
  if (!message.contains("role")) return fail(ErrorCode::invalid_request, field + ".role", "{}.role is missing", field);
  if (!message["role"].is_string()) return bad_field(field + ".role", "a string", message["role"]);
  if (message.contains("content")) {
    MLXS_CHECKED(check_content(message["content"], field + ".content"));
  }
  if (message.contains("tool_calls") && !message["tool_calls"].is_array() && !message["tool_calls"].is_null()) {
    return bad_field(field + ".tool_calls", "a list", message["tool_calls"]);
  }
  return {};
}

Result<void> check_list_of_objects(const Json& list, const std::string& field) {
  if (list.is_null()) return {};
  if (!list.is_array()) return bad_field(field, "a list", list);
  for (size_t i = 0; i < list.size(); ++i) {
    if (!list[i].is_object()) return bad_field(fmt::format("{}[{}]", field, i), "an object", list[i]);
  }
  return {};
}

// --- files of a model directory

// "<s>", or {"content": "<s>", ...}
std::string token_text(const Json& token) {
  if (token.is_string()) return token.get<std::string>();
  if (token.is_object() && token.contains("content") && token["content"].is_string())
    return token["content"].get<std::string>();
  return {};
}

std::vector<std::pair<std::string, std::string>> special_tokens_of(const Json& config) {
  std::vector<std::pair<std::string, std::string>> tokens;
  for (const auto& [key, value] : config.items()) {
    if (!key.ends_with("_token") || key.starts_with("add_")) continue;
    const std::string text = token_text(value);
    if (!text.empty()) tokens.emplace_back(key, text);
  }
  return tokens;
}

// A template that only includes the file beside it: what some repositories leave in their configuration.
bool only_includes_file(const std::string& source) {
  return source.size() < 120 && source.find("include") != std::string::npos &&
         source.find("chat_template.jinja") != std::string::npos;
}

struct Source {
  std::string name;
  std::string text;
};

// The field chat_template: a string, or a list of {"name", "template"}.
Result<std::vector<Source>> sources_of(const Json& config, const std::string& file) {
  std::vector<Source> sources;
  if (!config.is_object() || !config.contains("chat_template") || config["chat_template"].is_null()) return sources;
  const Json& field = config["chat_template"];
  if (field.is_string()) {
    sources.push_back({"default", field.get<std::string>()});
    return sources;
  }
  const auto broken = [&] {
    return fail(ErrorCode::invalid_model, file,
                "{}: chat_template must be a string or a list of objects with name and template", file);
  };
  if (!field.is_array()) return broken();
  for (const Json& each : field) {
    const bool is_named = each.is_object() && each.contains("name") && each["name"].is_string() &&
                          each.contains("template") && each["template"].is_string();
    if (!is_named) return broken();
    sources.push_back({each["name"].get<std::string>(), each["template"].get<std::string>()});
  }
  return sources;
}

void put(std::vector<Source>& sources, Source source) {
  const auto same =
      std::find_if(sources.begin(), sources.end(), [&](const Source& s) { return s.name == source.name; });
  if (same != sources.end()) {
    same->text = std::move(source.text);
  } else {
    sources.push_back(std::move(source));
  }
}

Result<Json> read_config(const fs::path& path) {
  if (!fs::exists(path)) return Json();
  return read_json_file(path.string(), {.bytes_max = kTokenizerConfigBytesMax});
}

Result<void> add_files(const fs::path& directory, std::vector<Source>& sources) {
  const fs::path file = directory / "chat_template.jinja";
  if (fs::exists(file)) {
    MLXS_TRY(std::string text, read_file(file.string(), kTemplateFileBytesMax));
    put(sources, {"default", std::move(text)});
  }
  const fs::path more = directory / "additional_chat_templates";
  std::error_code ignored;
  if (!fs::is_directory(more, ignored)) return {};
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(more, ignored)) {
    if (entry.path().extension() == ".jinja") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  for (const fs::path& path : paths) {
    MLXS_TRY(std::string text, read_file(path.string(), kTemplateFileBytesMax));
    put(sources, {path.stem().string(), std::move(text)});
  }
  return {};
}

// As transformers hands it to templates: what is null is left out, for many would print "None", and the reasoning goes
// by every name that some template reads it under.
Json as_templates_expect(const Json& message) {
  Json given = Json::object();
  for (const auto& [key, value] : message.items()) {
    if (!value.is_null()) given[key] = value;
  }
  for (const char* name : {"reasoning_content", "thinking", "reasoning"}) {
    if (!given.contains(name)) continue;
    Json named = {{"thinking", given[name]}};
    named.update(given);
    named["reasoning_content"] = given[name];
    return named;
  }
  return given;
}

// --- continue_final_message

// Stands for the end of the last message while the template renders. No template has a reason to touch it.
constexpr std::string_view kEndMark =
    "\xF3\xB0\x80\x81"
    "END-OF-FINAL-MESSAGE"
    "\xF3\xB0\x80\x81 ";

std::string_view without_spaces_at_end(std::string_view text) {
  while (!text.empty() && std::string_view(" \t\n\r\f\v").find(text.back()) != std::string_view::npos)
    text.remove_suffix(1);
  return text;
}

// Puts the mark behind the last text of the last message.
Result<void> mark_end(Json& messages) {
  const std::string field = fmt::format("messages[{}].content", messages.size() - 1);
  Json& last = messages.back();
  if (last.contains("content") && last["content"].is_string()) {
    last["content"] = last["content"].get<std::string>() + std::string(kEndMark);
    return {};
  }
  if (last.contains("content") && last["content"].is_array()) {
    for (size_t i = last["content"].size(); i-- > 0;) {
      Json& part = last["content"][i];
      if (!part.is_object() || !part.contains("text") || !part["text"].is_string()) continue;
      part["text"] = part["text"].get<std::string>() + std::string(kEndMark);
      return {};
    }
  }
  return fail(ErrorCode::invalid_request, field, "{} has no text to continue", field);
}

Result<void> cut_at_mark(jinja::Rendered& rendered) {
  const std::string_view bare = without_spaces_at_end(kEndMark);
  const size_t at = rendered.text.rfind(bare);
  if (at == std::string::npos) {
    return fail(ErrorCode::invalid_request, "continue_final_message",
                "the chat template drops the final message's text, so it cannot be continued");
  }
  // Where the template trims the message, the space that closes the mark is gone: trim likewise.
  const bool keeps_spaces = rendered.text.compare(at, kEndMark.size(), kEndMark) == 0;
  const std::string_view kept = std::string_view(rendered.text).substr(0, at);
  rendered.text.resize((keeps_spaces ? kept : without_spaces_at_end(kept)).size());
  std::erase_if(rendered.spans, [&](const jinja::Span& span) { return span.begin >= rendered.text.size(); });
  if (!rendered.spans.empty()) rendered.spans.back().end = rendered.text.size();
  return {};
}

}  // namespace

Result<void> check_messages(const Json& messages) {
  if (!messages.is_array()) return bad_field("messages", "a list", messages);
  if (messages.size() > kMessagesMax) {
    return fail(ErrorCode::invalid_request, "messages", "messages must have at most {} entries, got {}", kMessagesMax,
                messages.size());
  }
  for (size_t i = 0; i < messages.size(); ++i) {
    MLXS_CHECKED(check_message(messages[i], fmt::format("messages[{}]", i)));
  }
  return {};
}

Result<void> ChatTemplate::add(const std::string& name, const std::string& source) {
  auto compiled = jinja::Template::parse(source);
  if (!compiled) {
    Error error = compiled.error();
    error.message = fmt::format("chat template '{}': {}", name, error.message);
    return error;
  }
  templates_.push_back({name, source, std::move(compiled).value()});
  return {};
}

Result<ChatTemplate> ChatTemplate::parse(std::string_view source,
                                         std::vector<std::pair<std::string, std::string>> special_tokens) {
  ChatTemplate chat_template;
  chat_template.special_tokens_ = std::move(special_tokens);
  MLXS_CHECKED(chat_template.add("default", std::string(source)));
  return chat_template;
}

Result<ChatTemplate> ChatTemplate::load(const std::string& directory) {
  const fs::path root(directory);
  std::error_code ignored;
  if (!fs::is_directory(root, ignored))
    return fail(ErrorCode::not_found, directory, "{} is not a directory", directory);
  std::vector<Source> sources;
  ChatTemplate chat_template;
  MLXS_TRY(const Json special, read_config(root / "special_tokens_map.json"));
  if (special.is_object()) chat_template.special_tokens_ = special_tokens_of(special);
  for (const char* file : {"tokenizer_config.json", "chat_template.json"}) {
    MLXS_TRY(const Json config, read_config(root / file));
    if (!config.is_object()) continue;
    MLXS_TRY(const std::vector<Source> found, sources_of(config, (root / file).string()));
    for (const Source& source : found) {
      if (!only_includes_file(source.text)) put(sources, source);
    }
    for (auto& [name, text] : special_tokens_of(config)) {
      auto& tokens = chat_template.special_tokens_;
      std::erase_if(tokens, [&name = name](const auto& token) { return token.first == name; });
      tokens.emplace_back(name, text);
    }
  }
  MLXS_CHECKED(add_files(root, sources));
  if (sources.empty()) {
    return fail(ErrorCode::not_found, directory,
                "{} has no chat template: no chat_template.jinja, chat_template.json or chat_template in "
                "tokenizer_config.json",
                directory);
  }
  for (const Source& source : sources) {
    MLXS_CHECKED(chat_template.add(source.name, source.text));
  }
  return chat_template;
}

std::string ChatTemplate::sources() const {
  std::string all;
  for (const Named& named : templates_) all += named.source + "\n";
  return all;
}

std::vector<std::string> ChatTemplate::names() const {
  std::vector<std::string> names;
  names.reserve(templates_.size());
  for (const Named& each : templates_) names.push_back(each.name);
  const auto first = std::find(names.begin(), names.end(), "default");
  if (first != names.end()) std::rotate(names.begin(), first, first + 1);
  return names;
}

Result<const ChatTemplate::Named*> ChatTemplate::choose(const ChatRequest& request) const {
  const auto named = [this](std::string_view name) -> const Named* {
    const auto found =
        std::find_if(templates_.begin(), templates_.end(), [&](const Named& t) { return t.name == name; });
    return found != templates_.end() ? &*found : nullptr;
  };
  if (!request.template_name.empty()) {
    if (const Named* found = named(request.template_name)) return found;
    return fail(ErrorCode::invalid_request, "chat_template", "the model has no chat template '{}', only {}",
                request.template_name, fmt::join(names(), ", "));
  }
  if (!request.tools.is_null() && named("tool_use") != nullptr) return named("tool_use");
  if (const Named* found = named("default")) return found;
  if (templates_.size() == 1) return &templates_.front();
  return fail(ErrorCode::invalid_request, "chat_template", "the model has several chat templates, name one of {}",
              fmt::join(names(), ", "));
}

Result<jinja::Rendered> ChatTemplate::render(const ChatRequest& request) const {
  MLXS_CHECKED(check_messages(request.messages));
  MLXS_CHECKED(check_list_of_objects(request.tools, "tools"));
  MLXS_CHECKED(check_list_of_objects(request.documents, "documents"));
  if (!request.kwargs.is_object()) return bad_field("chat_template_kwargs", "an object", request.kwargs);
  if (request.continue_final_message && (request.messages.empty() || request.add_generation_prompt)) {
    return fail(ErrorCode::invalid_request, "continue_final_message", "{}",
                request.messages.empty() ? "continue_final_message needs a message to continue"
                                         : "continue_final_message and add_generation_prompt exclude each other");
  }
  MLXS_TRY(const Named* chosen, choose(request));

  Json context = Json::object();
  for (const auto& [name, text] : special_tokens_) context[name] = text;
  context.update(request.kwargs);
  Json& messages = context["messages"] = Json::array();
  for (const Json& message : request.messages) messages.push_back(as_templates_expect(message));
  context["tools"] = request.tools;
  context["documents"] = request.documents;
  context["add_generation_prompt"] = request.add_generation_prompt;
  if (request.continue_final_message) {
    MLXS_CHECKED(mark_end(context["messages"]));
  }

  jinja::RenderOptions options;
  options.now = request.now;
  options.is_trusted = [&](std::string_view path, std::string_view value) {
    if (is_role_path(path)) return is_known_role(value);
    if (request.kwargs.contains(path)) return false;
    return std::any_of(special_tokens_.begin(), special_tokens_.end(),
                       [&](const auto& token) { return token.first == path; });
  };
  MLXS_TRY(jinja::Rendered rendered, chosen->compiled.render(context, options));
  if (request.continue_final_message) {
    MLXS_CHECKED(cut_at_mark(rendered));
  }
  return rendered;
}

}  // namespace mlxserving::text
