#include "intact/engine/elements.h"

#include <array>
#include <charconv>

#include "intact/codec/elements.h"

namespace intact::engine {
namespace {

using base::ElementType;

// The shortest text that reads back as the same float64.
std::string DescribeFloat64(base::ByteSpan element) {
  std::array<char, 32> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), base::Load<double>(element.data()));
  return std::string(text.data(), end.ptr);
}

}  // namespace

base::Status WidenRows(ElementType type, base::ByteSpan elements, size_t dimensions,
                       uint64_t first_row, std::vector<float>& target) {
  const size_t size = base::ElementSize(type);
  target.resize(elements.size() / size);
  const size_t converted = codec::WidenElements(type, elements, target);
  if (converted == target.size()) return base::Ok();
  return base::InvalidArgument(
      "row " + std::to_string(first_row + converted / dimensions) + ", value " +
      std::to_string(converted % dimensions) + ": " +
      DescribeFloat64(elements.subspan(converted * size)) +
      " is not exactly a float32; a collection takes float64 only where every value is: write the "
      "file as float32 first if rounding is meant");
}

}  // namespace intact::engine
