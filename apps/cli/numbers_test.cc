// Goal: figures read the same everywhere, at and around every step of unit.
#include "apps/cli/numbers.h"

#include <gtest/gtest.h>

#include <clocale>
#include <limits>

namespace intact::cli {
namespace {

TEST(FormatCount, GroupsByThrees) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(1000), "1,000");
  EXPECT_EQ(FormatCount(1234567), "1,234,567");
  EXPECT_EQ(FormatCount(std::numeric_limits<uint64_t>::max()), "18,446,744,073,709,551,615");
  EXPECT_EQ(FormatCount(1, "file"), "1 file");
  EXPECT_EQ(FormatCount(0, "file"), "0 files");
}

TEST(FormatBytes, NeverPrintsAThousandOfAUnit) {
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(1000), "1.0 kB");
  EXPECT_EQ(FormatBytes(999'949), "999.9 kB");
  EXPECT_EQ(FormatBytes(999'950), "1.0 MB");
  EXPECT_EQ(FormatBytes(12'345'678), "12.3 MB");
  EXPECT_EQ(FormatBytes(std::numeric_limits<uint64_t>::max()), "18.4 EB");
}

TEST(FormatSeconds, ChoosesTheUnit) {
  EXPECT_EQ(FormatSeconds(0), "0 ms");
  EXPECT_EQ(FormatSeconds(0.0854), "85 ms");
  EXPECT_EQ(FormatSeconds(0.9996), "1.00 s");
  EXPECT_EQ(FormatSeconds(59.99), "59.99 s");
  EXPECT_EQ(FormatSeconds(59.996), "1 min 00 s");
  EXPECT_EQ(FormatSeconds(65), "1 min 05 s");
  EXPECT_EQ(FormatSeconds(7380), "2 h 03 min");
  EXPECT_EQ(FormatSeconds(-1), "-");
  EXPECT_EQ(FormatSeconds(std::numeric_limits<double>::quiet_NaN()), "-");
}

TEST(FormatRate, NeedsTime) {
  EXPECT_EQ(FormatRate(12'300'000, 1), "12.3 MB/s");
  EXPECT_EQ(FormatRate(12'300'000, 0), "-");
}

TEST(FormatPercent, SaysAllOnlyOfAll) {
  EXPECT_EQ(FormatPercent(999, 1000), "99 %");
  EXPECT_EQ(FormatPercent(1000, 1000), "100 %");
  EXPECT_EQ(FormatPercent(0, 0), "100 %");
}

TEST(FormatTimestamp, IsUtc) {
  EXPECT_EQ(FormatTimestamp(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(FormatTimestamp(1'709'210'096'123'456'789), "2024-02-29T12:34:56Z");
  EXPECT_EQ(FormatTimestamp(-5), "1970-01-01T00:00:00Z");
}

TEST(FormatAge, RoundsDown) {
  constexpr int64_t kSecond = 1'000'000'000;
  EXPECT_EQ(FormatAge(0, 0), "just now");
  EXPECT_EQ(FormatAge(10 * kSecond, 0), "just now");
  EXPECT_EQ(FormatAge(0, 90 * kSecond), "90 seconds ago");
  EXPECT_EQ(FormatAge(0, 7199 * kSecond), "119 minutes ago");
  EXPECT_EQ(FormatAge(0, 7200 * kSecond), "2 hours ago");
  EXPECT_EQ(FormatAge(0, 864000 * kSecond), "10 days ago");
}

TEST(Numbers, IgnoreTheLocale) {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  std::setlocale(LC_ALL, "de_DE.UTF-8");  // Where it exists it writes 1,5.
  EXPECT_EQ(FormatFixed(1.5, 3), "1.500");
  std::setlocale(LC_ALL, before.c_str());
}

}  // namespace
}  // namespace intact::cli
