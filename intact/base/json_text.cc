#include "intact/base/json_text.h"

#include <algorithm>

#include "intact/base/utf8.h"

namespace intact::base {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

int HexValue(char c) {
  if (IsDigit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// What stands for itself after a backslash, decoded; 0 for 'u' and all else.
char SimpleEscape(char c) {
  switch (c) {
    case '"':
    case '\\':
    case '/':
      return c;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return '\0';
  }
}

// Four digits that are known to be hexadecimal.
uint32_t HexUnit(std::string_view digits) {
  uint32_t unit = 0;
  for (const char c : digits.substr(0, 4)) unit = unit * 16 + static_cast<uint32_t>(HexValue(c));
  return unit;
}

}  // namespace

bool JsonScanner::SkipDigits() {
  const size_t begin = position_;
  while (position_ < text_.size() && IsDigit(text_[position_])) ++position_;
  return position_ > begin;
}

bool JsonScanner::SkipNumber() {
  const auto skip = [&](char c) {
    const bool is_there = position_ < text_.size() && text_[position_] == c;
    position_ += is_there ? 1 : 0;
    return is_there;
  };
  skip('-');
  if (!skip('0') && !SkipDigits()) return false;
  if (skip('.') && !SkipDigits()) return false;
  if (!skip('e') && !skip('E')) return true;
  if (!skip('+')) skip('-');
  return SkipDigits();
}

bool JsonScanner::SkipString() {
  if (!Take('"')) return false;
  for (; position_ < text_.size(); ++position_) {
    const char c = text_[position_];
    if (c == '"') {
      ++position_;
      return true;
    }
    if (static_cast<unsigned char>(c) < 0x20) return false;
    if (c != '\\') continue;
    ++position_;
    if (position_ == text_.size()) return false;
    if (text_[position_] == 'u') {
      for (int digit = 0; digit < 4; ++digit) {
        ++position_;
        if (position_ == text_.size() || HexValue(text_[position_]) < 0) return false;
      }
    } else if (SimpleEscape(text_[position_]) == '\0') {
      return false;
    }
  }
  return false;
}

bool JsonScanner::SkipScalar() {
  const char first = Peek();
  if (first == '"') return SkipString();
  if (first == '-' || IsDigit(first)) return SkipNumber();
  for (const std::string_view word : {"true", "false", "null"}) {
    if (text_.substr(position_).starts_with(word)) {
      position_ += word.size();
      return true;
    }
  }
  return false;
}

bool JsonScanner::SkipName() {
  SkipBlanks();
  return SkipString() && Take(':');
}

bool JsonScanner::TakeString(std::string_view& text) {
  SkipBlanks();
  const size_t begin = position_;
  if (!SkipString()) return false;
  text = text_.substr(begin, position_ - begin);
  return true;
}

bool JsonScanner::TakeValue(std::string_view& text, size_t* depth_reached) {
  SkipBlanks();
  const size_t begin = position_;
  uint64_t objects = 0;  // The open arrays (0) and objects (1), the innermost in the lowest bit.
  static_assert(kJsonDepthMax <= 64);
  size_t depth = 0;
  size_t depth_max = 0;
  const auto closing = [&] { return (objects & 1) != 0 ? '}' : ']'; };
  do {
    const char first = Peek();
    if (first == '{' || first == '[') {
      if (depth == kJsonDepthMax) return false;
      ++position_;
      ++depth;
      depth_max = std::max(depth_max, depth);
      objects = objects << 1 | (first == '{' ? 1 : 0);
      if (Peek() != closing()) {
        if (first == '{' && !SkipName()) return false;
        continue;
      }
    } else if (!SkipScalar()) {
      return false;
    }
    // A value has ended, or an array or object without one is about to: no comma then, as Peek saw.
    while (depth > 0) {
      if (Take(',')) {
        if ((objects & 1) != 0 && !SkipName()) return false;
        break;
      }
      if (!Take(closing())) return false;
      objects >>= 1;
      --depth;
    }
  } while (depth > 0);
  text = text_.substr(begin, position_ - begin);
  if (depth_reached != nullptr) *depth_reached = depth_max;
  return true;
}

bool IsJsonObject(std::string_view text) {
  JsonScanner scanner(text);
  std::string_view value;
  return scanner.Peek() == '{' && scanner.TakeValue(value) && scanner.AtEnd() && IsUtf8(text);
}

std::optional<std::string> DecodeJsonString(std::string_view quoted) {
  const std::string_view text = quoted.substr(1, quoted.size() - 2);
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\\') {
      decoded += text[at];
      continue;
    }
    ++at;
    if (text[at] != 'u') {
      decoded += SimpleEscape(text[at]);
      continue;
    }
    uint32_t code_point = HexUnit(text.substr(at + 1));
    at += 4;
    if (code_point >= 0xd800 && code_point <= 0xdfff) {
      if (code_point >= 0xdc00 || !text.substr(at + 1).starts_with("\\u")) return std::nullopt;
      const uint32_t low = HexUnit(text.substr(at + 3));
      if (low < 0xdc00 || low > 0xdfff) return std::nullopt;
      code_point = 0x10000 + ((code_point - 0xd800) << 10) + (low - 0xdc00);
      at += 6;
    }
    AppendUtf8(code_point, decoded);
  }
  return decoded;
}

void AppendJsonString(std::string_view text, std::string& out) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      const auto value = static_cast<unsigned char>(c);
      out += "\\u00";
      out += kHexDigits[value >> 4];
      out += kHexDigits[value & 15];
    } else {
      out += c;
    }
  }
  out += '"';
}

}  // namespace intact::base
