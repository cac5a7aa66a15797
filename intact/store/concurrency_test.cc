// Threads that write and read one store at once, processes that meet at its lock, a process that is
// forked, one that is stopped. ThreadSanitizer watches the threads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <functional>
#include <map>
#include <thread>
#include <utility>

#include "intact/store/endless_script_test.h"
#include "intact/testing/forwarding_file_system.h"
#include "intact/testing/testing.h"

namespace intact::store {
namespace {

using base::Code;
using ::testing::HasSubstr;

constexpr uint64_t kVersions = kIsSanitized ? 100 : 300;
constexpr int kReaders = 8;

base::Digest KeyOf(uint64_t thread, uint64_t call, uint64_t index) {
  return base::DigestOf("key " + std::to_string(thread) + "/" + std::to_string(call) + "/" +
                        std::to_string(index));
}

std::vector<float> Filled(size_t rows, float value) {
  return std::vector<float>(rows * kScriptDimensions, value);
}

std::unique_ptr<EndlessScript> NewScript(bool is_by_write) {
  if (is_by_write) return std::make_unique<EndlessWrites>(EndlessWrites::Shape());
  return std::make_unique<EndlessCommits>(3);
}

class ConcurrencyTest : public ::testing::TestWithParam<bool> {
 protected:
  testing::TemporaryFolder temporary_;
  std::string folder_ = temporary_ / "store";
};

// Half of the readers take the writer's snapshots, half open their own.
TEST_P(ConcurrencyTest, OneWriterAndEightReadersAgreeOnEveryVersion) {
  const auto script = NewScript(GetParam());
  auto store = Store::OpenWriter(os::RealFileSystem(), folder_, script->Options());
  ASSERT_TRUE(store.ok()) << store.status().ToString();
  std::atomic<uint64_t> acknowledged = 0;
  std::atomic<bool> is_done = false;
  std::atomic<uint64_t> looks = 0;
  const auto share = [&] {
    const auto own = NewScript(GetParam());
    uint64_t last = 0;
    while (!is_done) {
      const uint64_t floor = acknowledged;
      const auto snapshot = (*store)->snapshot();
      EXPECT_GE(snapshot->version(), std::max(floor, last));
      last = snapshot->version();
      EXPECT_EQ(own->Difference(*snapshot), std::nullopt);
      ++looks;
    }
  };
  const auto open = [&](uint32_t seed) {
    const auto own = NewScript(GetParam());
    ScriptReader reader(*own, os::RealFileSystem(), folder_, seed);
    while (!is_done) {
      EXPECT_EQ(reader.Look(acknowledged), std::nullopt);
      ++looks;
    }
  };
  std::vector<std::thread> threads;
  for (uint32_t i = 0; i < kReaders; ++i) {
    if (i % 2 == 0) threads.emplace_back(share);
    if (i % 2 == 1) threads.emplace_back(open, i);
  }
  for (uint64_t version = 1; version <= kVersions; ++version) {
    const auto made = script->Step(**store);
    EXPECT_TRUE(made.ok()) << made.status().ToString();
    if (!made.ok()) break;
    EXPECT_EQ(*made, version);
    acknowledged = version;
  }
  // However the threads were scheduled, each has had its turns.
  while (looks < 4 * kReaders) std::this_thread::yield();
  is_done = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(acknowledged, kVersions);
}

// A child gets an error from all that would write; its parent goes on undisturbed.
TEST_P(ConcurrencyTest, AForkedChildCannotWriteAndDoesNoHarm) {
  const auto script = NewScript(GetParam());
  auto store = Store::OpenWriter(os::RealFileSystem(), folder_, script->Options());
  ASSERT_TRUE(store.ok()) << store.status().ToString();
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(script->Step(**store).ok());
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const auto is_refused = [](const base::Result<uint64_t>& result) {
      return result.code() == Code::kInvalidArgument &&
             result.status().message().find("forked") != std::string::npos;
    };
    const base::Digest key = KeyOf(0, 0, 0);
    const std::vector<float> vector = Filled(1, 1.0f);
    const bool all_refused =
        is_refused((*store)->Write({.puts = {{&key, 1}, vector}})) &&
        is_refused((*store)->Commit({})) && is_refused((*store)->Tag("child")) &&
        is_refused((*store)->Untag("child")) && is_refused((*store)->RollBack("1")) &&
        is_refused((*store)->SetRetention({.keep_last = 2}));
    // What the parent had read is still right, and a child may open its own.
    const bool reads = !script->Difference(*(*store)->snapshot()) &&
                       Store::OpenReadOnly(os::RealFileSystem(), folder_).ok();
    const auto own = Store::OpenWriter(os::RealFileSystem(), folder_, {});
    const bool is_locked = own.code() == Code::kUnavailable;
    store->reset();  // Closes what it shares with the parent, whose lock stays.
    const bool stays_locked =
        Store::OpenWriter(os::RealFileSystem(), folder_, {}).code() == Code::kUnavailable;
    _exit(all_refused && reads && is_locked && stays_locked ? 0 : 1);
  }
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(script->Step(**store).ok());
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_EQ(Store::OpenWriter(os::RealFileSystem(), folder_, {}).code(), Code::kUnavailable);
  for (int i = 0; i < 30; ++i) ASSERT_TRUE(script->Step(**store).ok());
  EXPECT_EQ(script->Difference(*(*store)->snapshot()), std::nullopt);
  store->reset();
  const auto report = Verify(os::RealFileSystem(), folder_);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->problem_count, 0u);
}

