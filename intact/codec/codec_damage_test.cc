// Goal: whatever the bytes of a vector are, there is a vector or an error, never a crash or a read
// outside (which the sanitizers see). Method: every truncation, every byte replaced, and headers
// made to say anything.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "intact/codec/codec.h"
#include "intact/codec/round_trip_test.h"

namespace intact::codec {
namespace {

using intact::testing::Origin;
using intact::testing::OriginName;
using intact::testing::SearchCode;
using intact::testing::VectorSource;
using ::testing::HasSubstr;

struct EncodedVector {
  VectorKind kind;
  base::Bytes bytes;
  SearchCode code;
};

std::vector<EncodedVector> AllForms(const VectorTables& tables, std::span<const float> vector) {
  VectorEncoder encoder(tables);
  const SearchCode code = intact::testing::SearchCodeOf(vector);
  std::vector<EncodedVector> forms(3);
  for (EncodedVector& form : forms) form.code = code;
  forms[0].kind = encoder.Encode(vector, Goal::kCompact, forms[0].bytes);
  forms[1].kind = encoder.Encode(vector, Goal::kFast, forms[1].bytes);
  forms[2].kind = encoder.EncodeCompletion(vector, code.code, code.scale, forms[2].bytes);
  return forms;
}

// Decodes bytes that lie alone in memory, so that a sanitizer sees any step outside.
base::Status Decode(const VectorTables& tables, base::ByteSpan bytes, const SearchCode& code) {
  const base::Bytes alone(bytes.begin(), bytes.end());
  std::vector<float> one(tables.dimensions());
  std::vector<float> four(4 * tables.dimensions());
  const std::vector<base::ByteSpan> rows(4, alone);
  const bool is_decoded = DecodeVector(tables, alone, one).ok();
  EXPECT_EQ(DecodeVectors(tables, rows, four).ok(), is_decoded);
  const base::Status status = DecodeCompletion(tables, alone, code.code, code.scale, one);
  EXPECT_TRUE(status.ok() || status.code() == base::Code::kCorruption ||
              status.code() == base::Code::kUnsupported)
      << status.ToString();
  return status;
}

TEST(CodecDamage, AShorterOrLongerVectorIsAnError) {
  for (const size_t d : {1, 2, 7, 64, 65, 513}) {
    for (const Origin origin : intact::testing::kOrigins) {
      VectorSource source(origin, d, 3);
      source.set_token_count(3);
      const VectorTables tables(d);
      for (const EncodedVector& form : AllForms(tables, source.Next())) {
        SCOPED_TRACE(std::string(OriginName(origin)) + ", " +
                     std::string(FormName(form.kind.form)) + ", d=" + std::to_string(d));
        base::Bytes longer = form.bytes;
        longer.push_back(std::byte{0});
        EXPECT_FALSE(Decode(tables, longer, form.code).ok());
        const size_t step = 1 + form.bytes.size() / 300;
        for (size_t size = 0; size < form.bytes.size(); size += step) {
          ASSERT_FALSE(Decode(tables, base::ByteSpan(form.bytes).first(size), form.code).ok())
              << size;
        }
      }
    }
  }
}

TEST(CodecDamage, AnyByteReplacedIsAnErrorOrOtherBits) {
  std::mt19937_64 random(5);
  for (const size_t d : {3, 48, 600}) {
    for (const Origin origin : intact::testing::kOrigins) {
      VectorSource source(origin, d, 4);
      source.set_token_count(3);
      const std::vector<float> rows = source.Rows(3);
      const VectorTables tables = LearnedTables(rows, d);
      for (const EncodedVector& form : AllForms(tables, std::span(rows).first(d))) {
        const size_t step = 1 + form.bytes.size() / 256;
        for (size_t at = 0; at < form.bytes.size(); at += at < 24 ? 1 : step) {
          base::Bytes damaged = form.bytes;
          const auto found = static_cast<unsigned>(damaged[at]);
          for (const unsigned value :
               {found ^ 1u, found ^ 0x80u, 0u, 255u, static_cast<unsigned>(random() % 256)}) {
            damaged[at] = static_cast<std::byte>(value);
            static_cast<void>(Decode(tables, damaged, form.code).ok());
          }
        }
      }
    }
  }
}

TEST(CodecDamage, EveryHeaderIsReadOrRefused) {
  std::mt19937_64 random(6);
  for (const size_t d : {1, 9, 520}) {
    const VectorTables tables(d);
    const SearchCode code =
        intact::testing::SearchCodeOf(VectorSource(Origin::kFloat32, d, 1).Next());
    for (unsigned kind = 0; kind < 256; ++kind) {
      for (int round = 0; round < 40; ++round) {
        base::Bytes bytes(1 + random() % (5 * d + 12));
        for (std::byte& byte : bytes) {
          byte = static_cast<std::byte>(round % 4 == 0 ? 0 : round % 4 == 1 ? 255 : random());
        }
        bytes[0] = static_cast<std::byte>(kind);
        static_cast<void>(Decode(tables, bytes, code).ok());
      }
    }
  }
}

TEST(CodecDamage, ErrorsSayWhatIsWrong) {
  const VectorTables tables(4);
  std::vector<float> target(4);
  EXPECT_EQ(DecodeVector(tables, {}, target).code(), base::Code::kCorruption);
  // Words 4 and 6 are none of this version's; float32 has no arithmetic, bfloat16 no planes.
  for (const unsigned kind : {4u, 6u, 8u, 0xc1u}) {
    const base::Bytes unknown(17, static_cast<std::byte>(kind));
    const base::Status status = DecodeVector(tables, unknown, target);
    EXPECT_EQ(status.code(), base::Code::kUnsupported);
    EXPECT_THAT(status.message(), HasSubstr("kind " + std::to_string(kind)));
    EXPECT_EQ(KindOf(unknown).code(), base::Code::kUnsupported);
  }
  base::Bytes plain(17, std::byte{0});
  EXPECT_TRUE(DecodeVector(tables, plain, target).ok());
  plain.pop_back();
  const base::Status status = DecodeVector(tables, plain, target);
  EXPECT_EQ(status.code(), base::Code::kCorruption);
  EXPECT_THAT(status.message(), HasSubstr("15 bytes behind its header, expected 16"));
}

TEST(CodecDamage, ACompletionNeedsItsCode) {
  const std::vector<float> vector = VectorSource(Origin::kFloat32, 64, 1).Next();
  const VectorTables tables(64);
  const EncodedVector form = AllForms(tables, vector)[2];
  ASSERT_EQ(form.kind.form, Form::kCompletion);
  std::vector<float> target(64);
  EXPECT_EQ(DecodeVector(tables, form.bytes, target).code(), base::Code::kUnsupported);
  const auto short_code = std::span(form.code.code).first(63);
  EXPECT_EQ(DecodeCompletion(tables, form.bytes, short_code, form.code.scale, target).code(),
            base::Code::kCorruption);
  for (const float scale : {0.0f, -1.0f, INFINITY, NAN}) {
    EXPECT_EQ(DecodeCompletion(tables, form.bytes, form.code.code, scale, target).code(),
              base::Code::kCorruption);
  }
}

}  // namespace
}  // namespace intact::codec
