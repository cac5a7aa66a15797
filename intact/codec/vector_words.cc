#include "intact/codec/vector_words.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "intact/base/check.h"
#include "intact/codec/pooled.h"
#include "intact/simd/simd.h"

namespace intact::codec {
namespace {

constexpr double kSqrt2 = 0x1.6a09e667f3bcdp+0;

uint32_t Bits(float value) { return std::bit_cast<uint32_t>(value); }

void TakeBits(std::span<const float> vector, VectorWords& result) {
  result.words.resize(vector.size());
  if (!vector.empty()) std::memcpy(result.words.data(), vector.data(), vector.size_bytes());
}

// `vector` as words without arithmetic; false when a component has too many bits.
bool ExactWords(std::span<const float> vector, Word word, VectorWords& result) {
  const uint32_t below = word == Word::kBfloat16 ? 0xffff : 0x1fff;
  const auto* source = reinterpret_cast<const std::byte*>(vector.data());
  for (size_t i = 0; i < vector.size(); ++i) {
    if ((base::Load<uint32_t>(source + 4 * i) & below) != 0) return false;
  }
  TakeBits(vector, result);
  result.recipe = {word, Arithmetic::kNone, 0, 1};
  return true;
}

// Significant bits of a bfloat16 and of a float16.
constexpr int kBfloat16Bits = 8;
constexpr int kFloat16Bits = 11;

// `value` > 0 rounded to `bits` significant bits, ties away.
double RoundToBits(double value, int bits) {
  const int dropped = 53 - bits;
  const auto word = std::bit_cast<uint64_t>(value);
  return std::bit_cast<double>((word + (uint64_t{1} << (dropped - 1))) &
                               ~((uint64_t{1} << dropped) - 1));
}

// In [1, 2).
double Significand(double value) {
  const uint64_t fraction = std::bit_cast<uint64_t>(value) & 0xfffffffffffffULL;
  return std::bit_cast<double>(fraction | uint64_t{1023} << 52);
}

// The search for x = b * step with b of `bits` significant bits, in an unknown step: the component
// of the largest magnitude is tried with every significand that b can have, and each gives a step
// that the other components accept or, nearly always, refuse at once.
class LatticeSearch {
 public:
  explicit LatticeSearch(std::span<const float> vector) : vector_(vector) {
    double sum = 0;
    for (const float x : vector) {
      // Zeros fit every lattice; what is not finite, or subnormal, fits none.
      const uint32_t exponent = Bits(x) >> 23 & 255;
      if (exponent == 255 || (exponent == 0 && (Bits(x) & 0x7fffff) != 0)) return;
      sum += double{x} * x;
      largest_ = std::max(largest_, std::fabs(double{x}));
    }
    if (sum == 0 || !std::isfinite(sum)) return;
    // Large components have the finest relative rounding, also where decimals were cut.
    const double threshold = std::sqrt(sum / static_cast<double>(vector.size()));
    for (const float x : vector) {
      const double magnitude = std::fabs(double{x});
      if (magnitude >= threshold && magnitude != largest_) probes_.push_back(magnitude);
      if (probes_.size() == kProbeCount) break;
    }
    is_possible_ = probes_.size() >= kProbeCountMin;
  }

  bool is_possible() const { return is_possible_; }

  // A step near 1 (a vector of length 1 has words of length about 1), or 0 when there is none.
  double Find(int bits) const {
    const double top = Significand(largest_);
    const double ratio = Significand(probes_[0]) / top;
    // A rounded quotient is off by 2^-24, twice rounded or against a rounded probe by 2^-23.
    const double tolerance = std::ldexp(1.5, bits - 23);
    const auto first = static_cast<double>(1 << (bits - 1));
    const size_t count = size_t{1} << (bits - 1);
    // 1.5 * 2^52: adding and subtracting it rounds to whole numbers.
    constexpr double kRounder = 0x1.8p52;
    constexpr size_t kTile = 64;
    for (size_t begin = 0; begin < count; begin += kTile) {
      bool is_near[kTile];
      for (size_t i = 0; i < kTile; ++i) {
        double t = ratio * (first + static_cast<double>(begin + i));
        t = t >= 2 * first ? t * 0.5 : t;
        t = t < first ? t * 2 : t;
        is_near[i] = std::fabs(t - (t + kRounder - kRounder)) <= tolerance;
      }
      for (size_t i = 0; i < kTile; ++i) {
        if (!is_near[i]) continue;
        const double step = top * first / (first + static_cast<double>(begin + i));
        if (AllProbesFit(step, bits, tolerance)) return step;
      }
    }
    return 0;
  }

 private:
  static constexpr size_t kProbeCount = 48;
  static constexpr size_t kProbeCountMin = 6;

  bool AllProbesFit(double step, int bits, double tolerance) const {
    for (const double probe : probes_) {
      const double t = Significand(probe / step) * static_cast<double>(1 << (bits - 1));
      if (std::fabs(t - std::nearbyint(t)) > tolerance) return false;
    }
    return true;
  }