// A process that is stopped in the middle of anything holds nobody up but other writers.
TEST_P(ConcurrencyTest, AStoppedWriterDoesNotBlockReaders) {
  const auto script = NewScript(GetParam());
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto store = Store::OpenWriter(os::RealFileSystem(), folder_, script->Options());
    while (store.ok() && script->Step(**store).ok()) {
    }
    _exit(1);
  }
  ScriptReader reader(*script, os::RealFileSystem(), folder_, 1);
  while (reader.newest_version() < 3) ASSERT_EQ(reader.Look(0), std::nullopt);
  for (int i = 0; i < 20; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(700 * i));
    ASSERT_EQ(kill(child, SIGSTOP), 0);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, WUNTRACED), child);
    ASSERT_TRUE(WIFSTOPPED(status)) << "the writer gave up";
    for (int look = 0; look < 5; ++look) {
      ASSERT_EQ(reader.Look(reader.newest_version()), std::nullopt);
    }
    const auto other = Store::OpenWriter(os::RealFileSystem(), folder_, script->Options());
    ASSERT_EQ(other.code(), Code::kUnavailable);
    EXPECT_THAT(other.status().message(),
                HasSubstr("locked by another process (pid " + std::to_string(child) + ")"));
    ASSERT_EQ(kill(child, SIGCONT), 0);
  }
  kill(child, SIGKILL);
  ASSERT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_TRUE(Store::OpenWriter(os::RealFileSystem(), folder_, script->Options()).ok());
}

INSTANTIATE_TEST_SUITE_P(Stores, ConcurrencyTest, ::testing::Bool(), [](const auto& store) {
  return std::string(store.param ? "ByWrite" : "ByCommit");
});

// Syncs take a while, as they do on disks, so that calls wait for one another.
class SlowFileSystem final : public testing::ForwardingFileSystem {
 public:
  SlowFileSystem() : ForwardingFileSystem(os::RealFileSystem()) {}
  base::Result<std::unique_ptr<os::File>> OpenForWrite(const std::string& path) override {
    INTACT_ASSIGN_OR_RETURN(std::unique_ptr<os::File> file, below().OpenForWrite(path));
    return std::unique_ptr<os::File>(std::make_unique<SlowFile>(std::move(file)));
  }

 private:
  class SlowFile final : public testing::ForwardingFile {
   public:
    using ForwardingFile::ForwardingFile;
    base::Status Sync() override {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
      return ForwardingFile::Sync();
    }
  };
};

