#include "intact/source/chunk_keywords.h"

#include <algorithm>

namespace intact::source {
namespace {

constexpr size_t kLineSizeMax = 400;  // A definition's name stands before.
constexpr size_t kDefinitionsSizeMax = 1000;
constexpr size_t kSymbolNamesMax = 2;

constexpr Language kLanguages[] = {
    Language::kShell,  Language::kRuby,   Language::kPhp,    Language::kCSharp, Language::kKotlin,
    Language::kSwift,  Language::kScala,  Language::kLua,    Language::kPerl,   Language::kZig,
    Language::kOCaml,  Language::kElixir, Language::kJulia,  Language::kDart,   Language::kVue,
    Language::kGroovy, Language::kPascal, Language::kNim,    Language::kD,      Language::kProtobuf,
    Language::kErlang, Language::kCuda,   Language::kFortran};

constexpr std::string_view kKeywords[] = {
    "class",      "def",       "defmodule", "defp",      "enum",    "extension", "fn",
    "fun",        "func",      "function",  "interface", "message", "module",    "object",
    "proc",       "procedure", "protocol",  "record",    "service", "struct",    "sub",
    "subroutine", "trait",     "type",      "union"};

constexpr std::string_view kModifiers[] = {
    "abstract",  "actual",   "async",     "case",    "companion", "const",       "data",
    "default",   "expect",   "export",    "extern",  "external",  "fileprivate", "final",
    "implicit",  "indirect", "infix",     "inline",  "inner",     "internal",    "lazy",
    "local",     "mutating", "noinline",  "open",    "operator",  "override",    "package",
    "partial",   "private",  "protected", "pub",     "public",    "pure",        "readonly",
    "recursive", "sealed",   "static",    "suspend", "tailrec",   "transparent", "unsafe",
    "value",     "virtual"};

template <size_t kSize>
bool IsOneOf(const std::string_view (&words)[kSize], std::string_view word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$' || static_cast<unsigned char>(c) >= 0x80;
}

// Reads a line from left to right.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text.substr(0, kLineSizeMax)) {}

  void SkipBlanks() {
    while (At(' ') || At('\t')) ++position_;
  }
  bool At(char c) const { return position_ < text_.size() && text_[position_] == c; }
  bool Take(char c) {
    const bool is_there = At(c);
    position_ += is_there ? 1 : 0;
    return is_there;
  }
  std::string_view TakeName() {
    const size_t begin = position_;
    while (position_ < text_.size() && IsNameByte(text_[position_])) ++position_;
    return text_.substr(begin, position_ - begin);
  }
  // "<...>", "(...)" or "[...]", with what it holds, where one begins here.
  void SkipBracketed(char open, char close) {
    if (!At(open)) return;
    size_t depth = 0;
    for (; position_ < text_.size(); ++position_) {
      if (text_[position_] == open) ++depth;
      if (text_[position_] == close && --depth == 0) {
        ++position_;
        return;
      }
    }
  }

 private:
  std::string_view text_;
  size_t position_ = 0;
};

// The name after the keyword: of `<T> List<T>.head(` that is `head`, the last before the
// parameters.
std::string_view NameAfterKeyword(Cursor cursor) {
  cursor.SkipBlanks();
  cursor.SkipBracketed('<', '>');
  std::string_view name;
  do {
    cursor.SkipBlanks();
    cursor.Take('`');
    const std::string_view part = cursor.TakeName();
    if (part.empty()) break;
    name = part;
    cursor.SkipBracketed('<', '>');
    cursor.Take('?');
  } while (cursor.Take('.') || cursor.Take(':'));
  return name;
}

}  // namespace

std::string_view NameByKeyword(std::string_view line) {
  Cursor cursor(line);
  while (true) {
    cursor.SkipBlanks();
    if (cursor.Take('@')) {  // An annotation, with its arguments.
      while (!cursor.TakeName().empty() && cursor.Take('.')) continue;
      cursor.SkipBracketed('(', ')');
      continue;
    }
    const std::string_view word = cursor.TakeName();
    if (IsOneOf(kKeywords, word)) {
      // `fun interface`, `enum class`, `case object`.
      Cursor next = cursor;
      next.SkipBlanks();
      const bool is_double = IsOneOf(kKeywords, next.TakeName());
      if (!is_double) return NameAfterKeyword(cursor);
      continue;
    }
    if (!IsOneOf(kModifiers, word)) return "";
    cursor.SkipBracketed('(', ')');  // `pub(crate)`
    cursor.SkipBracketed('[', ']');  // `private[this]`
  }
}

void NameChunks(Language language, std::string_view text, std::vector<Chunk>& chunks) {
  if (std::find(std::begin(kLanguages), std::end(kLanguages), language) == std::end(kLanguages))
    return;
  for (Chunk& chunk : chunks) {
    size_t count = 0;
    for (size_t begin = chunk.begin; begin < chunk.end;) {
      const size_t end = std::min<size_t>(text.find('\n', begin), chunk.end);
      const std::string_view name = NameByKeyword(text.substr(begin, end - begin));
      begin = end + 1;
      if (name.empty() || chunk.definitions.size() + name.size() >= kDefinitionsSizeMax) continue;
      chunk.definitions.append(chunk.definitions.empty() ? "" : " ").append(name);
      if (count < kSymbolNamesMax)
        chunk.symbol.append(chunk.symbol.empty() ? "" : ", ").append(name);
      if (count == kSymbolNamesMax) chunk.symbol.append(", …");
      ++count;
    }
  }
}

}  // namespace intact::source
