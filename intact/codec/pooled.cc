// The search is an approximate greatest common divisor. The smallest magnitude m is some multiple k
// of the step; every k is tried, and the next smallest magnitudes say whether they are multiples of
// m / k too. The smallest, because their multiples are small: a rounding error of 2^-23 of a
// component is then a small part of a step, so that a wrong k passes by chance once in thousands of
// probes, and a true one stands out. Some components are no multiples (a token may have had a finer
// step there), so a majority decides. Then powers of two of the step are compared by the bits they
// would take, since a coarser step with more exceptions may be cheaper.
#include "intact/codec/pooled.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "intact/simd/simd.h"

namespace intact::codec {
namespace {

// Of a component against a multiple: three roundings, and that of the anchor.
constexpr double kTolerance = 0x1.4p-22;
constexpr size_t kProbeCount = 39;
// Beyond this a step is too fine to be worth coding.
constexpr uint32_t kMultipleMax = uint32_t{1} << 13;
constexpr size_t kSampleCount = 256;
// Bits of a component that has no lattice, and of one that is patched.
constexpr double kPlainBits = 26.4;
constexpr double kPatchBits = 58;

class StepSearch {
 public:
  explicit StepSearch(std::span<const double> magnitudes) : magnitudes_(magnitudes) {}

  // 0 when there is none.
  double Find() {
    // The first probes are taken in float32, whose rounding is small beside the tolerance.
    constexpr size_t kFirstProbes = 5;
    constexpr auto kFirstTolerance = static_cast<float>(1.3 * kTolerance);
    std::array<float, kFirstProbes> first_ratios;
    for (size_t j = 0; j < kProbeCount; ++j) ratios_[j] = magnitudes_[j + 1] / magnitudes_[0];
    for (size_t j = 0; j < kFirstProbes; ++j) first_ratios[j] = static_cast<float>(ratios_[j]);
    // Where the tolerance is a large part of a step, probes accept by chance.
    constexpr double kChanceMax = 0.03;
    const double multiple_max =
        std::min<double>(kMultipleMax, kChanceMax / (kFirstTolerance * ratios_[kFirstProbes - 1]));
    const simd::Kernels& kernels = simd::BestKernels();
    std::array<uint32_t, simd::kMultiplesAtOnce> passes;
    for (uint32_t begin = 1; begin < multiple_max; begin += simd::kMultiplesAtOnce) {
      kernels.count_near_multiples(first_ratios.data(), kFirstProbes, kFirstTolerance, begin,
                                   passes.data());
      for (uint32_t i = 0; i < simd::kMultiplesAtOnce; ++i) {
        if (passes[i] > kFirstProbes / 2 && IsAccepted(begin + i)) {
          return magnitudes_[0] / (begin + i);
        }
      }
    }
    return 0;
  }

 private:
  bool IsAccepted(double k) const {
    constexpr double kRounder = 0x1.8p52;  // Adding and subtracting it rounds to whole numbers.
    constexpr size_t kEarlyCount = 10;
    double passes = 0, by_chance = 0;
    for (size_t j = 0; j < kProbeCount; ++j) {
      const double t = ratios_[j] * k;
      const double tolerance = t * kTolerance;  // t >= k: the anchor is the smallest.
      if (std::fabs(t - (t + kRounder - kRounder)) <= tolerance) ++passes;
      by_chance += std::min(1.0, 2 * tolerance);
      if (j + 1 == kEarlyCount && passes < kEarlyCount / 2.0 - 1) return false;
    }
    return passes >= by_chance + 0.6 * kProbeCount + 2;
  }

