#include "intact/engine/search.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "intact/embed/embed.h"
#include "intact/engine/approx_lists.h"
#include "intact/engine/chunk_filter.h"
#include "intact/engine/index_view.h"
#include "intact/engine/name_signals.h"
#include "intact/engine/row_source.h"
#include "intact/engine/terms.h"
#include "intact/os/os.h"
#include "intact/search/search.h"
#include "intact/simd/simd.h"
#include "intact/source/language.h"

namespace intact::engine {
namespace {

constexpr size_t kResultsMax = 10'000;
// Candidates that each of the two scores brings to the ranking; at least this many, and this many
// per result.
constexpr size_t kCandidatesMin = 200;
constexpr size_t kCandidatesPerResult = 4;
constexpr size_t kQuerySizeMax = size_t{64} << 10;
// Scores that spread less than this are equal but for rounding.
constexpr double kDeviationMin = 1e-6;

struct ScoredChunk {
  ChunkRef chunk;
  double score = 0;
};

size_t IndexOf(search::SignalId id) { return static_cast<size_t>(id); }

class SearcherImpl final : public Searcher {
 public:
  SearcherImpl(std::shared_ptr<const IndexView> view, std::unique_ptr<embed::Embedder> embedder,
               const Place& place)
      : view_(std::move(view)),
        embedder_(std::move(embedder)),
        root_(place.root),
        store_(place.store),
        folder_(place.folder) {
    live_ = FilterChunks(*view_, SearchRequest(), "").value();
    ForEachChunk(*view_, live_, [&](ChunkRef ref, store::RowId) {
      ++statistics_.chunk_count;
      statistics_.term_count += view_->segments()[ref.segment].catalog.chunk_term_count(ref.chunk);
    });
  }

  base::Result<SearchResponse> Search(const SearchRequest& request) const override {
    const int64_t begin_ns = os::RealClock().monotonic_ns();
    if (request.query.empty()) return base::InvalidArgument("the query is empty");
    if (request.query.size() > kQuerySizeMax) {
      return base::InvalidArgument("the query has " + std::to_string(request.query.size()) +
                                   " bytes; at most " + std::to_string(kQuerySizeMax) +
                                   " are taken");
    }
    if (request.k < 1 || request.k > kResultsMax) {
      return base::InvalidArgument("k is " + std::to_string(request.k) + "; it must be 1 to " +
                                   std::to_string(kResultsMax));
    }
    INTACT_ASSIGN_OR_RETURN(const ChunkSet allowed, FilterChunks(*view_, request, folder_));
    SearchResponse response;
    response.version = view_->snapshot().version();
    response.is_unfinished = view_->state().is_interrupted;
    for (const search::Bitmap& chunks : allowed) response.chunks_searched += chunks.Count();
    INTACT_ASSIGN_OR_RETURN(
        const std::vector<search::Candidate> ranked,
        request.mode == SearchMode::kVector ? RankByVector(request, allowed, response)
        : request.mode == SearchMode::kText ? RankByText(request, allowed)
                                            : RankByAll(request, allowed, response));
    for (size_t i = 0; i < std::min(request.k, ranked.size()); ++i) {
      INTACT_ASSIGN_OR_RETURN(response.hits.emplace_back(), MakeHit(ranked[i], request));
    }
    // Codes and catalogs were read in place, here and when this searcher was made.
    INTACT_RETURN_IF_ERROR(view_->snapshot().CheckUnchanged());
    response.seconds = os::SecondsSince(begin_ns);
    return response;
  }

  base::Result<std::vector<float>> EmbedQuery(const std::string& query) const override {
    std::vector<float> vector(embedder_->dimensions());
    const std::string_view text = query;
    INTACT_RETURN_IF_ERROR(embedder_->Embed(std::span(&text, 1), vector));
    return vector;
  }
  const std::string& model_identity() const override { return embedder_->identity(); }

 private:
  // A candidate's `file` field holds segment and file, its `order` field, until ranking, segment
  // and chunk.
  static uint64_t Pack(uint32_t high, uint32_t low) { return uint64_t{high} << 32 | low; }

  base::Result<std::vector<float>> QueryVector(const SearchRequest& request) const {
    const bool is_at_hand =
        request.query_vector != nullptr && request.query_vector->size() == embedder_->dimensions();
    if (is_at_hand) return *request.query_vector;
    return EmbedQuery(request.query);
  }

  static search::TopKOptions OptionsOf(const SearchRequest& request, size_t k) {
    search::TopKOptions options;
    options.k = k;
    options.executor = request.executor;
    return options;
  }

