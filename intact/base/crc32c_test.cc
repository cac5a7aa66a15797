#include "intact/base/crc32c.h"

#include <gtest/gtest.h>

#include <random>

namespace intact::base {
namespace {

// Values from RFC 3720, appendix B.4.
TEST(Crc32c, GivesThePublishedValues) {
  Bytes ascending(32);
  for (size_t i = 0; i < ascending.size(); ++i) ascending[i] = static_cast<std::byte>(i);
  for (const auto crc32c : {Crc32c, Crc32cPortable}) {
    EXPECT_EQ(crc32c(Bytes(32), 0), 0x8A9136AAu);
    EXPECT_EQ(crc32c(Bytes(32, std::byte{0xff}), 0), 0x62A8AB43u);
    EXPECT_EQ(crc32c(ascending, 0), 0x46DD794Eu);
    EXPECT_EQ(crc32c(AsBytes("123456789"), 0), 0xE3069283u);
    EXPECT_EQ(crc32c({}, 0), 0u);
    EXPECT_EQ(crc32c({}, 1234), 1234u);
  }
}

TEST(Crc32c, AgreesWithItsDefinitionAtAnyAddressAndLength) {
  std::mt19937 random(1);
  Bytes bytes(300);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  for (size_t begin = 0; begin < 9; ++begin) {
    for (size_t size = 0; begin + size <= bytes.size(); ++size) {
      const ByteSpan part = ByteSpan(bytes).subspan(begin, size);
      ASSERT_EQ(Crc32c(part, 77), Crc32cPortable(part, 77)) << begin << " " << size;
    }
  }
}

TEST(Crc32c, ContinuesOverPieces) {
  const ByteSpan whole = AsBytes("bits, results, writes");
  for (size_t cut = 0; cut <= whole.size(); ++cut) {
    EXPECT_EQ(Crc32c(whole.subspan(cut), Crc32c(whole.first(cut))), Crc32c(whole));
  }
}

}  // namespace
}  // namespace intact::base
