// Goal: words that people take for one are one term, identifiers are found whole and in parts.
#include "intact/engine/terms.h"

#include <gtest/gtest.h>

#include <map>

#include "intact/model/tokeniser.h"

namespace intact::engine {
namespace {

std::map<uint64_t, uint32_t> Terms(std::string_view text) {
  TermCounter counter;
  std::map<uint64_t, uint32_t> terms;
  for (const format::TermCount& term : counter.Count(text)) terms[term.hash] = term.count;
  return terms;
}

TEST(StemHash, JoinsFormsOfOneWord) {
  const std::vector<std::vector<std::string_view>> groups = {
      {"retry", "retries", "retried", "retrying"},
      {"compute", "computes", "computed", "computing"},
      {"parse", "parses", "parsed", "parsing"},
      {"token", "tokens"},
      {"stop", "stopped", "stopping"},
      {"class", "classes"}};
  for (const auto& group : groups) {
    for (const std::string_view word : group) EXPECT_EQ(StemHash(word), StemHash(group[0])) << word;
  }
  EXPECT_NE(StemHash("bus"), StemHash("bu"));
  EXPECT_NE(StemHash("red"), StemHash("r"));
  EXPECT_NE(StemHash("string"), StemHash("str"));
}

TEST(TermCounter, CountsWordsAndWholeIdentifiers) {
  const auto terms = Terms("getUserName(get_user_name, user)");
  EXPECT_EQ(terms.at(StemHash("user")), 3u);
  EXPECT_EQ(terms.at(model::FnvHash("getusername")), 2u);
  EXPECT_EQ(Terms("x + y").size(), 0u);
}

TEST(TermCounter, GrowsAndForgets) {
  TermCounter counter;
  std::string text;
  for (int i = 0; i < 5000; ++i)
    text += "word" + std::string(1, static_cast<char>('a' + i % 26)) + std::to_string(i) + " ";
  const size_t many = counter.Count(text).size();
  EXPECT_GT(many, 5000u);
  EXPECT_EQ(counter.Count("alpha beta").size(), 2u);
  EXPECT_EQ(counter.total(), 2u);
}

TEST(QueryTerms, LeavesOutWordsThatOnlyMakeASentence) {
  EXPECT_EQ(QueryTerms("where is the delay computed").size(), 2u + 1u);  // And both as one word.
  EXPECT_EQ(QueryTerms("where is it").size(), 3u);
  EXPECT_EQ(QueryTerms("").size(), 0u);
  const auto terms = QueryTerms("retry_delay");
  ASSERT_EQ(terms.size(), 3u);
  EXPECT_EQ(terms[2].weight, 2);
}

TEST(QueryTerms, LooksForTwoWordsInARowAsOne) {
  const auto terms = QueryTerms("a skip list of the list");
  ASSERT_EQ(terms.size(), 3u);
  EXPECT_EQ(terms[2].hash, StemHash("skiplist"));
  EXPECT_EQ(terms[2].weight, 0.5);
}

}  // namespace
}  // namespace intact::engine
