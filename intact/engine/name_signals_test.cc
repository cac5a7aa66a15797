// Goal: names are compared word by word, as far as a question's words and a name's can be the same.
#include "intact/engine/name_signals.h"

#include <gtest/gtest.h>

#include <cmath>

namespace intact::engine {
namespace {

NameSignals SignalsOf(std::string_view query) {
  const std::vector<search::QueryTerm> terms = QueryTerms(query);
  return NameSignals(query, terms, std::vector<double>(terms.size(), 1.0));
}

double ValueOf(const search::Candidate& candidate, search::SignalId id) {
  return candidate.values[static_cast<size_t>(id)];
}

TEST(NameShare, CountsWordsOfTheNameThatTheQueryHas) {
  struct Case {
    std::string_view query, name;
    double share;
  };
  const Case cases[] = {
      {"parse the header", "parseHeader", 1},
      {"parse the header", "parse_header_line", 2.0 / 3},
      {"parses headers", "ParseHeader", 1},              // By stem.
      {"get the name", "getName", 1},                    // Words of a sentence count in names.
      {"initialize the context", "ctx_init", 0.75 / 2},  // "init" begins "initialize".
      {"init the table", "initializeTable", (0.75 + 1) / 2},
      {"in the list", "insert", 0},  // Two letters begin too much.
      {"parse the header", "x", 0},  // No word of two letters.
      {"parse the header", "", 0},
      {"", "parse", 0},
      {"+ - *", "parse", 0},
  };
  for (const Case& c : cases) {
    EXPECT_DOUBLE_EQ(SignalsOf(c.query).NameShare(c.name), c.share) << c.query << " / " << c.name;
  }
}

TEST(NameSignals, TakeTheBestNameAndCountThem) {
  NameSignals signals = SignalsOf("close the socket");
  format::ChunkEntry chunk;
  chunk.definitions = "open closeSocket reset";
  chunk.symbol = "open, closeSocket, reset";
  chunk.first_line = 10;
  chunk.last_line = 25;
  chunk.term_count = 31;
  search::Candidate candidate;
  signals.Fill(chunk, "src/net/peer.cc", candidate);
  EXPECT_EQ(ValueOf(candidate, search::SignalId::kName), 1);
  EXPECT_EQ(ValueOf(candidate, search::SignalId::kNames), 2);
  EXPECT_EQ(ValueOf(candidate, search::SignalId::kLines), 4);
  EXPECT_EQ(ValueOf(candidate, search::SignalId::kLength), 5);
  EXPECT_EQ(ValueOf(candidate, search::SignalId::kAside), 0);
}

TEST(NameSignals, FindTheQueryInNamesSymbolAndFileNameTogether) {
  NameSignals signals = SignalsOf("close socket pool");  // And two pairs of words, of half weight.
  format::ChunkEntry chunk;
  chunk.definitions = "close";
  chunk.symbol = "Pool::close";
  search::Candidate candidate;
  signals.Fill(chunk, "net/socket.cc", candidate);
  EXPECT_DOUBLE_EQ(ValueOf(candidate, search::SignalId::kPlace), 3.0 / 4);
  EXPECT_DOUBLE_EQ(ValueOf(candidate, search::SignalId::kSymbol), 1.0 / 4);
  EXPECT_EQ(ValueOf(candidate, search::SignalId::kFileName), 1);
}

TEST(NameSignals, LaterPartsOfALongDefinitionHaveItsName) {
  NameSignals signals = SignalsOf("rehash step");
  format::ChunkEntry chunk;
  chunk.symbol = "Table::rehashStep";
  search::Candidate candidate;
  signals.Fill(chunk, "table.cc", candidate);
  EXPECT_EQ(ValueOf(candidate, search::SignalId::kName), 1);
  EXPECT_EQ(ValueOf(candidate, search::SignalId::kNames), 1);
}

TEST(NameSignals, ALongPageIsComparedByItsFirstWords) {
  std::string page;
  for (int i = 0; i < 5000; ++i)
    page += "w" + std::string(1, static_cast<char>('a' + i % 26)) + "x ";
  page += "zebra";
  EXPECT_EQ(SignalsOf("zebra " + page).NameShare("zebra"), 1);
  std::string distinct;
  for (char a = 'a'; a <= 'z'; ++a)
    for (char b = 'a'; b <= 'z'; ++b) distinct += {a, b, 'q', ' '};
  EXPECT_EQ(SignalsOf(distinct + "zebra").NameShare("zebra"), 0);
}

}  // namespace
}  // namespace intact::engine