  // The chunks of the set that use one of the hits' rows, with the rows' scores.
  std::vector<ScoredChunk> ChunksOf(const std::vector<search::VectorHit>& hits,
                                    const ChunkSet& allowed) const {
    std::unordered_map<uint64_t, float> scores;
    uint64_t row_min = UINT64_MAX, row_max = 0;
    for (const search::VectorHit& hit : hits) {
      scores.emplace(hit.id, hit.score);
      row_min = std::min(row_min, hit.id);
      row_max = std::max(row_max, hit.id);
    }
    if (hits.empty()) return {};
    search::Bitmap rows(row_max - row_min + 1);
    for (const search::VectorHit& hit : hits) rows.Add(hit.id - row_min);
    std::vector<ScoredChunk> chunks;
    ForEachChunk(*view_, allowed, [&](ChunkRef ref, store::RowId row) {
      if (row < row_min || row > row_max || !rows.Has(row - row_min)) return;
      chunks.push_back({ref, static_cast<double>(scores.at(row))});
    });
    return chunks;
  }

  search::Candidate MakeCandidate(ChunkRef ref) const {
    search::Candidate candidate;
    candidate.file =
        Pack(ref.segment, view_->segments()[ref.segment].catalog.chunk(ref.chunk).file);
    candidate.order = Pack(ref.segment, ref.chunk);
    return candidate;
  }

  // Best first, ties by path and line; one signal only.
  std::vector<search::Candidate> Order(const std::vector<ScoredChunk>& chunks,
                                       search::SignalId signal) const {
    std::vector<search::Candidate> candidates;
    for (const ScoredChunk& chunk : chunks) {
      candidates.push_back(MakeCandidate(chunk.chunk));
      candidates.back().values[IndexOf(signal)] = chunk.score;
      candidates.back().score = chunk.score;
    }
    SortByPlace(candidates);
    std::stable_sort(
        candidates.begin(), candidates.end(),
        [](const search::Candidate& a, const search::Candidate& b) { return a.score > b.score; });
    return candidates;
  }

  void SortByPlace(std::vector<search::Candidate>& candidates) const {
    // Copies, because a sort must not see a path change: the file is mapped, and not ours alone.
    struct Placed {
      std::string path;
      uint32_t begin;
      search::Candidate candidate;
    };
    std::vector<Placed> placed;
    placed.reserve(candidates.size());
    for (const search::Candidate& candidate : candidates) {
      placed.push_back({std::string(FileOf(candidate).path), ChunkOf(candidate).begin, candidate});
    }
    std::sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) {
      return a.path != b.path ? a.path < b.path : a.begin < b.begin;
    });
    for (size_t i = 0; i < placed.size(); ++i) candidates[i] = placed[i].candidate;
  }

  format::ChunkEntry ChunkOf(const search::Candidate& candidate) const {
    return view_->segments()[candidate.order >> 32].catalog.chunk(
        static_cast<uint32_t>(candidate.order));
  }
  format::FileEntry FileOf(const search::Candidate& candidate) const {
    return view_->segments()[candidate.file >> 32].catalog.file(
        static_cast<uint32_t>(candidate.file));
  }

  // The k best of the rows that the chunks use.
  base::Result<search::TopKResult> TopRows(const SearchRequest& request, const ChunkSet& allowed,
                                           const std::vector<float>& query, size_t k,
                                           SearchResponse& response) const {
    if (!request.is_approximate) {
      INTACT_ASSIGN_OR_RETURN(const RowSource source,
                              RowSource::Make(*view_, RowsOf(*view_, allowed)));
      return search::ExactTopK(source, query, OptionsOf(request, k));
    }
    return approx_.Search(
        {view_, &view_->snapshot()}, store_,
        std::make_shared<const std::vector<search::Bitmap>>(RowsOf(*view_, allowed)), query,
        OptionsOf(request, k), request.probes, response.approx);
  }

  base::Result<std::vector<search::Candidate>> RankByVector(const SearchRequest& request,
                                                            const ChunkSet& allowed,
                                                            SearchResponse& response) const {
    INTACT_ASSIGN_OR_RETURN(const std::vector<float> query, QueryVector(request));
    INTACT_ASSIGN_OR_RETURN(const search::TopKResult top,
                            TopRows(request, allowed, query, request.k, response));
    return Order(ChunksOf(top.hits, allowed), search::SignalId::kVector);
  }

  base::Result<search::TextScores> ScoreText(const std::vector<search::QueryTerm>& terms,
                                             const ChunkSet& allowed) const {
    std::vector<format::PostingsView> postings;
    for (const SegmentDocuments& documents : view_->segments()) {
      INTACT_ASSIGN_OR_RETURN(postings.emplace_back(), documents.ReadPostings());
    }
    std::vector<search::TextSegment> segments;
    for (size_t s = 0; s < postings.size(); ++s) {
      segments.push_back({&view_->segments()[s].catalog, &postings[s], &live_[s], &allowed[s]});
    }
    return search::ScoreBm25(segments, statistics_, terms);
  }

