// Other hands change the files of a store while it is read: cut, overwrite, punch, rename, replace
// them. Readers must get the right bits or an error, and live.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <random>
#include <thread>

#include "intact/os/process.h"
#include "intact/store/segment_writer.h"
#include "intact/store/store.h"
#include "intact/store/verify.h"
#include "intact/testing/testing.h"

namespace intact::store {
namespace {

namespace fs = std::filesystem;
using base::Code;

constexpr size_t kDimensions = 64;
constexpr size_t kRowsPerVersion = 300;
constexpr uint64_t kVersions = 3;
constexpr size_t kRows = kRowsPerVersion * kVersions;
constexpr uint32_t kSection = 1001;
constexpr size_t kSectionSize = 20'000;
constexpr uint64_t kChangesDefault = 300;

enum class Change : unsigned char {
  kTruncate,
  kTruncateAndGrow,
  kPunch,
  kOverwrite,
  kRename,
  kUnlink,
  kReplace,
  kForbid,
};
constexpr std::array kChanges = {Change::kTruncate,  Change::kTruncateAndGrow, Change::kPunch,
                                 Change::kOverwrite, Change::kRename,          Change::kUnlink,
                                 Change::kReplace,   Change::kForbid};
constexpr std::array kChangeNames = {
    "truncate", "truncate and grow", "punch", "overwrite", "rename", "unlink", "replace", "forbid"};

// What every version after `v` holds: rows 0 to v * kRowsPerVersion.
struct Expected {
  std::vector<base::Digest> keys;
  std::vector<float> vectors;
  std::vector<uint8_t> high, low;  // Stride kDimensions.
  std::vector<quant::CodeBound> bounds;

  std::span<const float> vector(size_t row) const {
    return std::span(vectors).subspan(row * kDimensions, kDimensions);
  }
};

Expected MakeExpected() {
  Expected expected;
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  RowCoder coder(kDimensions);
  for (size_t row = 0; row < kRows; ++row) {
    expected.keys.push_back(base::DigestOf("row " + std::to_string(row)));
    for (size_t i = 0; i < kDimensions; ++i) expected.vectors.push_back(normal(random));
    coder.Encode(expected.vector(row));
    expected.high.insert(expected.high.end(), coder.high().begin(), coder.high().end());
    expected.low.insert(expected.low.end(), coder.low().begin(), coder.low().end());
    expected.bounds.push_back(coder.bound());
  }
  return expected;
}

base::Bytes SectionOf(uint64_t version) {
  return base::Bytes(kSectionSize, static_cast<std::byte>(version));
}

void MakeStore(const std::string& folder, const Expected& expected, bool has_journal) {
  OpenOptions options;
  options.create = true;
  options.spec = CollectionSpec{.dimensions = kDimensions, .model = "test/hostile"};
  if (!has_journal) options.journal_size_max = 0;
  auto store = Store::OpenWriter(os::RealFileSystem(), folder, options);
  ASSERT_TRUE(store.ok()) << store.status().ToString();
  for (uint64_t version = 1; version <= kVersions; ++version) {
    const size_t first = (version - 1) * kRowsPerVersion;
    const base::Bytes section = SectionOf(version);
    CommitRequest request;
    request.rows = {
        std::span(expected.keys).subspan(first, kRowsPerVersion),
        std::span(expected.vectors).subspan(first * kDimensions, kRowsPerVersion * kDimensions)};
    request.sections = {{kSection, section}};
    ASSERT_TRUE((*store)->Commit(request).ok());
  }
}

// Shared by reader threads, or by reader processes.
struct Counts {
  std::atomic<bool> stop{false};
  std::atomic<uint64_t> opened{0};
  std::atomic<uint64_t> finds{0};
  std::atomic<uint64_t> vectors{0};
  std::atomic<uint64_t> scans{0};  // Of all codes and sections.
  std::atomic<uint64_t> wrong{0};
  std::atomic<uint64_t> refused{0};  // Opens that failed.
  std::array<std::atomic<uint64_t>, 16> errors{};

  void Count(const base::Status& status) { ++errors[static_cast<size_t>(status.code())]; }
  uint64_t error_count() const {
    uint64_t count = 0;
    for (const auto& error : errors) count += error;
    return count;
  }
};

class Reader {
 public:
  Reader(std::string folder, const Expected& expected, Counts& counts, uint32_t seed)
      : folder_(std::move(folder)), expected_(expected), counts_(counts), random_(seed) {}

