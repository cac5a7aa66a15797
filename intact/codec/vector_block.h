// Up to 1,024 vectors and the tables they share, in one self-contained, checksummed run of bytes.
// docs/format/codecs.md, "A block of vectors". Thread-safe functions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "intact/base/base.h"
#include "intact/codec/codec.h"

namespace intact::codec {

inline constexpr size_t kVectorBlockRowsMax = 1024;
inline constexpr size_t kDimensionsMax = 65536;

// Appends a block of n <= 1,024 vectors [n, dimensions] of `element`, row-major; n from the size.
// dimensions in [1, 65,536]. Adds what each vector turned out to be to `kinds` when it is not null;
// of float64 that is not float32, what the upper parts are. A row that repeats another is stored
// once.
void EncodeVectorBlock(base::ElementType element, size_t dimensions, base::ByteSpan elements,
                       Goal goal, base::Bytes& target, std::vector<VectorKind>* kinds = nullptr);

// A block, checked and taken apart; its bytes must outlive it. Thread-safe.
class VectorBlock {
 public:
  // Takes the block at the beginning of `bytes`. kCorruption or kUnsupported; allocates no more
  // than a small multiple of the size of `bytes`.
  static base::Result<VectorBlock> Open(base::ByteSpan bytes);

  base::ElementType element() const { return element_; }
  size_t dimensions() const { return dimensions_; }
  size_t row_count() const { return rows_.size(); }
  // Of the whole block, header included: where the next one begins.
  size_t size() const { return size_; }
  size_t tables_size() const { return tables_.bytes().size(); }
  base::ByteSpan encoded(size_t row) const { return rows_[row]; }

  // Rows as float32, [dimensions] and [count, dimensions]; kUnsupported for float64 that is not
  // float32.
  base::Status ReadRow(size_t row, std::span<float> target) const;
  base::Status ReadRows(size_t first, size_t count, std::span<float> target) const;
  // All rows in their own element type: row_count * dimensions elements, bit for bit what was
  // given.
  base::Result<base::Bytes> ReadElements() const;

 private:
  explicit VectorBlock(VectorTables tables) : tables_(std::move(tables)) {}

  base::ElementType element_ = base::ElementType::kFloat32;
  bool is_full_float64_ = false;
  size_t dimensions_ = 0;
  size_t size_ = 0;
  VectorTables tables_;
  std::vector<base::ByteSpan> rows_;
};

}  // namespace intact::codec
