// Searching an index: exact vector search, text search (BM25), and both with ranking signals.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/engine/place.h"

namespace intact::engine {

enum class SearchMode : uint8_t {
  kHybrid,  // Both scores and all ranking signals.
  kVector,  // The exact cosine similarity alone: the true top-k of a full float32 scan.
  kText,    // BM25 alone.
};

struct SearchRequest {
  std::string query;
  size_t k = 10;  // 1 to 10,000.
  SearchMode mode = SearchMode::kHybrid;
  // Filters, all applied before the top k are chosen. A path must match one of the globs, a file
  // one of the languages (names or aliases: "cpp", "python").
  std::vector<std::string> path_globs;
  std::vector<std::string> languages;
  // Fill SearchHit::signals.
  bool explain_score = false;
};

struct Signal {
  std::string name;
  double value = 0;   // Of this hit.
  double weight = 0;  // The score is the sum of value * weight.
};

struct SearchHit {
  std::string path;  // Relative to the root.
  uint32_t first_line = 0;
  uint32_t last_line = 0;
  std::string language;
  std::string symbol;  // May be empty.
  double score =
      0;  // Higher is better; comparable within one response only, except in kVector mode.
  std::string text;       // The chunk as it is in the file now; empty when is_stale.
  bool is_stale = false;  // The file changed since it was indexed: the lines may have moved.
  std::vector<Signal> signals;
};

struct SearchResponse {
  std::vector<SearchHit> hits;   // Best first; ties by path and line.
  uint64_t version = 0;          // Of the store that was searched.
  uint64_t chunks_searched = 0;  // That passed the filters.
  bool is_unfinished = false;    // The index's last run did not see every file.
  double seconds = 0;
};

// One version of an index, open for searching. Thread-safe.
class Searcher {
 public:
  virtual ~Searcher() = default;
  // place.version, else the newest. kNotFound when the place has no store or no such version,
  // kInvalidArgument when its model is not the one at hand.
  static base::Result<std::unique_ptr<Searcher>> Open(const Place& place);

  // kInvalidArgument for an empty query or one of over 64 KiB, k out of range, or an unknown
  // language.
  virtual base::Result<SearchResponse> Search(const SearchRequest& request) const = 0;
};

}  // namespace intact::engine
