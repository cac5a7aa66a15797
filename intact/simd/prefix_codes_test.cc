// Goal: every level reads the codes and joins the words that the definitions give, of any number of
// streams of any size, and nothing behind a stream's last byte (which AddressSanitizer sees).
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "intact/simd/levels_test.h"

namespace intact::simd {
namespace {

constexpr size_t kTableSize = 1024;

// The table of a random complete code: from one leaf, leaves are split until they are too deep.
void AppendTable(std::mt19937_64& random, std::vector<uint16_t>& tables) {
  struct Leaf {
    uint32_t bits;
    unsigned length;
  };
  std::vector<Leaf> leaves = {{0, 1}, {1, 1}};
  const size_t splits = random() % 300;
  for (size_t i = 0; i < splits; ++i) {
    // The first leaf is split often, so that there are long codes and short ones.
    Leaf& leaf = leaves[random() % 2 == 0 ? 0 : random() % leaves.size()];
    if (leaf.length == 10) continue;
    const Leaf second = {leaf.bits | 1u << leaf.length, leaf.length + 1};
    ++leaf.length;
    leaves.push_back(second);
  }
  const size_t begin = tables.size();
  tables.resize(begin + kTableSize);
  for (const Leaf& leaf : leaves) {
    const auto entry = static_cast<uint16_t>((random() % 1024) << 6 | leaf.length);
    for (size_t at = leaf.bits; at < kTableSize; at += size_t{1} << leaf.length) {
      tables[begin + at] = entry;
    }
  }
}

size_t BitAt(const std::vector<std::byte>& bytes, size_t position) {
  if (position / 8 >= bytes.size()) return 0;
  return static_cast<size_t>(bytes[position / 8]) >> (position % 8) & 1;
}

// The definition, bit by bit; returns the position behind the last code.
size_t ReadSlowly(const std::vector<uint16_t>& tables, const std::vector<uint32_t>& offsets,
                  const std::vector<std::byte>& bytes, size_t position,
                  std::vector<uint16_t>& entries) {
  entries.clear();
  for (const uint32_t offset : offsets) {
    size_t index = 0;
    for (size_t bit = 0; bit < 10; ++bit) index |= BitAt(bytes, position + bit) << bit;
    entries.push_back(tables[offset + index]);
    position += entries.back() & 63;
  }
  return position;
}

struct Streams {
  std::vector<std::vector<std::byte>> bytes;
  std::vector<size_t> positions;

  std::vector<PrefixStream> Make() const {
    std::vector<PrefixStream> streams;
    for (size_t s = 0; s < bytes.size(); ++s) {
      streams.push_back({bytes[s].data(), bytes[s].size(), positions[s]});
    }
    return streams;
  }
};

// Long enough for all codes, about as long as they are, too short, or empty.
Streams RandomStreams(size_t stream_count, size_t count, std::mt19937_64& random) {
  Streams streams;
  for (size_t s = 0; s < stream_count; ++s) {
    const size_t size_max[] = {count * 10 / 8 + 20, count / 2 + 1, count / 8 + 1, 8, 1};
    const size_t size = random() % (size_max[random() % 5] + 1);
    std::vector<std::byte> bytes(size);
    const bool is_ones = random() % 8 == 0;
    for (std::byte& byte : bytes)
      byte = is_ones ? std::byte{255} : static_cast<std::byte>(random());
    streams.bytes.push_back(std::move(bytes));
    streams.positions.push_back(random() % 4 == 0 ? random() % (8 * size + 80) : random() % 20);
  }
  return streams;
}

void ExpectCodes(size_t stream_count, size_t count, std::mt19937_64& random) {
  std::vector<uint16_t> tables;
  const size_t table_count = 1 + random() % 4;
  for (size_t t = 0; t < table_count; ++t) AppendTable(random, tables);
  std::vector<uint32_t> offsets(count);
  for (uint32_t& offset : offsets) {
    offset = static_cast<uint32_t>(random() % table_count * kTableSize);
  }
  const Streams streams = RandomStreams(stream_count, count, random);
  for (const Level level : SupportedLevels()) {
    std::vector<PrefixStream> read = streams.Make();
    std::vector<uint16_t> entries(stream_count * kPrefixStride, 0xffff);
    KernelsFor(level).read_prefix_codes(tables.data(), offsets.data(), count, read.data(),
                                        stream_count, entries.data());
    std::vector<uint16_t> expected;
    for (size_t s = 0; s < stream_count; ++s) {
      const size_t end =
          ReadSlowly(tables, offsets, streams.bytes[s], streams.positions[s], expected);
      ASSERT_TRUE(std::equal(expected.begin(), expected.end(), &entries[s * kPrefixStride]))
          << LevelName(level) << ", " << count << " codes, stream " << s << " of " << stream_count;
      ASSERT_EQ(read[s].position, end) << LevelName(level) << ", stream " << s;
    }
  }
}

TEST(ReadPrefixCodes, EqualsTheDefinitionForEveryCount) {
  std::mt19937_64 random(1);
  for (size_t count = 0; count <= kPrefixStride; ++count) {
    ExpectCodes(1, count, random);
    ExpectCodes(4, count, random);
  }
}

TEST(ReadPrefixCodes, EqualsTheDefinitionForEveryNumberOfStreams) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 30; ++round) {
    for (size_t stream_count = 0; stream_count <= 9; ++stream_count) {
      ExpectCodes(stream_count, random() % (kPrefixStride + 1), random);
    }
  }
}

