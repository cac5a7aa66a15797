// A query's way: its values of all centroids; the lists of the best; the rows in them by the scores
// that the high halves of their codes give, errors left aside; the best of these as runs of one row
// each, which ExactTopK bounds by both halves and scores. The high half and the bounds of such a
// run lie in the list, which was just read, only its low half in the segment; unless codes lie
// whole there.
#include "intact/search/ivf.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

#include "intact/search/bounds.h"
#include "intact/simd/simd.h"

namespace intact::search {
namespace {

// So few allowed rows are scanned exactly: their lists would have next to nothing of them.
constexpr size_t kAllowedMin = 4'096;

constexpr size_t kBlockRows = 256;
constexpr size_t kTaskRows = 16'384;  // In lists, for one call of the executor.
// What is left to do exactly and is less than this is done on the thread at hand.
constexpr size_t kSerialRows = 32'768;
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// A file may say that it is of the same training and have other lists.
bool IsSameTraining(const Ivf& a, const Ivf& b) {
  return a.header().training == b.header().training && a.list_count() == b.list_count();
}

// With the whole bias the best list is that of the nearest centroid, which is best for a query like
// the rows. Among rows of one length, queries that lie apart from them (questions, when rows are
// answers) are nearer to the short centroids of wide lists than to any row in those; half the bias
// found 1 to 2 % more of their neighbours, at any number of probes.
float BiasWeight(const format::IvfHeader& header) { return header.query_norm > 0 ? 0.5f : 1.0f; }

// On the thread at hand; stops when the other says so.
class SerialExecutor final : public Executor {
 public:
  explicit SerialExecutor(const Executor* executor) : executor_(executor) {}
  void Run(size_t count, const std::function<void(size_t)>& body) override {
    for (size_t i = 0; i < count; ++i) body(i);
  }
  base::Status Proceed() const override {
    return executor_ == nullptr ? base::Ok() : executor_->Proceed();
  }

 private:
  const Executor* executor_;
};

// A row of a list that may be among the best.
struct Candidate {
  float estimate = 0;  // Infinite when there is none.
  uint32_t run = 0;
  uint32_t row = 0;
  const uint8_t* high = nullptr;
  const quant::CodeBound* bounds = nullptr;
};

bool IsBetter(const Candidate& a, const Candidate& b) {
  if (a.estimate != b.estimate) return a.estimate > b.estimate;
  return a.run != b.run ? a.run < b.run : a.row < b.row;
}

// The best of what is offered, and all that have no estimate.
class BestCandidates {
 public:
  explicit BestCandidates(size_t count) : count_(count) {}

  float cut() const { return cut_; }
  // Its estimate reaches the cut.
  void Add(const Candidate& candidate) {
    if (candidate.estimate == kInfinity) {
      unknown_.push_back(candidate);
      return;
    }
    known_.push_back(candidate);
    if (known_.size() >= 4 * count_ + 256) Prune();
  }
  void Prune() {
    if (known_.size() <= count_) return;
    const auto end = known_.begin() + static_cast<std::ptrdiff_t>(count_);
    std::nth_element(known_.begin(), end - 1, known_.end(), IsBetter);
    known_.erase(end, known_.end());
    cut_ = known_.back().estimate;
  }
  void AddAll(const BestCandidates& other) {
    for (const Candidate& candidate : other.known_) {
      if (candidate.estimate >= cut_) Add(candidate);
    }
    unknown_.insert(unknown_.end(), other.unknown_.begin(), other.unknown_.end());
  }
  std::vector<Candidate> Take() {
    Prune();
    known_.insert(known_.end(), unknown_.begin(), unknown_.end());
    return std::move(known_);
  }

 private:
  size_t count_;
  float cut_ = -kInfinity;
  std::vector<Candidate> known_;
  std::vector<Candidate> unknown_;
};

// One list to be read for a run.
struct Probe {
  uint32_t run = 0;
  uint32_t list = 0;
};

class ListSearch {
 public:
  ListSearch(const VectorSource& source, std::span<const Ivf* const> lists,
             std::span<const float> query, const TopKOptions& options,
             const ApproximateOptions& approximate)
      : source_(source),
        lists_(lists),
        query_(query),
        options_(options),
        probes_(approximate.probes),
        estimates_mean_(approximate.estimates_mean),
        candidate_count_(approximate.candidates > 0 ? approximate.candidates : 4 * options.k + 32) {
  }