  void Run() {
    for (uint64_t round = 0; !counts_.stop; ++round) {
      const auto snapshot = Store::OpenReadOnly(os::RealFileSystem(), folder_);
      if (!snapshot.ok()) {
        ++counts_.refused;
        counts_.Count(snapshot.status());
        continue;
      }
      ++counts_.opened;
      // Some snapshots are held for long, so that files change under them.
      const uint32_t passes = 1 + random_() % 12;
      for (uint32_t pass = 0; pass < passes && !counts_.stop; ++pass) ReadAll(**snapshot);
      if (round % 8 == 0) static_cast<void>(Verify(os::RealFileSystem(), folder_).ok());
    }
  }

 private:
  void Expect(bool is_right) {
    if (!is_right) ++counts_.wrong;
  }

  void ReadAll(const Snapshot& snapshot) {
    // A damaged superblock may lead to an older version, all of which must be right then.
    const size_t rows = snapshot.version() * kRowsPerVersion;
    Expect(snapshot.version() <= kVersions && snapshot.row_count() == rows);
    if (rows == 0 || rows > kRows) return;
    std::vector<float> vector(kDimensions);
    for (int i = 0; i < 40; ++i) {
      const size_t row = random_() % rows;
      if (const auto found = snapshot.Find(expected_.keys[row]); found.ok()) {
        Expect(*found == row);
        ++counts_.finds;
      } else {
        counts_.Count(found.status());
      }
      if (const base::Status read = snapshot.ReadVector(row, vector); read.ok()) {
        Expect(std::memcmp(vector.data(), expected_.vector(row).data(),
                           kDimensions * sizeof(float)) == 0);
        ++counts_.vectors;
      } else {
        counts_.Count(read);
      }
    }
    for (const auto& segment : snapshot.segments()) Scan(*segment);
  }

  // As search does: checks once, reads in place, asks at the end.
  void Scan(const Segment& segment) {
    if (const base::Status checked = segment.CheckCodes(); !checked.ok()) {
      return counts_.Count(checked);
    }
    const size_t first = segment.first_row();
    const size_t count = segment.row_count();
    const CodeColumns& codes = segment.codes();
    bool is_right = first + count <= kRows && codes.stride == kDimensions && !codes.is_whole();
    if (is_right) {
      const size_t half = kDimensions / 2;
      is_right =
          std::memcmp(codes.high.data(), expected_.high.data() + first * half, count * half) == 0 &&
          std::memcmp(codes.low.data(), expected_.low.data() + first * half, count * half) == 0 &&
          std::memcmp(codes.bounds.data(), expected_.bounds.data() + first,
                      count * sizeof(quant::CodeBound)) == 0;
    }
    const auto section = segment.Section(kSection);
    if (!section.ok()) return counts_.Count(section.status());
    const auto value = static_cast<std::byte>(first / kRowsPerVersion + 1);
    is_right = is_right && std::all_of(section->begin(), section->end(),
                                       [&](std::byte byte) { return byte == value; });
    if (const base::Status unchanged = segment.CheckUnchanged(); !unchanged.ok()) {
      return counts_.Count(unchanged);
    }
    Expect(is_right && section->size() == kSectionSize);
    ++counts_.scans;
  }

