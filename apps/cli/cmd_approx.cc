// intact approx: inverted lists for approximate search, made, extended or dropped.
#include "apps/cli/approx.h"
#include "apps/cli/collection.h"
#include "apps/cli/commands.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"
#include "apps/cli/update.h"
#include "apps/cli/upkeep.h"
#include "intact/os/os.h"

namespace intact::cli {
namespace {

std::string ReportAsJson(const engine::Place& place, const engine::ApproxReport& report) {
  JsonWriter json;
  json.PathField("store", place.store);
  json.Field("files_written", report.files_written).Field("files_removed", report.files_removed);
  json.Field("is_trained", report.is_trained).Field("seconds", report.seconds);
  WriteApproxStatus(json, report.status);
  return json.Finish();
}

void PrintReport(Context& context, const engine::Place& place, const engine::ApproxReport& report) {
  context.out.Write(Printable(place.store), Paint::kPath);
  if (!report.status.exists()) {
    context.out.WriteLine(": no segment is large enough to gain from lists; searches stay exact");
    return;
  }
  context.out.WriteLine(": " + DescribeApprox(report.status));
  const std::string done = report.files_written == 0
                               ? "nothing to do"
                               : std::string(report.is_trained ? "trained, " : "") +
                                     FormatCount(report.files_written, "file") + " written in " +
                                     FormatSeconds(report.seconds);
  context.out.WriteLine(done + ", " + FormatBytes(report.status.bytes) + " in all");
}

int Drop(Context& context, const Arguments& arguments, const engine::Place& place) {
  const auto bytes = engine::DropApprox(place, LockWaitFrom(arguments));
  if (!bytes.ok()) return ReportUpkeepFailure(context, bytes.status(), place.store);
  if (arguments.Has("json")) {
    JsonWriter json;
    json.PathField("store", place.store).Field("bytes_freed", *bytes);
    context.out.Write(json.Finish());
  } else if (!arguments.Has("quiet")) {
    context.out.Write(Printable(place.store), Paint::kPath);
    context.out.WriteLine(": " + FormatBytes(*bytes) + " freed; searches are exact");
  }
  return kExitOk;
}

}  // namespace

int RunApprox(Context& context, const Arguments& arguments) {
  if (arguments.Has("drop") && (arguments.Has("retrain") || arguments.Has("lists"))) {
    return ReportUsage(context, arguments.command(),
                       "--drop removes what --retrain and --lists would make");
  }
  int exit_code = kExitOk;
  const auto place =
      FindStore(context, arguments, arguments.Positional(0).value_or("."), exit_code);
  if (!place) return exit_code;
  if (arguments.Has("drop")) return Drop(context, arguments, *place);

  const bool is_silent = arguments.Has("quiet") || arguments.Has("json");
  Progress progress(context.err, context.clock, ChooseProgressStyle(context.err, is_silent));
  engine::ApproxOptions options;
  options.list_count = arguments.NumberOr("lists", 0);
  options.retrains = arguments.Has("retrain");
  options.thread_count = static_cast<unsigned>(arguments.NumberOr("threads", 0));
  options.lock_wait_ms = LockWaitFrom(arguments);
  options.stop = &os::InstallInterruptFlag();
  options.progress = [&](const engine::ApproxProgress& now) {
    progress.Update(
        {.verb = now.verb, .noun = "row", .items_done = now.done, .items_total = now.total});
  };
  const auto report = engine::BuildApprox(*place, options);
  progress.Clear();
  if (report.code() == base::Code::kCancelled) {
    PrintNote(context, report.status().message());
    return kExitInterrupted;
  }
  if (!report.ok()) return ReportUpkeepFailure(context, report.status(), place->store);
  if (arguments.Has("json")) {
    context.out.Write(ReportAsJson(*place, *report));
  } else if (!arguments.Has("quiet")) {
    PrintReport(context, *place, *report);
  }
  for (const std::string& problem : report->status.problems) PrintNote(context, problem);
  return kExitOk;
}

}  // namespace intact::cli
