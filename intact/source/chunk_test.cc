#include "intact/source/chunk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "intact/source/chunk_keywords.h"

namespace intact::source {
namespace {

constexpr Language kSplitLanguages[] = {
    Language::kText,       Language::kC,          Language::kCpp,      Language::kPython,
    Language::kJavaScript, Language::kTypeScript, Language::kTsx,      Language::kRust,
    Language::kGo,         Language::kJava,       Language::kMarkdown, Language::kRst,
    Language::kShell};

uint32_t CountNonWhite(std::string_view text) {
  return static_cast<uint32_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return c != ' ' && !(c >= '\t' && c <= '\r'); }));
}

// The promises of chunk.h.
void ExpectSound(const std::vector<Chunk>& chunks, std::string_view text) {
  uint32_t end = 0;
  uint32_t line = 1;
  for (const Chunk& chunk : chunks) {
    ASSERT_EQ(chunk.begin, end);
    ASSERT_GT(chunk.end, chunk.begin);
    ASSERT_LE(chunk.end, text.size());
    const std::string_view piece = text.substr(chunk.begin, chunk.end - chunk.begin);
    ASSERT_LE(CountNonWhite(piece), kChunkSizeMax);
    ASSERT_EQ(chunk.first_line, line);
    line += static_cast<uint32_t>(std::count(piece.begin(), piece.end(), '\n'));
    const bool ends_line = piece.back() == '\n';
    ASSERT_EQ(chunk.last_line, ends_line ? line - 1 : line);
    end = chunk.end;
    // Inside of a line only when that line is too long for one chunk.
    if (!ends_line && end < text.size()) {
      const size_t line_begin = text.rfind('\n', chunk.begin == 0 ? 0 : chunk.begin - 1);
      const size_t from = line_begin == text.npos || chunk.begin == 0 ? 0 : line_begin;
      ASSERT_GT(std::min(text.find('\n', chunk.begin), text.size()) - from, kChunkSizeMax);
    }
  }
  ASSERT_EQ(end, text.size());
}

std::vector<std::string> Texts(const std::vector<Chunk>& chunks, std::string_view text) {
  std::vector<std::string> texts;
  for (const Chunk& c : chunks) texts.emplace_back(text.substr(c.begin, c.end - c.begin));
  return texts;
}