  std::span<const float> vector_;
  double largest_ = 0;
  std::vector<double> probes_;
  bool is_possible_ = false;
};

// The reals that round to the same float32 as x > 0: those within half a unit in the last place.
double HalfUlp(float x) {
  const float next = std::bit_cast<float>(Bits(x) + 1);
  return (double{next} - double{x}) / 2;
}

// Magnitudes of words and components, both > 0; zeros are left out.
struct Pair {
  float word;
  float component;
};

// The scale of a recipe: an interval that each pair narrows, then every float32 in it, tried.
class ScaleSearch {
 public:
  explicit ScaleSearch(std::span<const Pair> pairs) : pairs_(pairs) {}

  // n with fl(b / n) = x for all; 0 when there is none.
  float Divisor() const {
    return Search(
        [](const Pair& pair, double half) {
          return Interval{pair.word / (pair.component + half), pair.word / (pair.component - half)};
        },
        [](float word, float scale) { return word / scale; });
  }
  // s with fl(b * s) = x for all.
  float Factor() const { return FactorAfter(1); }
  // s with fl(fl(b * reciprocal) * s) = x for all.
  float FactorAfter(float reciprocal) const {
    return Search(
        [reciprocal](const Pair& pair, double half) {
          const double word = pair.word * reciprocal;
          return Interval{(pair.component - half) / word, (pair.component + half) / word};
        },
        [reciprocal](float word, float scale) { return word * reciprocal * scale; });
  }

 private:
  struct Interval {
    double low, high;
  };

  template <typename IntervalOf, typename Apply>
  float Search(IntervalOf interval_of, Apply apply) const {
    double low = 0, high = std::numeric_limits<double>::infinity();
    // Quotients of doubles are off by 2^-53 of themselves, far below the slack.
    constexpr double kSlack = 0x1p-48;
    for (const Pair& pair : pairs_) {
      const Interval interval = interval_of(pair, HalfUlp(pair.component));
      low = std::max(low, interval.low);
      high = std::min(high, interval.high);
      if (low > high * (1 + kSlack)) return 0;
    }
    constexpr int kTrialCount = 8;
    auto scale = static_cast<float>(low * (1 - kSlack));
    for (int i = 0; i < kTrialCount && scale <= high * (1 + 0x1p-22); ++i) {
      const bool fits = std::all_of(pairs_.begin(), pairs_.end(), [&](const Pair& pair) {
        return apply(pair.word, scale) == pair.component;
      });
      if (fits) return scale;
      scale = std::bit_cast<float>(Bits(scale) + 1);
    }
    return 0;
  }

  std::span<const Pair> pairs_;
};

// A step that the probes accept, taken further: the words, and the arithmetic that gives exactly
// the components or nearly so.
class LatticeFit {
 public:
  LatticeFit(std::span<const float> vector, Word word, double step, VectorWords& result)
      : vector_(vector), word_(word), step_(step), result_(result) {}

  bool Run() {
    // Near 1, so that rows of one model have exponents alike.
    while (step_ >= kSqrt2) step_ /= 2;
    while (step_ < kSqrt2 / 2) step_ *= 2;
    FillWords();
    return FindExact() || FindResiduals();
  }

 private:
  void FillWords() {
    const int bits = word_ == Word::kBfloat16 ? kBfloat16Bits : kFloat16Bits;
    result_.words.resize(vector_.size());
    pairs_.clear();
    for (size_t i = 0; i < vector_.size(); ++i) {
      const float magnitude = std::fabs(vector_[i]);
      float word = 0;
      if (magnitude != 0) {
        word = static_cast<float>(RoundToBits(magnitude / step_, bits));
        pairs_.push_back({word, magnitude});
      }
      result_.words[i] = Bits(word) | (Bits(vector_[i]) & 0x80000000u);
    }
  }

  bool FindExact() {
    result_.residuals.clear();
    const ScaleSearch search(pairs_);
    const auto is_found = [&](Arithmetic arithmetic, unsigned token_count, float scale) {
      if (scale == 0) return false;
      result_.recipe = {word_, arithmetic, static_cast<uint8_t>(token_count), scale};
      return true;
    };
    if (is_found(Arithmetic::kDivided, 0, search.Divisor())) return true;
    if (is_found(Arithmetic::kMultiplied, 0, search.Factor())) return true;
    for (unsigned t = 3; t < 128; t += 2) {
      const float reciprocal = 1.0f / static_cast<float>(t);
      if (is_found(Arithmetic::kAveraged, t, search.FactorAfter(reciprocal))) return true;
    }
    return false;
  }

  // The least squares scale, and what each component is off.
  bool FindResiduals() {
    double numerator = 0, denominator = 0;
    for (const Pair& pair : pairs_) {
      numerator += double{pair.word} * pair.component;
      denominator += double{pair.word} * pair.word;
    }
    const double scale = numerator / denominator;
    const Arithmetic arithmetic = IsDecimal() ? Arithmetic::kDecimal : Arithmetic::kNudged;
    result_.recipe = {word_, arithmetic, 0, scale};
    // With more patches than this the words explain too little to be worth their while.
    return FillResiduals(vector_, result_) * 8 <= vector_.size();
  }

