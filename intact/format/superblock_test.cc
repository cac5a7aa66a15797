#include "intact/format/superblock.h"

#include <gtest/gtest.h>

namespace intact::format {
namespace {

using base::Code;

Superblock Example(uint64_t generation) {
  Superblock super;
  super.store.bytes[0] = std::byte{0xab};
  super.generation = generation;
  super.manifest_number = 7;
  super.manifest_size = 1234;
  super.manifest_digest = base::DigestOf("manifest");
  return super;
}

base::Bytes FileOf(const Superblock& pair_a, const Superblock& pair_b) {
  base::ByteWriter writer;
  for (uint32_t copy = 0; copy < kSuperCopyCount; ++copy) {
    writer.PutBytes(EncodeSuperblock(copy < 2 ? pair_a : pair_b, copy));
  }
  return writer.Take();
}

void RepairCrc(SuperPageBytes& page) {
  base::Store(page.data() + 4092, base::Crc32c(base::ByteSpan(page).first(4092)));
}

TEST(Superblock, ComesBackAsItWas) {
  for (uint32_t copy = 0; copy < kSuperCopyCount; ++copy) {
    const auto decoded = DecodeSuperblock(EncodeSuperblock(Example(5), copy), copy, "SUPER");
    ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
    EXPECT_EQ(*decoded, Example(5));
  }
}

TEST(Superblock, HasTheBytesOfTheFormatDocument) {
  const SuperPageBytes page = EncodeSuperblock(Example(5), 3);
  const unsigned char magic[] = {0x89, 0x49, 0x4e, 0x54, 0x0d, 0x0a, 0x1a, 0x0a};
  EXPECT_EQ(std::memcmp(page.data(), magic, sizeof(magic)), 0);
  EXPECT_EQ(base::Load<uint16_t>(page.data() + 8), 1);
  EXPECT_EQ(base::Load<uint16_t>(page.data() + 10), 2);
  EXPECT_EQ(base::Load<uint32_t>(page.data() + 12), 3u);
  EXPECT_EQ(page[40], std::byte{0xab});
  EXPECT_EQ(base::Load<uint64_t>(page.data() + 56), 5u);
  EXPECT_EQ(base::Load<uint64_t>(page.data() + 64), 7u);
  EXPECT_EQ(base::Load<uint64_t>(page.data() + 72), 1234u);
  EXPECT_EQ(base::Load<uint32_t>(page.data() + 4092),
            base::Crc32c(base::ByteSpan(page).first(4092)));
}

TEST(Superblock, RefusesAPageAtAnotherPlace) {
  const auto decoded = DecodeSuperblock(EncodeSuperblock(Example(5), 1), 2, "SUPER");
  EXPECT_EQ(decoded.code(), Code::kCorruption);
  EXPECT_TRUE(DecodeSuperblock(MoveSuperPage(EncodeSuperblock(Example(5), 1), 2), 2, "SUPER").ok());
}

struct FieldCase {
  const char* name;
  size_t offset;
  uint64_t value;
  Code expected;
};

// A field changed and the checksum made right again: what a newer or a careless writer would leave.
TEST(Superblock, JudgesEachFieldByItself) {
  const FieldCase cases[] = {
      {"newer major", 8, 2, Code::kUnsupported},
      {"compatible flag", 16, 1, Code::kOk},
      {"read-only compatible flag", 24, 1, Code::kOk},
      {"incompatible flag", 32, uint64_t{1} << 63, Code::kUnsupported},
      {"reserved byte", 112, 1, Code::kCorruption},
      {"last reserved byte", 4084, 1, Code::kCorruption},
  };
  for (const FieldCase& test : cases) {
    SuperPageBytes page = EncodeSuperblock(Example(5), 0);
    page[test.offset + (test.offset == 32 ? 7 : 0)] =
        static_cast<std::byte>(test.offset == 32 ? test.value >> 56 : test.value);
    RepairCrc(page);
    EXPECT_EQ(DecodeSuperblock(page, 0, "SUPER").code(), test.expected) << test.name;
  }
}

TEST(Superblock, ReadsANewerMinorVersionWithMoreInIt) {
  SuperPageBytes page = EncodeSuperblock(Example(5), 0);
  page[10] = std::byte{kFormatMinor + 1};
  page[200] = std::byte{77};
  RepairCrc(page);
  const auto decoded = DecodeSuperblock(page, 0, "SUPER");
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->minor, kFormatMinor + 1);
}

TEST(SuperFile, TakesTheNewestValidPair) {
  base::Bytes file = FileOf(Example(4), Example(5));
  EXPECT_EQ(DecodeSuperFile(file, "SUPER")->active.generation, 5u);
  EXPECT_EQ(DecodeSuperFile(file, "SUPER")->active_pair, 1u);
  file[2 * kPageSize + 100] ^= std::byte{1};
  EXPECT_EQ(DecodeSuperFile(file, "SUPER")->active.generation, 5u) << "one copy is enough";
  EXPECT_FALSE(DecodeSuperFile(file, "SUPER")->copies[2].ok());
  file[3 * kPageSize + 100] ^= std::byte{1};
  EXPECT_EQ(DecodeSuperFile(file, "SUPER")->active.generation, 4u) << "a torn pair";
  EXPECT_EQ(DecodeSuperFile(file, "SUPER")->active_pair, 0u);
  file.resize(kPageSize);
  EXPECT_EQ(DecodeSuperFile(file, "SUPER")->active.generation, 4u);
  file.resize(kPageSize - 1);
  EXPECT_EQ(DecodeSuperFile(file, "SUPER").code(), Code::kCorruption);
}

TEST(SuperFile, NeverTakesANewerFormatForATornPair) {
  Superblock newer = Example(5);
  newer.flags.incompatible = uint64_t{1} << 62;
  EXPECT_EQ(DecodeSuperFile(FileOf(Example(4), newer), "SUPER").code(), Code::kUnsupported);
}

TEST(SuperFile, RefusesContradictions) {
  Superblock other_store = Example(5);
  other_store.store.bytes[3] = std::byte{1};
  EXPECT_EQ(DecodeSuperFile(FileOf(Example(4), other_store), "S").code(), Code::kCorruption);
  Superblock same_generation = Example(4);
  same_generation.manifest_number = 8;
  EXPECT_EQ(DecodeSuperFile(FileOf(Example(4), same_generation), "S").code(), Code::kCorruption);
}

TEST(FeatureFlags, DecideWhoMayWrite) {
  EXPECT_TRUE(CheckWritable({.compatible = 1}, "x").ok());
  EXPECT_EQ(CheckWritable({.read_only_compatible = 1}, "x").code(), Code::kUnsupported);
}

}  // namespace
}  // namespace intact::format
