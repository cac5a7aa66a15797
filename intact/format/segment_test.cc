#include "intact/format/segment.h"

#include <gtest/gtest.h>

#include <functional>

namespace intact::format {
namespace {

using base::Code;

// Two rows of three dimensions and one engine section.
SegmentHeader Example() {
  SegmentHeader header;
  header.store.bytes[1] = std::byte{7};
  header.id = 5;
  header.first_row = 100;
  header.row_count = 2;
  header.dimensions = 3;
  uint64_t end = kPageSize;
  const auto add = [&](uint32_t kind, uint64_t size) {
    const uint64_t begin = base::AlignUp(end, kSectionAlignment);
    header.sections.push_back({kind, kind * 17, begin, size});
    end = begin + size;
  };
  for (uint32_t kind = kSectionKeys; kind < kSectionRest; ++kind) {
    add(kind, *ColumnSize(kind, header.row_count, header.dimensions));
  }
  add(1000, 0);
  add(1001, 77);
  add(kSectionRest, 26);
  header.file_size = end;
  return header;
}

TEST(SegmentHeader, ComesBackAsItWas) {
  const SegmentHeader header = Example();
  const auto decoded = DecodeSegmentHeader(EncodeSegmentHeader(header), header.file_size, "seg-5");
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(*decoded, header);
  EXPECT_EQ(decoded->Find(1001)->size, 77u);
  EXPECT_EQ(decoded->Find(1002), nullptr);
}

TEST(SegmentHeader, MayHaveNoRows) {
  SegmentHeader header;
  header.dimensions = 3;
  header.sections = {{1000, 0, kPageSize, 10}};
  header.file_size = kPageSize + 10;
  EXPECT_TRUE(DecodeSegmentHeader(EncodeSegmentHeader(header), header.file_size, "s").ok());
}

struct Damage {
  const char* name;
  std::function<void(SegmentHeader&)> apply;
};

TEST(SegmentHeader, RefusesSectionsThatDoNotFit) {
  const Damage cases[] = {
      {"not aligned", [](auto& h) { h.sections[1].offset += 1; }},
      {"a hole", [](auto& h) { h.sections[1].offset += 64; }},
      {"overlap", [](auto& h) { h.sections[2].offset -= 64; }},
      {"in the header", [](auto& h) { h.sections[0].offset = 0; }},
      {"beyond the end", [](auto& h) { h.sections.back().size += 1; }},
      {"size overflows", [](auto& h) { h.sections.back().size = ~uint64_t{0}; }},
      {"before the end", [](auto& h) { h.sections.back().size -= 1; }},
      {"twice", [](auto& h) { h.sections[6].kind = 1000; }},
      {"a column is missing", [](auto& h) { h.sections[0].kind = 999; }},
      {"columns without rows", [](auto& h) { h.row_count = 0; }},
      {"a column of another size", [](auto& h) { h.row_count = 3; }},
      {"no dimensions", [](auto& h) { h.dimensions = 0; }},
  };
  for (const Damage& damage : cases) {
    SegmentHeader header = Example();
    damage.apply(header);
    const auto decoded = DecodeSegmentHeader(EncodeSegmentHeader(header), header.file_size, "s");
    EXPECT_EQ(decoded.code(), Code::kCorruption) << damage.name;
  }
}

TEST(SegmentHeader, MustAgreeWithTheFile) {
  const SegmentHeader header = Example();
  const auto page = EncodeSegmentHeader(header);
  EXPECT_EQ(DecodeSegmentHeader(page, header.file_size + 1, "s").code(), Code::kCorruption);
  EXPECT_EQ(DecodeSegmentHeader(base::ByteSpan(page).first(100), header.file_size, "s").code(),
            Code::kCorruption);
}

TEST(SegmentHeader, NoticesEveryFlippedBit) {
  const SegmentHeader header = Example();
  auto page = EncodeSegmentHeader(header);
  for (size_t bit = 0; bit < 8 * page.size(); ++bit) {
    page[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    EXPECT_FALSE(DecodeSegmentHeader(page, header.file_size, "s").ok()) << bit;
    page[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
  }
}

TEST(Seeds, DependOnStoreAndPlace) {
  Uuid store;
  Uuid other;
  other.bytes[0] = std::byte{1};
  const float vector[] = {1, 2};
  EXPECT_NE(SectionCrcSeed(store, 1, 2), SectionCrcSeed(other, 1, 2));
  EXPECT_NE(SectionCrcSeed(store, 1, 2), SectionCrcSeed(store, 2, 2));
  EXPECT_NE(SectionCrcSeed(store, 1, 2), SectionCrcSeed(store, 1, 3));
  EXPECT_NE(RowCrc(store, 1, vector), RowCrc(other, 1, vector));
  EXPECT_NE(RowCrc(store, 1, vector), RowCrc(store, 2, vector));
}

}  // namespace
}  // namespace intact::format
