#include "intact/engine/search_report.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <ctime>
#include <memory>
#include <span>
#include <utility>

#include "intact/engine/plain_scan.h"
#include "intact/engine/search_lists.h"
#include "intact/engine/search_set.h"
#include "intact/engine/thread_pool.h"
#include "intact/format/ivf.h"
#include "intact/os/os.h"
#include "intact/simd/simd.h"

namespace intact::engine {
namespace {

using base::Result;
using base::Status;
using search::TopKResult;
using search::VectorHit;

// Each way gets a tenth of its queries, then the next way: what else the machine does meets all.
constexpr size_t kTurns = 10;
// Multiplications that the plain scan is timed for, at most: it takes the longest by far.
constexpr double kPlainWork = 2e10;
constexpr size_t kPlainQueriesMin = 20;
constexpr size_t kFloorRounds = 3;  // A turn.
// Batches are at least so many, over and over the same queries if need be.
constexpr size_t kBatchesMin = kTurns;

// Of all threads of this process together.
int64_t ProcessorTimeNs() { return int64_t{std::clock()} * (1'000'000'000 / CLOCKS_PER_SEC); }

// The value below which `part` of the values lie.
double Quantile(std::vector<double> values, double part) {
  if (values.empty()) return SearchWay::kNone;
  const auto at =
      std::min(values.size() - 1, static_cast<size_t>(part * static_cast<double>(values.size())));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

// Reads all bytes by the widest loads there are: the product of each with one, added up.
int32_t SumBytes(std::span<const base::ByteSpan> parts, ThreadPool& pool, size_t threads) {
  constexpr size_t kRow = 4096;
  constexpr size_t kRowsAtOnce = 64;
  static constexpr auto kOnes = [] {
    std::array<int8_t, kRow> ones{};
    ones.fill(1);
    return ones;
  }();
  std::vector<base::ByteSpan> pieces;
  for (const base::ByteSpan part : parts) {
    for (size_t at = 0; at + kRow <= part.size(); at += kRow * kRowsAtOnce) {
      pieces.push_back(part.subspan(at, std::min(kRow * kRowsAtOnce, part.size() - at)));
    }
  }
  std::atomic<int32_t> total = 0;
  const size_t share = (pieces.size() + threads - 1) / threads;
  const auto sum = [&](size_t thread) {
    uint32_t own = 0;
    for (size_t i = thread * share; i < std::min(pieces.size(), (thread + 1) * share); ++i) {
      int32_t products[kRowsAtOnce];
      const size_t rows = pieces[i].size() / kRow;
      simd::BestKernels().dot_i8_rows(kOnes.data(),
                                      reinterpret_cast<const int8_t*>(pieces[i].data()), kRow, rows,
                                      kRow, products);
      for (size_t row = 0; row < rows; ++row) own += static_cast<uint32_t>(products[row]);
    }
    total += static_cast<int32_t>(own);
  };
  if (threads == 1) {
    sum(0);
  } else {
    pool.Run(threads, threads - 1, sum);
  }
  return total;
}

// The time to read what a way scans.
struct Floor {
  std::vector<base::ByteSpan> parts;
  size_t threads = 1;
  std::vector<double> times;
};

// A way of searching, as it is measured.
struct Runner {
  SearchWay way;
  bool is_exact = true;
  size_t query_count = 0;  // To be timed; more than there are begin anew.
  // Answers queries [first, first + count), appending the results.
  std::function<Status(size_t first, size_t count, std::vector<TopKResult>& results)> search;
  std::optional<Floor> floor;
  std::vector<double> times;  // Of a query each.
  double processor_seconds = 0;
  double found = 0;
  double wanted = 0;
};

class SearchBench {
 public:
  SearchBench(const SearchBenchOptions& options, const SearchBenchSink& progress)
      : options_(options), progress_(progress), pool_(options.threads - 1) {
    top_.k = options.k;
  }

  Result<SearchBenchReport> Run() {
    const int64_t begin_ns = os::RealClock().monotonic_ns();
    INTACT_RETURN_IF_ERROR(OpenSet());
    Describe();
    Step();
    INTACT_RETURN_IF_ERROR(SearchStore());
    INTACT_RETURN_IF_ERROR(OpenLists());
    Step();
    INTACT_RETURN_IF_ERROR(set_->LoadVectors(options_.threads));
    plain_ = std::make_unique<PlainScan>(set_->metric(), set_->ids(), set_->vectors());
    INTACT_RETURN_IF_ERROR(Save());
    truth_ = plain_->SearchAll(set_->queries(), options_.k, options_.threads);
    Step();
    AddRunners();
    for (size_t turn = 0; turn < kTurns; ++turn) {
      for (Runner& runner : runners_) INTACT_RETURN_IF_ERROR(TakeTurn(turn, runner));
      Step();
    }
    if (set_->snapshot() != nullptr) INTACT_RETURN_IF_ERROR(set_->snapshot()->CheckUnchanged());
    for (Runner& runner : runners_) report_.ways.push_back(Sum(runner));
    report_.peak_bytes = os::CurrentMemoryUse().resident_peak;
    report_.seconds = os::SecondsSince(begin_ns);
    return std::move(report_);
  }

 private:
  void Step() {
    constexpr size_t kStepCount = 3 + kTurns;
    if (progress_) progress_(++step_, kStepCount);
  }

  Status OpenSet() {
    const SearchSetOptions options{.dimensions = options_.dimensions,
                                   .rows = options_.rows,
                                   .queries = options_.queries,
                                   .questions = options_.questions,
                                   .model = options_.model,
                                   .query_count = options_.query_count,
                                   .metric = options_.metric,
                                   .seed = options_.seed,
                                   .thread_count = options_.threads};
    auto set = !options_.store.empty()  ? SearchSet::Open(options_.store, options)
               : !options_.file.empty() ? SearchSet::Read(options_.file, options)
                                        : SearchSet::Make(options_.rule, options);
    if (!set.ok()) return set.status();
    set_ = *std::move(set);
    top_.metric = set_->metric();
    return base::Ok();
  }

  void Describe() {
    report_.name = set_->name();
    report_.kind = set_->kind();
    report_.is_whole = set_->is_whole();
    report_.rows = set_->row_count();
    report_.dimensions = set_->dimensions();
    report_.metric = set_->metric_name();
    report_.queries = set_->query_count();
    report_.queries_name = set_->queries_name();
    report_.k = options_.k;
    report_.raw_bytes = report_.rows * report_.dimensions * sizeof(float);
    report_.scanned_bytes = report_.rows * set_->scanned_row_size();
    report_.processor = simd::LevelName(simd::BestLevel());
  }

  // As a program does that only searches: the rest of what is measured here is not there yet.
  Status SearchStore() {
    if (set_->snapshot() == nullptr) return base::Ok();
    for (size_t i = 0; i < set_->query_count(); ++i) {
      const int64_t begin_ns = os::RealClock().monotonic_ns();
      INTACT_RETURN_IF_ERROR(search::ExactTopK(set_->source(), set_->query(i), top_).status());
      if (i == 0) report_.first_seconds = set_->open_seconds() + os::SecondsSince(begin_ns);
    }
    report_.resident_bytes = os::CurrentMemoryUse().resident;
    return base::Ok();
  }

  Status OpenLists() {
    lists_ = SearchLists::Open(*set_);
    if (lists_ == nullptr && options_.makes_lists) {
      INTACT_ASSIGN_OR_RETURN(lists_, SearchLists::Make(*set_, executor_));
    }
    if (lists_ == nullptr) return base::Ok();
    report_.lists = lists_->list_count();
    report_.lists_seconds = lists_->seconds();
    return base::Ok();
  }

  Status Save() const {
    if (options_.save_folder.empty()) return base::Ok();
    os::FileSystem& files = os::RealFileSystem();
    INTACT_RETURN_IF_ERROR(files.CreateDirectories(options_.save_folder));
    const auto save = [&](const char* name, std::span<const float> values) {
      const std::string file = std::string(name) + "__" + std::to_string(report_.dimensions) +
                               "__" + std::to_string(values.size() / report_.dimensions) + ".f32";
      return os::WriteFileDurably(files, os::JoinPath(options_.save_folder, file),
                                  std::as_bytes(values));
    };
    INTACT_RETURN_IF_ERROR(save("rows", set_->vectors()));
    return save("queries", set_->queries());
  }

  void AddRunners() {
    AddPlain();
    AddExact("exact", 1, 1);
    AddExact("batch", 1, options_.batch);
    if (pool_.thread_count() > 0) AddExact("threads", options_.threads, 1);
    AddApproximate();
  }

  void AddPlain() {
    Runner runner{.way = {.way = "plain"}};
    const double work = static_cast<double>(report_.rows) * report_.dimensions;
    runner.query_count =
        std::clamp(static_cast<size_t>(kPlainWork / work),
                   std::min<size_t>(kPlainQueriesMin, set_->query_count()), set_->query_count());
    runner.way.bytes_kept = plain_->bytes();
    runner.search = [this](size_t first, size_t count, std::vector<TopKResult>& results) {
      for (size_t i = first; i < first + count; ++i) {
        TopKResult& result = results.emplace_back();
        result.hits = plain_->Search(set_->query(i), options_.k);
        result.rows_scored = report_.rows;
      }
      return base::Ok();
    };
    runner.floor = Floor{.parts = {std::as_bytes(set_->vectors())}};
    runners_.push_back(std::move(runner));
  }

  void AddExact(const char* way, unsigned threads, size_t batch) {
    Runner runner{.way = {.way = way, .threads = threads}};
    runner.way.batch = std::min(batch, set_->query_count());
    // Whole batches.
    const size_t batches = std::max(kBatchesMin, set_->query_count() / runner.way.batch);
    runner.query_count = batch == 1 ? set_->query_count() : batches * runner.way.batch;
    runner.way.bytes_kept = set_->code_bytes();
    search::TopKOptions options = top_;
    if (threads > 1) options.executor = &executor_;
    runner.search = [this, options](size_t first, size_t count,
                                    std::vector<TopKResult>& results) -> Status {
      const size_t d = set_->dimensions();
      INTACT_ASSIGN_OR_RETURN(
          std::vector<TopKResult> found,
          search::ExactTopKBatch(set_->source(), set_->queries().subspan(first * d, count * d),
                                 options));
      for (TopKResult& result : found) results.push_back(std::move(result));
      return base::Ok();
    };
    if (batch == 1) runner.floor = Floor{.parts = set_->ScannedBytes(), .threads = threads};
    runners_.push_back(std::move(runner));
  }

  void AddApproximate() {
    if (lists_ == nullptr) return;
    Runner runner{.way = {.way = "approximate"}, .is_exact = false};
    runner.query_count = set_->query_count();
    const size_t probes = options_.probes > 0 ? options_.probes : lists_->probes();
    runner.way.probes = std::min(probes, lists_->list_count());
    runner.way.bytes_kept = lists_->bytes() + report_.rows * set_->refined_row_size();
    runner.search = [this, probes](size_t first, size_t count,
                                   std::vector<TopKResult>& results) -> Status {
      for (size_t i = first; i < first + count; ++i) {
        INTACT_ASSIGN_OR_RETURN(SearchLists::Found found,
                                lists_->Search(set_->query(i), top_, probes));
        results.push_back(std::move(found.top));
      }
      return base::Ok();
    };
    runners_.push_back(std::move(runner));
  }

  // A tenth of the queries, after one that only warms caches.
  Status TakeTurn(size_t turn, Runner& runner) {
    const size_t step = runner.way.batch;
    const size_t steps = runner.query_count / step;
    const size_t begin = steps * turn / kTurns;
    const size_t end = steps * (turn + 1) / kTurns;
    if (begin == end) return base::Ok();
    const size_t places = set_->query_count() / step;  // Where a step may begin.
    std::vector<TopKResult> results;
    INTACT_RETURN_IF_ERROR(runner.search(begin % places * step, step, results));
    results.clear();
    const int64_t processor_ns = ProcessorTimeNs();
    for (size_t i = begin; i < end; ++i) {
      const int64_t begin_ns = os::RealClock().monotonic_ns();
      INTACT_RETURN_IF_ERROR(runner.search(i % places * step, step, results));
      runner.times.push_back(os::SecondsSince(begin_ns) / static_cast<double>(step));
    }
    runner.processor_seconds += static_cast<double>(ProcessorTimeNs() - processor_ns) * 1e-9;
    for (size_t i = 0; i < results.size(); ++i) {
      Compare(results[i], truth_[(begin + i / step) % places * step + i % step], runner);
    }
    MeasureFloor(runner);
    return base::Ok();
  }

  void Compare(const TopKResult& result, const std::vector<VectorHit>& truth, Runner& runner) {
    SearchWay& way = runner.way;
    ++way.queries;
    way.rows_scanned += static_cast<double>(result.rows_scanned);
    way.rows_refined += static_cast<double>(result.rows_refined);
    way.rows_scored += static_cast<double>(result.rows_scored);
    size_t hits = 0;
    for (const VectorHit& hit : result.hits) {
      hits += !truth.empty() && hit.score >= truth.back().score ? 1 : 0;
    }
    runner.found += static_cast<double>(std::min(hits, truth.size()));
    runner.wanted += static_cast<double>(truth.size());
    if (!runner.is_exact) return;
    // Those that tie with the last come too.
    const bool is_same = result.hits.size() >= truth.size() &&
                         std::equal(truth.begin(), truth.end(), result.hits.begin(),
                                    [](const VectorHit& a, const VectorHit& b) {
                                      return a.id == b.id && std::bit_cast<uint32_t>(a.score) ==
                                                                 std::bit_cast<uint32_t>(b.score);
                                    });
    way.differing = way.differing.value_or(0) + (is_same ? 0 : 1);
  }

  void MeasureFloor(Runner& runner) {
    if (!runner.floor) return;
    Floor& floor = *runner.floor;
    for (size_t round = 0; round <= kFloorRounds; ++round) {
      const int64_t begin_ns = os::RealClock().monotonic_ns();
      floor_sum_ = floor_sum_ + SumBytes(floor.parts, pool_, floor.threads);
      if (round > 0) floor.times.push_back(os::SecondsSince(begin_ns));
    }
  }

  SearchWay Sum(Runner& runner) {
    SearchWay way = std::move(runner.way);
    way.p50_seconds = Quantile(runner.times, 0.5);
    way.p99_seconds = Quantile(runner.times, 0.99);
    double seconds = 0;
    for (const double time : runner.times) seconds += time * static_cast<double>(way.batch);
    const auto queries = static_cast<double>(way.queries);
    way.processor_seconds = runner.processor_seconds / queries;
    way.queries_per_second = queries / seconds;
    if (runner.wanted > 0) way.recall = runner.found / runner.wanted;
    for (double* rows : {&way.rows_scanned, &way.rows_refined, &way.rows_scored}) *rows /= queries;
    way.bytes_touched = BytesTouched(way);
    if (runner.floor) way.floor_seconds = Quantile(runner.floor->times, 0.5);
    if (way.differing.value_or(0) > 0) report_.is_exact = false;
    return way;
  }

  double BytesTouched(const SearchWay& way) const {
    const double vector_size = report_.dimensions * sizeof(float);
    double bytes = way.rows_scanned * static_cast<double>(set_->scanned_row_size()) +
                   way.rows_refined * static_cast<double>(set_->refined_row_size()) +
                   way.rows_scored * vector_size;
    if (lists_ != nullptr && way.way == "approximate") {
      // Every centroid is compared.
      const size_t stride = base::AlignUp(report_.dimensions, 64);
      bytes += static_cast<double>(lists_->list_count() * (stride + sizeof(format::IvfTerm)));
    }
    return bytes;
  }

  const SearchBenchOptions& options_;
  const SearchBenchSink& progress_;
  search::TopKOptions top_;
  ThreadPool pool_;
  StopRule never_;
  PoolExecutor executor_{&pool_, never_};
  std::unique_ptr<SearchSet> set_;
  std::unique_ptr<const SearchLists> lists_;
  std::unique_ptr<const PlainScan> plain_;
  std::vector<std::vector<VectorHit>> truth_;
  std::vector<Runner> runners_;
  volatile uint32_t floor_sum_ = 0;
  size_t step_ = 0;
  SearchBenchReport report_;
};

}  // namespace

Result<SearchBenchReport> BenchSearch(const SearchBenchOptions& options,
                                      const SearchBenchSink& progress) {
  if (int{options.file.empty()} + options.store.empty() + options.rule.empty() != 2) {
    return base::InvalidArgument("one of a file, a store and a rule says what is searched");
  }
  constexpr size_t kKMax = 10'000;
  if (options.k == 0 || options.k > kKMax || options.threads == 0 || options.batch == 0) {
    return base::InvalidArgument("k is between 1 and 10,000; threads and batch are at least 1");
  }
  return SearchBench(options, progress).Run();
}

}  // namespace intact::engine