// What a decoder does with a long vector: it goes on where it stopped.
TEST(ReadPrefixCodes, GoesOnWhereItStopped) {
  std::mt19937_64 random(3);
  std::vector<uint16_t> tables;
  AppendTable(random, tables);
  const Streams streams = RandomStreams(5, kPrefixStride, random);
  const std::vector<uint32_t> offsets(kPrefixStride, 0);
  for (const Level level : SupportedLevels()) {
    std::vector<PrefixStream> read = streams.Make();
    std::vector<std::vector<uint16_t>> found(5);
    std::vector<uint16_t> entries(5 * kPrefixStride);
    for (size_t begin = 0; begin < kPrefixStride;) {
      const size_t count = std::min<size_t>(1 + random() % 40, kPrefixStride - begin);
      KernelsFor(level).read_prefix_codes(tables.data(), offsets.data(), count, read.data(), 5,
                                          entries.data());
      for (size_t s = 0; s < 5; ++s) {
        const auto* first = &entries[s * kPrefixStride];
        found[s].insert(found[s].end(), first, first + count);
      }
      begin += count;
    }
    std::vector<uint16_t> expected;
    for (size_t s = 0; s < 5; ++s) {
      ReadSlowly(tables, offsets, streams.bytes[s], streams.positions[s], expected);
      ASSERT_EQ(found[s], expected) << LevelName(level);
    }
  }
}

// The word of an entry and its raw number.
uint32_t JoinedWord(uint16_t entry, uint32_t raw, size_t raw_bits) {
  const uint32_t symbol = entry >> 6;
  const uint32_t exponent = symbol >> 2 & 127;
  const uint32_t field = exponent == 0 ? 0 : exponent + 64;
  return symbol >> 9 << 31 | field << 23 | (symbol & 3) << 21 | raw << (21 - raw_bits);
}

TEST(JoinHeads, EqualsTheDefinitionForEverySize) {
  std::mt19937_64 random(4);
  for (const size_t raw_bits : {5, 8, 21}) {
    for (size_t d = 0; d <= 530; ++d) {
      // At an odd address, behind it nothing that may be read.
      std::vector<std::byte> raw(1 + (d * raw_bits + 7) / 8);
      for (std::byte& byte : raw) byte = static_cast<std::byte>(random());
      std::vector<uint16_t> entries(d);
      bool has_escape = false;
      const bool takes_escape = random() % 2 == 0;
      for (uint16_t& entry : entries) {
        uint64_t symbol = random() % 1024;
        if (symbol == 512 && !takes_escape) symbol = 511;
        entry = static_cast<uint16_t>(symbol << 6 | random() % 11);
        has_escape |= symbol == 512;
      }
      if (takes_escape && d > 0) {
        entries[random() % d] = 512 << 6 | 9;
        has_escape = true;
      }
      for (const Level level : SupportedLevels()) {
        std::vector<uint32_t> words(d);
        EXPECT_EQ(
            KernelsFor(level).join_heads(entries.data(), raw.data() + 1, raw_bits, words.data(), d),
            has_escape)
            << LevelName(level) << " d=" << d;
        for (size_t i = 0; i < d; ++i) {
          uint32_t number = 0;
          for (size_t bit = 0; bit < raw_bits; ++bit) {
            number |= static_cast<uint32_t>(BitAt(raw, 8 + i * raw_bits + bit)) << bit;
          }
          ASSERT_EQ(words[i], JoinedWord(entries[i], number, raw_bits))
              << LevelName(level) << " d=" << d << " at " << i;
        }
      }
    }
  }
}

}  // namespace
}  // namespace intact::simd
