// A real process on the real file system is killed at random times, again and again; what it
// acknowledged is there.
#include <gtest/gtest.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <random>
#include <thread>

#include "intact/store/script_test.h"
#include "intact/testing/testing.h"

namespace intact::store {
namespace {

constexpr int kKillCount = 60;

// Commits for ever, and says so through `pipe` after each acknowledgement.
[[noreturn]] void CommitUntilKilled(const std::string& folder, int pipe) {
  auto store = Store::OpenWriter(os::RealFileSystem(), folder, ScriptOptions());
  if (!store.ok()) _exit(2);
  for (;;) {
    const auto version = CommitStep(**store);
    if (!version.ok()) _exit(3);
    if (write(pipe, &*version, sizeof(*version)) != sizeof(*version)) _exit(4);
  }
}

// One life of a writer; the last version it acknowledged, 0 when none.
uint64_t RunAndKill(const std::string& folder, std::chrono::microseconds life) {
  int ends[2];
  INTACT_CHECK(pipe(ends) == 0);
  const pid_t child = fork();
  INTACT_CHECK(child >= 0);
  if (child == 0) {
    close(ends[0]);
    CommitUntilKilled(folder, ends[1]);
  }
  close(ends[1]);
  std::this_thread::sleep_for(life);
  kill(child, SIGKILL);
  uint64_t acknowledged = 0;
  uint64_t version = 0;
  while (read(ends[0], &version, sizeof(version)) == sizeof(version)) acknowledged = version;
  close(ends[0]);
  int status = 0;
  INTACT_CHECK(waitpid(child, &status, 0) == child);
  EXPECT_TRUE(WIFSIGNALED(status)) << "the writer gave up by itself: " << WEXITSTATUS(status);
  return acknowledged;
}

TEST(Kill, LosesNoAcknowledgedCommit) {
  testing::TemporaryFolder temporary;
  const std::string folder = temporary / "store";
  std::mt19937 random(7);
  std::vector<ExpectedVersion> expected(1);
  uint64_t acknowledged = 0;
  for (int i = 0; i < kKillCount; ++i) {
    SCOPED_TRACE("kill " + std::to_string(i));
    const std::chrono::microseconds life(500 + random() % 60'000);
    acknowledged = std::max(acknowledged, RunAndKill(folder, life));
    const auto snapshot = Store::OpenReadOnly(os::RealFileSystem(), folder);
    if (!snapshot.ok()) {
      ASSERT_EQ(snapshot.code(), base::Code::kNotFound) << snapshot.status().ToString();
      ASSERT_EQ(acknowledged, 0u);
      continue;
    }
    const uint64_t version = (*snapshot)->version();
    ASSERT_GE(version, acknowledged);
    ASSERT_LE(version, acknowledged + 1);
    acknowledged = version;
    while (expected.size() <= version) expected.push_back(expected.back().Next());
    ASSERT_EQ(Difference(**snapshot, expected[version]), std::nullopt);
    const auto report = Verify(os::RealFileSystem(), folder);
    ASSERT_TRUE(report.ok() && report->ok());
  }
  std::printf("%d kills, %llu versions\n", kKillCount,
              static_cast<unsigned long long>(acknowledged));
  EXPECT_GT(acknowledged, 0u);
}

}  // namespace
}  // namespace intact::store
