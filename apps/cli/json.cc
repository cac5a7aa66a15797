#include "apps/cli/json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "apps/cli/text.h"
#include "intact/base/base.h"
#include "intact/base/utf8.h"

namespace intact::cli {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

void AppendJsonCodePoint(std::string& target, char32_t value) {
  switch (value) {
    case '"':
      target += "\\\"";
      return;
    case '\\':
      target += "\\\\";
      return;
    case '\n':
      target += "\\n";
      return;
    case '\r':
      target += "\\r";
      return;
    case '\t':
      target += "\\t";
      return;
    default:
      break;
  }
  // DEL and U+2028/2029 are legal, but break careless readers.
  if (value < 0x20 || value == 0x7F || value == 0x2028 || value == 0x2029) {
    target += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) target += kHexDigits[(value >> shift) & 15];
  } else {
    base::AppendUtf8(value, target);
  }
}

}  // namespace

std::string JsonString(std::string_view text) {
  std::string result = "\"";
  result.reserve(text.size() + 2);
  while (!text.empty()) {
    const base::CodePoint point = base::DecodeUtf8(text);
    AppendJsonCodePoint(result, point.value);
    text.remove_prefix(point.size);
  }
  return result += '"';
}

JsonWriter::JsonWriter() {
  BeginObject();
  Field("schema_version", kJsonSchemaVersion);
}

void JsonWriter::Separate() {
  if (needs_comma_) text_ += ',';
  needs_comma_ = true;
}

JsonWriter& JsonWriter::BeginObject() {
  Separate();
  text_ += '{';
  closers_.push_back('}');
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::EndObject() {
  INTACT_CHECK(!closers_.empty() && closers_.back() == '}');
  closers_.pop_back();
  text_ += '}';
  needs_comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::BeginArray() {
  Separate();
  text_ += '[';
  closers_.push_back(']');
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::EndArray() {
  INTACT_CHECK(!closers_.empty() && closers_.back() == ']');
  closers_.pop_back();
  text_ += ']';
  needs_comma_ = true;
  return *this;
}

JsonWriter& JsonWriter::Key(std::string_view name) {
  Separate();
  text_ += JsonString(name);
  text_ += ':';
  needs_comma_ = false;
  return *this;
}

JsonWriter& JsonWriter::Value(std::string_view text) { return Raw(JsonString(text)); }

JsonWriter& JsonWriter::Value(double value) {
  if (!std::isfinite(value)) return Raw("null");
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value);
  return Raw(std::string_view(text.data(), static_cast<size_t>(end.ptr - text.data())));
}

JsonWriter& JsonWriter::JsonValue(std::string_view json) {
  std::string line(json);
  // Within strings these are escaped, so here they are blanks between tokens.
  std::replace_if(
      line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return Raw(line);
}

JsonWriter& JsonWriter::PathField(std::string_view name, std::string_view path) {
  Field(name, path);
  if (base::IsUtf8(path)) return *this;
  std::string hex;
  for (const char c : path) {
    hex += kHexDigits[static_cast<unsigned char>(c) >> 4];
    hex += kHexDigits[static_cast<unsigned char>(c) & 15];
  }
  return Field(std::string(name) + "_hex", hex);
}

JsonWriter& JsonWriter::Raw(std::string_view text) {
  Separate();
  text_ += text;
  return *this;
}

std::string JsonWriter::Finish() {
  EndObject();
  INTACT_CHECK(closers_.empty());
  text_ += '\n';
  return std::move(text_);
}

}  // namespace intact::cli
