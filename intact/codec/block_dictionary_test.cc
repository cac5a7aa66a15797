#include "intact/codec/block_dictionary.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "intact/codec/block.h"

namespace intact::codec {
namespace {

using base::Bytes;
using base::ByteSpan;
using base::Code;
using testing::HasSubstr;

std::string Record(uint64_t number) {
  std::mt19937_64 random(number);
  return "{\"title\": \"" + std::to_string(random()) +
         "\", \"author\": \"unknown\", \"year\": " + std::to_string(1900 + random() % 120) +
         ", \"shelf\": \"north wing, second floor\"}";
}

DictionaryPointer Trained(DictionaryName name, uint64_t first_record, size_t size_max = 4096) {
  std::vector<std::string> records;
  for (uint64_t i = 0; i < 1000; ++i) records.push_back(Record(first_record + i));
  std::vector<ByteSpan> samples;
  for (const std::string& record : records) samples.push_back(base::AsBytes(record));
  auto dictionary = Dictionary::Train(name, samples, size_max);
  EXPECT_TRUE(dictionary.ok()) << dictionary.status().ToString();
  return *dictionary;
}

DictionaryPointer Plain(DictionaryName name, std::string_view text) {
  const ByteSpan bytes = base::AsBytes(text);
  return *Dictionary::Make(name, Bytes(bytes.begin(), bytes.end()));
}

Bytes CompressWith(DictionaryPointer dictionary, BlockCodec codec, int level,
                   std::string_view text) {
  BlockOptions options;
  options.codec = codec;
  options.level = level;
  options.dictionary = std::move(dictionary);
  Bytes block;
  EXPECT_TRUE(CompressBlock(base::AsBytes(text), options, block).ok());
  return block;
}

TEST(Dictionary, MakesSmallBlocksSmallWithEveryCodec) {
  const DictionaryPointer dictionary = Trained({1, 1}, 0);
  struct Case {
    BlockCodec codec;
    int level;
  };
  for (const Case c :
       {Case{BlockCodec::kZstd, 1}, Case{BlockCodec::kZstd, 3}, Case{BlockCodec::kZstd, 19},
        Case{BlockCodec::kLz4, 0}, Case{BlockCodec::kLz4, 9}}) {
    BlockOptions options;
    options.codec = c.codec;
    options.level = c.level;
    options.dictionary = dictionary;
    auto coder = BlockCoder::Make(options);
    for (uint64_t i = 5000; i < 5050; ++i) {
      const std::string record = Record(i);
      Bytes block;
      ASSERT_TRUE(coder->Compress(base::AsBytes(record), block).ok());
      EXPECT_LT(block.size() + 40, CompressWith(nullptr, c.codec, c.level, record).size());
      Bytes decoded;
      ASSERT_TRUE(coder->Decompress(block, 1000, decoded).ok());
      EXPECT_EQ(base::AsText(decoded), record);
    }
  }
}

TEST(Dictionary, ServesWithoutTrainingToo) {
  const std::string record = Record(1);
  const DictionaryPointer dictionary = Plain({9, 1}, Record(2));
  for (const BlockCodec codec : {BlockCodec::kZstd, BlockCodec::kLz4}) {
    const Bytes block = CompressWith(dictionary, codec, 0, record);
    EXPECT_LT(block.size(), CompressWith(nullptr, codec, 0, record).size());
    DictionarySet set;
    ASSERT_TRUE(set.Add(dictionary).ok());
    auto reader = BlockCoder::Make({}, &set);
    Bytes decoded;
    ASSERT_TRUE(reader->Decompress(block, 1000, decoded).ok());
    EXPECT_EQ(base::AsText(decoded), record);
  }
}

TEST(Dictionary, ServesWhenItIsFarLargerThanWhatACodecLooksBack) {
  std::string text;
  for (uint64_t i = 0; text.size() + 200 < kDictionarySizeMax; ++i) text += Record(i);
  const DictionaryPointer dictionary = Plain({9, 1}, text);
  const std::string raw = text.substr(text.size() - 70'000) + text.substr(0, 70'000);
  DictionarySet set;
  ASSERT_TRUE(set.Add(dictionary).ok());
  auto reader = BlockCoder::Make({}, &set);
  for (const BlockCodec codec : {BlockCodec::kZstd, BlockCodec::kLz4}) {
    for (const int level : {1, 9}) {
      const Bytes block = CompressWith(dictionary, codec, level, raw);
      EXPECT_LT(block.size(), CompressWith(nullptr, codec, level, raw).size());
      Bytes decoded;
      ASSERT_TRUE(reader->Decompress(block, raw.size(), decoded).ok());
      EXPECT_EQ(base::AsText(decoded), raw);
    }
  }
}

TEST(Dictionary, IsNotNamedByABlockThatDidNotShrink) {
  std::string noise(64, '\0');
  std::mt19937_64 random(5);
  for (char& c : noise) c = static_cast<char>(random());
  const Bytes block = CompressWith(Plain({9, 1}, Record(2)), BlockCodec::kZstd, 0, noise);
  Bytes decoded;
  ASSERT_TRUE(DecompressBlock(block, 64, decoded).ok());
  EXPECT_EQ(base::AsText(decoded), noise);
}

TEST(Dictionary, RefusesBadNamesSizesAndSamples) {
  EXPECT_EQ(Dictionary::Make({0, 1}, Bytes(8)).code(), Code::kInvalidArgument);
  EXPECT_EQ(Dictionary::Make({1, 0}, Bytes(8)).code(), Code::kInvalidArgument);
  EXPECT_EQ(Dictionary::Make({1, 1}, {}).code(), Code::kInvalidArgument);
  EXPECT_EQ(Dictionary::Make({1, 1}, Bytes(kDictionarySizeMax + 1)).code(), Code::kInvalidArgument);
  EXPECT_EQ(Dictionary::Train({1, 1}, {}).code(), Code::kInvalidArgument);
  EXPECT_EQ(Dictionary::Train({1, 1}, {}, 10).code(), Code::kInvalidArgument);
  const std::string text = Record(1);
  const ByteSpan one[] = {base::AsBytes(text)};
  const auto too_few = Dictionary::Train({3, 4}, one);
  EXPECT_EQ(too_few.code(), Code::kInvalidArgument);
  EXPECT_THAT(too_few.status().message(), HasSubstr("dictionary 3 version 4 from 1 samples"));
  // The magic of a trained dictionary, and nothing of one behind it.
  EXPECT_EQ(Dictionary::Make(
                {1, 1}, {std::byte{0x37}, std::byte{0xa4}, std::byte{0x30}, std::byte{0xec},
                         std::byte{1}, std::byte{0}, std::byte{0}, std::byte{0}, std::byte{255}})
                .code(),
            Code::kInvalidArgument);
}

TEST(DictionarySet, KeepsOldVersionsSoThatOldBlocksStayReadable) {
  const std::string record = Record(77);
  DictionarySet set;
  std::vector<Bytes> blocks;
  for (uint16_t version = 1; version <= 3; ++version) {
    const DictionaryPointer dictionary = Trained({5, version}, uint64_t{version} * 10'000);
    ASSERT_TRUE(set.Add(dictionary).ok());
    EXPECT_EQ(set.Newest(5), dictionary);
    blocks.push_back(CompressWith(dictionary, BlockCodec::kZstd, 3, record));
    blocks.push_back(CompressWith(dictionary, BlockCodec::kLz4, 0, record));
  }
  // The set itself survives a round trip through bytes.
  Bytes bytes;
  set.Serialise(bytes);
  auto parsed = DictionarySet::Parse(bytes);
  ASSERT_TRUE(parsed.ok()) << parsed.status().ToString();
  EXPECT_EQ(parsed->count(), 3U);
  auto reader = BlockCoder::Make({}, &*parsed);
  for (const Bytes& block : blocks) {
    Bytes decoded;
    ASSERT_TRUE(reader->Decompress(block, 1000, decoded).ok());
    EXPECT_EQ(base::AsText(decoded), record);
  }
}

TEST(DictionarySet, NamesTheDictionaryThatIsMissing) {
  const Bytes block = CompressWith(Plain({5, 2}, Record(1)), BlockCodec::kZstd, 3, Record(2));
  DictionarySet set;
  ASSERT_TRUE(set.Add(Plain({5, 1}, Record(1))).ok());
  Bytes decoded;
  const base::Status without = DecompressBlock(block, 1000, decoded);
  auto reader = BlockCoder::Make({}, &set);
  for (const base::Status& status : {without, reader->Decompress(block, 1000, decoded)}) {
    EXPECT_EQ(status.code(), Code::kNotFound);
    EXPECT_THAT(status.message(), HasSubstr("dictionary 5 version 2"));
  }
  EXPECT_TRUE(decoded.empty());
}

TEST(DictionarySet, RefusesAnotherDictionaryUnderTheSameName) {
  for (const BlockCodec codec : {BlockCodec::kZstd, BlockCodec::kLz4}) {
    const Bytes block = CompressWith(Plain({5, 2}, Record(1)), codec, 0, Record(2));
    DictionarySet set;
    ASSERT_TRUE(set.Add(Plain({5, 2}, Record(3))).ok());
    ASSERT_TRUE(set.Add(Plain({5, 2}, Record(3))).ok());
    EXPECT_EQ(set.Add(Plain({5, 2}, Record(1))).code(), Code::kInvalidArgument);
    EXPECT_EQ(set.count(), 1U);
    auto reader = BlockCoder::Make({}, &set);
    Bytes decoded;
    const base::Status status = reader->Decompress(block, 1000, decoded);
    EXPECT_EQ(status.code(), Code::kNotFound);
    EXPECT_THAT(status.message(), HasSubstr("other bytes"));
  }
}

TEST(DictionarySet, FindsTheNewestOfAnIdOnly) {
  DictionarySet set;
  EXPECT_EQ(set.Newest(1), nullptr);
  ASSERT_TRUE(set.Add(Plain({1, 9}, "a")).ok());
  ASSERT_TRUE(set.Add(Plain({3, UINT16_MAX}, "b")).ok());
  EXPECT_EQ(set.Newest(2), nullptr);
  EXPECT_EQ(set.Newest(1)->name().version, 9);
  EXPECT_EQ(set.Newest(3)->name().version, UINT16_MAX);
}

TEST(DictionarySet, IsBoundedInNumber) {
  DictionarySet set;
  for (size_t i = 1; i <= kDictionaryCountMax; ++i)
    ASSERT_TRUE(set.Add(Plain({static_cast<uint16_t>(i), 1}, "a")).ok());
  EXPECT_EQ(set.Add(Plain({2000, 1}, "a")).code(), Code::kFull);
}

TEST(DictionarySet, FindsEveryFlippedBitAndEveryTruncation) {
  DictionarySet set;
  ASSERT_TRUE(set.Add(Plain({1, 1}, "first")).ok());
  ASSERT_TRUE(set.Add(Plain({1, 2}, "second")).ok());
  Bytes bytes;
  set.Serialise(bytes);
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    EXPECT_EQ(DictionarySet::Parse(bytes).code(), Code::kCorruption) << bit;
    bytes[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
  }
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_EQ(DictionarySet::Parse(ByteSpan(bytes).first(size)).code(), Code::kCorruption) << size;
  // With the CRC repaired what the fields say is still held against them.
  for (size_t bit = 64; bit < 8 * (bytes.size() - 4); ++bit) {
    Bytes forged = bytes;
    forged[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    const ByteSpan body = ByteSpan(forged).first(forged.size() - 4);
    base::Store(forged.data() + body.size(), base::Crc32c(body));
    const Code code = DictionarySet::Parse(forged).code();
    if (bit < 80) {
      EXPECT_EQ(code, Code::kUnsupported) << bit;
    } else if (bit >= 96 && bit < 128) {
      EXPECT_EQ(code, Code::kCorruption) << bit;
    }
  }
}

}  // namespace
}  // namespace intact::codec
