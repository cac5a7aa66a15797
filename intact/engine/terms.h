// Terms: the words of a text as text search counts them, in chunks, queries, names and paths alike.
//
// A term is a token (model/tokeniser.h) of at least two bytes, reduced to its stem, or a whole
// identifier of several tokens with underscores left out, so that `getUserName` and `get_user_name`
// are one term. The stem is a short form of Porter's ("An algorithm for suffix stripping", 1980,
// steps 1a to 1c and the final e): plural, -ed and -ing go, final y becomes i.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "intact/format/postings.h"
#include "intact/search/bm25.h"

namespace intact::engine {

// Raised whenever the same text may give other terms.
inline constexpr uint32_t kTermsVersion = 1;

// FnvHash of the stem of a lower-case word. Words of over 64 bytes stay as they are.
uint64_t StemHash(std::string_view word);

// Counts terms; keeps its table between calls. Make one per thread.
class TermCounter {
 public:
  // The distinct terms of `text` with their counts, in order of first appearance; valid until the
  // next call.
  const std::vector<format::TermCount>& Count(std::string_view text);
  // Sum of the counts of the last call.
  uint32_t total() const { return total_; }

 private:
  void Add(uint64_t hash);
  void Grow();

  std::vector<format::TermCount> terms_;
  std::vector<uint32_t> slots_;  // Index into terms_ + 1; 0 is free. A power of two.
  uint32_t total_ = 0;
};

// The distinct terms of a query: words that only make a sentence ("where", "is", "the") or only say
// that something should change ("fix", "ensure") are left out unless nothing else is there. Whole
// identifiers weigh double. Two words in a row are also looked for as one ("skip list" as
// `skiplist` and `skip_list`), at half the weight.
std::vector<search::QueryTerm> QueryTerms(std::string_view query);

}  // namespace intact::engine
