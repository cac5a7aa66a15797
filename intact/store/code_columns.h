// The codes of a segment's rows as they lie in it, in two halves or, in segments older than format
// 1.2, whole; and the making of one row's. docs/format/store.md, "Codes". For Segment, and for who
// reads its codes in place.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "intact/base/base.h"
#include "intact/quant/quant.h"

namespace intact::store {

// Borrowed from a segment, and unchecked until its CheckCodes. Thread-safe.
struct CodeColumns {
  size_t stride = 0;  // Components of a code: the dimensions rounded up to 64.
  // In two halves.
  std::span<const uint8_t> high;             // [n, stride / 2]
  std::span<const uint8_t> low;              // [n, stride / 2]
  std::span<const quant::CodeBound> bounds;  // [n]
  // Or whole; empty then the others.
  std::span<const int8_t> codes;             // [n, stride]
  std::span<const quant::CodeScale> scales;  // [n]

  bool is_whole() const { return bounds.empty(); }
  size_t row_count() const { return is_whole() ? scales.size() : bounds.size(); }
  float scale(size_t row) const { return is_whole() ? scales[row].scale : bounds[row].scale; }
  // Scale, error and norm; of halves the last two as their bounds have them.
  quant::CodeScale ScaleOf(size_t row) const;
  // The code [stride] of a row, zeros beyond the dimensions: in place when it lies whole, else put
  // together in `scratch` [stride].
  std::span<const int8_t> Read(size_t row, std::span<int8_t> scratch) const;
  // Where a row's halves lie.
  std::span<const uint8_t> HighOf(size_t row) const {
    return high.subspan(row * (stride / 2), stride / 2);
  }
  std::span<const uint8_t> LowOf(size_t row) const {
    return low.subspan(row * (stride / 2), stride / 2);
  }
};

// Makes the code of one vector after the other, in every form. Keeps memory for one. Thread-
// compatible.
class RowCoder {
 public:
  explicit RowCoder(uint32_t dimensions);

  // What is below is that of `vector` [d] from now on. One with a NaN or an infinity gets code 0
  // and infinite errors.
  void Encode(std::span<const float> vector);

  // The same for a code [stride] and scale that were made of the vector before.
  void Take(std::span<const float> vector, std::span<const int8_t> code,
            const quant::CodeScale& scale);

  std::span<const int8_t> code() const { return code_; }  // [stride]
  const quant::CodeScale& scale() const { return scale_; }
  std::span<const uint8_t> high() const { return high_; }  // [stride / 2]
  std::span<const uint8_t> low() const { return low_; }    // [stride / 2]
  const quant::CodeBound& bound() const { return bound_; }

  // Whether row `row` of `columns` has just this code and these bounds.
  bool IsIn(const CodeColumns& columns, size_t row) const;

 private:
  // Fills in what follows from code and scale.
  void Split(std::span<const float> vector);

  uint32_t dimensions_;
  std::vector<int8_t> code_;
  std::vector<uint8_t> high_;
  std::vector<uint8_t> low_;
  quant::CodeScale scale_;
  quant::CodeBound bound_;
};

}  // namespace intact::store
