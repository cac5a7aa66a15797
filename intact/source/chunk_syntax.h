// From a syntax tree to an outline. Internal to the module.
#pragma once

#include <tree_sitter/api.h>

#include <map>
#include <string_view>

#include "intact/source/chunk_grammar.h"
#include "intact/source/chunk_lines.h"
#include "intact/source/chunk_outline.h"

namespace intact::source {

// Texts above this are not parsed: a tree takes some ten times its text in memory.
inline constexpr size_t kParseSizeMax = size_t{1} << 20;
// Nor texts with longer lines: lexers look ahead to the line's end again and again where a quote is
// open.
inline constexpr uint32_t kParseLineMax = 20'000;

// Parses and outlines texts. Not thread-safe.
class SyntaxOutliner {
 public:
  SyntaxOutliner();
  ~SyntaxOutliner();
  SyntaxOutliner(const SyntaxOutliner&) = delete;
  SyntaxOutliner& operator=(const SyntaxOutliner&) = delete;

  // Fills `outline`; false when the language has no grammar, or the text is too large or too far
  // from the grammar to be parsed in linear time.
  bool Run(Language language, const Lines& lines, Outline& outline);

 private:
  const Grammar& GrammarOf(Language language);

  TSParser* parser_;
  std::map<Language, Grammar> grammars_;
};

}  // namespace intact::source
