#include "intact/source/language.h"

#include <gtest/gtest.h>

#include <string>

namespace intact::source {
namespace {

TEST(DetectLanguage, ReadsNamesExtensionsAndFirstLines) {
  const struct {
    std::string_view path;
    std::string_view text;
    Language language;
  } cases[] = {
      {"a/b.c", "", Language::kC},
      {"a.C", "", Language::kCpp},
      {"A.CPP", "", Language::kCpp},
      {"x.py", "", Language::kPython},
      {"x.d.ts", "", Language::kTypeScript},
      {"x.ts", "<?xml version='1.0'?><TS>", Language::kXml},
      {"x.tsx", "", Language::kTsx},
      {"README.md", "", Language::kMarkdown},
      {"Makefile", "", Language::kMake},
      {"GNUmakefile", "", Language::kMake},
      {"Dockerfile.debian", "", Language::kText},
      {"Dockerfile", "", Language::kDockerfile},
      {"CMakeLists.txt", "", Language::kCMake},
      {"config.h.in", "#define X 1\n", Language::kC},
      {"run", "#!/usr/bin/env python3.11\n", Language::kPython},
      {"run", "#!/usr/bin/env -S node --x\n", Language::kJavaScript},
      {"run", "#! /bin/bash -e\n", Language::kShell},
      {"vector", "// <vector> -*- C++ -*-\n", Language::kCpp},
      {"x", "# -*- mode: python; coding: utf-8 -*-\n", Language::kPython},
      {"Core", "// Eigen\n#include <x>\n", Language::kCpp},
      {"notes", "just words", Language::kText},
      {"x.unknown", "#include <x>", Language::kText},
      {"x.m", "#import <Foundation/Foundation.h>", Language::kObjectiveC},
      {"x.m", "function y = f(x)", Language::kText},
      {"", "", Language::kText},
      {"a.", "", Language::kText},
  };
  for (const auto& test : cases) {
    EXPECT_EQ(DetectLanguage(test.path, test.text), test.language) << test.path;
  }
}

TEST(DetectLanguage, DecidesHeadersByWhatTheyUse) {
  const std::string_view cpp[] = {
      "#pragma once\nnamespace a {\n}\n",
      "class A;\n",
      "int f(std::string s);\n",
      "template <class T> T f();\n",
      "struct A {\n public:\n  int a;\n};\n",
      "using A = int;\n",
  };
  for (const std::string_view text : cpp)
    EXPECT_EQ(DetectLanguage("x.h", text), Language::kCpp) << text;
  const std::string_view c[] = {
      "struct a { int class; };\n",
      "/* std::string */ int a;\n",
      "// class A {\n",
      "int template;\nint namespace(int class);\n",
      "const char* a = \"x::y\";\n",
      "#ifdef __cplusplus\nextern \"C\" {\n#endif\n",
      "",
      "/* unclosed",
      "\"unclosed",
  };
  for (const std::string_view text : c)
    EXPECT_EQ(DetectLanguage("x.h", text), Language::kC) << text;
}

TEST(LanguageName, GoesThereAndBack) {
  for (unsigned i = 0; i < kLanguageCount; ++i) {
    const auto language = static_cast<Language>(i);
    EXPECT_EQ(LanguageFromName(LanguageName(language)), language) << LanguageName(language);
  }
  EXPECT_EQ(LanguageFromName("PY"), Language::kPython);
  EXPECT_EQ(LanguageFromName("cpp"), Language::kCpp);
  EXPECT_EQ(LanguageFromName("c++"), Language::kCpp);
  EXPECT_EQ(LanguageFromName("ts"), Language::kTypeScript);
  EXPECT_EQ(LanguageFromName("golang"), Language::kGo);
  EXPECT_EQ(LanguageFromName("klingon"), std::nullopt);
  EXPECT_EQ(LanguageName(static_cast<Language>(255)), "Text");
  EXPECT_TRUE(IsCode(Language::kShell));
  EXPECT_FALSE(IsCode(Language::kMarkdown));
  EXPECT_FALSE(IsCode(static_cast<Language>(255)));
}

}  // namespace
}  // namespace intact::source
