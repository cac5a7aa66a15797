// Goal: looking up a key gives the newest row with it, whatever the keys look like and however the
// segments came to be; and when a bit of what it reads is wrong, an error, never "absent". Method:
// comparison with a std::map, and flipped bits in every section that it reads.
#include "intact/store/key_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <random>
#include <thread>

#include "intact/store/folder.h"
#include "intact/store/script_test.h"
#include "intact/store/segment_writer.h"
#include "intact/testing/crash_file_system.h"

namespace intact::store {
namespace {

using base::Code;
using ::testing::HasSubstr;

const std::string kFolder = "/data/store";
constexpr uint32_t kDimensions = 2;

OpenOptions Options() {
  OpenOptions options;
  options.create = true;
  options.spec.emplace();
  options.spec->dimensions = kDimensions;
  options.spec->model = "test";
  return options;
}

base::Digest KeyOf(uint64_t number) { return base::DigestOf("key " + std::to_string(number)); }

std::vector<base::Digest> KeysOf(uint64_t first, size_t count) {
  std::vector<base::Digest> keys;
  for (size_t i = 0; i < count; ++i) keys.push_back(KeyOf(first + i));
  return keys;
}

void CommitKeys(Store& store, const std::vector<base::Digest>& keys, size_t merge_count = 0) {
  const std::vector<float> vectors(keys.size() * kDimensions, 0.5f);
  CommitRequest request;
  request.rows = {keys, vectors};
  request.merge_count = merge_count;
  ASSERT_TRUE(store.Commit(request).ok());
}

TEST(KeyIndex, IsWrittenFromAThousandRowsOn) {
  testing::CrashFileSystem files;
  const auto store = *Store::OpenWriter(files, kFolder, Options());
  CommitKeys(*store, KeysOf(0, format::kKeyIndexRowsMin - 1));
  CommitKeys(*store, KeysOf(0, format::kKeyIndexRowsMin));
  const auto snapshot = store->snapshot();
  for (const uint32_t kind : {format::kSectionKeyFilter, format::kSectionPageChecks}) {
    EXPECT_FALSE(snapshot->segments()[0]->HasSection(kind));
    EXPECT_TRUE(snapshot->segments()[1]->HasSection(kind));
  }
}

TEST(KeyIndex, FindsWhatAMapFinds) {
  testing::CrashFileSystem files;
  const auto store = *Store::OpenWriter(files, kFolder, Options());
  std::mt19937 random(1);
  std::map<uint64_t, RowId> newest;  // By number of the key.
  std::map<RowId, uint64_t> rows;    // The number, by row.
  constexpr uint64_t kNumbers = 9000;
  for (int step = 0; step < 24; ++step) {
    const auto before = store->snapshot();
    CommitRequest request;
    std::vector<RowId> kept;
    if (step % 8 == 7) {
      std::map<RowId, uint64_t> kept_rows;
      for (const auto& [row, number] : rows) {
        if (random() % 3 == 0) continue;
        kept_rows[before->next_row() + kept.size()] = number;
        kept.push_back(row);
      }
      rows = kept_rows;
      request.rewrite_rows = kept;
    } else {
      request.merge_count = std::min<size_t>(random() % 4, before->segments().size());
    }
    // Numbers are drawn again and again, also twice in one commit.
    std::vector<base::Digest> keys;
    for (size_t i = random() % 2500; i > 0; --i) {
      const uint64_t number = random() % kNumbers;
      rows[before->next_row() + kept.size() + keys.size()] = number;
      keys.push_back(KeyOf(number));
    }
    const std::vector<float> vectors(keys.size() * kDimensions, 1.0f);
    request.rows = {keys, vectors};
    ASSERT_TRUE(store->Commit(request).ok());
    newest.clear();
    for (const auto& [row, number] : rows) newest[number] = row;
    const auto snapshot = store->snapshot();
    for (uint64_t number = 0; number < kNumbers + 1000; ++number) {
      const auto found = snapshot->Find(KeyOf(number));
      ASSERT_TRUE(found.ok()) << found.status().ToString();
      const auto expected = newest.find(number);
      ASSERT_EQ(*found, expected == newest.end() ? std::nullopt : std::optional(expected->second));
    }
  }
  const auto report = Verify(files, kFolder);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->problem_count, 0u);
}

struct KeyShape {
  const char* name;
  base::Digest (*make)(uint64_t number);
};

base::Digest WithNumberAt(size_t offset, uint64_t number) {
  base::Digest key;
  base::Store(key.bytes.data() + offset, __builtin_bswap64(number));
  return key;
}

// What interpolation gets wrong: it must take longer, not go astray.
TEST(KeyIndex, FindsKeysThatAreNoDigests) {
  const KeyShape shapes[] = {
      {"all alike at the front", [](uint64_t n) { return WithNumberAt(24, n); }},
      {"small numbers", [](uint64_t n) { return WithNumberAt(0, n); }},
      {"powers", [](uint64_t n) { return WithNumberAt(0, (n + 1) << (n % 50)); }},
      {"large numbers", [](uint64_t n) { return WithNumberAt(0, ~n); }},
      {"both ends", [](uint64_t n) { return WithNumberAt(0, n % 2 == 0 ? n : ~n); }},
      {"ten values", [](uint64_t n) { return KeyOf(n % 10); }},
      {"one value", [](uint64_t) { return KeyOf(0); }},
  };
  constexpr size_t kCount = 3000;
  for (const KeyShape& shape : shapes) {
    testing::CrashFileSystem files;
    const auto store = *Store::OpenWriter(files, kFolder, Options());
    std::vector<base::Digest> keys;
    std::map<base::Digest, RowId> newest;
    for (size_t i = 0; i < kCount; ++i) {
      keys.push_back(shape.make(i));
      newest[keys.back()] = i;
    }
    CommitKeys(*store, keys);
    const auto snapshot = store->snapshot();
    ASSERT_TRUE(snapshot->segments()[0]->HasSection(format::kSectionKeyFilter)) << shape.name;
    for (const auto& [key, row] : newest) ASSERT_EQ(**snapshot->Find(key), row) << shape.name;
    for (size_t i = kCount; i < kCount + 2000; ++i) {
      const base::Digest key = shape.make(i);
      if (newest.contains(key)) continue;
      ASSERT_EQ(*snapshot->Find(key), std::nullopt) << shape.name;
      ASSERT_EQ(*snapshot->Find(KeyOf(i)), std::nullopt) << shape.name;
    }
  }
}

TEST(KeyIndex, ServesManyThreadsFromTheFirstLookUpOn) {
  testing::CrashFileSystem files;
  const auto store = *Store::OpenWriter(files, kFolder, Options());
  CommitKeys(*store, KeysOf(0, 5000));
  const auto snapshot = store->snapshot();
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (uint64_t i = 0; i < 10'000; i += 3) {
        const uint64_t number = (i + 1250 * thread) % 10'000;
        const auto found = snapshot->Find(KeyOf(number));
        const bool is_right = found.ok() && found->has_value() == (number < 5000) &&
                              found->value_or(number) == number;
        if (!is_right) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

class KeyIndexDamageTest : public ::testing::Test {
 protected:
  static constexpr size_t kCount = 2500;

  KeyIndexDamageTest() {
    const auto store = *Store::OpenWriter(files_, kFolder, Options());
    CommitKeys(*store, KeysOf(0, kCount));
    const Segment& segment = *store->snapshot()->segments()[0];
    header_ = segment.header();
    path_ = segment.path();
  }

  // Every key, and as many that are not there: right or an error. How many were errors.
  size_t CountErrors() {
    const auto snapshot = Store::OpenReadOnly(files_, kFolder);
    if (!snapshot.ok()) return 2 * kCount;
    size_t errors = 0;
    for (uint64_t number = 0; number < 2 * kCount; ++number) {
      const auto found = (*snapshot)->Find(keys_[number]);
      if (!found.ok()) {
        EXPECT_EQ(found.code(), Code::kCorruption);
        EXPECT_THAT(found.status().message(), HasSubstr(path_ + " at offset "));
        ++errors;
        continue;
      }
      EXPECT_EQ(*found, number < kCount ? std::optional<RowId>(number) : std::nullopt);
    }
    return errors;
  }
  void Flip(size_t bit) {
    files_.MutableContent(path_)[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
  }

  testing::CrashFileSystem files_;
  format::SegmentHeader header_;
  std::string path_;
  std::vector<base::Digest> keys_ = KeysOf(0, 2 * kCount);
};

TEST_F(KeyIndexDamageTest, AnyBitOfWhatItReadsGivesTheTruthOrAnError) {
  ASSERT_EQ(CountErrors(), 0u);
  std::mt19937 random(1);
  for (const uint32_t kind : {format::kSectionKeys, format::kSectionKeyOrder,
                              format::kSectionKeyFilter, format::kSectionPageChecks}) {
    const format::SectionEntry& entry = *header_.Find(kind);
    size_t flips = 0;
    size_t errors = 0;
    // Some bits of each page, the first and the last among them.
    for (uint64_t begin = 0; begin < entry.size; begin += format::kPageSize) {
      const uint64_t size = std::min<uint64_t>(format::kPageSize, entry.size - begin);
      std::vector<uint64_t> bits{0, 8 * size - 1};
      for (int i = 0; i < (kIsSanitized ? 1 : 10); ++i) bits.push_back(random() % (8 * size));
      for (const uint64_t bit : bits) {
        Flip(8 * (entry.offset + begin) + bit);
        const size_t found = CountErrors();
        // A page that nobody needs does not exist: each byte is there for some key.
        EXPECT_GT(found, 0u) << format::SectionKindName(kind) << " byte " << begin + bit / 8;
        errors += found;
        ++flips;
        const auto report = Verify(files_, kFolder);
        EXPECT_TRUE(!report.ok() || !report->ok());
        Flip(8 * (entry.offset + begin) + bit);
        if (HasFailure()) return;
      }
    }
    std::printf("%s: %zu flips, %.1f %% of the look-ups are errors\n",
                std::string(format::SectionKindName(kind)).c_str(), flips,
                100.0 * static_cast<double>(errors) / static_cast<double>(2 * kCount * flips));
  }
  EXPECT_EQ(CountErrors(), 0u);
}

// A large store's damage must not take all of it along.
TEST_F(KeyIndexDamageTest, DamageIsFeltByThoseWhoNeedThePage) {
  const format::SectionEntry& keys = *header_.Find(format::kSectionKeys);
  Flip(8 * (keys.offset + 2 * format::kPageSize + 5));
  const auto snapshot = *Store::OpenReadOnly(files_, kFolder);
  const auto damaged = snapshot->Find(keys_[2 * format::kPageSize / sizeof(base::Digest)]);
  ASSERT_EQ(damaged.code(), Code::kCorruption);
  EXPECT_THAT(
      damaged.status().message(),
      HasSubstr(path_ + " at offset " + std::to_string(keys.offset + 2 * format::kPageSize) +
                ": checksum of page 2 of keys (kind 1, 4096 bytes) differs"));
  size_t errors = 0;
  for (const base::Digest& key : keys_) errors += snapshot->Find(key).ok() ? 0 : 1;
  EXPECT_GT(errors, 100u);
  EXPECT_LT(errors, kCount);
}

// Sections whole as a whole, but not what they should be: as another program, or a bug, might write
// them. Made by writing a segment and sealing it again.
class KeyIndexVerifyTest : public ::testing::Test {
 protected:
  void Write(std::span<const base::Digest> keys, std::vector<base::Digest> deleted_keys) {
    SegmentPlan plan;
    plan.id = 1;
    plan.dimensions = kDimensions;
    plan.deleted_keys = std::move(deleted_keys);
    if (!keys.empty()) {
      vectors_.assign(keys.size() * kDimensions, 0.5f);
      RowRun run;
      run.keys = keys;
      run.vectors = vectors_;
      run.count = static_cast<uint32_t>(keys.size());
      plan.runs.push_back(run);
    }
    ASSERT_TRUE(files_.CreateDirectories("/data").ok());
    const auto entry = WriteSegment(files_, kPath, plan);
    ASSERT_TRUE(entry.ok()) << entry.status().ToString();
    entry_ = *entry;
  }

  std::shared_ptr<const Segment> Open() {
    auto mapping = files_.Map(kPath);
    INTACT_CHECK(mapping.ok());
    auto segment = Segment::Open(*std::move(mapping), 0, kPath, {}, entry_, kDimensions);
    INTACT_CHECK(segment.ok());
    return *std::move(segment);
  }

  // Makes the checksums right again after `change` of a section's bytes.
  template <typename Change>
  void Forge(uint32_t kind, const Change& change) {
    format::SegmentHeader header = Open()->header();
    base::Bytes& file = files_.MutableContent(kPath);
    for (format::SectionEntry& entry : header.sections) {
      const auto bytes = base::MutableByteSpan(file).subspan(entry.offset, entry.size);
      if (entry.kind == kind) change(bytes);
      entry.crc = base::Crc32c(bytes, format::SectionCrcSeed(header.store, header.id, entry.kind));
    }
    const auto page = format::EncodeSegmentHeader(header);
    std::copy(page.begin(), page.end(), file.begin());
    entry_.header_digest = base::DigestOf(page);
  }

  // The same for the key filter, of one page, and the check of that page.
  template <typename Change>
  void ForgeFilter(const Change& change) {
    Forge(format::kSectionKeyFilter, change);
    const auto segment = Open();
    const base::ByteSpan filter = segment->Raw(format::kSectionKeyFilter);
    ASSERT_LE(filter.size(), format::kPageSize);
    const uint64_t place = format::PageChecksBegin(segment->header(), format::kSectionKeyFilter);
    const uint32_t crc =
        base::Crc32c(filter, format::PageCrcSeed({}, 1, format::kSectionKeyFilter, 0));
    Forge(format::kSectionPageChecks, [&](base::MutableByteSpan checks) {
      base::Store(checks.data() + place * sizeof(crc), crc);
    });
  }

  std::vector<std::string> Problems() {
    std::vector<std::string> problems;
    Open()->key_index().Verify([&](uint32_t kind, const base::Status& problem) {
      problems.push_back(std::string(format::SectionKindName(kind)) + ": " + problem.message());
    });
    return problems;
  }

  static constexpr const char* kPath = "/data/seg-1";
  testing::CrashFileSystem files_;
  format::SegmentEntry entry_;
  std::vector<float> vectors_;
};

TEST_F(KeyIndexVerifyTest, FindsPagesThatAreNotAsTheirChecksSay) {
  const std::vector<base::Digest> keys = KeysOf(0, 2000);
  Write(keys, {});
  EXPECT_THAT(Problems(), ::testing::IsEmpty());
  Forge(format::kSectionPageChecks,
        [](base::MutableByteSpan checks) { checks[5] ^= std::byte{1}; });
  EXPECT_THAT(Problems(), ::testing::ElementsAre(HasSubstr("checksum of page 1 of keys")));
  EXPECT_EQ(Open()->Find(keys[200]).code(), Code::kCorruption);
}

TEST_F(KeyIndexVerifyTest, FindsAFilterThatStopsAKey) {
  const std::vector<base::Digest> keys = KeysOf(0, 2000);
  Write(keys, {});
  ForgeFilter([&](base::MutableByteSpan bytes) {
    const auto filter = format::KeyFilter::Parse(bytes, "");
    bytes[filter->PlacesOf(format::KeyFilter::HashOf(keys[0]))[1]] ^= std::byte{0x10};
  });
  EXPECT_THAT(Problems(), ::testing::ElementsAre(HasSubstr("does not pass the key of row")));
}

TEST_F(KeyIndexVerifyTest, FindsAFilterWhoseHeaderIsWrong) {
  const std::vector<base::Digest> keys = KeysOf(0, 2000);
  Write(keys, {});
  ForgeFilter([](base::MutableByteSpan bytes) { bytes[12] = std::byte{40}; });
  EXPECT_THAT(Problems(), ::testing::ElementsAre(HasSubstr("is outside its limits")));
  EXPECT_EQ(Open()->Find(keys[0]).code(), Code::kCorruption);
}

TEST_F(KeyIndexVerifyTest, KnowsDeletedKeysWithAndWithoutRows) {
  std::vector<base::Digest> deleted = KeysOf(100, 50);
  std::sort(deleted.begin(), deleted.end());
  const std::vector<base::Digest> some = KeysOf(0, 3);
  for (const std::span<const base::Digest> keys : {std::span(some), std::span(some).first(0)}) {
    Write(keys, deleted);
    const auto segment = Open();
    EXPECT_EQ(segment->row_count(), keys.size());
    EXPECT_TRUE(std::equal(deleted.begin(), deleted.end(), segment->deleted_keys().begin(),
                           segment->deleted_keys().end()));
    EXPECT_TRUE(*segment->HasDeleted(KeyOf(100)));
    EXPECT_TRUE(*segment->HasDeleted(KeyOf(149)));
    EXPECT_FALSE(*segment->HasDeleted(KeyOf(99)));
    EXPECT_FALSE(*segment->HasDeleted(KeyOf(0)));
    EXPECT_THAT(Problems(), ::testing::IsEmpty());
    EXPECT_EQ(segment->Find(KeyOf(0))->has_value(), !keys.empty());

    const uint64_t offset = segment->header().Find(format::kSectionDeletedKeys)->offset;
    files_.MutableContent(kPath)[offset + 70] ^= std::byte{1};
    EXPECT_EQ(Open()->HasDeleted(KeyOf(100)).code(), Code::kCorruption);
  }
}

TEST_F(KeyIndexVerifyTest, FindsDeletedKeysThatDoNotAscend) {
  Write({}, {KeyOf(1), KeyOf(1)});
  EXPECT_THAT(Problems(), ::testing::ElementsAre(HasSubstr("do not ascend at place 1")));
}

}  // namespace
}  // namespace intact::store
