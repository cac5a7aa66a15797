// Paragraphs and two-column lists in plain text, for help. Pure functions, thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace intact::cli {

// `text` as lines of at most `width` columns, each after `indent` spaces; an empty line between
// paragraphs stays one. A word longer than a line stands alone. Ends with a line end.
std::string Wrap(std::string_view text, size_t indent, size_t width);

// "  LEFT      RIGHT": RIGHT wrapped beside column `column`, on a line of its own where LEFT is too
// long.
std::string TwoColumns(std::string_view left, std::string_view right, size_t column, size_t width);

}  // namespace intact::cli
