#include "intact/engine/search_set.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "intact/embed/embed.h"
#include "intact/engine/approx_lists.h"
#include "intact/engine/collection.h"
#include "intact/engine/elements.h"
#include "intact/engine/query_input.h"
#include "intact/engine/search_rule.h"
#include "intact/engine/transfer.h"
#include "intact/engine/vector_input.h"
#include "intact/engine/versions.h"
#include "intact/os/os.h"

namespace intact::engine {
namespace {

using base::Result;
using base::Status;

constexpr size_t kReadRows = 1024;
constexpr size_t kRowsAtOnce = 2048;  // Of a thread that makes or decodes rows.
constexpr uint32_t kDimensionsDefault = 384;
constexpr uint32_t kDimensionsMax = 65536;
constexpr uint64_t kRowsDefault = 100'000;
constexpr uint64_t kBytesMax = uint64_t{32} << 30;
constexpr uint64_t kQuestionBytesMax = uint64_t{64} << 20;
constexpr uint64_t kFirstFurther = uint64_t{1} << 40;  // Number of a rule's first query.
// Of a row that is made a query, by its length: far from its own row, still among its neighbours.
constexpr float kNoise = 0.5f;

// Calls `body(begin, end)` for all rows, some at once; the first failure.
Status ForRows(size_t count, unsigned thread_count,
               const std::function<Status(size_t begin, size_t end)>& body) {
  const size_t parts = (count + kRowsAtOnce - 1) / kRowsAtOnce;
  std::vector<Status> statuses(parts);
  os::ParallelFor(parts, thread_count, [&](size_t part) {
    statuses[part] = body(part * kRowsAtOnce, std::min(count, (part + 1) * kRowsAtOnce));
  });
  for (const Status& status : statuses) INTACT_RETURN_IF_ERROR(status);
  return base::Ok();
}

// How many queries are taken from a set of `rows`.
size_t QueriesOf(size_t rows, const SearchSetOptions& options) {
  return std::clamp<size_t>(options.query_count, 1, std::max<size_t>(1, rows / 10));
}

// Rows in memory, their codes in halves beside them.
class MemorySet final : public SearchSet {
 public:
  static Result<std::unique_ptr<SearchSet>> FromFile(const std::string& path,
                                                     const SearchSetOptions& options) {
    auto set = std::make_unique<MemorySet>();
    set->name_ = path;
    set->kind_ = "file";
    INTACT_RETURN_IF_ERROR(set->ReadRows(path, options));
    if (options.queries.empty()) {
      INTACT_RETURN_IF_ERROR(set->HoldOut(options));
    } else {
      INTACT_RETURN_IF_ERROR(set->ReadQueries(options));
    }
    INTACT_RETURN_IF_ERROR(set->Finish(options));
    return std::unique_ptr<SearchSet>(std::move(set));
  }

  static Result<std::unique_ptr<SearchSet>> FromRule(std::string_view rule,
                                                     const SearchSetOptions& options) {
    auto set = std::make_unique<MemorySet>();
    set->kind_ = "rule";
    set->dimensions_ = options.dimensions != 0 ? options.dimensions : kDimensionsDefault;
    const uint64_t rows = options.rows != 0 ? options.rows : kRowsDefault;
    set->name_ = std::string(rule);
    if (set->dimensions_ > kDimensionsMax ||
        rows > kBytesMax / (set->dimensions_ * sizeof(float))) {
      return base::InvalidArgument(
          "at most 65,536 dimensions and 32 GiB of vectors are made, not " + std::to_string(rows) +
          " rows of " + std::to_string(set->dimensions_) + " dimensions");
    }
    INTACT_ASSIGN_OR_RETURN(const SearchRule made,
                            SearchRule::Make(rule, set->dimensions_, options.seed));
    set->vectors_.resize(rows * set->dimensions_);
    INTACT_RETURN_IF_ERROR(ForRows(rows, options.thread_count, [&](size_t begin, size_t end) {
      for (size_t row = begin; row < end; ++row) made.Fill(row, set->row(row));
      return base::Ok();
    }));
    if (!options.queries.empty()) {
      INTACT_RETURN_IF_ERROR(set->ReadQueries(options));
    } else {
      set->queries_name_ = kFurtherRows;
      set->queries_.resize(std::max<size_t>(1, options.query_count) * set->dimensions_);
      for (size_t i = 0; i < set->query_count(); ++i) {
        made.Fill(kFirstFurther + i,
                  std::span(set->queries_).subspan(i * set->dimensions_, set->dimensions_));
      }
    }
    INTACT_RETURN_IF_ERROR(set->Finish(options));
    return std::unique_ptr<SearchSet>(std::move(set));
  }

