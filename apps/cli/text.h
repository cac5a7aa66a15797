// Text as a terminal may see it: control characters made visible, words marked.
// Pure functions, thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace intact::cli {

// `text` with nothing left in it that could steer a terminal: control characters but tab become
// "\n", "\x1b", "\u009b"; so do those that reorder text (U+202A-202E, U+2066-2069); bytes that are
// no UTF-8 become U+FFFD.
std::string Printable(std::string_view text);

// Columns that `text`, which is Printable, takes on a terminal; a tab counts as up to the next
// multiple of 8.
size_t DisplayWidth(std::string_view text);
// The longest beginning of `text` that fits `width` columns, with "…" where something was cut off.
std::string ClipToWidth(std::string_view text, size_t width);

// Words of a query worth marking in a result, lower case: at least three letters, no stop words.
std::vector<std::string> QueryWords(std::string_view query);
// Non-overlapping ranges [begin, end) of `line` that equal one of `words`, ASCII case ignored.
std::vector<std::pair<size_t, size_t>> FindWords(std::string_view line,
                                                 const std::vector<std::string>& words);

// `text` in double quotes for a message, Printable, cut at 60 columns.
std::string Quoted(std::string_view text);

// Lines of `text` without their ends (LF or CRLF).
std::vector<std::string_view> SplitLines(std::string_view text);

}  // namespace intact::cli
