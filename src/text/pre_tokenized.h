// A text on its way to the model: pieces of a buffer, some of which are tokens already.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "text/aligned_text.h"

namespace mlxserving::text {

using TokenId = uint32_t;

// Bytes [begin, end) of PreTokenized::text. `origin`: where the stretch it was cut from begins in the original text.
struct Piece {
  uint32_t begin;
  uint32_t end;
  uint32_t origin;
  int32_t token;  // kNoToken until one is known

  static constexpr int32_t kNoToken = -1;
  bool is_token() const { return token != kNoToken; }
};

// What a Split does with the matches of its pattern. The enumerators are the file's names.
enum class SplitBehavior { Removed, Isolated, MergedWithPrevious, MergedWithNext, Contiguous };

// Pieces of the original text, or of a rewritten copy that this owns. While the text is unchanged `align` stays empty:
// every byte is its own origin.
class PreTokenized {
 public:
  // Borrows `original`, valid UTF-8 that must outlive this. `tracked`: offsets will be asked for.
  PreTokenized(std::string_view original, bool tracked);
  PreTokenized(const PreTokenized&) = delete;
  PreTokenized& operator=(const PreTokenized&) = delete;

  std::string_view text() const { return text_; }
  std::string_view text_of(const Piece& piece) const { return text_.substr(piece.begin, piece.end - piece.begin); }
  const std::vector<Piece>& pieces() const { return pieces_; }
  bool is_tracked() const { return tracked_; }

  // Where bytes [begin, end) of text() came from, in bytes of the original. begin < end.
  Align origin_of(uint32_t begin, uint32_t end) const;

  // Cuts each piece that is no token: `cut(text, pieces)` appends the matches of one piece's text.
  template <typename Cut>
  Result<void> split(SplitBehavior behavior, bool invert, const Cut& cut) {
    std::vector<Piece> next;
    next.reserve(pieces_.size() + text_.size() / 4);
    std::vector<Match> matches;
    for (const Piece& piece : pieces_) {
      if (piece.is_token()) {
        next.push_back(piece);
        continue;
      }
      matches.clear();
      MLXS_CHECKED(cut(text_of(piece), matches));
      append_split(piece, matches, behavior, invert, next);
    }
    pieces_ = std::move(next);
    return {};
  }

  // Cuts each piece that is no token into sub-pieces, whose begin and end `cut(piece, parts)` gives within the piece.
  template <typename Cut>
  void split_to_pieces(const Cut& cut) {
    std::vector<Piece> next;
    std::vector<Piece> parts;
    for (const Piece& piece : pieces_) {
      if (piece.is_token()) {
        next.push_back(piece);
        continue;
      }
      parts.clear();
      cut(piece, parts);
      for (const Piece& part : parts) {
        if (part.begin == part.end) continue;
        next.push_back(slice(piece.begin + part.begin, piece.begin + part.end));
        next.back().token = part.token;
      }
    }
    pieces_ = std::move(next);
  }

  // Rewrites each piece that is no token. `wanted(piece)` tells whether `rewrite(AlignedText&)` would change it: as
  // long as it says no, nothing is copied.
  template <typename Wanted, typename Rewrite>
  Result<void> rewrite(const Wanted& wanted, const Rewrite& rewrite) {
    bool any = false;
    for (const Piece& piece : pieces_) any = any || (!piece.is_token() && wanted(piece));
    if (!any) return {};
    Copy copy;
    for (const Piece& piece : pieces_) {
      AlignedText text = take(piece);
      if (!piece.is_token() && wanted(piece)) MLXS_CHECKED(rewrite(text));
      copy.append(piece, text);
    }
    adopt(std::move(copy));
    return {};
  }

 private:
  struct Copy {
    std::string text;
    std::vector<Align> align;
    std::vector<Piece> pieces;
    void append(const Piece& piece, const AlignedText& rewritten);
  };

  AlignedText take(const Piece& piece) const;
  void adopt(Copy copy);
  Piece slice(uint32_t begin, uint32_t end) const;
  void append_split(const Piece& piece, std::vector<Match>& matches, SplitBehavior behavior, bool invert,
                    std::vector<Piece>& out) const;

  std::string_view text_;
  std::string owned_;
  std::vector<Align> align_;
  std::vector<Piece> pieces_;
  bool tracked_;
  bool unchanged_ = true;
};

}  // namespace mlxserving::text
