#include "intact/base/utf8.h"

#include <gtest/gtest.h>

namespace intact::base {
namespace {

TEST(Utf8, ReadsBackWhatItWrote) {
  for (char32_t value = 0; value <= 0x10FFFF; value += 1 + value / 97) {
    if (value >= 0xD800 && value <= 0xDFFF) continue;
    std::string text;
    AppendUtf8(value, text);
    const CodePoint point = DecodeUtf8(text);
    ASSERT_TRUE(point.is_valid) << static_cast<uint32_t>(value);
    ASSERT_EQ(point.value, value);
    ASSERT_EQ(point.size, text.size());
    ASSERT_TRUE(IsUtf8("seven.." + text + "and more"));
  }
}

TEST(Utf8, IsKnownFromWhatIsNot) {
  for (const std::string_view text : {"", "plain ascii, longer than a word", "\xc3\xa9",
                                      "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsUtf8(text)) << text;
  }
  for (const std::string_view text :
       {"\x80", "\xc0\x80", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xe2\x82", "\xf0\x80\x80\x80",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "12345678\xff"}) {
    EXPECT_FALSE(IsUtf8(text));
  }
}

}  // namespace
}  // namespace intact::base
