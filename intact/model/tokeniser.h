// The tokeniser of the project's own models and of text search: words cut from identifiers and
// prose.
//
// Definition (models/README.md): bytes >= 0x80 count as lower-case letters. In order of preference
// a token is a run of digits; two or more capitals and an `s` that no letter follows ("URLs");
// capitals that no lower-case letter follows, leaving the last capital to a word ("HTTP" of
// "HTTPServer"); a word of lower-case letters with at most one capital before it. All else
// separates. Tokens are lower-cased (ASCII) and cut to 64 bytes. Thread-safe.
#pragma once

#include <cstdint>
#include <string_view>

#include "intact/base/base.h"

namespace intact::model {

// Raised whenever the same text may give other tokens.
inline constexpr uint32_t kTokeniserVersion = 1;
inline constexpr size_t kTokenSizeMax = 64;

// FNV-1a, 64 bits (Fowler, Noll, Vo; RFC 9923): names tokens in model files and postings.
inline constexpr uint64_t kFnvOffset = 0xcbf29ce484222325;
inline constexpr uint64_t kFnvPrime = 0x100000001b3;
constexpr uint64_t FnvStep(uint64_t hash, unsigned char byte) { return (hash ^ byte) * kFnvPrime; }
constexpr uint64_t FnvHash(std::string_view bytes) {
  uint64_t hash = kFnvOffset;
  for (const char c : bytes) hash = FnvStep(hash, static_cast<unsigned char>(c));
  return hash;
}

constexpr char LowerAscii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

struct Token {
  uint64_t hash = 0;       // FnvHash of the lower-case bytes.
  std::string_view bytes;  // As in the text, not lower-cased.
};

// Cuts `text` token by token.
class Tokeniser {
 public:
  explicit Tokeniser(std::string_view text) : text_(text) {}
  // False at the end.
  bool Next(Token& token);

 private:
  // The end of the token that starts at `position_`, a letter or digit.
  size_t TokenEnd() const;

  std::string_view text_;
  size_t position_ = 0;
  size_t token_end_ = 0;  // The rest of an over-long token lies before this.
};

}  // namespace intact::model
