#include "intact/codec/vector_words.h"

#include <algorithm>
#include <array>
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
  for (size_t i = 0; i < vector.size(); ++i) {
    if ((BitsAt(vector, i) & below) != 0) return false;
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
  explicit LatticeSearch(std::span<const float> vector) {
    // Zeros fit every lattice; what is not finite, or subnormal, fits none.
    constexpr uint32_t kLeastNormal = 0x00800000;
    constexpr uint32_t kInfinity = 0x7f800000;
    constexpr size_t kLanes = 16;  // Independent sums, side by side.
    std::array<float, kLanes> sums{};
    std::array<uint32_t, kLanes> bad{};
    std::array<int32_t, kLanes> largest{};
    for (size_t begin = 0; begin < vector.size(); begin += kLanes) {
      const size_t count = std::min(kLanes, vector.size() - begin);
      for (size_t lane = 0; lane < count; ++lane) {
        const float x = vector[begin + lane];
        const uint32_t magnitude = Bits(x) & 0x7fffffff;
        sums[lane] += x * x;
        largest[lane] = std::max(largest[lane], static_cast<int32_t>(magnitude));
        bad[lane] |= (magnitude >= kInfinity || magnitude - 1 < kLeastNormal - 1) ? 1 : 0;
      }
    }
    float sum = 0;
    uint32_t bits = 0;
    for (size_t lane = 0; lane < kLanes; ++lane) {
      if (bad[lane] != 0) return;
      sum += sums[lane];
      bits = std::max(bits, static_cast<uint32_t>(largest[lane]));
    }
    if (!(sum > 0) || !std::isfinite(sum)) return;
    largest_ = std::bit_cast<float>(bits);
    // Large components have the finest relative rounding, also where decimals were cut.
    const float threshold = std::sqrt(sum / static_cast<float>(vector.size()));
    for (const float x : vector) {
      const float magnitude = std::fabs(x);
      if (magnitude < threshold || magnitude == largest_) continue;
      probes_[probe_count_++] = magnitude;
      if (probe_count_ == kProbeCount) break;
    }
    is_possible_ = probe_count_ >= kProbeCountMin;
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
    const auto near_significands = simd::BestKernels().near_significands;
    for (size_t begin = 0; begin < count; begin += 32) {
      // In float32, which is accurate to less than the tolerance.
      uint32_t near = near_significands(static_cast<float>(ratio), static_cast<size_t>(bits), begin,
                                        static_cast<float>(2 * tolerance));
      for (; near != 0; near &= near - 1) {
        const auto i = static_cast<double>(begin + static_cast<size_t>(std::countr_zero(near)));
        const double step = top * first / (first + i);
        if (AllProbesFit(step, bits, tolerance)) return step;
      }
    }
    return 0;
  }

 private:
  static constexpr size_t kProbeCount = 48;
  static constexpr size_t kProbeCountMin = 6;
  bool AllProbesFit(double step, int bits, double tolerance) const {
    for (size_t i = 0; i < probe_count_; ++i) {
      const double probe = probes_[i];
      const double t = Significand(probe / step) * static_cast<double>(1 << (bits - 1));
      constexpr double kRounder = 0x1.8p52;
      if (std::fabs(t - (t + kRounder - kRounder)) > tolerance) return false;
    }
    return true;
  }

  float largest_ = 0;
  std::array<float, kProbeCount> probes_{};
  size_t probe_count_ = 0;
  bool is_possible_ = false;
};

// The reals that round to the same float32 as x > 0: those within half a unit in the last place.
double HalfUlp(float x) {
  const float next = std::bit_cast<float>(Bits(x) + 1);
  return (double{next} - double{x}) / 2;
}

// Magnitudes of words and components [n], all > 0: zeros are left out.
struct Pairs {
  std::vector<float> words;
  std::vector<float> components;
};

// The scale of a recipe: an interval that some pairs narrow, then every float32 in it, tried on
// all.
class ScaleSearch {
 public:
  explicit ScaleSearch(const Pairs& pairs) : pairs_(pairs) {}

