// Every allocation of the store fails, one after the other: std::bad_alloc leaves as an exception,
// and what it leaves behind is the old version or the new one.
#include <gtest/gtest.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <new>

#include "intact/store/act_script_test.h"
#include "intact/testing/crash_file_system.h"
#include "intact/testing/forwarding_file_system.h"

namespace {

// Of this thread: how many more allocations succeed; negative while none fails.
thread_local int64_t allocations_left = -1;

}  // namespace

// Not inlined: compilers would see free() meet operator new.
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (allocations_left >= 0 && allocations_left-- == 0) throw std::bad_alloc();
  constexpr std::size_t kAlignment = alignof(std::max_align_t);
  const std::size_t rounded = (size / kAlignment + 1) * kAlignment;
  if (void* memory = std::aligned_alloc(kAlignment, rounded)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  try {
    return operator new(size);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept {
  std::free(memory);
}

namespace intact::store {
namespace {

const std::string kFolder = "/data/store";

// The file system has memory of its own: only what is above it fails.
class Untouched {
 public:
  Untouched() : left_(std::exchange(allocations_left, -1)) {}
  ~Untouched() { allocations_left = left_; }
  Untouched(const Untouched&) = delete;
  Untouched& operator=(const Untouched&) = delete;

 private:
  int64_t left_;
};

class UntouchedFile final : public testing::ForwardingFile {
 public:
  using ForwardingFile::ForwardingFile;
  base::Status ReadAt(uint64_t offset, base::MutableByteSpan target) const override {
    const Untouched here;
    return ForwardingFile::ReadAt(offset, target);
  }
  base::Status WriteAt(uint64_t offset, base::ByteSpan source) override {
    const Untouched here;
    return ForwardingFile::WriteAt(offset, source);
  }
  base::Status Sync() override {
    const Untouched here;
    return ForwardingFile::Sync();
  }
};

class UntouchedFileSystem final : public testing::ForwardingFileSystem {
 public:
  using ForwardingFileSystem::ForwardingFileSystem;
  base::Result<std::unique_ptr<os::File>> OpenForRead(const std::string& path) override {
    const Untouched here;
    INTACT_ASSIGN_OR_RETURN(std::unique_ptr<os::File> file, below().OpenForRead(path));
    return std::unique_ptr<os::File>(std::make_unique<UntouchedFile>(std::move(file)));
  }
  base::Result<std::unique_ptr<os::File>> OpenForWrite(const std::string& path) override {
    const Untouched here;
    INTACT_ASSIGN_OR_RETURN(std::unique_ptr<os::File> file, below().OpenForWrite(path));
    return std::unique_ptr<os::File>(std::make_unique<UntouchedFile>(std::move(file)));
  }
  base::Result<std::unique_ptr<os::Mapping>> Map(const std::string& path) override {
    const Untouched here;
    return below().Map(path);
  }
  base::Status Rename(const std::string& source, const std::string& target) override {
    const Untouched here;
    return below().Rename(source, target);
  }
  base::Status Remove(const std::string& path) override {
    const Untouched here;
    return below().Remove(path);
  }
  base::Status CreateDirectories(const std::string& path) override {
    const Untouched here;
    return below().CreateDirectories(path);
  }
  base::Status SyncDirectory(const std::string& path) override {
    const Untouched here;
    return below().SyncDirectory(path);
  }
  base::Result<std::vector<std::string>> ListNames(const std::string& path) override {
    const Untouched here;
    return below().ListNames(path);
  }
  base::Result<std::unique_ptr<os::FileLock>> Lock(const std::string& path) override {
    const Untouched here;
    return below().Lock(path);
  }
};

// Runs `action` with allocation `number` failing; false when it needed fewer.
template <typename Action>
bool FailsAt(int64_t number, const Action& action) {
  allocations_left = number;
  try {
    action();
  } catch (const std::bad_alloc&) {
    allocations_left = -1;
    return true;
  }
  // What is caught on the way must show as a failure; counting on below 0 means it was thrown.
  const bool was_thrown = std::exchange(allocations_left, -1) < 0;
  return was_thrown;
}

class MemoryTest : public ::testing::Test {
 protected:
  // Every allocation of the step that makes `version` fails in turn.
  void FailStep(const Script& script, const testing::CrashFileSystem& start, uint64_t version) {
    for (int64_t number = 0;; number += kIsSanitized ? 7 : 1) {
      SCOPED_TRACE("version " + std::to_string(version) + ", allocation " + std::to_string(number));
      const auto disk = start.AfterPowerLoss(1);
      UntouchedFileSystem files(*disk);
      bool has_failed = false;
      {
        auto store = Store::OpenWriter(files, kFolder, script.Options());
        ASSERT_TRUE(store.ok()) << store.status().ToString();
        has_failed = FailsAt(number, [&] { static_cast<void>(script.Step(**store).ok()); });
        const uint64_t now = (*store)->snapshot()->version();
        ASSERT_TRUE(now == version || (has_failed && now + 1 == version));
        ASSERT_EQ(script.Difference(*(*store)->snapshot()), std::nullopt);
        // What is said after a failure is kept as well as all else.
        const auto next = script.Step(**store);
        ASSERT_TRUE(next.ok() ? *next == now + 1 : next.code() == base::Code::kIo);
        if (next.ok()) acknowledged_ = *next;
        if (!next.ok()) acknowledged_ = now;
      }
      allocations_ += has_failed;
      const auto after = number % 2 == 0 ? disk->AfterPowerLoss(0) : disk->AfterKill();
      auto store = Store::OpenWriter(*after, kFolder, script.Options());
      ASSERT_TRUE(store.ok()) << store.status().ToString();
      const auto snapshot = (*store)->snapshot();
      ASSERT_GE(snapshot->version(), acknowledged_);
      ASSERT_LE(snapshot->version(), acknowledged_ + 1);
      ASSERT_EQ(script.Difference(*snapshot), std::nullopt);
      ASSERT_EQ(HistoryDifference(script, *after, kFolder, *snapshot), std::nullopt);
      ASSERT_EQ(Leftover(*after, kFolder, *snapshot), std::nullopt);
      ASSERT_TRUE(script.Step(**store).ok());
      ASSERT_EQ(script.Difference(*(*store)->snapshot()), std::nullopt);
      if (!has_failed) return;
    }
  }

  void FailSteps(const Script& script, uint64_t first, uint64_t last) {
    testing::CrashFileSystem disk;
    // The first ones by one Store: its second small commit makes the journal.
    for (uint64_t version = first - 1; version < last; ++version) {
      auto store = Store::OpenWriter(disk, kFolder, script.Options());
      ASSERT_TRUE(store.ok());
      while ((*store)->snapshot()->version() < version) ASSERT_TRUE(script.Step(**store).ok());
      store->reset();
      FailStep(script, disk, version + 1);
      if (HasFatalFailure()) return;
    }
    std::printf("allocations failed one by one: %d\n", allocations_);
    EXPECT_GT(allocations_, kIsSanitized ? 50 : 500);
  }

  uint64_t acknowledged_ = 0;
  int allocations_ = 0;
};

TEST_F(MemoryTest, RunsOutInWritesAndNothingIsLost) {
  using enum Act;
  FailSteps(ActScript({kPut, kKeepThree, kPut, kBatch, kTag, kDelete, kLargePut, kRollBack}), 3, 8);
}

TEST_F(MemoryTest, RunsOutInCommitsAndNothingIsLost) {
  using enum Act;
  FailSteps(ActScript({kRows, kSection, kRows, kMerge, kRewrite, kLargeCommit}), 4, 6);
}

TEST_F(MemoryTest, RunsOutInReadingAndTheAnswerIsRightOrNone) {
  const ActScript script(WriteActs());
  testing::CrashFileSystem disk;
  {
    auto store = Store::OpenWriter(disk, kFolder, script.Options());
    ASSERT_TRUE(store.ok());
    while ((*store)->snapshot()->version() < 14) ASSERT_TRUE(script.Step(**store).ok());
  }
  int failed = 0;
  for (bool is_done = false; !is_done;) {
    const auto copy = disk.AfterPowerLoss(1);
    UntouchedFileSystem files(*copy);
    const int64_t number = failed;
    is_done = true;
    const auto run = [&](const auto& action) {
      if (FailsAt(number, action)) is_done = false;
    };
    run([&] {
      const auto reader = Store::OpenReadOnly(files, kFolder);
      const Untouched here;
      EXPECT_TRUE(reader.ok() && !script.Difference(**reader));
    });
    run([&] {
      const auto reader = Store::OpenReadOnly(files, kFolder);
      EXPECT_TRUE(!reader.ok() || !script.Difference(**reader));
    });
    run([&] {
      const auto older = Store::OpenVersion(files, kFolder, "v13");
      EXPECT_TRUE(!older.ok() || (*older)->version() == 13);
    });
    run([&] { static_cast<void>(Store::OpenWriter(files, kFolder, script.Options()).ok()); });
    run([&] {
      const auto report = Verify(files, kFolder);
      EXPECT_TRUE(!report.ok() || report->problem_count == 0);
    });
    ++failed;
    auto store = Store::OpenWriter(files, kFolder, script.Options());
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    ASSERT_EQ(script.Difference(*(*store)->snapshot()), std::nullopt);
  }
  std::printf("allocations of readers and openings failed one by one: %d each\n", failed);
  EXPECT_GT(failed, 100);
}

}  // namespace
}  // namespace intact::store
