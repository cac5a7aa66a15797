// intact gc: frees what no file uses any more.
#include "apps/cli/collection.h"
#include "apps/cli/command.h"
#include "apps/cli/commands.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"
#include "apps/cli/update.h"

namespace intact::cli {
namespace {

std::string CollectionAsJson(const engine::Place& place, const engine::GcReport& report,
                             bool is_dry_run) {
  JsonWriter json;
  json.PathField("root", place.root).PathField("store", place.store);
  json.Field("is_dry_run", is_dry_run).Field("vectors_removed", report.rows_removed);
  json.Field("versions_removed", report.versions_removed);
  json.Field("bytes_before", report.bytes_before).Field("bytes_after", report.bytes_after);
  return json.Finish();
}

void PrintCollection(Output& out, const engine::Place& place, const engine::GcReport& report,
                     bool is_dry_run) {
  out.Write(Printable(report.is_collection ? place.store : place.root), Paint::kPath);
  out.WriteLine((is_dry_run ? ": would remove " : ": removed ") +
                FormatCount(report.rows_removed, "unused vector") + " and " +
                FormatCount(report.versions_removed, "older version") + ", " +
                FormatBytes(report.bytes_before) + " -> " + (is_dry_run ? "about " : "") +
                FormatBytes(report.bytes_after) + (is_dry_run ? "; nothing was written" : ""));
}

}  // namespace

int RunGc(Context& context, const Arguments& arguments) {
  const std::string directory = arguments.Positional(0).value_or(".");
  int exit_code = kExitOk;
  const auto place = FindStore(context, arguments, directory, exit_code);
  if (!place) return exit_code;

  const bool is_dry_run = arguments.Has("dry-run");
  const bool keeps_versions = arguments.Has("keep-versions");
  if (!is_dry_run && context.is_interactive && !arguments.Has("yes") &&
      !Confirm(context,
               std::string("Remove unused vectors") +
                   (keeps_versions ? "" : " and older versions without a tag") + " from " +
                   (arguments.Has("store") ? place->store : "the index of " + place->root) + "?")) {
    PrintNote(context, "nothing was removed");
    return kExitOk;
  }
  const auto report = engine::CollectGarbage(*place, {.is_dry_run = is_dry_run,
                                                      .keeps_versions = keeps_versions,
                                                      .lock_wait_ms = LockWaitFrom(arguments)});
  if (!report.ok()) return ReportFailure(context, report.status(), kExitFailed);
  if (arguments.Has("json")) {
    context.out.Write(CollectionAsJson(*place, *report, is_dry_run));
  } else if (!arguments.Has("quiet")) {
    PrintCollection(context.out, *place, *report, is_dry_run);
  }
  return kExitOk;
}

}  // namespace intact::cli
