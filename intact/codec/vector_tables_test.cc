// Goal: tables come back from their bytes, damage is refused, learned codes are complete, and the
// Gaussian ones are the same on every machine.
#include "intact/codec/vector_tables.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "intact/codec/round_trip_test.h"

namespace intact::codec {
namespace {

using base::Code;
using intact::testing::Origin;
using intact::testing::OriginName;
using intact::testing::VectorSource;
using ::testing::HasSubstr;

constexpr Word kCodedWords[] = {Word::kFloat32, Word::kBfloat16, Word::kFloat16};

void ExpectSameModel(const SymbolModel& a, const SymbolModel& b) {
  EXPECT_EQ(a.books, b.books);
  EXPECT_EQ(a.contexts, b.contexts);
  EXPECT_EQ(a.decode, b.decode);
  EXPECT_EQ(a.table_offsets, b.table_offsets);
}

void ExpectUsable(const SymbolModel& model, size_t dimensions) {
  EXPECT_GE(model.books.size(), 1u);
  EXPECT_LE(model.books.size(), kContextCountMax);
  for (const CodeBook& book : model.books) {
    ASSERT_EQ(book.size(), kSymbolCount);
    EXPECT_TRUE(IsComplete(book));
    EXPECT_NE(book[kEscape], 0) << "the escape has no code";
  }
  EXPECT_EQ(model.table_offsets.size(), dimensions);
  for (const uint32_t offset : model.table_offsets) {
    ASSERT_LE(offset + kDecodeTableSize, model.decode.size());
  }
}

TEST(VectorTables, OfLengthOneNeedNoBytes) {
  for (const size_t d : {1, 2, 64, 1536, 65536}) {
    const VectorTables tables(d);
    EXPECT_TRUE(tables.bytes().empty());
    const auto parsed = VectorTables::Parse({}, d);
    ASSERT_TRUE(parsed.ok());
    for (const Word word : kCodedWords) {
      EXPECT_FALSE(tables.HasModel(word));
      ExpectUsable(tables.ModelOf(word), d);
      ExpectSameModel(parsed->ModelOf(word), tables.ModelOf(word));
    }
  }
}

TEST(VectorTables, LearnedOnesComeBackFromTheirBytes) {
  for (const Origin origin : intact::testing::kOrigins) {
    for (const size_t d : {1, 3, 64, 515}) {
      SCOPED_TRACE(std::string(OriginName(origin)) + ", d=" + std::to_string(d));
      const VectorTables tables = LearnedTables(VectorSource(origin, d, 3).Rows(200), d);
      const auto parsed = VectorTables::Parse(tables.bytes(), d);
      ASSERT_TRUE(parsed.ok()) << parsed.status().ToString();
      EXPECT_TRUE(std::ranges::equal(parsed->bytes(), tables.bytes()));
      for (const Word word : kCodedWords) {
        EXPECT_EQ(parsed->HasModel(word), tables.HasModel(word));
        ExpectUsable(tables.ModelOf(word), d);
        ExpectSameModel(parsed->ModelOf(word), tables.ModelOf(word));
      }
    }
  }
}

TEST(VectorTables, GiveContextsToDimensionsThatDiffer) {
  constexpr size_t kDimensions = 300;
  std::vector<float> rows = VectorSource(Origin::kFloat32, kDimensions, 3).Rows(300);
  for (size_t i = 0; i < rows.size(); i += 3) rows[i] *= 64;
  const VectorTables tables = LearnedTables(rows, kDimensions);
  const SymbolModel& model = tables.ModelOf(Word::kFloat32);
  ASSERT_GE(model.books.size(), 2u);
  for (size_t i = 3; i < kDimensions; i += 3) {
    EXPECT_NE(model.contexts[i], model.contexts[i - 1]);
  }
  // Learning is the same each time.
  EXPECT_TRUE(std::ranges::equal(LearnedTables(rows, kDimensions).bytes(), tables.bytes()));
}

TEST(VectorTables, AFewRowsLearnLittle) {
  const VectorTables tables = LearnedTables(VectorSource(Origin::kFloat32, 256, 3).Rows(1), 256);
  EXPECT_LE(tables.bytes().size(), 64u);
}

TEST(VectorTables, AreSafeToShareAndCopy) {
  const VectorTables tables = LearnedTables(VectorSource(Origin::kFloat16, 64, 3).Rows(100), 64);
  const VectorTables copy = tables;
  ExpectSameModel(copy.ModelOf(Word::kFloat16), tables.ModelOf(Word::kFloat16));
}

// Whoever changes how weights or lengths come about makes stored vectors unreadable.
TEST(VectorTables, GaussianOnesArePinned) {
  base::Digester digester;
  for (int quarter = -128; quarter <= 127; ++quarter) {
    const CodeBook book = GaussianBook(quarter);
    ASSERT_TRUE(IsComplete(book)) << quarter;
    ASSERT_NE(book[kEscape], 0) << quarter;
    digester.Update(std::as_bytes(std::span(book)));
  }
  const VectorTables tables(8);
  for (unsigned quarter = 0; quarter < VectorTables::kQuarterCount; ++quarter) {
    digester.Update(std::as_bytes(std::span(tables.IntegerModel(quarter).books.front())));
  }
  for (const ResidualCode& code : ResidualCodes()) {
    ASSERT_TRUE(IsComplete(code.lengths));
    digester.Update(std::as_bytes(std::span(code.lengths)));
  }
  EXPECT_EQ(digester.Finish().ToHex(),
            "cb309abebae61c799c3bbdcd6258a8eaa0a4865ebd23fd4aa620715ad545bab0");
}

TEST(VectorTables, TheUnitQuarterIsThatOfLengthOne) {
  EXPECT_EQ(UnitQuarter(1), 0);
  EXPECT_EQ(UnitQuarter(256), -16);  // 2^(-16 / 4) = 1 / sqrt(256)
  EXPECT_EQ(UnitQuarter(1024), -20);
  EXPECT_EQ(UnitQuarter(65536), -32);
}

TEST(VectorTables, EveryHeadIsASymbolOrEscapes) {
  for (uint32_t head = 0; head < 2048; ++head) {
    const uint32_t symbol = SymbolOf(head);
    ASSERT_LT(symbol, kSymbolCount);
    if (symbol != kEscape) {
      ASSERT_EQ(HeadOf(symbol), head);
    }
    const uint32_t exponent = head >> 2 & 255;
    const bool is_inside = exponent == 0 ? head != 1024 : exponent > 64 && exponent < 192;
    ASSERT_EQ(symbol != kEscape, is_inside) << head;
  }
}

struct Damage {
  base::Bytes bytes;
  Code code;
  const char* message;
};

base::Bytes BytesOf(std::initializer_list<unsigned> values) {
  base::Bytes bytes;
  for (const unsigned value : values) bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

TEST(VectorTables, RefuseDamage) {
  // One context; exponents from 0x40, one of them, symmetric: four lengths, and the escape's.
  // Lengths 3, 3, 4, 4 for both signs leave 1 / 4 for the escape.
  const base::Bytes good = BytesOf({1, 1, 0x40, 1, 1, 0x33, 0x44, 2});
  ASSERT_TRUE(VectorTables::Parse(good, 4).ok());
  ASSERT_TRUE(VectorTables::Parse(BytesOf({0, 0, 0xec, 2, 0, 0x10}), 4).ok());
  const Damage kDamages[] = {
      {BytesOf({1}), Code::kCorruption, "end too early"},
      {BytesOf({1, 0}), Code::kCorruption, "end too early"},
      {BytesOf({3, 0, 0}), Code::kUnsupported, "unknown word 3"},
      {BytesOf({200, 0, 0}), Code::kUnsupported, "unknown word 200"},
      {BytesOf({1, 0, 0, 1, 0, 0}), Code::kCorruption, "out of order"},
      {BytesOf({2, 0, 0, 1, 0, 0}), Code::kCorruption, "out of order"},
      {BytesOf({1, 9}), Code::kCorruption, "9 contexts"},
      {BytesOf({1, 1, 0x40, 1, 1, 0x33, 0x44}), Code::kCorruption, "end too early"},
      {BytesOf({1, 1, 0x40, 1, 1, 0x33, 0x44, 0x12}), Code::kCorruption, "padding"},
      {BytesOf({1, 1, 0x40, 1, 1, 0x33, 0x44, 3}), Code::kCorruption, "not complete"},
      {BytesOf({1, 1, 0x40, 1, 1, 0x33, 0x44, 1}), Code::kCorruption, "not complete"},
      {BytesOf({1, 1, 0x40, 1, 1, 0x33, 0x33, 0}), Code::kCorruption, "no code for the escape"},
      {BytesOf({1, 1, 0x7f, 2, 1, 0x33, 0x44, 2}), Code::kCorruption, "exponents 127 to 129"},
      {BytesOf({1, 1, 0x40, 1, 2, 0x33, 0x44, 2}), Code::kCorruption, "exponents"},
      {BytesOf({1, 1, 0, 1, 1, 0x33, 0x44, 2}), Code::kCorruption, "-0"},
      // Three contexts take two bits a dimension, four of which fill a byte.
      {BytesOf({1, 3, 0xff}), Code::kCorruption, "not there"},
      {BytesOf({1, 3}), Code::kCorruption, "end too early"},
  };
  for (const Damage& damage : kDamages) {
    const auto tables = VectorTables::Parse(damage.bytes, 4);
    ASSERT_FALSE(tables.ok()) << damage.message;
    EXPECT_EQ(tables.code(), damage.code) << tables.status().ToString();
    EXPECT_THAT(tables.status().message(), HasSubstr(damage.message));
  }
}

TEST(VectorTables, AnyBytesAreTablesOrAnError) {
  const VectorTables tables = LearnedTables(VectorSource(Origin::kMixed, 100, 3).Rows(200), 100);
  const base::Bytes good(tables.bytes().begin(), tables.bytes().end());
  for (size_t size = 1; size < good.size(); ++size) {
    EXPECT_FALSE(VectorTables::Parse(base::ByteSpan(good).first(size), 100).ok()) << size;
  }
  std::mt19937_64 random(7);
  for (int round = 0; round < 5000; ++round) {
    base::Bytes bytes = good;
    bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    const auto parsed = VectorTables::Parse(bytes, 100);
    if (!parsed.ok()) continue;
    for (const Word word : kCodedWords) ExpectUsable(parsed->ModelOf(word), 100);
  }
}

}  // namespace
}  // namespace intact::codec
