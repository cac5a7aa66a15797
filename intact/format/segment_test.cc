#include "intact/format/segment.h"

#include <gtest/gtest.h>

#include <functional>

namespace intact::format {
namespace {

using base::Code;

// All columns but the rest.
std::vector<uint32_t> ColumnKinds(bool has_halves) {
  std::vector<uint32_t> kinds = {kSectionKeys, kSectionKeyOrder, kSectionRowTable};
  if (has_halves) {
    kinds.insert(kinds.end(), kCodeHalfKinds.begin(), kCodeHalfKinds.end());
  } else {
    kinds.insert(kinds.end(), kWholeCodeKinds.begin(), kWholeCodeKinds.end());
  }
  return kinds;
}

// Two rows of three dimensions and two engine sections; the codes whole, or in two halves.
SegmentHeader Example(bool has_halves = true) {
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
  for (const uint32_t kind : ColumnKinds(has_halves)) {
    add(kind, *ColumnSize(kind, header.row_count, header.dimensions));
  }
  add(1000, 0);
  add(1001, 77);
  add(kSectionRest, 26);
  header.file_size = end;
  return header;
}

TEST(SegmentHeader, ComesBackAsItWas) {
  for (const bool has_halves : {false, true}) {
    const SegmentHeader header = Example(has_halves);
    const auto decoded =
        DecodeSegmentHeader(EncodeSegmentHeader(header), header.file_size, "seg-5");
    ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
    EXPECT_EQ(*decoded, header);
    EXPECT_EQ(decoded->HasCodesInHalves(), has_halves);
    EXPECT_EQ(decoded->Find(1001)->size, 77u);
    EXPECT_EQ(decoded->Find(1002), nullptr);
  }
}

// Whole, or in two halves; not both, not in part, and not of another size.
TEST(SegmentHeader, HasTheCodesInOneForm) {
  const uint32_t all[] = {kSectionCodes, kSectionCodeScales, kSectionHighCodes, kSectionLowCodes,
                          kSectionCodeBounds};
  for (uint32_t set = 0; set < 32; ++set) {
    for (const uint64_t excess : {0, 1}) {
      SegmentHeader header = Example();
      std::erase_if(header.sections, [](const SectionEntry& entry) {
        return entry.kind >= kSectionHighCodes && entry.kind <= kSectionCodeBounds;
      });
      uint64_t end = kPageSize;
      for (uint32_t i = 0; i < 5; ++i) {
        const uint64_t size = *ColumnSize(all[i], header.row_count, header.dimensions) + excess;
        if ((set >> i & 1) != 0) header.sections.push_back({all[i], 0, 0, size});
      }
      for (SectionEntry& entry : header.sections) {
        entry.offset = base::AlignUp(end, kSectionAlignment);
        end = entry.offset + entry.size;
      }
      header.file_size = end;
      const auto decoded = DecodeSegmentHeader(EncodeSegmentHeader(header), end, "s");
      const bool is_sound = excess == 0 && (set == 0b00011 || set == 0b11100);
      EXPECT_EQ(decoded.code(), is_sound ? Code::kOk : Code::kCorruption) << set;
    }
  }
}

// So that one with every other section can be written again.
TEST(SegmentHeader, MayHaveSoManyEngineSections) {
  for (const size_t count : {kEngineSectionCountMax, kEngineSectionCountMax + 1}) {
    SegmentHeader header;
    header.dimensions = 3;
    for (uint32_t i = 0; i < count; ++i) {
      header.sections.push_back({kEngineSectionFirst + i, 0, kPageSize, 0});
    }
    header.file_size = kPageSize;
    const auto decoded = DecodeSegmentHeader(EncodeSegmentHeader(header), header.file_size, "s");
    EXPECT_EQ(decoded.ok(), count == kEngineSectionCountMax);
  }
}

TEST(SegmentHeader, KnowsTheSizesOfCodes) {
  EXPECT_EQ(ColumnSize(kSectionCodes, 5, 65), 5u * 128);
  EXPECT_EQ(ColumnSize(kSectionCodeScales, 5, 65), 5u * 12);
  EXPECT_EQ(ColumnSize(kSectionHighCodes, 5, 65), 5u * 64);
  EXPECT_EQ(ColumnSize(kSectionLowCodes, 5, 64), 5u * 32);
  EXPECT_EQ(ColumnSize(kSectionCodeBounds, 5, 65), 5u * 12);
  EXPECT_EQ(SectionKindName(kSectionHighCodes), "high codes");
  EXPECT_EQ(SectionKindName(kSectionLowCodes), "low codes");
  EXPECT_EQ(SectionKindName(kSectionCodeBounds), "code bounds");
  EXPECT_EQ(SectionKindName(kSectionCodeBounds + 1), "unknown section");
}

TEST(SegmentHeader, MayHaveNoRows) {
  SegmentHeader header;
  header.dimensions = 3;
  header.sections = {{1000, 0, kPageSize, 10}};
  header.file_size = kPageSize + 10;
  EXPECT_TRUE(DecodeSegmentHeader(EncodeSegmentHeader(header), header.file_size, "s").ok());
}

// As Example, with enough rows for all that finds keys.
SegmentHeader LargeExample() {
  SegmentHeader header = Example();
  header.row_count = kKeyIndexRowsMin;
  header.sections.clear();
  uint64_t end = kPageSize;
  const auto add = [&](uint32_t kind, uint64_t size) {
    const uint64_t begin = base::AlignUp(end, kSectionAlignment);
    header.sections.push_back({kind, kind * 17, begin, size});
    end = begin + size;
  };
  for (const uint32_t kind : ColumnKinds(true)) {
    add(kind, *ColumnSize(kind, header.row_count, header.dimensions));
  }
  add(kSectionDeletedKeys, 3 * sizeof(base::Digest));
  add(kSectionKeyFilter, 32 + 4097);
  add(kSectionPageChecks, PageChecksBegin(header, 0) * sizeof(uint32_t));
  add(kSectionRest, 26);
  header.file_size = end;
  return header;
}

TEST(SegmentHeader, KnowsTheSectionsThatFindKeys) {
  const SegmentHeader header = LargeExample();
  EXPECT_EQ(PageChecksBegin(header, kSectionKeys), 0u);
  EXPECT_EQ(PageChecksBegin(header, kSectionKeyOrder), 8u);
  EXPECT_EQ(PageChecksBegin(header, kSectionKeyFilter), 9u);
  EXPECT_EQ(PageChecksBegin(header, 0), 11u);
  const auto decoded = DecodeSegmentHeader(EncodeSegmentHeader(header), header.file_size, "s");
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(*decoded, header);
  EXPECT_EQ(SectionKindName(kSectionDeletedKeys), "deleted keys");
  EXPECT_EQ(SectionKindName(kSectionKeyFilter), "key filter");
  EXPECT_EQ(SectionKindName(kSectionPageChecks), "page checks");
}

TEST(SegmentHeader, MayHaveDeletedKeysAndNoRows) {
  SegmentHeader header;
  header.dimensions = 3;
  header.sections = {{kSectionDeletedKeys, 0, kPageSize, 64}};
  header.file_size = kPageSize + 64;
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
      {"twice", [](auto& h) { h.sections[7].kind = 1000; }},
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

// The last section of a header, made longer or shorter.
void Resize(SegmentHeader& header, uint64_t size) {
  header.file_size = header.sections.back().offset + size;
  header.sections.back().size = size;
}

TEST(SegmentHeader, RefusesKeySectionsOfWrongSizes) {
  const auto only = [](uint32_t kind) {
    return [kind](SegmentHeader& h) {
      h.row_count = 0;
      h.sections = {{kind, 0, kPageSize, 0}};
      Resize(h, 0);
    };
  };
  const auto keep_last = [](SegmentHeader& h, uint32_t kind) {
    while (h.sections.back().kind != kind) h.sections.pop_back();
    const SectionEntry last = h.sections.back();
    h.sections.pop_back();
    h.sections.push_back({kSectionRest, 0, last.offset, 0});
    h.sections.push_back(last);
    Resize(h, last.size);
  };
  const Damage cases[] = {
      {"no deleted keys", only(kSectionDeletedKeys)},
      {"a filter without rows", only(kSectionKeyFilter)},
      {"page checks without rows", only(kSectionPageChecks)},
      {"a key and a half", [&](auto& h) { keep_last(h, kSectionDeletedKeys), Resize(h, 48); }},
      {"too many deleted keys",
       [&](auto& h) { keep_last(h, kSectionDeletedKeys), Resize(h, kSegmentSizeMax + 32); }},
      {"a filter without page checks", [&](auto& h) { keep_last(h, kSectionKeyFilter); }},
      {"one page check less", [&](auto& h) { keep_last(h, kSectionPageChecks), Resize(h, 40); }},
      {"one page check more", [&](auto& h) { keep_last(h, kSectionPageChecks), Resize(h, 48); }},
      {"no page checks", [&](auto& h) { keep_last(h, kSectionPageChecks), Resize(h, 0); }},
  };
  for (const Damage& damage : cases) {
    SegmentHeader header = LargeExample();
    damage.apply(header);
    const auto decoded = DecodeSegmentHeader(EncodeSegmentHeader(header), header.file_size, "s");
    EXPECT_EQ(decoded.code(), Code::kCorruption) << damage.name;
  }
  // The way the cases are made is no damage itself.
  SegmentHeader header = LargeExample();
  keep_last(header, kSectionPageChecks);
  const auto decoded = DecodeSegmentHeader(EncodeSegmentHeader(header), header.file_size, "s");
  EXPECT_TRUE(decoded.ok()) << decoded.status().ToString();
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
  EXPECT_NE(PageCrcSeed(store, 1, 2, 3), PageCrcSeed(other, 1, 2, 3));
  EXPECT_NE(PageCrcSeed(store, 1, 2, 3), PageCrcSeed(store, 2, 2, 3));
  EXPECT_NE(PageCrcSeed(store, 1, 2, 3), PageCrcSeed(store, 1, 3, 3));
  EXPECT_NE(PageCrcSeed(store, 1, 2, 3), PageCrcSeed(store, 1, 2, 4));
  EXPECT_NE(RowCrc(store, 1, vector), RowCrc(other, 1, vector));
  EXPECT_NE(RowCrc(store, 1, vector), RowCrc(store, 2, vector));
}

}  // namespace
}  // namespace intact::format
