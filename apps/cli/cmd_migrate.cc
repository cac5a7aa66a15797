// intact migrate: a store of an older format becomes one of the current.
#include "apps/cli/commands.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"
#include "apps/cli/update.h"
#include "apps/cli/upkeep.h"
#include "intact/os/os.h"

namespace intact::cli {
namespace {

std::string MigrationAsJson(const engine::Place& place, const engine::MigrateReport& report) {
  JsonWriter json;
  json.PathField("store", place.store).Field("was_current", report.was_current);
  json.Field("found_format", report.found_format).Field("format", report.format);
  json.Field("version", report.version).Field("segments", report.segments);
  json.Field("rows", report.rows);
  return json.Finish();
}

}  // namespace

int RunMigrate(Context& context, const Arguments& arguments) {
  if (const auto directory = arguments.Positional(0)) {
    const auto stat = os::StatPath(*directory, true);
    if (stat.ok() && stat->kind == os::EntryKind::kFile) {
      PrintError(context, *directory + " is a file; migrate renews stores");
      PrintNote(context, "Take vectors from a file into a collection: intact import " + *directory +
                             " --store PATH");
      return kExitUsage;
    }
  }
  int exit_code = kExitOk;
  const auto place = FindDamagedStore(context, arguments, 0, exit_code);
  if (!place) return exit_code;
  const bool is_silent = arguments.Has("quiet") || arguments.Has("json");
  Progress progress(context.err, context.clock, ChooseProgressStyle(context.err, is_silent));
  engine::UpkeepOptions options;
  options.lock_wait_ms = LockWaitFrom(arguments);
  options.progress = [&](uint64_t done, uint64_t total) {
    progress.UpdateBytes("verifying", done, total);
  };
  const auto report = engine::MigratePlace(*place, arguments.Has("keep"), options);
  progress.Clear();
  if (!report.ok()) return ReportUpkeepFailure(context, report.status(), place->store);
  if (arguments.Has("json")) {
    context.out.Write(MigrationAsJson(*place, *report));
    return kExitOk;
  }
  if (arguments.Has("quiet")) return kExitOk;
  context.out.Write(Printable(place->store), Paint::kPath);
  if (report->was_current) {
    context.out.WriteLine(": already at format " + report->format + "; nothing was written");
  } else {
    context.out.WriteLine(": from format " + report->found_format + " to " + report->format + ", " +
                          FormatCount(report->rows, "row") +
                          " written anew and read back, version " + FormatCount(report->version));
  }
  return kExitOk;
}

}  // namespace intact::cli