  base::Result<ApproximateResult> Run();

 private:
  base::Status ChooseLists();
  double RowsPerAllowed(const CodeRun& run) const;
  void AddProbes(uint32_t run, size_t count, size_t row_count);
  void OrderLists(size_t count);
  base::Result<std::vector<Candidate>> ScanLists();
  base::Status ScanSome(std::span<const Probe> probes, const QueryBounds& bounds,
                        const simd::BoundTerms& terms, BestCandidates& best) const;
  void ScanBlock(const Probe& probe, const Ivf::List& list, size_t begin, size_t count,
                 const QueryBounds& bounds, const simd::BoundTerms& terms,
                 BestCandidates& best) const;
  base::Result<TopKResult> ScoreCandidates(const std::vector<Candidate>& candidates) const;
  void EstimateMean(TopKResult& top) const;

  const VectorSource& source_;
  std::span<const Ivf* const> lists_;
  std::span<const float> query_;
  const TopKOptions& options_;
  const size_t probes_;
  const bool estimates_mean_;
  const size_t candidate_count_;

  // Values and order of the lists of the centroids met last.
  const Ivf* compared_ = nullptr;
  std::vector<float> values_;
  std::vector<uint32_t> order_;
  size_t ordered_ = 0;  // So many of `order_` are final.

