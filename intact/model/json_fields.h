// The fields of JSON objects, and single values, for the readers of model folders. Thread-safe.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include "intact/base/base.h"
#include "intact/base/json_text.h"

namespace intact::model {

// Calls `body(name, value) -> Status` for each field of `object` in order; the name decoded, the
// value as it is written. kCorruption when `object` is no JSON object.
template <typename Body>
base::Status ForEachField(std::string_view object, const Body& body) {
  const auto wrong = [] { return base::Corruption("expected a JSON object"); };
  base::JsonScanner scanner(object);
  if (!scanner.Take('{')) return wrong();
  if (scanner.Take('}')) return scanner.AtEnd() ? base::Ok() : wrong();
  do {
    std::string_view quoted, value;
    if (!scanner.TakeString(quoted) || !scanner.Take(':') || !scanner.TakeValue(value))
      return wrong();
    const std::optional<std::string> name = base::DecodeJsonString(quoted);
    if (!name) return base::Corruption("a name in a JSON object is no Unicode text");
    INTACT_RETURN_IF_ERROR(body(*name, value));
  } while (scanner.Take(','));
  return scanner.Take('}') && scanner.AtEnd() ? base::Ok() : wrong();
}

// The same for the elements of an array: `body(value) -> Status`.
template <typename Body>
base::Status ForEachElement(std::string_view array, const Body& body) {
  const auto wrong = [] { return base::Corruption("expected a JSON array"); };
  base::JsonScanner scanner(array);
  if (!scanner.Take('[')) return wrong();
  if (scanner.Take(']')) return scanner.AtEnd() ? base::Ok() : wrong();
  do {
    std::string_view value;
    if (!scanner.TakeValue(value)) return wrong();
    INTACT_RETURN_IF_ERROR(body(value));
  } while (scanner.Take(','));
  return scanner.Take(']') && scanner.AtEnd() ? base::Ok() : wrong();
}

// A value as what it must be; nullopt when it is something else.
inline std::optional<std::string> TextOf(std::string_view value) {
  return value.starts_with('"') ? base::DecodeJsonString(value) : std::nullopt;
}
inline std::optional<uint64_t> CountOf(std::string_view value) {
  uint64_t count = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), count);
  if (error != std::errc() || end != value.data() + value.size()) return std::nullopt;
  return count;
}
inline std::optional<bool> TruthOf(std::string_view value) {
  if (value == "true") return true;
  if (value == "false") return false;
  return std::nullopt;
}

}  // namespace intact::model
