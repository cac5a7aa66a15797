// Writes JSON (RFC 8259) piece by piece, on one line. Strings are always valid UTF-8: a byte that
// is not becomes U+FFFD. What commands print with it is described in docs/format/json.md. Not
// thread-safe.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace intact::cli {

// The version of all JSON that commands print; raised when a field changes its meaning or goes
// away.
inline constexpr int kJsonSchemaVersion = 1;

// `text` with its quotes.
std::string JsonString(std::string_view text);

// Calls must nest as the document does; values inside an object need a Key before them.
class JsonWriter {
 public:
  // Opens the outermost object, with "schema_version" in it; Finish closes it.
  JsonWriter();

  JsonWriter& BeginObject();
  JsonWriter& EndObject();
  JsonWriter& BeginArray();
  JsonWriter& EndArray();
  JsonWriter& Key(std::string_view name);

  JsonWriter& Value(std::string_view text);
  JsonWriter& Value(const char* text) { return Value(std::string_view(text)); }
  JsonWriter& Value(bool value) { return Raw(value ? "true" : "false"); }
  template <std::integral Integer>
  JsonWriter& Value(Integer value) {
    return Raw(std::to_string(value));
  }
  // The shortest text that reads back as the same double; null for what is no number.
  JsonWriter& Value(double value);
  JsonWriter& Null() { return Raw("null"); }
  // A JSON value's text as it is, on one line.
  JsonWriter& JsonValue(std::string_view json);

  template <typename T>
  JsonWriter& Field(std::string_view name, const T& value) {
    return Key(name).Value(value);
  }
  // A path as field `name`; where it is not UTF-8, also its exact bytes as field `name`_hex.
  JsonWriter& PathField(std::string_view name, std::string_view path);

  // The document with a line end. The writer is used up.
  std::string Finish();

 private:
  JsonWriter& Raw(std::string_view text);
  void Separate();

  std::string text_;
  std::vector<char> closers_;
  bool needs_comma_ = false;
};

}  // namespace intact::cli
