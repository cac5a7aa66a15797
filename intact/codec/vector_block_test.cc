// Goal: a block gives back the elements it was made of, whatever their type, and any damage to it
// is an error. Method: every truncation, every bit flipped, and blocks whose checksum is right but
// whose contents are not.
#include "intact/codec/vector_block.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <random>

#include "intact/codec/round_trip_test.h"

namespace intact::codec {
namespace {

using base::ElementType;
using intact::testing::Origin;
using intact::testing::OriginName;
using intact::testing::VectorSource;
using ::testing::HasSubstr;

base::Bytes BlockOf(ElementType element, size_t dimensions, base::ByteSpan elements, Goal goal) {
  base::Bytes block;
  std::vector<VectorKind> kinds;
  EncodeVectorBlock(element, dimensions, elements, goal, block, &kinds);
  EXPECT_EQ(kinds.size(), elements.size() / dimensions / base::ElementSize(element));
  return block;
}

// Opens a block and compares all that can be read of it; its size.
size_t ExpectElements(ElementType element, size_t dimensions, base::ByteSpan elements, Goal goal) {
  const base::Bytes bytes = BlockOf(element, dimensions, elements, goal);
  const auto block = VectorBlock::Open(bytes);
  EXPECT_TRUE(block.ok()) << block.status().ToString();
  if (!block.ok()) return bytes.size();
  EXPECT_EQ(block->element(), element);
  EXPECT_EQ(block->dimensions(), dimensions);
  EXPECT_EQ(block->size(), bytes.size());
  const auto read = block->ReadElements();
  EXPECT_TRUE(read.ok()) << read.status().ToString();
  if (read.ok()) {
    EXPECT_TRUE(std::ranges::equal(*read, elements));
  }
  return bytes.size();
}

base::Bytes ElementsOf(const std::vector<float>& vectors) {
  const auto bytes = std::as_bytes(std::span(vectors));
  return {bytes.begin(), bytes.end()};
}

// Elements of any bits.
base::Bytes AnyElements(size_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  base::Bytes bytes(size);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  return bytes;
}

template <typename T>
base::Bytes Repeated(const std::vector<T>& values, size_t count) {
  base::ByteWriter writer;
  for (size_t i = 0; i < count; ++i) writer.Put(values[i % values.size()]);
  return writer.Take();
}

TEST(VectorBlock, RoundTripsEveryOriginInEveryNumberOfRows) {
  for (const Origin origin : intact::testing::kOrigins) {
    for (const size_t d : {1, 5, 100}) {
      for (const size_t n : {0, 1, 3, 4, 5, 70}) {
        SCOPED_TRACE(std::string(OriginName(origin)) + ", d=" + std::to_string(d));
        const base::Bytes elements = ElementsOf(VectorSource(origin, d, n).Rows(n));
        ExpectElements(ElementType::kFloat32, d, elements, Goal::kCompact);
        ExpectElements(ElementType::kFloat32, d, elements, Goal::kFast);
      }
    }
  }
}

TEST(VectorBlock, ReadsAnyRunOfRows) {
  constexpr size_t kDimensions = 60, kRows = 23;
  const std::vector<float> rows =
      VectorSource(Origin::kFloat16OverNorm, kDimensions, 1).Rows(kRows);
  const base::Bytes bytes =
      BlockOf(ElementType::kFloat32, kDimensions, ElementsOf(rows), Goal::kCompact);
  const auto block = VectorBlock::Open(bytes);
  ASSERT_TRUE(block.ok());
  ASSERT_EQ(block->row_count(), kRows);
  for (size_t first = 0; first <= kRows; ++first) {
    for (size_t count = 0; first + count <= kRows; ++count) {
      std::vector<float> target(count * kDimensions);
      ASSERT_TRUE(block->ReadRows(first, count, target).ok());
      ASSERT_TRUE(
          HaveSameBits(target, std::span(rows).subspan(first * kDimensions, count * kDimensions)));
    }
  }
  std::vector<float> one(kDimensions);
  ASSERT_TRUE(block->ReadRow(7, one).ok());
  EXPECT_TRUE(HaveSameBits(one, std::span(rows).subspan(7 * kDimensions, kDimensions)));
}

TEST(VectorBlock, KeepsEveryBitOfEveryElementType) {
  for (const Goal goal : {Goal::kCompact, Goal::kFast}) {
    for (const ElementType element : {ElementType::kFloat32, ElementType::kFloat16,
                                      ElementType::kBfloat16, ElementType::kFloat64}) {
      SCOPED_TRACE(base::ElementTypeName(element));
      for (const size_t d : {1, 3, 64}) {
        const size_t size = 40 * d * base::ElementSize(element);
        ExpectElements(element, d, AnyElements(size, d), goal);
        ExpectElements(element, d, base::Bytes(size), goal);
        ExpectElements(element, d, base::Bytes(size, std::byte{0xff}), goal);
      }
    }
  }
}

TEST(VectorBlock, KeepsFloat64) {
  const double kTiny = std::numeric_limits<double>::denorm_min();
  const double kInfinity = std::numeric_limits<double>::infinity();
  const auto signalling = std::bit_cast<double>(uint64_t{0x7ff0000000000001});
  const std::vector<std::vector<double>> kCases = {
      {1.0, -0.5, 0.25, -0.0},             // All are float32.
      {0.1, -0.2, 0.3, 0.7},               // More than float32.
      {0.1, 0.0, -0.0, 1e-30},             //
      {0.1, 1e300, 1e-300, kTiny},         // Beyond its range.
      {0.1, kInfinity, -kInfinity, -0.0},  //
      {0.1, signalling, -signalling, 2},
      {0x1p-126, 0x1.8p-127, 0x1.fffffffffffffp127, 0x1p128},
      {0x1p-1050, 0.1, 0x1p-149, -0x1p-150}};
  for (const auto& values : kCases) {
    for (const Goal goal : {Goal::kCompact, Goal::kFast}) {
      ExpectElements(ElementType::kFloat64, 4, Repeated(values, 12), goal);
      // With ordinary rows around.
      base::Bytes elements = Repeated<double>({0.1, 0.2, 0.3, 0.4}, 8);
      const base::Bytes row = Repeated(values, 4);
      elements.insert(elements.end(), row.begin(), row.end());
      ExpectElements(ElementType::kFloat64, 4, elements, goal);
    }
  }
}

TEST(VectorBlock, Float64ThatIsFloat32TakesWhatFloat32Takes) {
  constexpr size_t kDimensions = 256;
  const std::vector<float> rows = VectorSource(Origin::kFloat16OverNorm, kDimensions, 1).Rows(50);
  const std::vector<double> wide(rows.begin(), rows.end());
  const auto bytes = std::as_bytes(std::span(wide));
  const size_t size = ExpectElements(ElementType::kFloat64, kDimensions, bytes, Goal::kCompact);
  EXPECT_EQ(size,
            BlockOf(ElementType::kFloat32, kDimensions, ElementsOf(rows), Goal::kCompact).size());
}

TEST(VectorBlock, FullFloat64HasNoFloat32Rows) {
  const base::Bytes bytes =
      BlockOf(ElementType::kFloat64, 2, Repeated<double>({0.1, 0.2}, 4), Goal::kFast);
  const auto block = VectorBlock::Open(bytes);
  ASSERT_TRUE(block.ok());
  std::vector<float> row(2);
  EXPECT_EQ(block->ReadRow(0, row).code(), base::Code::kUnsupported);
}

TEST(VectorBlock, StoresRepeatedRowsOnce) {
  constexpr size_t kDimensions = 200;
  VectorSource source(Origin::kFloat32, kDimensions, 1);
  const std::vector<float> a = source.Next();
  const std::vector<float> b = source.Next();
  std::vector<float> rows;
  for (int row = 0; row < 500; ++row) {
    const std::vector<float>& next = row % 3 == 0 ? a : b;
    rows.insert(rows.end(), next.begin(), next.end());
  }
  for (const Goal goal : {Goal::kCompact, Goal::kFast}) {
    const size_t size = ExpectElements(ElementType::kFloat32, kDimensions, ElementsOf(rows), goal);
    EXPECT_LT(size, 2 * EncodedSizeMax(kDimensions) + 4 * 500);
  }
  // Equal as numbers is not equal: -0 and 0, two NaN.
  const base::Bytes zeros = Repeated<uint32_t>({0, 0x80000000, 0x7fc00000, 0x7fc00001}, 40);
  for (const size_t d : {1, 2, 4}) {
    ExpectElements(ElementType::kFloat32, d, zeros, Goal::kCompact);
  }
}

TEST(VectorBlock, StandsBehindOthers) {
  base::Bytes bytes(5, std::byte{1});
  const base::Bytes first = ElementsOf(VectorSource(Origin::kFloat16, 9, 1).Rows(3));
  const base::Bytes second = ElementsOf(VectorSource(Origin::kFloat32, 7, 2).Rows(4));
  EncodeVectorBlock(ElementType::kFloat32, 9, first, Goal::kCompact, bytes);
  EncodeVectorBlock(ElementType::kFloat32, 7, second, Goal::kCompact, bytes);
  const auto block = VectorBlock::Open(base::ByteSpan(bytes).subspan(5));
  ASSERT_TRUE(block.ok());
  EXPECT_TRUE(std::ranges::equal(*block->ReadElements(), first));
  const auto next = VectorBlock::Open(base::ByteSpan(bytes).subspan(5 + block->size()));
  ASSERT_TRUE(next.ok());
  EXPECT_TRUE(std::ranges::equal(*next->ReadElements(), second));
}

std::vector<base::Bytes> SmallBlocks() {
  const base::Bytes floats = ElementsOf(VectorSource(Origin::kFloat16OverNorm, 24, 1).Rows(5));
  const base::Bytes mixed = ElementsOf(VectorSource(Origin::kMixed, 24, 1).Rows(4));
  return {BlockOf(ElementType::kFloat32, 24, floats, Goal::kCompact),
          BlockOf(ElementType::kFloat32, 24, mixed, Goal::kCompact),
          BlockOf(ElementType::kFloat32, 24, floats, Goal::kFast),
          BlockOf(ElementType::kFloat64, 24, mixed, Goal::kCompact),
          BlockOf(ElementType::kBfloat16, 24, mixed, Goal::kCompact),
          BlockOf(ElementType::kFloat32, 24, base::Bytes(960), Goal::kCompact)};
}

TEST(VectorBlock, EveryTruncationIsAnError) {
  for (const base::Bytes& block : SmallBlocks()) {
    for (size_t size = 0; size < block.size(); ++size) {
      const base::Bytes alone(block.begin(), block.begin() + static_cast<std::ptrdiff_t>(size));
      ASSERT_EQ(VectorBlock::Open(alone).code(), base::Code::kCorruption) << size;
    }
  }
}

TEST(VectorBlock, EveryFlippedBitIsAnError) {
  for (const base::Bytes& block : SmallBlocks()) {
    for (size_t bit = 0; bit < 8 * block.size(); ++bit) {
      base::Bytes damaged = block;
      damaged[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
      ASSERT_FALSE(VectorBlock::Open(damaged).ok()) << bit;
    }
  }
}

// Contents with the size and checksum that they should have.
base::Bytes Sealed(base::ByteSpan contents) {
  base::ByteWriter writer;
  writer.PutVarint(contents.size());
  writer.Put(base::Crc32c(contents));
  writer.PutBytes(contents);
  return writer.Take();
}

base::Bytes ContentsOf(base::ByteSpan block) {
  base::ByteReader reader(block);
  const uint64_t size = reader.GetVarint();
  const base::ByteSpan contents = block.last(size);
  EXPECT_TRUE(std::ranges::equal(Sealed(contents), block));
  return {contents.begin(), contents.end()};
}

void ReadAll(base::ByteSpan bytes) {
  const auto block = VectorBlock::Open(bytes);
  if (!block.ok()) return;
  EXPECT_LE(block->row_count(), kVectorBlockRowsMax);
  if (block->row_count() * block->dimensions() > 1 << 16) return;
  std::vector<float> rows(block->row_count() * block->dimensions());
  static_cast<void>(block->ReadRows(0, block->row_count(), rows).ok());
  static_cast<void>(block->ReadElements().ok());
}

TEST(VectorBlock, AnyContentsAreRowsOrAnError) {
  std::mt19937_64 random(9);
  for (const base::Bytes& block : SmallBlocks()) {
    const base::Bytes contents = ContentsOf(block);
    for (size_t size = 0; size < contents.size(); ++size) {
      EXPECT_FALSE(VectorBlock::Open(Sealed(base::ByteSpan(contents).first(size))).ok());
    }
    for (size_t at = 0; at < contents.size(); ++at) {
      for (const unsigned value : {0u, 1u, 0x7fu, 0x80u, 255u, unsigned(random() % 256)}) {
        base::Bytes damaged = contents;
        damaged[at] = static_cast<std::byte>(value);
        ReadAll(Sealed(damaged));
      }
    }
  }
}

TEST(VectorBlock, ARowRepeatsOnlyAnEarlierOne) {
  const auto block_of = [](std::initializer_list<unsigned> sizes, size_t row_count) {
    base::ByteWriter writer;
    writer.Put(static_cast<uint8_t>(ElementType::kFloat32));
    writer.PutVarint(1);
    writer.PutVarint(row_count);
    writer.PutVarint(0);
    for (const unsigned size : sizes) writer.PutVarint(size);
    writer.PutBytes(base::Bytes(5, std::byte{0}));  // 0.0, plain.
    return Sealed(writer.bytes());
  };
  EXPECT_TRUE(VectorBlock::Open(block_of({5, 0, 0}, 2)).ok());
  EXPECT_TRUE(VectorBlock::Open(block_of({5, 0, 0, 0, 1}, 3)).ok());
  EXPECT_FALSE(VectorBlock::Open(block_of({0, 0, 5}, 2)).ok());
  EXPECT_FALSE(VectorBlock::Open(block_of({0, 1, 5}, 2)).ok());
  EXPECT_FALSE(VectorBlock::Open(block_of({5, 0, 1}, 2)).ok());
  EXPECT_FALSE(VectorBlock::Open(block_of({5, 0, 7}, 2)).ok());
  EXPECT_FALSE(VectorBlock::Open(block_of({5, 5}, 2)).ok());
}

TEST(VectorBlock, RefusesImpossibleHeaders) {
  struct Case {
    uint8_t element;
    uint64_t dimensions, row_count;
    uint64_t tables_field;  // Twice the size, and whether rows have one size.
    base::Code code;
    const char* message;
  };
  constexpr Case kCases[] = {
      {1, 0, 0, 0, base::Code::kCorruption, "impossible header"},
      {1, 65537, 0, 0, base::Code::kCorruption, "impossible header"},
      {1, uint64_t{1} << 63, 0, 0, base::Code::kCorruption, "impossible header"},
      {1, 4, 1025, 0, base::Code::kCorruption, "impossible header"},
      {1, 4, 0, 2, base::Code::kCorruption, "impossible header"},
      {1, 4, 0, ~uint64_t{0}, base::Code::kCorruption, "impossible header"},
      {0, 4, 0, 0, base::Code::kUnsupported, "element type 0"},
      {6, 4, 0, 0, base::Code::kUnsupported, "element type 6"},
      {1, 4, 3, 0, base::Code::kCorruption, "do not fill it"},
      {1, 4, 3, 1, base::Code::kCorruption, "do not fill it"},
  };
  for (const Case& c : kCases) {
    base::ByteWriter writer;
    writer.Put(c.element);
    writer.PutVarint(c.dimensions);
    writer.PutVarint(c.row_count);
    writer.PutVarint(c.tables_field);
    const auto block = VectorBlock::Open(Sealed(writer.bytes()));
    ASSERT_FALSE(block.ok());
    EXPECT_EQ(block.code(), c.code);
    EXPECT_THAT(block.status().message(), HasSubstr(c.message));
  }
  EXPECT_FALSE(VectorBlock::Open({}).ok());
  EXPECT_FALSE(VectorBlock::Open(base::Bytes(64, std::byte{0xff})).ok());
}

}  // namespace
}  // namespace intact::codec
