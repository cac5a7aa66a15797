#include "intact/source/chunk_headings.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "intact/source/chunk.h"

namespace intact::source {
namespace {

constexpr size_t kTitleSizeMax = 100;

struct Heading {
  uint32_t line = 0;
  uint32_t level = 1;
  std::string title;
};

std::string_view Trim(std::string_view text) {
  const auto is_space = [](char c) { return c == ' ' || (c >= '\t' && c <= '\r'); };
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

// A title for people: without the signs of markup, and not without end.
std::string Title(std::string_view written) {
  std::string title;
  for (const char c : Trim(written)) {
    if (c != '`' && c != '*' && static_cast<unsigned char>(c) >= ' ') title += c;
  }
  if (title.size() > kTitleSizeMax) {
    size_t end = kTitleSizeMax;
    while (end > 0 && (static_cast<uint8_t>(title[end]) & 0xC0) == 0x80) --end;
    title.resize(end);
    title += "…";
  }
  return title;
}

// How many times its first sign a line repeats, when it holds nothing else; 0 otherwise.
size_t RuleSize(std::string_view line) {
  line = Trim(line);
  if (line.empty() || line.find_first_not_of(line.front()) != std::string_view::npos) return 0;
  return line.size();
}

// Tells which lines of Markdown lie in fenced code.
class Fence {
 public:
  // True for the fences themselves, too.
  bool Covers(std::string_view line) {
    const size_t indent = line.find_first_not_of(' ');
    if (indent > 3) return size_ > 0;  // npos too: a line of blanks.
    line.remove_prefix(indent);
    const char sign = line.front();
    const size_t size = std::min(line.find_first_not_of(sign), line.size());
    const std::string_view rest = line.substr(size);
    if (size_ == 0) {
      const bool opens = size >= 3 && (sign == '~' || (sign == '`' && rest.find('`') == rest.npos));
      if (!opens) return false;
      sign_ = sign;
      size_ = size;
    } else if (sign == sign_ && size >= size_ && Trim(rest).empty()) {
      size_ = 0;
    }
    return true;
  }

 private:
  char sign_ = 0;
  size_t size_ = 0;  // 0: outside.
};

// `## Title ##`
std::optional<Heading> HashHeading(std::string_view line, uint32_t number) {
  const size_t indent = line.find_first_not_of(' ');
  if (indent > 3) return std::nullopt;  // npos too: a line of blanks.
  line.remove_prefix(indent);
  const size_t level = std::min(line.find_first_not_of('#'), line.size());
  if (level == 0 || level > 6) return std::nullopt;
  line.remove_prefix(level);
  if (!line.empty() && !Trim(line.substr(0, 1)).empty()) return std::nullopt;  // "#tag"
  line = Trim(line);
  while (line.ends_with('#')) line.remove_suffix(1);
  return Heading{number, static_cast<uint32_t>(level), Title(line)};
}

// The line after a block of settings between "---" lines at the top, 0 without one.
uint32_t FrontMatterEnd(const Lines& lines) {
  if (lines.count() == 0 || Trim(lines.text(0)) != "---") return 0;
  for (uint32_t line = 1; line < std::min(lines.count(), 200u); ++line) {
    const std::string_view text = Trim(lines.text(line));
    if (text == "---" || text == "...") return line + 1;
  }
  return 0;
}

// Adds a section per heading, and the paragraphs of those too heavy for one chunk.
// `starts_paragraph[i]`: line i may begin a chunk.
void AddSections(const Lines& lines, const std::vector<Heading>& headings,
                 const std::vector<bool>& starts_paragraph, Outline& outline) {
  std::vector<std::pair<uint32_t, uint32_t>> above;  // Level and symbol of the headings around.
  const auto add_section = [&](uint32_t first, uint32_t end, const Atom& atom, uint32_t number) {
    outline.AddAtom(atom);
    if (lines.Weight(first, end) <= kChunkSizeMax) return;
    outline.atoms.back().inside = number;
    for (uint32_t line = first + 1; line < end; ++line) {
      if (!starts_paragraph[line]) continue;
      outline.AddAtom({line, atom.symbol, number, Atom::Kind::kPlain, false});
    }
  };
  const uint32_t first_heading = headings.empty() ? lines.count() : headings.front().line;
  if (first_heading > 0) add_section(0, first_heading, {}, 1);
  for (size_t i = 0; i < headings.size(); ++i) {
    const Heading& heading = headings[i];
    while (!above.empty() && above.back().first >= heading.level) above.pop_back();
    const uint32_t parent = above.empty() ? 0 : above.back().second;
    const bool is_named = !heading.title.empty();
    const uint32_t symbol = is_named ? outline.AddSymbol(parent, heading.title) : parent;
    above.emplace_back(heading.level, symbol);
    const uint32_t end = i + 1 < headings.size() ? headings[i + 1].line : lines.count();
    add_section(heading.line, end, {heading.line, symbol, 0, Atom::Kind::kOpening, is_named},
                static_cast<uint32_t>(i) + 2);
  }
}

}  // namespace

void OutlineMarkdown(const Lines& lines, Outline& outline) {
  outline.Clear(" > ");
  std::vector<Heading> headings;
  std::vector<bool> starts_paragraph(lines.count(), false);
  Fence fence;
  bool is_text_above = false;  // The line above is one that can be underlined.
  for (uint32_t line = FrontMatterEnd(lines); line < lines.count(); ++line) {
    const std::string_view text = lines.text(line);
    if (fence.Covers(text)) {
      is_text_above = false;
      continue;
    }
    const bool is_blank = lines.IsBlank(line);
    starts_paragraph[line] = !is_blank && line > 0 && lines.IsBlank(line - 1);
    if (auto heading = HashHeading(text, line)) {
      headings.push_back(std::move(*heading));
      is_text_above = false;
      continue;
    }
    const std::string_view trimmed = Trim(text);
    const bool is_underline =
        is_text_above && RuleSize(text) > 0 && lines.Indent(line) < 4 &&
        (trimmed.front() == '=' || (trimmed.front() == '-' && trimmed.size() > 1));
    if (is_underline && (headings.empty() || headings.back().line < line - 1)) {
      headings.push_back({line - 1, trimmed.front() == '=' ? 1u : 2u, Title(lines.text(line - 1))});
      is_text_above = false;
      continue;
    }
    // Items, tables and quotes above a rule are not its title, nor is the last line of a longer
    // paragraph.
    is_text_above = !is_blank && lines.Indent(line) < 4 && (line == 0 || lines.IsBlank(line - 1)) &&
                    std::string_view("-*+>|<").find(trimmed.front()) == std::string_view::npos;
  }
  AddSections(lines, headings, starts_paragraph, outline);
}

void OutlineRst(const Lines& lines, Outline& outline) {
  static constexpr std::string_view kSigns = "=-`:.'\"~^_*+#<>";
  outline.Clear(" > ");
  std::vector<Heading> headings;
  std::vector<bool> starts_paragraph(lines.count(), false);
  std::string styles;  // Sign and overlined or not, two bytes each, by level.
  for (uint32_t line = 0; line < lines.count(); ++line) {
    const bool is_blank = lines.IsBlank(line);
    starts_paragraph[line] =
        !is_blank && line > 0 && lines.IsBlank(line - 1) && lines.Indent(line) == 0;
    const size_t rule = RuleSize(lines.text(line));
    if (rule < 3 || line == 0 || lines.Indent(line) > 0 || lines.IsBlank(line - 1)) continue;
    const char sign = lines.text(line).front();
    const std::string_view title = Trim(lines.text(line - 1));
    if (kSigns.find(sign) == std::string_view::npos || RuleSize(title) == title.size()) continue;
    if (title.size() > rule + 2) continue;
    const bool has_overline =
        line > 1 && RuleSize(lines.text(line - 2)) >= 3 && lines.text(line - 2).front() == sign;
    if (!has_overline && line > 1 && !lines.IsBlank(line - 2)) continue;
    const std::string style = {sign, has_overline ? 'o' : '-'};
    size_t level = 0;
    while (level < styles.size() && styles.compare(level, 2, style) != 0) level += 2;
    if (level == styles.size()) styles += style;
    const uint32_t first = line - (has_overline ? 2 : 1);
    if (!headings.empty() && headings.back().line >= first) continue;
    headings.push_back({first, static_cast<uint32_t>(level / 2) + 1, Title(title)});
  }
  AddSections(lines, headings, starts_paragraph, outline);
}

}  // namespace intact::source
