// Real processes on the real file system: a writer is killed at random times, again and again,
// while others read, some of which are killed too. What was acknowledged is there; what anybody saw
// stays.
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <new>
#include <random>
#include <thread>

#include "intact/os/process.h"
#include "intact/store/endless_script_test.h"
#include "intact/testing/testing.h"

namespace intact::store {
namespace {

constexpr int kReaders = 4;
// A reader is killed once in so many kills of a writer.
constexpr uint32_t kReaderKillInterval = 6;

// Of writers, in all; the environment's INTACT_KILLS for more.
int KillCount() {
  int count = kIsSanitized ? 60 : 520;
  if (const auto asked = os::Environment("INTACT_KILLS")) {
    std::from_chars(asked->data(), asked->data() + asked->size(), count);
  }
  return count;
}

// What the processes share. It outlives each of them.
struct Shared {
  std::atomic<uint64_t> attempted{0};
  std::atomic<uint64_t> acknowledged{0};
  std::atomic<uint64_t> seen{0};  // The newest version that any reader saw.
  std::atomic<uint64_t> opened{0};
  std::atomic<uint64_t> wrong{0};
  std::array<char, 1000> first_wrong{};
};
static_assert(std::atomic<uint64_t>::is_always_lock_free, "it is killed at any time");

class KillTest : public ::testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    void* memory =
        mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(memory, MAP_FAILED);
    shared_ = new (memory) Shared;
    if (GetParam()) {
      script_ = std::make_unique<EndlessWrites>(EndlessWrites::Shape());
    } else {
      script_ = std::make_unique<EndlessCommits>(3);
    }
  }
  void TearDown() override {
    for (pid_t& reader : readers_) End(reader);
    munmap(shared_, sizeof(Shared));
  }

  static void End(pid_t& child) {
    if (child <= 0) return;
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    child = 0;
  }

  // Makes versions for ever, and says so.
  [[noreturn]] void WriteUntilKilled() {
    auto store = Store::OpenWriter(os::RealFileSystem(), folder_, script_->Options());
    if (!store.ok()) Report(store.status().ToString());
    for (;;) {
      shared_->attempted = (*store)->snapshot()->version() + 1;
      const auto version = script_->Step(**store);
      if (!version.ok()) Report(version.status().ToString());
      shared_->acknowledged = *version;
    }
  }

  [[noreturn]] void ReadUntilKilled(uint32_t seed) {
    ScriptReader reader(*script_, os::RealFileSystem(), folder_, seed);
    for (uint64_t opened = 0;; opened = reader.opened_count()) {
      const uint64_t floor = std::max<uint64_t>(shared_->acknowledged, shared_->seen);
      if (const auto wrong = reader.Look(floor)) Report(*wrong);
      shared_->opened += reader.opened_count() - opened;
      uint64_t seen = shared_->seen;
      while (seen < reader.newest_version() &&
             !shared_->seen.compare_exchange_weak(seen, reader.newest_version())) {
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }

  [[noreturn]] void Report(const std::string& what) {
    if (shared_->wrong++ == 0) {
      std::snprintf(shared_->first_wrong.data(), shared_->first_wrong.size(), "%s", what.c_str());
    }
    _exit(1);
  }

  void StartReader(pid_t& reader) {
    End(reader);
    const auto seed = static_cast<uint32_t>(random_());
    reader = fork();
    ASSERT_GE(reader, 0);
    if (reader == 0) ReadUntilKilled(seed);
  }

  void RunWriterAndKillIt() {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) WriteUntilKilled();
    // Some die while they open, most while they write.
    const uint32_t life_max = (random_() % 4 == 0 ? 3'000 : 80'000) * (kIsSanitized ? 8 : 1);
    const std::chrono::microseconds life(300 + random_() % life_max);
    std::this_thread::sleep_for(life);
    if (random_() % kReaderKillInterval == 0) {
      StartReader(readers_[random_() % kReaders]);
      ++reader_kills_;
    }
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer gave up: " << shared_->first_wrong.data();
  }

  void CheckWhatIsLeft() {
    const auto snapshot = Store::OpenReadOnly(os::RealFileSystem(), folder_);
    if (!snapshot.ok()) {
      ASSERT_EQ(snapshot.code(), base::Code::kNotFound) << snapshot.status().ToString();
      ASSERT_EQ(shared_->acknowledged, 0u);
      return;
    }
    ASSERT_GE((*snapshot)->version(), shared_->acknowledged);
    ASSERT_LE((*snapshot)->version(), shared_->attempted);
    ASSERT_EQ(script_->Difference(**snapshot), std::nullopt);
    const auto report = Verify(os::RealFileSystem(), folder_);
    ASSERT_TRUE(report.ok()) << report.status().ToString();
    ASSERT_TRUE(report->ok()) << report->problems[0].what;
    ASSERT_EQ(shared_->wrong, 0u) << "a reader saw: " << shared_->first_wrong.data();
  }

  testing::TemporaryFolder temporary_;
  std::string folder_ = temporary_ / "store";
  std::mt19937 random_{7};
  std::unique_ptr<EndlessScript> script_;
  Shared* shared_ = nullptr;
  std::array<pid_t, kReaders> readers_{};
  int reader_kills_ = 0;
};

TEST_P(KillTest, LosesNothingThatWasAcknowledgedOrSeen) {
  for (pid_t& reader : readers_) StartReader(reader);
  const int kills = KillCount() / 2;
  for (int i = 0; i < kills; ++i) {
    SCOPED_TRACE("kill " + std::to_string(i));
    RunWriterAndKillIt();
    if (HasFatalFailure()) return;
    CheckWhatIsLeft();
    if (HasFatalFailure()) return;
  }
  // Whoever comes last goes on, and leaves nothing over.
  auto store = Store::OpenWriter(os::RealFileSystem(), folder_, script_->Options());
  ASSERT_TRUE(store.ok()) << store.status().ToString();
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(script_->Step(**store).ok());
    ASSERT_EQ(script_->Difference(*(*store)->snapshot()), std::nullopt);
    ASSERT_EQ(Leftover(os::RealFileSystem(), folder_, *(*store)->snapshot()), std::nullopt);
  }
  EXPECT_EQ(shared_->wrong, 0u) << "a reader saw: " << shared_->first_wrong.data();
  std::printf("%d kills of writers, %d of readers; %llu versions; %llu opened by 4 readers\n",
              kills, reader_kills_, static_cast<unsigned long long>(shared_->acknowledged),
              static_cast<unsigned long long>(shared_->opened));
  EXPECT_GT(shared_->acknowledged, 0u);
  EXPECT_GT(shared_->opened, 0u);
}

INSTANTIATE_TEST_SUITE_P(Stores, KillTest, ::testing::Bool(), [](const auto& store) {
  return std::string(store.param ? "ByWrite" : "ByCommit");
});

}  // namespace
}  // namespace intact::store
