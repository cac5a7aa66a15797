#include "intact/os/process.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <memory>

namespace intact::os {
namespace {

TEST(Environment, TreatsEmptyAsUnset) {
  ASSERT_EQ(setenv("INTACT_TEST_VARIABLE", "value", 1), 0);
  EXPECT_EQ(Environment("INTACT_TEST_VARIABLE"), "value");
  ASSERT_EQ(setenv("INTACT_TEST_VARIABLE", "", 1), 0);
  EXPECT_EQ(Environment("INTACT_TEST_VARIABLE"), std::nullopt);
  ASSERT_EQ(unsetenv("INTACT_TEST_VARIABLE"), 0);
  EXPECT_EQ(Environment("INTACT_TEST_VARIABLE"), std::nullopt);
  EXPECT_FALSE(HomeDirectory().empty());
}

TEST(MemoryUse, SeesWhatIsTouched) {
  const MemoryUse before = CurrentMemoryUse();
  constexpr size_t kSize = size_t{32} << 20;
  const auto block = std::make_unique<char[]>(kSize);
  volatile char* bytes = block.get();  // Without it a compiler may leave out the block.
  for (size_t i = 0; i < kSize; i += 1024) bytes[i] = 1;
  const MemoryUse after = CurrentMemoryUse();
  EXPECT_GE(after.anonymous, before.anonymous + kSize / 2);
  EXPECT_GE(after.resident, after.anonymous);
  EXPECT_GE(after.resident_peak, after.resident);
  ReleaseFreeMemory();
}

TEST(Terminal, IsNotAFile) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_FALSE(IsTerminal(ends[0]));
  EXPECT_EQ(TerminalWidth(ends[0], 77), 77);
  close(ends[0]);
  close(ends[1]);
  EXPECT_GE(ProcessorCount(), 1u);
}

// In a child, as the handlers are the whole process's.
TEST(Interrupt, SetsTheFlagOnceAndEndsTheProcessTheSecondTime) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const std::atomic<bool>& flag = InstallInterruptFlag();
    if (flag.load()) _exit(1);
    std::raise(SIGINT);
    if (!flag.load()) _exit(2);
    std::raise(SIGPIPE);
    std::raise(SIGTERM);
    _exit(3);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 130);
}

}  // namespace
}  // namespace intact::os
