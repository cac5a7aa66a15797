#include "intact/base/bytes.h"

#include <gtest/gtest.h>

#include <limits>

namespace intact::base {
namespace {

TEST(LoadStore, WorkAtAnyAddress) {
  std::byte buffer[16]{};
  for (size_t offset = 0; offset <= 8; ++offset) {
    Store(buffer + offset, uint64_t{0x0807060504030201});
    EXPECT_EQ(Load<uint64_t>(buffer + offset), 0x0807060504030201u);
    EXPECT_EQ(buffer[offset], std::byte{1}) << "little-endian";
  }
}

TEST(AlignUp, GoesToTheNextMultiple) {
  EXPECT_EQ(AlignUp(0, 64), 0u);
  EXPECT_EQ(AlignUp(1, 64), 64u);
  EXPECT_EQ(AlignUp(64, 64), 64u);
  EXPECT_EQ(AlignUp(65, 64), 128u);
}

TEST(ByteReader, ReadsBackWhatTheWriterPut) {
  ByteWriter writer;
  writer.Put(uint16_t{7});
  writer.Put(-1.5f);
  writer.PutString("text");
  writer.PutString("");
  writer.PadTo(16);
  ASSERT_EQ(writer.size(), 16u);
  writer.PutBytes(AsBytes("tail"));
  ByteReader reader(writer.bytes());
  EXPECT_EQ(reader.Get<uint16_t>(), 7);
  EXPECT_EQ(reader.Get<float>(), -1.5f);
  EXPECT_EQ(reader.GetString(), "text");
  EXPECT_EQ(reader.GetString(), "");
  reader.Skip(16 - reader.position());
  EXPECT_FALSE(reader.AtEnd());
  EXPECT_EQ(AsText(reader.GetBytes(4)), "tail");
  EXPECT_TRUE(reader.AtEnd());
}

TEST(ByteReader, GivesNothingAfterTheFirstReadPastTheEnd) {
  const std::byte bytes[5] = {std::byte{1}, std::byte{2}};
  ByteReader reader(bytes);
  EXPECT_EQ(reader.Get<uint8_t>(), 1);
  EXPECT_EQ(reader.Get<uint64_t>(), 0u);
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.Get<uint8_t>(), 0);
  EXPECT_TRUE(reader.GetBytes(1).empty());
  EXPECT_EQ(reader.GetVarint(), 0u);
  EXPECT_FALSE(reader.AtEnd());
}

TEST(ByteReader, RefusesSizesBeyondTheEnd) {
  ByteReader huge(AsBytes("x"));
  EXPECT_TRUE(huge.GetBytes(std::numeric_limits<size_t>::max()).empty());
  EXPECT_FALSE(huge.ok());
  ByteWriter writer;
  writer.PutVarint(1000);
  writer.PutBytes(AsBytes("short"));
  ByteReader string(writer.bytes());
  EXPECT_EQ(string.GetString(), "");
  EXPECT_FALSE(string.ok());
}

TEST(Varint, ComesBackForEveryLength) {
  std::vector<uint64_t> values{0, 1, std::numeric_limits<uint64_t>::max()};
  for (int bit = 0; bit < 64; ++bit) {
    values.push_back(uint64_t{1} << bit);
    values.push_back((uint64_t{1} << bit) - 1);
  }
  for (const uint64_t value : values) {
    ByteWriter writer;
    writer.PutVarint(value);
    EXPECT_LE(writer.size(), 10u);
    ByteReader reader(writer.bytes());
    EXPECT_EQ(reader.GetVarint(), value);
    EXPECT_TRUE(reader.AtEnd());
  }
}

TEST(Varint, RefusesWhatIsCutOrTooLong) {
  const Bytes unfinished(3, std::byte{0x80});
  ByteReader cut(unfinished);
  cut.GetVarint();
  EXPECT_FALSE(cut.ok());
  Bytes eleven(10, std::byte{0x80});
  eleven.push_back(std::byte{1});
  ByteReader too_long(eleven);
  too_long.GetVarint();
  EXPECT_FALSE(too_long.ok());
  Bytes overflow(9, std::byte{0xff});
  overflow.push_back(std::byte{2});
  ByteReader beyond_64_bits(overflow);
  beyond_64_bits.GetVarint();
  EXPECT_FALSE(beyond_64_bits.ok());
}

}  // namespace
}  // namespace intact::base
