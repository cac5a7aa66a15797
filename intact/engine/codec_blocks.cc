#include "intact/engine/codec_blocks.h"

#include <algorithm>
#include <random>

#include "intact/codec/block.h"

namespace intact::engine {

size_t RowBlocks::RowsMax(size_t row_size) {
  return std::min(codec::kVectorBlockRowsMax, codec::kBlockRawMax / row_size);
}

RowBlocks::RowBlocks(base::ElementType element, size_t dimensions, base::ByteSpan elements)
    : element_(element),
      dimensions_(dimensions),
      row_size_(dimensions * base::ElementSize(element)),
      row_count_(elements.size() / row_size_) {
  const size_t size_max = RowsMax(row_size_) * row_size_;
  for (size_t begin = 0; begin < elements.size(); begin += size_max) {
    blocks_.push_back(elements.subspan(begin, std::min(size_max, elements.size() - begin)));
  }
}

std::vector<RowPlace> RandomOrder(std::span<const size_t> row_counts) {
  std::vector<RowPlace> order;
  for (uint32_t block = 0; block < row_counts.size(); ++block) {
    for (uint32_t row = 0; row < row_counts[block]; ++row) order.emplace_back(block, row);
  }
  std::mt19937_64 engine(order.size());
  std::shuffle(order.begin(), order.end(), engine);
  return order;
}

size_t RowsAtOnce(size_t dimensions) {
  constexpr size_t kBufferSize = size_t{128} << 10;  // Half of a small second-level cache.
  constexpr size_t kRowsMin = 16;
  return std::max(kRowsMin, kBufferSize / (dimensions * sizeof(float)));
}

void CodecBlocks::Encode(const RowBlocks& rows, codec::Goal goal,
                         std::vector<std::vector<codec::VectorKind>>* kinds) {
  open_.clear();
  bytes_.resize(rows.blocks().size());
  for (size_t i = 0; i < bytes_.size(); ++i) {
    bytes_[i].clear();
    if (kinds != nullptr) kinds->emplace_back();
    codec::EncodeVectorBlock(rows.element(), rows.dimensions(), rows.blocks()[i], goal, bytes_[i],
                             kinds != nullptr ? &kinds->back() : nullptr);
  }
}

void CodecBlocks::RepeatTo(uint64_t size_min) {
  open_.clear();
  const size_t count = bytes_.size();
  uint64_t total = size();
  for (size_t i = 0; total > 0 && total < size_min; ++i) {
    bytes_.push_back(bytes_[i % count]);
    total += bytes_.back().size();
  }
}

base::Status CodecBlocks::Open() {
  open_.clear();
  for (const base::Bytes& bytes : bytes_) {
    INTACT_ASSIGN_OR_RETURN(codec::VectorBlock block, codec::VectorBlock::Open(bytes));
    open_.push_back(std::move(block));
  }
  return base::Ok();
}

uint64_t CodecBlocks::size() const {
  uint64_t size = 0;
  for (const base::Bytes& bytes : bytes_) size += bytes.size();
  return size;
}

uint64_t CodecBlocks::row_count() const {
  uint64_t count = 0;
  for (const codec::VectorBlock& block : open_) count += block.row_count();
  return count;
}

void CodecBlocks::ReadInBatches() {
  for (const codec::VectorBlock& block : open_) {
    const size_t at_once = RowsAtOnce(block.dimensions());
    buffer_.resize(at_once * block.dimensions());
    for (size_t first = 0; first < block.row_count(); first += at_once) {
      const size_t count = std::min(at_once, block.row_count() - first);
      const auto target = std::span(buffer_).first(count * block.dimensions());
      INTACT_CHECK(block.ReadRows(first, count, target).ok());
    }
  }
}

void CodecBlocks::ReadInOrder(std::span<const RowPlace> order) {
  if (open_.empty()) return;
  buffer_.resize(RowsAtOnce(open_[0].dimensions()) * open_[0].dimensions());
  const auto target = std::span(buffer_).first(open_[0].dimensions());
  for (const auto& [block, row] : order) INTACT_CHECK(open_[block].ReadRow(row, target).ok());
}

void CodecBlocks::ReadElements() {
  for (const codec::VectorBlock& block : open_) INTACT_CHECK(block.ReadElements().ok());
}

std::vector<RowPlace> CodecBlocks::MakeOrder() const {
  std::vector<size_t> row_counts;
  for (const codec::VectorBlock& block : open_) row_counts.push_back(block.row_count());
  return RandomOrder(row_counts);
}

}  // namespace intact::engine
