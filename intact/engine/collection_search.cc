#include "intact/engine/collection_search.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "intact/engine/approx_lists.h"
#include "intact/engine/collection.h"
#include "intact/engine/record_sets.h"
#include "intact/engine/row_source.h"
#include "intact/os/os.h"
#include "intact/search/topk.h"

namespace intact::engine {
namespace {

// A record as an answer needs it.
struct FoundRecord {
  std::string id;
  uint64_t place = 0;
  std::string metadata;
};
using FoundRecords = std::unordered_map<uint64_t, FoundRecord>;  // By row.

class CollectionSearcherImpl final : public CollectionSearcher {
 public:
  CollectionSearcherImpl(std::shared_ptr<const CollectionView> view,
                         const CollectionSearcherOptions& options)
      : view_(std::move(view)),
        options_(options),
        pool_(options.pool),
        has_ids_(view_->state().has_ids),
        sets_(view_, options.filter_cache_size_max) {}

  base::Result<std::unique_ptr<CollectionSearcher>> Reopen(
      std::shared_ptr<const store::Snapshot> newer) const override {
    std::vector<std::shared_ptr<const store::Segment>> segments;
    for (const auto& segment : newer->segments()) {
      const store::Segment* known =
          newer->uuid() == snapshot().uuid() ? snapshot().SegmentOf(segment->first_row()) : nullptr;
      const bool is_same = known != nullptr && known->entry() == segment->entry();
      segments.push_back(is_same ? SharedSegment(*known) : segment);
    }
    INTACT_ASSIGN_OR_RETURN(
        auto view, CollectionView::Load(std::make_shared<store::Snapshot>(
                                            newer->manifest(), newer->self(), std::move(segments)),
                                        view_->path()));
    auto searcher = std::make_unique<CollectionSearcherImpl>(std::move(view), options_);
    searcher->sets_.StartFrom(sets_);
    return std::unique_ptr<CollectionSearcher>(std::move(searcher));
  }

  const store::Snapshot& snapshot() const override { return view_->snapshot(); }
  uint64_t version() const override { return snapshot().version(); }
  uint32_t dimensions() const override { return snapshot().spec().dimensions; }
  uint64_t record_count() const override { return view_->record_count(); }
  std::string_view metric() const override { return MetricName(snapshot().spec().metric); }
  ByteLruCounts filter_cache() const override { return sets_.counts(); }

  base::Result<VectorSearchResponse> Search(const VectorSearchRequest& request,
                                            const StopRule& stop) const override {
    const int64_t begin_ns = os::RealClock().monotonic_ns();
    INTACT_RETURN_IF_ERROR(Check(request));
    PoolExecutor executor(pool_, stop);
    INTACT_RETURN_IF_ERROR(executor.Proceed());
    VectorSearchResponse response;
    response.version = snapshot().version();
    INTACT_ASSIGN_OR_RETURN(const std::shared_ptr<const RowSet> rows,
                            sets_.Rows(request.filter, executor));
    response.records_searched = record_count();
    if (rows != nullptr) {
      response.records_searched = 0;
      for (const search::Bitmap& bits : *rows) response.records_searched += bits.Count();
    }
    std::shared_ptr<const RecordGroups> groups;
    if (!request.group_by.empty()) {
      INTACT_ASSIGN_OR_RETURN(groups, sets_.Groups(request.group_by, executor));
    }
    INTACT_ASSIGN_OR_RETURN(std::vector<search::TopKResult> tops,
                            FindTops(request, rows, groups.get(), executor, response));
    INTACT_RETURN_IF_ERROR(CutTies(request.k, tops, executor));
    INTACT_RETURN_IF_ERROR(FillHits(request, tops, executor, response));
    // Codes were read in place.
    INTACT_RETURN_IF_ERROR(snapshot().CheckUnchanged());
    response.seconds = os::SecondsSince(begin_ns);
    return response;
  }

  base::Result<std::vector<float>> ReadVector(const std::string& id) const override {
    INTACT_ASSIGN_OR_RETURN(const auto row, snapshot().Find(RecordKey(id)));
    if (!row) {
      return base::NotFound(view_->path() + " has no record \"" + id.substr(0, 80) + "\"" +
                            (has_ids_ ? "" : ": ids are row numbers from 0"));
    }
    std::vector<float> vector(snapshot().spec().dimensions);
    INTACT_RETURN_IF_ERROR(snapshot().ReadVector(*row, vector));
    return vector;
  }

