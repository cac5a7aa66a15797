// Any bytes as a collection and a query: what the search finds is what a plain scan finds, for
// every metric, with codes whole and in halves, filtered, by group, and from a minimum score on.
#include <algorithm>
#include <bit>
#include <cmath>
#include <map>

#include "intact/search/topk.h"

namespace base = intact::base;
namespace quant = intact::quant;
namespace search = intact::search;

namespace {

constexpr size_t kRowsMax = 300;

class Rows final : public search::VectorSource, public search::RowGroups {
 public:
  // `values` [n, d]; `in_halves` says which of two runs has its codes in halves.
  Rows(size_t d, std::span<const float> values, uint8_t in_halves, bool is_filtered)
      : d_(d), stride_(base::AlignUp(d, 64)), values_(values), allowed_{Allowed(), Allowed()} {
    const size_t n = values.size() / d;
    codes_.resize(n * stride_);
    high_.resize(codes_.size() / 2);
    low_.resize(codes_.size() / 2);
    for (size_t i = 0; i < n; ++i) {
      const std::span<int8_t> code = std::span(codes_).subspan(i * stride_, stride_);
      quant::CodeScale scale{.scale = 0, .error = INFINITY, .norm = 0};
      if (quant::IsFinite(row(i))) scale = quant::QuantiseInt8(row(i), code.first(d));
      scales_.push_back(scale);
      bounds_.push_back(quant::BoundHalves(row(i), code.first(d), scale));
      quant::SplitCode(code, std::span(high_).subspan(i * stride_ / 2, stride_ / 2),
                       std::span(low_).subspan(i * stride_ / 2, stride_ / 2));
    }
    for (size_t r = 0; r < 2; ++r) {
      const size_t begin = r == 0 ? 0 : n / 2;
      search::CodeRun run;
      run.first_id = begin;
      run.count = r == 0 ? n / 2 : n - n / 2;
      run.stride = stride_;
      if ((in_halves >> r & 1) != 0) {
        run.high = high_.data() + begin * stride_ / 2;
        run.low = low_.data() + begin * stride_ / 2;
        run.bounds = bounds_.data() + begin;
      } else {
        run.codes = codes_.data() + begin * stride_;
        run.scales = scales_.data() + begin;
      }
      if (is_filtered) run.allowed = &allowed_[r];
      runs_.push_back(run);
    }
  }
  size_t dimensions() const override { return d_; }
  std::span<const search::CodeRun> runs() const override { return runs_; }
  base::Status ReadVector(uint64_t id, std::span<float> target) const override {
    std::ranges::copy(row(id), target.begin());
    return base::Ok();
  }
  uint64_t GroupOf(uint64_t id) const override { return id % 5; }
  std::span<const float> row(size_t i) const { return values_.subspan(i * d_, d_); }

 private:
  static search::Bitmap Allowed() {
    search::Bitmap allowed(kRowsMax);
    for (size_t i = 0; i < kRowsMax; i += 1 + i % 3) allowed.Add(i);
    return allowed;
  }

  size_t d_;
  size_t stride_;
  std::span<const float> values_;
  search::Bitmap allowed_[2];
  std::vector<int8_t> codes_;
  std::vector<uint8_t> high_, low_;
  std::vector<quant::CodeScale> scales_;
  std::vector<quant::CodeBound> bounds_;
  std::vector<search::CodeRun> runs_;
};

std::vector<search::VectorHit> PlainScan(const Rows& rows, std::span<const float> query,
                                         const search::TopKOptions& options) {
  std::vector<search::VectorHit> hits;
  for (const search::CodeRun& run : rows.runs()) {
    for (size_t i = 0; i < run.count; ++i) {
      if (run.allowed != nullptr && !run.allowed->Has(i)) continue;
      const float score = search::Score(options.metric, query, rows.row(run.first_id + i));
      if (std::isnan(score) || (options.minimum_score && score < *options.minimum_score)) continue;
      hits.push_back({run.first_id + i, score});
    }
  }
  std::ranges::stable_sort(hits, [](const auto& a, const auto& b) { return a.score > b.score; });
  if (options.groups != nullptr) {
    std::map<uint64_t, size_t> counts;
    std::erase_if(
        hits, [&](const auto& hit) { return ++counts[rows.GroupOf(hit.id)] > options.per_group; });
  }
  size_t count = std::min(options.k, hits.size());
  while (count > 0 && count < hits.size() && hits[count].score == hits[count - 1].score) ++count;
  hits.resize(count);
  return hits;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  base::ByteReader reader(std::as_bytes(std::span(data, size)));
  const auto dimensions = reader.Get<uint8_t>();
  const auto choices = reader.Get<uint8_t>();
  const auto k = reader.Get<uint8_t>();
  const auto minimum = reader.Get<float>();
  const size_t d = 1 + dimensions % 100;
  std::vector<float> values;
  while (reader.remaining() >= sizeof(float) && values.size() < kRowsMax * d) {
    values.push_back(reader.Get<float>());
  }
  if (values.size() < 2 * d) return 0;
  values.resize(values.size() / d * d);
  const std::span<const float> query = std::span(values).first(d);
  const Rows rows(d, std::span(values).subspan(d), choices & 3, (choices & 4) != 0);
  search::TopKOptions options;
  options.k = k;
  options.metric = static_cast<search::Metric>(choices >> 3 & 1 ? 0 : 1 + (choices >> 4 & 1));
  if ((choices & 32) != 0) options.minimum_score = minimum;
  if ((choices & 64) != 0) options.groups = &rows;
  const auto result = search::ExactTopK(rows, query, options);
  const bool is_valid = quant::IsFinite(query) && !(options.minimum_score && std::isnan(minimum));
  INTACT_CHECK(result.ok() == is_valid);
  if (!is_valid) return 0;
  const std::vector<search::VectorHit> expected = PlainScan(rows, query, options);
  INTACT_CHECK(result->hits.size() == expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    INTACT_CHECK(result->hits[i].id == expected[i].id);
    INTACT_CHECK(std::bit_cast<uint32_t>(result->hits[i].score) ==
                 std::bit_cast<uint32_t>(expected[i].score));
  }
  return 0;
}