  std::string folder_;
  const Expected& expected_;
  Counts& counts_;
  std::mt19937 random_;
};

// With and without a journal, which holds the segments of small commits.
class HostileTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    expected_ = MakeExpected();
    MakeStore(golden_, expected_, GetParam());
    Restore();
    void* shared =
        mmap(nullptr, sizeof(Counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(shared, MAP_FAILED);
    counts_ = new (shared) Counts;
  }
  void TearDown() override { munmap(counts_, sizeof(Counts)); }

  // Puts a whole store in the place of the one that was changed, in one step.
  void Restore() {
    const std::string fresh = temporary_ / "fresh";
    fs::copy(golden_, fresh);
    // Older than any change to come, whatever the clock's resolution.
    const auto old = fs::file_time_type::clock::now() - std::chrono::seconds(10);
    for (const auto& entry : fs::directory_iterator(fresh)) fs::last_write_time(entry.path(), old);
    if (!fs::exists(live_)) return fs::rename(fresh, live_);
    ASSERT_EQ(
        syscall(SYS_renameat2, AT_FDCWD, fresh.c_str(), AT_FDCWD, live_.c_str(), RENAME_EXCHANGE),
        0);
    fs::remove_all(fresh);
  }

  off_t Random(off_t below) { return below <= 0 ? 0 : static_cast<off_t>(random_()) % below; }

  // A place in the file; in a journal, which is mostly unused, where commits lie in either half.
  off_t RandomOffset(const std::string& path, off_t size) {
    if (path.find("journal-") == std::string::npos) return Random(size);
    const off_t half = size / 2;
    return half * Random(2) + Random(std::min<off_t>(half, 400'000));
  }

  // Does `change` to a file of the live store.
  void Apply(Change change, const std::string& path) {
    std::error_code ignored;
    const auto size = static_cast<off_t>(fs::file_size(path, ignored));
    switch (change) {
      case Change::kTruncate:
        ASSERT_EQ(truncate(path.c_str(), RandomOffset(path, size)), 0);
        return;
      case Change::kTruncateAndGrow:
        ASSERT_EQ(truncate(path.c_str(), RandomOffset(path, size)), 0);
        ASSERT_EQ(truncate(path.c_str(), size), 0);
        return;
      case Change::kPunch:
      case Change::kOverwrite: {
        const int fd = open(path.c_str(), O_RDWR | O_CLOEXEC);
        ASSERT_GE(fd, 0);
        const off_t begin = RandomOffset(path, size);
        if (change == Change::kPunch) {
          static_cast<void>(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, begin,
                                      1 + Random(std::min<off_t>(size - begin, 100'000))));
        } else {
          base::Bytes noise(1 + static_cast<size_t>(Random(std::min<off_t>(size - begin, 9000))));
          for (std::byte& byte : noise) byte = static_cast<std::byte>(random_());
          EXPECT_GT(pwrite(fd, noise.data(), noise.size(), begin), 0);
        }
        close(fd);
        return;
      }
      case Change::kRename:
        return fs::rename(path, path + ".away");
      case Change::kUnlink:
        ASSERT_EQ(unlink(path.c_str()), 0);
        return;
      case Change::kReplace: {
        // By any file of the store, maybe with a byte changed.
        fs::copy_file(AnyFile(), temporary_ / "other");
        if (random_() % 2 == 0) {
          const int fd = open((temporary_ / "other").c_str(), O_RDWR | O_CLOEXEC);
          static_cast<void>(pwrite(fd, "?", 1, Random(size)));
          close(fd);
        }
        return fs::rename(temporary_ / "other", path);
      }
      case Change::kForbid:
        ASSERT_EQ(chmod(path.c_str(), 0), 0);
    }
  }

  std::string AnyFile() {
    std::vector<std::string> files;
    for (const auto& entry : fs::directory_iterator(live_)) {
      if (entry.path().filename() != "LOCK") files.push_back(entry.path().string());
    }
    std::sort(files.begin(), files.end());
    return files[random_() % files.size()];
  }

  static uint64_t ChangeCount() {
    const auto text = os::Environment("INTACT_HOSTILE_CHANGES");
    return text ? std::strtoull(text->c_str(), nullptr, 10) : kChangesDefault;
  }

  // Every change is seen by the readers that are there, then undone.
  void ChangeFiles() {
    const auto wait_for_readers = [&](uint64_t more) {
      const auto progress = [&] {
        return counts_->opened + counts_->scans + counts_->error_count();
      };
      const uint64_t goal = progress() + more;
      // Readers that died make no progress: then the test ends with what they left.
      for (int tries = 0; progress() < goal && tries < 100'000; ++tries) {
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      }
    };
    for (uint64_t i = 0; i < ChangeCount(); ++i) {
      wait_for_readers(1 + random_() % 8);
      Apply(kChanges[i % kChanges.size()], AnyFile());
      wait_for_readers(1 + random_() % 8);
      Restore();
    }
    counts_->stop = true;
  }

  void Report(const char* readers) {
    std::printf(
        "%llu changes of a store %s journal under %s: %llu opens, %llu refused; %llu finds, %llu "
        "vectors, %llu scans "
        "right; errors:",
        static_cast<unsigned long long>(ChangeCount()), GetParam() ? "with a" : "without", readers,
        static_cast<unsigned long long>(counts_->opened),
        static_cast<unsigned long long>(counts_->refused),
        static_cast<unsigned long long>(counts_->finds),
        static_cast<unsigned long long>(counts_->vectors),
        static_cast<unsigned long long>(counts_->scans));
    for (size_t code = 0; code < counts_->errors.size(); ++code) {
      if (counts_->errors[code] == 0) continue;
      std::printf(" %s %llu", std::string(base::CodeName(static_cast<Code>(code))).c_str(),
                  static_cast<unsigned long long>(counts_->errors[code]));
    }
    std::printf("; %llu wrong\n", static_cast<unsigned long long>(counts_->wrong));
    EXPECT_EQ(counts_->wrong, 0u);
    EXPECT_GT(counts_->vectors, 0u);
    EXPECT_GT(counts_->scans, 0u);
    EXPECT_GT(counts_->error_count(), 0u);
    // Nothing of it stays.
    const uint64_t errors = counts_->error_count();
    const auto report = Verify(os::RealFileSystem(), live_);
    ASSERT_TRUE(report.ok() && report->ok());
    EXPECT_EQ(counts_->error_count(), errors);
  }

  testing::TemporaryFolder temporary_;
  std::string golden_ = temporary_ / "golden";
  std::string live_ = temporary_ / "live";
  Expected expected_;
  Counts* counts_ = nullptr;
  std::mt19937 random_{5};
};

TEST_P(HostileTest, ThreadsGetTheRightBitsOrAnError) {
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] { Reader(live_, expected_, *counts_, t).Run(); });
  }
  ChangeFiles();
  for (std::thread& thread : threads) thread.join();
  Report("4 threads");
}

TEST_P(HostileTest, ProcessesGetTheRightBitsOrAnError) {
  std::vector<pid_t> readers;
  for (uint32_t p = 0; p < 2; ++p) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      Reader(live_, expected_, *counts_, 100 + p).Run();
      _exit(0);
    }
    readers.push_back(child);
  }
  ChangeFiles();
  for (const pid_t reader : readers) {
    int status = 0;
    ASSERT_EQ(waitpid(reader, &status, 0), reader);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "a reader died: " << status;
  }
  Report("2 processes");
}

// Changes the bytes of `segment`: in a journal, in both halves.
void Damage(const Segment& segment, Change change) {
  const bool is_in_journal = segment.location().journal != 0;
  const auto size = static_cast<off_t>(fs::file_size(segment.path()));
  const auto segment_size = static_cast<off_t>(segment.file_size());
  const int fd = open(segment.path().c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(fd, 0);
  for (int half = 0; half < (is_in_journal ? 2 : 1); ++half) {
    const off_t begin = static_cast<off_t>(segment.location().offset) + half * (size / 2);
    switch (change) {
      case Change::kTruncate:
        ASSERT_EQ(ftruncate(fd, static_cast<off_t>(segment.location().offset) + 100), 0);
        break;
      case Change::kTruncateAndGrow:
        ASSERT_EQ(ftruncate(fd, static_cast<off_t>(segment.location().offset) + 100), 0);
        ASSERT_EQ(ftruncate(fd, size), 0);
        break;
      case Change::kPunch:
        ASSERT_EQ(
            fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, begin + 4096, segment_size),
            0);
        break;
      default:
        for (off_t at = begin + 4096; at < begin + segment_size; at += 61) {
          ASSERT_EQ(pwrite(fd, "?", 1, at), 1);
        }
    }
  }
  close(fd);
}

constexpr std::array kDamages = {Change::kTruncate, Change::kTruncateAndGrow, Change::kPunch,
                                 Change::kOverwrite};

// A snapshot whose checksums were all compared before the change.
TEST_P(HostileTest, WhatWasCheckedOnceIsNotTrustedForEver) {
  for (const Change change : kDamages) {
    SCOPED_TRACE(kChangeNames[static_cast<size_t>(change)]);
    Restore();
    const auto snapshot = *Store::OpenReadOnly(os::RealFileSystem(), live_);
    const Segment& segment = *snapshot->segments().back();
    EXPECT_EQ(segment.location().journal != 0, GetParam());
    ASSERT_TRUE(segment.CheckKeys().ok() && segment.CheckCodes().ok());
    EXPECT_TRUE(snapshot->CheckUnchanged().ok());
    Damage(segment, change);
    const base::Status changed = snapshot->CheckUnchanged();
    EXPECT_EQ(changed.code(), Code::kCorruption);
    EXPECT_THAT(changed.message(), ::testing::HasSubstr(segment.path()));
    EXPECT_EQ(segment.CheckUnchanged().code(), Code::kCorruption);
    EXPECT_EQ(snapshot->Find(expected_.keys[0]).code(), Code::kCorruption);
    EXPECT_EQ(snapshot->Find(base::DigestOf("none")).code(), Code::kCorruption);
  }
}

// The kernel sets a file's time before it changes the bytes. A reader that looked between the two
// took the journal for compared at that time, and zeros for right codes from then on.
TEST_P(HostileTest, AChangeIsSeenWhenALookFellBetweenItsTimeAndItsBytes) {
  if (!GetParam()) GTEST_SKIP() << "a file that never changes is told by its first change of time";
  const auto snapshot = *Store::OpenReadOnly(os::RealFileSystem(), live_);
  const Segment& segment = *snapshot->segments().back();
  ASSERT_TRUE(segment.CheckCodes().ok());
  const auto now = fs::file_time_type::clock::now();
  fs::last_write_time(segment.path(), now);
  EXPECT_TRUE(snapshot->CheckUnchanged().ok());
  Damage(segment, Change::kPunch);
  fs::last_write_time(segment.path(), now);
  EXPECT_EQ(snapshot->CheckUnchanged().code(), Code::kCorruption);
}

TEST_P(HostileTest, AWriterThatGoesOnDoesNotDisturbReaders) {
  auto store = Store::OpenWriter(os::RealFileSystem(), live_, {});
  ASSERT_TRUE(store.ok()) << store.status().ToString();
  const auto snapshot = *Store::OpenReadOnly(os::RealFileSystem(), live_);
  for (const auto& segment : snapshot->segments()) ASSERT_TRUE(segment->CheckCodes().ok());
  for (int i = 0; i < 5; ++i) {
    CommitRequest request;
    request.rows = {std::span(expected_.keys).first(1), expected_.vector(0)};
    ASSERT_TRUE((*store)->Commit(request).ok());
    EXPECT_TRUE(snapshot->CheckUnchanged().ok());
    EXPECT_EQ(**snapshot->Find(expected_.keys[0]), 0u);
    EXPECT_TRUE((*store)->snapshot()->CheckUnchanged().ok());
    EXPECT_EQ(**(*store)->snapshot()->Find(expected_.keys[0]), kRows + static_cast<size_t>(i));
  }
}

TEST_P(HostileTest, FilesThatOnlyLoseTheirNamesAreStillRead) {
  const auto snapshot = *Store::OpenReadOnly(os::RealFileSystem(), live_);
  for (const Change change :
       {Change::kRename, Change::kUnlink, Change::kReplace, Change::kForbid}) {
    Restore();
    const auto again = *Store::OpenReadOnly(os::RealFileSystem(), live_);
    for (const auto& segment : again->segments()) {
      if (fs::exists(segment->path())) Apply(change, segment->path());
    }
    EXPECT_TRUE(again->CheckUnchanged().ok());
    EXPECT_EQ(**again->Find(expected_.keys[7]), 7u);
  }
  EXPECT_TRUE(snapshot->CheckUnchanged().ok()) << "its whole folder was removed";
}

TEST_P(HostileTest, ACommitTakesNothingOverFromAFileThatChanged) {
  for (const Change change : kDamages) {
    SCOPED_TRACE(kChangeNames[static_cast<size_t>(change)]);
    Restore();
    auto store = Store::OpenWriter(os::RealFileSystem(), live_, {});
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    const auto snapshot = (*store)->snapshot();
    for (const auto& segment : snapshot->segments()) {
      for (const format::SectionEntry& entry : segment->header().sections) {
        ASSERT_TRUE(segment->Check(entry.kind).ok());
      }
    }
    Damage(*snapshot->segments().back(), change);
    CommitRequest request;
    request.merge_count = kVersions;
    const auto committed = (*store)->Commit(request);
    EXPECT_EQ(committed.code(), Code::kCorruption) << committed.status().ToString();
    EXPECT_EQ((*store)->snapshot()->version(), kVersions);
  }
}

INSTANTIATE_TEST_SUITE_P(Stores, HostileTest, ::testing::Bool(), [](const auto& store) {
  return std::string(store.param ? "WithJournal" : "WithoutJournal");
});

}  // namespace
}  // namespace intact::store