TEST(Chunker, CoversEveryTextExactly) {
  std::string long_line = "x = \"";
  for (int i = 0; i < 3000; ++i) long_line += "\xE4\xB8\xAD\xE6\x96\x87";
  std::string nested;
  for (int i = 0; i < 3000; ++i) nested += "{ (";
  std::string blank(30'000, '\n');
  std::string texts[] = {"",
                         "\n",
                         "x",
                         "no end of line",
                         "a\r\nb\r\n",
                         blank,
                         long_line,
                         nested,
                         "\n\n\n",
                         std::string(20'000, 'a'),
                         std::string(20'000, ' '),
                         long_line + "\"\n" + nested + "\nint f() {}\n"};
  Chunker chunker;
  for (const Language language : kSplitLanguages) {
    for (const std::string& text : texts) {
      SCOPED_TRACE(std::string(LanguageName(language)) + ": " + text.substr(0, 20));
      const std::vector<Chunk> chunks = chunker.Split(language, text);
      ExpectSound(chunks, text);
      EXPECT_EQ(chunks.empty(), text.empty());
    }
  }
}

TEST(Chunker, CoversRandomBytesAndSplicedCode) {
  std::mt19937_64 random(7);
  const std::string_view pieces[] = {
      "{",
      "}",
      "(",
      ")",
      "\n",
      "\n\n",
      "    ",
      "def f(a):\n",
      "class A:\n",
      "fn f() ",
      "//",
      "/*",
      "*/",
      "\"",
      "`",
      "#if 1\n",
      "#endif\n",
      "int f(void)\n",
      ";\n",
      "=== \n",
      "# ",
      "```\n",
      "->",
      "template <class T>\n",
      "impl A for B ",
      "\xff",
      "\xE4\xB8\xAD",
      "func (a *B) C() ",
  };
  Chunker chunker;
  for (int round = 0; round < 12; ++round) {
    std::string noise;
    std::string code;
    while (noise.size() < 2000) noise += static_cast<char>(random());
    while (code.size() < 2000) code += pieces[random() % std::size(pieces)];
    for (const Language language : kSplitLanguages) {
      SCOPED_TRACE(std::string(LanguageName(language)) + " round " + std::to_string(round));
      ExpectSound(chunker.Split(language, noise), noise);
      ExpectSound(chunker.Split(language, code), code);
      // What was split before leaves no trace.
      EXPECT_EQ(chunker.Split(language, code), Chunker().Split(language, code));
    }
  }
}

TEST(Chunker, TextOutsideOfItsGrammarIsCutIntoWindows) {
  // Recovering from this takes the parser the square of its length; it is given up instead.
  std::string text;
  for (int i = 0; i < 60'000; ++i) text += "@a\n";
  ExpectSound(Chunker().Split(Language::kC, text), text);
}

TEST(Chunker, DeepNestingIsBounded) {
  for (const std::string_view unit : {"(", "[", "{", "namespace a {\n", "if (a) {\n", "((", "!"}) {
    std::string text;
    while (text.size() < 30'000) text += unit;
    for (const Language language : {Language::kCpp, Language::kJavaScript, Language::kRust}) {
      ExpectSound(Chunker().Split(language, text), text);
    }
  }
}

// A function of `size` lines or so.
std::string CFunction(int number, int size) {
  const std::string name = "handle_request_" + std::to_string(number);
  std::string text = "/* Answers request " + std::to_string(number) + ". */\nstatic int " + name +
                     "(struct request* request)\n{\n";
  for (int i = 0; i < size; ++i) {
    text += "    request->field_" + std::to_string(i) + " = compute_value(" +
            std::to_string(number * 100 + i) + ");\n";
  }
  return text + "    return 0;\n}\n\n";
}

TEST(Chunker, AnEditInOneFunctionLeavesOtherChunksAlone) {
  for (const int size : {2, 8, 30, 120}) {  // Merged, alone, alone, split.
    std::string before;
    std::string after;
    for (int i = 0; i < 50; ++i) {
      const std::string function = CFunction(i, size);
      before += function;
      after += i == 25 ? CFunction(25, size + 3) : function;
    }
    Chunker chunker;
    const auto old_texts = Texts(chunker.Split(Language::kC, before), before);
    const std::set<std::string> known(old_texts.begin(), old_texts.end());
    const auto new_texts = Texts(chunker.Split(Language::kC, after), after);
    const auto changed = std::count_if(new_texts.begin(), new_texts.end(),
                                       [&](const auto& text) { return known.count(text) == 0; });
    EXPECT_GE(changed, 1) << size;
    EXPECT_LE(changed, 2) << size;
  }
}

TEST(Chunker, AnInsertedLineMovesFewWindows) {
  std::string before;
  std::string after;
  for (int i = 0; i < 2000; ++i) {
    const std::string line = "entry " + std::to_string(i * 7919 % 100'003) + " of a log\n";
    before += line;
    after += i == 1000 ? "an inserted line\n" + line : line;
  }
  Chunker chunker;
  const auto old_texts = Texts(chunker.Split(Language::kText, before), before);
  const std::set<std::string> known(old_texts.begin(), old_texts.end());
  const auto new_texts = Texts(chunker.Split(Language::kText, after), after);
  const auto changed = std::count_if(new_texts.begin(), new_texts.end(),
                                     [&](const auto& text) { return known.count(text) == 0; });
  EXPECT_GT(new_texts.size(), 30u);
  EXPECT_LE(changed, 4);
}

TEST(Chunker, WindowsPreferBlankLines) {
  std::string text;
  for (int i = 0; i < 20; ++i) {
    text += "first line of block " + std::to_string(i) + "\n";
    for (int j = 0; j < 9; ++j) text += "another line of it, with some more words in it\n";
    text += "\n";
  }
  const std::vector<Chunk> chunks = Chunker().Split(Language::kText, text);
  EXPECT_GT(chunks.size(), 4u);
  for (const Chunk& chunk : chunks) {
    EXPECT_EQ(text.substr(chunk.begin, 10), "first line") << chunk.first_line;
    EXPECT_LE(chunk.last_line - chunk.first_line + 1, 50u);
  }
}

TEST(Chunker, ALongLineIsCutBetweenCharacters) {
  std::string text;
  for (int i = 0; i < 4000; ++i) text += "\xE4\xB8\xAD";
  for (const Chunk& chunk : Chunker().Split(Language::kText, text)) {
    EXPECT_EQ(chunk.begin % 3, 0u);
    EXPECT_EQ(chunk.first_line, 1u);
    EXPECT_EQ(chunk.last_line, 1u);
  }
}

TEST(NameByKeyword, FindsWhatALineDefines) {
  struct Case {
    std::string_view line, name;
  };
  for (const Case& c : std::vector<Case>{
           {"fun <T> List<T>.head(): T = this[0]", "head"},
           {"  @JvmStatic(\"x\") public inline fun <reified T : Any> of(t: T)", "of"},
           {"  private[this] def encode[T](value: T): Bytes = {", "encode"},
           {"enum class Color(val rgb: Int) {", "Color"},
           {"case object Empty extends Tree", "Empty"},
           {"public static function make_zip($a) {", "make_zip"},
           {"function M.read:line(a)", "line"},
           {"func (s *Server) Accept() {", ""},
           {"def self.parse(text)", "parse"},
           {"class of things, said the comment", "of"},
           {"// a class of things", ""},
           {"val type = 1", ""},
           {"return function(a)", ""},
           {"fun", ""},
           {"", ""},
           {"fun <T", ""},
       }) {
    EXPECT_EQ(NameByKeyword(c.line), c.name) << c.line;
  }
}

TEST(Chunker, NamesDefinitionsWithoutAGrammar) {
  Chunker chunker;
  const std::string text = "class Store {\n  fun open() = 1\n  fun close() = 2\n}\n";
  const std::vector<Chunk> chunks = chunker.Split(Language::kKotlin, text);
  ASSERT_EQ(chunks.size(), 1u);
  EXPECT_EQ(chunks[0].definitions, "Store open close");
  EXPECT_EQ(chunks[0].symbol, "Store, open, …");
  EXPECT_EQ(chunker.Split(Language::kText, text)[0].definitions, "");
}

}  // namespace
}  // namespace intact::source
