// A set of vectors as encoded blocks, open for reading, and loops over them. Internal to engine.
// Not thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "intact/base/base.h"
#include "intact/codec/vector_block.h"
#include "intact/engine/codec_vectors.h"

namespace intact::engine {

// Rows as they are cut into blocks.
class RowBlocks {
 public:
  // As many rows as a block of vectors and one of bytes both may have.
  static size_t RowsMax(size_t row_size);

  // `elements` are borrowed.
  RowBlocks(base::ElementType element, size_t dimensions, base::ByteSpan elements);

  base::ElementType element() const { return element_; }
  size_t dimensions() const { return dimensions_; }
  size_t row_size() const { return row_size_; }
  uint64_t row_count() const { return row_count_; }
  const std::vector<base::ByteSpan>& blocks() const { return blocks_; }

 private:
  base::ElementType element_;
  size_t dimensions_;
  size_t row_size_;
  uint64_t row_count_;
  std::vector<base::ByteSpan> blocks_;
};

// Where a row is: block, row of it.
using RowPlace = std::pair<uint32_t, uint32_t>;
// All rows of blocks that have these many, in an order that is random and always the same.
std::vector<RowPlace> RandomOrder(std::span<const size_t> row_counts);

// As many rows as are decoded at once: 16 at least, more when they are small.
size_t RowsAtOnce(size_t dimensions);

// Encoded blocks, open.
class CodecBlocks {
 public:
  // Encodes every block of `rows`; adds a kind per row, none for blocks of float64 beyond float32.
  void Encode(const RowBlocks& rows, codec::Goal goal,
              std::vector<std::vector<codec::VectorKind>>* kinds = nullptr);
  // Copies the blocks, bytes and all, until they take `size_min`.
  void RepeatTo(uint64_t size_min);
  base::Status Open();

  uint64_t size() const;
  uint64_t row_count() const;
  const std::vector<codec::VectorBlock>& open() const { return open_; }

  // Reads all rows as float32, many at once or one by one, into a buffer used over and over.
  void ReadInBatches();
  void ReadInOrder(std::span<const RowPlace> order);
  // Reads all blocks in their own type.
  void ReadElements();
  std::vector<RowPlace> MakeOrder() const;

 private:
  std::vector<base::Bytes> bytes_;
  std::vector<codec::VectorBlock> open_;
  std::vector<float> buffer_;
};

}  // namespace intact::engine
