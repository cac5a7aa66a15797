#include "apps/cli/wrap.h"

#include <algorithm>

namespace intact::cli {

std::string Wrap(std::string_view text, size_t indent, size_t width) {
  const std::string margin(indent, ' ');
  std::string result;
  std::string line;
  const auto end_line = [&] {
    if (!line.empty()) result += margin + line + "\n";
    line.clear();
  };
  while (!text.empty()) {
    const size_t size = std::min(text.find_first_of(" \n"), text.size());
    const std::string_view word = text.substr(0, size);
    const bool ends_paragraph = text.substr(size).starts_with("\n\n");
    text.remove_prefix(std::min(size + (ends_paragraph ? 2 : 1), text.size()));
    if (!line.empty() && indent + line.size() + 1 + word.size() > width) end_line();
    if (!line.empty() && !word.empty()) line += ' ';
    line += word;
    if (ends_paragraph) {
      end_line();
      result += "\n";
    }
  }
  end_line();
  return result;
}

std::string TwoColumns(std::string_view left, std::string_view right, size_t column, size_t width) {
  std::string first = "  " + std::string(left);
  std::string wrapped = Wrap(right, column, width);
  if (first.size() + 2 > column) return first + "\n" + wrapped;
  wrapped.replace(0, first.size(), first);
  return wrapped;
}

}  // namespace intact::cli
