// The number types that vectors come in. Values are persistent: stored in files as they are here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace intact::base {

enum class ElementType : uint8_t {
  kFloat32 = 1,   // IEEE 754 binary32.
  kFloat16 = 2,   // IEEE 754 binary16.
  kBfloat16 = 3,  // The upper half of a binary32.
  kFloat64 = 4,   // IEEE 754 binary64.
};

// Bytes of one element; 0 for a number that is no element type.
constexpr size_t ElementSize(ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
      return 4;
    case ElementType::kFloat16:
    case ElementType::kBfloat16:
      return 2;
    case ElementType::kFloat64:
      return 8;
  }
  return 0;
}

// "float32", "float16", "bfloat16", "float64", or "unknown".
constexpr std::string_view ElementTypeName(ElementType type) {
  switch (type) {
    case ElementType::kFloat32:
      return "float32";
    case ElementType::kFloat16:
      return "float16";
    case ElementType::kBfloat16:
      return "bfloat16";
    case ElementType::kFloat64:
      return "float64";
  }
  return "unknown";
}

}  // namespace intact::base