  std::span<const double> magnitudes_;  // Ascending.
  std::array<double, kProbeCount> ratios_{};
};

// The mean of component / multiple, taken from small multiples to large ones, each of which needs
// the step to be known better than the one before.
double Refine(std::span<const double> magnitudes, double step) {
  constexpr size_t kTrustedCount = 20;
  double sum = 0, count = 0;
  for (size_t i = 0; i < magnitudes.size(); ++i) {
    const double multiple = std::nearbyint(magnitudes[i] / step);
    if (multiple < 1 || multiple >= 0x1p24) continue;
    if (std::fabs(magnitudes[i] / step - multiple) > std::min(0.25, multiple * kTolerance + 1e-3)) {
      continue;
    }
    sum += magnitudes[i] / multiple;
    count += 1;
    if (i > kTrustedCount) step = sum / count;
  }
  return count == 0 ? step : sum / count;
}

// The `count` smallest magnitudes above 0, ascending; fewer when there are fewer than twice as
// many.
std::vector<double> SmallestMagnitudes(std::span<const float> vector, size_t count) {
  std::vector<float> kept;
  if (vector.size() < 2 * count) return {};
  kept.reserve(count + 1);
  float bound = std::numeric_limits<float>::infinity();
  for (const float x : vector) {
    const float magnitude = std::fabs(x);
    if (!(magnitude < bound) || magnitude == 0) continue;
    kept.insert(std::upper_bound(kept.begin(), kept.end(), magnitude), magnitude);
    if (kept.size() <= count) continue;
    kept.pop_back();
    bound = kept.back();
  }
  return {kept.begin(), kept.end()};
}

double Entropy(std::span<const uint32_t> counts) {
  double total = 0, bits = 0;
  for (const uint32_t count : counts) total += count;
  for (const uint32_t count : counts) {
    if (count != 0) bits -= count * std::log2(count / total);
  }
  return bits;
}

// About as many bits as the compact form takes.
double Cost(std::span<const double> magnitudes, double step) {
  std::array<uint32_t, 16> zeros{};
  std::array<uint32_t, 32> exponents{};
  double bits = 0;
  for (const double magnitude : magnitudes) {
    const double multiple = std::nearbyint(magnitude / step);
    const bool fits = multiple >= 1 && multiple < 0x1p24 &&
                      std::fabs(magnitude / step - multiple) <= std::max(multiple * 0x1p-22, 1e-6);
    if (!fits) {
      bits += kPatchBits;
      continue;
    }
    const auto number = static_cast<uint32_t>(multiple);
    const int exponent = static_cast<int>(std::bit_width(number)) - 1;
    const int zero_count = static_cast<int>(CodedZeros(number));
    ++zeros[static_cast<size_t>(zero_count)];
    ++exponents[static_cast<size_t>(exponent)];
    // Sign, top two bits of the fraction, residual, and what lies below.
    bits += 1 + 2 + 1.1 + std::max(0, exponent - 3 - zero_count);
  }
  return bits + Entropy(zeros) + Entropy(exponents);
}

// The step times the power of two that costs least, found by walking down and up from 2^0; 0 when
// none costs less than plain components.
double BestMultiple(std::span<const double> sample, double step) {
  double best_cost = Cost(sample, step);
  double best_step = step;
  for (const double factor : {0.5, 2.0}) {
    for (double next = best_step * factor;; next *= factor) {
      const double cost = Cost(sample, next);
      if (cost >= best_cost) break;
      best_cost = cost;
      best_step = next;
    }
  }
  return best_cost < kPlainBits * static_cast<double>(sample.size()) ? best_step : 0;
}

}  // namespace

unsigned CodedZeros(uint32_t number) {
  return number == 0 ? 0 : std::min(15u, static_cast<unsigned>(std::countr_zero(number)));
}

bool FindPooled(std::span<const float> vector, VectorWords& result) {
  const std::vector<double> smallest = SmallestMagnitudes(vector, kProbeCount + 1);
  if (smallest.size() <= kProbeCount || smallest[0] < 0x1p-100) return false;
  const double found = StepSearch(smallest).Find();
  if (found == 0) return false;
  // Some components say how much the step is worth; they and the smallest say what it is exactly.
  std::vector<double> sample;
  const size_t stride = std::max<size_t>(1, vector.size() / kSampleCount);
  for (size_t i = 0; i < vector.size(); i += stride) {
    if (!std::isfinite(vector[i])) return false;
    if (vector[i] != 0) sample.push_back(std::fabs(double{vector[i]}));
  }
  std::vector<double> ascending = smallest;
  ascending.insert(ascending.end(), sample.begin(), sample.end());
  std::sort(ascending.begin(), ascending.end());
  const double best_step = BestMultiple(sample, Refine(ascending, found));
  if (best_step == 0) return false;
  result.recipe = {Word::kInteger, Arithmetic::kNudged, 0, best_step};
  result.words.resize(vector.size());
  for (size_t i = 0; i < vector.size(); ++i) {
    const double multiple = std::nearbyint(vector[i] / best_step);
    const bool is_small = std::fabs(multiple) < 0x1p24;
    const auto number = static_cast<float>(is_small ? multiple : 0);
    result.words[i] = std::bit_cast<uint32_t>(number);
  }
  FillResiduals(vector, result);
  return true;
}

}  // namespace intact::codec
