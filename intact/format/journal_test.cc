#include "intact/format/journal.h"

#include <gtest/gtest.h>

namespace intact::format {
namespace {

using base::Code;

constexpr uint64_t kHalf = 64 * kPageSize;

FrameHead Example() {
  FrameHead head;
  head.store.bytes[3] = std::byte{7};
  head.journal = 5;
  head.offset = 2 * kPageSize;
  head.version = 12;
  head.durable_version = 11;
  head.size = 3 * kPageSize;
  head.manifest_offset = 9000;
  head.manifest_size = 300;
  head.manifest_digest = base::DigestOf("manifest");
  head.payload_crc = 99;
  return head;
}

base::Result<FrameHead> Decode(base::ByteSpan bytes) {
  const FrameHead head = Example();
  return DecodeFrameHead(bytes, head.store, head.journal, head.offset, kHalf, "journal-5");
}

TEST(FrameHead, ComesBackAsItWas) {
  const auto decoded = Decode(EncodeFrameHead(Example()));
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(*decoded, Example());
}

TEST(FrameHead, HasTheBytesOfTheFormatDocument) {
  const FrameHeadBytes bytes = EncodeFrameHead(Example());
  const unsigned char magic[] = {0x89, 0x49, 0x4e, 0x4a, 0x0d, 0x0a, 0x1a, 0x0a};
  EXPECT_EQ(std::memcmp(bytes.data(), magic, sizeof(magic)), 0);
  EXPECT_EQ(base::Load<uint32_t>(bytes.data() + 12), 99u);
  EXPECT_EQ(bytes[16 + 3], std::byte{7});
  EXPECT_EQ(base::Load<uint64_t>(bytes.data() + 32), 5u);
  EXPECT_EQ(base::Load<uint64_t>(bytes.data() + 40), 2 * kPageSize);
  EXPECT_EQ(base::Load<uint64_t>(bytes.data() + 48), 12u);
  EXPECT_EQ(base::Load<uint64_t>(bytes.data() + 56), 11u);
  EXPECT_EQ(base::Load<uint64_t>(bytes.data() + 64), 3 * kPageSize);
  EXPECT_EQ(base::Load<uint64_t>(bytes.data() + 72), 300u);
  EXPECT_EQ(base::Load<uint64_t>(bytes.data() + 112), 9000u);
  EXPECT_EQ(base::Load<uint32_t>(bytes.data() + 124),
            base::Crc32c(base::ByteSpan(bytes).first(124)));
}

TEST(FrameHead, IsNoFrameWithAnyBitChanged) {
  FrameHeadBytes bytes = EncodeFrameHead(Example());
  for (size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    EXPECT_EQ(Decode(bytes).code(), Code::kNotFound) << bit;
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
  }
  EXPECT_EQ(Decode(base::ByteSpan(bytes).first(127)).code(), Code::kNotFound);
  EXPECT_EQ(Decode(base::Bytes(kFrameHeadSize)).code(), Code::kNotFound);
}

TEST(FrameHead, IsNoFrameElsewhereOrWithFieldsThatCannotBe) {
  struct Case {
    const char* name;
    void (*change)(FrameHead&);
  };
  const Case cases[] = {
      {"another store", [](FrameHead& head) { head.store.bytes[0] = std::byte{1}; }},
      {"another journal", [](FrameHead& head) { head.journal = 6; }},
      {"another place", [](FrameHead& head) { head.offset = kPageSize; }},
      {"no size", [](FrameHead& head) { head.size = 0; }},
      {"a size that is no multiple of pages", [](FrameHead& head) { head.size += 1; }},
      {"longer than the half", [](FrameHead& head) { head.size = kHalf; }},
      {"a huge size", [](FrameHead& head) { head.size = ~uint64_t{0} & ~uint64_t{4095}; }},
      {"a manifest in the head", [](FrameHead& head) { head.manifest_offset = 64; }},
      {"a manifest behind the end", [](FrameHead& head) { head.manifest_size = 5000; }},
      {"a huge manifest", [](FrameHead& head) { head.manifest_size = ~uint64_t{0}; }},
      {"durable before it was written", [](FrameHead& head) { head.durable_version = 12; }},
  };
  for (const Case& test : cases) {
    FrameHead head = Example();
    test.change(head);
    EXPECT_EQ(Decode(EncodeFrameHead(head)).code(), Code::kNotFound) << test.name;
  }
}

TEST(FrameHead, OfANewerFormatIsUnsupported) {
  FrameHead head = Example();
  head.major = kFormatMajor + 1;
  EXPECT_EQ(Decode(EncodeFrameHead(head)).code(), Code::kUnsupported);
}

}  // namespace
}  // namespace intact::format
