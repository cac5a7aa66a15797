// Goal: results read well, and a file's content cannot break out of them.
#include "apps/cli/hits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace intact::cli {
namespace {

using ::testing::HasSubstr;

engine::SearchResponse OneHit(std::string path, std::string text) {
  engine::SearchHit hit;
  hit.path = std::move(path);
  hit.text = std::move(text);
  hit.first_line = 9;
  hit.last_line = 12;
  hit.symbol = "Retry::Delay";
  hit.score = 1.23456;
  engine::SearchResponse response;
  response.hits.push_back(std::move(hit));
  return response;
}

TEST(PrintHits, ShowsPathLinesSymbolScoreAndText) {
  Output output(nullptr);
  PrintHits(output, OneHit("a.cc", "\n\nint x;\n\n\tint y;\r\n"), {.root = "/r"});
  EXPECT_EQ(output.text(),
            "/r/a.cc:9-12  Retry::Delay  1.235\n"
            "  11  int x;\n"
            "  12  \n"
            "  13  \tint y;\n");
}

TEST(PrintHits, ShowsAtMostTheLinesAskedFor) {
  Output few(nullptr);
  PrintHits(few, OneHit("a.cc", "1\n2\n\n4\n5\n"), {.root = "/r", .line_count_max = 3});
  EXPECT_EQ(few.text(), "/r/a.cc:9-12  Retry::Delay  1.235\n   9  1\n  10  2\n");
  Output none(nullptr);
  PrintHits(none, OneHit("a.cc", "1\n2\n"), {.root = "/r", .line_count_max = 0});
  EXPECT_EQ(none.text(), "/r/a.cc:9-12  Retry::Delay  1.235\n");
}

TEST(PrintHits, LetsNothingSteerTheTerminal) {
  Output output(nullptr);
  PrintHits(output, OneHit("a\n\x1b[2J.cc", "\x1b]0;owned\x07\n"), {.root = "/r"});
  EXPECT_THAT(output.text(), HasSubstr("/r/a\\n\\x1b[2J.cc:9-12"));
  EXPECT_EQ(output.text().find('\x1b'), std::string::npos);
}

TEST(PrintHits, MarksTheQueryInColour) {
  Output output(nullptr);
  output.set_color(true);
  PrintHits(output, OneHit("a.cc", "int retryDelay;\n"), {.root = "/r", .query = "the retry"});
  EXPECT_THAT(output.text(), HasSubstr("int \x1b[1;31mretry\x1b[0mDelay;"));
}

TEST(PrintHits, ClipsLinesOnATerminal) {
  Output output(nullptr, true, 20);
  PrintHits(output, OneHit("a.cc", std::string(100, 'x')), {.root = "/r"});
  EXPECT_THAT(output.text(), HasSubstr("\n   9  xxxxxxxxxxxxx…\n"));
}

TEST(PrintHits, SaysWhatChangedAndWhatAScoreIsMadeOf) {
  engine::SearchResponse response = OneHit("a.cc", "");
  response.hits[0].is_stale = true;
  response.hits[0].signals = {{.name = "vector", .value = 0.5, .weight = 2}};
  response.hits.push_back(response.hits[0]);
  Output output(nullptr);
  PrintHits(output, response, {.root = "/r", .shows_signals = true});
  const std::string hit =
      "/r/a.cc:9-12  Retry::Delay  1.235  (changed since indexed)\n"
      "  vector 0.5000 x 2.0000 = 1.0000\n";
  EXPECT_EQ(output.text(), hit + "\n" + hit);
}

TEST(WriteHit, LeavesOutSignalsThatWereNotAskedFor) {
  JsonWriter json;
  WriteHit(json, OneHit("a.cc", "x").hits[0]);
  EXPECT_EQ(json.Finish(),
            "{\"schema_version\":1,\"path\":\"a.cc\",\"first_line\":9,\"last_line\":12,"
            "\"language\":\"\",\"symbol\":\"Retry::Delay\",\"score\":1.23456,\"is_stale\":false,"
            "\"text\":\"x\"}\n");
}

}  // namespace
}  // namespace intact::cli
