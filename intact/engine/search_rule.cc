#include "intact/engine/search_rule.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <string>

namespace intact::engine {
namespace {

constexpr size_t kCentres = 500;
constexpr size_t kTurnSizeMax = 128;
constexpr float kWithin = 0.7f;  // Deviation around a centre, of that between centres.

// SplitMix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
uint64_t Mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

// Nearly normal, by additions alone, which round alike everywhere: four uniform numbers less their
// mean, over their deviation.
float Normal(uint64_t bits) {
  const auto sum = static_cast<float>((bits & 0xffff) + (bits >> 16 & 0xffff) +
                                      (bits >> 32 & 0xffff) + (bits >> 48));
  return (sum * 0x1p-16f - 2.0f) * 1.7320508f;
}

// A Hadamard transform of each `size` components: orthogonal but for a factor.
void Turn(size_t size, std::span<float> vector) {
  for (size_t begin = 0; begin + size <= vector.size(); begin += size) {
    for (size_t half = 1; half < size; half *= 2) {
      for (size_t i = begin; i < begin + size; ++i) {
        if (((i - begin) & half) != 0) continue;
        const float a = vector[i];
        const float b = vector[i + half];
        vector[i] = a + b;
        vector[i + half] = a - b;
      }
    }
  }
}

}  // namespace

base::Result<SearchRule> SearchRule::Make(std::string_view name, uint32_t dimensions,
                                          uint64_t seed) {
  if (name != "isotropic" && name != "clustered") {
    return base::InvalidArgument("vectors are made by the rule isotropic or clustered, not " +
                                 std::string(name));
  }
  return SearchRule(name == "clustered", dimensions, seed);
}

SearchRule::SearchRule(bool is_clustered, uint32_t dimensions, uint64_t seed)
    : seed_(Mix(seed)), turn_size_(1), deviations_(dimensions, 1.0f) {
  if (!is_clustered) return;
  turn_size_ = std::min(kTurnSizeMax, size_t{1} << std::countr_zero(dimensions));
  for (size_t i = 0; i < dimensions; ++i) {
    deviations_[i] = 1 / std::sqrt(static_cast<float>(i + 1));
  }
  // Large ones anywhere, half of them negative.
  for (size_t i = dimensions; i > 1; --i) {
    std::swap(deviations_[i - 1], deviations_[Mix(seed_ + 2 * i) % i]);
  }
  for (size_t i = 0; i < dimensions; ++i) {
    if (Mix(seed_ + 2 * i + 1) % 2 == 0) deviations_[i] = -deviations_[i];
  }
  centres_.resize(kCentres * dimensions);
  for (size_t i = 0; i < centres_.size(); ++i) {
    centres_[i] = Normal(Mix(seed_ ^ Mix(~i))) * deviations_[i % dimensions];
  }
}

void SearchRule::Fill(uint64_t number, std::span<float> target) const {
  const size_t d = deviations_.size();
  const uint64_t key = Mix(seed_ ^ Mix(number));
  for (size_t i = 0; i < d; ++i) target[i] = deviations_[i] * Normal(Mix(key + i));
  if (!centres_.empty()) {
    const float* centre = centres_.data() + key % kCentres * d;
    for (size_t i = 0; i < d; ++i) target[i] = centre[i] + kWithin * target[i];
    Turn(turn_size_, target.first(d));
  }
  float squares = 0;
  for (size_t i = 0; i < d; ++i) squares += target[i] * target[i];
  if (squares == 0) return;
  const float factor = 1 / std::sqrt(squares);
  for (size_t i = 0; i < d; ++i) target[i] *= factor;
}

}  // namespace intact::engine