  std::vector<Probe> probe_list_;
  std::vector<CodeRun> exact_runs_;
  size_t exact_rows_ = 0;
  size_t listed_rows_ = 0;  // In the lists of runs that are not scanned exactly.
  size_t probed_rows_ = 0;
  ApproximateResult result_;
};

// What a filter multiplies the work by: so many rows it takes to see one that is allowed. Infinite
// when looking at all of them is the shorter way.
double ListSearch::RowsPerAllowed(const CodeRun& run) const {
  if (run.allowed == nullptr) return 1;
  const size_t allowed = run.allowed->Count();
  if (allowed < kAllowedMin) return std::numeric_limits<double>::infinity();
  return static_cast<double>(run.count) / static_cast<double>(allowed);
}

// At least `count` lists, and as many as it takes for `row_count` rows.
void ListSearch::AddProbes(uint32_t run, size_t count, size_t row_count) {
  const Ivf& ivf = *lists_[run];
  if (compared_ == nullptr || !IsSameTraining(*compared_, ivf)) {
    values_ = ivf.Compare(query_);
    order_.resize(values_.size());
    std::iota(order_.begin(), order_.end(), 0u);
    ordered_ = 0;
    compared_ = &ivf;
  }
  // Lists without rows do not count.
  for (size_t i = 0; (count > 0 || row_count > 0) && i < order_.size(); ++i) {
    if (i >= ordered_) OrderLists(i + std::max<size_t>(count, 16));
    const size_t rows = ivf.RowCountOf(order_[i]);
    if (rows == 0) continue;
    count -= std::min<size_t>(count, 1);
    row_count -= std::min(row_count, rows);
    probe_list_.push_back({run, order_[i]});
    probed_rows_ += rows;
    result_.bytes_read += ivf.header().ListSize(static_cast<uint32_t>(rows));
  }
}

// Makes the best `count` lists final, or all.
void ListSearch::OrderLists(size_t count) {
  count = std::min(count, order_.size());
  const auto begin = order_.begin() + static_cast<std::ptrdiff_t>(ordered_);
  const auto end = order_.begin() + static_cast<std::ptrdiff_t>(count);
  std::partial_sort(begin, end, order_.end(), [&](uint32_t a, uint32_t b) {
    return values_[a] != values_[b] ? values_[a] > values_[b] : a < b;
  });
  ordered_ = count;
}

base::Status ListSearch::ChooseLists() {
  const std::span<const CodeRun> runs = source_.runs();
  double all_rows = 0;
  for (const CodeRun& run : runs) all_rows += static_cast<double>(run.count);
  for (uint32_t i = 0; i < runs.size(); ++i) {
    const CodeRun& run = runs[i];
    const double more = RowsPerAllowed(run);
    const double probes = std::ceil(static_cast<double>(probes_) * more);
    if (lists_[i] == nullptr || !(probes < static_cast<double>(lists_[i]->list_count()))) {
      if (lists_[i] != nullptr) INTACT_RETURN_IF_ERROR(source_.CheckRun(i));
      exact_runs_.push_back(run);
      exact_rows_ += run.count;
      continue;
    }
    listed_rows_ += run.count;
    const double share = static_cast<double>(run.count) / all_rows;
    const double rows = static_cast<double>(candidate_count_) * share * more;
    AddProbes(i, static_cast<size_t>(probes), static_cast<size_t>(rows) + 1);
  }
  result_.lists_read = probe_list_.size();
  result_.is_exact = listed_rows_ == 0;
  return base::Ok();
}

void ListSearch::ScanBlock(const Probe& probe, const Ivf::List& list, size_t begin, size_t count,
                           const QueryBounds& bounds, const simd::BoundTerms& terms,
                           BestCandidates& best) const {
  const simd::Kernels& kernels = simd::BestKernels();
  const CodeRun& run = source_.runs()[probe.run];
  uint64_t allowed[kBlockRows / 64] = {};
  if (run.allowed != nullptr) {
    for (size_t i = 0; i < count; ++i) {
      const uint64_t bit = run.allowed->Has(list.rows[begin + i]) ? 1 : 0;
      allowed[i / 64] |= bit << (i % 64);
    }
  }
  int32_t products[kBlockRows];
  float estimates[kBlockRows];
  float maxima[kBlockRows / 64];
  simd::BoundSums sums;
  const int8_t* arranged = bounds.arranged();
  kernels.dot_half_rows(&arranged, 1, list.high + begin * (run.stride / 2), run.stride, count,
                        products);
  kernels.bound_rows(terms, reinterpret_cast<const std::byte*>(list.bounds + begin), products,
                     count, run.allowed == nullptr ? nullptr : allowed, estimates, maxima, &sums);
  for (size_t word = 0; 64 * word < count; ++word) {
    if (maxima[word] < best.cut() || maxima[word] == -kInfinity) continue;
    for (size_t i = 64 * word; i < std::min(count, 64 * word + 64); ++i) {
      if (estimates[i] < best.cut() || estimates[i] == -kInfinity) continue;
      const size_t row = begin + i;
      best.Add({estimates[i], probe.run, list.rows[row], list.high + row * (run.stride / 2),
                list.bounds + row});
    }
  }
}

base::Status ListSearch::ScanSome(std::span<const Probe> probes, const QueryBounds& bounds,
                                  const simd::BoundTerms& terms, BestCandidates& best) const {
  for (const Probe& probe : probes) {
    INTACT_ASSIGN_OR_RETURN(const Ivf::List list, lists_[probe.run]->Read(probe.list));
    for (size_t begin = 0; begin < list.count; begin += kBlockRows) {
      ScanBlock(probe, list, begin, std::min(kBlockRows, list.count - begin), bounds, terms, best);
    }
  }
  best.Prune();
  return base::Ok();
}

// What a row scores as far as its high half says: the terms of a bound without the errors.
simd::BoundTerms EstimateTerms(const QueryBounds& bounds) {
  simd::BoundTerms terms = bounds.terms(simd::BoundLayout::kHigh);
  terms.error_factor = 0;
  terms.norm_factor = 0;
  terms.constant = 0;
  terms.last_constant = 0;
  terms.norm_shrink = 1 - 0x1p-9f;  // A norm is stored rounded up, by as much as this on average.
  return terms;
}

base::Result<std::vector<Candidate>> ListSearch::ScanLists() {
  const QueryBounds bounds(query_, options_.metric);
  const simd::BoundTerms terms = EstimateTerms(bounds);
  // Tasks are cut the same way whatever the executor.
  std::vector<std::span<const Probe>> tasks;
  size_t rows = kTaskRows;
  for (const Probe& probe : probe_list_) {
    if (rows >= kTaskRows) {
      tasks.emplace_back(&probe, 0);
      rows = 0;
    }
    tasks.back() = std::span(tasks.back().data(), tasks.back().size() + 1);
    rows += lists_[probe.run]->RowCountOf(probe.list);
  }
  std::vector<BestCandidates> best(tasks.size(), BestCandidates(candidate_count_));
  std::vector<base::Status> statuses(tasks.size());
  const auto scan = [&](size_t i) { statuses[i] = ScanSome(tasks[i], bounds, terms, best[i]); };
  INTACT_RETURN_IF_ERROR(RunAll(options_.executor, tasks.size(), scan));
  BestCandidates all(candidate_count_);
  for (size_t i = 0; i < tasks.size(); ++i) {
    INTACT_RETURN_IF_ERROR(statuses[i]);
    all.AddAll(best[i]);
  }
  return all.Take();
}

// The candidates, and the runs without lists.
class CandidateSource final : public VectorSource {
 public:
  CandidateSource(const VectorSource& source, std::vector<CodeRun> runs)
      : source_(source), runs_(std::move(runs)) {}
  size_t dimensions() const override { return source_.dimensions(); }
  std::span<const CodeRun> runs() const override { return runs_; }
  base::Status ReadVector(uint64_t id, std::span<float> target) const override {
    return source_.ReadVector(id, target);
  }

