// Searches in the background, several at once, over one index or one collection: a pool of threads,
// the newest version, and the query cache, together. A search that is submitted is answered by a
// callback or a future; it can be cancelled and has a deadline. Thread-safe.
#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <memory>
#include <string>

#include "intact/base/base.h"
#include "intact/base/mutex.h"
#include "intact/engine/collection_search.h"
#include "intact/engine/place.h"
#include "intact/engine/query_cache.h"
#include "intact/engine/search.h"
#include "intact/engine/thread_pool.h"
#include "intact/engine/version_watch.h"

namespace intact::engine {

struct SearchServiceOptions {
  size_t thread_count = 0;                  // 0: one for each processor, at most 8.
  size_t cache_size_max = size_t{4} << 20;  // Bytes of the query cache; 0: none.
  size_t filter_cache_size_max = size_t{8} << 20;
  // Searches that wait or run; one more is refused with kUnavailable.
  size_t pending_max = 1024;
  // Each search looks for a newer version first, for a few microseconds. Else only Refresh does.
  bool follows_newest = true;
};

template <typename Response>
struct Answer {
  Response response;  // Says which version it is of.
  bool is_cached = false;
};

template <typename Response>
using AnswerSink = std::function<void(base::Result<Answer<Response>>)>;
template <typename Response>
using AnswerFuture = std::future<base::Result<Answer<Response>>>;

class SearchService {
 public:
  // Of an index; place.version, when set, is the version to stay with. Errors as Searcher::Open.
  static base::Result<std::unique_ptr<SearchService>> OpenIndex(
      const Place& place, const SearchServiceOptions& options = {});
  // Of a collection, or one version of it. Errors as CollectionSearcher::Open.
  static base::Result<std::unique_ptr<SearchService>> OpenCollection(
      const std::string& path, const std::string& version = {},
      const SearchServiceOptions& options = {});
  // Answers what was submitted first: what has not begun with kCancelled.
  ~SearchService();
  SearchService(const SearchService&) = delete;
  SearchService& operator=(const SearchService&) = delete;

  // Calls `sink` once, on a thread of the pool, or here when the search is refused or there are no
  // threads. A sink should be short, must not throw, and must not end the service. kUnavailable
  // when too many wait; kInvalidArgument for a request of the other kind of store; kCancelled when
  // `stop` says so before it is done; else as the searchers.
  void Submit(SearchRequest request, StopRule stop, AnswerSink<SearchResponse> sink);
  void Submit(VectorSearchRequest request, StopRule stop, AnswerSink<VectorSearchResponse> sink);
  // The same by a future.
  AnswerFuture<SearchResponse> Submit(SearchRequest request, StopRule stop = {});
  AnswerFuture<VectorSearchResponse> Submit(VectorSearchRequest request, StopRule stop = {});
  // The same on this thread, with the pool's help.
  base::Result<Answer<SearchResponse>> Search(const SearchRequest& request,
                                              const StopRule& stop = {});
  base::Result<Answer<VectorSearchResponse>> Search(const VectorSearchRequest& request,
                                                    const StopRule& stop = {});

  // Opens the newest version when the store has another one than searches see; true when it did.
  // Searches that have begun stay with theirs.
  base::Result<bool> Refresh() INTACT_EXCLUDES(mutex_);
  // That searches see.
  uint64_t version() const INTACT_EXCLUDES(mutex_);

  QueryCacheCounts cache_counts() const { return cache_.counts(); }
  size_t pending() const { return pending_; }
  ThreadPool& pool() { return pool_; }

 private:
  // A version, open.
  struct Opened {
    QueryCache::Source source;
    std::unique_ptr<const Searcher> index;  // One of these.
    std::unique_ptr<const CollectionSearcher> collection;
  };

  SearchService(Place place, bool is_index, const SearchServiceOptions& options);
  base::Status Open() INTACT_EXCLUDES(mutex_);
  base::Result<std::shared_ptr<const Opened>> OpenSnapshot(
      std::shared_ptr<const store::Snapshot> snapshot, const Opened* older);
  // The version to search now.
  base::Result<std::shared_ptr<const Opened>> Current() INTACT_EXCLUDES(mutex_);
  base::Result<std::shared_ptr<const std::vector<float>>> QueryVector(const Searcher& searcher,
                                                                      const std::string& text);
  template <typename Request, typename Response>
  void SubmitTo(Request request, StopRule stop, AnswerSink<Response> sink);
  template <typename Request, typename Response>
  AnswerFuture<Response> SubmitForFuture(Request request, StopRule stop);

  const Place place_;  // Of a collection only the store and the version.
  const bool is_index_;
  const SearchServiceOptions options_;
  QueryCache cache_;
  std::atomic<size_t> pending_ = 0;
  std::atomic<bool> is_ending_ = false;
  mutable base::Mutex mutex_;
  VersionWatch watch_ INTACT_GUARDED_BY(mutex_);
  std::shared_ptr<const Opened> opened_ INTACT_GUARDED_BY(mutex_);
  ThreadPool pool_;  // Last: its tasks use the others.
};

}  // namespace intact::engine
