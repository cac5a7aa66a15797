// Rows as int8 search codes and what completes them to their exact bits. Internal to engine. Not
// thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "intact/base/base.h"
#include "intact/codec/codec.h"
#include "intact/engine/codec_blocks.h"

namespace intact::engine {

class CodeRest {
 public:
  // `dimensions` >= 1.
  explicit CodeRest(size_t dimensions) : tables_(dimensions) {}

  // Codes and completes all of `vectors` [n, dimensions]; what was there is dropped.
  void Encode(std::span<const float> vectors);
  // Codes, a float32 scale each, completions, and what blocks of `block_rows` rows add: headers and
  // row sizes.
  uint64_t size(size_t block_rows) const;
  // Of one row without its block.
  uint64_t row_size(size_t row) const;

  base::Status ReadRow(size_t row, std::span<float> target) const;
  void ReadAll();
  void ReadInOrder(std::span<const RowPlace> order);
  size_t row_count() const { return scales_.size(); }

 private:
  base::ByteSpan Rest(size_t row) const {
    return base::ByteSpan(rests_).subspan(ends_[row], ends_[row + 1] - ends_[row]);
  }

  codec::VectorTables tables_;  // As the store has them: nothing is learned.
  std::vector<int8_t> codes_;   // [n, dimensions]
  std::vector<float> scales_;   // [n]
  base::Bytes rests_;
  std::vector<size_t> ends_;  // [n + 1]
  std::vector<float> buffer_;
};

}  // namespace intact::engine
