// Plain words and planes: the forms that decode at the speed of memory.
#include <algorithm>
#include <bit>
#include <cmath>
#include <optional>

#include "intact/codec/bit_stream.h"
#include "intact/codec/elements.h"
#include "intact/codec/vector_forms.h"
#include "intact/simd/simd.h"

namespace intact::codec {
namespace {

using base::Status;

Status WrongSize(size_t found, size_t expected) {
  return base::Corruption("an encoded vector has " + std::to_string(found) +
                          " bytes behind its header, expected " + std::to_string(expected));
}

}  // namespace

namespace {

// The words times 2^shift as float16 [d] in `halves`; false when one has no such form.
bool Float16Words(const VectorWords& words, int shift, std::vector<uint16_t>& halves) {
  std::vector<float> scaled(words.words.size());
  std::memcpy(scaled.data(), words.words.data(), 4 * scaled.size());
  if (shift != 0) {
    for (float& word : scaled) word = std::ldexp(word, shift);
  }
  halves.resize(scaled.size());
  return NarrowElements(base::ElementType::kFloat16, scaled,
                        std::as_writable_bytes(std::span(halves))) == halves.size();
}

// By how many powers of two to multiply the words so that all are float16, preferably none; the
// recipe's scale makes up for it.
std::optional<int> Float16Shift(const VectorWords& words, std::vector<uint16_t>& halves) {
  if (Float16Words(words, 0, halves)) return 0;
  if (words.recipe.arithmetic == Arithmetic::kNone) return std::nullopt;
  uint32_t largest = 0;
  for (const uint32_t word : words.words) largest = std::max(largest, word & 0x7fffffff);
  constexpr int kExponentMax = 15;
  const int shift = kExponentMax - (static_cast<int>(largest >> 23) - 127);
  if (Float16Words(words, shift, halves)) return shift;
  return std::nullopt;
}

// Two bits each: e + 1 for e of -1, 0 and 1, or 3 for a component that is listed.
constexpr uint32_t kListedResidual = 3;

void PutPlainResiduals(std::span<const float> vector, std::span<const int8_t> residuals,
                       base::Bytes& target) {
  BitWriter bits(target, 2 * residuals.size());
  for (const int8_t residual : residuals) {
    const bool is_small = residual >= -1 && residual <= 1;
    bits.Put(is_small ? static_cast<uint32_t>(residual + 1) : kListedResidual, 2);
  }
  bits.Finish();
  for (size_t i = 0; i < residuals.size(); ++i) {
    if (residuals[i] < -1 || residuals[i] > 1) Append(target, BitsAt(vector, i));
  }
}

}  // namespace

bool PutPlain(std::span<const float> vector, const VectorWords& words, base::Bytes& target) {
  const Word word = words.recipe.word;
  Recipe recipe = words.recipe;
  std::vector<uint16_t> halves;
  if (word == Word::kFloat16) {
    const std::optional<int> shift = Float16Shift(words, halves);
    if (!shift) return false;
    recipe.scale =
        std::ldexp(recipe.scale, recipe.arithmetic == Arithmetic::kDivided ? *shift : -*shift);
  } else if (word == Word::kBfloat16) {
    halves.resize(words.words.size());
    for (size_t i = 0; i < halves.size(); ++i) {
      halves[i] = static_cast<uint16_t>(words.words[i] >> 16);
    }
  }
  PutHeader(recipe, Form::kPlain, target);
  const auto append = [&](base::ByteSpan bytes) {
    target.insert(target.end(), bytes.begin(), bytes.end());
  };
  if (word == Word::kFloat32) {
    append(std::as_bytes(std::span(words.words)));
  } else {
    append(std::as_bytes(std::span(halves)));
  }
  if (!words.residuals.empty()) PutPlainResiduals(vector, words.residuals, target);
  return true;
}

namespace {

// Of 16-bit words, whose values are in `target`; `residuals` are what follows the words.
Status ReadPlainResiduals(const Recipe& recipe, base::ByteSpan residuals, std::span<float> target) {
  const size_t d = target.size();
  const size_t map_size = (2 * d + 7) / 8;
  if (residuals.size() < map_size) return WrongSize(residuals.size(), map_size);
  const unsigned used = 2 * d % 8;
  if (used != 0 && static_cast<unsigned>(residuals[map_size - 1]) >> used != 0) {
    return base::Corruption("an encoded vector's padding is not zero");
  }
  constexpr size_t kTile = 256;
  std::array<uint32_t, kTile> numbers{};
  size_t listed = map_size;
  for (size_t begin = 0; begin < d; begin += kTile) {
    const std::span<float> tile = target.subspan(begin, std::min(kTile, d - begin));
    simd::BestKernels().unpack_bits(residuals.data() + begin / 4, 2, numbers.data(), tile.size());
    uint32_t has_listed = 0;
    for (const uint32_t number : numbers) has_listed |= number == kListedResidual ? 1 : 0;
    if (recipe.arithmetic == Arithmetic::kNudged) {
      for (size_t i = 0; i < tile.size(); ++i) {
        numbers[i] = NudgedBits(recipe.scale, tile[i], static_cast<int>(numbers[i]) - 1);
      }
    } else {
      for (size_t i = 0; i < tile.size(); ++i) {
        numbers[i] = ResidualBits(recipe, tile[i], static_cast<int>(numbers[i]) - 1);
      }
    }
    std::memcpy(tile.data(), numbers.data(), tile.size_bytes());
    if (has_listed == 0) continue;
    for (size_t i = 0; i < tile.size(); ++i) {
      const size_t bit = 2 * (begin + i);
      const unsigned number = static_cast<unsigned>(residuals[bit / 8]) >> (bit % 8) & 3;
      if (number != kListedResidual) continue;
      if (listed + 4 > residuals.size()) return WrongSize(residuals.size(), listed + 4);
      std::memcpy(&tile[i], residuals.data() + listed, 4);
      listed += 4;
    }
  }
  return listed == residuals.size() ? base::Ok() : WrongSize(residuals.size(), listed);
}

}  // namespace

Status ReadPlain(const VectorHeader& header, std::span<float> target) {
  const size_t d = target.size();
  const base::ByteSpan payload = header.payload;
  const bool has_residuals = HasResiduals(header.recipe.arithmetic);
  const size_t least = (header.recipe.word == Word::kFloat32 ? 4 : 2) * d;
  if (payload.size() < least || (!has_residuals && payload.size() != least)) {
    return WrongSize(payload.size(), least);
  }
  if (header.recipe.word == Word::kFloat32) {
    std::memcpy(target.data(), payload.data(), least);
    return base::Ok();
  }
  const simd::Kernels& kernels = simd::BestKernels();
  const bool is_float16 = header.recipe.word == Word::kFloat16;
  if (header.recipe.arithmetic == Arithmetic::kDivided) {
    const auto divide = is_float16 ? kernels.widen_f16_divide : kernels.widen_bf16_divide;
    divide(payload.data(), static_cast<float>(header.recipe.scale), target.data(), d);
    return base::Ok();
  }
  const auto widen = is_float16 ? kernels.widen_f16 : kernels.widen_bf16;
  // In pieces, so that the arithmetic finds them in the first cache.
  constexpr size_t kTile = 1024;
  for (size_t begin = 0; begin < d; begin += kTile) {
    const std::span<float> tile = target.subspan(begin, std::min(kTile, d - begin));
    widen(payload.data() + 2 * begin, tile.data(), tile.size());
    ApplyArithmetic(header.recipe, tile);
  }
  if (!has_residuals) return base::Ok();
  return ReadPlainResiduals(header.recipe, payload.subspan(least), target);
}

namespace {

constexpr uint32_t kPlaneExponents = 8;
// Components lie in groups, so that one load brings what a few instructions put together.
constexpr size_t kGroupCount = 16;
constexpr size_t GroupSize(size_t n) { return 3 * n + (3 * n + 7) / 8; }

// The eight consecutive exponents that hold the most components.
uint32_t BestBase(std::span<const float> vector) {
  std::array<uint32_t, 256> counts{};
  for (size_t i = 0; i < vector.size(); ++i) ++counts[BitsAt(vector, i) >> 23 & 255];
  uint32_t sum = 0, best_sum = 0, best = 0;
  for (uint32_t exponent = 0; exponent < 256; ++exponent) {
    sum += counts[exponent];
    if (exponent >= kPlaneExponents) sum -= counts[exponent - kPlaneExponents];
    if (sum > best_sum) {
      best_sum = sum;
      best = exponent < kPlaneExponents ? 0 : exponent - kPlaneExponents + 1;
    }
  }
  return best;
}

}  // namespace

void PutPlanes(std::span<const float> vector, base::Bytes& target) {
  PutHeader({}, Form::kPlanes, target);
  const size_t d = vector.size();
  const uint32_t base = BestBase(vector);
  Append(target, static_cast<uint8_t>(base));
  const size_t count_at = target.size();
  Append(target, uint16_t{0});
  base::Bytes listed;
  size_t count = 0;
  for (size_t begin = 0; begin < d; begin += kGroupCount) {
    const size_t n = std::min(kGroupCount, d - begin);
    const size_t at = target.size();
    target.resize(at + 3 * n);
    BitWriter codes(target, 3 * n);
    for (size_t i = 0; i < n; ++i) {
      const uint32_t bits = BitsAt(vector, begin + i);
      base::Store(target.data() + at + 2 * i, static_cast<uint16_t>(bits));
      target[at + 2 * n + i] = static_cast<std::byte>((bits >> 16 & 0x7f) | (bits >> 31 << 7));
      const uint32_t exponent = bits >> 23 & 255;
      const bool is_listed = exponent < base || exponent >= base + kPlaneExponents;
      codes.Put(is_listed ? 0 : exponent - base, 3);
      if (!is_listed) continue;
      ++count;
      Append(listed, static_cast<uint16_t>(begin + i));
      Append(listed, static_cast<uint8_t>(exponent));
    }
    codes.Finish();
  }
  // More than the field can say is more than plain takes: the encoder drops what is not proven.
  base::Store(target.data() + count_at, static_cast<uint16_t>(std::min<size_t>(count, 65535)));
  target.insert(target.end(), listed.begin(), listed.end());
}

Status ReadPlanes(const VectorHeader& header, std::span<float> target) {
  const size_t d = target.size();
  const base::ByteSpan payload = header.payload;
  const size_t last = d % kGroupCount;
  const size_t least = 3 + d / kGroupCount * GroupSize(kGroupCount) + GroupSize(last);
  if (payload.size() < least) return WrongSize(payload.size(), least);
  const auto base = static_cast<uint32_t>(payload[0]);
  const size_t count = base::Load<uint16_t>(payload.data() + 1);
  if (payload.size() != least + 3 * count) return WrongSize(payload.size(), least + 3 * count);
  if (base > 256 - kPlaneExponents) {
    return base::Corruption("an encoded vector has exponents from " + std::to_string(base));
  }
  const unsigned used = 3 * last % 8;
  if (used != 0 && static_cast<unsigned>(payload[least - 1]) >> used != 0) {
    return base::Corruption("an encoded vector's padding is not zero");
  }
  auto* words = reinterpret_cast<std::byte*>(target.data());
  simd::BestKernels().join_planes(payload.data() + 3, base, reinterpret_cast<uint32_t*>(words), d);
  for (size_t i = 0; i < count; ++i) {
    const std::byte* entry = payload.data() + least + 3 * i;
    const size_t index = base::Load<uint16_t>(entry);
    if (index >= d) {
      return base::Corruption("an encoded vector lists component " + std::to_string(index) +
                              " of " + std::to_string(d));
    }
    const auto word = base::Load<uint32_t>(words + 4 * index) & ~(uint32_t{255} << 23);
    base::Store(words + 4 * index, word | static_cast<uint32_t>(entry[2]) << 23);
  }
  return base::Ok();
}

void PutSparse(std::span<const float> vector, base::Bytes& target) {
  target.push_back(kSparseKind);
  const size_t d = vector.size();
  const size_t map_at = target.size();
  target.resize(map_at + (d + 7) / 8);
  std::vector<float> others;
  for (size_t i = 0; i < d; ++i) {
    if (BitsAt(vector, i) == 0) continue;
    target[map_at + i / 8] |= static_cast<std::byte>(1u << (i % 8));
    others.push_back(vector[i]);
  }
  VectorWords words;
  AnalyseVector(others, {.has_pooled_search = false}, words);
  const bool is_plain = words.recipe.word != Word::kFloat32 && PutPlain(others, words, target);
  if (!is_plain) PutPlanes(others, target);
}

Status ReadSparse(const VectorHeader& header, std::span<float> target) {
  const size_t d = target.size();
  const size_t map_size = (d + 7) / 8;
  if (header.payload.size() < map_size) return WrongSize(header.payload.size(), map_size);
  const base::ByteSpan map = header.payload.first(map_size);
  size_t count = 0;
  for (const std::byte byte : map)
    count += static_cast<size_t>(std::popcount(static_cast<uint8_t>(byte)));
  const bool is_padded = d % 8 == 0 || static_cast<unsigned>(map.back()) >> (d % 8) == 0;
  if (!is_padded) return base::Corruption("an encoded vector's padding is not zero");
  INTACT_ASSIGN_OR_RETURN(const VectorHeader inner, ParseHeader(header.payload.subspan(map_size)));
  // In the front of the target, then spread from the back: a component never moves to the left.
  const std::span<float> others = target.first(count);
  if (inner.is_sparse || (inner.form != Form::kPlain && inner.form != Form::kPlanes)) {
    return base::Corruption("the components of a sparse vector have a form they cannot have");
  }
  INTACT_RETURN_IF_ERROR(inner.form == Form::kPlain ? ReadPlain(inner, others)
                                                    : ReadPlanes(inner, others));
  for (size_t i = d; i-- > 0;) {
    const bool is_there = (static_cast<unsigned>(map[i / 8]) >> (i % 8) & 1) != 0;
    const uint32_t bits = is_there ? BitsAt(target, --count) : 0;
    std::memcpy(&target[i], &bits, sizeof(bits));
  }
  return base::Ok();
}

}  // namespace intact::codec