  const search::VectorSource& source() const override { return source_; }
  Status LoadVectors(unsigned) override { return base::Ok(); }

 private:
  class Source final : public search::VectorSource {
   public:
    explicit Source(const MemorySet& set) : set_(set) {}
    size_t dimensions() const override { return set_.dimensions_; }
    std::span<const search::CodeRun> runs() const override { return {&set_.run_, 1}; }
    Status ReadVector(uint64_t id, std::span<float> target) const override {
      std::memcpy(target.data(), set_.vectors_.data() + id * set_.dimensions_,
                  set_.dimensions_ * sizeof(float));
      return base::Ok();
    }

   private:
    const MemorySet& set_;
  };

  std::span<float> row(size_t i) {
    return std::span(vectors_).subspan(i * dimensions_, dimensions_);
  }

  Status ReadRows(const std::string& path, const SearchSetOptions& options) {
    INTACT_ASSIGN_OR_RETURN(const VectorInput input, OpenVectorInput(path, options.dimensions));
    const format::VectorFileInfo& info = input.reader->info();
    dimensions_ = info.dimensions;
    const uint64_t rows_most = kBytesMax / (dimensions_ * sizeof(float));
    const uint64_t rows_max = options.rows != 0 ? std::min(options.rows, rows_most) : rows_most;
    if (info.row_count) vectors_.reserve(std::min(*info.row_count, rows_max) * dimensions_);
    format::VectorRows rows;
    std::vector<float> wide;
    for (uint64_t count = 0;; count += rows.count) {
      // One row more than wanted tells whether there are more.
      const uint64_t wanted = count < rows_max ? rows_max - count : 1;
      const Status status = input.reader->Next(std::min<uint64_t>(kReadRows, wanted), rows);
      INTACT_RETURN_IF_ERROR(CheckUnchanged(input));
      if (!status.ok()) return AsInputError(status);
      if (rows.count == 0) return base::Ok();
      if (count == rows_max) break;
      INTACT_RETURN_IF_ERROR(
          WidenRows(info.element, rows.elements, dimensions_, count, wide).Annotate(path));
      vectors_.insert(vectors_.end(), wide.begin(), wide.end());
    }
    is_whole_ = false;
    return base::Ok();
  }

  // Moves rows, evenly from all over the set, to the queries.
  Status HoldOut(const SearchSetOptions& options) {
    const size_t d = dimensions_;
    const size_t rows = vectors_.size() / d;
    if (rows < 2) {
      return base::InvalidArgument(name_ + " has " + std::to_string(rows) +
                                   " rows, too few to hold some out as queries: give --queries");
    }
    queries_name_ = kHeldOutRows;
    const size_t count = QueriesOf(rows, options);
    size_t kept = 0;
    for (size_t i = 0; i < rows; ++i) {
      const size_t number = queries_.size() / d;
      const float* const from = vectors_.data() + i * d;
      if (number < count && i == (2 * number + 1) * rows / (2 * count)) {
        queries_.insert(queries_.end(), from, from + d);
      } else {
        std::memmove(vectors_.data() + kept++ * d, from, d * sizeof(float));
      }
    }
    vectors_.resize(kept * d);
    return base::Ok();
  }

  // Metric, ids and codes.
  Status Finish(const SearchSetOptions& options) {
    INTACT_RETURN_IF_ERROR(SetMetric(options, "cosine"));
    const size_t rows = vectors_.size() / dimensions_;
    if (rows == 0) return base::InvalidArgument(name_ + " has no rows: there is nothing to search");
    if (rows > UINT32_MAX) return base::InvalidArgument(name_ + " has more than 2^32 - 1 rows");
    ids_.resize(rows);
    for (size_t i = 0; i < rows; ++i) ids_[i] = i;
    const size_t stride = base::AlignUp(dimensions_, 64);
    const size_t half = stride / 2;
    bounds_.resize(rows);
    high_.resize(rows * half);
    low_.resize(rows * half);
    uint8_t* const high = high_.data();
    uint8_t* const low = low_.data();
    run_ = {.count = rows, .stride = stride, .high = high, .low = low, .bounds = bounds_.data()};
    return ForRows(rows, options.thread_count, [&](size_t begin, size_t end) -> Status {
      store::RowCoder coder(dimensions_);
      for (size_t i = begin; i < end; ++i) {
        if (!quant::IsFinite(row(i))) {
          return base::InvalidArgument(name_ + ": row " + std::to_string(i) +
                                       " has a NaN or an infinity");
        }
        coder.Encode(row(i));
        std::copy_n(coder.high().data(), half, high + i * half);
        std::copy_n(coder.low().data(), half, low + i * half);
        bounds_[i] = coder.bound();
      }
      return base::Ok();
    });
  }

