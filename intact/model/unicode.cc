#include "intact/model/unicode.h"

#include <algorithm>
#include <span>

#include "intact/base/utf8.h"
#include "intact/model/unicode_tables.h"

namespace intact::model {
namespace {

// Whether a pair of `ranges` (first, last, ascending) holds `character`.
bool InRanges(std::span<const uint32_t> ranges, char32_t character) {
  const auto above = std::upper_bound(ranges.begin(), ranges.end(), character);
  // After an odd number of bounds at or below it: inside a pair. A last one equal to it counts too.
  const auto index = static_cast<size_t>(above - ranges.begin());
  return index % 2 == 1 || (index > 0 && ranges[index - 1] == character);
}

// The row of `width` values whose first is `character`; empty when there is none.
std::span<const uint32_t> RowOf(std::span<const uint32_t> table, size_t width, char32_t character) {
  size_t low = 0, high = table.size() / width;
  while (low < high) {
    const size_t middle = (low + high) / 2;
    if (table[middle * width] < character) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low * width >= table.size() || table[low * width] != character) return {};
  return table.subspan(low * width, width);
}

// Hangul syllables decompose by a formula (the Unicode standard, section 3.12).
constexpr uint32_t kHangulFirst = 0xac00, kHangulLast = 0xd7a3;
constexpr uint32_t kHangulVowels = 21, kHangulFinals = 28;

void AppendHangul(char32_t character, std::u32string& out) {
  const uint32_t index = character - kHangulFirst;
  out += static_cast<char32_t>(0x1100 + index / (kHangulVowels * kHangulFinals));
  out += static_cast<char32_t>(0x1161 + index / kHangulFinals % kHangulVowels);
  if (index % kHangulFinals != 0) out += static_cast<char32_t>(0x11a7 + index % kHangulFinals);
}

}  // namespace

std::u32string CharactersOf(std::string_view text) {
  std::u32string characters;
  characters.reserve(text.size());
  while (!text.empty()) {
    const base::CodePoint point = base::DecodeUtf8(text);
    characters += point.value;
    text.remove_prefix(point.size);
  }
  return characters;
}

bool IsOther(char32_t character) {
  return (character >= 0xd800 && character <= 0xdfff) || InRanges(kOtherRanges, character);
}

bool IsNonspacingMark(char32_t character) { return InRanges(kMarkRanges, character); }

bool IsPunctuation(char32_t character) { return InRanges(kPunctuationRanges, character); }

bool IsWhiteSpace(char32_t character) {
  return (character >= 0x9 && character <= 0xd) || character == 0x20 || character == 0x85 ||
         character == 0xa0 || character == 0x1680 || (character >= 0x2000 && character <= 0x200a) ||
         character == 0x2028 || character == 0x2029 || character == 0x202f || character == 0x205f ||
         character == 0x3000;
}

void AppendLower(char32_t character, std::u32string& out) {
  constexpr char32_t kCapitalIWithDot = 0x130, kDotAbove = 0x307;
  if (character >= 'A' && character <= 'Z') {
    out += character + 32;
  } else if (character == kCapitalIWithDot) {
    out += U'i';
    out += kDotAbove;
  } else if (character < 0x80) {
    out += character;
  } else {
    const std::span<const int32_t> runs = kLowerRuns;
    const auto code = static_cast<int32_t>(character);
    size_t low = 0, high = runs.size() / 4;  // The first run that ends at `code` or after.
    while (low < high) {
      const size_t middle = (low + high) / 2;
      if (runs[middle * 4 + 1] < code) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    const std::span<const int32_t> run =
        low < runs.size() / 4 ? runs.subspan(low * 4, 4) : runs.first(0);
    const bool is_upper = !run.empty() && code >= run[0] && (code - run[0]) % run[2] == 0;
    out += is_upper ? static_cast<char32_t>(code + run[3]) : character;
  }
}

void AppendWithoutAccents(char32_t character, std::u32string& out) {
  if (character < 0x80) {
    out += character;
  } else if (character >= kHangulFirst && character <= kHangulLast) {
    AppendHangul(character, out);
  } else if (const auto row = RowOf(kWithoutAccents, 2, character); !row.empty()) {
    out += static_cast<char32_t>(row[1]);
  } else if (const auto longer = RowOf(kWithoutAccentsLong, 4, character); !longer.empty()) {
    for (const uint32_t part : longer.subspan(1)) {
      if (part != 0) out += static_cast<char32_t>(part);
    }
  } else if (!IsNonspacingMark(character)) {
    out += character;
  }
}

}  // namespace intact::model
