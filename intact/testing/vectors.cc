#include "intact/testing/vectors.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace intact::testing {
namespace {

constexpr int kBfloat16Bits = 8;
constexpr int kFloat16Bits = 11;
// Every so many dimensions one lies far from the others.
constexpr size_t kOutlierPeriod = 200;

// The sum in float32, one after the other, as a plain loop on a server has it.
float NormOf(std::span<const float> vector) {
  float sum = 0;
  for (const float x : vector) sum += x * x;
  return std::sqrt(sum);
}

void Divide(std::vector<float>& vector, float divisor) {
  for (float& x : vector) x /= divisor;
}

void Multiply(std::vector<float>& vector, float factor) {
  for (float& x : vector) x *= factor;
}

float FromBits(uint32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

}  // namespace

float RoundToBits(float value, int significant_bits) {
  const int dropped = 24 - significant_bits;
  const auto bits = std::bit_cast<uint32_t>(value);
  const uint32_t half = (uint32_t{1} << (dropped - 1)) - 1 + (bits >> dropped & 1);
  return std::bit_cast<float>((bits + half) >> dropped << dropped);
}

std::string_view OriginName(Origin origin) {
  constexpr std::string_view kNames[] = {"bfloat16",
                                         "float16",
                                         "float16, subnormal",
                                         "float16 / norm",
                                         "bfloat16 / norm",
                                         "float16 x scale",
                                         "bfloat16 x scale",
                                         "bfloat16 averaged",
                                         "bfloat16 / two norms",
                                         "float16 renormalised",
                                         "bfloat16, nine decimals",
                                         "pooled",
                                         "float32",
                                         "float32, spread",
                                         "any bits",
                                         "specials",
                                         "mixed",
                                         "sparse",
                                         "constant",
                                         "outlier"};
  static_assert(std::size(kNames) == std::size(kOrigins));
  return kNames[static_cast<size_t>(origin)];
}

VectorSource::VectorSource(Origin origin, size_t dimensions, uint64_t seed)
    : origin_(origin), dimensions_(dimensions), random_(seed) {
  if (origin != Origin::kFloat32Spread && origin != Origin::kPooled) return;
  for (size_t i = 0; i < dimensions; ++i) {
    const bool is_far = i % kOutlierPeriod == 7;
    means_.push_back(Normal() * (is_far ? 10 : 0.3));
    deviations_.push_back(std::exp2(0.4 * Normal()));
  }
}

// Of the standard deviation given, rounded to float16 or bfloat16, with the lesser precision of
// small float16.
std::vector<float> VectorSource::Words(int significant_bits, double deviation) {
  std::vector<float> words(dimensions_);
  for (float& word : words) {
    const auto value = static_cast<float>(deviation * Normal());
    const bool is_small = significant_bits == kFloat16Bits && std::fabs(value) < 0x1p-14f;
    word = is_small ? std::nearbyint(value * 0x1p24f) * 0x1p-24f
                    : RoundToBits(value, significant_bits);
  }
  return words;
}

std::vector<float> VectorSource::Pooled() {
  const unsigned tokens =
      token_count_ != 0 ? token_count_ : 2 + static_cast<unsigned>(random_() % 199);
  std::vector<float> sums(dimensions_, 0.0f);
  for (unsigned token = 0; token < tokens; ++token) {
    for (size_t i = 0; i < dimensions_; ++i) {
      const auto value = static_cast<float>(means_[i] + deviations_[i] * Normal());
      sums[i] += RoundToBits(value, kBfloat16Bits);
    }
  }
  Divide(sums, static_cast<float>(tokens));
  Divide(sums, NormOf(sums));
  return sums;
}

std::vector<float> VectorSource::Spread() {
  std::vector<float> vector(dimensions_);
  for (size_t i = 0; i < dimensions_; ++i) {
    vector[i] = static_cast<float>(means_[i] + deviations_[i] * Normal());
  }
  Divide(vector, NormOf(vector));
  return vector;
}

float VectorSource::AnyOf(Origin origin) {
  const auto bits = static_cast<uint32_t>(random_());
  constexpr uint32_t kPatterns[] = {0x7f800000, 0xff800000, 0x80000000, 0,          1,
                                    0x807fffff, 0x7fc00000, 0x7f800001, 0xffffffff, 0x7fa12345,
                                    0x7f7fffff, 0x00800000, 0xff7fffff, 0x80000001, 0x3f800000};
  switch (origin) {
    case Origin::kAnyBits:
      return FromBits(bits);
    case Origin::kSpecials:
      if (bits % 8 == 0) return FromBits(bits & 0x807fffff);                 // Subnormal.
      if (bits % 8 == 1) return FromBits((bits & 0x807fffff) | 0x7f800000);  // NaN.
      return FromBits(kPatterns[(bits >> 3) % std::size(kPatterns)]);
    default:
      break;
  }
  const auto value = static_cast<float>(Normal());
  switch (bits % 16) {
    case 0:
      return AnyOf(Origin::kSpecials);
    case 1:
      return AnyOf(Origin::kAnyBits);
    case 2:
      return RoundToBits(value, kBfloat16Bits);
    case 3:
      return RoundToBits(value, kFloat16Bits);
    case 4:
      return 0;
    default:
      return value;
  }
}

// Without a norm, component by component.
std::vector<float> VectorSource::Fixed() {
  std::vector<float> vector(dimensions_);
  const auto constant = static_cast<float>(Normal());
  for (float& x : vector) {
    switch (origin_) {
      case Origin::kSparse:
        x = random_() % 10 == 0 ? static_cast<float>(Normal()) : 0.0f;
        break;
      case Origin::kConstant:
        x = constant;
        break;
      case Origin::kOutlier:
        x = static_cast<float>(Normal());
        break;
      default:
        x = AnyOf(origin_);
    }
  }
  if (origin_ == Origin::kOutlier && dimensions_ > 0) vector[random_() % dimensions_] *= 1000;
  return vector;
}

// 16-bit words and what a server made of them.
std::vector<float> VectorSource::Normalised() {
  const double unit = 1 / std::sqrt(static_cast<double>(dimensions_));
  // Length before division: any, as of the sums that servers normalise.
  const double length = std::exp2(2 + 0.3 * Normal());
  const bool is_float16 = origin_ == Origin::kFloat16OverNorm ||
                          origin_ == Origin::kFloat16Scaled ||
                          origin_ == Origin::kFloat16Renormalised;
  std::vector<float> vector = Words(is_float16 ? kFloat16Bits : kBfloat16Bits, unit * length);
  switch (origin_) {
    case Origin::kFloat16Scaled:
    case Origin::kBfloat16Scaled:
      Multiply(vector, 1 / NormOf(vector));
      return vector;
    case Origin::kBfloat16Averaged: {
      const unsigned tokens =
          token_count_ != 0 ? token_count_ : 3 + 2 * static_cast<unsigned>(random_() % 63);
      Multiply(vector, 1 / static_cast<float>(tokens));
      Multiply(vector, 1 / NormOf(vector));
      return vector;
    }
    case Origin::kBfloat16TwoNorms:
    case Origin::kBfloat16NineDecimals:
      // The first norm is that of more dimensions than were kept.
      Divide(vector, NormOf(vector) * (1.2f + 0.1f * static_cast<float>(Normal())));
      Divide(vector, NormOf(vector));
      if (origin_ == Origin::kBfloat16TwoNorms) return vector;
      for (float& x : vector) x = static_cast<float>(std::nearbyint(x * 1e9) / 1e9);
      return vector;
    case Origin::kFloat16Renormalised: {
      Divide(vector, NormOf(vector));
      double sum = 0;
      for (const float x : vector) sum += double{x} * x;
      for (float& x : vector) x = static_cast<float>(x / std::sqrt(sum));
      return vector;
    }
    default: {
      const auto norm = std::bit_cast<uint32_t>(NormOf(vector));
      Divide(vector, std::bit_cast<float>(norm - 1 + static_cast<uint32_t>(random_() % 3)));
      return vector;
    }
  }
}

std::vector<float> VectorSource::Next() {
  const double unit = 1 / std::sqrt(static_cast<double>(dimensions_));
  switch (origin_) {
    case Origin::kBfloat16:
      return Words(kBfloat16Bits, 10 * unit);
    case Origin::kFloat16:
      return Words(kFloat16Bits, unit);
    case Origin::kFloat16Subnormal:
      return Words(kFloat16Bits, 0x1p-14);
    case Origin::kFloat16OverNorm:
    case Origin::kBfloat16OverNorm:
    case Origin::kFloat16Scaled:
    case Origin::kBfloat16Scaled:
    case Origin::kBfloat16Averaged:
    case Origin::kBfloat16TwoNorms:
    case Origin::kBfloat16NineDecimals:
    case Origin::kFloat16Renormalised:
      return Normalised();
    case Origin::kPooled:
      return Pooled();
    case Origin::kFloat32: {
      std::vector<float> vector(dimensions_);
      for (float& x : vector) x = static_cast<float>(Normal());
      Divide(vector, NormOf(vector));
      return vector;
    }
    case Origin::kFloat32Spread:
      return Spread();
    default:
      return Fixed();
  }
}

std::vector<float> VectorSource::Rows(size_t count) {
  std::vector<float> rows(count * dimensions_);
  auto* target = reinterpret_cast<std::byte*>(rows.data());
  for (size_t row = 0; row < count && dimensions_ > 0; ++row) {
    // As bytes: some are NaN that must keep their bits.
    const std::vector<float> next = Next();
    std::memcpy(target + row * dimensions_ * sizeof(float), next.data(),
                dimensions_ * sizeof(float));
  }
  return rows;
}

SearchCode SearchCodeOf(std::span<const float> vector) {
  const auto value = [](float x) { return std::isfinite(x) ? x : 0.0f; };
  SearchCode result;
  float largest = 0;
  for (const float x : vector) largest = std::max(largest, std::fabs(value(x)));
  result.scale = largest / 127.0f;
  const bool is_tiny = result.scale < std::numeric_limits<float>::min();
  const double inverse = is_tiny ? 0.0 : 1.0 / double{result.scale};
  for (const float x : vector) {
    const double rounded = std::nearbyint(value(x) * inverse);
    result.code.push_back(static_cast<int8_t>(std::clamp(rounded, -127.0, 127.0)));
  }
  return result;
}

}  // namespace intact::testing