  Source source_{*this};
  base::AlignedVector<uint8_t> high_;
  base::AlignedVector<uint8_t> low_;
  std::vector<quant::CodeBound> bounds_;
  search::CodeRun run_;
};

class StoreSet final : public SearchSet {
 public:
  StoreSet(std::shared_ptr<const store::Snapshot> snapshot, RowSource source)
      : snapshot_(std::move(snapshot)), source_(std::move(source)) {}

  static Result<std::unique_ptr<SearchSet>> Make(const std::string& path,
                                                 const SearchSetOptions& options) {
    const int64_t begin_ns = os::RealClock().monotonic_ns();
    INTACT_ASSIGN_OR_RETURN(std::shared_ptr<const store::Snapshot> snapshot,
                            OpenSnapshot(path, {}));
    INTACT_ASSIGN_OR_RETURN(RowSource source, RowSource::Make(*snapshot, nullptr));
    auto set = std::make_unique<StoreSet>(std::move(snapshot), std::move(source));
    set->name_ = path;
    set->kind_ = "store";
    set->open_seconds_ = os::SecondsSince(begin_ns);
    set->dimensions_ = set->snapshot_->spec().dimensions;
    INTACT_RETURN_IF_ERROR(set->SetMetric(options, MetricName(set->snapshot_->spec().metric)));
    for (const search::CodeRun& run : set->source_.runs()) {
      for (size_t i = 0; i < run.count; ++i) set->ids_.push_back(run.first_id + i);
    }
    if (set->ids_.empty()) {
      return base::InvalidArgument(path + " has no rows: there is nothing to search");
    }
    if (!options.questions.empty()) {
      INTACT_RETURN_IF_ERROR(set->AskQuestions(options));
    } else if (options.queries.empty()) {
      INTACT_RETURN_IF_ERROR(set->ChangeRows(options));
    } else {
      INTACT_RETURN_IF_ERROR(set->ReadQueries(options));
    }
    return std::unique_ptr<SearchSet>(std::move(set));
  }

  const search::VectorSource& source() const override { return source_; }
  std::shared_ptr<const store::Snapshot> snapshot() const override { return snapshot_; }
  Status LoadVectors(unsigned thread_count) override {
    if (row_count() > kBytesMax / (dimensions_ * sizeof(float))) {
      return base::InvalidArgument(name_ + " has more than 32 GiB of vectors");
    }
    vectors_.resize(row_count() * dimensions_);
    return ForRows(row_count(), thread_count, [&](size_t begin, size_t end) -> Status {
      for (size_t i = begin; i < end; ++i) {
        INTACT_RETURN_IF_ERROR(
            source_.ReadVector(ids_[i], std::span(vectors_).subspan(i * dimensions_, dimensions_)));
      }
      return base::Ok();
    });
  }

 private:
  // Lines of text, embedded as a search of the index embeds them.
  Status AskQuestions(const SearchSetOptions& options) {
    INTACT_ASSIGN_OR_RETURN(const auto embedder, embed::OpenLocalEmbedder(options.model));
    INTACT_RETURN_IF_ERROR(CheckModel(*snapshot_, name_, embedder->identity()));
    INTACT_ASSIGN_OR_RETURN(
        const base::Bytes bytes,
        os::ReadFile(os::RealFileSystem(), options.questions, kQuestionBytesMax));
    std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    std::vector<std::string_view> lines;
    while (!text.empty() && lines.size() < options.query_count) {
      const std::string_view line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(text.size(), line.size() + 1));
      if (line.find_first_not_of(" \t\r") != std::string_view::npos) lines.push_back(line);
    }
    if (lines.empty()) {
      return base::InvalidArgument(options.questions + " has no lines: nothing is asked");
    }
    std::vector<float> vectors(lines.size() * dimensions_);
    INTACT_RETURN_IF_ERROR(embedder->Embed(lines, vectors));
    TakeQueries(std::move(vectors), options, options.questions);
    return base::Ok();
  }

