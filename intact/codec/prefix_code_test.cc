// Goal: code lengths are the best there are under the limit, codes are canonical and readable.
// Judged by trying every complete set of lengths, on small alphabets, and by Huffman's algorithm
// where the limit does not bind.
#include "intact/codec/prefix_code.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <queue>
#include <random>

#include "intact/codec/bit_stream.h"

namespace intact::codec {
namespace {

uint64_t CostOf(std::span<const uint64_t> weights, std::span<const uint8_t> lengths) {
  uint64_t cost = 0;
  for (size_t i = 0; i < weights.size(); ++i) cost += weights[i] * lengths[i];
  return cost;
}

// The least cost of any lengths up to the limit that Kraft allows; `room` in units of 2^-10.
uint64_t LeastCost(std::span<const uint64_t> weights, uint32_t room) {
  if (weights.empty()) return 0;
  uint64_t least = std::numeric_limits<uint64_t>::max() / 2;
  for (unsigned length = 1; length <= kCodeLengthMax; ++length) {
    const uint32_t share = static_cast<uint32_t>(kDecodeTableSize) >> length;
    if (share > room) continue;
    const uint64_t rest = LeastCost(weights.subspan(1), room - share);
    least = std::min(least, weights.front() * length + rest);
  }
  return least;
}

uint64_t HuffmanCost(std::span<const uint64_t> weights) {
  std::priority_queue<uint64_t, std::vector<uint64_t>, std::greater<>> queue(weights.begin(),
                                                                             weights.end());
  uint64_t cost = 0;
  while (queue.size() > 1) {
    const uint64_t first = queue.top();
    queue.pop();
    const uint64_t sum = first + queue.top();
    queue.pop();
    queue.push(sum);
    cost += sum;
  }
  return cost;
}

TEST(PrefixCode, LengthsAreOptimalOnSmallAlphabets) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 60; ++round) {
    std::vector<uint64_t> weights(2 + random() % 4);
    for (uint64_t& weight : weights) weight = 1 + random() % (uint64_t{1} << (1 + random() % 30));
    const std::vector<uint8_t> lengths = CodeLengths(weights);
    EXPECT_TRUE(IsComplete(lengths));
    EXPECT_EQ(CostOf(weights, lengths),
              LeastCost(weights, static_cast<uint32_t>(kDecodeTableSize)));
  }
}

TEST(PrefixCode, LengthsAreHuffmansWhereTheLimitDoesNotBind) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 200; ++round) {
    std::vector<uint64_t> weights(2 + random() % 100);
    for (uint64_t& weight : weights) weight = 64 + random() % 256;
    const std::vector<uint8_t> lengths = CodeLengths(weights);
    EXPECT_TRUE(IsComplete(lengths));
    EXPECT_EQ(CostOf(weights, lengths), HuffmanCost(weights));
  }
}

// On Fibonacci's weights Huffman's code would have n - 1 bits.
TEST(PrefixCode, LengthsStayWithinTheLimit) {
  for (const size_t count : {11, 12, 13, 20, 40, 80}) {
    std::vector<uint64_t> weights = {1, 1};
    while (weights.size() < count) weights.push_back(weights.back() + weights[weights.size() - 2]);
    const std::vector<uint8_t> lengths = CodeLengths(weights);
    EXPECT_TRUE(IsComplete(lengths));
    EXPECT_LE(*std::max_element(lengths.begin(), lengths.end()), kCodeLengthMax);
    EXPECT_TRUE(std::is_sorted(lengths.rbegin(), lengths.rend()));
    EXPECT_GE(CostOf(weights, lengths), HuffmanCost(weights));
  }
}

TEST(PrefixCode, LimitedLengthsAreOptimal) {
  // Where ten bits are hardly enough for all, the best code is plain to see.
  std::vector<uint64_t> weights(1019, 1);
  for (const uint64_t weight : {2, 3, 1000, 100000}) weights.push_back(weight);
  ASSERT_EQ(weights.size(), 1023u);
  const std::vector<uint8_t> lengths = CodeLengths(weights);
  EXPECT_TRUE(IsComplete(lengths));
  // 1,024 codes of ten bits, one to spare: the heaviest symbol has nine.
  EXPECT_EQ(lengths.back(), 9);
  EXPECT_EQ(std::count(lengths.begin(), lengths.end(), 10), 1022);
}

TEST(PrefixCode, SymbolsWithoutWeightHaveNoCode) {
  const std::vector<uint64_t> weights = {0, 5, 0, 0, 1, 1, 0};
  EXPECT_EQ(CodeLengths(weights), (std::vector<uint8_t>{0, 1, 0, 0, 2, 2, 0}));
  EXPECT_EQ(CodeLengths(std::vector<uint64_t>{0, 1, 1000000}), (std::vector<uint8_t>{0, 1, 1}));
  const std::vector<uint64_t> most(kDecodeTableSize, 1);
  EXPECT_EQ(CodeLengths(most), std::vector<uint8_t>(kDecodeTableSize, 10));
}

