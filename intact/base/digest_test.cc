#include "intact/base/digest.h"

#include <gtest/gtest.h>

namespace intact::base {
namespace {

// BLAKE2b with 256 bits, as the reference implementation prints them.
TEST(Digest, GivesThePublishedValues) {
  EXPECT_EQ(DigestOf("").ToHex(),
            "0e5751c026e543b2e8ab2eb06099daa1d1e5df47778f7787faab45cdf12fe3a8");
  EXPECT_EQ(DigestOf("abc").ToHex(),
            "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
}

TEST(Digester, GivesTheSameInPieces) {
  Digester digester;
  digester.Update(AsBytes("a"));
  digester.Update({});
  digester.Update(AsBytes("bc"));
  EXPECT_EQ(digester.Finish(), DigestOf("abc"));
}

TEST(Digester, KeepsFieldsApart) {
  const auto digest_of = [](std::string_view first, std::string_view second) {
    Digester digester;
    digester.UpdateField(first);
    digester.UpdateField(second);
    return digester.Finish();
  };
  EXPECT_NE(digest_of("ab", "c"), digest_of("a", "bc"));
  EXPECT_NE(digest_of("", "abc"), digest_of("abc", ""));
}

TEST(Digest, IsOrderedAsItsBytes) {
  Digest low;
  Digest high;
  high.bytes[0] = std::byte{0x80};
  low.bytes[31] = std::byte{0xff};
  EXPECT_LT(low, high);
  EXPECT_EQ(low.Prefix(), 0u);
}

}  // namespace
}  // namespace intact::base