  // Rows from all over the store, each with noise of its own added.
  Status ChangeRows(const SearchSetOptions& options) {
    queries_name_ = kChangedRows;
    const size_t d = dimensions_;
    const size_t count = QueriesOf(row_count(), options);
    INTACT_ASSIGN_OR_RETURN(const SearchRule noise,
                            SearchRule::Make("isotropic", dimensions_, options.seed));
    queries_.resize(count * d);
    std::vector<float> direction(d);
    for (size_t i = 0; i < count; ++i) {
      const std::span<float> query = std::span(queries_).subspan(i * d, d);
      const uint64_t id = ids_[(2 * i + 1) * row_count() / (2 * count)];
      INTACT_RETURN_IF_ERROR(source_.ReadVector(id, query));
      if (!quant::IsFinite(query)) {
        return base::InvalidArgument(name_ + ": row " + std::to_string(id) +
                                     " has a NaN or an infinity");
      }
      double squares = 0;
      for (const float x : query) squares += static_cast<double>(x) * static_cast<double>(x);
      const auto length = static_cast<float>(std::sqrt(squares));
      noise.Fill(i, direction);
      for (size_t j = 0; j < d; ++j) query[j] += kNoise * length * direction[j];
    }
    return base::Ok();
  }

  std::shared_ptr<const store::Snapshot> snapshot_;
  RowSource source_;
};

}  // namespace

Status SearchSet::SetMetric(const SearchSetOptions& options, std::string_view otherwise) {
  const std::string_view name = options.metric.empty() ? otherwise : options.metric;
  const std::optional<format::Metric> metric = ParseMetric(name);
  if (!metric) {
    return base::InvalidArgument("vectors compare by cosine, dot, euclidean or hamming, not by " +
                                 std::string(name));
  }
  metric_ = SearchMetric(*metric);
  metric_name_ = MetricName(*metric);
  return base::Ok();
}

Status SearchSet::ReadQueries(const SearchSetOptions& options) {
  // A file that says how many dimensions it has is taken at its word.
  auto own = ReadQueryFile(options.queries, 0);
  if (own.code() == base::Code::kInvalidArgument) own = ReadQueryFile(options.queries, dimensions_);
  INTACT_ASSIGN_OR_RETURN(QueryVectors read, std::move(own));
  if (read.dimensions != dimensions_) {
    return base::InvalidArgument(options.queries + " has " + std::to_string(read.dimensions) +
                                 " dimensions, " + name_ + " has " + std::to_string(dimensions_));
  }
  if (!quant::IsFinite(read.vectors)) {
    return base::InvalidArgument(options.queries + " has a NaN or an infinity");
  }
  TakeQueries(std::move(read.vectors), options, options.queries);
  return base::Ok();
}

void SearchSet::TakeQueries(std::vector<float> queries, const SearchSetOptions& options,
                            const std::string& name) {
  queries_ = std::move(queries);
  queries_.resize(
      std::min(queries_.size(), std::max<size_t>(1, options.query_count) * dimensions_));
  queries_name_ = name;
}

std::vector<base::ByteSpan> SearchSet::ScannedBytes() const {
  std::vector<base::ByteSpan> parts;
  for (const search::CodeRun& run : source().runs()) {
    if (run.high != nullptr) {
      parts.push_back(std::as_bytes(std::span(run.high, run.count * (run.stride / 2))));
      parts.push_back(std::as_bytes(std::span(run.bounds, run.count)));
    } else {
      parts.push_back(std::as_bytes(std::span(run.codes, run.count * run.stride)));
      parts.push_back(std::as_bytes(std::span(run.scales, run.count)));
    }
  }
  return parts;
}

uint64_t SearchSet::scanned_row_size() const {
  uint64_t bytes = 0;
  for (const base::ByteSpan part : ScannedBytes()) bytes += part.size();
  return bytes / row_count();
}

uint64_t SearchSet::refined_row_size() const {
  const search::CodeRun& run = source().runs().front();
  return run.high != nullptr ? run.stride / 2 : 0;
}

Result<std::unique_ptr<SearchSet>> SearchSet::Read(const std::string& path,
                                                   const SearchSetOptions& options) {
  return MemorySet::FromFile(path, options);
}

Result<std::unique_ptr<SearchSet>> SearchSet::Open(const std::string& store,
                                                   const SearchSetOptions& options) {
  return StoreSet::Make(store, options);
}

Result<std::unique_ptr<SearchSet>> SearchSet::Make(std::string_view rule,
                                                   const SearchSetOptions& options) {
  return MemorySet::FromRule(rule, options);
}

}  // namespace intact::engine