 private:
  std::shared_ptr<const store::Segment> SharedSegment(const store::Segment& segment) const {
    for (const auto& part : view_->segments()) {
      if (part.segment.get() == &segment) return part.segment;
    }
    return nullptr;
  }

  base::Result<std::vector<search::TopKResult>> FindTops(const VectorSearchRequest& request,
                                                         const std::shared_ptr<const RowSet>& rows,
                                                         const RecordGroups* groups,
                                                         PoolExecutor& executor,
                                                         VectorSearchResponse& response) const {
    search::TopKOptions options;
    options.k = request.k;
    options.metric = SearchMetric(snapshot().spec().metric);
    options.minimum_score = request.minimum_score;
    options.groups = groups;
    options.per_group = request.per_group;
    options.executor = &executor;
    if (request.is_approximate) return SearchLists(request, rows, options, response);
    INTACT_ASSIGN_OR_RETURN(const RowSource source, RowSource::Make(snapshot(), rows));
    return search::ExactTopKBatch(source, request.queries, options);
  }

  base::Result<std::vector<search::TopKResult>> SearchLists(
      const VectorSearchRequest& request, const std::shared_ptr<const RowSet>& rows,
      const search::TopKOptions& options, VectorSearchResponse& response) const {
    const size_t d = snapshot().spec().dimensions;
    std::vector<search::TopKResult> tops;
    for (size_t i = 0; i < request.queries.size(); i += d) {
      INTACT_ASSIGN_OR_RETURN(tops.emplace_back(),
                              approx_.Search({view_, &snapshot()}, view_->path(), rows,
                                             std::span(request.queries).subspan(i, d), options,
                                             request.probes, response.approx));
    }
    return tops;
  }

  base::Status Check(const VectorSearchRequest& request) const {
    const size_t d = snapshot().spec().dimensions;
    if (request.queries.empty() || request.queries.size() % d != 0) {
      return base::InvalidArgument("the query has " + std::to_string(request.queries.size()) +
                                   " values; the vectors of " + view_->path() + " have " +
                                   std::to_string(d) + " dimensions");
    }
    for (size_t i = 0; i < request.queries.size(); i += d) {
      const auto query = std::span(request.queries).subspan(i, d);
      const std::string which =
          request.queries.size() == d ? "the query" : "query " + std::to_string(i / d);
      for (size_t j = 0; j < d; ++j) {
        if (std::isfinite(query[j])) continue;
        return base::InvalidArgument(which + " has " +
                                     (std::isnan(query[j]) ? "a NaN" : "an infinity") +
                                     " as value " + std::to_string(j));
      }
      const bool is_binary =
          std::all_of(query.begin(), query.end(), [](float x) { return x == 0 || x == 1; });
      if (!is_binary && snapshot().spec().metric == format::Metric::kHamming) {
        return base::InvalidArgument(
            which + " has other values than 0 and 1: the collection's metric is hamming");
      }
      const bool is_zero = std::all_of(query.begin(), query.end(), [](float x) { return x == 0; });
      if (is_zero && snapshot().spec().metric == format::Metric::kCosine) {
        return base::InvalidArgument(which +
                                     " is all zeros, which has no direction: the collection's "
                                     "metric is cosine");
      }
    }
    if (request.k == 0) return base::InvalidArgument("k is 0; it must be at least 1");
    if (request.k == VectorSearchRequest::kAll && !request.minimum_score) {
      return base::InvalidArgument("all records are wanted: say k or a minimum score");
    }
    return base::Ok();
  }

  // Before any other by id, of records with the same score.
  bool GoesBefore(const FoundRecord& a, const FoundRecord& b) const {
    return has_ids_ ? a.id < b.id : a.place < b.place;
  }

  // The records of `rows`, in any order, each block unpacked once.
  base::Result<FoundRecords> ReadRecords(std::vector<uint64_t> rows, bool with_metadata,
                                         search::Executor& executor) const {
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    std::vector<BlockRef> blocks;
    std::vector<size_t> begins;  // Of the blocks' rows.
    size_t s = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      while (!view_->segments()[s].segment->HasRow(rows[i])) ++s;
      const auto& [segment, records] = view_->segments()[s];
      const BlockRef block{s,
                           records.BlockOf(static_cast<uint32_t>(rows[i] - segment->first_row()))};
      if (!blocks.empty() && blocks.back() == block) continue;
      blocks.push_back(block);
      begins.push_back(i);
    }
    begins.push_back(rows.size());
    FoundRecords found;
    base::Mutex mutex;  // Guards it.
    const auto take = [&](size_t index, const RecordBlock& block) -> base::Status {
      const uint64_t first =
          view_->segments()[blocks[index].segment].segment->first_row() + block.first_row();
      base::MutexLock hold(mutex);
      for (size_t i = begins[index]; i < begins[index + 1]; ++i) {
        const Record& record = block.records()[rows[i] - first];
        FoundRecord& target = found[rows[i]];
        target.place = record.place;
        target.id = record.has_id ? std::string(record.id) : std::to_string(record.place);
        if (with_metadata) target.metadata = record.metadata;
      }
      return base::Ok();
    };
    INTACT_RETURN_IF_ERROR(ForEachBlock(*view_, blocks, executor, take));
    return found;
  }

