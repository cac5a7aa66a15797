// Numbers of every element type as float32 and back, exactly, by integer arithmetic on the bits: no
// NaN passes a floating-point register, which could change its payload. Rules:
// docs/format/codecs.md, "A vector". Pure functions; thread-safe.
#pragma once

#include <cstdint>
#include <span>

#include "intact/base/base.h"

namespace intact::codec {

// Writes `elements`, [n] of `type`, as float32 to `target` [n]. Returns n, or the place of the
// first one that is not exactly a float32, which only float64 can be; what follows it is then not
// written.
size_t WidenElements(base::ElementType type, base::ByteSpan elements, std::span<float> target);

// The way back: `source` [n] as `type` to `target` [n elements]. Returns n, or the place of the
// first one that is not exactly of `type`, which nothing that WidenElements wrote is.
size_t NarrowElements(base::ElementType type, std::span<const float> source,
                      base::MutableByteSpan target);

}  // namespace intact::codec
