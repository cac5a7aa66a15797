#include "intact/codec/elements.h"

#include <bit>
#include <optional>

namespace intact::codec {
namespace {

using base::ElementType;

constexpr uint32_t kFloat32Infinity = 0x7f800000;
constexpr uint32_t kFloat32Mantissa = 0x7fffff;
constexpr uint64_t kFloat64Infinity = 0x7ff0000000000000;
constexpr uint64_t kFloat64Mantissa = 0xfffffffffffff;

// `value >> shift` when no bit is lost.
template <typename T>
std::optional<T> ShiftExactly(T value, unsigned shift) {
  const T lost = value & ((T{1} << shift) - 1);
  if (lost != 0) return std::nullopt;
  return value >> shift;
}

uint32_t Float16To32(uint16_t half) {
  const uint32_t sign = (half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 31u;
  const uint32_t mantissa = half & 0x3ffu;
  if (exponent == 31) return sign | kFloat32Infinity | mantissa << 13;
  if (exponent != 0) return sign | (exponent + 112) << 23 | mantissa << 13;
  if (mantissa == 0) return sign;
  // A subnormal: its highest bit becomes the hidden one.
  const auto shift = static_cast<unsigned>(std::countl_zero(static_cast<uint16_t>(mantissa))) - 5;
  return sign | (113 - shift) << 23 | ((mantissa << shift) & 0x3ffu) << 13;
}

std::optional<uint16_t> Float32To16(uint32_t bits) {
  const auto sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
  const int exponent = static_cast<int>(bits >> 23 & 255) - 127;
  const uint32_t mantissa = bits & kFloat32Mantissa;
  std::optional<uint32_t> magnitude;
  if (exponent == 128 || (exponent >= -14 && exponent <= 15)) {
    const uint32_t biased = exponent == 128 ? 31 : static_cast<uint32_t>(exponent + 15);
    magnitude = ShiftExactly(mantissa, 13);
    if (magnitude) *magnitude |= biased << 10;
  } else if (exponent >= -24 && exponent < -14) {
    magnitude =
        ShiftExactly(mantissa | (kFloat32Mantissa + 1), static_cast<unsigned>(-1 - exponent));
  } else if (exponent == -127 && mantissa == 0) {
    magnitude = 0;
  }
  if (!magnitude) return std::nullopt;
  return static_cast<uint16_t>(sign | *magnitude);
}

std::optional<uint16_t> Float32ToBfloat16(uint32_t bits) {
  const auto upper = ShiftExactly(bits, 16);
  if (!upper) return std::nullopt;
  return static_cast<uint16_t>(*upper);
}

std::optional<uint32_t> Float64To32(uint64_t bits) {
  const auto sign = static_cast<uint32_t>(bits >> 32 & 0x80000000u);
  const int exponent = static_cast<int>(bits >> 52 & 2047) - 1023;
  const uint64_t mantissa = bits & kFloat64Mantissa;
  std::optional<uint64_t> magnitude;
  if (exponent == 1024 || (exponent >= -126 && exponent <= 127)) {
    const uint64_t biased = exponent == 1024 ? 255 : static_cast<uint64_t>(exponent + 127);
    magnitude = ShiftExactly(mantissa, 29);
    if (magnitude) *magnitude |= biased << 23;
  } else if (exponent >= -149 && exponent < -126) {
    magnitude =
        ShiftExactly(mantissa | (kFloat64Mantissa + 1), static_cast<unsigned>(-97 - exponent));
  } else if (exponent == -1023 && mantissa == 0) {
    magnitude = 0;
  }
  if (!magnitude) return std::nullopt;
  return sign | static_cast<uint32_t>(*magnitude);
}

uint64_t Float32To64(uint32_t bits) {
  const uint64_t sign = uint64_t{bits & 0x80000000u} << 32;
  const uint64_t exponent = bits >> 23 & 255;
  const uint64_t mantissa = bits & kFloat32Mantissa;
  if (exponent == 255) return sign | kFloat64Infinity | mantissa << 29;
  if (exponent != 0) return sign | (exponent + 896) << 52 | mantissa << 29;
  if (mantissa == 0) return sign;
  const auto shift = static_cast<unsigned>(std::countl_zero(static_cast<uint32_t>(mantissa))) - 8;
  return sign | uint64_t{897 - shift} << 52 | ((mantissa << shift) & kFloat32Mantissa) << 29;
}

// Converts n numbers of the unsigned type From to the unsigned type To, until one does not convert.
template <typename From, typename To, typename Convert>
size_t ConvertAll(const void* source, void* target, size_t n, const Convert& convert) {
  const auto* from = static_cast<const std::byte*>(source);
  auto* to = static_cast<std::byte*>(target);
  for (size_t i = 0; i < n; ++i) {
    const std::optional<To> value = convert(base::Load<From>(from + i * sizeof(From)));
    if (!value) return i;
    base::Store(to + i * sizeof(To), *value);
  }
  return n;
}

}  // namespace

size_t WidenElements(ElementType type, base::ByteSpan elements, std::span<float> target) {
  const size_t n = target.size();
  INTACT_CHECK(elements.size() == n * base::ElementSize(type));
  const void* source = elements.data();
  switch (type) {
    case ElementType::kFloat32:
      if (n > 0) std::memcpy(target.data(), source, elements.size());
      return n;
    case ElementType::kFloat16:
      return ConvertAll<uint16_t, uint32_t>(source, target.data(), n, Float16To32);
    case ElementType::kBfloat16:
      return ConvertAll<uint16_t, uint32_t>(source, target.data(), n,
                                            [](uint16_t upper) { return uint32_t{upper} << 16; });
    case ElementType::kFloat64:
      return ConvertAll<uint64_t, uint32_t>(source, target.data(), n, Float64To32);
  }
  return 0;
}

size_t NarrowElements(ElementType type, std::span<const float> source,
                      base::MutableByteSpan target) {
  const size_t n = source.size();
  INTACT_CHECK(target.size() == n * base::ElementSize(type));
  switch (type) {
    case ElementType::kFloat32:
      if (n > 0) std::memcpy(target.data(), source.data(), target.size());
      return n;
    case ElementType::kFloat16:
      return ConvertAll<uint32_t, uint16_t>(source.data(), target.data(), n, Float32To16);
    case ElementType::kBfloat16:
      return ConvertAll<uint32_t, uint16_t>(source.data(), target.data(), n, Float32ToBfloat16);
    case ElementType::kFloat64:
      return ConvertAll<uint32_t, uint64_t>(source.data(), target.data(), n, Float32To64);
  }
  return 0;
}

}  // namespace intact::codec