  // Of those that tie with the k-th the first by id stay.
  base::Status CutTies(size_t k, std::vector<search::TopKResult>& tops,
                       search::Executor& executor) const {
    for (search::TopKResult& top : tops) {
      if (top.hits.size() <= k) continue;
      const float worst = top.hits.back().score;
      const auto ties =
          std::find_if(top.hits.begin(), top.hits.end(),
                       [&](const search::VectorHit& hit) { return hit.score == worst; });
      std::vector<uint64_t> rows;
      for (auto at = ties; at != top.hits.end(); ++at) rows.push_back(at->id);
      INTACT_ASSIGN_OR_RETURN(const FoundRecords records, ReadRecords(rows, false, executor));
      std::sort(ties, top.hits.end(), [&](const auto& a, const auto& b) {
        return GoesBefore(records.at(a.id), records.at(b.id));
      });
      top.hits.resize(k);
    }
    return base::Ok();
  }

  base::Status FillHits(const VectorSearchRequest& request,
                        const std::vector<search::TopKResult>& tops, search::Executor& executor,
                        VectorSearchResponse& response) const {
    std::vector<uint64_t> rows;
    size_t hit_count = 0;
    for (const search::TopKResult& top : tops) hit_count += top.hits.size();
    if (hit_count > kRecordHitsMax) {
      return base::Full("there are " + std::to_string(hit_count) + " hits; at most " +
                        std::to_string(kRecordHitsMax) +
                        " are given at once: raise the minimum score, lower k or ask fewer "
                        "queries at once");
    }
    for (const search::TopKResult& top : tops) {
      for (const search::VectorHit& hit : top.hits) rows.push_back(hit.id);
    }
    INTACT_ASSIGN_OR_RETURN(const FoundRecords records,
                            ReadRecords(std::move(rows), request.with_metadata, executor));
    for (const search::TopKResult& top : tops) {
      VectorSearchResult& result = response.results.emplace_back();
      result.rows_scanned = top.rows_scanned;
      result.rows_refined = top.rows_refined;
      result.rows_scored = top.rows_scored;
      std::vector<search::VectorHit> hits = top.hits;
      std::sort(hits.begin(), hits.end(), [&](const auto& a, const auto& b) {
        if (a.score != b.score) return a.score > b.score;
        return GoesBefore(records.at(a.id), records.at(b.id));
      });
      result.hits.reserve(hits.size());
      for (const search::VectorHit& hit : hits) {
        const FoundRecord& record = records.at(hit.id);
        result.hits.push_back({record.id, hit.score, record.metadata, hit.id});
      }
    }
    return base::Ok();
  }

  std::shared_ptr<const CollectionView> view_;
  CollectionSearcherOptions options_;
  ThreadPool* pool_;
  bool has_ids_;
  LazyApproxLists approx_;
  RecordSets sets_;
};

}  // namespace

base::Result<std::unique_ptr<CollectionSearcher>> CollectionSearcher::Open(
    const std::string& path, const CollectionSearcherOptions& options) {
  INTACT_ASSIGN_OR_RETURN(auto view,
                          CollectionView::Open(os::RealFileSystem(), path, options.version));
  return std::unique_ptr<CollectionSearcher>(
      std::make_unique<CollectionSearcherImpl>(std::move(view), options));
}

base::Result<std::unique_ptr<CollectionSearcher>> CollectionSearcher::Make(
    std::shared_ptr<const store::Snapshot> snapshot, const std::string& path,
    const CollectionSearcherOptions& options) {
  INTACT_ASSIGN_OR_RETURN(auto view, CollectionView::Load(std::move(snapshot), path));
  return std::unique_ptr<CollectionSearcher>(
      std::make_unique<CollectionSearcherImpl>(std::move(view), options));
}

}  // namespace intact::engine
