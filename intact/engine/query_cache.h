// What was asked before: the vectors of query texts, and whole answers. All keys name everything
// that decides the value: the model's identity for a vector; the store, its version and the request
// for an answer. So nothing here can be stale, and nothing is ever invalidated: what a newer
// version makes useless is not asked for again and goes. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "intact/base/base.h"
#include "intact/base/mutex.h"
#include "intact/engine/byte_lru.h"
#include "intact/engine/collection_search.h"
#include "intact/engine/search.h"
#include "intact/os/directory.h"

namespace intact::engine {

struct QueryCacheCounts {
  struct Kind {
    uint64_t hits = 0;
    uint64_t misses = 0;
  };
  Kind vectors;
  Kind answers;
  ByteLruCounts memory;  // Of both together.
};

class QueryCache {
 public:
  // One budget for all of it; with 0 nothing is kept and nothing counted.
  explicit QueryCache(size_t size_max) : is_on_(size_max > 0), entries_(size_max) {}

  // What an answer is of: a version of a store. For an index the model that embeds the query, the
  // root, whose files the answer quotes, and the part of it that was asked about.
  struct Source {
    std::string store_id;
    uint64_t version = 0;
    std::string model_identity;
    std::string root;
    std::string folder;
  };

  // Null when it is not here.
  std::shared_ptr<const std::vector<float>> FindVector(std::string_view model_identity,
                                                       std::string_view text);
  void AddVector(std::string_view model_identity, std::string_view text,
                 const std::vector<float>& vector);

  std::shared_ptr<const VectorSearchResponse> Find(const Source& source,
                                                   const VectorSearchRequest& request);
  void Add(const Source& source, const VectorSearchRequest& request,
           const VectorSearchResponse& response);

  // An answer of an index quotes files that change without a new version: one of them that is not
  // as it was makes this null. Costs a stat a file.
  std::shared_ptr<const SearchResponse> Find(const Source& source, const SearchRequest& request);
  // `begin_ns` is the wall clock's time before the search began. An answer that quotes a file that
  // changed since, or shortly before, is not kept: the quotation may be older than the stat. Nor is
  // one that names a file that is gone.
  void Add(const Source& source, const SearchRequest& request, const SearchResponse& response,
           int64_t begin_ns);

  QueryCacheCounts counts() const INTACT_EXCLUDES(mutex_);

 private:
  struct QuotedFile {
    std::string path;  // Absolute.
    os::FileStat stat;
  };
  struct TextAnswer {
    SearchResponse response;
    std::vector<QuotedFile> files;
  };
  using Entry = std::variant<std::vector<float>, VectorSearchResponse, TextAnswer>;

  // Null, and nothing counted, when the cache is off.
  template <typename Value>
  std::shared_ptr<const Value> Get(const base::Digest& key);
  void Count(QueryCacheCounts::Kind QueryCacheCounts::*kind, bool is_hit) INTACT_EXCLUDES(mutex_);

  const bool is_on_;
  ByteLru<Entry> entries_;
  mutable base::Mutex mutex_;
  QueryCacheCounts counts_ INTACT_GUARDED_BY(mutex_);  // Without `memory`.
};

}  // namespace intact::engine
