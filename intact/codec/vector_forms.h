// The bytes of one vector in each form. docs/format/codecs.md, "A vector". Internal to codec;
// thread-safe functions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "intact/base/base.h"
#include "intact/codec/bit_stream.h"
#include "intact/codec/codec.h"
#include "intact/codec/vector_tables.h"
#include "intact/codec/vector_words.h"

namespace intact::codec {

template <typename T>
void Append(base::Bytes& target, T value) {
  const size_t at = target.size();
  target.resize(at + sizeof(T));
  base::Store(target.data() + at, value);
}

// Kinds that are no word and arithmetic.
inline constexpr std::byte kSparseKind{5};
inline constexpr std::byte kDeltaKind{7};

// The bytes in front of the payload, taken apart.
struct VectorHeader {
  Recipe recipe;
  Form form = Form::kPlain;
  bool is_sparse = false;
  base::ByteSpan payload;
};
void PutHeader(const Recipe& recipe, Form form, base::Bytes& target);
base::Result<VectorHeader> ParseHeader(base::ByteSpan encoded);

// Appends header and payload; the words are not integers. False, and nothing appended, when float16
// words are no binary16, however scaled.
bool PutPlain(std::span<const float> vector, const VectorWords& words, base::Bytes& target);
base::Status ReadPlain(const VectorHeader& header, std::span<float> target);

// Any vector, as float32.
void PutPlanes(std::span<const float> vector, base::Bytes& target);
base::Status ReadPlanes(const VectorHeader& header, std::span<float> target);

// Any vector with zeros among its components: where the others are, and those as plain or planes.
void PutSparse(std::span<const float> vector, base::Bytes& target);
base::Status ReadSparse(const VectorHeader& header, std::span<float> target);

// Residuals in a bit stream, and more bits than those of `count` components can take.
void PutResiduals(BitWriter& bits, std::span<const float> vector,
                  std::span<const int8_t> residuals);
size_t ResidualBitsMax(size_t count);
// The other way round: `target` holds the words before and the components after.
void TakeResiduals(BitCursor& cursor, const Recipe& recipe, std::span<float> target);

// The codes of a symbol model, ready for writing.
struct ModelCodes {
  std::vector<Code> codes;  // [books, kSymbolCount]
  explicit ModelCodes(const SymbolModel& model);
};

// `codes` are those of the words' model, of the word itself or, for integers, of `quarter`.
void PutCompact(std::span<const float> vector, const VectorWords& words, const SymbolModel& model,
                const ModelCodes& codes, base::Bytes& target);
void PutCompactIntegers(std::span<const float> vector, const VectorWords& words, unsigned quarter,
                        const ModelCodes& codes, base::Bytes& target);
// The quarter whose table suits the integers best.
unsigned IntegerQuarter(std::span<const uint32_t> words);
base::Status ReadCompact(const VectorTables& tables, const VectorHeader& header,
                         std::span<float> target);
inline constexpr size_t kRowsAtOnce = 4;
// Four rows of one recipe's word and arithmetic; `targets` [4] of [d] each.
base::Status ReadCompactRows(const VectorTables& tables,
                             const std::array<VectorHeader, kRowsAtOnce>& headers,
                             const std::array<std::span<float>, kRowsAtOnce>& targets);

// False when the words are integers or the code explains too little.
bool PutCompletion(std::span<const float> vector, const VectorWords& words,
                   std::span<const int8_t> code, float scale, base::Bytes& target);
base::Status ReadCompletion(const VectorHeader& header, std::span<const int8_t> code, float scale,
                            std::span<float> target);

}  // namespace intact::codec
