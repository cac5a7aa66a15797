#include "apps/cli/text.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "intact/base/utf8.h"

namespace intact::cli {
namespace {

constexpr size_t kTabWidth = 8;
constexpr size_t kQuotedWidthMax = 60;

constexpr auto kStopWords = std::to_array<std::string_view>(
    {"and",  "are",   "but",   "can",  "does", "for",  "from", "has", "how",
     "into", "its",   "not",   "that", "the",  "then", "this", "was", "what",
     "when", "where", "which", "who",  "why",  "with", "you"});

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

char LowerAscii(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool SteersTerminal(char32_t value) {
  if (value == '\t') return false;
  return value < 0x20 || (value >= 0x7F && value < 0xA0) || (value >= 0x202A && value <= 0x202E) ||
         (value >= 0x2066 && value <= 0x2069);
}

void AppendHex(std::string& target, char32_t value, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
    target += "0123456789abcdef"[(value >> shift) & 15];
  }
}

void AppendEscaped(std::string& target, char32_t value) {
  switch (value) {
    case '\n':
      target += "\\n";
      return;
    case '\r':
      target += "\\r";
      return;
    default:
      target += value < 0x80 ? "\\x" : "\\u";
      AppendHex(target, value, value < 0x80 ? 2 : 4);
  }
}

// Most of what Unicode calls wide (UAX #11), in blocks; and combining marks, which take no column.
size_t WidthOf(char32_t value) {
  if ((value >= 0x0300 && value <= 0x036F) || (value >= 0x200B && value <= 0x200F) ||
      (value >= 0xFE00 && value <= 0xFE0F)) {
    return 0;
  }
  const bool is_wide =
      (value >= 0x1100 && value <= 0x115F) || (value >= 0x2E80 && value <= 0xA4CF) ||
      (value >= 0xAC00 && value <= 0xD7A3) || (value >= 0xF900 && value <= 0xFAFF) ||
      (value >= 0xFE30 && value <= 0xFE6F) || (value >= 0xFF00 && value <= 0xFF60) ||
      (value >= 0xFFE0 && value <= 0xFFE6) || (value >= 0x1F300 && value <= 0x1F64F) ||
      (value >= 0x1F900 && value <= 0x1F9FF) || (value >= 0x20000 && value <= 0x3FFFD);
  return is_wide ? 2 : 1;
}

size_t Advance(size_t column, char32_t value) {
  return value == '\t' ? (column / kTabWidth + 1) * kTabWidth : column + WidthOf(value);
}

}  // namespace

std::string Printable(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    const base::CodePoint point = base::DecodeUtf8(text);
    if (SteersTerminal(point.value)) {
      AppendEscaped(result, point.value);
    } else {
      base::AppendUtf8(point.value, result);
    }
    text.remove_prefix(point.size);
  }
  return result;
}

size_t DisplayWidth(std::string_view text) {
  size_t column = 0;
  while (!text.empty()) {
    const base::CodePoint point = base::DecodeUtf8(text);
    column = Advance(column, point.value);
    text.remove_prefix(point.size);
  }
  return column;
}

std::string ClipToWidth(std::string_view text, size_t width) {
  if (DisplayWidth(text) <= width) return std::string(text);
  if (width == 0) return "";
  size_t column = 0;
  size_t size = 0;
  while (size < text.size()) {
    const base::CodePoint point = base::DecodeUtf8(text.substr(size));
    column = Advance(column, point.value);
    if (column > width - 1) break;
    size += point.size;
  }
  return std::string(text.substr(0, size)) + "…";
}

std::vector<std::string> QueryWords(std::string_view query) {
  constexpr size_t kWordSizeMin = 3;
  std::vector<std::string> words;
  std::string word;
  const auto end_word = [&] {
    const bool is_stop_word =
        std::find(kStopWords.begin(), kStopWords.end(), word) != kStopWords.end();
    if (word.size() >= kWordSizeMin && !is_stop_word) words.push_back(word);
    word.clear();
  };
  for (const char c : query) {
    if (IsWordByte(c)) {
      word += LowerAscii(c);
    } else {
      end_word();
    }
  }
  end_word();
  // Longest first, so that "indexes" is marked whole where "index" is a word too.
  std::stable_sort(words.begin(), words.end(),
                   [](const auto& a, const auto& b) { return a.size() > b.size(); });
  return words;
}

std::vector<std::pair<size_t, size_t>> FindWords(std::string_view line,
                                                 const std::vector<std::string>& words) {
  std::string lower(line);
  std::transform(lower.begin(), lower.end(), lower.begin(), LowerAscii);
  std::vector<std::pair<size_t, size_t>> ranges;
  for (size_t i = 0; i < lower.size();) {
    const auto word = std::find_if(words.begin(), words.end(), [&](const std::string& candidate) {
      return lower.compare(i, candidate.size(), candidate) == 0;
    });
    if (word == words.end()) {
      ++i;
      continue;
    }
    ranges.emplace_back(i, i + word->size());
    i += word->size();
  }
  return ranges;
}

std::string Quoted(std::string_view text) {
  return "\"" + ClipToWidth(Printable(text), kQuotedWidthMax) + "\"";
}

std::vector<std::string_view> SplitLines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

}  // namespace intact::cli
