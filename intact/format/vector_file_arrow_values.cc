// Single values of Arrow's columns (vector_file_arrow.h).
#include <array>
#include <bit>
#include <charconv>
#include <cmath>

#include "intact/base/json_text.h"
#include "intact/base/utf8.h"
#include "intact/format/vector_file_arrow.h"
#include "intact/format/vector_file_kinds.h"

namespace intact::format {
namespace {

constexpr size_t kViewSize = 16;
constexpr uint32_t kViewInlineMax = 12;
constexpr size_t kNumberSizeMax = 32;

struct Range {
  uint64_t begin = 0;
  uint64_t end = 0;
};

// Row `row` of a buffer of offsets, which are `is_large` int64 and else int32; within `size`.
base::Result<Range> OffsetsOf(base::ByteSpan offsets, bool is_large, uint64_t row, uint64_t size) {
  Range range;
  if (is_large) {
    range.begin = base::Load<uint64_t>(offsets.data() + row * 8);
    range.end = base::Load<uint64_t>(offsets.data() + row * 8 + 8);
  } else {
    range.begin = base::Load<uint32_t>(offsets.data() + row * 4);
    range.end = base::Load<uint32_t>(offsets.data() + row * 4 + 4);
  }
  if (range.begin <= range.end && range.end <= size) return range;
  return base::Corruption("expected ascending offsets up to " + std::to_string(size) + ", found " +
                          std::to_string(range.begin) + " and " + std::to_string(range.end));
}

base::Result<std::string_view> ViewText(const ArrowBuffers& buffers, uint64_t row) {
  const base::ByteSpan view = buffers.values.subspan(row * kViewSize, kViewSize);
  const auto size = base::Load<uint32_t>(view.data());
  if (size <= kViewInlineMax) return base::AsText(view.subspan(4, size));
  const auto index = base::Load<uint32_t>(view.data() + 8);
  const auto offset = base::Load<uint32_t>(view.data() + 12);
  if (index < buffers.view_characters.size()) {
    const base::ByteSpan characters = buffers.view_characters[index];
    if (offset <= characters.size() && size <= characters.size() - offset) {
      return base::AsText(characters.subspan(offset, size));
    }
  }
  return base::Corruption("a view of " + std::to_string(size) + " bytes at " +
                          std::to_string(offset) + " is outside its buffer " +
                          std::to_string(index));
}

template <typename T>
void AppendNumber(T value, std::string& out) {
  std::array<char, kNumberSizeMax> text;
  const auto result = std::to_chars(text.data(), text.data() + text.size(), value);
  out.append(text.data(), result.ptr);
}

template <typename T>
void AppendFloat(T value, std::string& out) {
  if (std::isnan(value)) {
    out += "\"NaN\"";
  } else if (std::isinf(value)) {
    out += value < 0 ? "\"-Infinity\"" : "\"Infinity\"";
  } else {
    AppendNumber(value, out);
    if (value == 0 && std::signbit(value)) out += ".0";  // -0 is a whole number to some readers.
  }
}

// Exact: every binary16 is a binary32.
float FloatOfHalf(uint16_t half) {
  const float sign = (half & 0x8000) != 0 ? -1.0f : 1.0f;
  const int exponent = half >> 10 & 31;
  const int mantissa = half & 1023;
  if (exponent == 31) return mantissa != 0 ? std::nanf("") : sign * HUGE_VALF;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(mantissa), -24);
  return sign * std::ldexp(static_cast<float>(mantissa + 1024), exponent - 25);
}

template <typename T>
T ValueAt(const ArrowBuffers& buffers, uint64_t row) {
  return base::Load<T>(buffers.values.data() + row * sizeof(T));
}

void AppendInteger(const ArrowColumn& column, const ArrowBuffers& buffers, uint64_t row,
                   std::string& out) {
  uint64_t value = 0;
  const size_t size = column.bit_width / 8;
  std::memcpy(&value, buffers.values.data() + row * size, size);
  if (!column.is_signed) {
    AppendNumber(value, out);
    return;
  }
  // Moved up and back down, so that the sign fills the upper bits.
  const int unused = 64 - static_cast<int>(column.bit_width);
  AppendNumber(static_cast<int64_t>(value << unused) >> unused, out);
}

void AppendFloatAt(const ArrowColumn& column, const ArrowBuffers& buffers, uint64_t row,
                   std::string& out) {
  switch (column.element) {
    case base::ElementType::kFloat16:
      return AppendFloat(FloatOfHalf(ValueAt<uint16_t>(buffers, row)), out);
    case base::ElementType::kFloat64:
      return AppendFloat(ValueAt<double>(buffers, row), out);
    default:
      return AppendFloat(ValueAt<float>(buffers, row), out);
  }
}

// A text that is a JSON object stands in a column "metadata" as what it is.
bool IsNestedMetadata(const ArrowColumn& column, std::string_view text) {
  if (column.name != "metadata") return false;
  base::JsonScanner scanner(text);
  std::string_view value;
  size_t depth = 0;
  return scanner.Peek() == '{' && scanner.TakeValue(value, &depth) && scanner.AtEnd() &&
         depth < base::kJsonDepthMax;
}

}  // namespace

