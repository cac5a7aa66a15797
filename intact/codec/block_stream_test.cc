#include "intact/codec/block_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace intact::codec {
namespace {

using base::Bytes;
using base::ByteSpan;
using base::Code;
using testing::HasSubstr;

constexpr size_t kHeaderSize = 48;

Bytes TextOf(size_t size, uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  std::string text;
  while (text.size() < size) text += "row " + std::to_string(random() % 1000) + ", ";
  text.resize(size);
  const ByteSpan bytes = base::AsBytes(text);
  return {bytes.begin(), bytes.end()};
}

Bytes StreamOf(ByteSpan raw, size_t block_raw_max, BlockOptions options = {},
               size_t piece = 1 << 20) {
  Bytes stream;
  auto writer = BlockStreamWriter::Make(
      std::move(options),
      [&stream](ByteSpan bytes) {
        stream.insert(stream.end(), bytes.begin(), bytes.end());
        return base::Ok();
      },
      block_raw_max);
  EXPECT_TRUE(writer.ok()) << writer.status().ToString();
  while (!raw.empty()) {
    const size_t size = std::min(piece, raw.size());
    EXPECT_TRUE(writer->Append(raw.first(size)).ok());
    raw = raw.subspan(size);
  }
  EXPECT_TRUE(writer->Finish().ok());
  return stream;
}

// Gives at most `piece` bytes a call.
BlockStreamReader::Source SourceOf(ByteSpan stream, size_t piece = 1 << 20) {
  return [stream, piece](base::MutableByteSpan target) mutable -> base::Result<size_t> {
    const size_t size = std::min({piece, stream.size(), target.size()});
    std::copy_n(stream.begin(), size, target.begin());
    stream = stream.subspan(size);
    return size;
  };
}

// All of a stream, or the first error.
base::Result<Bytes> ReadAll(BlockStreamReader::Source source,
                            const DictionarySet* dictionaries = nullptr) {
  INTACT_ASSIGN_OR_RETURN(BlockStreamReader reader,
                          BlockStreamReader::Make(std::move(source), kBlockRawMax, dictionaries));
  Bytes all;
  Bytes block;
  while (true) {
    const base::Result<bool> has_more = reader.Read(block);
    if (!has_more.ok()) {
      EXPECT_TRUE(block.empty());
      EXPECT_EQ(reader.Read(block).status().message(), has_more.status().message());
      return has_more.status();
    }
    if (!*has_more) break;
    EXPECT_FALSE(block.empty());
    all.insert(all.end(), block.begin(), block.end());
  }
  EXPECT_FALSE(*reader.Read(block));
  return all;
}

// Header, blocks, end: the items of a well-formed stream.
std::vector<Bytes> Split(ByteSpan stream) {
  std::vector<Bytes> items;
  items.emplace_back(stream.begin(), stream.begin() + kHeaderSize);
  stream = stream.subspan(kHeaderSize);
  while (!stream.empty()) {
    const size_t size = ParseBlockHeader(stream)->block_size();
    items.emplace_back(stream.begin(), stream.begin() + static_cast<ptrdiff_t>(size));
    stream = stream.subspan(size);
  }
  return items;
}

Bytes Join(const std::vector<Bytes>& items) {
  Bytes stream;
  for (const Bytes& item : items) stream.insert(stream.end(), item.begin(), item.end());
  return stream;
}

TEST(BlockStream, GivesBackWhatItWasGivenInAnyPieces) {
  for (const size_t size : {0, 1, 999, 1000, 1001, 5000, 300'000}) {
    const Bytes raw = TextOf(size);
    for (const size_t block_raw_max : {1000, 70'000}) {
      for (const size_t piece : {1, 7, 1000, 1 << 20}) {
        if (size / piece > 10'000) continue;
        for (const BlockCodec codec : {BlockCodec::kStored, BlockCodec::kZstd, BlockCodec::kLz4}) {
          BlockOptions options;
          options.codec = codec;
          const Bytes stream = StreamOf(raw, block_raw_max, options, piece);
          auto decoded = ReadAll(SourceOf(stream, piece));
          ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
          EXPECT_EQ(*decoded, raw);
        }
      }
    }
  }
}

TEST(BlockStream, DoesNotDependOnHowItWasFed) {
  const Bytes raw = TextOf(10'000);
  const Bytes once = StreamOf(raw, 1000);
  for (const size_t piece : {1, 333, 1000, 1001, 2500})
    EXPECT_EQ(StreamOf(raw, 1000, {}, piece), once) << piece;
}

TEST(BlockStream, FindsEveryTruncationAndEveryFlippedBit) {
  Bytes stream = StreamOf(TextOf(300), 100);
  for (size_t size = 0; size < stream.size(); ++size)
    EXPECT_EQ(ReadAll(SourceOf(ByteSpan(stream).first(size))).code(), Code::kCorruption) << size;
  for (size_t bit = 0; bit < 8 * stream.size(); ++bit) {
    stream[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    EXPECT_EQ(ReadAll(SourceOf(stream)).code(), Code::kCorruption) << bit;
    stream[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
  }
  stream.push_back(std::byte{0});
  EXPECT_EQ(ReadAll(SourceOf(stream)).code(), Code::kCorruption);
}

TEST(BlockStream, FindsMissingDoubledMovedAndForeignBlocksAtTheirPlace) {
  const std::vector<Bytes> items = Split(StreamOf(TextOf(500), 100));
  ASSERT_EQ(items.size(), 7U);
  const std::vector<Bytes> foreign = Split(StreamOf(TextOf(500, 2), 100));
  const std::vector<Bytes> other_sizes = Split(StreamOf(TextOf(500), 101));
  struct Case {
    const char* what;
    std::vector<Bytes> changed;
    int block;
  };
  const auto& i = items;
  const Case cases[] = {
      {"first missing", {i[0], i[2], i[3], i[4], i[5], i[6]}, 0},
      {"middle missing", {i[0], i[1], i[2], i[4], i[5], i[6]}, 2},
      {"last missing", {i[0], i[1], i[2], i[3], i[4], i[6]}, 4},
      {"all missing", {i[0], i[6]}, 0},
      {"end missing", {i[0], i[1], i[2], i[3], i[4], i[5]}, 5},
      {"doubled", {i[0], i[1], i[2], i[2], i[3], i[4], i[5], i[6]}, 2},
      {"last doubled", {i[0], i[1], i[2], i[3], i[4], i[5], i[5], i[6]}, 5},
      {"exchanged", {i[0], i[1], i[3], i[2], i[4], i[5], i[6]}, 1},
      {"foreign", {i[0], i[1], foreign[2], i[3], i[4], i[5], i[6]}, 1},
      {"foreign at the start", {i[0], foreign[1], i[2], i[3], i[4], i[5], i[6]}, 1},
      {"foreign end", {i[0], i[1], i[2], i[3], i[4], i[5], foreign[6]}, 5},
      {"foreign header", {other_sizes[0], i[1], i[2], i[3], i[4], i[5], i[6]}, 0},
      {"two streams", {i[0], i[1], i[2], i[3], i[4], i[5], i[6], foreign[0]}, 5},
  };
  ASSERT_EQ(ReadAll(SourceOf(Join(items)))->size(), 500U);
  for (const Case& c : cases) {
    const Bytes stream = Join(c.changed);
    const auto result = ReadAll(SourceOf(stream));
    EXPECT_EQ(result.code(), Code::kCorruption) << c.what;
    EXPECT_THAT(result.status().message(), HasSubstr("block " + std::to_string(c.block) + ": "))
        << c.what;
  }
}

TEST(BlockStream, TellsNewerFromDamaged) {
  const Bytes stream = StreamOf(TextOf(100), 100);
  const auto resealed = [&stream](size_t offset, unsigned value) {
    Bytes changed = stream;
    changed[offset] = static_cast<std::byte>(value);
    base::Store(changed.data() + 44, base::Crc32c(ByteSpan(changed).first(44)));
    return changed;
  };
  EXPECT_EQ(ReadAll(SourceOf(resealed(8, 2))).code(), Code::kUnsupported);
  EXPECT_EQ(ReadAll(SourceOf(resealed(32, 1))).code(), Code::kUnsupported);
  EXPECT_EQ(ReadAll(SourceOf(resealed(40, 1))).code(), Code::kCorruption);
  EXPECT_EQ(ReadAll(SourceOf(resealed(12, 0))).code(), Code::kCorruption);
}

TEST(BlockStream, IsBoundedByWhatTheReaderAllows) {
  const Bytes stream = StreamOf(Bytes(100'000), 50'000);
  const auto refused = BlockStreamReader::Make(SourceOf(stream), 49'999);
  EXPECT_EQ(refused.code(), Code::kFull);
  EXPECT_TRUE(BlockStreamReader::Make(SourceOf(stream), 50'000).ok());
}

TEST(BlockStream, DoesNotAllocateForABodyThatIsNotThere) {
  // 64 MiB promised, nothing given: one piece is asked for, then the end is noticed.
  Bytes stream = StreamOf({}, kBlockRawMax);
  stream.resize(kHeaderSize);
  base::ByteWriter block;
  block.Put<uint32_t>(0);
  block.Put(static_cast<uint32_t>(kBlockRawMax));
  block.Put(static_cast<uint32_t>(kBlockRawMax));
  block.Put<uint32_t>(0);
  stream.insert(stream.end(), block.bytes().begin(), block.bytes().end());
  size_t largest = 0;
  auto source = SourceOf(stream);
  const auto result = ReadAll([&](base::MutableByteSpan target) {
    largest = std::max(largest, target.size());
    return source(target);
  });
  EXPECT_EQ(result.code(), Code::kCorruption);
  EXPECT_LE(largest, size_t{1} << 20);
}

TEST(BlockStream, UsesDictionariesAndNamesTheMissing) {
  const Bytes raw = TextOf(1000);
  BlockOptions options;
  options.dictionary = *Dictionary::Make({4, 2}, TextOf(500));
  const Bytes stream = StreamOf(raw, 200, options);
  EXPECT_LT(stream.size(), StreamOf(raw, 200).size());
  const auto without = ReadAll(SourceOf(stream));
  EXPECT_EQ(without.code(), Code::kNotFound);
  EXPECT_THAT(without.status().message(), HasSubstr("dictionary 4 version 2"));
  DictionarySet set;
  ASSERT_TRUE(set.Add(options.dictionary).ok());
  EXPECT_EQ(*ReadAll(SourceOf(stream), &set), raw);
}

TEST(BlockStream, PassesOnAndRepeatsFailuresOfSinkAndSource) {
  int calls = 0;
  auto writer = BlockStreamWriter::Make(
      {}, [&calls](ByteSpan) { return ++calls == 2 ? base::IoError("disk") : base::Ok(); }, 10);
  ASSERT_TRUE(writer.ok());
  EXPECT_EQ(writer->Append(Bytes(25)).code(), Code::kIo);
  EXPECT_EQ(writer->Append(Bytes(25)).code(), Code::kIo);
  EXPECT_EQ(writer->Finish().code(), Code::kIo);
  EXPECT_EQ(calls, 2);

  const Bytes stream = StreamOf(TextOf(100), 100);
  auto inner = SourceOf(stream);
  const auto result = ReadAll([&](base::MutableByteSpan target) -> base::Result<size_t> {
    if (target.size() != kHeaderSize) return base::IoError("cable");
    return inner(target);
  });
  EXPECT_EQ(result.code(), Code::kIo);
  EXPECT_EQ(result.status().message(), "block 0: cable");
}

TEST(BlockStream, RefusesBlockSizesOutOfRange) {
  const auto sink = [](ByteSpan) { return base::Ok(); };
  EXPECT_EQ(BlockStreamWriter::Make({}, sink, 0).code(), Code::kInvalidArgument);
  EXPECT_EQ(BlockStreamWriter::Make({}, sink, kBlockRawMax + 1).code(), Code::kInvalidArgument);
  BlockOptions options;
  options.level = 99;
  EXPECT_EQ(BlockStreamWriter::Make(options, sink).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace intact::codec
