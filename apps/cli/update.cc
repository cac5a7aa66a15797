#include "apps/cli/update.h"

#include <algorithm>

#include "apps/cli/numbers.h"
#include "intact/os/os.h"

namespace intact::cli {
namespace {

constexpr size_t kProblemsShownMax = 20;
constexpr uint64_t kSecondsPerDay = 86400;

}  // namespace

base::Result<engine::IndexReport> UpdateWithProgress(Context& context, const engine::Place& place,
                                                     const UpdateOptions& options) {
  engine::IndexOptions index_options{.scope = options.scope,
                                     .thread_count = options.thread_count,
                                     .lock_wait_ms = options.lock_wait_ms};
  index_options.stop = &os::InstallInterruptFlag();
  Progress progress(context.err, context.clock,
                    ChooseProgressStyle(context.err, options.is_silent));
  return engine::UpdateIndex(place, index_options, [&](const engine::IndexProgress& at) {
    progress.Update({.verb = "indexing",
                     .noun = "file",
                     .items_done = at.files_done,
                     .items_total = at.files_total,
                     .bytes_done = at.bytes_done,
                     .bytes_total = at.bytes_total});
  });
}

int ReportUpdate(Context& context, const engine::IndexReport& report) {
  PrintProblems(context, report.problems,
                std::max<uint64_t>(report.files_failed, report.problems.size()), kProblemsShownMax);
  if (report.is_interrupted) {
    PrintNote(context, "stopped: " + FormatCount(report.files, "file") +
                           (report.files == 1 ? " is" : " are") +
                           " in the index; run the same command to go on");
    return kExitInterrupted;
  }
  return report.files_failed > 0 ? kExitFailed : kExitOk;
}

int64_t LockWaitFrom(const Arguments& arguments) {
  if (!arguments.Has("wait")) return 0;
  return static_cast<int64_t>(arguments.NumberOr("wait", kSecondsPerDay)) * 1000;
}

}  // namespace intact::cli
