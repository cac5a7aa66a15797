#!/usr/bin/env python3
"""Writes intact/model/unicode_tables.h from this Python's own Unicode data: what BERT's normaliser asks of a character.

Usage: tools/unicode_tables.py > intact/model/unicode_tables.h
"""

import sys
import unicodedata

WIDTH_MAX = 100
CODES = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]


def ranges(belongs):
    """first, last, first, last ... of the characters that belong."""
    found = []
    for code in map(ord, filter(belongs, CODES)):
        if found and found[-1] == code - 1:
            found[-1] = code
        else:
            found += [code, code]
    return found


def lower_runs():
    """first, last, step, delta ... of the characters beyond ASCII whose lower case is one other character."""
    runs = []
    for character in CODES[0x80:]:
        code, lower = ord(character), character.lower()
        if len(lower) != 1 or lower == character:
            continue
        delta = ord(lower) - code
        step = code - runs[-1][1] if runs else 0
        if runs and runs[-1][3] == delta and step <= 2 and runs[-1][2] in (0, step):
            runs[-1][1:3] = code, step
        else:
            runs.append([code, code, 0, delta])
    return [value for first, last, step, delta in runs for value in (first, last, step or 1, delta)]


def without_accents():
    """code, what is left of its canonical decomposition without nonspacing marks ...; Hangul has a formula."""
    pairs = []
    for character in CODES[0x80:]:
        if 0xAC00 <= ord(character) <= 0xD7A3 or unicodedata.category(character) == "Mn":
            continue
        left = [part for part in unicodedata.normalize("NFD", character) if unicodedata.category(part) != "Mn"]
        if left != [character]:
            pairs.append((ord(character), [ord(part) for part in left]))
    return pairs


def table(kind, name, values, comment):
    """A constexpr array, its lines filled."""
    print(f"\n// {comment}\ninline constexpr {kind} {name}[] = {{")
    line = "   "
    for value in values:
        cell = f" {value:#x}," if value >= 0 else f" {value},"
        if len(line) + len(cell) > WIDTH_MAX:
            print(line)
            line = "   "
        line += cell
    print(line + "\n};")


def main():
    print(f"""// Made by tools/unicode_tables.py from the character database of Unicode {unicodedata.unidata_version}.
// What the tables mean: unicode.h. Ranges are pairs, first and last.
#pragma once

#include <cstdint>

namespace intact::model {{

// clang-format off""")
    table("uint32_t", "kOtherRanges", ranges(lambda c: unicodedata.category(c) in ("Cc", "Cf", "Co")),
          "Categories Cc, Cf, Co.")
    table("uint32_t", "kMarkRanges", ranges(lambda c: unicodedata.category(c) == "Mn"), "Category Mn.")
    table("uint32_t", "kPunctuationRanges", ranges(lambda c: unicodedata.category(c)[0] == "P"), "Categories P*.")
    table("int32_t", "kLowerRuns", lower_runs(), "First, last, step, and what to add for the lower case.")
    pairs = without_accents()
    table("uint32_t", "kWithoutAccents", [value for code, left in pairs if len(left) == 1 for value in (code, left[0])],
          "A character, and what is left of it without accents.")
    table("uint32_t", "kWithoutAccentsLong",
          [value for code, left in pairs if len(left) > 1 for value in (code, *(left + [0, 0])[:3])],
          "The same where two or three characters are left; 0 for none.")
    assert all(1 <= len(left) <= 3 for _code, left in pairs)
    print("// clang-format on\n\n}  // namespace intact::model")


if __name__ == "__main__":
    main()
