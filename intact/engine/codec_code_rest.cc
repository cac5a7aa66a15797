#include "intact/engine/codec_code_rest.h"

#include <algorithm>

#include "intact/quant/quant.h"

namespace intact::engine {

void CodeRest::Encode(std::span<const float> vectors) {
  const size_t d = tables_.dimensions();
  const size_t n = vectors.size() / d;
  codes_.assign(n * d, 0);
  scales_.assign(n, 0);
  rests_.clear();
  ends_.assign(1, 0);
  codec::VectorEncoder encoder(tables_);
  for (size_t row = 0; row < n; ++row) {
    const std::span<const float> vector = vectors.subspan(row * d, d);
    const std::span<int8_t> code = std::span(codes_).subspan(row * d, d);
    if (quant::IsFinite(vector)) {
      scales_[row] = quant::QuantiseInt8(vector, code).scale;
      encoder.EncodeCompletion(vector, code, scales_[row], rests_);
    } else {
      encoder.Encode(vector, codec::Goal::kCompact, rests_);
    }
    ends_.push_back(rests_.size());
  }
}

uint64_t CodeRest::row_size(size_t row) const {
  return tables_.dimensions() + sizeof(float) + Rest(row).size();
}

uint64_t CodeRest::size(size_t block_rows) const {
  uint64_t total = 0;
  for (size_t first = 0; first < row_count(); first += block_rows) {
    const size_t count = std::min(block_rows, row_count() - first);
    // As a block of vectors: docs/format/codecs.md. No tables.
    base::ByteWriter writer;
    writer.Put(static_cast<uint8_t>(base::ElementType::kFloat32));
    writer.PutVarint(tables_.dimensions());
    writer.PutVarint(count);
    writer.PutVarint(0);
    uint64_t size = 0;
    for (size_t row = first; row < first + count; ++row) {
      writer.PutVarint(Rest(row).size());
      size += row_size(row);
    }
    size += writer.size();
    base::ByteWriter prefix;
    prefix.PutVarint(size);
    prefix.Put(uint32_t{0});  // The checksum.
    total += prefix.size() + size;
  }
  return total;
}

base::Status CodeRest::ReadRow(size_t row, std::span<float> target) const {
  const size_t d = tables_.dimensions();
  return codec::DecodeCompletion(tables_, Rest(row), std::span(codes_).subspan(row * d, d),
                                 scales_[row], target);
}

void CodeRest::ReadAll() {
  const size_t d = tables_.dimensions();
  const size_t at_once = RowsAtOnce(d);
  buffer_.resize(at_once * d);
  for (size_t row = 0; row < row_count(); ++row) {
    const auto target = std::span(buffer_).subspan(row % at_once * d, d);
    INTACT_CHECK(ReadRow(row, target).ok());
  }
}

void CodeRest::ReadInOrder(std::span<const RowPlace> order) {
  const size_t d = tables_.dimensions();
  buffer_.resize(std::max(buffer_.size(), d));
  for (const auto& [block, row] : order) {
    INTACT_CHECK(ReadRow(row, std::span(buffer_).first(d)).ok());
  }
}

}  // namespace intact::engine
