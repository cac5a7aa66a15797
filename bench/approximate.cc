// Question: how fast is approximate search over inverted lists, what does it find of the exact
// answer, how much memory does it take, and what does it cost to build?
//
//   approximate --rows 100000 --folder /tmp/lists
//   approximate --rows 10000000 --centres 20000 --threads 2 --folder /big/disk/lists
//
// Data: unit vectors of 384 dimensions around --centres centres, made from their numbers
// (testing/clustered.h); queries are further vectors of the same kind. Codes in two halves and
// inverted lists lie in files of --folder, mapped, and are removed at the end; exact vectors lie in
// memory, or, of more than a million rows, are made again when they are scored, which takes longer
// than decoding one from a store. With
// --keep 1 the files stay, and the next run with the same rows uses them.
//
// Method: recall@10 against ExactTopK over the same codes, for each number of probes; then times of
// single queries, one after another: the median, the 99th percentile, and processor time a query
// (of all threads, waiting ones too), which other programs do not lengthen. When
// the resident pages of files exceed --resident MiB after a query they are given back, as the
// engine does. "resident" is the kernel's highest figure during the queries.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "intact/os/os.h"
#include "intact/search/ivf.h"
#include "intact/search/ivf_train.h"
#include "intact/search/ivf_writer.h"
#include "intact/testing/clustered.h"

