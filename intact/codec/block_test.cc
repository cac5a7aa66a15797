#include "intact/codec/block.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <set>
#include <string>

#include "intact/codec/block_shuffle.h"

namespace intact::codec {
namespace {

using base::Bytes;
using base::ByteSpan;
using base::Code;
using testing::HasSubstr;

Bytes ToBytes(std::string_view text) {
  const ByteSpan bytes = base::AsBytes(text);
  return {bytes.begin(), bytes.end()};
}

Bytes RandomBytes(size_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes bytes(size);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  return bytes;
}

// Records as metadata is: the same keys again and again, values that differ.
std::string Record(uint64_t number) {
  std::mt19937_64 random(number);
  return "{\"id\": \"doc-" + std::to_string(random() % 100'000) + "\", \"path\": \"src/module_" +
         std::to_string(random() % 50) + "/file.py\", \"language\": \"python\", \"lines\": [" +
         std::to_string(random() % 1000) + ", " + std::to_string(random() % 1000) +
         "], \"tags\": [\"code\", \"indexed\"]}";
}

Bytes TextOf(size_t size) {
  std::string text;
  for (uint64_t i = 0; text.size() < size; ++i) text += Record(i) + "\n";
  text.resize(size);
  return ToBytes(text);
}

// Float32 values of one magnitude: what shuffling is for.
Bytes FloatsOf(size_t size) {
  std::mt19937_64 random(7);
  std::normal_distribution<float> normal(0.0f, 0.05f);
  Bytes bytes(size);
  for (size_t i = 0; i + 4 <= size; i += 4) base::Store(bytes.data() + i, normal(random));
  return bytes;
}

struct Case {
  BlockCodec codec;
  int level;
  size_t shuffle_element_size = 0;
};

std::vector<Case> Cases() {
  return {{BlockCodec::kStored, 0}, {BlockCodec::kZstd, 0},     {BlockCodec::kZstd, 1},
          {BlockCodec::kZstd, 9},   {BlockCodec::kZstd, 22},    {BlockCodec::kLz4, 0},
          {BlockCodec::kLz4, 2},    {BlockCodec::kLz4, 3},      {BlockCodec::kLz4, 9},
          {BlockCodec::kLz4, 12},   {BlockCodec::kZstd, 3, 2},  {BlockCodec::kZstd, 3, 4},
          {BlockCodec::kLz4, 0, 8}, {BlockCodec::kZstd, 1, 12}, {BlockCodec::kZstd, 1, 64}};
}

BlockOptions OptionsOf(const Case& c) {
  BlockOptions options;
  options.codec = c.codec;
  options.level = c.level;
  options.shuffle_element_size = c.shuffle_element_size;
  return options;
}

std::string NameOf(const Case& c) {
  return std::string(BlockCodecName(c.codec)) + " level " + std::to_string(c.level) + " shuffle " +
         std::to_string(c.shuffle_element_size);
}

DictionaryPointer TrainedDictionary(DictionaryName name, uint64_t first_record) {
  std::vector<std::string> records;
  for (uint64_t i = 0; i < 2000; ++i) records.push_back(Record(first_record + i));
  std::vector<ByteSpan> samples;
  for (const std::string& record : records) samples.push_back(base::AsBytes(record));
  auto dictionary = Dictionary::Train(name, samples, 4096);
  EXPECT_TRUE(dictionary.ok()) << dictionary.status().ToString();
  return *dictionary;
}

// Writes a right CRC over whatever the header and body say now.
void Reseal(Bytes& block) {
  const ByteSpan bytes = block;
  base::Store(block.data() + 12,
              base::Crc32c(bytes.subspan(kBlockHeaderSize), base::Crc32c(bytes.first(12))));
}

TEST(Block, GivesBackWhatItWasGivenForEveryCodecLevelSizeAndContent) {
  for (const Case& c : Cases()) {
    auto coder = BlockCoder::Make(OptionsOf(c));
    ASSERT_TRUE(coder.ok()) << coder.status().ToString();
    for (const size_t size : {0, 1, 2, 3, 7, 8, 15, 16, 17, 63, 100, 1000, 4095, 4096, 65'537}) {
      for (const Bytes& raw :
           {TextOf(size), RandomBytes(size, size), FloatsOf(size), Bytes(size)}) {
        Bytes block = ToBytes("before");
        ASSERT_TRUE(coder->Compress(raw, block).ok());
        block.erase(block.begin(), block.begin() + 6);
        EXPECT_LE(block.size(), BlockSizeMax(size)) << NameOf(c);
        Bytes decoded = ToBytes("x");
        ASSERT_TRUE(coder->Decompress(block, size, decoded).ok()) << NameOf(c) << " " << size;
        decoded.erase(decoded.begin());
        ASSERT_EQ(decoded, raw) << NameOf(c) << " " << size;
      }
    }
  }
}

TEST(Block, HoldsAMebibyteThroughTheSimpleCalls) {
  for (const Bytes& raw : {TextOf(1 << 20), RandomBytes(1 << 20, 1), FloatsOf(1 << 20)}) {
    for (const BlockCodec codec : {BlockCodec::kStored, BlockCodec::kZstd, BlockCodec::kLz4}) {
      BlockOptions options;
      options.codec = codec;
      Bytes block;
      ASSERT_TRUE(CompressBlock(raw, options, block).ok());
      Bytes decoded;
      ASSERT_TRUE(DecompressBlock(block, raw.size(), decoded).ok());
      EXPECT_EQ(decoded, raw);
    }
  }
}

TEST(Block, IsNeverLargerThanRawAndHeaderAndSaysStoredThen) {
  const Bytes raw = RandomBytes(5000, 3);
  for (const Case& c : Cases()) {
    Bytes block;
    ASSERT_TRUE(CompressBlock(raw, OptionsOf(c), block).ok());
    EXPECT_EQ(block.size(), BlockSizeMax(raw.size())) << NameOf(c);
    EXPECT_EQ(ParseBlockHeader(block)->codec, BlockCodec::kStored) << NameOf(c);
  }
}

TEST(Block, HasTheBytesOfTheFormatDocument) {
  const std::string letters(32, 'a');
  BlockOptions options;
  options.codec = BlockCodec::kLz4;
  Bytes block;
  ASSERT_TRUE(CompressBlock(base::AsBytes(letters), options, block).ok());
  const unsigned char lz4[] = {0x02, 0x00, 0x00, 0x00, 0x20, 0x00, 0x00, 0x00, 0x0b,
                               0x00, 0x00, 0x00, 0x93, 0x16, 0x40, 0xb4, 0x1f, 0x61,
                               0x01, 0x00, 0x07, 0x50, 0x61, 0x61, 0x61, 0x61, 0x61};
  EXPECT_THAT(block, testing::ElementsAreArray(std::as_bytes(std::span(lz4))));

  block.clear();
  ASSERT_TRUE(CompressBlock(base::AsBytes("abc"), options, block).ok());
  const unsigned char stored[] = {0x00, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x03, 0x00,
                                  0x00, 0x00, 0x37, 0x53, 0x5a, 0x01, 0x61, 0x62, 0x63};
  EXPECT_THAT(block, testing::ElementsAreArray(std::as_bytes(std::span(stored))));
}

TEST(Block, HigherLevelsAndShufflingAreWorthTheirTime) {
  const auto size_with = [](const Bytes& raw, const Case& c) {
    Bytes block;
    EXPECT_TRUE(CompressBlock(raw, OptionsOf(c), block).ok());
    return block.size();
  };
  const Bytes text = TextOf(200'000);
  EXPECT_LT(size_with(text, {BlockCodec::kZstd, 19}), size_with(text, {BlockCodec::kZstd, 1}));
  EXPECT_LT(size_with(text, {BlockCodec::kLz4, 9}), size_with(text, {BlockCodec::kLz4, 1}));
  EXPECT_LT(size_with(text, {BlockCodec::kZstd, 3}), size_with(text, {BlockCodec::kLz4, 1}));
  const Bytes floats = FloatsOf(200'000);
  EXPECT_LT(size_with(floats, {BlockCodec::kZstd, 3, 4}),
            size_with(floats, {BlockCodec::kZstd, 3}));
}

TEST(Block, RefusesOptionsOutOfRangeAndLeavesTheTarget) {
  struct Bad {
    Case c;
    const char* message;
  };
  const Bad cases[] = {
      {{BlockCodec::kZstd, 23}, "level 23 for zstd, which has 0 to 22"},
      {{BlockCodec::kZstd, -1}, "level -1"},
      {{BlockCodec::kLz4, 13}, "level 13 for LZ4"},
      {{BlockCodec::kStored, 1}, "level 1 for stored"},
      {{BlockCodec::kZstd, 0, 1}, "elements of 1 bytes"},
      {{BlockCodec::kZstd, 0, 65}, "elements of 65 bytes"},
      {{BlockCodec::kStreamEnd, 0}, "codec 255"},
      {{static_cast<BlockCodec>(3), 0}, "codec 3"},
  };
  for (const Bad& bad : cases) {
    Bytes target = ToBytes("kept");
    const base::Status status = CompressBlock(TextOf(10), OptionsOf(bad.c), target);
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    EXPECT_THAT(status.message(), HasSubstr(bad.message));
    EXPECT_EQ(target, ToBytes("kept"));
  }
}

TEST(Block, RefusesMoreThanItsLimitOnBothSides) {
  Bytes target;
  EXPECT_EQ(CompressBlock(Bytes(kBlockRawMax + 1), {}, target).code(), Code::kInvalidArgument);
  ASSERT_TRUE(CompressBlock(Bytes(100'000), {}, target).ok());
  EXPECT_LT(target.size(), 100U);
  Bytes decoded = ToBytes("kept");
  const base::Status status = DecompressBlock(target, 99'999, decoded);
  EXPECT_EQ(status.code(), Code::kFull);
  EXPECT_THAT(status.message(), HasSubstr("100000 bytes, 99999 are allowed"));
  EXPECT_EQ(decoded, ToBytes("kept"));
}

TEST(Block, NamesACodecThatItDoesNotKnow) {
  Bytes block;
  ASSERT_TRUE(CompressBlock(TextOf(500), {}, block).ok());
  for (const int codec : {3, 17, 254}) {
    Bytes newer = block;
    newer[0] = static_cast<std::byte>(codec);
    Reseal(newer);
    EXPECT_EQ(ParseBlockHeader(newer)->block_size(), block.size());
    EXPECT_EQ(BlockCodecName(ParseBlockHeader(newer)->codec), "unknown");
    Bytes decoded;
    const base::Status status = DecompressBlock(newer, 500, decoded);
    EXPECT_EQ(status.code(), Code::kUnsupported);
    EXPECT_THAT(status.message(), HasSubstr("codec " + std::to_string(codec)));
  }
  block[1] = std::byte{4};
  Reseal(block);
  Bytes decoded;
  EXPECT_EQ(DecompressBlock(block, 500, decoded).code(), Code::kUnsupported);
}

TEST(Block, FindsEveryFlippedBitAndEveryTruncation) {
  const DictionaryPointer dictionary = TrainedDictionary({1, 1}, 0);
  for (Case c : Cases()) {
    BlockOptions options = OptionsOf(c);
    options.dictionary = dictionary;
    auto coder = BlockCoder::Make(options);
    const Bytes raw = TextOf(150);
    Bytes block;
    ASSERT_TRUE(coder->Compress(raw, block).ok());
    Bytes decoded;
    for (size_t bit = 0; bit < 8 * block.size(); ++bit) {
      block[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
      EXPECT_EQ(coder->Decompress(block, kBlockRawMax, decoded).code(), Code::kCorruption)
          << NameOf(c) << " bit " << bit;
      block[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    }
    for (size_t size = 0; size < block.size(); ++size) {
      EXPECT_EQ(coder->Decompress(ByteSpan(block).first(size), kBlockRawMax, decoded).code(),
                Code::kCorruption)
          << NameOf(c) << " cut to " << size;
    }
    block.push_back(std::byte{0});
    EXPECT_EQ(coder->Decompress(block, kBlockRawMax, decoded).code(), Code::kCorruption);
    EXPECT_TRUE(decoded.empty());
  }
}

TEST(Block, GivesAnErrorOrTheRightSizeWhenAForgerFixesTheCrc) {
  // Who repairs the CRC can change the contents, but never past the limits, and never to a crash.
  for (const Case& c : Cases()) {
    Bytes block;
    ASSERT_TRUE(CompressBlock(TextOf(200), OptionsOf(c), block).ok());
    for (size_t bit = 0; bit < 8 * block.size(); ++bit) {
      Bytes forged = block;
      forged[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
      Reseal(forged);
      Bytes decoded;
      const base::Status status = DecompressBlock(forged, 200, decoded);
      if (status.ok()) {
        EXPECT_EQ(decoded.size(), ParseBlockHeader(forged)->raw_size);
      } else {
        EXPECT_TRUE(decoded.empty());
      }
    }
  }
}

TEST(Block, FindsHeadersThatContradictThemselves) {
  struct Bad {
    const char* what;
    size_t offset;
    int value;
  };
  const Bad cases[] = {
      {"reserved byte", 3, 1},
      {"element size without the flag", 2, 4},
      {"flag without element size", 1, 1},
      {"dictionary reference cut", 1, 2},
      {"not smaller than raw", 4, 9},
      {"stored with sizes of another", 0, 0},
      {"end of stream", 0, 255},
  };
  Bytes block;
  BlockOptions options;
  ASSERT_TRUE(CompressBlock(Bytes(100), options, block).ok());
  for (const Bad& bad : cases) {
    Bytes forged = block;
    forged[bad.offset] = static_cast<std::byte>(bad.value);
    Reseal(forged);
    Bytes decoded;
    const Code code = DecompressBlock(forged, 200, decoded).code();
    // A body long enough for a reference names a dictionary that nobody has.
    EXPECT_TRUE(code == Code::kCorruption || (bad.value == 2 && code == Code::kNotFound))
        << bad.what;
  }
}

TEST(Block, BindsToItsPlaceBySeed) {
  auto coder = BlockCoder::Make({});
  Bytes block;
  ASSERT_TRUE(coder->Compress(TextOf(100), block, 42).ok());
  Bytes decoded;
  EXPECT_EQ(coder->Decompress(block, 100, decoded).code(), Code::kCorruption);
  EXPECT_EQ(coder->Decompress(block, 100, decoded, 43).code(), Code::kCorruption);
  ASSERT_TRUE(coder->Decompress(block, 100, decoded, 42).ok());
  EXPECT_EQ(decoded, TextOf(100));
}

TEST(BlockBatch, KeepsManySmallBlocksApartAndReadableAlone) {
  std::vector<std::string> records;
  for (uint64_t i = 0; i < 500; ++i) records.push_back(Record(i));
  records[17].clear();
  std::vector<ByteSpan> raws;
  size_t total = 0;
  for (const std::string& record : records) {
    raws.push_back(base::AsBytes(record));
    total += record.size();
  }
  auto coder = BlockCoder::Make({});
  Bytes blocks;
  ASSERT_TRUE(coder->CompressBatch(raws, blocks).ok());

  Bytes decoded;
  std::vector<size_t> sizes;
  ASSERT_TRUE(coder->DecompressBatch(blocks, total, decoded, sizes).ok());
  ASSERT_EQ(sizes.size(), records.size());
  size_t offset = 0;
  ByteSpan rest = blocks;
  for (size_t i = 0; i < records.size(); ++i) {
    EXPECT_EQ(base::AsText(ByteSpan(decoded).subspan(offset, sizes[i])), records[i]);
    offset += sizes[i];
    const size_t block_size = ParseBlockHeader(rest)->block_size();
    Bytes alone;
    ASSERT_TRUE(DecompressBlock(rest.first(block_size), 1000, alone).ok());
    EXPECT_EQ(base::AsText(alone), records[i]);
    rest = rest.subspan(block_size);
  }
  EXPECT_EQ(offset, total);
}

TEST(BlockBatch, NamesTheDamagedBlockAndLeavesTheTargets) {
  const Bytes a = TextOf(300);
  const ByteSpan raws[] = {a, a, a};
  auto coder = BlockCoder::Make({});
  Bytes blocks;
  ASSERT_TRUE(coder->CompressBatch(raws, blocks).ok());
  Bytes decoded = ToBytes("kept");
  std::vector<size_t> sizes = {4};
  base::Status status = coder->DecompressBatch(blocks, 899, decoded, sizes);
  EXPECT_EQ(status.code(), Code::kFull);
  blocks[blocks.size() - 1] ^= std::byte{1};
  status = coder->DecompressBatch(blocks, 900, decoded, sizes);
  EXPECT_EQ(status.code(), Code::kCorruption);
  EXPECT_THAT(status.message(), HasSubstr("block 2: "));
  blocks.resize(blocks.size() - 1);
  EXPECT_EQ(coder->DecompressBatch(blocks, 900, decoded, sizes).code(), Code::kCorruption);
  EXPECT_EQ(decoded, ToBytes("kept"));
  EXPECT_EQ(sizes, std::vector<size_t>{4});
}

TEST(BlockStatistics, CountsBytesAndTimeOfBothDirections) {
  int64_t now_ns = 0;
  auto coder = BlockCoder::Make({}, nullptr, [&now_ns] { return now_ns += 500; });
  const Bytes raw(10'000);
  Bytes block;
  ASSERT_TRUE(coder->Compress(raw, block).ok());
  ASSERT_TRUE(coder->Compress(Bytes(100), block).ok());
  const BlockStatistics& statistics = coder->statistics();
  EXPECT_EQ(statistics.encoded_blocks, 2U);
  EXPECT_EQ(statistics.encoded_raw_bytes, 10'100U);
  EXPECT_EQ(statistics.encoded_block_bytes, block.size());
  EXPECT_EQ(statistics.encode_ns, 1000);
  EXPECT_DOUBLE_EQ(statistics.encode_bytes_per_second(), 10'100 * 1e6);
  EXPECT_DOUBLE_EQ(statistics.ratio(), 10'100.0 / static_cast<double>(block.size()));
  Bytes decoded;
  std::vector<size_t> sizes;
  ASSERT_TRUE(coder->DecompressBatch(block, 10'100, decoded, sizes).ok());
  EXPECT_EQ(statistics.decoded_blocks, 2U);
  EXPECT_EQ(statistics.decoded_raw_bytes, 10'100U);
  EXPECT_EQ(statistics.decoded_block_bytes, block.size());
  EXPECT_EQ(statistics.decode_ns, 1000);
  EXPECT_EQ(BlockStatistics().ratio(), 1);
}

TEST(ShuffleBytes, PutsBytesOfOneMeaningTogetherAndBack) {
  Bytes target(7);
  ShuffleBytes(2, ToBytes("AaBbCcx"), target);
  EXPECT_EQ(target, ToBytes("ABCabcx"));
  for (size_t element_size = 1; element_size <= kShuffleElementSizeMax; ++element_size) {
    for (const size_t count : {0, 1, 2, 31, 32, 33, 1023, 1024, 1025, 2500}) {
      const Bytes raw = RandomBytes(count * element_size + element_size / 2, count);
      Bytes shuffled(raw.size());
      ShuffleBytes(element_size, raw, shuffled);
      for (size_t i = 0; i < count * element_size; ++i)
        ASSERT_EQ(shuffled[i % element_size * count + i / element_size], raw[i]);
      Bytes back(raw.size());
      UnshuffleBytes(element_size, shuffled, back);
      ASSERT_EQ(back, raw) << element_size << " " << count;
    }
  }
}

}  // namespace
}  // namespace intact::codec