// Several threads call Write at once.
class GroupCommitTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kThreads = 6;
  static constexpr uint64_t kCalls = kIsSanitized ? 12 : 40;  // Of each thread.
  static constexpr uint64_t kPuts = 3;  // Of each call, and one that all calls share.

  void SetUp() override {
    OpenOptions options = ScriptOptions();
    options.retention.keep_last = 1000;
    options.journal_size_max = OpenOptions().journal_size_max;  // Each manifest lists them all.
    auto store = Store::OpenWriter(files_, folder_, options);
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    store_ = *std::move(store);
  }

  static float ValueOf(uint64_t thread, uint64_t call) {
    return static_cast<float>(thread * 1000 + call);
  }

  // Puts keys of its own and the shared ones, deletes those of the call before.
  void Call(uint64_t thread, uint64_t call) {
    std::vector<base::Digest> puts;
    std::vector<base::Digest> deletes;
    for (uint64_t i = 0; i < kPuts; ++i) puts.push_back(KeyOf(thread, call, i));
    puts.insert(puts.end(), shared_keys_.begin(), shared_keys_.end());
    if (call > 0) deletes.push_back(KeyOf(thread, call - 1, 0));
    const auto vectors = Filled(puts.size(), ValueOf(thread, call));
    const auto version = store_->Write({.puts = {puts, vectors}, .deletes = deletes});
    ASSERT_TRUE(version.ok()) << version.status().ToString();
    EXPECT_GE(store_->snapshot()->version(), *version);
    versions_[thread].push_back(*version);
  }

  // Batches are atomic: the shared keys have one value, whoever wrote last.
  static void CheckSharedKeys(const Snapshot& snapshot,
                              const std::vector<base::Digest>& shared_keys) {
    std::vector<float> first(kScriptDimensions);
    std::vector<float> vector(kScriptDimensions);
    for (size_t i = 0; i < shared_keys.size(); ++i) {
      const auto row = snapshot.Find(shared_keys[i]);
      ASSERT_TRUE(row.ok()) << row.status().ToString();
      if (!*row) {
        EXPECT_EQ(snapshot.version(), 0u);
        return;
      }
      ASSERT_TRUE(snapshot.ReadVector(**row, i == 0 ? first : vector).ok());
      if (i > 0) {
        EXPECT_EQ(vector, first);
      }
    }
  }

  // The version that a call returned is the first that has what it wrote.
  void CheckVersionOf(uint64_t thread, uint64_t call) {
    const uint64_t version = versions_[thread][call];
    SCOPED_TRACE("version " + std::to_string(version));
    const auto with = Store::OpenVersion(files_, folder_, std::to_string(version));
    const auto without = Store::OpenVersion(files_, folder_, std::to_string(version - 1));
    ASSERT_TRUE(with.ok() && without.ok());
    std::vector<float> vector(kScriptDimensions);
    for (uint64_t i = 0; i < kPuts; ++i) {
      const base::Digest key = KeyOf(thread, call, i);
      EXPECT_EQ(*(*without)->Find(key), std::nullopt);
      const auto row = *(*with)->Find(key);
      ASSERT_TRUE(row.has_value());
      ASSERT_TRUE((*with)->ReadVector(*row, vector).ok());
      EXPECT_EQ(vector, Filled(1, ValueOf(thread, call)));
    }
    if (call > 0) {
      EXPECT_EQ(*(*with)->Find(KeyOf(thread, call - 1, 0)), std::nullopt);
    }
    CheckSharedKeys(**with, shared_keys_);
  }

  testing::TemporaryFolder temporary_;
  std::string folder_ = temporary_ / "store";
  SlowFileSystem files_;
  std::unique_ptr<Store> store_;
  std::vector<base::Digest> shared_keys_ = {KeyOf(99, 0, 0), KeyOf(99, 0, 1), KeyOf(99, 0, 2)};
  std::map<uint64_t, std::vector<uint64_t>> versions_;  // By thread, of its calls.
};

