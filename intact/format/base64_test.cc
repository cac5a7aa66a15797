#include "intact/format/base64.h"

#include <gtest/gtest.h>

namespace intact::format {
namespace {

TEST(Base64, ComesBackAsItWas) {
  std::string text;
  AppendBase64(base::AsBytes("foobar"), text);
  EXPECT_EQ(text, "Zm9vYmFy");
  for (size_t size = 0; size < 300; ++size) {
    base::Bytes bytes(size);
    for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 37 + size);
    std::string encoded;
    AppendBase64(bytes, encoded);
    EXPECT_EQ(DecodeBase64(encoded), bytes) << size;
  }
}

TEST(Base64, HasOneTextPerValue) {
  for (const std::string_view text :
       {"A", "AA", "AAA", "A===", "AA=A", "AB==", "AAB=", "AAA A", "AA-_", "====", "AAAA="}) {
    EXPECT_EQ(DecodeBase64(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace intact::format