TEST(PrefixCode, OnlyCompleteLengthsAreComplete) {
  EXPECT_TRUE(IsComplete(std::vector<uint8_t>{1, 1}));
  EXPECT_TRUE(IsComplete(std::vector<uint8_t>{1, 2, 0, 2}));
  EXPECT_FALSE(IsComplete(std::vector<uint8_t>{}));
  EXPECT_FALSE(IsComplete(std::vector<uint8_t>{0, 0}));
  EXPECT_FALSE(IsComplete(std::vector<uint8_t>{1, 2}));
  EXPECT_FALSE(IsComplete(std::vector<uint8_t>{1, 1, 1}));
  EXPECT_FALSE(IsComplete(std::vector<uint8_t>{1, 1, 10}));
  EXPECT_FALSE(IsComplete(std::vector<uint8_t>{1, 2, 11, 11}));
  EXPECT_FALSE(IsComplete(std::vector<uint8_t>(2000, 10)));
}

TEST(PrefixCode, CodesAreCanonical) {
  // Shorter first, then by symbol; as written, the first bit is the lowest.
  const std::vector<Code> codes = MakeCodes(std::vector<uint8_t>{2, 1, 3, 0, 3});
  EXPECT_EQ(codes[1].bits, 0b0);
  EXPECT_EQ(codes[0].bits, 0b01);   // 10
  EXPECT_EQ(codes[2].bits, 0b011);  // 110
  EXPECT_EQ(codes[4].bits, 0b111);
  EXPECT_EQ(codes[3].length, 0);
}

TEST(PrefixCode, TablesReadWhatCodesWrite) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 50; ++round) {
    std::vector<uint64_t> weights(2 + random() % 500);
    for (uint64_t& weight : weights) {
      weight = random() % 3 == 0 ? 0 : uint64_t{1} << (random() % 20);
    }
    weights[0] = weights[1] = 1;
    const std::vector<uint8_t> lengths = CodeLengths(weights);
    const std::vector<Code> codes = MakeCodes(lengths);
    std::vector<DecodeEntry> table(kDecodeTableSize);
    FillDecodeTable(lengths, table);
    std::vector<size_t> symbols;
    base::Bytes bytes;
    BitWriter writer(bytes, 1000 * kCodeLengthMax);
    while (symbols.size() < 1000) {
      const size_t symbol = random() % weights.size();
      if (codes[symbol].length == 0) continue;
      symbols.push_back(symbol);
      writer.Put(codes[symbol].bits, codes[symbol].length);
    }
    writer.Finish();
    BitCursor cursor(bytes);
    for (const size_t symbol : symbols) {
      const DecodeEntry entry = table[cursor.Peek() & (kDecodeTableSize - 1)];
      ASSERT_EQ(size_t{entry} >> kEntrySymbolShift, symbol);
      cursor.Skip(entry & kEntryLengthMask);
    }
    EXPECT_EQ(cursor.byte_position(), bytes.size());
    EXPECT_TRUE(cursor.IsPaddedWithZeros());
  }
}

TEST(BitStream, ReadsWhatWasWrittenAndZerosBeyond) {
  std::mt19937_64 random(4);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::pair<uint32_t, unsigned>> numbers(random() % 60);
    base::Bytes bytes(2, std::byte{9});  // Appends.
    BitWriter writer(bytes, 32 * numbers.size());
    for (auto& [number, width] : numbers) {
      width = static_cast<unsigned>(random() % 33);
      number = static_cast<uint32_t>(random() & ((uint64_t{1} << width) - 1));
      writer.Put(number, width);
    }
    writer.Finish();
    const base::Bytes alone(bytes.begin() + 2, bytes.end());
    BitCursor cursor(alone);
    size_t size = 0;
    for (const auto& [number, width] : numbers) {
      ASSERT_EQ(cursor.Take(width), number);
      size += width;
      ASSERT_EQ(cursor.position(), size);
    }
    EXPECT_EQ(alone.size(), (size + 7) / 8);
    EXPECT_TRUE(cursor.IsPaddedWithZeros());
    cursor.set_position(8 * alone.size());
    EXPECT_EQ(cursor.Take(32), 0u);
    EXPECT_FALSE(cursor.IsPaddedWithZeros());
    cursor.Skip(100);
    EXPECT_EQ(cursor.Take(32), 0u);
  }
}

}  // namespace
}  // namespace intact::codec
