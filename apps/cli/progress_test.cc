// Goal: progress fits its line, is paced by the clock, and leaves nothing behind.
#include "apps/cli/progress.h"

#include <gtest/gtest.h>

namespace intact::cli {
namespace {

class HeldClock final : public os::Clock {
 public:
  int64_t wall_ns() const override { return now_ns; }
  int64_t monotonic_ns() const override { return now_ns; }
  int64_t now_ns = 5'000'000'000;
};

constexpr ProgressFacts kHalf{.verb = "indexing",
                              .noun = "file",
                              .items_done = 1200,
                              .items_total = 2000,
                              .bytes_done = 50'000'000,
                              .bytes_total = 100'000'000,
                              .seconds = 5};

TEST(RenderBar, ShowsShareCountRateAndTimeLeft) {
  EXPECT_EQ(RenderBar(kHalf, 100),
            "indexing  [===============>              ]  50 %  1,200 of 2,000 files  10.0 MB/s  "
            "5 s left");
}

TEST(RenderBar, DropsWhatDoesNotFit) {
  EXPECT_EQ(RenderBar(kHalf, 60), "indexing  50 %  1,200 of 2,000 files  10.0 MB/s  5 s left");
  EXPECT_EQ(RenderBar(kHalf, 20), "indexing  50 %");
  EXPECT_EQ(RenderBar(kHalf, 5), "inde…");
  for (size_t width = 0; width < 120; ++width) {
    size_t columns = 0;
    for (const char c : RenderBar(kHalf, width)) columns += (c & 0xC0) != 0x80;
    EXPECT_LE(columns, width);
  }
}

TEST(RenderBar, KnowsNothingOfTimeBeforeItHasARate) {
  EXPECT_EQ(RenderBar({.verb = "indexing", .noun = "file", .items_total = 1}, 50),
            "indexing  [>                   ]  0 %  0 of 1 file");
  EXPECT_EQ(
      RenderBar({.verb = "verifying", .noun = "vector", .items_done = 1234, .seconds = 9}, 50),
      "verifying  1,234 vectors");
}

TEST(RenderBar, NeverPassesTheWhole) {
  ProgressFacts facts = kHalf;
  facts.bytes_done = 200'000'000;
  EXPECT_EQ(RenderLine(facts), "indexing: 100 %, 1,200 of 2,000 files, 40.0 MB/s");
}

TEST(RenderLine, SaysTheSameInWords) {
  EXPECT_EQ(RenderLine(kHalf), "indexing: 50 %, 1,200 of 2,000 files, 10.0 MB/s, 5 s left");
}

TEST(Progress, DrawsABarEveryTenthOfASecondAndRemovesIt) {
  HeldClock clock;
  Output output(nullptr, true, 40);
  {
    Progress progress(output, clock, ProgressStyle::kBar);
    progress.Update(kHalf);
    EXPECT_EQ(output.text(), "") << "what ends at once shows nothing";
    clock.now_ns += 200'000'000;
    progress.Update(kHalf);
    const std::string once = output.text();
    EXPECT_TRUE(once.starts_with("\rindexing  50 %")) << once;
    EXPECT_TRUE(once.ends_with("\x1b[K")) << once;
    clock.now_ns += 50'000'000;
    progress.Update(kHalf);
    EXPECT_EQ(output.text(), once);
    clock.now_ns += 50'000'000;
    progress.Update(kHalf);
    EXPECT_GT(output.text().size(), once.size());
  }
  EXPECT_TRUE(output.text().ends_with("\r\x1b[K"));
}

TEST(Progress, WritesALineEveryTwoSecondsElsewhere) {
  HeldClock clock;
  Output output(nullptr);
  Progress progress(output, clock, ProgressStyle::kLines);
  for (int i = 0; i < 50; ++i) {
    clock.now_ns += 100'000'000;
    progress.Update(kHalf);
  }
  EXPECT_EQ(output.text(),
            "indexing: 50 %, 1,200 of 2,000 files, 25.0 MB/s, 2 s left\n"
            "indexing: 50 %, 1,200 of 2,000 files, 12.5 MB/s, 4 s left\n");
}

TEST(Progress, IsSilentWhenNotWanted) {
  HeldClock clock;
  Output output(nullptr, true);
  EXPECT_EQ(ChooseProgressStyle(output, true), ProgressStyle::kNone);
  Progress progress(output, clock, ProgressStyle::kNone);
  clock.now_ns += 10'000'000'000;
  progress.Update(kHalf);
  progress.Clear();
  EXPECT_EQ(output.text(), "");
}

}  // namespace
}  // namespace intact::cli