  // n with fl(b / n) = x for all; 0 when there is none.
  float Divisor() const {
    return Search(
        [](double word, double low, double high) {
          return Interval{word / high, word / low};
        },
        [](float word, float scale) { return word / scale; });
  }
  // s with fl(b * s) = x for all.
  float Factor() const { return FactorAfter(1); }
  // s with fl(fl(b * reciprocal) * s) = x for all.
  float FactorAfter(float reciprocal) const {
    return Search(
        [reciprocal](float word, double low, double high) {
          const double product = word * reciprocal;
          return Interval{low / product, high / product};
        },
        [reciprocal](float word, float scale) { return word * reciprocal * scale; });
  }

 private:
  struct Interval {
    double low, high;
  };

  template <typename IntervalOf, typename Apply>
  float Search(IntervalOf interval_of, Apply apply) const {
    constexpr size_t kNarrowingCount = 256;
    // Quotients of doubles are off by 2^-53 of themselves, far below the slack.
    constexpr double kSlack = 0x1p-48;
    double low = 0, high = std::numeric_limits<double>::infinity();
    for (size_t i = 0; i < std::min(kNarrowingCount, pairs_.words.size()); ++i) {
      const float x = pairs_.components[i];
      const double half = HalfUlp(x);
      const Interval interval = interval_of(pairs_.words[i], x - half, x + half);
      low = std::max(low, interval.low);
      high = std::min(high, interval.high);
      if (low > high * (1 + kSlack)) return 0;
    }
    constexpr int kTrialCount = 12;
    auto scale = static_cast<float>(low * (1 - kSlack));
    for (int i = 0; i < kTrialCount && scale <= high * (1 + 0x1p-22); ++i) {
      if (FitsAll(apply, scale)) return scale;
      scale = std::bit_cast<float>(Bits(scale) + 1);
    }
    return 0;
  }

  template <typename Apply>
  bool FitsAll(Apply apply, float scale) const {
    constexpr size_t kTile = 64;
    const size_t n = pairs_.words.size();
    for (size_t begin = 0; begin < n; begin += kTile) {
      const size_t end = std::min(begin + kTile, n);
      int misses = 0;
      for (size_t i = begin; i < end; ++i) {
        misses += apply(pairs_.words[i], scale) != pairs_.components[i] ? 1 : 0;
      }
      if (misses != 0) return false;
    }
    return true;
  }

  const Pairs& pairs_;
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
    const double reciprocal = 1 / step_;
    result_.words.resize(vector_.size());
    pairs_.words.resize(vector_.size());
    pairs_.components.resize(vector_.size());
    size_t count = 0;
    for (size_t i = 0; i < vector_.size(); ++i) {
      const float magnitude = std::fabs(vector_[i]);
      const float word =
          magnitude == 0 ? 0 : static_cast<float>(RoundToBits(magnitude * reciprocal, bits));
      pairs_.words[count] = word;
      pairs_.components[count] = magnitude;
      count += magnitude != 0 ? 1 : 0;
      result_.words[i] = Bits(word) | (Bits(vector_[i]) & 0x80000000u);
    }
    pairs_.words.resize(count);
    pairs_.components.resize(count);
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
    for (size_t i = 0; i < pairs_.words.size(); ++i) {
      const double word = pairs_.words[i];
      numerator += word * pairs_.components[i];
      denominator += word * word;
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
  Pairs pairs_;
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

void TakeFloat32(std::span<const float> vector, VectorWords& result) {
  result.recipe = {};
  result.residuals.clear();
  TakeBits(vector, result);
}

void AnalyseVector(std::span<const float> vector, const AnalysisOptions& options,
                   VectorWords& result) {
  result.residuals.clear();
  if (ExactWords(vector, Word::kBfloat16, result)) return;
  if (ExactWords(vector, Word::kFloat16, result)) return;
  if (FindLattice(vector, result)) return;
  if (options.has_pooled_search && FindPooled(vector, result)) return;
  TakeFloat32(vector, result);
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
    return NudgedBits(recipe.scale, word, residual);
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
      if (!(std::fabs(residual) <= 127)) continue;  // Nor NaN.
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
