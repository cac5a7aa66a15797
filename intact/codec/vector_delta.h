// Vectors coded against another that they are near: an older version of the same text, or a
// neighbour. docs/format/codecs.md, "A difference". Thread-safe functions.
#pragma once

#include <cstdint>
#include <span>

#include "intact/base/base.h"

namespace intact::codec {

// Vectors between one that stands alone and the one at the end of a chain of differences.
inline constexpr unsigned kDeltaDepthMax = 8;

// What a difference names: the base by the digest of its float32 bytes, and its place in the chain,
// 1 for a base that stands alone.
struct DeltaHeader {
  base::Digest base;
  unsigned depth = 1;
};

// Appends `vector` [d] as a difference from `base` [d], which has `base_depth` differences below
// it, when that takes at most `size_max` bytes, the chain stays within kDeltaDepthMax and decoding
// gives back every byte; false and nothing appended otherwise.
bool EncodeDelta(std::span<const float> vector, std::span<const float> base, unsigned base_depth,
                 size_t size_max, base::Bytes& target);

// kCorruption or kUnsupported when the bytes are no difference.
base::Result<DeltaHeader> ParseDelta(base::ByteSpan encoded);

// Decodes into `target` [d], bit for bit what was encoded. kInvalidArgument when `base` [d] is not
// the vector that the header names, kCorruption when the result is not the vector that was encoded.
base::Status DecodeDelta(base::ByteSpan encoded, std::span<const float> base,
                         std::span<float> target);

}  // namespace intact::codec
