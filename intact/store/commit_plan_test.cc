#include "intact/store/commit_plan.h"

#include <gtest/gtest.h>

#include <random>

namespace intact::store {
namespace {

constexpr uint64_t kSteps[] = {16, 64, 256, 1024};
constexpr uint64_t kTotalMax = 4096;

TEST(ChooseMergeCount, MergesAStepOnceItIsFull) {
  const auto choose = [](std::vector<uint64_t> sizes, uint64_t size) {
    return ChooseMergeCount(sizes, size, kSteps, kTotalMax);
  };
  EXPECT_EQ(choose({}, 1), 0u);
  EXPECT_EQ(choose({1, 1}, 1), 0u);
  EXPECT_EQ(choose({1, 1, 1}, 1), 3u);
  EXPECT_EQ(choose({100, 1, 1, 1}, 1), 3u);
  EXPECT_EQ(choose({20, 20, 20, 1, 1, 1}, 16), 6u) << "what is merged counts for the next step";
  EXPECT_EQ(choose({5000, 1, 1}, 1), 0u) << "large ones stay";
  EXPECT_EQ(choose({500, 1, 1}, 1), 0u) << "a large one is no fourth small one";
  EXPECT_EQ(choose({50, 1, 50, 1, 50}, 50), 5u) << "small ones between go along";
  EXPECT_EQ(choose({2000, 1000, 1000, 1000}, 2000), 0u) << "not beyond the limit";
}

TEST(ChooseMergeCount, KeepsFewSegmentsAndCopiesEachByteAFewTimes) {
  std::mt19937 random(1);
  for (const uint64_t size_max : {1u, 5u, 300u}) {
    std::vector<uint64_t> sizes;
    uint64_t written = 0;
    uint64_t copied = 0;
    size_t most = 0;
    for (int i = 0; i < 100'000 && written < 1'000'000; ++i) {
      uint64_t size = 1 + random() % size_max;
      written += size;
      const size_t count = ChooseMergeCount(sizes, size, kSteps, kTotalMax);
      for (size_t k = 0; k < count; ++k) {
        size += sizes.back();
        copied += sizes.back();
        sizes.pop_back();
      }
      sizes.push_back(size);
      const auto small = std::count_if(sizes.begin(), sizes.end(),
                                       [](uint64_t other) { return other < kSteps[3]; });
      most = std::max(most, static_cast<size_t>(small));
    }
    EXPECT_LE(most, 8 * std::size(kSteps)) << size_max;
    EXPECT_LE(copied, (std::size(kSteps) + 2) * written) << size_max;
    EXPECT_LE(sizes.size(), written / (kSteps[3] / 4) + 8 * std::size(kSteps)) << size_max;
  }
}

}  // namespace
}  // namespace intact::store
