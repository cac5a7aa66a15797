// intact diff: what differs between two versions.
#include "apps/cli/collection.h"
#include "apps/cli/commands.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"
#include "apps/cli/version_text.h"

namespace intact::cli {
namespace {

constexpr uint64_t kLimitDefault = 100;

uint64_t TotalOf(const engine::DiffReport& report) {
  return report.added + report.removed + report.changed;
}

std::string DiffAsJson(const std::string& store, const engine::DiffReport& report) {
  JsonWriter json;
  json.PathField("store", store).Field("kind", engine::StoreKindName(report.kind));
  json.Field("older_version", report.older_version).Field("newer_version", report.newer_version);
  json.Field("added", report.added).Field("removed", report.removed);
  json.Field("changed", report.changed);
  json.Field("chunks_added", report.chunks_added).Field("chunks_removed", report.chunks_removed);
  json.Field("is_complete", report.entries.size() == TotalOf(report));
  json.Key("entries").BeginArray();
  for (const engine::DiffEntry& entry : report.entries) {
    json.BeginObject().Field("difference", engine::VersionDifferenceName(entry.difference));
    json.PathField("name", entry.name);
    if (report.kind == engine::StoreKind::kIndex) {
      json.Field("chunks_added", entry.chunks_added);
      json.Field("chunks_removed", entry.chunks_removed);
    }
    json.EndObject();
  }
  json.EndArray();
  return json.Finish();
}

void PrintDiff(Output& out, const engine::DiffReport& report) {
  const bool is_index = report.kind == engine::StoreKind::kIndex;
  for (const engine::DiffEntry& entry : report.entries) {
    constexpr std::string_view kMarks[] = {"+ ", "- ", "~ "};
    out.Write(kMarks[static_cast<size_t>(entry.difference)], Paint::kName);
    out.Write(Printable(entry.name), Paint::kPath);
    if (is_index) {
      out.Write("  " + FormatCount(entry.chunks_added, "chunk") + " new, " +
                    FormatCount(entry.chunks_removed) + " gone",
                Paint::kFaint);
    }
    out.WriteLine("");
  }
  if (TotalOf(report) > report.entries.size()) {
    out.WriteLine("... and " + FormatCount(TotalOf(report) - report.entries.size()) +
                  " more: --limit shows them");
  }
  out.WriteLine("version " + std::to_string(report.older_version) + " -> " +
                std::to_string(report.newer_version) + ": " + FormatCount(report.added) +
                " added, " + FormatCount(report.removed) + " removed, " +
                FormatCount(report.changed) + " changed" +
                (is_index ? "; " + FormatCount(report.chunks_added, "chunk") + " new, " +
                                FormatCount(report.chunks_removed) + " gone"
                          : ""));
}

}  // namespace

int RunDiff(Context& context, const Arguments& arguments) {
  int exit_code = kExitOk;
  const auto place = FindStore(context, arguments, arguments.Text("dir").value_or("."), exit_code);
  if (!place) return exit_code;
  engine::DiffRequest request;
  request.store = place->store;
  request.older = *arguments.Positional(0);
  request.newer = arguments.Positional(1).value_or("");
  request.entries_max = arguments.NumberOr("limit", kLimitDefault);
  const auto report = engine::DiffVersions(request);
  if (!report.ok()) {
    return ReportCollectionFailure(context, report.status(), place->store, kExitUsage);
  }
  if (arguments.Has("json")) {
    context.out.Write(DiffAsJson(place->store, *report));
  } else {
    PrintDiff(context.out, *report);
  }
  return kExitOk;
}

}  // namespace intact::cli