namespace intact {
namespace {

constexpr size_t kDimensions = 384;
constexpr size_t kHalf = kDimensions / 2;
constexpr size_t kTop = 10;
constexpr uint64_t kFirstQuery = uint64_t{1} << 40;
constexpr size_t kKeptRowsMax = 1'000'000;

struct Options {
  size_t rows = 100'000;
  size_t centres = 500;
  size_t lists = 0;
  size_t candidates = 0;
  unsigned threads = 1;
  size_t queries = 200;  // For recall; ten times as many are timed.
  uint64_t resident = 64;
  bool keeps_files = false;
  std::string folder = "approximate-lists";
};

template <typename T>
T Must(base::Result<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "%s\n", result.status().ToString().c_str());
    std::exit(1);
  }
  return std::move(result).value();
}
void Must(const base::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

double NowMs() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// Threads that wait for work by looking, so that a query of a few hundred microseconds can use
// them. Only while it is awake.
class Pool final : public search::Executor {
 public:
  explicit Pool(unsigned thread_count) {
    for (unsigned i = 1; i < thread_count; ++i) threads_.emplace_back([this] { Wait(); });
  }
  ~Pool() override {
    is_over_ = true;
    for (std::thread& thread : threads_) thread.join();
  }
  void Run(size_t count, const std::function<void(size_t)>& body) override {
    body_ = &body;
    count_ = count;
    next_ = 0;
    busy_ = static_cast<int>(threads_.size());
    ++round_;
    Work();
    while (busy_ > 0) std::this_thread::yield();
  }

 private:
  void Work() {
    for (size_t i = next_++; i < count_; i = next_++) (*body_)(i);
  }
  void Wait() {
    uint64_t seen = 0;
    while (!is_over_) {
      if (round_ == seen) {
        std::this_thread::yield();
        continue;
      }
      seen = round_;
      Work();
      --busy_;
    }
  }

  std::atomic<bool> is_over_ = false;
  std::atomic<uint64_t> round_ = 0;
  std::atomic<int> busy_ = 0;
  std::atomic<size_t> next_ = 0;
  std::atomic<size_t> count_ = 0;
  const std::function<void(size_t)>* body_ = nullptr;
  std::vector<std::thread> threads_;
};

// Codes in files, exact vectors from nowhere.
class Rows final : public search::VectorSource {
 public:
  Rows(const Options& options, search::Executor& executor)
      : options_(options), vectors_(kDimensions, options.centres, 1), executor_(executor) {
    Must(os::RealFileSystem().CreateDirectories(options.folder));
    if (!HasFile("bounds", options.rows * sizeof(quant::CodeBound))) WriteCodes();
    if (options.rows <= kKeptRowsMax) {
      kept_.resize(options.rows * kDimensions);
      for (size_t i = 0; i < options.rows; ++i) {
        vectors_.Make(i, std::span(kept_).subspan(i * kDimensions, kDimensions));
      }
    }
    high_ = Map("high");
    low_ = Map("low");
    bounds_ = Map("bounds");
    run_ = {.count = options.rows,
            .stride = kDimensions,
            .high = reinterpret_cast<const uint8_t*>(high_->bytes().data()),
            .low = reinterpret_cast<const uint8_t*>(low_->bytes().data()),
            .bounds = reinterpret_cast<const quant::CodeBound*>(bounds_->bytes().data())};
  }
  ~Rows() override {
    if (options_.keeps_files) return;
    for (const char* name : {"high", "low", "bounds", "lists"}) {
      static_cast<void>(os::RealFileSystem().Remove(PathOf(name)).ok());
    }
    static_cast<void>(os::RemoveFolder(options_.folder).ok());
  }
  size_t dimensions() const override { return kDimensions; }
  std::span<const search::CodeRun> runs() const override { return {&run_, 1}; }
  base::Status ReadVector(uint64_t id, std::span<float> target) const override {
    if (kept_.empty()) {
      vectors_.Make(id, target);
    } else {
      std::copy_n(kept_.data() + id * kDimensions, kDimensions, target.data());
    }
    return base::Ok();
  }
  std::vector<float> Query(size_t number) const {
    std::vector<float> query(kDimensions);
    vectors_.Make(kFirstQuery + number, query);
    return query;
  }
  std::string PathOf(const std::string& name) const { return os::JoinPath(options_.folder, name); }
  std::unique_ptr<os::Mapping> Map(const std::string& name) const {
    return Must(os::RealFileSystem().Map(PathOf(name)));
  }
  void Release() {
    for (os::Mapping* mapping : {high_.get(), low_.get(), bounds_.get()}) {
      mapping->Release(0, mapping->bytes().size());
    }
  }
  // One of an earlier run with --keep.
  bool HasFile(const std::string& name, uint64_t size_min) const {
    const auto stat = os::StatPath(PathOf(name));
    return stat.ok() && stat->size >= size_min;
  }
  // Of the low halves, which refining reads here and there.
  os::Mapping& low() { return *low_; }

 private:
  void WriteCodes() {
    constexpr size_t kStep = 65'536;
    auto& files = os::RealFileSystem();
    const auto high = Must(files.OpenForWrite(PathOf("high")));
    const auto low = Must(files.OpenForWrite(PathOf("low")));
    const auto bounds = Must(files.OpenForWrite(PathOf("bounds")));
    std::vector<uint8_t> high_part(kStep * kHalf), low_part(kStep * kHalf);
    std::vector<quant::CodeBound> bound_part(kStep);
    for (size_t begin = 0; begin < options_.rows; begin += kStep) {
      const size_t count = std::min(kStep, options_.rows - begin);
      executor_.Run((count + 255) / 256, [&](size_t piece) {
        std::vector<float> vector(kDimensions);
        std::vector<int8_t> code(kDimensions);
        for (size_t i = piece * 256; i < std::min(count, piece * 256 + 256); ++i) {
          vectors_.Make(begin + i, vector);
          const quant::CodeScale scale = quant::QuantiseInt8(vector, code);
          bound_part[i] = quant::BoundHalves(vector, code, scale);
          quant::SplitCode(code, std::span(high_part).subspan(i * kHalf, kHalf),
                           std::span(low_part).subspan(i * kHalf, kHalf));
        }
      });
      const auto write = [&](os::File& file, base::ByteSpan bytes, size_t size) {
        Must(file.WriteAt(begin * size, bytes.first(count * size)));
      };
      write(*high, std::as_bytes(std::span(high_part)), kHalf);
      write(*low, std::as_bytes(std::span(low_part)), kHalf);
      write(*bounds, std::as_bytes(std::span(bound_part)), sizeof(quant::CodeBound));
    }
  }

  const Options& options_;
  testing::ClusteredVectors vectors_;
  search::Executor& executor_;
  std::unique_ptr<os::Mapping> high_, low_, bounds_;
  search::CodeRun run_;
  std::vector<float> kept_;
};

void Build(const Options& options, Rows& rows, search::Executor& executor) {
  const double begin = NowMs();
  search::IvfTrainOptions train{
      .metric = search::Metric::kInnerProduct, .list_count = options.lists, .executor = &executor};
  const search::IvfCentroids centroids = Must(search::TrainIvf(rows.runs(), kDimensions, train));
  const double trained = NowMs();
  const std::vector<uint32_t> lists =
      Must(search::AssignRows(centroids, rows.runs()[0], &executor, {}));
  const double assigned = NowMs();
  const auto file = Must(os::RealFileSystem().OpenForWrite(rows.PathOf("lists")));
  const uint64_t size = Must(search::WriteIvf(
      {}, centroids, rows.runs()[0], lists,
      [&](uint64_t offset, base::ByteSpan bytes) { return file->WriteAt(offset, bytes); }));
  Must(file->Sync());
  std::printf(
      "build: %zu lists, %.1f MB; trained in %.1f s, rows assigned in %.1f s, written in %.1f s\n",
      centroids.list_count, static_cast<double>(size) / 1e6, (trained - begin) / 1e3,
      (assigned - trained) / 1e3, (NowMs() - assigned) / 1e3);
}

// Hits that are as good as the k-th of the exact answer.
size_t CountFound(const search::TopKResult& exact, const search::TopKResult& found) {
  const float least = exact.hits[std::min(kTop, exact.hits.size()) - 1].score;
  size_t count = 0;
  for (const search::VectorHit& hit : found.hits) count += hit.score >= least ? 1 : 0;
  return std::min(count, kTop);
}

void Measure(const Options& options, Rows& rows, search::Executor& executor) {
  const std::unique_ptr<os::Mapping> mapping = rows.Map("lists");
  const auto ivf = Must(search::Ivf::Open(mapping->bytes(), rows.PathOf("lists")));
  const search::Ivf* lists = ivf.get();
  search::TopKOptions top{.k = kTop};
  top.executor = options.threads > 1 ? &executor : nullptr;
  std::vector<search::TopKResult> exact;
  std::vector<double> exact_times;
  for (size_t q = 0; q < options.queries; ++q) {
    const double begin = NowMs();
    exact.push_back(Must(search::ExactTopK(rows, rows.Query(q), top)));
    exact_times.push_back(NowMs() - begin);
  }
  std::sort(exact_times.begin(), exact_times.end());
  std::printf("exact: p50 %.3f ms\n", exact_times[exact_times.size() / 2]);
  rows.Release();
  std::printf("%8s %9s %9s %9s %9s %12s %12s %10s\n", "probes", "recall", "p50 ms", "p99 ms",
              "cpu ms", "rows scanned", "rows scored", "resident");
  for (size_t probes = 1; probes < lists->list_count() && probes <= 1024; probes *= 2) {
    const search::ApproximateOptions approximate{.probes = probes,
                                                 .candidates = options.candidates};
    size_t found = 0;
    uint64_t scanned = 0, scored = 0;
    for (size_t q = 0; q < options.queries; ++q) {
      const auto result =
          Must(search::ApproximateTopK(rows, {&lists, 1}, rows.Query(q), top, approximate));
      found += CountFound(exact[q], result.top);
      scanned += result.top.rows_scanned;
      scored += result.top.rows_scored;
    }
    std::vector<double> times;
    uint64_t resident = 0;
    mapping->Release(0, mapping->bytes().size());
    rows.Release();
    const std::clock_t begin_cpu = std::clock();
    for (size_t q = 0; q < 10 * options.queries; ++q) {
      const std::vector<float> query = rows.Query(options.queries + q);
      const double begin = NowMs();
      const auto result = Must(search::ApproximateTopK(rows, {&lists, 1}, query, top, approximate));
      const os::MemoryUse use = os::CurrentMemoryUse();
      if (use.resident - use.anonymous > options.resident << 20) {
        mapping->Release(0, mapping->bytes().size());
        rows.low().Release(0, rows.low().bytes().size());
      }
      times.push_back(NowMs() - begin);
      resident = std::max(resident, use.resident);
    }
    const double cpu_ms = static_cast<double>(std::clock() - begin_cpu) * 1e3 / CLOCKS_PER_SEC;
    std::sort(times.begin(), times.end());
    std::printf("%8zu %9.4f %9.3f %9.3f %9.3f %12.0f %12.1f %7.0f MB\n", probes,
                static_cast<double>(found) / (kTop * options.queries), times[times.size() / 2],
                times[times.size() * 99 / 100], cpu_ms / static_cast<double>(times.size()),
                static_cast<double>(scanned) / options.queries,
                static_cast<double>(scored) / options.queries, static_cast<double>(resident) / 1e6);
    std::fflush(stdout);
    if (found == kTop * options.queries) break;
  }
}

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const auto number = static_cast<size_t>(std::strtoull(argv[i + 1], nullptr, 10));
    if (name == "--rows") options.rows = number;
    if (name == "--centres") options.centres = number;
    if (name == "--lists") options.lists = number;
    if (name == "--candidates") options.candidates = number;
    if (name == "--threads") options.threads = static_cast<unsigned>(number);
    if (name == "--queries") options.queries = number;
    if (name == "--resident") options.resident = number;
    if (name == "--keep") options.keeps_files = number != 0;
    if (name == "--folder") options.folder = argv[i + 1];
  }
  Pool pool(options.threads);
  const double begin = NowMs();
  Rows rows(options, pool);
  const bool is_built = rows.HasFile("lists", options.rows * (kHalf + format::kIvfRowTailSize));
  std::printf("data: %zu x %zu around %zu centres, made in %.1f s; %u threads\n", options.rows,
              kDimensions, options.centres, (NowMs() - begin) / 1e3, options.threads);
  std::fflush(stdout);
  if (!is_built) Build(options, rows, pool);
  std::fflush(stdout);
  Measure(options, rows, pool);
  return 0;
}

}  // namespace
}  // namespace intact

int main(int argc, char** argv) { return intact::Main(argc, argv); }