base::Result<std::string_view> ArrowText(const ArrowColumn& column, const ArrowBuffers& buffers,
                                         uint64_t row) {
  std::string_view text;
  if (column.type == ArrowType::kUtf8View) {
    INTACT_ASSIGN_OR_RETURN(text, ViewText(buffers, row));
  } else {
    INTACT_ASSIGN_OR_RETURN(const Range range,
                            OffsetsOf(buffers.offsets, column.type == ArrowType::kLargeUtf8, row,
                                      buffers.values.size()));
    text = base::AsText(buffers.values.subspan(range.begin, range.end - range.begin));
  }
  if (text.size() > kBatchSizeMax) {
    return base::Unsupported("a text of " + std::to_string(text.size()) + " bytes; at most " +
                             std::to_string(kBatchSizeMax));
  }
  if (!base::IsUtf8(text)) return base::Corruption("expected UTF-8, found other bytes");
  return text;
}

base::Result<base::ByteSpan> ArrowList(const ArrowColumn& column, const ArrowBuffers& buffers,
                                       uint64_t row) {
  Range range{row * column.list_size, (row + 1) * column.list_size};
  if (column.type != ArrowType::kFixedSizeList) {
    INTACT_ASSIGN_OR_RETURN(range, OffsetsOf(buffers.offsets, column.type == ArrowType::kLargeList,
                                             row, buffers.element_count));
  }
  for (uint64_t i = range.begin; i < range.end && !buffers.element_validity.empty(); ++i) {
    if (ArrowBit(buffers.element_validity, i)) continue;
    return base::InvalidArgument("expected a number as element " + std::to_string(i - range.begin) +
                                 " of the vector, found null");
  }
  const size_t size = base::ElementSize(column.element);
  return buffers.values.subspan(range.begin * size, (range.end - range.begin) * size);
}

base::Status AppendArrowJson(const ArrowColumn& column, const ArrowBuffers& buffers, uint64_t row,
                             size_t size_max, std::string& out) {
  if (column.type == ArrowType::kNull || !IsArrowValid(buffers.validity, row)) {
    out += "null";
  } else if (column.type == ArrowType::kBool) {
    out += ArrowBit(buffers.values, row) ? "true" : "false";
  } else if (column.type == ArrowType::kInt) {
    AppendInteger(column, buffers, row, out);
  } else if (column.type == ArrowType::kFloat) {
    AppendFloatAt(column, buffers, row, out);
  } else {
    INTACT_ASSIGN_OR_RETURN(const std::string_view text, ArrowText(column, buffers, row));
    if (text.size() > size_max - std::min(size_max, out.size())) {
      return base::Unsupported("metadata of more than " + std::to_string(size_max) + " bytes");
    }
    if (IsNestedMetadata(column, text)) {
      out += text;
    } else {
      base::AppendJsonString(text, out);
    }
  }
  return base::Ok();
}

std::string ArrowIntegerText(const ArrowColumn& column, const ArrowBuffers& buffers, uint64_t row) {
  std::string text;
  AppendInteger(column, buffers, row, text);
  return text;
}

}  // namespace intact::format
