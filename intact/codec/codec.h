// codec: vectors of float32, smaller and exactly back.
//
// A codec class is a row in the table of codec.cc: a persistent number, a test "does it hold these
// bits exactly?", an encoder and a decoder. EncodeVector tries the classes from small to large and
// proves the choice by decoding and comparing every byte, so NaN payloads, -0.0 and subnormals come
// back as they were. Byte layout: docs/format/codecs.md. All functions are thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "intact/base/base.h"

namespace intact::codec {

// Persistent: stored as the first byte of every encoded vector. Never reuse a number.
enum class VectorClass : uint8_t {
  kRaw = 0,       // 4 bytes a component.
  kBfloat16 = 1,  // Every low half is zero: the 2 high bytes.
  kFloat16 = 2,   // Every component is a float16, subnormals included: 2 bytes.
};

// The largest size EncodeVector appends for `dimensions` components.
constexpr size_t EncodedSizeMax(size_t dimensions) { return 1 + 4 * dimensions; }

// Appends the encoding of `vector` [d] to `target` and returns the class it chose.
VectorClass EncodeVector(std::span<const float> vector, base::Bytes& target);

// Decodes exactly the bytes of one vector into `target` [d], bit for bit what was encoded.
// kCorruption when the size does not fit the class and d, kUnsupported for an unknown class;
// `target` is then undefined.
base::Status DecodeVector(base::ByteSpan encoded, std::span<float> target);

// "raw", "bfloat16", "float16", or "unknown".
std::string_view VectorClassName(VectorClass vector_class);

}  // namespace intact::codec
