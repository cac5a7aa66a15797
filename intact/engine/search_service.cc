#include "intact/engine/search_service.h"

#include <algorithm>
#include <utility>

#include "intact/engine/versions.h"
#include "intact/os/os.h"

namespace intact::engine {
namespace {

// How often a version is dropped by a writer, between being found and being opened, before that is
// an error.
constexpr int kOpenAttemptsMax = 10;

}  // namespace

SearchService::SearchService(Place place, bool is_index, const SearchServiceOptions& options)
    : place_(std::move(place)),
      is_index_(is_index),
      options_(options),
      cache_(options.cache_size_max),
      watch_(place_.store),
      pool_(os::ThreadCountOr(options.thread_count)) {}

SearchService::~SearchService() { is_ending_ = true; }

base::Result<std::unique_ptr<SearchService>> SearchService::OpenIndex(
    const Place& place, const SearchServiceOptions& options) {
  std::unique_ptr<SearchService> service(new SearchService(place, true, options));
  INTACT_RETURN_IF_ERROR(service->Open());
  return service;
}

base::Result<std::unique_ptr<SearchService>> SearchService::OpenCollection(
    const std::string& path, const std::string& version, const SearchServiceOptions& options) {
  Place place;
  place.store = os::AbsolutePath(path);
  place.version = version;
  std::unique_ptr<SearchService> service(new SearchService(std::move(place), false, options));
  INTACT_RETURN_IF_ERROR(service->Open());
  return service;
}

base::Status SearchService::Open() {
  if (is_index_ && !place_.exists) return Searcher::Open(place_).status();
  if (place_.version.empty()) return Refresh().status();
  INTACT_ASSIGN_OR_RETURN(auto snapshot, engine::OpenSnapshot(place_.store, place_.version));
  INTACT_ASSIGN_OR_RETURN(auto opened, OpenSnapshot(std::move(snapshot), nullptr));
  base::MutexLock hold(mutex_);
  opened_ = std::move(opened);
  return base::Ok();
}

base::Result<std::shared_ptr<const SearchService::Opened>> SearchService::OpenSnapshot(
    std::shared_ptr<const store::Snapshot> snapshot, const Opened* older) {
  auto opened = std::make_shared<Opened>();
  opened->source = {.store_id = snapshot->uuid().ToString(),
                    .version = snapshot->version(),
                    .root = place_.root,
                    .folder = place_.folder};
  if (is_index_) {
    Place exactly = place_;
    exactly.version = std::to_string(snapshot->version());
    INTACT_ASSIGN_OR_RETURN(opened->index, Searcher::Open(exactly));
    opened->source.model_identity = opened->index->model_identity();
  } else if (older != nullptr) {
    INTACT_ASSIGN_OR_RETURN(opened->collection, older->collection->Reopen(std::move(snapshot)));
  } else {
    CollectionSearcherOptions options;
    options.pool = &pool_;
    options.filter_cache_size_max = options_.filter_cache_size_max;
    INTACT_ASSIGN_OR_RETURN(opened->collection,
                            CollectionSearcher::Make(std::move(snapshot), place_.store, options));
  }
  return std::shared_ptr<const Opened>(std::move(opened));
}

base::Result<bool> SearchService::Refresh() {
  if (!place_.version.empty()) return false;
  std::shared_ptr<const Opened> older;  // Goes after the lock.
  base::MutexLock hold(mutex_);
  for (int attempt = 1;; ++attempt) {
    auto newer = watch_.Newer();
    if (newer.code() == base::Code::kNotFound && !is_index_ && opened_ == nullptr) {
      return CollectionSearcher::Open(place_.store).status();  // Says how to make one.
    }
    if (!newer.ok()) return newer.status();
    if (*newer == nullptr) return false;
    auto opened = OpenSnapshot(*std::move(newer), opened_.get());
    if (opened.ok()) {
      older = std::exchange(opened_, *std::move(opened));
      return true;
    }
    // The watch holds the version for seen: it is another one's turn, or this one's again.
    watch_ = VersionWatch(place_.store);
    if (opened.code() != base::Code::kNotFound || attempt == kOpenAttemptsMax) {
      return opened.status();
    }
  }
}

uint64_t SearchService::version() const {
  base::MutexLock hold(mutex_);
  return opened_->source.version;
}

base::Result<std::shared_ptr<const SearchService::Opened>> SearchService::Current() {
  if (options_.follows_newest) INTACT_RETURN_IF_ERROR(Refresh().status());
  base::MutexLock hold(mutex_);
  return opened_;
}

base::Result<std::shared_ptr<const std::vector<float>>> SearchService::QueryVector(
    const Searcher& searcher, const std::string& text) {
  if (auto found = cache_.FindVector(searcher.model_identity(), text)) return found;
  INTACT_ASSIGN_OR_RETURN(std::vector<float> vector, searcher.EmbedQuery(text));
  cache_.AddVector(searcher.model_identity(), text, vector);
  return std::make_shared<const std::vector<float>>(std::move(vector));
}

base::Result<Answer<SearchResponse>> SearchService::Search(const SearchRequest& request,
                                                           const StopRule& stop) {
  const int64_t begin_ns = os::RealClock().monotonic_ns();
  const int64_t begin_wall_ns = os::RealClock().wall_ns();
  INTACT_RETURN_IF_ERROR(stop.Check());
  INTACT_ASSIGN_OR_RETURN(const std::shared_ptr<const Opened> opened, Current());
  if (opened->index == nullptr) {
    return base::InvalidArgument(place_.store + " is a collection: it is asked with a vector");
  }
  Answer<SearchResponse> answer;
  if (const auto found = cache_.Find(opened->source, request)) {
    answer = {*found, true};
  } else {
    SearchRequest known = request;
    if (known.mode != SearchMode::kText && known.query_vector == nullptr) {
      INTACT_ASSIGN_OR_RETURN(known.query_vector, QueryVector(*opened->index, known.query));
    }
    PoolExecutor executor(&pool_, stop);
    known.executor = &executor;
    INTACT_ASSIGN_OR_RETURN(answer.response, opened->index->Search(known));
    // Lists may be made, or dropped, while the version stays.
    if (!request.is_approximate) {
      cache_.Add(opened->source, request, answer.response, begin_wall_ns);
    }
    INTACT_RETURN_IF_ERROR(stop.Check());  // Not all of such a search asks.
  }
  answer.response.seconds = os::SecondsSince(begin_ns);
  return answer;
}

base::Result<Answer<VectorSearchResponse>> SearchService::Search(const VectorSearchRequest& request,
                                                                 const StopRule& stop) {
  const int64_t begin_ns = os::RealClock().monotonic_ns();
  INTACT_RETURN_IF_ERROR(stop.Check());
  INTACT_ASSIGN_OR_RETURN(const std::shared_ptr<const Opened> opened, Current());
  if (opened->collection == nullptr) {
    return base::InvalidArgument(place_.store + " is an index of files: it is asked with a text");
  }
  Answer<VectorSearchResponse> answer;
  if (const auto found = cache_.Find(opened->source, request)) {
    answer = {*found, true};
  } else {
    INTACT_ASSIGN_OR_RETURN(answer.response, opened->collection->Search(request, stop));
    if (!request.is_approximate) cache_.Add(opened->source, request, answer.response);
  }
  answer.response.seconds = os::SecondsSince(begin_ns);
  return answer;
}

template <typename Request, typename Response>
void SearchService::SubmitTo(Request request, StopRule stop, AnswerSink<Response> sink) {
  if (++pending_ > options_.pending_max) {
    --pending_;
    return sink(base::Unavailable("more than " + std::to_string(options_.pending_max) +
                                  " searches wait already"));
  }
  pool_.Submit(
      [this, request = std::move(request), stop = std::move(stop), sink = std::move(sink)] {
        base::Result<Answer<Response>> answer =
            is_ending_ ? base::Result<Answer<Response>>(base::Cancelled("searching has ended"))
                       : Search(request, stop);
        // Before the sink: who waited for this answer may submit the next search.
        --pending_;
        sink(std::move(answer));
      });
}

template <typename Request, typename Response>
AnswerFuture<Response> SearchService::SubmitForFuture(Request request, StopRule stop) {
  auto promise = std::make_shared<std::promise<base::Result<Answer<Response>>>>();
  AnswerFuture<Response> future = promise->get_future();
  SubmitTo<Request, Response>(
      std::move(request), std::move(stop),
      [promise](base::Result<Answer<Response>> answer) { promise->set_value(std::move(answer)); });
  return future;
}

void SearchService::Submit(SearchRequest request, StopRule stop, AnswerSink<SearchResponse> sink) {
  SubmitTo<SearchRequest, SearchResponse>(std::move(request), std::move(stop), std::move(sink));
}

void SearchService::Submit(VectorSearchRequest request, StopRule stop,
                           AnswerSink<VectorSearchResponse> sink) {
  SubmitTo<VectorSearchRequest, VectorSearchResponse>(std::move(request), std::move(stop),
                                                      std::move(sink));
}

AnswerFuture<SearchResponse> SearchService::Submit(SearchRequest request, StopRule stop) {
  return SubmitForFuture<SearchRequest, SearchResponse>(std::move(request), std::move(stop));
}

AnswerFuture<VectorSearchResponse> SearchService::Submit(VectorSearchRequest request,
                                                         StopRule stop) {
  return SubmitForFuture<VectorSearchRequest, VectorSearchResponse>(std::move(request),
                                                                    std::move(stop));
}

}  // namespace intact::engine
