#include "intact/codec/codec.h"

#include <array>
#include <bit>

#include "intact/simd/simd.h"

namespace intact::codec {
namespace {

uint32_t Bits(float value) { return std::bit_cast<uint32_t>(value); }

// The bits of `value` as a float16 when it is one exactly and finite; -1 otherwise. Infinities and
// NaN are left to other classes: hardware quiets signalling NaNs when it widens them.
int32_t ExactFloat16(float value) {
  const uint32_t bits = Bits(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude == 0) return static_cast<int32_t>(sign);
  const int exponent = static_cast<int>(magnitude >> 23) - 127;
  if (exponent > 15 || exponent < -24) return -1;
  const uint32_t mantissa = magnitude & 0x7fffffu;
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

bool EncodeRaw(std::span<const float> vector, std::byte* target) {
  if (!vector.empty()) std::memcpy(target, vector.data(), vector.size_bytes());
  return true;
}

void DecodeRaw(const std::byte* source, std::span<float> target) {
  if (!target.empty()) std::memcpy(target.data(), source, target.size_bytes());
}

bool EncodeBfloat16(std::span<const float> vector, std::byte* target) {
  for (size_t i = 0; i < vector.size(); ++i) {
    const uint32_t bits = Bits(vector[i]);
    if ((bits & 0xffffu) != 0) return false;
    base::Store(target + 2 * i, static_cast<uint16_t>(bits >> 16));
  }
  return true;
}

// Moves words as integers, so that no NaN passes through a float register.
void DecodeBfloat16(const std::byte* source, std::span<float> target) {
  auto* out = reinterpret_cast<std::byte*>(target.data());
  for (size_t i = 0; i < target.size(); ++i) {
    base::Store(out + 4 * i, static_cast<uint32_t>(base::Load<uint16_t>(source + 2 * i)) << 16);
  }
}

bool EncodeFloat16(std::span<const float> vector, std::byte* target) {
  for (size_t i = 0; i < vector.size(); ++i) {
    const int32_t half = ExactFloat16(vector[i]);
    if (half < 0) return false;
    base::Store(target + 2 * i, static_cast<uint16_t>(half));
  }
  return true;
}

void DecodeFloat16(const std::byte* source, std::span<float> target) {
  const simd::Kernels& kernels = simd::BestKernels();
  // The encoding starts at an odd address: widen through an aligned buffer.
  std::array<uint16_t, 512> halves;
  for (size_t begin = 0; begin < target.size(); begin += halves.size()) {
    const size_t count = std::min(halves.size(), target.size() - begin);
    std::memcpy(halves.data(), source + 2 * begin, 2 * count);
    kernels.widen_f16(halves.data(), target.data() + begin, count);
  }
}

// The table: from the smallest form to the one that always fits.
struct ClassRow {
  VectorClass vector_class;
  std::string_view name;
  size_t bytes_per_component;
  // Writes the encoding; false when the class cannot hold these bits.
  bool (*encode)(std::span<const float> vector, std::byte* target);
  void (*decode)(const std::byte* source, std::span<float> target);
};
constexpr ClassRow kClasses[] = {
    {VectorClass::kBfloat16, "bfloat16", 2, EncodeBfloat16, DecodeBfloat16},
    {VectorClass::kFloat16, "float16", 2, EncodeFloat16, DecodeFloat16},
    {VectorClass::kRaw, "raw", 4, EncodeRaw, DecodeRaw},
};

const ClassRow* FindClass(VectorClass vector_class) {
  for (const ClassRow& row : kClasses) {
    if (row.vector_class == vector_class) return &row;
  }
  return nullptr;
}

// Decodes what was just encoded and compares every byte.
bool IsProven(const ClassRow& row, std::span<const float> vector, const std::byte* encoded) {
  thread_local std::vector<float> decoded;
  decoded.resize(vector.size());
  row.decode(encoded, decoded);
  return vector.empty() || std::memcmp(decoded.data(), vector.data(), vector.size_bytes()) == 0;
}

}  // namespace

VectorClass EncodeVector(std::span<const float> vector, base::Bytes& target) {
  const size_t start = target.size();
  for (const ClassRow& row : kClasses) {
    target.resize(start + 1 + row.bytes_per_component * vector.size());
    target[start] = static_cast<std::byte>(row.vector_class);
    std::byte* payload = target.data() + start + 1;
    if (row.encode(vector, payload) && IsProven(row, vector, payload)) return row.vector_class;
  }
  base::CheckFailed(__FILE__, __LINE__, "raw holds every vector");
}

base::Status DecodeVector(base::ByteSpan encoded, std::span<float> target) {
  if (encoded.empty()) return base::Corruption("an encoded vector has no bytes");
  const ClassRow* row = FindClass(static_cast<VectorClass>(encoded[0]));
  if (row == nullptr) {
    return base::Unsupported("unknown vector class " +
                             std::to_string(static_cast<int>(encoded[0])));
  }
  const size_t expected = 1 + row->bytes_per_component * target.size();
  if (encoded.size() != expected) {
    return base::Corruption("an encoded " + std::string(row->name) + " vector of " +
                            std::to_string(target.size()) + " components has " +
                            std::to_string(encoded.size()) + " bytes, expected " +
                            std::to_string(expected));
  }
  row->decode(encoded.data() + 1, target);
  return base::Ok();
}

std::string_view VectorClassName(VectorClass vector_class) {
  const ClassRow* row = FindClass(vector_class);
  return row == nullptr ? "unknown" : row->name;
}

}  // namespace intact::codec