TEST_F(GroupCommitTest, JoinsCallsThatWaitAndTellsEachItsVersion) {
  for (uint64_t thread = 0; thread < kThreads; ++thread) versions_[thread];
  std::atomic<bool> is_done = false;
  std::thread reader([&] {
    while (!is_done) {
      CheckSharedKeys(*store_->snapshot(), shared_keys_);
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  });
  std::vector<std::thread> writers;
  for (uint64_t thread = 0; thread < kThreads; ++thread) {
    writers.emplace_back([this, thread] {
      for (uint64_t call = 0; call < kCalls && !HasFatalFailure(); ++call) Call(thread, call);
    });
  }
  for (std::thread& writer : writers) writer.join();
  is_done = true;
  reader.join();
  const uint64_t newest = store_->snapshot()->version();
  std::printf("%llu calls of Write by %llu threads made %llu versions\n",
              static_cast<unsigned long long>(kThreads * kCalls),
              static_cast<unsigned long long>(kThreads), static_cast<unsigned long long>(newest));
  EXPECT_LT(newest, kThreads * kCalls) << "no two calls shared a version";
  for (uint64_t thread = 0; thread < kThreads; ++thread) {
    ASSERT_EQ(versions_[thread].size(), kCalls);
    for (uint64_t call = 0; call < kCalls; ++call) CheckVersionOf(thread, call);
  }
  EXPECT_EQ(Verify(files_, folder_)->problem_count, 0u);
}

// A batch that cannot be does not take others down with it.
TEST_F(GroupCommitTest, ABatchThatMakesNoSenseFailsAlone) {
  std::atomic<uint64_t> refused = 0;
  std::vector<std::thread> writers;
  for (uint64_t thread = 0; thread < kThreads; ++thread) versions_[thread];
  for (uint64_t thread = 0; thread < kThreads; ++thread) {
    writers.emplace_back([&, thread] {
      for (uint64_t call = 0; call < 10; ++call) {
        Call(thread, call);
        const base::Digest key = KeyOf(thread, call, 7);
        const std::vector<float> vector = Filled(2, 1.0f);
        const auto version = store_->Write({.puts = {{&key, 1}, vector}});
        if (version.code() == Code::kInvalidArgument) ++refused;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(refused, kThreads * 10);
  for (uint64_t thread = 0; thread < kThreads; ++thread) {
    for (uint64_t call = 0; call < 10; ++call) CheckVersionOf(thread, call);
    EXPECT_EQ(*store_->snapshot()->Find(KeyOf(thread, 9, 7)), std::nullopt);
  }
}

// Lets a writer overtake a reader at the worst time: once, before a call that the test chooses.
class OvertakingFileSystem final : public testing::ForwardingFileSystem {
 public:
  OvertakingFileSystem() : ForwardingFileSystem(os::RealFileSystem()) {}
  std::function<void()> before_list;
  std::function<void()> before_map;

  base::Result<std::vector<std::string>> ListNames(const std::string& path) override {
    if (before_list) std::exchange(before_list, {})();
    return ForwardingFileSystem::ListNames(path);
  }
  base::Result<std::unique_ptr<os::Mapping>> Map(const std::string& path) override {
    if (before_map) std::exchange(before_map, {})();
    return ForwardingFileSystem::Map(path);
  }
};

TEST(Races, AStoreThatIsMadeWhileItIsOpenedIsOpened) {
  testing::TemporaryFolder temporary;
  OvertakingFileSystem files;
  const auto make = [&](const std::string& folder) {
    return [folder] {
      ASSERT_TRUE(Store::OpenWriter(os::RealFileSystem(), folder, ScriptOptions()).ok());
    };
  };
  const std::string a = temporary / "a";
  files.before_list = make(a);
  const auto snapshot = Store::OpenReadOnly(files, a);
  ASSERT_TRUE(snapshot.ok()) << snapshot.status().ToString();
  const std::string b = temporary / "b";
  files.before_list = make(b);
  const auto store = Store::OpenWriter(files, b, ScriptOptions());
  ASSERT_TRUE(store.ok()) << store.status().ToString();
  const std::string c = temporary / "c";
  files.before_list = make(c);
  const auto report = Verify(files, c);
  EXPECT_TRUE(report.ok()) << report.status().ToString();
}

// The superblock is read, then a commit by files follows, and one by the journal: its frame does
// not follow on the superblock that was read.
TEST(Races, AReaderThatIsOvertakenByACommitOfEachKindOpensTheNewestVersion) {
  testing::TemporaryFolder temporary;
  const std::string folder = temporary / "store";
  OpenOptions options = ScriptOptions();
  options.journal_size_max = 256 << 10;  // Holds all small commits of this test.
  options.segment_size_max = 1 << 20;
  auto store = *Store::OpenWriter(os::RealFileSystem(), folder, options);
  const auto put = [&](size_t count) {
    std::vector<base::Digest> keys;
    for (size_t i = 0; i < count; ++i) keys.push_back(KeyOf(1, count, i));
    ASSERT_TRUE(store->Write({.puts = {keys, Filled(count, 1.0f)}}).ok());
  };
  for (size_t i = 1; i <= 3; ++i) put(i);
  ASSERT_NE(store->snapshot()->self().location.journal, 0u);
  OvertakingFileSystem files;
  const auto overtake = [&] {
    put(3000);
    ASSERT_EQ(store->snapshot()->self().location.journal, 0u);
    put(1);
    ASSERT_NE(store->snapshot()->self().location.journal, 0u);
  };
  files.before_map = overtake;
  const auto snapshot = Store::OpenReadOnly(files, folder);
  ASSERT_TRUE(snapshot.ok()) << snapshot.status().ToString();
  EXPECT_EQ((*snapshot)->version(), 5u);
  files.before_map = overtake;
  const auto report = Verify(files, folder);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->problem_count, 0u) << report->problems[0].what;
  EXPECT_EQ(report->version, 7u);
}

base::Status PutOne(const std::string& folder, uint64_t process, uint64_t call) {
  OpenOptions options = ScriptOptions();
  options.lock_wait_ms = 60'000;
  INTACT_ASSIGN_OR_RETURN(const auto store,
                          Store::OpenWriter(os::RealFileSystem(), folder, options));
  const base::Digest key = KeyOf(process, call, 0);
  return store->Write({.puts = {{&key, 1}, Filled(1, static_cast<float>(call))}}).status();
}

TEST(Processes, TakeTurnsAtTheLockWhenTheyWait) {
  testing::TemporaryFolder temporary;
  const std::string folder = temporary / "store";
  constexpr uint64_t kProcesses = 3;
  constexpr uint64_t kCalls = 15;
  std::vector<pid_t> children;
  for (uint64_t process = 0; process < kProcesses; ++process) {
    children.push_back(fork());
    ASSERT_GE(children.back(), 0);
    if (children.back() != 0) continue;
    for (uint64_t call = 0; call < kCalls; ++call) {
      if (!PutOne(folder, process, call).ok()) _exit(1);
    }
    _exit(0);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  const auto snapshot = *Store::OpenReadOnly(os::RealFileSystem(), folder);
  EXPECT_EQ(snapshot->version(), kProcesses * kCalls);
  for (uint64_t process = 0; process < kProcesses; ++process) {
    for (uint64_t call = 0; call < kCalls; ++call) {
      EXPECT_TRUE((*snapshot->Find(KeyOf(process, call, 0))).has_value());
    }
  }
}

TEST(Processes, ASecondWriterIsToldWhoHasTheLockAndWaitsWhenAsked) {
  testing::TemporaryFolder temporary;
  const std::string folder = temporary / "store";
  int ready[2];
  int go[2];
  ASSERT_EQ(pipe(ready), 0);
  ASSERT_EQ(pipe(go), 0);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto store = Store::OpenWriter(os::RealFileSystem(), folder, ScriptOptions());
    char byte = 'r';
    if (!store.ok() || !CommitStep(**store).ok() || write(ready[1], &byte, 1) != 1) _exit(1);
    if (read(go[0], &byte, 1) != 1) _exit(1);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    _exit(CommitStep(**store).ok() ? 0 : 1);
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  OpenOptions options = ScriptOptions();
  for (const int64_t wait_ms : {0, 30}) {
    options.lock_wait_ms = wait_ms;
    const auto refused = Store::OpenWriter(os::RealFileSystem(), folder, options);
    ASSERT_EQ(refused.code(), Code::kUnavailable);
    EXPECT_THAT(refused.status().message(),
                HasSubstr("locked by another process (pid " + std::to_string(child) + ")"));
  }
  ASSERT_EQ(write(go[1], &byte, 1), 1);
  options.lock_wait_ms = 60'000;
  const auto store = Store::OpenWriter(os::RealFileSystem(), folder, options);
  ASSERT_TRUE(store.ok()) << store.status().ToString();
  EXPECT_EQ((*store)->snapshot()->version(), 2u) << "what the first one wrote meanwhile is there";
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  for (const int end : {ready[0], ready[1], go[0], go[1]}) close(end);
}

}  // namespace
}  // namespace intact::store
