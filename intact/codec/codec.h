// codec: vectors of float32, smaller and exactly back; and blocks of bytes, smaller and exactly
// back.
//
// Most embeddings that APIs return were 16-bit numbers once: divided by a norm, averaged, rounded
// again. VectorEncoder finds per vector what the numbers were, codes those, and proves the result
// by decoding it and comparing every byte, so NaN payloads, -0.0 and subnormals come back as they
// were and nothing ever depends on a guess. Byte layout: docs/format/codecs.md.
//
// Reading order: this, vector_words.h (what vectors are made of), pooled.h, vector_tables.h (codes
// that rows share), vector_forms.h (the bytes), vector_block.h (rows and tables together);
// prefix_code.h and bit_stream.h below them. block.h stands apart: zstd and LZ4 for everything that
// is no vector.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>

#include "intact/base/base.h"
#include "intact/codec/vector_tables.h"
#include "intact/codec/vector_words.h"

namespace intact::codec {

// Persistent numbers.
enum class Form : uint8_t { kPlain = 0, kCompact = 1, kCompletion = 2, kPlanes = 3 };

// What the caller wants; the encoder takes the form of the class that gives it.
enum class Goal : uint8_t {
  kFast,     // Decoded at the speed of memory: plain or planes.
  kCompact,  // The least bytes.
};

// What a vector turned out to be.
struct VectorKind {
  Recipe recipe;
  Form form = Form::kPlain;
  bool is_sparse = false;  // Most components are zero; recipe and form say nothing then.
};
// "float16 / scale", "bfloat16", "float32", "sum of 16-bit numbers", "sparse", ... of the words and
// the arithmetic; "unknown" for numbers that are none.
std::string_view KindName(const VectorKind& kind);
std::string_view KindName(const Recipe& recipe);
// "plain", "compact", "completion", "planes"; the form of a sparse vector is plain.
std::string_view FormName(Form form);

// The most bytes Encode appends for `dimensions` components.
constexpr size_t EncodedSizeMax(size_t dimensions) { return 1 + 4 * dimensions; }

// Encodes vectors, one thread at a time. Keeps scratch memory of a few vectors.
class VectorEncoder {
 public:
  // `tables` must outlive the encoder. Vectors have tables.dimensions() components.
  explicit VectorEncoder(const VectorTables& tables);
  ~VectorEncoder();
  VectorEncoder(const VectorEncoder&) = delete;
  VectorEncoder& operator=(const VectorEncoder&) = delete;

  // Appends the encoding of `vector` [d] to `target`, at most EncodedSizeMax(d) bytes. `words` is
  // what AnalyseVector made of it, for who has that already.
  VectorKind Encode(std::span<const float> vector, Goal goal, base::Bytes& target,
                    const VectorWords* words = nullptr);
  // Appends what completes `code` [d] to the vector, where code[i] was rounded from vector[i] /
  // scale; when the vector does not allow that, or is a sum that Encode(kCompact) makes smaller
  // even than that, as Encode(kCompact) would.
  VectorKind EncodeCompletion(std::span<const float> vector, std::span<const int8_t> code,
                              float scale, base::Bytes& target);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Decodes exactly the bytes of one vector into `target` [d], bit for bit what was encoded.
// kCorruption when the bytes are no vector of d components, kUnsupported for what this version does
// not know or a vector that needs its code; `target` is then undefined. Thread-safe, as are all
// functions here; no allocation.
base::Status DecodeVector(const VectorTables& tables, base::ByteSpan encoded,
                          std::span<float> target);
// The same for n vectors at once, several times as fast for compact ones; `target` is [n, d].
base::Status DecodeVectors(const VectorTables& tables, std::span<const base::ByteSpan> encoded,
                           std::span<float> target);
// The same for one that EncodeCompletion made, with the code [d] and scale it was given.
base::Status DecodeCompletion(const VectorTables& tables, base::ByteSpan encoded,
                              std::span<const int8_t> code, float scale, std::span<float> target);

// What an encoded vector says it is. kCorruption and kUnsupported as above.
base::Result<VectorKind> KindOf(base::ByteSpan encoded);

}  // namespace intact::codec
