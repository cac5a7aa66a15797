// Any text as a condition, and any bytes as the metadata it is asked about: a value that is found
// lies within them, and what holds for equal does not hold for not equal.
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>

#include "intact/base/base.h"
#include "intact/engine/record_filter.h"

namespace engine = intact::engine;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // The first line is the condition.
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t end = std::min(input.find('\n'), size);
  const std::string_view metadata = input.substr(std::min(end + 1, size));
  const auto condition = engine::ParseCondition(input.substr(0, end));
  if (!condition.ok()) return 0;
  const auto value = engine::FindMetadata(metadata, condition->key);
  if (value) {
    INTACT_CHECK(value->data() >= metadata.data() &&
                 value->data() + value->size() <= metadata.data() + metadata.size());
  }
  engine::RecordFilter filter;
  filter.conditions = {*condition};
  INTACT_CHECK(intact::engine::CheckFilter(filter).ok());
  const bool holds = engine::RecordMatcher(filter).Matches("", metadata);
  filter.conditions[0].comparison = engine::Comparison::kExists;
  INTACT_CHECK(engine::RecordMatcher(filter).Matches("", metadata) == value.has_value());
  filter.conditions[0].comparison = engine::Comparison::kEqual;
  const bool is_equal = engine::RecordMatcher(filter).Matches("", metadata);
  filter.conditions[0].comparison = engine::Comparison::kNotEqual;
  INTACT_CHECK(engine::RecordMatcher(filter).Matches("", metadata) == !is_equal);
  INTACT_CHECK(condition->comparison != engine::Comparison::kEqual || holds == is_equal);
  return 0;
}
