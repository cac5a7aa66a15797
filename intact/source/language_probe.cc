#include "intact/source/language_probe.h"

#include <algorithm>

namespace intact::source {
namespace {

bool IsIdentifierByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view FirstLine(std::string_view text) { return text.substr(0, text.find('\n')); }

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

// The tokens of C-like text without comments, strings and white space.
class CTokens {
 public:
  explicit CTokens(std::string_view text) : text_(text) {}

  // An identifier, "::", or one other byte; empty at the end.
  std::string_view Next() {
    SkipBlanks();
    if (at_ >= text_.size()) return {};
    const size_t begin = at_;
    if (IsIdentifierByte(text_[at_])) {
      while (at_ < text_.size() && IsIdentifierByte(text_[at_])) ++at_;
    } else {
      at_ += text_.substr(at_, 2) == "::" ? 2 : 1;
    }
    return text_.substr(begin, at_ - begin);
  }

 private:
  void SkipBlanks() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (IsSpace(c)) {
        ++at_;
      } else if (c == '#' || text_.substr(at_, 2) == "//") {
        // Directives are left out as well: a statement may begin right after one.
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (text_.substr(at_, 2) == "/*") {
        at_ = std::min(text_.find("*/", at_ + 2), text_.size() - 2) + 2;
      } else if (c == '"' || c == '\'') {
        SkipString(c);
      } else {
        return;
      }
    }
  }

  // A string ends at its line's end at the latest, so that a stray quote costs one line.
  void SkipString(char quote) {
    for (++at_; at_ < text_.size() && text_[at_] != quote && text_[at_] != '\n'; ++at_) {
      if (text_[at_] == '\\') ++at_;
    }
    at_ = std::min(at_ + 1, text_.size());
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

std::string_view FindInterpreter(std::string_view text) {
  if (!text.starts_with("#!")) return {};
  std::string_view line = Trim(FirstLine(text).substr(2));
  std::string_view name;
  // "/usr/bin/env -S NAME=x python3 -u": the first word that is neither env, option nor assignment.
  while (!line.empty()) {
    const size_t end = std::min(line.find_first_of(" \t"), line.size());
    const std::string_view word = line.substr(0, end);
    line = Trim(line.substr(end));
    const size_t slash = word.rfind('/');
    name = slash == std::string_view::npos ? word : word.substr(slash + 1);
    if (name == "env" || word.starts_with('-') || word.find('=') != std::string_view::npos)
      continue;
    break;
  }
  while (!name.empty() && ((name.back() >= '0' && name.back() <= '9') || name.back() == '.')) {
    name.remove_suffix(1);
  }
  return name;
}

std::string_view FindModeLine(std::string_view text) {
  for (int line = 0; line < 2 && !text.empty(); ++line) {
    const std::string_view first = FirstLine(text);
    text.remove_prefix(std::min(first.size() + 1, text.size()));
    const size_t begin = first.find("-*-");
    if (begin == std::string_view::npos) continue;
    const size_t end = first.find("-*-", begin + 3);
    if (end == std::string_view::npos) continue;
    std::string_view mode = Trim(first.substr(begin + 3, end - begin - 3));
    if (mode.find(':') == std::string_view::npos) return mode;
    const size_t key = std::min(mode.find("mode:"), mode.find("Mode:"));
    if (key == std::string_view::npos) continue;
    mode = mode.substr(key + 5);
    return Trim(mode.substr(0, mode.find(';')));
  }
  return {};
}

bool LooksLikeCpp(std::string_view text) {
  CTokens tokens(text);
  std::string_view before = ";";
  std::string_view token = tokens.Next();
  while (!token.empty()) {
    const std::string_view after = tokens.Next();
    const bool names_next = !after.empty() && IsIdentifierByte(after.front());
    // C code has variables called class, template and namespace: only their places tell.
    const bool starts_statement =
        before == ";" || before == "{" || before == "}" || before == ">" || before == ":";
    if (token == "::" && names_next) return true;
    if (token == "template" && after == "<") return true;
    if ((token == "public" || token == "private" || token == "protected") && after == ":")
      return true;
    if (starts_statement && (token == "class" || token == "using") && names_next) return true;
    if (starts_statement && token == "namespace" && (names_next || after == "{")) return true;
    before = token;
    token = after;
  }
  return false;
}

bool LooksLikeHeader(std::string_view text) {
  static constexpr std::string_view kOpenings[] = {"#include <", "#include \"", "#pragma once",
                                                   "#ifndef "};
  while (!text.empty()) {
    const std::string_view line = FirstLine(text);
    for (const std::string_view opening : kOpenings) {
      if (line.starts_with(opening)) return true;
    }
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return false;
}

}  // namespace intact::source
