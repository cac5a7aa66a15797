// Goal: catalog, postings and index state come back as they were written, merge as documented, and
// refuse damage. Method: small literal cases and random ones against plain containers.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "intact/format/catalog.h"
#include "intact/format/index_state.h"
#include "intact/format/postings.h"

namespace intact::format {
namespace {

std::vector<std::pair<uint32_t, uint32_t>> Walk(PostingList list) {
  std::vector<std::pair<uint32_t, uint32_t>> result;
  for (Posting posting; list.Next(posting);) result.emplace_back(posting.chunk, posting.count);
  return result;
}

TEST(Catalog, ReturnsWhatWasAdded) {
  CatalogBuilder builder;
  builder.AddFile({.path = "a\n.c",
                   .size = 9,
                   .mtime_ns = -5,
                   .ctime_ns = 6,
                   .inode = 7,
                   .language = 1,
                   .flags = 1});
  builder.AddChunk({.row = 1ull << 40,
                    .begin = 1,
                    .end = 5,
                    .first_line = 1,
                    .last_line = 2,
                    .symbol = "f",
                    .definitions = "f g",
                    .term_count = 3});
  builder.AddChunk({.row = 2});
  builder.AddFile({.path = "empty"});
  const base::Bytes bytes = builder.Finish();
  const auto view = CatalogView::Parse(bytes);
  ASSERT_TRUE(view.ok());
  ASSERT_EQ(view->file_count(), 2u);
  ASSERT_EQ(view->chunk_count(), 2u);
  const FileEntry file = view->file(0);
  EXPECT_EQ(file.path, "a\n.c");
  EXPECT_EQ(file.mtime_ns, -5);
  EXPECT_EQ(file.chunk_count, 2u);
  EXPECT_EQ(view->file(1).first_chunk, 2u);
  EXPECT_EQ(view->file(1).chunk_count, 0u);
  const ChunkEntry chunk = view->chunk(0);
  EXPECT_EQ(chunk.row, 1ull << 40);
  EXPECT_EQ(chunk.symbol, "f");
  EXPECT_EQ(chunk.definitions, "f g");
  EXPECT_EQ(view->chunk_term_count(0), 3u);
  EXPECT_EQ(view->chunk_row(1), 2u);
  EXPECT_EQ(view->chunk(1).file, 0u);
}

TEST(Catalog, RefusesDamageAndBoundsEveryOffset) {
  CatalogBuilder builder;
  builder.AddFile({.path = "path"});
  builder.AddChunk({.row = 1, .symbol = "symbol"});
  const base::Bytes good = builder.Finish();
  EXPECT_EQ(CatalogView::Parse(base::ByteSpan(good).first(63)).code(), base::Code::kCorruption);
  EXPECT_EQ(CatalogView::Parse(base::ByteSpan(good).first(good.size() - 1)).code(),
            base::Code::kCorruption);
  for (size_t i = 0; i < good.size(); ++i) {
    base::Bytes bad = good;
    bad[i] ^= std::byte{0xff};
    const auto view = CatalogView::Parse(bad);
    if (!view.ok()) continue;
    for (uint32_t f = 0; f < view->file_count(); ++f) static_cast<void>(view->file(f).path.size());
    for (uint32_t c = 0; c < view->chunk_count(); ++c)
      EXPECT_LT(view->chunk(c).file, view->file_count());
  }
}

TEST(Postings, MatchAMapOverRandomChunks) {
  std::mt19937_64 random(11);
  std::map<uint64_t, std::map<uint32_t, uint32_t>> model;
  PostingsBuilder builder;
  for (uint32_t chunk = 0; chunk < 500; chunk += 1 + random() % 3) {
    std::map<uint64_t, uint32_t> terms;
    for (int i = 0; i < 30; ++i) terms[(random() % 90) * 0x9e3779b97f4a7c15ull] += 1 + random() % 3;
    std::vector<TermCount> list;
    for (const auto& [hash, count] : terms) {
      list.push_back({hash, count});
      model[hash][chunk] = count;
    }
    builder.AddChunk(chunk, list);
  }
  const base::Bytes bytes = builder.Finish(500);
  const auto view = PostingsView::Parse(bytes);
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view->term_count(), model.size());
  for (const auto& [hash, chunks] : model) {
    const std::vector<std::pair<uint32_t, uint32_t>> expected(chunks.begin(), chunks.end());
    EXPECT_EQ(Walk(view->Find(hash)), expected);
  }
  EXPECT_TRUE(Walk(view->Find(12345)).empty());
}

TEST(Postings, MergeDropsAndRenumbers) {
  PostingsBuilder first, second;
  first.AddChunk(0, std::vector<TermCount>{{1, 1}, {5, 2}});
  first.AddChunk(1, std::vector<TermCount>{{5, 1}, {9, 7}});
  second.AddChunk(0, std::vector<TermCount>{{5, 4}});
  const base::Bytes a = first.Finish(2), b = second.Finish(1);
  const PostingsInput inputs[] = {{*PostingsView::Parse(a), {kDroppedChunk, 0}},
                                  {*PostingsView::Parse(b), {1}}};
  const base::Bytes merged = MergePostings(inputs, 2);
  const auto view = PostingsView::Parse(merged);
  ASSERT_TRUE(view.ok());
  EXPECT_EQ(view->term_count(), 2u);  // Term 1 lost its only chunk.
  EXPECT_EQ(Walk(view->Find(5)), (std::vector<std::pair<uint32_t, uint32_t>>{{0, 1}, {1, 4}}));
  EXPECT_EQ(Walk(view->Find(9)), (std::vector<std::pair<uint32_t, uint32_t>>{{0, 7}}));
}

TEST(Postings, DamagedBytesGiveErrorsOrShorterLists) {
  PostingsBuilder builder;
  for (uint32_t chunk = 0; chunk < 20; ++chunk)
    builder.AddChunk(chunk, std::vector<TermCount>{{chunk % 3, chunk + 1}});
  const base::Bytes good = builder.Finish(20);
  for (size_t i = 0; i < good.size(); ++i) {
    for (const int flip : {1, 0x80, 0xff}) {
      base::Bytes bad = good;
      bad[i] ^= static_cast<std::byte>(flip);
      const auto view = PostingsView::Parse(bad);
      if (!view.ok()) continue;
      for (uint32_t t = 0; t < view->term_count(); ++t) {
        for (const auto& [chunk, count] : Walk(view->list(t)))
          EXPECT_LT(chunk, view->chunk_count());
      }
    }
  }
}

TEST(IndexState, ComesBackAndRefusesDamage) {
  IndexState state;
  state.root = "/r";
  state.files = 12;
  state.indexed_ns = 1'700'000'000'000'000'000;
  state.is_interrupted = true;
  state.skipped = {{1, 5}, {4, 9}};
  state.problems = {{"p", "cannot read"}};
  state.dead_files = {{3, {0, 1, 7}}, {9, {2}}};
  const base::Bytes bytes = state.Encode();
  const auto parsed = IndexState::Parse(bytes);
  ASSERT_TRUE(parsed.ok()) << parsed.status().ToString();
  EXPECT_EQ(*parsed, state);
  EXPECT_EQ(*IndexState::Parse({}), IndexState());
  for (size_t size = 1; size < bytes.size(); ++size)
    EXPECT_FALSE(IndexState::Parse(base::ByteSpan(bytes).first(size)).ok());
  for (size_t i = 0; i < bytes.size(); ++i) {
    base::Bytes bad = bytes;
    bad[i] = std::byte{0xff};
    static_cast<void>(IndexState::Parse(bad).ok());
  }
}

}  // namespace
}  // namespace intact::format
