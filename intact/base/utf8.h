// UTF-8, taken apart and put together. Pure functions, thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace intact::base {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

struct CodePoint {
  char32_t value = 0;
  unsigned size = 1;  // Bytes it takes.
  bool is_valid = false;
};

// The first code point of `text`, which is not empty. A byte that starts no valid sequence
// (overlong forms and surrogates included) is kReplacementCharacter, invalid by itself.
CodePoint DecodeUtf8(std::string_view text);
void AppendUtf8(char32_t value, std::string& out);
bool IsUtf8(std::string_view text);

}  // namespace intact::base
