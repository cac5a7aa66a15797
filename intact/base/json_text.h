// Strict JSON (RFC 8259) that keeps exact texts: a scanner that says where a value's text begins
// and ends, and the few conversions that readers of files need. No tree, no recursion, no copies.
// Texts borrow from what was given. Thread-compatible values.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace intact::base {

// Arrays and objects within each other in one value.
inline constexpr size_t kJsonDepthMax = 64;

// Moves forward over tokens, skipping blanks before each. A Take returns false when something else
// stands there; position() is then where it was noticed and the scanner is of no further use,
// except after Take(c), which moves only when it returns true.
class JsonScanner {
 public:
  explicit JsonScanner(std::string_view text) : text_(text) {}

  // The next character that is no blank, not taken; 0 at the end.
  char Peek() {
    SkipBlanks();
    return position_ < text_.size() ? text_[position_] : '\0';
  }
  bool Take(char c) {
    if (Peek() != c || position_ == text_.size()) return false;
    ++position_;
    return true;
  }
  // With its quotes; escapes are checked, not decoded.
  bool TakeString(std::string_view& text);
  // Any value, to its end; `depth`, when given, becomes the depth of its arrays and objects.
  bool TakeValue(std::string_view& text, size_t* depth = nullptr);
  bool AtEnd() {
    SkipBlanks();
    return position_ == text_.size();
  }
  size_t position() const { return position_; }

 private:
  void SkipBlanks() {
    while (position_ < text_.size() && IsBlank(text_[position_])) ++position_;
  }
  static bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
  bool SkipDigits();
  bool SkipNumber();
  bool SkipString();
  bool SkipScalar();
  bool SkipName();

  std::string_view text_;
  size_t position_ = 0;
};

// Whether `text` is one JSON object in UTF-8, blanks around it allowed.
bool IsJsonObject(std::string_view text);

// Of a string as TakeString gives it; nullopt when an escape is half of a surrogate pair.
std::optional<std::string> DecodeJsonString(std::string_view quoted);

// `text`, which is UTF-8, as a string with quotes.
void AppendJsonString(std::string_view text, std::string& out);

}  // namespace intact::base
