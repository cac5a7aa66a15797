// The program `intact`: hands the process to cli::Run. The one place that knows of standard
// streams.
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <new>
#include <string_view>
#include <vector>

#include "apps/cli/cli.h"
#include "intact/os/os.h"

namespace intact::cli {
namespace {

constexpr int kInput = 0;
constexpr int kOutput = 1;
constexpr int kError = 2;
constexpr int kWidthElsewhere = 80;

int Main(std::span<char*> values) {
  os::PrepareProcess();
  std::vector<std::string_view> words;
  for (const char* value : values) words.emplace_back(value);
  if (!words.empty()) words.erase(words.begin());

  Output out(stdout, os::IsTerminal(kOutput), os::TerminalWidth(kOutput, kWidthElsewhere));
  Output err(stderr, os::IsTerminal(kError), os::TerminalWidth(kError, kWidthElsewhere));
  Context context{.out = out,
                  .err = err,
                  .clock = os::RealClock(),
                  .in = stdin,
                  .is_interactive = os::IsTerminal(kInput) && os::IsTerminal(kError)};
  const int exit_code = Run(context, words);
  if (out.error() == EPIPE) return kExitBrokenPipe;
  if (out.error() == 0) return exit_code;
  PrintError(context, std::string("cannot write the output: ") + std::strerror(out.error()));
  return kExitFailed;
}

}  // namespace
}  // namespace intact::cli

int main(int argc, char** argv) {
  try {
    return intact::cli::Main({argv, static_cast<size_t>(argc)});
  } catch (const std::bad_alloc&) {
    static_cast<void>(std::fputs("error: out of memory\n", stderr));
    return intact::cli::kExitFailed;
  }
}
