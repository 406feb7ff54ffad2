// Stop strings, found in the bytes of an answer as they come: a stop may begin inside one token and end in another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "mlxserving/error.h"

namespace mlxserving::text {

// Which stop wins: the one that is complete first; of those complete at the same byte, the longest. So the answer never
// depends on how the bytes were cut into pieces. Matching is Aho-Corasick (Aho and Corasick 1975): the depth of its
// state says how many of the last bytes may yet become a stop. Only those are held back, and the bytes of an unfinished
// UTF-8 sequence. One answer, one thread.
class StopMatcher {
 public:
  struct Options {
    bool include_stop = false;  // the stop itself is part of the answer
  };

  struct Step {
    std::string_view text;  // what may go out now; valid until the next call
    bool stopped = false;   // the answer is complete
    size_t stop_index = 0;  // of the stop that ended it
  };

  // The limits are kStopStringsMax and kStopBytesMax of mlxserving/request.h. Stops must be valid UTF-8 and not empty.
  static Result<StopMatcher> create(std::span<const std::string> stops, const Options& options);

  // The next bytes of the answer. After a stop nothing more comes out: text is empty, stopped stays.
  Step feed(std::string_view bytes);

  // The answer ended without a stop: what was held back, which may end in an unfinished sequence if the answer did. The
  // matcher is then at its start again.
  std::string flush();

  size_t held_bytes() const { return held_.size(); }

 private:
  // A node of the trie, reached by `byte` from its parent. Children are a list: most nodes have one.
  struct Node {
    uint32_t first_child = 0;
    uint32_t next_sibling = 0;
    uint32_t fail = 0;   // the longest proper suffix that is a node
    uint32_t depth = 0;  // bytes from the root
    int32_t stop = -1;   // the longest stop that ends here, or -1
    uint32_t stop_bytes = 0;
    uint8_t byte = 0;
  };

  explicit StopMatcher(const Options& options) : options_(options), nodes_(1) {}
  uint32_t child(uint32_t node, uint8_t byte) const;
  uint32_t next(uint32_t node, uint8_t byte) const;
  void insert(std::string_view stop, size_t index);
  void link();
  Step finish(size_t end);

  Options options_;
  std::vector<Node> nodes_;
  std::string held_;  // the bytes not yet out: those that may become a stop or complete a code point
  std::string out_;
  uint32_t state_ = 0;
  bool stopped_ = false;
  size_t stop_index_ = 0;
};

}  // namespace mlxserving::text
