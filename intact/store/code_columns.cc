#include "intact/store/code_columns.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "intact/format/segment.h"

namespace intact::store {

static_assert(sizeof(quant::CodeScale) == 3 * sizeof(float), "as docs/format/store.md lays it out");
static_assert(sizeof(quant::CodeBound) == 3 * sizeof(float), "as docs/format/store.md lays it out");

quant::CodeScale CodeColumns::ScaleOf(size_t row) const {
  if (is_whole()) return scales[row];
  const quant::CodeBound& bound = bounds[row];
  return {bound.scale, bound.error_f32(), bound.norm_f32()};
}

std::span<const int8_t> CodeColumns::Read(size_t row, std::span<int8_t> scratch) const {
  if (is_whole()) return codes.subspan(row * stride, stride);
  quant::JoinCode(HighOf(row), LowOf(row), scratch);
  return scratch;
}

RowCoder::RowCoder(uint32_t dimensions)
    : dimensions_(dimensions),
      code_(format::CodeStride(dimensions)),
      high_(format::CodeHalfSize(dimensions)),
      low_(format::CodeHalfSize(dimensions)) {}

void RowCoder::Encode(std::span<const float> vector) {
  INTACT_CHECK(vector.size() == dimensions_);
  const std::span<int8_t> code = std::span(code_).first(dimensions_);
  if (quant::IsFinite(vector)) {
    scale_ = quant::QuantiseInt8(vector, code);
  } else {
    std::fill(code.begin(), code.end(), int8_t{0});
    scale_ = {0, std::numeric_limits<float>::infinity(), 0};
  }
  Split(vector);
}

void RowCoder::Take(std::span<const float> vector, std::span<const int8_t> code,
                    const quant::CodeScale& scale) {
  INTACT_CHECK(vector.size() == dimensions_ && code.size() == code_.size());
  std::copy(code.begin(), code.end(), code_.begin());
  scale_ = scale;
  Split(vector);
}

void RowCoder::Split(std::span<const float> vector) {
  quant::SplitCode(code_, high_, low_);
  bound_ = quant::BoundHalves(vector, std::span(code_).first(dimensions_), scale_);
}

// Bit for bit, so that a bound that is a NaN equals itself and -0.0 is not 0.
bool RowCoder::IsIn(const CodeColumns& columns, size_t row) const {
  if (columns.is_whole()) {
    return std::memcmp(columns.codes.data() + row * columns.stride, code_.data(), code_.size()) ==
               0 &&
           std::memcmp(&columns.scales[row], &scale_, sizeof(scale_)) == 0;
  }
  return std::memcmp(columns.HighOf(row).data(), high_.data(), high_.size()) == 0 &&
         std::memcmp(columns.LowOf(row).data(), low_.data(), low_.size()) == 0 &&
         std::memcmp(&columns.bounds[row], &bound_, sizeof(bound_)) == 0;
}

}  // namespace intact::store
