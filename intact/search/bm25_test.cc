// Goal: BM25 as published, and the same scores however chunks lie in segments.
#include "intact/search/bm25.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace intact::search {
namespace {

struct Built {
  base::Bytes catalog_bytes, postings_bytes;
  format::CatalogView catalog;
  format::PostingsView postings;
  Bitmap live;
};

Built Build(const std::vector<std::map<uint64_t, uint32_t>>& chunks) {
  Built built;
  format::CatalogBuilder catalog;
  format::PostingsBuilder postings;
  catalog.AddFile({.path = "f"});
  for (const auto& terms : chunks) {
    std::vector<format::TermCount> list;
    uint32_t length = 0;
    for (const auto& [hash, count] : terms) {
      list.push_back({hash, count});
      length += count;
    }
    postings.AddChunk(catalog.AddChunk({.row = 0, .term_count = length}), list);
  }
  built.catalog_bytes = catalog.Finish();
  built.postings_bytes = postings.Finish(static_cast<uint32_t>(chunks.size()));
  built.catalog = *format::CatalogView::Parse(built.catalog_bytes);
  built.postings = *format::PostingsView::Parse(built.postings_bytes);
  built.live = Bitmap(chunks.size());
  built.live.AddRange(0, chunks.size());
  return built;
}

TextSegment Segment(const Built& built) {
  return {&built.catalog, &built.postings, &built.live, &built.live};
}

TEST(ScoreBm25, FollowsTheFormula) {
  const Built built = Build({{{1, 2}, {2, 2}}, {{2, 1}}, {{3, 3}}});
  const TextSegment segments[] = {Segment(built)};
  const QueryTerm terms[] = {{1, 1}, {99, 1}};
  const TextScores scores = ScoreBm25(segments, {3, 8}, terms);
  const double idf = std::log(1 + (3 - 1 + 0.5) / 1.5);
  const double norm = 1.2 * (0.25 + 0.75 * 4 / (8.0 / 3));
  EXPECT_FLOAT_EQ(scores.scores[0][0], static_cast<float>(idf * 2 * 2.2 / (2 + norm)));
  EXPECT_EQ(scores.scores[0][1], 0);
  EXPECT_DOUBLE_EQ(scores.idf[0], idf);
  EXPECT_EQ(scores.idf[1], 0);
}

TEST(ScoreBm25, DoesNotDependOnSegmentsOrDeadChunks) {
  const std::vector<std::map<uint64_t, uint32_t>> chunks = {
      {{1, 1}, {2, 3}}, {{1, 4}}, {{2, 1}, {5, 1}}};
  const Built whole = Build(chunks);
  const Built first = Build({chunks[0], {{1, 9}, {2, 9}}});
  Built second = Build({chunks[1], chunks[2]});
  Bitmap live(2);
  live.Add(0);  // The second chunk of `first` is dead.
  const TextSegment one[] = {Segment(whole)};
  const TextSegment two[] = {{&first.catalog, &first.postings, &live, &live}, Segment(second)};
  const QueryTerm terms[] = {{1, 1}, {2, 0.5}};
  const TextScores a = ScoreBm25(one, {3, 10}, terms);
  const TextScores b = ScoreBm25(two, {3, 10}, terms);
  EXPECT_EQ(a.scores[0][0], b.scores[0][0]);
  EXPECT_EQ(b.scores[0][1], 0);
  EXPECT_EQ(a.scores[0][1], b.scores[1][0]);
  EXPECT_EQ(a.scores[0][2], b.scores[1][1]);
  EXPECT_DOUBLE_EQ(a.mean, b.mean);
}

TEST(ScoreBm25, CoversAFileByAllOfItsAllowedChunks) {
  // All chunks of `Build` are of one file.
  const Built built = Build({{{1, 1}}, {{2, 1}, {1, 1}}, {{3, 1}}});
  Bitmap allowed(3);
  allowed.AddRange(0, 2);
  const TextSegment segments[] = {{&built.catalog, &built.postings, &built.live, &allowed}};
  const QueryTerm terms[] = {{1, 1}, {2, 1}, {3, 1}, {99, 1}};
  const TextScores scores = ScoreBm25(segments, {3, 4}, terms);
  ASSERT_EQ(scores.file_coverage[0].size(), 1u);
  const double total = scores.idf[0] + scores.idf[1] + scores.idf[2];
  EXPECT_FLOAT_EQ(scores.file_coverage[0][0],
                  static_cast<float>((scores.idf[0] + scores.idf[1]) / total));
  EXPECT_FLOAT_EQ(scores.coverage[0][0], static_cast<float>(scores.idf[0] / total));
}

}  // namespace
}  // namespace intact::search
