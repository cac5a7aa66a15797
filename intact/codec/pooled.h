// Vectors that are sums: the mean over a text's tokens of 16-bit vectors, normalised, has
// components S * step with whole numbers S, the smaller the shorter the text. Internal to codec.
#pragma once

#include <span>

#include "intact/codec/vector_words.h"

namespace intact::codec {

// Finds the step and fills `result` (kInteger, kNudged) when most components fit one and it is
// coarse enough to be worth coding; false otherwise. Costs 20 to 150 us at 1,024 components where
// there is a step, more where there is none.
bool FindPooled(std::span<const float> vector, VectorWords& result);

// Trailing zeros of a whole number as they are coded: at most 15, none for 0.
unsigned CodedZeros(uint32_t number);

}  // namespace intact::codec
