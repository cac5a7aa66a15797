// Centroid-delta codes: a vector as a shared centroid and 16-bit steps away from it.
//
// LOSSY, and for search only. x is near centroid + scale * code, with a proven error, and nearly
// never equal to it: of float16 vectors divided by their norm, as many models give them, 99.3 to
// 99.8 % of the components do not come back bit for bit, half of them by more than 41 to 292 steps
// of float32 (measured by centroid_delta_test.cc). A code guides a scan to the exact vector, which
// is kept beside it; it never replaces that vector, so `codec` has no class made of it.
// Thread-safe.
#pragma once

#include <cstdint>
#include <span>

#include "intact/base/base.h"
#include "intact/quant/quant.h"

namespace intact::quant {

// The steps of `vector` [d] from `centroid` [d], every component of both finite (IsFinite), as
// `code` [d] in [-32767, 32767]. In the result, as for QuantiseInt8: `scale` is the length of a
// step, `error` >= || x - (centroid + scale * code) ||, `norm` >= || scale * code ||, Euclidean,
// every rounding included, infinite when float32 cannot hold them.
CodeScale EncodeCentroidDelta(std::span<const float> vector, std::span<const float> centroid,
                              std::span<int16_t> code);

// The approximation, each component rounded to float32; that rounding is not part of `error`.
void DecodeCentroidDelta(std::span<const int16_t> code, CodeScale scale,
                         std::span<const float> centroid, std::span<float> target);

}  // namespace intact::quant
