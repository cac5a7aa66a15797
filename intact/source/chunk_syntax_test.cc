// What chunks are called, and where they begin, in small samples of every language.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "intact/source/chunk.h"

namespace intact::source {
namespace {

// Enough statements to make a function stand alone.
std::string Body(const std::string& statement, int count = 8) {
  std::string body;
  for (int i = 0; i < count; ++i) body += statement;
  return body;
}

struct Found {
  std::string symbol;
  std::string definitions;
  std::string first_line;

  bool operator==(const Found&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Found& found) {
  return out << "{\"" << found.symbol << "\", \"" << found.definitions << "\", \""
             << found.first_line << "\"}";
}

std::vector<Found> Split(Language language, const std::string& text) {
  std::vector<Found> found;
  for (const Chunk& chunk : Chunker().Split(language, text)) {
    const std::string piece = text.substr(chunk.begin, chunk.end - chunk.begin);
    found.push_back({chunk.symbol, chunk.definitions, piece.substr(0, piece.find('\n'))});
  }
  return found;
}
using Expected = std::vector<Found>;

TEST(ChunkSymbols, C) {
  const std::string body = Body("  call_something_with(argument, another_argument);\n");
  const std::string text =
      "/* Copyright someone */\n\n#include <stdio.h>\n#define LIMIT 10\n"
      "typedef struct node { int a; } node_t;\n\n"
      "/* Opens it. */\nstatic int *open_it(const char* name)\n{\n" +
      body + "}\n\n" + "void (*find_handler(int sign))(int)\n{\n" + body + "}\n";
  EXPECT_EQ(Split(Language::kC, text),
            (Expected{{"open_it", "LIMIT node_t node open_it", "/* Copyright someone */"},
                      {"find_handler", "find_handler", "void (*find_handler(int sign))(int)"}}));
}

TEST(ChunkSymbols, Cpp) {
  const std::string body = Body("    call_something_with(argument, another_argument);\n");
  const std::string text =
      "#include <string>\n\nnamespace net {\nclass Later;\n\n"
      "// Listens.\nclass Server : public Base {\n public:\n  Server() = default;\n"
      "  // Waits for one.\n  int Accept(int limit) const {\n" +
      body + "  }\n" +
      "  void Close();\n  int operator()(int) const;\n  int field_;\n};\n\n"
      "template <typename T>\nT* Server::Find(const std::vector<T>& all) {\n" +
      body + "}\n\n" + "Server::~Server() {\n" + body + "}\n}  // namespace net\n";
  EXPECT_EQ(
      Split(Language::kCpp, text),
      (Expected{{"net::Server::Accept", "Server Accept Close operator()", "#include <string>"},
                {"net::Server::Find", "Find", "template <typename T>"},
                {"net::Server::~Server", "~Server", "Server::~Server() {"}}));
}

TEST(ChunkSymbols, Python) {
  const std::string body = Body("        call_something_with(argument, another_argument)\n");
  const std::string text =
      "\"\"\"About this.\"\"\"\nimport os\nLIMIT = 10\n\n\n"
      "@register\nclass Server(Base):\n    \"\"\"Listens.\"\"\"\n\n    field = 1\n\n"
      "    # Waits.\n    @cached\n    def accept(self):\n" +
      body + "\n" + "    def close(self):\n        def inner():\n            pass\n" + body;
  EXPECT_EQ(Split(Language::kPython, text),
            (Expected{{"Server.accept", "LIMIT Server accept", "\"\"\"About this.\"\"\""},
                      {"Server.close", "close inner", "    def close(self):"}}));
}

TEST(ChunkSymbols, JavaScript) {
  const std::string body = Body("    callSomethingWith(argument, anotherArgument);\n");
  const std::string text =
      "import a from 'a';\nconst limit = 10;\n\n"
      "export default class Server extends Base {\n  /** Waits. */\n  accept() {\n" +
      body + "  }\n}\n\nexport const open = async (name) => {\n" + body + "};\n\n" +
      "exports.close = function () {\n" + body + "};\n\nServer.prototype.find = () => {\n" + body +
      "};\n";
  EXPECT_EQ(Split(Language::kJavaScript, text),
            (Expected{{"Server.accept", "limit Server accept", "import a from 'a';"},
                      {"open", "open", "export const open = async (name) => {"},
                      {"close", "close", "exports.close = function () {"},
                      {"Server.find", "find", "Server.prototype.find = () => {"}}));
}

TEST(ChunkSymbols, TypeScript) {
  const std::string body = Body("    callSomethingWith(argument, anotherArgument);\n");
  const std::string text =
      "export interface Options<T> {\n  a?: T;\n}\nexport type Name = string;\nenum Kind { A }\n\n"
      "namespace net {\n  export abstract class Server {\n    private x = 1;\n"
      "    handler = (a: number): void => {\n" +
      body + "    };\n    abstract close(): void;\n  }\n}\n";
  EXPECT_EQ(
      Split(Language::kTypeScript, text),
      (Expected{
          {"Options, Name, Kind …", "Options Name Kind Server", "export interface Options<T> {"},
          {"net.Server.handler", "handler close", "    handler = (a: number): void => {"}}));
  EXPECT_EQ(Split(Language::kTsx, "export const View: FC = () => <div>{1}</div>;\n"),
            (Expected{{"View", "View", "export const View: FC = () => <div>{1}</div>;"}}));
}

TEST(ChunkSymbols, Rust) {
  const std::string body = Body("        call_something_with(argument, another_argument);\n");
  const std::string text =
      "//! About.\nuse std::io;\nconst LIMIT: u8 = 1;\n\n"
      "/// Listens.\n#[derive(Debug)]\npub struct Server<T> {\n    a: T,\n}\n\n"
      "impl<T> Server<T> {\n    /// Waits.\n    pub fn accept(&self) -> u8 {\n" +
      body + "    }\n}\n\nmod inner {\n    pub fn open() {\n" + body + "    }\n}\n";
  EXPECT_EQ(Split(Language::kRust, text), (Expected{{"LIMIT, Server", "LIMIT Server", "//! About."},
                                                    {"Server::accept", "accept", "    /// Waits."},
                                                    {"inner::open", "open", "mod inner {"}}));
}

TEST(ChunkSymbols, Go) {
  const std::string body = Body("\tcallSomethingWith(argument, anotherArgument)\n");
  const std::string text =
      "package net\n\nimport \"fmt\"\n\nconst (\n\tA = 1\n\tB = 2\n)\n\ntype Server struct {\n\ta "
      "int\n}\n\n"
      "// Accept waits.\nfunc (s *Server[T]) Accept(x int) error {\n" +
      body + "}\n\n" + "func Open() {\n" + body + "}\n";
  EXPECT_EQ(Split(Language::kGo, text),
            (Expected{{"Server.Accept", "A B Server Accept", "package net"},
                      {"Open", "Open", "func Open() {"}}));
}

TEST(ChunkSymbols, Java) {
  const std::string body = Body("        callSomethingWith(argument, anotherArgument);\n");
  const std::string text =
      "package net;\n\nimport java.io.File;\n\n/** Listens. */\n@Singleton\npublic class Server<T> "
      "{\n"
      "    private int a;\n\n    /** Waits. */\n    @Override\n    public int accept() {\n" +
      body + "    }\n\n    enum Kind {\n        A, B\n    }\n\n    Server() {\n" + body +
      "    }\n}\n";
  EXPECT_EQ(Split(Language::kJava, text),
            (Expected{{"Server.accept", "Server accept", "package net;"},
                      {"Server.Server", "Kind Server", "    enum Kind {"}}));
}

TEST(ChunkSymbols, Markdown) {
  const std::string words = Body("Some words about how this is done, and why.\n", 10);
  const std::string text = "---\ntitle: x\n---\nIntro.\n\n# Install #\n\n" + words +
                           "\n```sh\n# not a heading\n\nmake\n```\n\n## Linux\n\n" + words +
                           "\nUse it\n======\n\n- item\n---\n" + words;
  EXPECT_EQ(Split(Language::kMarkdown, text), (Expected{{"Install", "", "---"},
                                                        {"Install > Linux", "", "## Linux"},
                                                        {"Use it", "", "Use it"}}));
}

TEST(ChunkSymbols, Rst) {
  const std::string words = Body("Some words about how this is done, and why.\n", 10);
  const std::string text =
      "=====\nTitle\n=====\n\n" + words + "\nPart\n----\n\n" + words + "\nNext\n====\n\n" + words;
  EXPECT_EQ(Split(Language::kRst, text), (Expected{{"Title", "", "====="},
                                                   {"Title > Part", "", "Part"},
                                                   {"Title > Part > Next", "", "Next"}}));
}

TEST(ChunkSymbols, WhatPrecedesALargeDefinitionStandsAloneUnlessItIsTiny) {
  const std::string body = Body("    call_something_with(argument, another_argument);\n");
  const std::string includes = Body("#include <some/longer/header/name.h>\n", 12);
  const std::string fields = Body("  int a_field_with_a_name = 0;\n", 6);
  const std::string text = includes + "\nnamespace net {\n\n// Listens.\nclass Server {\n" +
                           fields + "  void Close();\n\n  void Accept() {\n" + body +
                           "  }\n};\n}\n";
  EXPECT_EQ(Split(Language::kCpp, text),
            (Expected{{"", "", "#include <some/longer/header/name.h>"},
                      {"net::Server", "Server Close", "namespace net {"},
                      {"net::Server::Accept", "Accept", "  void Accept() {"}}));
}

TEST(ChunkSymbols, ALargeFunctionKeepsItsNameInEachPart) {
  const std::string text =
      "int small(void) { return 0; }\n\n/* Does much. */\nint large(int a)\n{\n" +
      Body("  if (call_something_with(a)) {\n    return another_thing(a);\n  }\n", 80) + "}\n";
  const std::vector<Found> found = Split(Language::kC, text);
  ASSERT_GE(found.size(), 3u);
  EXPECT_EQ(found[0].definitions, "small large");
  for (size_t i = 1; i < found.size(); ++i) {
    EXPECT_EQ(found[i].symbol, "large");
    EXPECT_EQ(found[i].definitions, "");
    EXPECT_EQ(found[i].first_line, "  if (call_something_with(a)) {");
  }
}

TEST(ChunkSymbols, SmallThingsShareAChunkAndSayWhatTheyAre) {
  std::string text;
  for (const char* name : {"A", "B", "C", "D", "E"})
    text += std::string("#define ") + name + " 1\n";
  EXPECT_EQ(Split(Language::kC, text), (Expected{{"A, B, C …", "A B C D E", "#define A 1"}}));
  EXPECT_EQ(Split(Language::kC, "#ifndef X_H\n#define X_H\nint f(void);\nstruct later;\n#endif\n"),
            (Expected{{"f", "f", "#ifndef X_H"}}));
}

TEST(ChunkSymbols, MacrosTheParserCannotPlaceDoNotBecomeNames) {
  const std::string body = Body("    call_something_with(argument, another_argument);\n");
  const std::string text = "struct A {\n  int size() const NOEXCEPT_MACRO {\n" + body + "  }\n};\n";
  const std::vector<Found> found = Split(Language::kCpp, text);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].definitions, "A size");
}

}  // namespace
}  // namespace intact::source
