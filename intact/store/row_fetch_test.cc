// What is asked for before a row is read. That the answers are right whatever was asked for is the
// business of every other test.
#include "intact/store/row_fetch.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "intact/os/clock.h"
#include "intact/store/segment_writer.h"
#include "intact/store/snapshot.h"
#include "intact/testing/crash_file_system.h"

namespace intact::store {
namespace {

constexpr uint32_t kDimensions = 64;
constexpr uint32_t kRows = 4000;
constexpr char kPath[] = "/data/seg-1";

struct Range {
  uint64_t begin;
  uint64_t end;
};

// Remembers what was asked for, and says of what is in `in_memory` that it is.
class AskedMapping final : public os::Mapping {
 public:
  explicit AskedMapping(std::unique_ptr<os::Mapping> below) : below_(std::move(below)) {}
  base::ByteSpan bytes() const override { return below_->bytes(); }
  base::Status Check(os::MappingCheck check) const override { return below_->Check(check); }
  base::Result<os::ChangeMark> Mark() const override { return below_->Mark(); }
  void Release(uint64_t offset, uint64_t size) override { below_->Release(offset, size); }
  void Advise(uint64_t offset, uint64_t size, os::Access access) override {
    if (access == os::Access::kSoon) asked.push_back({offset, offset + size});
  }
  bool IsInMemory(uint64_t offset) const override {
    return std::any_of(in_memory.begin(), in_memory.end(), [&](const Range& range) {
      return offset >= range.begin && offset < range.end;
    });
  }

  std::vector<Range> asked;
  std::vector<Range> in_memory;

 private:
  std::unique_ptr<os::Mapping> below_;
};

class RowFetchTest : public ::testing::Test {
 protected:
  void Write(uint32_t rows) {
    std::mt19937 random(1);
    std::vector<base::Digest> keys;
    std::vector<float> vectors(size_t{rows} * kDimensions);
    for (uint32_t i = 0; i < rows; ++i) keys.push_back(base::DigestOf(std::to_string(i)));
    for (float& x : vectors) x = std::uniform_real_distribution<float>(-1, 1)(random);
    RowRun run;
    run.keys = keys;
    run.vectors = vectors;
    run.count = rows;
    SegmentPlan plan;
    plan.id = 1;
    plan.dimensions = kDimensions;
    plan.runs.push_back(run);
    ASSERT_TRUE(files_.CreateDirectories("/data").ok());
    const auto entry = WriteSegment(files_, kPath, plan);
    ASSERT_TRUE(entry.ok());
    mapping_ = std::make_shared<AskedMapping>(*files_.Map(kPath));
    segment_ = *Segment::Open(mapping_, 0, kPath, {}, *entry, kDimensions);
  }

  void Read(uint32_t row) {
    std::vector<float> vector(kDimensions);
    ASSERT_TRUE(segment_->ReadVector(row, vector).ok());
  }
  // Of row `row` in a section with equally many bytes a row.
  Range In(uint32_t kind, uint32_t row) const {
    const format::SectionEntry& entry = *segment_->header().Find(kind);
    const uint64_t size = entry.size / segment_->row_count();
    return {entry.offset + row * size, entry.offset + (row + 1) * size};
  }
  Range InRest(uint32_t row) const {
    const base::ByteSpan encoded = *segment_->EncodedVector(row);
    const auto begin = static_cast<uint64_t>(encoded.data() - segment_->FileBytes(0, 0).data());
    return {begin, begin + encoded.size()};
  }
  bool IsAsked(const Range& wanted) const {
    return std::any_of(mapping_->asked.begin(), mapping_->asked.end(), [&](const Range& range) {
      return range.begin <= wanted.begin && wanted.end <= range.end;
    });
  }
  void ExpectAsked(uint32_t row) const {
    for (const uint32_t kind : segment_->CodeKinds()) EXPECT_TRUE(IsAsked(In(kind, row))) << kind;
    EXPECT_TRUE(IsAsked(In(format::kSectionRowTable, row)));
    EXPECT_TRUE(IsAsked(InRest(row)));
  }
  uint64_t AskedSize() const {
    uint64_t size = 0;
    for (const Range& range : mapping_->asked) size += range.end - range.begin;
    return size;
  }

  testing::CrashFileSystem files_;
  std::shared_ptr<AskedMapping> mapping_;
  std::shared_ptr<const Segment> segment_;
};

TEST_F(RowFetchTest, AsksForAllOfARowAtOnceAndOnlyOnce) {
  Write(kRows);
  for (const uint32_t row : {0u, 1777u, kRows - 1}) {
    mapping_->asked.clear();
    Read(row);
    ExpectAsked(row);
    EXPECT_LT(AskedSize(), uint64_t{64} << 10);
    mapping_->asked.clear();
    Read(row);
    EXPECT_TRUE(mapping_->asked.empty());
  }
}

TEST_F(RowFetchTest, AsksForTheVeryBytesWhenTheTableIsInMemory) {
  Write(kRows);
  constexpr uint32_t kRow = 1777;
  mapping_->in_memory = {In(format::kSectionRowTable, kRow)};
  Read(kRow);
  EXPECT_FALSE(IsAsked(In(format::kSectionRowTable, kRow)));
  const Range rest = InRest(kRow);
  EXPECT_EQ(std::count_if(mapping_->asked.begin(), mapping_->asked.end(),
                          [&](const Range& range) {
                            return range.begin == rest.begin && range.end == rest.end;
                          }),
            1);
}

TEST_F(RowFetchTest, AsksForWholeSmallSegments) {
  Write(20);
  Read(7);
  EXPECT_TRUE(IsAsked({0, segment_->file_size()}));
  mapping_->asked.clear();
  Read(19);
  EXPECT_TRUE(mapping_->asked.empty());
}

TEST_F(RowFetchTest, ReadsRunsAhead) {
  Write(kRows);
  for (uint32_t row = 0; row < kRows; ++row) {
    const size_t before = mapping_->asked.size();
    Read(row);
    if (mapping_->asked.size() > before) ExpectAsked(row);
  }
  // A few of the first rows alone, the others by hundreds.
  EXPECT_LT(mapping_->asked.size(), 60u);
}

// The kernel may have dropped what was read before.
TEST_F(RowFetchTest, AsksAgainAfterAReadThatWaited) {
  Write(kRows);
  const RowFetch fetch(*segment_);
  EXPECT_TRUE(fetch.Before(100).was_asked);
  EXPECT_FALSE(fetch.Before(100).was_asked);
  const int64_t now_ns = os::RealClock().monotonic_ns();
  fetch.After({.was_asked = false, .is_timed = true, .begin_ns = now_ns - 1'000'000'000});
  EXPECT_TRUE(fetch.Before(100).was_asked);
  EXPECT_TRUE(fetch.Before(100).was_asked);
  fetch.After({.was_asked = true, .is_timed = true, .begin_ns = now_ns + 1'000'000'000});
  EXPECT_FALSE(fetch.Before(100).was_asked);
}

}  // namespace
}  // namespace intact::store
