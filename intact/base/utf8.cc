#include "intact/base/utf8.h"

#include <array>
#include <cstdint>

#include "intact/base/bytes.h"

namespace intact::base {

CodePoint DecodeUtf8(std::string_view text) {
  constexpr CodePoint kInvalid = {kReplacementCharacter, 1, false};
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  if (lead < 0x80) return {lead, 1, true};
  const unsigned size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < size) return kInvalid;
  char32_t value = lead & (0x7Fu >> size);
  for (unsigned i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return kInvalid;
    value = value << 6 | (byte(i) & 0x3Fu);
  }
  constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  const bool is_surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < kLeast[size] || value > 0x10FFFF || is_surrogate) return kInvalid;
  return {value, size, true};
}

void AppendUtf8(char32_t value, std::string& out) {
  if (value < 0x80) {
    out += static_cast<char>(value);
    return;
  }
  const unsigned size = value < 0x800 ? 2 : value < 0x10000 ? 3 : 4;
  constexpr std::array<unsigned char, 5> kLead = {0, 0, 0xC0, 0xE0, 0xF0};
  out += static_cast<char>(kLead[size] | value >> (6 * (size - 1)));
  for (unsigned i = size - 1; i > 0; --i) {
    out += static_cast<char>(0x80 | (value >> (6 * (i - 1)) & 0x3F));
  }
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    // Eight bytes of ASCII at once, the usual case by far.
    if (text.size() >= 8 && (Load<uint64_t>(text.data()) & 0x8080808080808080) == 0) {
      text.remove_prefix(8);
      continue;
    }
    const CodePoint point = DecodeUtf8(text);
    if (!point.is_valid) return false;
    text.remove_prefix(point.size);
  }
  return true;
}

}  // namespace intact::base
