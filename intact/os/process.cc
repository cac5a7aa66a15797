#include "intact/os/process.h"

#include <malloc.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace intact::os {
namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "set from a signal handler");

void OnInterrupt(int) {
  if (interrupted.exchange(true)) _exit(130);
}

}  // namespace

std::optional<std::string> Environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

std::string HomeDirectory() { return Environment("HOME").value_or("/"); }

MemoryUse CurrentMemoryUse() {
  MemoryUse use;
  std::FILE* status = std::fopen("/proc/self/status", "re");
  if (status == nullptr) return use;
  char line[256];
  while (std::fgets(line, sizeof(line), status) != nullptr) {
    const auto value = [&](const char* name, uint64_t& target) {
      const size_t size = std::strlen(name);
      if (std::strncmp(line, name, size) == 0)
        target = std::strtoull(line + size, nullptr, 10) * 1024;
    };
    value("VmRSS:", use.resident);
    value("VmHWM:", use.resident_peak);
    value("RssAnon:", use.anonymous);
  }
  std::fclose(status);
  return use;
}

void ReleaseFreeMemory() {
#if defined(__GLIBC__)
  malloc_trim(0);
#endif
}

void PrepareProcess() {
  std::signal(SIGXFSZ, SIG_IGN);
#if defined(__GLIBC__)
  constexpr int kLargeBytes = 256 * 1024;
  mallopt(M_MMAP_THRESHOLD, kLargeBytes);  // Setting it also ends its growth.
  mallopt(M_TRIM_THRESHOLD, 2 * kLargeBytes);
#endif
}

unsigned ProcessorCount() { return std::max(1u, std::thread::hardware_concurrency()); }

unsigned ThreadCountOr(unsigned wanted) {
  return wanted > 0 ? wanted : std::min(8u, ProcessorCount());
}

bool IsTerminal(int descriptor) { return isatty(descriptor) == 1; }

int TerminalWidth(int descriptor, int otherwise) {
  winsize size{};
  if (ioctl(descriptor, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return otherwise;
  return size.ws_col;
}

const std::atomic<bool>& InstallInterruptFlag() {
  struct sigaction action {};
  action.sa_handler = OnInterrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, nullptr);
  return interrupted;
}

uint64_t ProcessId() { return static_cast<uint64_t>(getpid()); }

}  // namespace intact::os
