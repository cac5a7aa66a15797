#include "intact/testing/clustered.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "intact/base/base.h"

namespace intact::testing {
namespace {

constexpr size_t kBlock = 128;
constexpr float kInnerDeviation = 0.7f;  // Within a cluster, of that between centres.

// Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
uint64_t Mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

// Nearly normal: four uniform numbers, added, less their mean, over their deviation.
float Normal(uint64_t bits) {
  const auto sum = static_cast<float>((bits & 0xffff) + (bits >> 16 & 0xffff) +
                                      (bits >> 32 & 0xffff) + (bits >> 48));
  return (sum * 0x1p-16f - 2.0f) * 1.7320508f;
}

// An orthogonal map but for a factor: a Hadamard transform of each block.
void Rotate(std::span<float> vector) {
  for (size_t begin = 0; begin < vector.size(); begin += kBlock) {
    for (size_t half = 1; half < kBlock; half *= 2) {
      for (size_t i = begin; i < begin + kBlock; i += 2 * half) {
        for (size_t j = i; j < i + half; ++j) {
          const float a = vector[j];
          const float b = vector[j + half];
          vector[j] = a + b;
          vector[j + half] = a - b;
        }
      }
    }
  }
}

}  // namespace

ClusteredVectors::ClusteredVectors(size_t dimensions, size_t centre_count, uint64_t seed)
    : dimensions_(dimensions),
      centre_count_(centre_count),
      seed_(Mix(seed)),
      deviations_(dimensions),
      signs_(dimensions, 1.0f),
      centres_(centre_count * dimensions) {
  INTACT_CHECK(dimensions % kBlock == 0 && centre_count > 0);
  std::mt19937_64 random(seed);
  for (size_t i = 0; i < dimensions; ++i) {
    deviations_[i] = 1 / std::sqrt(static_cast<float>(i + 1));
    if (random() % 2 == 0) signs_[i] = -1;
  }
  std::shuffle(deviations_.begin(), deviations_.end(), random);
  for (size_t i = 0; i < centres_.size(); ++i) {
    centres_[i] = Normal(random()) * deviations_[i % dimensions];
  }
}

void ClusteredVectors::Make(uint64_t number, std::span<float> target) const {
  const uint64_t key = Mix(seed_ ^ Mix(number));
  const float* centre = centres_.data() + key % centre_count_ * dimensions_;
  for (size_t i = 0; i < dimensions_; ++i) {
    const float offset = kInnerDeviation * deviations_[i] * Normal(Mix(key + i));
    target[i] = (centre[i] + offset) * signs_[i];
  }
  Rotate(target.first(dimensions_));
  float squares = 0;
  for (size_t i = 0; i < dimensions_; ++i) squares += target[i] * target[i];
  const float factor = 1 / std::sqrt(squares);
  for (size_t i = 0; i < dimensions_; ++i) target[i] *= factor;
}

}  // namespace intact::testing