  // True when all components are decimals of nine places.
  bool IsDecimal() const {
    return std::all_of(vector_.begin(), vector_.end(), [](float x) {
      return static_cast<float>(std::nearbyint(x * 1e9) / 1e9) == x;
    });
  }

  std::span<const float> vector_;
  Word word_;
  double step_;
  VectorWords& result_;
  std::vector<Pair> pairs_;
};

bool FindLattice(std::span<const float> vector, VectorWords& result) {
  const LatticeSearch search(vector);
  if (!search.is_possible()) return false;
  const double bfloat16_step = search.Find(kBfloat16Bits);
  if (bfloat16_step != 0 && LatticeFit(vector, Word::kBfloat16, bfloat16_step, result).Run()) {
    return true;
  }
  const double float16_step = search.Find(kFloat16Bits);
  return float16_step != 0 && LatticeFit(vector, Word::kFloat16, float16_step, result).Run();
}

}  // namespace

int32_t ExactFloat16(uint32_t bits) {
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude == 0) return static_cast<int32_t>(sign);
  const uint32_t mantissa = magnitude & 0x7fffffu;
  const int exponent = static_cast<int>(magnitude >> 23) - 127;
  if (exponent == 128) {
    // Infinity, or a NaN whose payload lies in the upper ten bits.
    if ((mantissa & 0x1fffu) != 0) return -1;
    return static_cast<int32_t>(sign | 0x7c00u | mantissa >> 13);
  }
  if (exponent > 15 || exponent < -24) return -1;
  if (exponent >= -14) {
    if ((mantissa & 0x1fffu) != 0) return -1;
    return static_cast<int32_t>(sign | static_cast<uint32_t>(exponent + 15) << 10 | mantissa >> 13);
  }
  // Subnormal: the value is k * 2^-24 with k in [1, 1023].
  const uint32_t significand = mantissa | 0x800000u;
  const int shift = -exponent - 1;  // 14 for 2^-15 down to 23 for 2^-24.
  if ((significand & ((1u << shift) - 1)) != 0) return -1;
  return static_cast<int32_t>(sign | significand >> shift);
}

void AnalyseVector(std::span<const float> vector, const AnalysisOptions& options,
                   VectorWords& result) {
  result.residuals.clear();
  if (ExactWords(vector, Word::kBfloat16, result)) return;
  if (ExactWords(vector, Word::kFloat16, result)) return;
  if (FindLattice(vector, result)) return;
  if (options.has_pooled_search && FindPooled(vector, result)) return;
  result.recipe = {};
  result.residuals.clear();
  TakeBits(vector, result);
}

void ApplyArithmetic(const Recipe& recipe, std::span<float> components) {
  const simd::Kernels& kernels = simd::BestKernels();
  const auto scale = static_cast<float>(recipe.scale);
  switch (recipe.arithmetic) {
    case Arithmetic::kDivided:
      kernels.divide_f32(components.data(), scale, components.size());
      return;
    case Arithmetic::kMultiplied:
      kernels.multiply_f32(components.data(), scale, components.size());
      return;
    case Arithmetic::kAveraged:
      kernels.multiply_f32(components.data(), 1.0f / static_cast<float>(recipe.token_count),
                           components.size());
      kernels.multiply_f32(components.data(), scale, components.size());
      return;
    case Arithmetic::kNone:
    case Arithmetic::kNudged:
    case Arithmetic::kDecimal:
      return;
  }
}

uint32_t ResidualBits(const Recipe& recipe, float word, int residual) {
  // From here on a float32 has steps above 1e-9.
  constexpr double kUlpsFrom = 0x1p-6;
  const double value = word * recipe.scale;
  if (recipe.arithmetic == Arithmetic::kNudged || std::fabs(value) >= kUlpsFrom) {
    return Bits(static_cast<float>(value)) + static_cast<uint32_t>(residual);
  }
  return Bits(static_cast<float>((std::nearbyint(value * 1e9) + residual) / 1e9));
}

size_t FillResiduals(std::span<const float> vector, VectorWords& result) {
  size_t patch_count = 0;
  result.residuals.resize(vector.size());
  for (size_t i = 0; i < vector.size(); ++i) {
    const auto word = std::bit_cast<float>(result.words[i]);
    const uint32_t bits = Bits(vector[i]);
    // In ulps, or in units of 1e-9, whichever the component takes.
    const double ulps =
        static_cast<double>(bits) - static_cast<double>(ResidualBits(result.recipe, word, 0));
    const double decimals =
        std::nearbyint(vector[i] * 1e9) - std::nearbyint(word * result.recipe.scale * 1e9);
    int8_t found = kPatched;
    for (const double residual : {ulps, decimals}) {
      if (std::fabs(residual) > 127) continue;
      if (ResidualBits(result.recipe, word, static_cast<int>(residual)) == bits) {
        found = static_cast<int8_t>(residual);
        break;
      }
    }
    patch_count += found == kPatched;
    result.residuals[i] = found;
  }
  return patch_count;
}

}  // namespace intact::codec
