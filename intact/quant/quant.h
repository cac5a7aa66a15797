// quant: vectors, smaller and nearly back, with a proven error.
//
// A code is only ever a guide to the exact vector: `error` bounds the distance between them with
// every rounding included, so a scan may discard a row only when the bound says so. Thread-safe.
#pragma once

#include <cstdint>
#include <span>

#include "intact/base/base.h"

namespace intact::quant {

// What turns an int8 code [d] back into an approximation: component i is scale * code[i].
struct CodeScale {
  float scale = 0;  // >= 0; 0 exactly when every component is 0.
  float error = 0;  // >= || x - scale * code ||, Euclidean, rounded up.
  float norm = 0;   // >= || scale * code ||, Euclidean, rounded up.

  bool operator==(const CodeScale&) const = default;
};
static_assert(sizeof(CodeScale) == 12);  // Stored as it is: docs/format/store.md.

// Quantises `vector` [d], every component finite, to `code` [d] in [-127, 127].
CodeScale QuantiseInt8(std::span<const float> vector, std::span<int8_t> code);

// True when every component is finite: the condition for QuantiseInt8.
bool IsFinite(std::span<const float> vector);

}  // namespace intact::quant
