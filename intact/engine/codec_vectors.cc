#include "intact/engine/codec_vectors.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <random>
#include <vector>

#include "intact/codec/vector_block.h"
#include "intact/engine/vector_input.h"

namespace intact::engine {
namespace {

using base::Result;

constexpr size_t kReadRows = 1024;
constexpr uint32_t kDimensionsDefault = 1024;
constexpr uint64_t kCountDefault = 4096;
constexpr uint64_t kGeneratedBytesMax = uint64_t{1} << 30;
constexpr uint64_t kSeed = 20240229;

// A normal distribution that is the same with every standard library (Marsaglia and Bray, "A
// convenient method for generating normal variables", SIAM Review 6(3), 1964).
class Normal {
 public:
  double Next() {
    if (has_spare_) {
      has_spare_ = false;
      return spare_;
    }
    for (;;) {
      const double u = Uniform();
      const double v = Uniform();
      const double s = u * u + v * v;
      if (s >= 1 || s == 0) continue;
      const double factor = std::sqrt(-2 * std::log(s) / s);
      spare_ = v * factor;
      has_spare_ = true;
      return u * factor;
    }
  }
  // In [0, n).
  uint64_t Below(uint64_t n) { return engine_() % n; }

 private:
  // In [-1, 1).
  double Uniform() { return std::ldexp(static_cast<double>(engine_() >> 11), -52) - 1; }

  std::mt19937_64 engine_{kSeed};
  double spare_ = 0;
  bool has_spare_ = false;
};

float Norm(std::span<const float> vector) {
  double sum = 0;
  for (const float x : vector) sum += double{x} * x;
  return static_cast<float>(std::sqrt(sum));
}

// `value` with `bits` significant bits, ties to even; not for the smallest numbers.
float Rounded(double value, int bits) {
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);
  return static_cast<float>(
      std::ldexp(std::nearbyint(std::ldexp(fraction, bits)), exponent - bits));
}

constexpr int kBfloat16Bits = 8;
constexpr int kFloat16Bits = 11;

void FillFloat32(Normal& normal, std::span<float> row) {
  for (float& x : row) x = static_cast<float>(normal.Next());
  const float norm = Norm(row);
  for (float& x : row) x /= norm;
}

// Words of `bits` bits of a vector of length 1, as they are.
void FillRounded(Normal& normal, int bits, std::span<float> row) {
  FillFloat32(normal, row);
  for (float& x : row) {
    // Below, a float16 has fewer bits.
    constexpr float kFloat16Min = 0x1p-14f;
    x = bits == kFloat16Bits && std::fabs(x) < kFloat16Min ? 0.0f : Rounded(x, bits);
  }
}

// The same, brought to length 1 once more: float32 numbers without a zero bit at their end.
void FillNormalised(Normal& normal, int bits, std::span<float> row) {
  for (float& x : row) x = Rounded(normal.Next(), bits);
  const float norm = Norm(row);
  for (float& x : row) x /= norm;
}

// The mean over a few tokens' bfloat16 vectors, brought to length 1.
void FillSums(Normal& normal, std::span<float> row) {
  constexpr uint64_t kTokensMin = 4;
  constexpr uint64_t kTokensMax = 10;
  const uint64_t tokens = kTokensMin + normal.Below(kTokensMax - kTokensMin + 1);
  std::fill(row.begin(), row.end(), 0.0f);
  for (uint64_t token = 0; token < tokens; ++token) {
    for (float& x : row) x += Rounded(normal.Next(), kBfloat16Bits);
  }
  for (float& x : row) x /= static_cast<float>(tokens);
  const float norm = Norm(row);
  for (float& x : row) x /= norm;
}

constexpr std::string_view kRules[] = {"float16-norm", "bfloat16-norm", "float16",
                                       "bfloat16",     "float32",       "sums"};

void FillRow(size_t rule, Normal& normal, std::span<float> row) {
  switch (rule) {
    case 0:
      return FillNormalised(normal, kFloat16Bits, row);
    case 1:
      return FillNormalised(normal, kBfloat16Bits, row);
    case 2:
      return FillRounded(normal, kFloat16Bits, row);
    case 3:
      return FillRounded(normal, kBfloat16Bits, row);
    case 4:
      return FillFloat32(normal, row);
    default:
      return FillSums(normal, row);
  }
}

// Takes the number behind the next ':' off `words`; `otherwise` when there is none, 0 for what is
// no number.
uint64_t TakeNumber(std::string_view& words, uint64_t otherwise) {
  if (words.empty()) return otherwise;
  words.remove_prefix(1);
  const std::string_view text = words.substr(0, words.find(':'));
  uint64_t number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  words.remove_prefix(text.size());
  return end.ec == std::errc() && end.ptr == text.data() + text.size() ? number : 0;
}

}  // namespace

Result<VectorSet> ReadVectorSet(const std::string& path, const VectorSetOptions& options) {
  INTACT_ASSIGN_OR_RETURN(const VectorInput input, OpenVectorInput(path, options.dimensions));
  const format::VectorFileInfo& info = input.reader->info();
  VectorSet set{.name = path, .element = info.element, .dimensions = info.dimensions};
  const uint64_t rows_max =
      options.rows_max != 0
          ? options.rows_max
          : std::max({uint64_t{1}, options.rows_min, options.bytes_max / set.row_size()});
  format::VectorRows rows;
  for (;;) {
    // One row more than wanted tells whether there are more.
    const uint64_t wanted = set.rows < rows_max ? rows_max - set.rows : 1;
    const base::Status status = input.reader->Next(std::min<uint64_t>(kReadRows, wanted), rows);
    if (!status.ok()) return AsInputError(status);
    if (rows.count == 0) return set;
    if (set.rows == rows_max) break;
    set.elements.insert(set.elements.end(), rows.elements.begin(), rows.elements.end());
    set.rows += rows.count;
  }
  set.is_whole = false;
  return set;
}

std::span<const std::string_view> VectorRules() { return kRules; }

Result<VectorSet> GenerateVectorSet(std::string_view words) {
  const std::string_view name = words.substr(0, words.find(':'));
  const auto* const rule = std::find(std::begin(kRules), std::end(kRules), name);
  std::string_view numbers = words.substr(name.size());
  const uint64_t dimensions = TakeNumber(numbers, kDimensionsDefault);
  const uint64_t count = TakeNumber(numbers, kCountDefault);
  if (rule == std::end(kRules) || !numbers.empty() || dimensions == 0 || count == 0) {
    std::string message = "vectors are made by RULE[:DIMENSIONS[:COUNT]], RULE one of";
    for (const std::string_view known : kRules) message += " " + std::string(known);
    return base::InvalidArgument(message + ", not by " + std::string(words));
  }
  if (dimensions > codec::kDimensionsMax ||
      count > kGeneratedBytesMax / (dimensions * sizeof(float))) {
    return base::InvalidArgument("at most " + std::to_string(codec::kDimensionsMax) +
                                 " dimensions and 1 GiB of vectors are made, not " +
                                 std::string(words));
  }
  VectorSet set{
      .name = std::string(name) + ":" + std::to_string(dimensions) + ":" + std::to_string(count),
      .is_generated = true,
      .dimensions = static_cast<uint32_t>(dimensions),
      .rows = count};
  set.elements.resize(count * set.row_size());
  Normal normal;
  std::vector<float> row(dimensions);
  for (uint64_t i = 0; i < count; ++i) {
    FillRow(static_cast<size_t>(rule - std::begin(kRules)), normal, row);
    std::memcpy(set.elements.data() + i * set.row_size(), row.data(), set.row_size());
  }
  return set;
}

}  // namespace intact::engine
