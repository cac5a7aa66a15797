#include "intact/engine/codec_floor.h"

#include <bit>
#include <cmath>
#include <limits>

namespace intact::engine {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// Of all `counts` together, in bits.
template <typename Counts>
double Entropy(const Counts& counts) {
  double total = 0;
  double sum = 0;
  for (const uint64_t count : counts) {
    if (count == 0) continue;
    const auto n = static_cast<double>(count);
    total += n;
    sum += n * std::log2(n);
  }
  return total == 0 ? 0 : total * std::log2(total) - sum;
}

struct ElementLayout {
  unsigned exponent_bits;
  unsigned fraction_bits;
};

ElementLayout LayoutOf(base::ElementType element) {
  switch (element) {
    case base::ElementType::kFloat32:
      return {8, 23};
    case base::ElementType::kFloat16:
      return {5, 10};
    case base::ElementType::kBfloat16:
      return {8, 7};
    case base::ElementType::kFloat64:
      return {11, 52};
  }
  return {8, 23};
}

uint64_t BitsOf(base::ElementType element, const std::byte* source) {
  switch (base::ElementSize(element)) {
    case 2:
      return base::Load<uint16_t>(source);
    case 8:
      return base::Load<uint64_t>(source);
    default:
      return base::Load<uint32_t>(source);
  }
}

}  // namespace

void ElementFloor::Add(base::ByteSpan elements) {
  const ElementLayout layout = LayoutOf(element_);
  const size_t size = base::ElementSize(element_);
  for (size_t i = 0; i + size <= elements.size(); i += size) {
    const uint64_t bits = BitsOf(element_, elements.data() + i);
    const uint64_t mask = (uint64_t{1} << layout.exponent_bits) - 1;
    ++exponents_[bits >> layout.fraction_bits & mask];
    ++signs_[bits >> (layout.exponent_bits + layout.fraction_bits) & 1];
    ++count_;
  }
}

double ElementFloor::BitsPerValue() const {
  if (count_ == 0) return kNone;
  return (Entropy(signs_) + Entropy(exponents_)) / static_cast<double>(count_) +
         LayoutOf(element_).fraction_bits;
}

void WordFloor::AddWord(codec::Word kind, uint32_t bits, Group& group) {
  const uint32_t exponent = bits >> 23 & 255;
  ++group.signs[bits >> 31];
  ++group.exponents[exponent];
  ++group.count;
  if (kind == codec::Word::kFloat32) group.plain_bits += 23;
  if (kind == codec::Word::kFloat16) group.plain_bits += 10;
  if (kind == codec::Word::kBfloat16) group.plain_bits += 7;
  if (kind != codec::Word::kInteger) return;
  // Of a whole number: the bits between its first one and its last one.
  const auto magnitude = static_cast<uint32_t>(std::fabs(std::bit_cast<float>(bits)));
  const auto zeros = magnitude == 0 ? 0 : static_cast<unsigned>(std::countr_zero(magnitude));
  const auto width = static_cast<unsigned>(std::bit_width(magnitude));
  ++group.zeros[zeros];
  if (width > zeros + 2) group.plain_bits += width - zeros - 2;
}

void WordFloor::Add(std::span<const float> vector, const codec::Recipe& recipe) {
  Group& group = groups_[{recipe.word, recipe.arithmetic}];
  if (recipe.word == codec::Word::kFloat32) {
    for (const float x : vector) AddWord(recipe.word, std::bit_cast<uint32_t>(x), group);
    return;
  }
  const bool is_sum = recipe.word == codec::Word::kInteger;
  codec::AnalyseVector(vector, {.has_pooled_search = is_sum}, words_);
  for (size_t i = 0; i < vector.size(); ++i) {
    const bool is_patched = !words_.residuals.empty() && words_.residuals[i] == codec::kPatched;
    AddWord(recipe.word, is_patched ? 0 : words_.words[i], group);
    if (is_patched) group.plain_bits += 32;
    if (!words_.residuals.empty()) ++group.residuals[static_cast<uint8_t>(words_.residuals[i])];
  }
}

double WordFloor::BitsPerValue() const {
  double bits = 0;
  double count = 0;
  for (const auto& [key, group] : groups_) {
    bits += Entropy(group.signs) + Entropy(group.exponents) + Entropy(group.zeros) +
            Entropy(group.residuals) + static_cast<double>(group.plain_bits);
    count += static_cast<double>(group.count);
  }
  return count == 0 ? kNone : bits / count;
}

}  // namespace intact::engine
