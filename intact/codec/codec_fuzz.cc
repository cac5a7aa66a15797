// Any bytes in: vectors or an error out, in bounded memory, as header, vector, rows, completion,
// tables and block; and what is encoded decodes to the same bits in every form.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "intact/codec/codec.h"
#include "intact/codec/vector_block.h"
#include "intact/codec/vector_delta.h"
#include "intact/codec/vector_forms.h"
#include "intact/testing/vectors.h"

namespace base = intact::base;
namespace codec = intact::codec;

namespace {

constexpr size_t kDimensionsMax = 600;  // More than a tile of the decoder.

void Require(bool condition) {
  if (!condition) std::abort();
}

bool HaveSameBits(std::span<const float> a, std::span<const float> b) {
  return std::ranges::equal(std::as_bytes(a), std::as_bytes(b));
}

void ReadAsVectors(const codec::VectorTables& tables, base::ByteSpan bytes) {
  const size_t d = tables.dimensions();
  std::vector<float> target(4 * d);
  const std::span<float> one = std::span(target).first(d);
  static_cast<void>(codec::ParseHeader(bytes).ok());
  static_cast<void>(codec::KindOf(bytes).ok());
  const bool is_vector = codec::DecodeVector(tables, bytes, one).ok();

  // Rows together must say what they say alone.
  const std::vector<base::ByteSpan> rows(4, bytes);
  Require(codec::DecodeVectors(tables, rows, target).ok() == is_vector);
  for (size_t row = 1; is_vector && row < 4; ++row) {
    Require(HaveSameBits(one, std::span(target).subspan(row * d, d)));
  }
  std::vector<int8_t> code(d);
  for (size_t i = 0; i < d; ++i) {
    code[i] = bytes.empty() ? int8_t{0} : static_cast<int8_t>(bytes[i % bytes.size()]);
  }
  for (const float scale : {0.001f, 0.0f, 1e38f}) {
    static_cast<void>(codec::DecodeCompletion(tables, bytes, code, scale, one).ok());
  }
}

void ReadAsBlock(base::ByteSpan bytes) {
  constexpr size_t kFloatsMax = size_t{1} << 18;
  const base::Result<codec::VectorBlock> block = codec::VectorBlock::Open(bytes);
  if (!block.ok()) return;
  Require(block->row_count() <= codec::kVectorBlockRowsMax && block->size() <= bytes.size());
  if (block->row_count() * block->dimensions() > kFloatsMax) return;
  std::vector<float> vectors(block->row_count() * block->dimensions());
  const bool are_floats = block->ReadRows(0, block->row_count(), vectors).ok();
  const base::Result<base::Bytes> elements = block->ReadElements();
  if (elements.ok() && are_floats && block->element() == base::ElementType::kFloat32) {
    Require(std::ranges::equal(*elements, std::as_bytes(std::span(vectors))));
  }
}

// With the digest of a base in front, without which nothing else is looked at.
void ReadAsDelta(size_t d, base::ByteSpan bytes) {
  constexpr size_t kPrefixSize = 2 + 2 * sizeof(base::Digest);
  static_cast<void>(codec::ParseDelta(bytes).ok());
  std::vector<float> base_vector(d, 0.5f), target(d);
  base::Bytes sealed(kPrefixSize, std::byte{1});
  sealed[0] = std::byte{7};
  const base::Digest digest = base::DigestOf(std::as_bytes(std::span(base_vector)));
  std::copy(digest.bytes.begin(), digest.bytes.end(), sealed.begin() + 2);
  sealed.insert(sealed.end(), bytes.begin(), bytes.end());
  static_cast<void>(codec::DecodeDelta(sealed, base_vector, target).ok());
}

void ReadAnything(size_t d, base::ByteSpan bytes) {
  ReadAsDelta(d, bytes);
  ReadAsVectors(codec::VectorTables(d), bytes);
  const base::Result<codec::VectorTables> all = codec::VectorTables::Parse(bytes, d);
  if (all.ok()) Require(std::ranges::equal(all->bytes(), bytes));
  // Tables, their size in front, and a vector that uses them.
  if (!bytes.empty()) {
    const size_t size = std::min(static_cast<size_t>(bytes[0]), bytes.size() - 1);
    const auto tables = codec::VectorTables::Parse(bytes.subspan(1, size), d);
    if (tables.ok()) ReadAsVectors(*tables, bytes.subspan(1 + size));
  }
  ReadAsBlock(bytes);
  base::ByteWriter sealed;
  sealed.PutVarint(bytes.size());
  sealed.Put(base::Crc32c(bytes));
  sealed.PutBytes(bytes);
  ReadAsBlock(sealed.bytes());
}

// Floats of the input; `origin` says what a server made of them.
std::vector<float> VectorsOf(base::ByteSpan bytes, size_t count, unsigned origin) {
  std::vector<float> vectors(count, 0.0f);
  std::copy_n(bytes.begin(), std::min(bytes.size(), count * sizeof(float)),
              std::as_writable_bytes(std::span(vectors)).begin());
  const unsigned kind = origin % 8;
  if (kind == 0) return vectors;
  const float scale = 0.5f + static_cast<float>(origin / 8) / 32;
  for (float& x : vectors) {
    if (!std::isfinite(x)) x = 1;
    x = kind == 7 ? static_cast<float>(std::fmod(x, 4096.0f) * scale)
                  : intact::testing::RoundToBits(x, kind % 2 == 0 ? 8 : 11);
    if (kind == 7) continue;
    if (kind >= 3) x /= scale;
    if (kind >= 5) x *= 0.7f;
  }
  return vectors;
}

void RoundTrip(const codec::VectorTables& tables, std::span<const float> vector) {
  codec::VectorEncoder encoder(tables);
  std::vector<float> decoded(vector.size());
  base::Bytes encoded;
  for (const codec::Goal goal : {codec::Goal::kFast, codec::Goal::kCompact}) {
    encoded.clear();
    encoder.Encode(vector, goal, encoded);
    Require(encoded.size() <= codec::EncodedSizeMax(vector.size()));
    Require(codec::DecodeVector(tables, encoded, decoded).ok());
    Require(HaveSameBits(decoded, vector));
  }
  const intact::testing::SearchCode code = intact::testing::SearchCodeOf(vector);
  encoded.clear();
  encoder.EncodeCompletion(vector, code.code, code.scale, encoded);
  Require(encoded.size() <= codec::EncodedSizeMax(vector.size()));
  Require(codec::DecodeCompletion(tables, encoded, code.code, code.scale, decoded).ok());
  Require(HaveSameBits(decoded, vector));
}

void RoundTripDelta(std::span<const float> vector, std::span<const float> base_vector) {
  base::Bytes encoded;
  const size_t size_max = 8 * vector.size() + 200;
  if (!codec::EncodeDelta(vector, base_vector, 0, size_max, encoded)) return;
  std::vector<float> decoded(vector.size());
  Require(codec::DecodeDelta(encoded, base_vector, decoded).ok());
  Require(HaveSameBits(decoded, vector));
}

void RoundTripBlock(base::ElementType element, size_t d, base::ByteSpan bytes, codec::Goal goal) {
  const size_t row_size = d * base::ElementSize(element);
  const base::ByteSpan rows = bytes.first(bytes.size() / row_size * row_size);
  if (rows.size() / row_size > codec::kVectorBlockRowsMax) return;
  base::Bytes encoded;
  codec::EncodeVectorBlock(element, d, rows, goal, encoded);
  const base::Result<codec::VectorBlock> block = codec::VectorBlock::Open(encoded);
  Require(block.ok() && block->size() == encoded.size());
  const base::Result<base::Bytes> elements = block->ReadElements();
  Require(elements.ok() && std::ranges::equal(*elements, rows));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  const size_t d = 1 + (data[0] | size_t{data[1]} << 8) % kDimensionsMax;
  const base::ByteSpan bytes = std::as_bytes(std::span(data + 4, size - 4));
  ReadAnything(d, bytes);
  const std::vector<float> vectors = VectorsOf(bytes, 2 * d, data[2]);
  RoundTrip(codec::VectorTables(d), std::span(vectors).first(d));
  RoundTripDelta(std::span(vectors).first(d), std::span(vectors).last(d));
  if (data[3] >= 224) {  // Learning takes longer than all the rest.
    codec::TableLearner learner(d);
    codec::VectorWords words;
    codec::AnalyseVector(std::span(vectors).first(d), {}, words);
    learner.Add(words);
    RoundTrip(learner.Finish(1), std::span(vectors).last(d));
  }
  const codec::Goal goal = data[3] % 8 == 0 ? codec::Goal::kCompact : codec::Goal::kFast;
  RoundTripBlock(static_cast<base::ElementType>(1 + data[3] / 8 % 4), d, bytes, goal);
  return 0;
}
