#include "intact/format/manifest.h"

#include <gtest/gtest.h>

#include <functional>

namespace intact::format {
namespace {

using base::Code;

Manifest Example() {
  Manifest manifest;
  manifest.store.bytes[15] = std::byte{9};
  manifest.version = 12;
  manifest.parent = 11;
  manifest.wall_ns = -5;
  manifest.spec = {"default", 256, Metric::kDot, "local/test 3 d256"};
  manifest.next_row = 1000;
  manifest.next_segment = 40;
  manifest.segments = {{3, 8192, 0, 100, base::DigestOf("a")},
                       {39, 4096, 100, 0, base::DigestOf("b")},
                       {20, 9999, 500, 500, base::DigestOf("c")}};
  manifest.segments[1].location = {38, 4096};
  manifest.key_count = 590;
  manifest.retention = {3, 3600};
  manifest.history = {{4, 77, {}, 300, base::DigestOf("d")},
                      {11, 88, {38, 8192}, 400, base::DigestOf("e")}};
  manifest.tags = {{"before", 4}, {"now", 12}};
  manifest.engine_state = {std::byte{1}, std::byte{2}};
  return manifest;
}

void RepairCrc(base::Bytes& bytes) {
  const size_t size = bytes.size() - 4;
  base::Store(bytes.data() + size, base::Crc32c(base::ByteSpan(bytes).first(size)));
}

TEST(Manifest, ComesBackAsItWas) {
  Manifest empty;
  empty.spec.dimensions = 1;
  for (const Manifest& manifest : {Example(), empty}) {
    const auto decoded = DecodeManifest(EncodeManifest(manifest), "manifest-12");
    ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
    EXPECT_EQ(*decoded, manifest);
  }
}

TEST(Manifest, RefusesEveryOtherLength) {
  base::Bytes bytes = EncodeManifest(Example());
  for (size_t size = 0; size < bytes.size(); ++size) {
    base::Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    if (size >= 4) RepairCrc(cut);
    EXPECT_FALSE(DecodeManifest(cut, "m").ok()) << size;
  }
  bytes.resize(bytes.size() + 8);
  RepairCrc(bytes);
  EXPECT_EQ(DecodeManifest(bytes, "m").code(), Code::kCorruption);
}

struct FieldCase {
  const char* name;
  size_t offset;
  uint32_t value;
  Code expected;
};

// A field changed and the checksum made right again.
TEST(Manifest, JudgesEachFieldByItself) {
  const FieldCase cases[] = {
      {"magic", 0, 0, Code::kCorruption},
      {"major", 8, 2, Code::kUnsupported},
      {"segment count", 12, 4, Code::kCorruption},
      {"huge segment count", 12, 0xffffffff, Code::kCorruption},
      {"parent as new as the version", 40, 12, Code::kCorruption},
      {"next row below the rows", 56, 999, Code::kCorruption},
      {"next segment id in use", 64, 39, Code::kCorruption},
      {"no dimensions", 72, 0, Code::kCorruption},
      {"too many dimensions", 72, 65537, Code::kCorruption},
      {"element type", 76, 2, Code::kUnsupported},
      {"metric", 80, 5, Code::kUnsupported},
      {"name size", 84, 0xffffffff, Code::kCorruption},
      {"engine state size", 100, 0xffffffff, Code::kCorruption},
      {"history count", 92, 3, Code::kCorruption},
      {"tags size", 124, 20, Code::kCorruption},
      {"keeps nothing", 120, 0, Code::kCorruption},
      {"segment named twice", 128 + 80, 3, Code::kCorruption},
      {"rows overlap", 128 + 160 + 16, 50, Code::kCorruption},
      {"row count overflows", 128 + 160 + 28, 0xffffffff, Code::kCorruption},
      {"history does not ascend", 128 + 240 + 72, 4, Code::kCorruption},
      {"history as new as the version", 128 + 240 + 72, 12, Code::kCorruption},
      {"huge manifest in the history", 128 + 240 + 32 + 4, 1, Code::kCorruption},
      {"tag of a version that is not there", 128 + 240 + 144, 6, Code::kCorruption},
      {"tag name size", 128 + 240 + 144 + 8, 200, Code::kCorruption},
      {"tags do not ascend", 128 + 240 + 144 + 9, 'z', Code::kCorruption},
  };
  for (const FieldCase& test : cases) {
    base::Bytes bytes = EncodeManifest(Example());
    if (test.offset == 8) {
      bytes[8] = std::byte{2};
    } else {
      base::Store(bytes.data() + test.offset, test.value);
    }
    RepairCrc(bytes);
    EXPECT_EQ(DecodeManifest(bytes, "m").code(), test.expected) << test.name;
  }
}

TEST(Manifest, NamesPathExpectedAndFound) {
  base::Bytes bytes = EncodeManifest(Example());
  bytes[60] ^= std::byte{1};
  const auto decoded = DecodeManifest(bytes, "/s/manifest-12");
  EXPECT_EQ(decoded.code(), Code::kCorruption);
  EXPECT_NE(decoded.status().message().find("/s/manifest-12"), std::string::npos);
  EXPECT_NE(decoded.status().message().find("expected"), std::string::npos);
}

TEST(CollectionSpec, HasLimits) {
  EXPECT_TRUE(CheckSpec(Example().spec).ok());
  EXPECT_EQ(CheckSpec({"x", 0, Metric::kDot, ""}).code(), Code::kInvalidArgument);
  EXPECT_EQ(CheckSpec({"x", kDimensionsMax + 1, Metric::kDot, ""}).code(), Code::kInvalidArgument);
  EXPECT_EQ(CheckSpec({std::string(kNameSizeMax + 1, 'x'), 1, Metric::kDot, ""}).code(),
            Code::kInvalidArgument);
}

}  // namespace
}  // namespace intact::format
