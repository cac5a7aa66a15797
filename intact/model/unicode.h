// What a tokeniser of prose asks of a character; the tables are made by tools/unicode_tables.py.
// Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace intact::model {

// The characters of `text`; for each byte that is no part of well-formed UTF-8,
// base::kReplacementCharacter.
std::u32string CharactersOf(std::string_view text);

bool IsOther(char32_t character);           // Categories Cc, Cf, Co, Cs: controls, formats.
bool IsNonspacingMark(char32_t character);  // Category Mn.
bool IsPunctuation(char32_t character);     // Categories P*.
bool IsWhiteSpace(char32_t character);      // The property White_Space.

// Appends the lower case; of U+0130 that is two characters.
void AppendLower(char32_t character, std::u32string& out);
// Appends the canonical decomposition without its nonspacing marks. Unlike a decomposition of the
// whole text this leaves spacing marks in their order.
void AppendWithoutAccents(char32_t character, std::u32string& out);

}  // namespace intact::model
