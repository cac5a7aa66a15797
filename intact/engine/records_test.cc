// Goal: records come back as they were given, by block; what is damaged or forged is refused.
#include "intact/engine/records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "intact/codec/block.h"
#include "intact/engine/collection_state.h"

namespace intact::engine {
namespace {

using base::Code;
using ::testing::HasSubstr;

struct OwnRecord {
  uint64_t place = 0;
  bool is_moved = false;
  bool has_id = true;
  std::string id;
  std::string metadata;

  Record Borrow() const { return {place, is_moved, has_id, id, metadata}; }
};

std::vector<OwnRecord> SomeRecords(size_t count, uint64_t first_place) {
  std::mt19937_64 random(count + first_place);
  std::vector<OwnRecord> records;
  uint64_t next = first_place;
  for (size_t i = 0; i < count; ++i) {
    OwnRecord record;
    record.is_moved = next > 0 && random() % 7 == 0;
    if (!record.is_moved && random() % 11 == 0) next += random() % 5;
    record.place = record.is_moved ? random() % next : next++;
    record.has_id = random() % 5 != 0;
    if (record.has_id) record.id = std::string(random() % 40, static_cast<char>(random()));
    if (random() % 3 == 0) record.metadata = "{\"n\":" + std::to_string(random()) + "}";
    records.push_back(std::move(record));
  }
  return records;
}

base::Bytes Pack(const std::vector<OwnRecord>& records, uint64_t first_place) {
  RecordsBuilder builder(first_place);
  for (const OwnRecord& record : records) {
    const base::Status added = builder.Add(record.Borrow());
    EXPECT_TRUE(added.ok()) << added.ToString();
  }
  return builder.Finish().value();
}

TEST(Records, ComeBackBlockByBlock) {
  for (const size_t count : {size_t{0}, size_t{1}, size_t{1023}, size_t{1024}, size_t{5000}}) {
    for (const uint64_t first_place : {uint64_t{0}, uint64_t{1} << 40}) {
      const auto records = SomeRecords(count, first_place);
      const base::Bytes section = Pack(records, first_place);
      const auto view = RecordsView::Parse(section, static_cast<uint32_t>(count));
      ASSERT_TRUE(view.ok()) << view.status().ToString();
      size_t next = 0;
      for (size_t b = 0; b < view->blocks().size(); ++b) {
        const auto block = view->Read(b);
        ASSERT_TRUE(block.ok()) << block.status().ToString();
        ASSERT_EQ(block->first_row(), next);
        for (const Record& record : block->records()) {
          const OwnRecord& expected = records[next];
          EXPECT_EQ(view->BlockOf(static_cast<uint32_t>(next)), b);
          ++next;
          ASSERT_EQ(record.place, expected.place);
          ASSERT_EQ(record.is_moved, expected.is_moved);
          ASSERT_EQ(record.has_id, expected.has_id);
          ASSERT_EQ(record.id, expected.id);
          ASSERT_EQ(record.metadata, expected.metadata);
        }
      }
      EXPECT_EQ(next, count);
    }
  }
}

TEST(Records, TakeLongStringsUpToTheirLimits) {
  const OwnRecord largest{0, false, true, std::string(kRecordIdSizeMax, 'i'),
                          std::string(kRecordMetadataSizeMax, 'm')};
  const base::Bytes section = Pack({largest, {.place = 1, .id = "b"}}, 0);
  const auto view = RecordsView::Parse(section, 2);
  ASSERT_TRUE(view.ok()) << view.status().ToString();
  EXPECT_EQ(view->Read(0)->records()[0].metadata.size(), kRecordMetadataSizeMax);

  RecordsBuilder builder(5);
  EXPECT_EQ(builder.Add({5, false, true, std::string(kRecordIdSizeMax + 1, 'i')}).code(),
            Code::kInvalidArgument);
  EXPECT_EQ(builder.Add({5, false, false, "", std::string(kRecordMetadataSizeMax + 1, 'm')}).code(),
            Code::kInvalidArgument);
  EXPECT_EQ(builder.Add({4, false}).code(), Code::kInvalidArgument);
  EXPECT_TRUE(builder.Add({4, true}).ok());
}

TEST(Records, RefuseEveryFlippedBitOrGiveRecords) {
  const auto records = SomeRecords(40, 0);
  const base::Bytes section = Pack(records, 0);
  for (size_t bit = 0; bit < section.size() * 8; ++bit) {
    base::Bytes damaged = section;
    damaged[bit / 8] ^= std::byte{1} << (bit % 8);
    const auto view = RecordsView::Parse(damaged, 40);
    if (!view.ok()) continue;
    for (size_t b = 0; b < view->blocks().size(); ++b) static_cast<void>(view->Read(b).ok());
  }
  for (size_t size = 1; size < section.size(); ++size) {
    EXPECT_FALSE(RecordsView::Parse(base::ByteSpan(section).first(size), 40).ok()) << size;
  }
  EXPECT_EQ(RecordsView::Parse(section, 41).code(), Code::kCorruption);
  EXPECT_EQ(RecordsView::Parse({}, 1).code(), Code::kCorruption);
  base::Bytes newer = section;
  newer[4] = std::byte{2};
  EXPECT_EQ(RecordsView::Parse(newer, 40).code(), Code::kUnsupported);
}

TEST(CollectionState, ComesBackAndIsToldFromOthers) {
  CollectionState state;
  state.element = base::ElementType::kBfloat16;
  state.source = format::VectorFileKind::kArrow;
  state.has_ids = true;
  state.place_count = 1'234'567'890'123;
  const base::Bytes bytes = state.Encode();
  EXPECT_TRUE(IsCollection(bytes));
  EXPECT_EQ(*CollectionState::Parse(bytes), state);
  for (size_t size = 4; size < bytes.size(); ++size) {
    EXPECT_EQ(CollectionState::Parse(base::ByteSpan(bytes).first(size)).code(), Code::kCorruption);
  }
  EXPECT_FALSE(IsCollection(base::AsBytes("\x01/root")));
  EXPECT_FALSE(IsCollection({}));
  for (const size_t at : {size_t{4}, size_t{5}, size_t{6}, size_t{7}}) {
    base::Bytes unknown = bytes;
    unknown[at] = std::byte{100};
    EXPECT_EQ(CollectionState::Parse(unknown).code(), Code::kUnsupported) << at;
  }
}

}  // namespace
}  // namespace intact::engine