  // The `count` best chunks by text; fewer when fewer have a term.
  static std::vector<ScoredChunk> BestByText(const search::TextScores& text, size_t count) {
    std::vector<ScoredChunk> chunks;
    for (uint32_t s = 0; s < text.scores.size(); ++s) {
      for (uint32_t c = 0; c < text.scores[s].size(); ++c) {
        if (text.scores[s][c] > 0)
          chunks.push_back({{s, c}, static_cast<double>(text.scores[s][c])});
      }
    }
    if (chunks.size() > count) {
      // Ties at the cut all stay: which of them are best is decided by path and line later.
      std::nth_element(
          chunks.begin(), chunks.begin() + static_cast<std::ptrdiff_t>(count) - 1, chunks.end(),
          [](const ScoredChunk& a, const ScoredChunk& b) { return a.score > b.score; });
      const double cut = chunks[count - 1].score;
      std::erase_if(chunks, [&](const ScoredChunk& chunk) { return chunk.score < cut; });
    }
    return chunks;
  }

  base::Result<std::vector<search::Candidate>> RankByText(const SearchRequest& request,
                                                          const ChunkSet& allowed) const {
    INTACT_ASSIGN_OR_RETURN(const search::TextScores text,
                            ScoreText(QueryTerms(request.query), allowed));
    return Order(BestByText(text, request.k), search::SignalId::kText);
  }

  base::Result<std::vector<search::Candidate>> RankByAll(const SearchRequest& request,
                                                         const ChunkSet& allowed,
                                                         SearchResponse& response) const {
    const size_t count = std::max(kCandidatesMin, request.k * kCandidatesPerResult);
    const std::vector<search::QueryTerm> terms = QueryTerms(request.query);
    INTACT_ASSIGN_OR_RETURN(const search::TextScores text, ScoreText(terms, allowed));
    INTACT_ASSIGN_OR_RETURN(const std::vector<float> query, QueryVector(request));
    INTACT_ASSIGN_OR_RETURN(const search::TopKResult top,
                            TopRows(request, allowed, query, count, response));

    std::vector<search::Candidate> candidates;
    std::unordered_set<uint64_t> seen;
    std::vector<float> vector(query.size());
    const auto add = [&](ChunkRef ref, std::optional<double> similarity) -> base::Status {
      if (!seen.insert(Pack(ref.segment, ref.chunk)).second) return base::Ok();
      if (!similarity) {
        const store::RowId row = view_->segments()[ref.segment].catalog.chunk_row(ref.chunk);
        INTACT_RETURN_IF_ERROR(view_->snapshot().ReadVector(row, vector));
        similarity = static_cast<double>(
            simd::BestKernels().dot_f32(query.data(), vector.data(), query.size()));
      }
      search::Candidate candidate = MakeCandidate(ref);
      const auto standard = [](double value, double mean, double deviation) {
        return deviation > kDeviationMin ? (value - mean) / deviation : 0.0;
      };
      candidate.values[IndexOf(search::SignalId::kVector)] =
          standard(*similarity, top.mean, top.deviation);
      candidate.values[IndexOf(search::SignalId::kText)] = standard(
          static_cast<double>(text.scores[ref.segment][ref.chunk]), text.mean, text.deviation);
      candidate.values[IndexOf(search::SignalId::kCoverage)] =
          static_cast<double>(text.coverage[ref.segment][ref.chunk]);
      candidate.values[IndexOf(search::SignalId::kFileCoverage)] = static_cast<double>(
          text.file_coverage[ref.segment][static_cast<uint32_t>(candidate.file)]);
      candidates.push_back(candidate);
      return base::Ok();
    };
    for (const ScoredChunk& chunk : ChunksOf(top.hits, allowed)) {
      INTACT_RETURN_IF_ERROR(add(chunk.chunk, chunk.score));
    }
    for (const ScoredChunk& chunk : BestByText(text, count)) {
      INTACT_RETURN_IF_ERROR(add(chunk.chunk, std::nullopt));
    }
    NameSignals names(request.query, terms, text.idf);
    for (search::Candidate& candidate : candidates) {
      names.Fill(ChunkOf(candidate), FileOf(candidate).path, candidate);
    }
    INTACT_RETURN_IF_ERROR(FillMeaningSignals(candidates, query));
    SortByPlace(candidates);
    return RankInPlace(std::move(candidates), WeightsOf(request));
  }

