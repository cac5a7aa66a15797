#include "intact/store/code_layout.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "intact/quant/quant.h"

namespace intact::store {
namespace {

constexpr size_t kSampleRows = 1'024;
constexpr size_t kQueries = 16;  // Of the sample, asked for the nearest of the others.
// Of all pairs of a query and a row those that the high half does not rule out: beyond this share
// search looks at both halves at once.
constexpr double kWholeShare = 0.1;

// Twice what the high half takes a component for.
int32_t TwiceCentre(int8_t c) { return static_cast<int32_t>(2 * quant::HighCentre(c)); }

struct Sample {
  size_t stride = 0;
  std::vector<int8_t> codes;        // [n, stride]
  std::vector<int16_t> centres;     // [n, stride], twice.
  std::vector<double> norms;        // Of each code,
  std::vector<double> high_errors;  // and how far what the high half says is from it.

  void Add(std::span<const int8_t> code) {
    int64_t squares = 0;
    int64_t error_squares = 0;  // Four times.
    for (const int8_t c : code) {
      const int32_t centre = TwiceCentre(c);
      squares += c * c;
      error_squares += (2 * c - centre) * (2 * c - centre);
      centres.push_back(static_cast<int16_t>(centre));
    }
    if (squares == 0) {
      centres.resize(centres.size() - code.size());
      return;
    }
    codes.insert(codes.end(), code.begin(), code.end());
    norms.push_back(std::sqrt(static_cast<double>(squares)));
    high_errors.push_back(std::sqrt(static_cast<double>(error_squares)) / 2);
  }
  size_t count() const { return norms.size(); }
};

// The rows besides the query whose cosine, as far as the high half says, may be that of the
// nearest.
size_t CountLeft(const Sample& sample, size_t query) {
  const size_t stride = sample.stride;
  const int8_t* code = sample.codes.data() + query * stride;
  std::vector<double> uppers(sample.count());
  double best = -1;
  for (size_t row = 0; row < sample.count(); ++row) {
    const int8_t* other = sample.codes.data() + row * stride;
    const int16_t* centres = sample.centres.data() + row * stride;
    int64_t product = 0;
    int64_t high_product = 0;
    for (size_t i = 0; i < stride; ++i) {
      product += code[i] * other[i];
      high_product += code[i] * centres[i];
    }
    const double norms = sample.norms[query] * sample.norms[row];
    uppers[row] =
        static_cast<double>(high_product) / 2 / norms + sample.high_errors[row] / sample.norms[row];
    if (row != query) best = std::max(best, static_cast<double>(product) / norms);
  }
  const auto left =
      std::count_if(uppers.begin(), uppers.end(), [&](double upper) { return upper >= best; });
  return static_cast<size_t>(left) - (uppers[query] >= best ? 1 : 0);
}

}  // namespace

bool SuitsWholeCodes(uint64_t row_count, size_t stride, const ReadCode& read_code) {
  if (row_count < kWholeCodesRowsMin) return false;
  Sample sample;
  sample.stride = stride;
  std::vector<int8_t> code(stride);
  for (uint64_t i = 0; i < kSampleRows; ++i) {
    read_code(i * row_count / kSampleRows, code);
    sample.Add(code);
  }
  // Of too few directions nothing is known.
  if (sample.count() < kSampleRows / 2) return false;
  size_t left = 0;
  for (size_t i = 0; i < kQueries; ++i) left += CountLeft(sample, i * sample.count() / kQueries);
  return static_cast<double>(left) > kWholeShare * static_cast<double>(kQueries * sample.count());
}

}  // namespace intact::store
