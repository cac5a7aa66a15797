#include "intact/os/mapping_guard.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <memory>
#include <thread>
#include <vector>

#include "intact/os/file.h"
#include "intact/testing/testing.h"

namespace intact::os {
namespace {

using base::Code;
using ::testing::HasSubstr;

constexpr size_t kPage = 4096;
constexpr size_t kFileSize = 16 * kPage;

// A file of ones, mapped.
class MappingGuardTest : public ::testing::Test {
 protected:
  void SetUp() override { mapping_ = Make("f", kFileSize); }

  std::unique_ptr<Mapping> Make(const std::string& name, size_t size) {
    {
      auto file = RealFileSystem().OpenForWrite(folder_ / name);
      EXPECT_TRUE((*file)->WriteAt(0, base::Bytes(size, std::byte{1})).ok());
    }
    auto mapping = RealFileSystem().Map(folder_ / name);
    EXPECT_TRUE(mapping.ok()) << mapping.status().ToString();
    return *std::move(mapping);
  }
  void Truncate(const std::string& name, size_t size) {
    ASSERT_EQ(truncate((folder_ / name).c_str(), static_cast<off_t>(size)), 0);
  }
  // Opens the file as another process would; closed at the end of the statement.
  template <typename Change>
  void Alter(const Change& change) {
    const int fd = open((folder_ / "f").c_str(), O_RDWR | O_CLOEXEC);
    ASSERT_GE(fd, 0);
    change(fd);
    close(fd);
  }
  static size_t Sum(const Mapping& mapping) {
    size_t sum = 0;
    for (const volatile std::byte& byte : mapping.bytes()) sum += static_cast<size_t>(byte);
    return sum;
  }
  void ExpectChanged(MappingCheck check) {
    const base::Status status = mapping_->Check(check);
    EXPECT_EQ(status.code(), Code::kCorruption) << status.ToString();
    EXPECT_THAT(status.message(), HasSubstr(folder_ / "f"));
  }

