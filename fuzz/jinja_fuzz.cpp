// Any bytes as a template over a small chat: parsing and rendering end within their limits, and the spans of the output
// cover all of it in order.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "core/json.h"
#include "text/jinja/template.h"

namespace {

using mlxserving::Json;
using namespace mlxserving::text::jinja;

const Json& context() {
  static const Json kContext = Json::parse(R"({
    "messages": [{"role": "user", "content": "Hi <b>\u00e9\u4f60</b>\n"}, {"role": "assistant", "content": null,
      "tool_calls": [{"function": {"name": "f", "arguments": {"a": [1, 2.5, true, null], "b": {"c": "x"}}}}]}],
    "n": 3, "x": 1.5, "s": "a,b c", "l": [3, 1, 2], "d": {"k": "v", "items": 1}, "bos_token": "<s>"})");
  return kContext;
}

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Limits limits{.template_bytes_max = 4096,
                      .steps_max = 20'000,
                      .output_bytes_max = 1 << 16,
                      .string_bytes_max = 1 << 16,
                      .items_max = 4096,
                      .integer_bits_max = 512};
  const auto parsed = Template::parse(std::string_view(reinterpret_cast<const char*>(data), size), limits);
  if (!parsed) return 0;
  RenderOptions options;
  options.now.tm_year = 124;
  options.now.tm_mday = 1;
  const auto rendered = parsed->render(context(), options);
  if (!rendered) return 0;
  size_t at = 0;
  for (const Span& span : rendered->spans) {
    check(span.begin == at && span.end > at);
    at = span.end;
  }
  check(at == rendered->text.size());
  return 0;
}
