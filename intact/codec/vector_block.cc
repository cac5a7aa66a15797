#include "intact/codec/vector_block.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "intact/codec/bit_stream.h"
#include "intact/codec/elements.h"
#include "intact/codec/rounding.h"
#include "intact/simd/simd.h"

namespace intact::codec {
namespace {

using base::ElementType;
using base::Result;
using base::Status;

// In place of an element type: float64 that is more than float32.
constexpr uint8_t kFullFloat64 = 5;
// Of a float64 row: upper parts as float32 and lower bits apart, or as it is.
constexpr std::byte kSplitRow{1};
constexpr std::byte kWholeRow{0};
constexpr unsigned kLowerBits = 29;

// Tables from up to this many rows, evenly spread; looking at a row costs what encoding it costs.
constexpr size_t kSampleMax = 256;

struct Learned {
  VectorTables tables;
  // What the sampled rows are made of: row i * step for words[i].
  std::vector<VectorWords> words;
  size_t step = 1;

  // Null for a row that is to be looked at by the encoder.
  const VectorWords* WordsOf(size_t row) const {
    if (words.empty() || row % step != 0) return nullptr;
    const VectorWords& found = words[row / step];
    return found.recipe.word == Word::kFloat32 ? nullptr : &found;
  }
};

Learned LearnTables(std::span<const float> vectors, size_t d, Goal goal) {
  const RoundToNearest rounding;
  if (goal != Goal::kCompact) return {VectorTables(d), {}};
  const size_t n = vectors.size() / d;
  const size_t step = (n + kSampleMax - 1) / kSampleMax;
  TableLearner learner(d);
  std::vector<VectorWords> words;
  for (size_t row = 0; row < n; row += step) {
    words.emplace_back();
    // Sums share no table.
    AnalyseVector(vectors.subspan(row * d, d), {.has_pooled_search = false}, words.back());
    learner.Add(words.back());
  }
  return {learner.Finish(n), std::move(words), step};
}

// The upper 35 bits of a float64 as the float32 that has sign, exponent and as much of the
// fraction; 0 when the exponent is none of a normal float32.
uint32_t UpperPart(uint64_t bits) {
  if (bits << 1 == 0) return static_cast<uint32_t>(bits >> 32);
  const auto exponent = static_cast<int>(bits >> 52 & 2047) - 1023;
  if (exponent < -126 || exponent > 127) return 0;
  return static_cast<uint32_t>(bits >> 63) << 31 | static_cast<uint32_t>(exponent + 127) << 23 |
         static_cast<uint32_t>(bits >> kLowerBits & 0x7fffff);
}

uint64_t Joined(uint32_t upper, uint32_t lower) {
  if (upper << 1 == 0 && lower == 0) return uint64_t{upper >> 31} << 63;
  return uint64_t{upper >> 31} << 63 | uint64_t{(upper >> 23 & 255) + 1023 - 127} << 52 |
         uint64_t{upper & 0x7fffff} << kLowerBits | lower;
}

void SplitUpper(base::ByteSpan elements, std::span<float> upper) {
  for (size_t i = 0; i < upper.size(); ++i) {
    const uint32_t bits = UpperPart(base::Load<uint64_t>(elements.data() + 8 * i));
    std::memcpy(&upper[i], &bits, sizeof(bits));
  }
}

// Appends a row of float64 whose upper parts are `upper` [d].
VectorKind PutFloat64Row(base::ByteSpan elements, std::span<const float> upper, Goal goal,
                         VectorEncoder& encoder, base::Bytes& target) {
  base::Bytes lower;
  BitWriter bits(lower, upper.size() * kLowerBits);
  bool is_split = true;
  for (size_t i = 0; i < upper.size(); ++i) {
    const auto element = base::Load<uint64_t>(elements.data() + 8 * i);
    const auto low = static_cast<uint32_t>(element & ((1u << kLowerBits) - 1));
    bits.Put(low, kLowerBits);
    is_split = is_split && Joined(UpperPart(element), low) == element;
  }
  bits.Finish();
  if (!is_split) {
    target.push_back(kWholeRow);
    target.insert(target.end(), elements.begin(), elements.end());
    return {};
  }
  target.push_back(kSplitRow);
  target.insert(target.end(), lower.begin(), lower.end());
  return encoder.Encode(upper, goal, target);
}

Status ReadFloat64Row(const VectorTables& tables, base::ByteSpan row, base::Bytes& target) {
  const size_t d = tables.dimensions();
  const size_t lower_size = (d * kLowerBits + 7) / 8;
  if (!row.empty() && row[0] == kWholeRow && row.size() == 1 + 8 * d) {
    target.insert(target.end(), row.begin() + 1, row.end());
    return base::Ok();
  }
  if (row.empty() || row[0] != kSplitRow || row.size() < 1 + lower_size) {
    return base::Corruption("a row of float64 has " + std::to_string(row.size()) + " bytes");
  }
  std::vector<float> upper(d);
  std::vector<uint32_t> lower(d);
  INTACT_RETURN_IF_ERROR(DecodeVector(tables, row.subspan(1 + lower_size), upper));
  simd::BestKernels().unpack_bits(row.data() + 1, kLowerBits, lower.data(), d);
  const size_t at = target.size();
  target.resize(at + 8 * d);
  for (size_t i = 0; i < d; ++i) {
    const auto bits = base::Load<uint32_t>(&upper[i]);
    base::Store(target.data() + at + 8 * i, Joined(bits, lower[i]));
  }
  return base::Ok();
}

// An earlier row with the same bytes.
std::optional<size_t> EqualRow(base::ByteSpan elements, size_t row_size, base::ByteSpan bytes,
                               uint32_t crc,
                               const std::unordered_multimap<uint32_t, size_t>& rows_by_crc) {
  const auto [begin, end] = rows_by_crc.equal_range(crc);
  for (auto it = begin; it != end; ++it) {
    const base::ByteSpan other = elements.subspan(it->second * row_size, row_size);
    if (std::equal(bytes.begin(), bytes.end(), other.begin())) return it->second;
  }
  return std::nullopt;
}

// Size of a row, or 0 and the earlier row that it repeats.
struct RowSize {
  uint64_t size = 0;
  uint64_t repeated = 0;
};

}  // namespace

void EncodeVectorBlock(ElementType element, size_t dimensions, base::ByteSpan elements, Goal goal,
                       base::Bytes& target, std::vector<VectorKind>* kinds) {
  const size_t row_size = dimensions * base::ElementSize(element);
  INTACT_CHECK(dimensions >= 1 && dimensions <= kDimensionsMax && elements.size() % row_size == 0);
  const size_t n = elements.size() / row_size;
  INTACT_CHECK(n <= kVectorBlockRowsMax);
  std::vector<float> vectors(n * dimensions);
  const bool is_full_float64 = WidenElements(element, elements, vectors) != vectors.size();
  if (is_full_float64) SplitUpper(elements, vectors);
  const Learned learned = LearnTables(vectors, dimensions, goal);
  const VectorTables& tables = learned.tables;
  VectorEncoder encoder(tables);
  std::unordered_multimap<uint32_t, size_t> rows_by_crc;
  std::vector<VectorKind> kinds_of_rows;
  std::vector<RowSize> sizes;
  base::Bytes rows;
  for (size_t row = 0; row < n; ++row) {
    const base::ByteSpan bytes = elements.subspan(row * row_size, row_size);
    const uint32_t crc = base::Crc32c(bytes);
    const std::optional<size_t> equal = EqualRow(elements, row_size, bytes, crc, rows_by_crc);
    if (equal) {
      sizes.push_back({0, *equal});
      kinds_of_rows.push_back(kinds_of_rows[*equal]);
      continue;
    }
    rows_by_crc.emplace(crc, row);
    const size_t start = rows.size();
    const auto upper = std::span(vectors).subspan(row * dimensions, dimensions);
    if (is_full_float64) {
      kinds_of_rows.push_back(PutFloat64Row(bytes, upper, goal, encoder, rows));
    } else {
      kinds_of_rows.push_back(encoder.Encode(upper, goal, rows, learned.WordsOf(row)));
    }
    sizes.push_back({rows.size() - start, 0});
    // Rows are about as long as the first; growing step by step would copy them over and over.
    if (row == 0) rows.reserve(n * (rows.size() + rows.size() / 32));
  }
  if (kinds != nullptr) kinds->insert(kinds->end(), kinds_of_rows.begin(), kinds_of_rows.end());
  base::ByteWriter writer;
  writer.Put(is_full_float64 ? kFullFloat64 : static_cast<uint8_t>(element));
  writer.PutVarint(dimensions);
  writer.PutVarint(n);
  const bool needs_tables =
      std::any_of(kinds_of_rows.begin(), kinds_of_rows.end(),
                  [](const VectorKind& kind) { return kind.form == Form::kCompact; });
  const base::ByteSpan table_bytes = needs_tables ? tables.bytes() : base::ByteSpan();
  const bool is_uniform =
      n > 0 && std::all_of(sizes.begin(), sizes.end(),
                           [&](const RowSize& size) { return size.size == sizes[0].size; });
  writer.PutVarint(table_bytes.size() << 1 | (is_uniform ? 1 : 0));
  writer.PutBytes(table_bytes);
  for (size_t row = 0; row < (is_uniform ? 1 : n); ++row) {
    writer.PutVarint(sizes[row].size);
    if (sizes[row].size == 0) writer.PutVarint(sizes[row].repeated);
  }
  base::ByteWriter prefix;
  prefix.PutVarint(writer.size() + rows.size());
  prefix.Put(base::Crc32c(rows, base::Crc32c(writer.bytes())));
  target.reserve(target.size() + prefix.size() + writer.size() + rows.size());
  for (const base::ByteSpan part : {prefix.bytes(), writer.bytes(), base::ByteSpan(rows)}) {
    target.insert(target.end(), part.begin(), part.end());
  }
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
  const uint64_t tables_field = reader.GetVarint();
  const uint64_t tables_size = tables_field >> 1;
  const bool is_uniform = (tables_field & 1) != 0;
  if (!reader.ok() || dimensions == 0 || dimensions > kDimensionsMax || n > kVectorBlockRowsMax ||
      tables_size > reader.remaining()) {
    return base::Corruption("a block of vectors has an impossible header");
  }
  if (element == 0 || element > kFullFloat64) {
    return base::Unsupported("a block of vectors has element type " + std::to_string(element));
  }
  const base::ByteSpan table_bytes = reader.GetBytes(tables_size);
  VectorTables tables(dimensions);
  if (!table_bytes.empty()) {
    INTACT_ASSIGN_OR_RETURN(tables, VectorTables::Parse(table_bytes, dimensions));
  }
  VectorBlock block(std::move(tables));
  block.is_full_float64_ = element == kFullFloat64;
  block.element_ =
      block.is_full_float64_ ? ElementType::kFloat64 : static_cast<ElementType>(element);
  block.dimensions_ = dimensions;
  block.size_ = prefix.position();
  std::vector<RowSize> sizes(n);
  for (size_t row = 0; row < n; ++row) {
    if (is_uniform && row > 0) {
      sizes[row] = sizes[0];
      continue;
    }
    sizes[row].size = reader.GetVarint();
    if (sizes[row].size == 0) sizes[row].repeated = reader.GetVarint();
  }
  for (const auto& [row_size, repeated] : sizes) {
    const bool is_there =
        row_size == 0 ? repeated < block.rows_.size() : row_size <= reader.remaining();
    if (!is_there) break;
    block.rows_.push_back(row_size == 0 ? block.rows_[repeated] : reader.GetBytes(row_size));
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
  if (is_full_float64_) return base::Unsupported("these vectors are float64, not float32");
  if (count == 1) return DecodeVector(tables_, rows_[first], target);
  return DecodeVectors(tables_, std::span(rows_).subspan(first, count), target);
}

Result<base::Bytes> VectorBlock::ReadElements() const {
  base::Bytes elements;
  if (is_full_float64_) {
    for (const base::ByteSpan row : rows_) {
      INTACT_RETURN_IF_ERROR(ReadFloat64Row(tables_, row, elements));
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
