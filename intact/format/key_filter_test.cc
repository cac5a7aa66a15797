#include "intact/format/key_filter.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <random>
#include <set>

namespace intact::format {
namespace {

using base::Code;

std::vector<uint64_t> Hashes(size_t count, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<uint64_t> hashes(count);
  for (uint64_t& hash : hashes) hash = random();
  return hashes;
}

KeyFilter MustParse(const base::Bytes& section) {
  const auto filter = KeyFilter::Parse(section, "test");
  INTACT_CHECK(filter.ok());
  return *filter;
}

TEST(KeyFilter, PassesEveryKeyOfAnySize) {
  std::vector<size_t> sizes;
  for (size_t size = 1; size < 300; ++size) sizes.push_back(size);
  for (size_t size = 300; size <= 100'000; size = size * 5 / 4 + 1) sizes.push_back(size);
  for (const size_t size : sizes) {
    const std::vector<uint64_t> hashes = Hashes(size, size);
    const auto section = KeyFilter::Build(hashes, size);
    ASSERT_TRUE(section.has_value()) << size;
    const KeyFilter filter = MustParse(*section);
    EXPECT_EQ(filter.count(), size);
    for (const uint64_t hash : hashes) ASSERT_TRUE(filter.MayContain(hash)) << size;
  }
}

TEST(KeyFilter, IsNotMadeOfNothing) { EXPECT_EQ(KeyFilter::Build({}, 1), std::nullopt); }

TEST(KeyFilter, CountsRepeatedKeysOnce) {
  for (const size_t size : {1, 2, 100, 5000}) {
    for (const size_t times : {2, 7, 300}) {
      const std::vector<uint64_t> once = Hashes(size, 3);
      std::vector<uint64_t> hashes;
      for (size_t i = 0; i < times; ++i) hashes.insert(hashes.end(), once.begin(), once.end());
      const auto section = KeyFilter::Build(hashes, 1);
      ASSERT_TRUE(section.has_value());
      const KeyFilter filter = MustParse(*section);
      EXPECT_EQ(filter.count(), size);
      for (const uint64_t hash : once) ASSERT_TRUE(filter.MayContain(hash));
    }
  }
}

TEST(KeyFilter, StopsMostOtherKeysAndTakesNineBitsAKey) {
  for (const size_t size : {1'024, 100'000, 1'000'000}) {
    const auto section = KeyFilter::Build(Hashes(size, 1), 7);
    ASSERT_TRUE(section.has_value());
    const KeyFilter filter = MustParse(*section);
    constexpr size_t kTries = 1'000'000;
    size_t passed = 0;
    for (const uint64_t hash : Hashes(kTries, 2)) passed += filter.MayContain(hash) ? 1 : 0;
    const double rate = static_cast<double>(passed) / kTries;
    const double bits = 8.0 * static_cast<double>(section->size()) / static_cast<double>(size);
    std::printf("%zu keys: %.3f %% false positives, %.2f bits a key\n", size, 100 * rate, bits);
    EXPECT_LT(rate, 0.005);
    EXPECT_LE(bits, size < 1'000'000 ? 12.5 : 9.1);
  }
}

// Nothing says that a key is a digest: they may be alike in any of their bytes.
TEST(KeyFilter, TellsKeysApartByEachOfTheirBytes) {
  for (size_t word = 0; word < 4; ++word) {
    std::set<uint64_t> hashes;
    for (uint64_t i = 0; i < 10'000; ++i) {
      base::Digest key;
      base::Store(key.bytes.data() + 8 * word, i);
      hashes.insert(KeyFilter::HashOf(key));
    }
    EXPECT_EQ(hashes.size(), 10'000u) << word;
    ASSERT_TRUE(KeyFilter::Build({hashes.begin(), hashes.end()}, 1).has_value());
  }
}

// As docs/format/store.md has it: the hash was computed from the document by another program.
// Written filters must be read the same way for ever.
TEST(KeyFilter, HashesAsTheFormatSays) {
  base::Digest key;
  for (size_t i = 0; i < key.bytes.size(); ++i) key.bytes[i] = static_cast<std::byte>(i);
  EXPECT_EQ(KeyFilter::HashOf(key), 3070508562377575762u);
  const auto section = KeyFilter::Build({1, 2, 3}, 0);
  ASSERT_TRUE(section.has_value());
  EXPECT_EQ(base::DigestOf(*section).ToHex().substr(0, 16), "39980efb9e5e765c");
}

TEST(KeyFilter, RefusesHeadersThatDoNotFitTheSection) {
  const base::Bytes good = *KeyFilter::Build(Hashes(1000, 1), 1);
  struct Case {
    const char* name;
    size_t offset;
    uint32_t value;
  };
  const Case cases[] = {
      {"no keys", 8, 0},
      {"no window bits", 12, 0},
      {"window bits too few", 12, 1},
      {"window bits too many", 12, 19},
      {"window bits beyond a shift", 12, 64},
      {"window bits beyond any", 12, 0xffffffff},
      {"no windows", 16, 0},
      {"one window more", 16, base::Load<uint32_t>(good.data() + 16) + 1},
      {"one window less", 16, base::Load<uint32_t>(good.data() + 16) - 1},
      {"windows that overflow", 16, 0xffffffff},
      {"windows that overflow to the size", 16, base::Load<uint32_t>(good.data() + 16) | 1u << 31},
      {"reserved bytes", 20, 1},
      {"the last reserved bytes", 28, 1u << 31},
  };
  for (const Case& test : cases) {
    base::Bytes section = good;
    base::Store(section.data() + test.offset, test.value);
    EXPECT_EQ(KeyFilter::Parse(section, "s").code(), Code::kCorruption) << test.name;
  }
  for (const size_t size : {size_t{0}, size_t{31}, size_t{32}, good.size() - 1}) {
    EXPECT_EQ(KeyFilter::Parse(base::ByteSpan(good).first(size), "s").code(), Code::kCorruption);
  }
}

}  // namespace
}  // namespace intact::format