  // Rank breaks ties by `order`, so places travel through it as their rank and come back
  // afterwards.
  static std::vector<search::Candidate> RankInPlace(std::vector<search::Candidate> candidates,
                                                    const search::Weights& weights) {
    std::vector<uint64_t> places;
    for (search::Candidate& candidate : candidates) {
      places.push_back(candidate.order);
      candidate.order = places.size() - 1;
    }
    search::Rank(candidates, weights);
    for (search::Candidate& candidate : candidates) candidate.order = places[candidate.order];
    return candidates;
  }

  base::Status FillMeaningSignals(std::vector<search::Candidate>& candidates,
                                  const std::vector<float>& query) const {
    std::vector<float> vector(query.size());
    const auto similarity = [&](std::string_view text) -> base::Result<double> {
      if (text.empty()) return 0.0;
      INTACT_RETURN_IF_ERROR(embedder_->Embed(std::span(&text, 1), vector));
      return static_cast<double>(
          simd::BestKernels().dot_f32(query.data(), vector.data(), query.size()));
    };
    for (search::Candidate& candidate : candidates) {
      base::Status status;
      double best = 0;
      ForEachName(ChunkOf(candidate), [&](std::string_view name) {
        const base::Result<double> found = similarity(name);
        if (found.ok()) {
          best = std::max(best, *found);
        } else {
          status = found.status();
        }
      });
      INTACT_RETURN_IF_ERROR(status);
      candidate.values[IndexOf(search::SignalId::kNameMeaning)] = best;
    }
    return base::Ok();
  }

  static search::Weights WeightsOf(const SearchRequest& request) {
    search::Weights weights = search::DefaultWeights();
    for (const search::SignalRow& signal : search::Signals()) {
      for (const SignalWeight& other : request.weights) {
        if (other.name == signal.name) weights[IndexOf(signal.id)] = other.weight;
      }
    }
    return weights;
  }

  base::Result<SearchHit> MakeHit(const search::Candidate& candidate,
                                  const SearchRequest& request) const {
    const format::ChunkEntry chunk = ChunkOf(candidate);
    const format::FileEntry file = FileOf(candidate);
    SearchHit hit;
    hit.path = file.path;
    hit.first_line = chunk.first_line;
    hit.last_line = chunk.last_line;
    hit.language = source::LanguageName(static_cast<source::Language>(file.language));
    hit.symbol = chunk.symbol;
    hit.score = candidate.score;
    INTACT_RETURN_IF_ERROR(ReadText(hit, chunk));
    if (!request.explain_score) return hit;
    for (const search::SignalRow& signal : search::Signals()) {
      const double value = candidate.values[IndexOf(signal.id)];
      if (request.mode == SearchMode::kHybrid) {
        hit.signals.push_back({std::string(signal.name), value, signal.weight});
      } else if (value != 0) {
        hit.signals.push_back({std::string(signal.name), value, 1.0});
      }
    }
    return hit;
  }

  // The chunk's text from its file, if it still is the text that was embedded.
  base::Status ReadText(SearchHit& hit, const format::ChunkEntry& chunk) const {
    hit.is_stale = true;
    const store::Segment* segment = view_->snapshot().SegmentOf(chunk.row);
    if (segment == nullptr) return base::Ok();  // Verify reports such a chunk.
    INTACT_RETURN_IF_ERROR(segment->CheckKeys());
    auto text = os::ReadRegularFileRange(os::JoinPath(root_, hit.path), chunk.begin, chunk.end);
    const base::Digest& key = segment->keys()[chunk.row - segment->first_row()];
    if (!text.ok() || ChunkKey(embedder_->identity(), *text) != key) return base::Ok();
    hit.is_stale = false;
    hit.text = std::move(text).value();
    return base::Ok();
  }

  std::shared_ptr<const IndexView> view_;
  std::unique_ptr<embed::Embedder> embedder_;
  std::string root_;
  std::string store_;
  std::string folder_;
  LazyApproxLists approx_;
  ChunkSet live_;
  search::TextStatistics statistics_;
};

}  // namespace

base::Result<std::unique_ptr<Searcher>> Searcher::Open(const Place& place) {
  if (!place.exists) return NoIndex(place.root);
  INTACT_ASSIGN_OR_RETURN(std::shared_ptr<const IndexView> view,
                          IndexView::Open(place.store, place.version));
  if (view->state().root.empty())
    return NoIndex(place.root);  // Its first run was killed at its start.
  INTACT_ASSIGN_OR_RETURN(std::unique_ptr<embed::Embedder> embedder,
                          embed::OpenLocalEmbedder(place.model));
  INTACT_RETURN_IF_ERROR(CheckModel(view->snapshot(), place.store, embedder->identity()));
  return std::unique_ptr<Searcher>(
      std::make_unique<SearcherImpl>(std::move(view), std::move(embedder), place));
}

}  // namespace intact::engine
