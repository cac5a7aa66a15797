#include "intact/codec/vector_block.h"

#include <algorithm>

#include "intact/codec/elements.h"

namespace intact::codec {
namespace {

using base::ElementType;
using base::Result;
using base::Status;

// In place of an element type: float64 as it is.
constexpr uint8_t kPlainFloat64 = 5;

// Tables from up to this many rows, evenly spread; looking at a row costs what encoding it costs.
constexpr size_t kSampleMax = 256;

VectorTables LearnTables(std::span<const float> vectors, size_t d, Goal goal) {
  if (goal != Goal::kCompact) return VectorTables(d);
  const size_t n = vectors.size() / d;
  const size_t step = (n + kSampleMax - 1) / kSampleMax;
  TableLearner learner(d);
  VectorWords words;
  for (size_t row = 0; row < n; row += step) {
    AnalyseVector(vectors.subspan(row * d, d), {.has_pooled_search = false}, words);
    learner.Add(words);
  }
  return learner.Finish(n);
}

}  // namespace

void EncodeVectorBlock(ElementType element, size_t dimensions, base::ByteSpan elements, Goal goal,
                       base::Bytes& target, std::vector<VectorKind>* kinds) {
  const size_t row_size = dimensions * base::ElementSize(element);
  INTACT_CHECK(dimensions >= 1 && dimensions <= kDimensionsMax && elements.size() % row_size == 0);
  const size_t n = elements.size() / row_size;
  INTACT_CHECK(n <= kVectorBlockRowsMax);
  std::vector<float> vectors(n * dimensions);
  const bool is_plain_float64 = WidenElements(element, elements, vectors) != vectors.size();
  base::Bytes rows;
  std::vector<size_t> sizes;
  base::Bytes table_bytes;
  if (is_plain_float64) {
    rows.assign(elements.begin(), elements.end());
    sizes.assign(n, row_size);
  } else {
    const VectorTables tables = LearnTables(vectors, dimensions, goal);
    table_bytes.assign(tables.bytes().begin(), tables.bytes().end());
    VectorEncoder encoder(tables);
    VectorKind kind;
    for (size_t row = 0; row < n; ++row) {
      const size_t start = rows.size();
      const base::ByteSpan bytes = elements.subspan(row * row_size, row_size);
      const bool is_repeated =
          row > 0 && std::equal(bytes.begin(), bytes.end(),
                                bytes.begin() - static_cast<std::ptrdiff_t>(row_size));
      if (!is_repeated) {
        kind = encoder.Encode(std::span(vectors).subspan(row * dimensions, dimensions), goal, rows);
      }
      if (kinds != nullptr) kinds->push_back(kind);
      sizes.push_back(rows.size() - start);
    }
  }
  base::ByteWriter writer;
  writer.Put(is_plain_float64 ? kPlainFloat64 : static_cast<uint8_t>(element));
  writer.PutVarint(dimensions);
  writer.PutVarint(n);
  writer.PutVarint(table_bytes.size());
  writer.PutBytes(table_bytes);
  for (const size_t size : sizes) writer.PutVarint(size);
  writer.PutBytes(rows);
  base::ByteWriter prefix;
  prefix.PutVarint(writer.size());
  prefix.Put(base::Crc32c(writer.bytes()));
  target.insert(target.end(), prefix.bytes().begin(), prefix.bytes().end());
  target.insert(target.end(), writer.bytes().begin(), writer.bytes().end());
}

Result<VectorBlock> VectorBlock::Open(base::ByteSpan bytes) {
  base::ByteReader prefix(bytes);
  const uint64_t size = prefix.GetVarint();
  const auto crc = prefix.Get<uint32_t>();
  if (!prefix.ok() || size > prefix.remaining()) {
    return base::Corruption("a block of vectors ends after " + std::to_string(bytes.size()) +
                            " bytes");
  }
  const base::ByteSpan content = prefix.GetBytes(size);
  if (base::Crc32c(content) != crc) {
    return base::Corruption("the checksum of a block of vectors differs");
  }
  base::ByteReader reader(content);
  const auto element = reader.Get<uint8_t>();
  const uint64_t dimensions = reader.GetVarint();
  const uint64_t n = reader.GetVarint();
  const uint64_t tables_size = reader.GetVarint();
  if (!reader.ok() || dimensions == 0 || dimensions > kDimensionsMax || n > kVectorBlockRowsMax ||
      tables_size > reader.remaining()) {
    return base::Corruption("a block of vectors has an impossible header");
  }
  if (element == 0 || element > kPlainFloat64) {
    return base::Unsupported("a block of vectors has element type " + std::to_string(element));
  }
  const base::ByteSpan table_bytes = reader.GetBytes(tables_size);
  VectorTables tables(dimensions);
  if (!table_bytes.empty()) {
    INTACT_ASSIGN_OR_RETURN(tables, VectorTables::Parse(table_bytes, dimensions));
  }
  VectorBlock block(std::move(tables));
  block.is_plain_float64_ = element == kPlainFloat64;
  block.element_ =
      block.is_plain_float64_ ? ElementType::kFloat64 : static_cast<ElementType>(element);
  block.dimensions_ = dimensions;
  block.size_ = prefix.position();
  std::vector<uint64_t> sizes(n);
  for (uint64_t& row_size : sizes) row_size = reader.GetVarint();
  for (const uint64_t row_size : sizes) {
    if (row_size > reader.remaining()) break;
    const base::ByteSpan row = reader.GetBytes(row_size);
    if (row.empty() && block.rows_.empty()) break;
    block.rows_.push_back(row.empty() ? block.rows_.back() : row);
  }
  if (!reader.AtEnd() || block.rows_.size() != n) {
    return base::Corruption("the rows of a block of vectors do not fill it");
  }
  return block;
}

Status VectorBlock::ReadRow(size_t row, std::span<float> target) const {
  return ReadRows(row, 1, target);
}

Status VectorBlock::ReadRows(size_t first, size_t count, std::span<float> target) const {
  INTACT_CHECK(first + count <= rows_.size() && target.size() == count * dimensions_);
  if (is_plain_float64_) return base::Unsupported("these vectors are float64, not float32");
  if (count == 1) return DecodeVector(tables_, rows_[first], target);
  return DecodeVectors(tables_, std::span(rows_).subspan(first, count), target);
}

Result<base::Bytes> VectorBlock::ReadElements() const {
  base::Bytes elements;
  if (is_plain_float64_) {
    for (const base::ByteSpan row : rows_) {
      if (row.size() != dimensions_ * sizeof(double)) {
        return base::Corruption("a row of float64 has " + std::to_string(row.size()) + " bytes");
      }
      elements.insert(elements.end(), row.begin(), row.end());
    }
    return elements;
  }
  std::vector<float> vector(dimensions_);
  const size_t row_size = dimensions_ * base::ElementSize(element_);
  for (size_t row = 0; row < rows_.size(); ++row) {
    INTACT_RETURN_IF_ERROR(ReadRow(row, vector));
    elements.resize(elements.size() + row_size);
    const base::MutableByteSpan target =
        base::MutableByteSpan(elements).subspan(row * row_size, row_size);
    if (NarrowElements(element_, vector, target) != vector.size()) {
      return base::Corruption("row " + std::to_string(row) + " of a block is not " +
                              std::string(base::ElementTypeName(element_)));
    }
  }
  return elements;
}

}  // namespace intact::codec