  testing::TemporaryFolder folder_;
  std::unique_ptr<Mapping> mapping_;
};

TEST_F(MappingGuardTest, AnUnchangedFileIsWhole) {
  EXPECT_EQ(Sum(*mapping_), kFileSize);
  for (const auto check : {MappingCheck::kPages, MappingCheck::kSize, MappingCheck::kContent}) {
    EXPECT_TRUE(mapping_->Check(check).ok());
  }
  const auto empty = Make("empty", 0);
  EXPECT_TRUE(empty->bytes().empty());
  EXPECT_TRUE(empty->Check(MappingCheck::kContent).ok());
}

TEST_F(MappingGuardTest, ATruncatedFileReadsAsZerosAndSaysSo) {
  Truncate("f", 3 * kPage);
  EXPECT_EQ(mapping_->bytes()[kPage], std::byte{1});
  EXPECT_TRUE(mapping_->Check(MappingCheck::kPages).ok()) << "nobody read a missing page yet";
  ExpectChanged(MappingCheck::kSize);
  EXPECT_LE(Sum(*mapping_), 3 * kPage);
  EXPECT_EQ(Sum(*mapping_), 0u) << "as a whole";
  ExpectChanged(MappingCheck::kPages);
  ExpectChanged(MappingCheck::kContent);
}

TEST_F(MappingGuardTest, TheEndOfAPageThatTheFileLostIsNoticed) {
  Truncate("f", kFileSize - 100);
  EXPECT_EQ(Sum(*mapping_), kFileSize - 100) << "no signal for zeros in the last page";
  EXPECT_TRUE(mapping_->Check(MappingCheck::kPages).ok());
  ExpectChanged(MappingCheck::kSize);
}

TEST_F(MappingGuardTest, AFileCutAndGrownAgainIsNoticed) {
  Truncate("f", kPage);
  Truncate("f", kFileSize);
  EXPECT_EQ(Sum(*mapping_), kPage);
  EXPECT_TRUE(mapping_->Check(MappingCheck::kPages).ok());
  EXPECT_TRUE(mapping_->Check(MappingCheck::kSize).ok());
  ExpectChanged(MappingCheck::kContent);
}

TEST_F(MappingGuardTest, DamageStaysWhenTheFileComesBack) {
  Truncate("f", 0);
  EXPECT_EQ(Sum(*mapping_), 0u);
  Alter([](int fd) {
    const base::Bytes ones(kFileSize, std::byte{1});
    EXPECT_EQ(pwrite(fd, ones.data(), ones.size(), 0), static_cast<ssize_t>(ones.size()));
  });
  ExpectChanged(MappingCheck::kPages);
}

TEST_F(MappingGuardTest, AHoleIsNoticed) {
  Alter([](int fd) {
    EXPECT_EQ(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kPage, kPage), 0);
  });
  EXPECT_EQ(Sum(*mapping_), kFileSize - kPage);
  ExpectChanged(MappingCheck::kContent);
}

TEST_F(MappingGuardTest, OverwrittenBytesAreNoticed) {
  Alter([](int fd) { EXPECT_EQ(pwrite(fd, "\2", 1, 5000), 1); });
  EXPECT_EQ(Sum(*mapping_), kFileSize + 1);
  EXPECT_TRUE(mapping_->Check(MappingCheck::kSize).ok()) << "what a journal asks for";
  ExpectChanged(MappingCheck::kContent);
}

TEST_F(MappingGuardTest, AFileThatGrewIsNoticed) {
  Alter([](int fd) { EXPECT_EQ(pwrite(fd, "more", 4, kFileSize), 4); });
  EXPECT_EQ(mapping_->bytes().size(), kFileSize);
  ExpectChanged(MappingCheck::kSize);
}

TEST_F(MappingGuardTest, NamesAndPermissionsAreNotTheFile) {
  const std::string path = folder_ / "f";
  ASSERT_EQ(link(path.c_str(), (folder_ / "link").c_str()), 0);
  ASSERT_EQ(chmod(path.c_str(), 0), 0);
  ASSERT_EQ(rename(path.c_str(), (folder_ / "g").c_str()), 0);
  Make("f", 10);
  ASSERT_EQ(unlink((folder_ / "g").c_str()), 0);
  EXPECT_EQ(Sum(*mapping_), kFileSize);
  EXPECT_TRUE(mapping_->Check(MappingCheck::kContent).ok());
}

TEST_F(MappingGuardTest, TellsFilesApart) {
  std::vector<std::unique_ptr<Mapping>> mappings;
  for (int i = 0; i < 200; ++i) mappings.push_back(Make(std::to_string(i), kPage + 1));
  for (int i = 0; i < 200; i += 3) Truncate(std::to_string(i), 0);
  for (int i = 1; i < 200; i += 4) mappings[static_cast<size_t>(i)].reset();
  for (int i = 0; i < 200; ++i) {
    const auto& mapping = mappings[static_cast<size_t>(i)];
    if (mapping == nullptr) continue;
    EXPECT_EQ(Sum(*mapping), i % 3 == 0 ? 0 : kPage + 1) << i;
    EXPECT_EQ(mapping->Check(MappingCheck::kPages).ok(), i % 3 != 0) << i;
  }
}

TEST_F(MappingGuardTest, APlaceFreedIsAsNew) {
  for (int i = 0; i < 3; ++i) {
    mapping_ = Make("again" + std::to_string(i), kFileSize);
    EXPECT_TRUE(mapping_->Check(MappingCheck::kPages).ok());
    Truncate("again" + std::to_string(i), 0);
    EXPECT_EQ(Sum(*mapping_), 0u);
    EXPECT_FALSE(mapping_->Check(MappingCheck::kPages).ok());
  }
}

TEST_F(MappingGuardTest, ServesMoreRangesThanAProcessMayMap) {
  constexpr size_t kCount = 70'000;
  void* address =
      mmap(nullptr, kCount * kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(address, MAP_FAILED);
  {
    std::vector<MappingGuard> guards;
    for (size_t i = 0; i < kCount; ++i) {
      auto guard = MappingGuard::Make(static_cast<std::byte*>(address) + i * kPage, kPage);
      ASSERT_TRUE(guard.ok()) << guard.status().ToString();
      guards.push_back(*std::move(guard));
    }
    // One that was there before them, and one made after.
    const auto last = Make("last", kFileSize);
    Truncate("f", 0);
    Truncate("last", 0);
    EXPECT_EQ(Sum(*mapping_) + Sum(*last), 0u);
    EXPECT_FALSE(mapping_->Check(MappingCheck::kPages).ok());
    EXPECT_FALSE(last->Check(MappingCheck::kPages).ok());
    for (const MappingGuard& guard : guards) ASSERT_FALSE(guard.is_damaged());
  }
  munmap(address, kCount * kPage);
}

TEST_F(MappingGuardTest, ManyThreadsMayFaultMapAndUnmapAtOnce) {
  std::atomic<int> wrong{0};
  std::atomic<int> damaged{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        const std::string name = std::to_string(t) + "-" + std::to_string(i);
        const auto mapping = Make(name, kFileSize);
        std::thread cut([&] { Truncate(name, kPage); });
        std::thread reader([&] { static_cast<void>(Sum(*mapping)); });
        const size_t sum = Sum(*mapping);
        const bool is_whole = mapping->Check(MappingCheck::kContent).ok();
        if (is_whole && sum != kFileSize) ++wrong;
        if (!is_whole) ++damaged;
        cut.join();
        reader.join();
        static_cast<void>(Sum(*mapping));  // Comes to a missing page, if nobody did before.
        if (Sum(*mapping) != 0 || mapping->Check(MappingCheck::kPages).ok()) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  std::printf("400 files cut under their readers, %d noticed at the first look\n", damaged.load());
}

// Runs `body` in a child and gives its wait status.
template <typename Body>
int InChild(const Body& body) {
  const pid_t child = fork();
  if (child == 0) {
    body();
    _exit(0);
  }
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return status;
}

// Reads a page beyond the end of a mapped file that nobody guards.
void FaultUnguarded(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const void* address = mmap(nullptr, kPage, PROT_READ, MAP_SHARED, fd, 0);
  static_cast<void>(*static_cast<const volatile char*>(address));
}

TEST_F(MappingGuardTest, AForeignFaultEndsTheProcessAsWithoutUs) {
  const int status = InChild([&] {
    // Sanitizers have handlers of their own, which would report.
    signal(SIGBUS, SIG_DFL);
    FaultUnguarded(folder_ / "foreign");
  });
  EXPECT_TRUE(WIFSIGNALED(status));
  const int sent = InChild([&] { raise(SIGBUS); });
  // By the signal, or by what a sanitizer makes of it.
  EXPECT_TRUE(WIFSIGNALED(sent) || WEXITSTATUS(sent) != 0);
}

// The handler that a program had before: a child of this test is such a program when its first map
// comes after it, so the test runs itself again.
extern "C" void LeaveWith7(int, siginfo_t*, void*) { _exit(7); }
extern "C" void LeaveWith8(int) { _exit(8); }

// Only useful as a fresh process: see below.
TEST(MappingGuardFresh, DISABLED_HandlerWithInfo) {
  struct sigaction action {};
  action.sa_sigaction = LeaveWith7;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &action, nullptr);
  testing::TemporaryFolder folder;
  ASSERT_TRUE(RealFileSystem().Map("/proc/self/exe").ok());
  FaultUnguarded(folder / "foreign");
}

TEST(MappingGuardFresh, DISABLED_PlainHandler) {
  signal(SIGBUS, LeaveWith8);
  testing::TemporaryFolder folder;
  ASSERT_TRUE(RealFileSystem().Map("/proc/self/exe").ok());
  FaultUnguarded(folder / "foreign");
}

TEST(MappingGuardFresh, DISABLED_SentWhileIgnored) {
  signal(SIGBUS, SIG_IGN);
  ASSERT_TRUE(RealFileSystem().Map("/proc/self/exe").ok());
  raise(SIGBUS);
  _exit(9);
}

TEST_F(MappingGuardTest, AForeignFaultGoesToTheHandlerBefore) {
  const auto run = [](const char* name) {
    const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
    const std::string filter = std::string("--gtest_filter=MappingGuardFresh.DISABLED_") + name;
    const int status = InChild([&] {
      execl(self.c_str(), self.c_str(), filter.c_str(), "--gtest_also_run_disabled_tests", nullptr);
      _exit(99);
    });
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  };
  EXPECT_EQ(run("HandlerWithInfo"), 7);
  EXPECT_EQ(run("PlainHandler"), 8);
  EXPECT_EQ(run("SentWhileIgnored"), 9);
}

TEST(IsNetworkFileSystem, KnowsLocalOnes) {
  testing::TemporaryFolder folder;
  EXPECT_EQ(*IsNetworkFileSystem(folder.path()), false);
  EXPECT_EQ(*IsNetworkFileSystem("/proc"), false);
  EXPECT_EQ(IsNetworkFileSystem(folder / "none").code(), Code::kNotFound);
}

}  // namespace
}  // namespace intact::os
