// Vectors as they come to be in the world: by the arithmetic of the services that make them, and by
// nobody at all. Each origin does what its servers were seen to do, in float32 and in the same
// order of roundings, so that a codec that undoes it here undoes it there. Values; one thread each.
#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <string_view>
#include <vector>

namespace intact::testing {

enum class Origin : uint8_t {
  kBfloat16,              // Not of length 1.
  kFloat16,               //
  kFloat16Subnormal,      // Around 2^-14: a part of them subnormal as float16.
  kFloat16OverNorm,       // fl(b / n), n the float32 norm of b, give or take one ulp.
  kBfloat16OverNorm,      //
  kFloat16Scaled,         // fl(b * s)
  kBfloat16Scaled,        //
  kBfloat16Averaged,      // fl(fl(b * fl(1 / T)) * s), T odd.
  kBfloat16TwoNorms,      // fl(fl(b / n1) / n2)
  kFloat16Renormalised,   // The float32 nearest to fl(b / n) / (its norm in float64).
  kBfloat16NineDecimals,  // Two norms, then printed with nine decimals and read again.
  kPooled,                // fl(fl(S / T) / n), S the sum over T tokens of bfloat16 vectors.
  kFloat32,               // N(0, 1), normalised.
  kFloat32Spread,         // A mean and a deviation per dimension, and some dimensions far out.
  kAnyBits,               // All patterns alike.
  kSpecials,              // NaN payloads, infinities, -0, subnormals, extremes.
  kMixed,                 // Of all the above, component by component.
  kSparse,                // Nine of ten components are zero.
  kConstant,              // One value.
  kOutlier                // One component a thousand times the others.
};

inline constexpr Origin kOrigins[] = {Origin::kBfloat16,
                                      Origin::kFloat16,
                                      Origin::kFloat16Subnormal,
                                      Origin::kFloat16OverNorm,
                                      Origin::kBfloat16OverNorm,
                                      Origin::kFloat16Scaled,
                                      Origin::kBfloat16Scaled,
                                      Origin::kBfloat16Averaged,
                                      Origin::kBfloat16TwoNorms,
                                      Origin::kFloat16Renormalised,
                                      Origin::kBfloat16NineDecimals,
                                      Origin::kPooled,
                                      Origin::kFloat32,
                                      Origin::kFloat32Spread,
                                      Origin::kAnyBits,
                                      Origin::kSpecials,
                                      Origin::kMixed,
                                      Origin::kSparse,
                                      Origin::kConstant,
                                      Origin::kOutlier};

// "float16 / norm", "any bits", ... for messages and tables.
std::string_view OriginName(Origin origin);

// An endless row of vectors of one origin; the same for the same seed.
class VectorSource {
 public:
  VectorSource(Origin origin, size_t dimensions, uint64_t seed);

  // Tokens of the sums of kPooled, and T of kBfloat16Averaged; 0 stands for any: 2 to 200, and odd
  // up to 127.
  void set_token_count(unsigned count) { token_count_ = count; }

  std::vector<float> Next();
  // The next `count` vectors, [count, d].
  std::vector<float> Rows(size_t count);

 private:
  double Normal() { return normal_(random_); }
  std::vector<float> Words(int significant_bits, double deviation);
  std::vector<float> Normalised();
  std::vector<float> Pooled();
  std::vector<float> Spread();
  float AnyOf(Origin origin);
  std::vector<float> Fixed();

  Origin origin_;
  size_t dimensions_;
  unsigned token_count_ = 0;
  std::mt19937_64 random_;
  std::normal_distribution<double> normal_;
  std::vector<double> means_;       // [d]
  std::vector<double> deviations_;  // [d]
};

// `value` with this many significant bits, to nearest, ties to even.
float RoundToBits(float value, int significant_bits);

// An int8 search code by the rule of scalar quantisation: scale = max |x| / 127, code = x / scale
// rounded. What is not finite counts as 0.
struct SearchCode {
  std::vector<int8_t> code;  // [d]
  float scale = 0;
};
SearchCode SearchCodeOf(std::span<const float> vector);

}  // namespace intact::testing
