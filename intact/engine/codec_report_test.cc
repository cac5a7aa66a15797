// Goal: what the report says of vectors is true of them: kinds, sizes, floors, exactness; and sets
// are read and made as asked.
#include "intact/engine/codec_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <fstream>

#include "intact/codec/vector_block.h"
#include "intact/engine/codec_floor.h"
#include "intact/testing/testing.h"

namespace intact::engine {
namespace {

using ::testing::HasSubstr;

VectorSet Make(const std::string& words) {
  auto set = GenerateVectorSet(words);
  EXPECT_TRUE(set.ok()) << set.status().message();
  return *std::move(set);
}

CodecReport Bench(const VectorSet& set, CodecEffort effort = CodecEffort::kSizes) {
  auto report = BenchCodecs(set, {.effort = effort});
  EXPECT_TRUE(report.ok()) << report.status().message();
  return *std::move(report);
}

double Percent(const CodecReport& report, uint64_t bytes) {
  return 100 * static_cast<double>(bytes) / static_cast<double>(report.raw_bytes);
}

TEST(CodecReport, FindsWhatTheRulesMade) {
  const struct {
    const char* rule;
    const char* kind;
    double compact_percent_max;
    double fast_percent_max;
  } cases[] = {
      {"float16-norm", "float16 / scale", 43.5, 51.5},
      {"bfloat16-norm", "bfloat16 / scale", 34.5, 51.5},
      {"float16", "float16", 43.5, 51.5},
      {"bfloat16", "bfloat16", 34.5, 51.5},
      {"float32", "float32", 83.8, 88.5},
      {"sums", "sum of 16-bit numbers", 65, 88.5},
  };
  for (const auto& row : cases) {
    const CodecReport report = Bench(Make(std::string(row.rule) + ":512:64"));
    EXPECT_TRUE(report.is_exact) << row.rule;
    ASSERT_FALSE(report.kinds.empty());
    EXPECT_EQ(report.kinds[0].kind, row.kind);
    EXPECT_GE(report.kinds[0].rows, 60u) << row.rule;
    EXPECT_LE(Percent(report, report.compact.bytes), row.compact_percent_max) << row.rule;
    EXPECT_LE(Percent(report, report.fast.bytes), row.fast_percent_max) << row.rule;
    ASSERT_TRUE(report.code_rest.has_value());
    EXPECT_LT(report.code_rest->bytes, report.raw_bytes) << row.rule;
    EXPECT_NEAR(report.given_floor_bits, 26.5, 0.3);
    EXPECT_LE(report.floor_bits, report.given_floor_bits + 1e-9) << row.rule;
  }
}

TEST(CodecReport, CountsTheBytesOfTheBlocksThemselves) {
  const VectorSet set = Make("bfloat16-norm:16:2500");  // Three blocks.
  const CodecReport report = Bench(set);
  uint64_t size = 0;
  for (size_t first = 0; first < 2500; first += 1024) {
    const size_t count = std::min<size_t>(1024, 2500 - first);
    base::Bytes block;
    codec::EncodeVectorBlock(
        set.element, set.dimensions,
        base::ByteSpan(set.elements).subspan(first * set.row_size(), count * set.row_size()),
        codec::Goal::kCompact, block);
    size += block.size();
  }
  EXPECT_EQ(report.compact.bytes, size);
  uint64_t rows = 0;
  for (const CodecKind& kind : report.kinds) rows += kind.rows;
  EXPECT_EQ(rows, 2500u);
}

TEST(CodecReport, MeasuresEverythingWhenAsked) {
  size_t last = 0;
  size_t steps = 0;
  const auto report = BenchCodecs(Make("float16:32:40"), {.memory_bytes = uint64_t{1} << 20},
                                  [&](size_t done, size_t total) {
                                    EXPECT_GE(done, last);
                                    EXPECT_LE(done, total);
                                    last = done;
                                    steps = total;
                                  });
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(last, steps);
  for (const CodecForm& form : {report->compact, report->fast, *report->code_rest}) {
    for (const Rate& rate : {form.encode, form.decode, form.decode_rows}) {
      EXPECT_GT(rate.median, 0) << form.name;
      EXPECT_GE(rate.best, rate.median) << form.name;
    }
  }
  ASSERT_EQ(report->peers.size(), 8u);
  EXPECT_EQ(report->peers[0].name, "raw copy");
  EXPECT_EQ(report->peers[0].bytes, report->raw_bytes);
  ASSERT_EQ(report->memory.forms.size(), 3u);
  for (const CodecForm& form : report->memory.forms) {
    EXPECT_GE(form.bytes, report->memory.encoded_bytes_min) << form.name;
    EXPECT_GT(form.decode_rows.median, 0) << form.name;
  }
}

TEST(CodecReport, LeavesOutWhatTakesLongWhenQuick) {
  const CodecReport report = Bench(Make("float32:8:20"), CodecEffort::kQuick);
  EXPECT_TRUE(report.memory.forms.empty());
  for (const CodecForm& peer : report.peers)
    EXPECT_THAT(peer.name, ::testing::Not(HasSubstr("19")));
  EXPECT_GT(report.fast.decode.best, 0);
}

TEST(CodecReport, TakesFloat64BeyondFloat32) {
  VectorSet set{.element = base::ElementType::kFloat64, .dimensions = 4, .rows = 3};
  for (int i = 0; i < 12; ++i) {
    const double value = 0.1 * i;
    const auto bytes = base::AsBytes(std::span(&value, 1));
    set.elements.insert(set.elements.end(), bytes.begin(), bytes.end());
  }
  const CodecReport report = Bench(set, CodecEffort::kQuick);
  EXPECT_TRUE(report.is_exact);
  EXPECT_FALSE(report.code_rest.has_value());
  uint64_t rows = 0;
  for (const CodecKind& kind : report.kinds) {
    EXPECT_THAT(kind.kind, HasSubstr("float64"));
    rows += kind.rows;
  }
  EXPECT_EQ(rows, 3u);
  EXPECT_EQ(ExplainRow(set, 0).status().code(), base::Code::kInvalidArgument);
}

TEST(CodecReport, TakesRowsThatNoCodeCanStandFor) {
  VectorSet set{.dimensions = 3, .rows = 2};
  for (const uint32_t bits :
       {0x7fc00001u, 0xff800001u, 0x80000000u, 0x7f800000u, 1u, 0x3f800000u}) {
    const auto bytes = base::AsBytes(std::span(&bits, 1));
    set.elements.insert(set.elements.end(), bytes.begin(), bytes.end());
  }
  EXPECT_TRUE(Bench(set, CodecEffort::kQuick).is_exact);
  EXPECT_TRUE(ExplainRow(set, 1).ok());
}

TEST(CodecReport, SaysNothingOfNoRows) {
  const CodecReport report = Bench({.dimensions = 7}, CodecEffort::kFull);
  EXPECT_TRUE(report.is_exact);
  EXPECT_TRUE(report.kinds.empty());
  EXPECT_TRUE(std::isnan(report.floor_bits));
  EXPECT_TRUE(std::isnan(report.compact.decode.best));
}

TEST(ExplainRow, GivesTheArithmeticAndTheRowsOwnSizes) {
  const VectorSet set = Make("float16-norm:256:1030");
  for (const uint64_t row : {0, 1023, 1024, 1029}) {
    const auto found = ExplainRow(set, row);
    ASSERT_TRUE(found.ok()) << found.status().message();
    EXPECT_EQ(found->kind, "float16 / scale");
    ASSERT_TRUE(found->scale.has_value());
    EXPECT_GT(*found->scale, 0);
    EXPECT_LT(found->compact_bytes, found->fast_bytes);
    EXPECT_EQ(found->fast_bytes, 1 + 4 + 2 * 256u);
  }
  EXPECT_EQ(ExplainRow(set, 1030).status().code(), base::Code::kInvalidArgument);
}

TEST(ElementFloor, IsTheEntropyOfSignAndExponentAndTheRestPlain) {
  // Signs 1 bit, two exponents 1 bit, 23 bits of fraction.
  const float values[] = {1, -1, 2, -2};
  ElementFloor floor(base::ElementType::kFloat32);
  floor.Add(base::AsBytes(std::span<const float>(values)));
  EXPECT_DOUBLE_EQ(floor.BitsPerValue(), 25);
  EXPECT_TRUE(std::isnan(ElementFloor(base::ElementType::kFloat16).BitsPerValue()));
}

TEST(WordFloor, CountsTheBitsOfTheWordsFound) {
  const float values[] = {1, -1, 2, -2};
  WordFloor floor;
  floor.Add(values, {.word = codec::Word::kBfloat16});
  EXPECT_DOUBLE_EQ(floor.BitsPerValue(), 1 + 1 + 7);
}

TEST(VectorRules, GiveTheSameBitsEachTime) {
  for (const std::string_view rule : VectorRules()) {
    const std::string words = std::string(rule) + ":24:5";
    const VectorSet set = Make(words);
    EXPECT_EQ(set.elements.size(), 24u * 5 * 4);
    EXPECT_EQ(set.elements, Make(words).elements);
    EXPECT_EQ(set.name, words);
    EXPECT_TRUE(set.is_generated);
  }
  EXPECT_EQ(Make("float32:3").rows, 4096u);
}

TEST(VectorRules, RefuseWhatIsNone) {
  for (const char* words :
       {"", "float17", "float32:", "float32:x", "float32:0", "float32:8:0", "float32:8:9:1",
        "float32:8:9x", "float32:70000", "float32:65536:18446744073709551615", "float32:-1"}) {
    const auto set = GenerateVectorSet(words);
    EXPECT_EQ(set.status().code(), base::Code::kInvalidArgument) << words;
  }
}

TEST(ReadVectorSet, TakesAsManyRowsAsAsked) {
  const testing::TemporaryFolder folder;
  const VectorSet made = Make("float32:8:2000");
  const std::string path = folder / "model__8__2000.f32";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(made.elements.data()),
             static_cast<std::streamsize>(made.elements.size()));
  const struct {
    VectorSetOptions options;
    uint64_t rows;
  } cases[] = {{{}, 2000},
               {{.rows_max = 2000}, 2000},
               {{.rows_max = 1500}, 1500},
               {{.rows_max = 1}, 1},
               {{.bytes_max = 320}, 10},
               {{.bytes_max = 1}, 1},
               {{.bytes_max = 320, .rows_min = 17}, 17}};
  for (const auto& row : cases) {
    const auto set = ReadVectorSet(path, row.options);
    ASSERT_TRUE(set.ok()) << set.status().message();
    EXPECT_EQ(set->rows, row.rows);
    EXPECT_EQ(set->is_whole, row.rows == 2000);
    ASSERT_EQ(set->elements.size(), row.rows * 32);
    EXPECT_EQ(std::memcmp(set->elements.data(), made.elements.data(), set->elements.size()), 0);
  }
  EXPECT_EQ(ReadVectorSet(folder / "none.f32", {}).status().code(), base::Code::kNotFound);
  EXPECT_EQ(ReadVectorSet(folder.path(), {}).status().code(), base::Code::kInvalidArgument);
}

}  // namespace
}  // namespace intact::engine