 private:
  const VectorSource& source_;
  std::vector<CodeRun> runs_;
};

base::Result<TopKResult> ListSearch::ScoreCandidates(
    const std::vector<Candidate>& candidates) const {
  const std::span<const CodeRun> runs = source_.runs();
  std::vector<CodeRun> chosen = exact_runs_;
  chosen.reserve(chosen.size() + candidates.size());
  for (const Candidate& candidate : candidates) {
    const CodeRun& run = runs[candidate.run];
    CodeRun& one = chosen.emplace_back(
        CodeRun{.first_id = run.first_id + candidate.row, .count = 1, .stride = run.stride});
    if (run.high == nullptr) {
      one.codes = run.codes + size_t{candidate.row} * run.stride;
      one.scales = run.scales + candidate.row;
    } else {
      one.high = candidate.high;
      one.low = run.low + size_t{candidate.row} * (run.stride / 2);
      one.bounds = candidate.bounds;
    }
  }
  const auto is_before = [](const CodeRun& a, const CodeRun& b) { return a.first_id < b.first_id; };
  std::sort(chosen.begin(), chosen.end(), is_before);
  // A damaged file may have a row twice.
  chosen.erase(
      std::unique(chosen.begin(), chosen.end(),
                  [](const CodeRun& a, const CodeRun& b) { return a.first_id == b.first_id; }),
      chosen.end());
  SerialExecutor serial(options_.executor);
  TopKOptions options = options_;
  if (exact_rows_ < kSerialRows) options.executor = &serial;
  return ExactTopK(CandidateSource(source_, std::move(chosen)), query_, options);
}

// By list: the rows' mean product is that with the centroid, and they spread around it evenly in
// all directions.
void ListSearch::EstimateMean(TopKResult& top) const {
  double norm_square = 0;
  for (const float x : query_) norm_square += static_cast<double>(x) * static_cast<double>(x);
  double sum = 0, square_sum = 0, count = 0;
  const Ivf* compared = compared_;
  std::vector<float> values = values_;
  for (size_t i = 0; i < lists_.size(); ++i) {
    if (lists_[i] == nullptr) continue;
    const Ivf& ivf = *lists_[i];
    if (!IsSameTraining(*compared, ivf)) {
      values = ivf.Compare(query_);
      compared = &ivf;
    }
    const double length = static_cast<double>(ivf.header().query_norm);
    const double factor = length > 0 && norm_square > 0 ? std::sqrt(norm_square) / length : 1.0;
    for (size_t list = 0; list < ivf.list_count(); ++list) {
      const auto rows = static_cast<double>(ivf.RowCountOf(list));
      const format::IvfTerm& term = ivf.terms()[list];
      const double product =
          static_cast<double>(values[list] + BiasWeight(ivf.header()) * term.bias) * factor;
      const double spread =
          static_cast<double>(term.spread) * norm_square / static_cast<double>(query_.size());
      sum += rows * product;
      square_sum += rows * (product * product + spread);
      count += rows;
    }
  }
  if (count == 0) return;
  top.mean = sum / count;
  top.deviation = std::sqrt(std::max(0.0, square_sum / count - top.mean * top.mean));
}

base::Result<ApproximateResult> ListSearch::Run() {
  INTACT_RETURN_IF_ERROR(ChooseLists());
  if (result_.is_exact) {
    INTACT_ASSIGN_OR_RETURN(result_.top, ExactTopK(source_, query_, options_));
    return std::move(result_);
  }
  INTACT_ASSIGN_OR_RETURN(const std::vector<Candidate> candidates, ScanLists());
  INTACT_ASSIGN_OR_RETURN(result_.top, ScoreCandidates(candidates));
  result_.top.rows_scanned += probed_rows_ - std::min(probed_rows_, candidates.size());
  if (estimates_mean_ && listed_rows_ > exact_rows_) EstimateMean(result_.top);
  return std::move(result_);
}

base::Status CheckFit(const VectorSource& source, std::span<const Ivf* const> lists) {
  const std::span<const CodeRun> runs = source.runs();
  bool fits = lists.size() == runs.size();
  for (size_t i = 0; fits && i < lists.size(); ++i) {
    if (lists[i] == nullptr) continue;
    const format::IvfHeader& header = lists[i]->header();
    fits = header.row_count == runs[i].count && header.stride() == runs[i].stride &&
           header.dimensions == source.dimensions();
  }
  return fits ? base::Ok() : base::InvalidArgument("inverted lists of other rows");
}

}  // namespace

Ivf::Ivf(format::IvfView view, const std::string& what)
    : view_(view), what_(what), is_checked_((view_.header().list_count + 63) / 64) {}

base::Result<std::unique_ptr<const Ivf>> Ivf::Open(base::ByteSpan bytes, const std::string& what) {
  INTACT_ASSIGN_OR_RETURN(const format::IvfView view, format::IvfView::Parse(bytes, what));
  return std::unique_ptr<const Ivf>(new Ivf(view, what));
}

base::Result<Ivf::List> Ivf::Read(size_t list) const {
  const auto index = static_cast<uint32_t>(list);
  const uint64_t bit = uint64_t{1} << (list % 64);
  std::atomic<uint64_t>& word = is_checked_[list / 64];
  if ((word.load(std::memory_order_relaxed) & bit) == 0) {
    INTACT_RETURN_IF_ERROR(view_.CheckList(index).Annotate(what_));
    word.fetch_or(bit, std::memory_order_relaxed);
  }
  const format::IvfView::List content = view_.ListAt(index);
  return List{content.rows.size(), reinterpret_cast<const uint8_t*>(content.high.data()),
              reinterpret_cast<const quant::CodeBound*>(content.bounds.data()),
              content.rows.data()};
}

std::vector<float> Ivf::Compare(std::span<const float> query) const {
  const size_t stride = header().stride();
  std::vector<float> scaled(query.begin(), query.end());
  double squares = 0;
  for (const float x : query) squares += static_cast<double>(x) * static_cast<double>(x);
  if (header().query_norm > 0 && squares > 0) {
    const double factor = static_cast<double>(header().query_norm) / std::sqrt(squares);
    for (float& x : scaled) x = static_cast<float>(static_cast<double>(x) * factor);
  }
  AlignedCode code(stride);
  const quant::CodeScale scale = quant::QuantiseInt8(scaled, {code.data(), scaled.size()});
  std::vector<int32_t> products(list_count());
  simd::BestKernels().dot_i8_rows(code.data(), centroids().data(), stride, list_count(), stride,
                                  products.data());
  std::vector<float> values(list_count());
  for (size_t i = 0; i < values.size(); ++i) {
    const format::IvfTerm& term = terms()[i];
    const float value = scale.scale * term.scale * static_cast<float>(products[i]) -
                        BiasWeight(header()) * term.bias;
    values[i] = value == value ? value : -kInfinity;
  }
  return values;
}

base::Result<ApproximateResult> ApproximateTopK(const VectorSource& source,
                                                std::span<const Ivf* const> lists,
                                                std::span<const float> query,
                                                const TopKOptions& options,
                                                const ApproximateOptions& approximate) {
  INTACT_RETURN_IF_ERROR(CheckFit(source, lists));
  const bool is_searchable = query.size() == source.dimensions() && quant::IsFinite(query) &&
                             options.k > 0 && options.k < TopKOptions::kAll / 8;
  if (!is_searchable || approximate.probes == 0) {
    // ExactTopK says what is wrong with the query.
    if (approximate.probes == 0) return base::InvalidArgument("probes: expected at least 1");
    ApproximateResult result;
    INTACT_ASSIGN_OR_RETURN(result.top, ExactTopK(source, query, options));
    return result;
  }
  return ListSearch(source, lists, query, options, approximate).Run();
}

}  // namespace intact::search
