// intact backup: a consistent copy of a store.
#include "apps/cli/commands.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"
#include "apps/cli/upkeep.h"
#include "intact/os/os.h"

namespace intact::cli {
namespace {

std::string BackupAsJson(const engine::Place& place, const std::string& target,
                         const engine::BackupReport& report) {
  JsonWriter json;
  json.PathField("store", place.store).PathField("out", target);
  json.Field("version", report.version).Field("versions", report.versions);
  json.Field("segments", report.segments).Field("rows", report.rows);
  json.Field("bytes", report.bytes).Field("tags_left_out", report.tags_left_out);
  return json.Finish();
}

}  // namespace

int RunBackup(Context& context, const Arguments& arguments) {
  int exit_code = kExitOk;
  const auto place = FindDamagedStore(context, arguments, 1, exit_code);
  if (!place) return exit_code;
  const std::string target = *arguments.Positional(0);
  const bool is_silent = arguments.Has("quiet") || arguments.Has("json");
  Progress progress(context.err, context.clock, ChooseProgressStyle(context.err, is_silent));
  engine::UpkeepOptions options;
  options.stop = &os::InstallInterruptFlag();
  options.progress = [&](uint64_t done, uint64_t total) {
    progress.UpdateBytes("copying", done, total);
  };
  const auto report = engine::BackupPlace(*place, target, arguments.Has("all-versions"), options);
  progress.Clear();
  if (!report.ok()) return ReportUpkeepFailure(context, report.status(), place->store);
  if (arguments.Has("json")) {
    context.out.Write(BackupAsJson(*place, target, *report));
    return kExitOk;
  }
  if (arguments.Has("quiet")) return kExitOk;
  context.out.Write(Printable(target), Paint::kPath);
  context.out.WriteLine(
      ": version " + FormatCount(report->version) +
      (report->versions > 1 ? " and " + FormatCount(report->versions - 1, "older version") : "") +
      ", " + FormatCount(report->rows, "row") + ", " + FormatBytes(report->bytes) +
      ", every checksum compared");
  if (report->tags_left_out > 0) {
    PrintNote(context, FormatCount(report->tags_left_out, "tag") +
                           " of older versions left out: --all-versions takes them along");
  }
  return kExitOk;
}

}  // namespace intact::cli
