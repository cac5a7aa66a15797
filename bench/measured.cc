// Starts a command and writes what it cost to a file: measured REPORT COMMAND [ARGUMENT...].
// The report is one line: exit status, wall nanoseconds from before fork to after wait, user and
// system microseconds, peak resident KiB. Small on purpose: a process inherits its parent's peak
// until it has started, so a benchmark in Python would read its own size. Standalone: compiled by
// bench/cli_bench.py.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fputs("usage: measured REPORT COMMAND [ARGUMENT...]\n", stderr);
    return 2;
  }
  const auto start = std::chrono::steady_clock::now();
  const pid_t child = fork();
  if (child < 0) return 1;
  if (child == 0) {
    execvp(argv[2], argv + 2);
    _exit(127);
  }
  int status = 0;
  rusage usage{};
  if (wait4(child, &status, 0, &usage) != child) return 1;
  const auto elapsed = std::chrono::steady_clock::now() - start;
  const long long wall_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(elapsed).count();

  std::FILE* report = std::fopen(argv[1], "w");
  if (report == nullptr) return 1;
  const int exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  std::fprintf(report, "%d %lld %lld %lld %ld\n", exit_status, wall_ns,
               usage.ru_utime.tv_sec * 1000000LL + usage.ru_utime.tv_usec,
               usage.ru_stime.tv_sec * 1000000LL + usage.ru_stime.tv_usec, usage.ru_maxrss);
  return std::fclose(report) == 0 ? 0 : 1;
}
