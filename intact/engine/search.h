// Searching an index: exact vector search, text search (BM25), and both with ranking signals.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/engine/approx.h"
#include "intact/engine/place.h"
#include "intact/search/executor.h"

namespace intact::engine {

enum class SearchMode : uint8_t {
  kHybrid,  // Both scores and all ranking signals.
  kVector,  // The exact cosine similarity alone: the true top-k of a full float32 scan.
  kText,    // BM25 alone.
};

struct SignalWeight {
  std::string name;
  double weight = 0;
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
  // By inverted lists (approx.h) where there are some, `probes` of them, 0 for as many as were
  // found good. kVector and kHybrid.
  bool is_approximate = false;
  size_t probes = 0;
  // Instead of the weights that intact has for these signals; for measurements. kHybrid alone.
  std::vector<SignalWeight> weights;

  // What changes no answer. The query's vector as Searcher::EmbedQuery gives it, when it is at
  // hand; and threads to use, and when to stop.
  std::shared_ptr<const std::vector<float>> query_vector;
  search::Executor* executor = nullptr;
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
  ApproxAnswer approx;           // When an approximate answer was asked for.
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

  // The vector of a query's text, and what makes it: for who keeps such vectors.
  virtual base::Result<std::vector<float>> EmbedQuery(const std::string& query) const = 0;
  virtual const std::string& model_identity() const = 0;
};

}  // namespace intact::engine
