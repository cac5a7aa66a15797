// intact index: brings an index up to date, or says what that would take.
#include <algorithm>

#include "apps/cli/command.h"
#include "apps/cli/commands.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"
#include "apps/cli/update.h"
#include "intact/os/os.h"

namespace intact::cli {
namespace {

using base::Result;

// The named folder itself; without a name, a parent's index that covers the current folder goes
// first.
Result<engine::Place> LocateForIndex(Context& context, const Arguments& arguments) {
  const auto directory = arguments.Positional(0);
  INTACT_ASSIGN_OR_RETURN(engine::Place around,
                          LocatePlace(arguments, directory.value_or("."), true));
  const bool is_parent = around.exists && !around.folder.empty();
  if (!directory) {
    if (is_parent) {
      PrintNote(context, "Updating the index of " + around.root +
                             ", which covers this folder. Name the folder to index it alone: "
                             "intact index .");
    }
    // The whole index is updated, whatever part of it this folder is.
    around.folder.clear();
    if (around.exists) return around;
  }
  INTACT_ASSIGN_OR_RETURN(engine::Place place,
                          LocatePlace(arguments, directory.value_or("."), false));
  if (is_parent && !place.exists) {
    PrintNote(context, "Note: the index of " + around.root +
                           " covers this folder already; this makes another one.");
  }
  return place;
}

std::string StateOf(const engine::IndexReport& report) {
  if (report.is_interrupted) return "stopped";
  const bool is_unchanged = report.files_indexed == 0 && report.files_removed == 0;
  return is_unchanged && report.files_failed == 0 ? "up to date" : "indexed";
}

void PrintRow(Output& out, std::string_view name, const std::string& value) {
  constexpr size_t kNameWidth = 11;
  out.Write("  ");
  out.Write(name, Paint::kName);
  out.Write(std::string(kNameWidth - name.size(), ' '));
  out.WriteLine(value);
}

void PrintReport(Output& out, const engine::Place& place, const engine::IndexReport& report) {
  out.Write(Printable(place.root), Paint::kPath);
  out.WriteLine(": " + StateOf(report) + ", " + FormatCount(report.files, "file") + ", " +
                FormatCount(report.chunks, "chunk") + ", " + FormatSeconds(report.seconds));
  if (report.files_indexed > 0) {
    PrintRow(out, "indexed",
             FormatCount(report.files_indexed, "file") + ", " + FormatBytes(report.bytes_read) +
                 ", " + FormatRate(report.bytes_read, report.seconds));
    PrintRow(out, "chunks",
             FormatCount(report.chunks_embedded) + " embedded, " +
                 FormatCount(report.chunks_reused) + " reused");
  }
  if (report.files_unchanged > 0) {
    PrintRow(out, "unchanged", FormatCount(report.files_unchanged, "file"));
  }
  if (report.files_removed > 0) {
    PrintRow(out, "removed", FormatCount(report.files_removed, "file"));
  }
  if (!report.skipped.empty()) PrintRow(out, "skipped", JoinReasons(report.skipped));
  if (report.files_failed > 0) {
    PrintRow(out, "failed", FormatCount(report.files_failed, "file"));
  }
}

std::string ReportAsJson(const engine::Place& place, const engine::IndexReport& report) {
  JsonWriter json;
  json.PathField("root", place.root).PathField("store", place.store);
  json.Field("version", report.version);
  json.Field("files", report.files);
  json.Field("files_unchanged", report.files_unchanged);
  json.Field("files_indexed", report.files_indexed);
  json.Field("files_removed", report.files_removed);
  json.Field("files_failed", report.files_failed);
  json.Field("chunks", report.chunks);
  json.Field("chunks_embedded", report.chunks_embedded);
  json.Field("chunks_reused", report.chunks_reused);
  json.Field("bytes_read", report.bytes_read);
  json.Field("seconds", report.seconds);
  json.Field("is_interrupted", report.is_interrupted);
  WriteSkipped(json, report.skipped);
  WriteProblems(json, report.problems);
  return json.Finish();
}

void PrintPlan(Output& out, const engine::Place& place, const engine::IndexPlan& plan) {
  out.Write(Printable(place.root), Paint::kPath);
  out.WriteLine(": would read " + FormatCount(plan.files_to_read, "file") + ", " +
                FormatBytes(plan.bytes_to_read) + ", and embed " +
                FormatCount(plan.chunks_unknown) + " of " + FormatCount(plan.chunks, "chunk") +
                ", about " + FormatCount(plan.tokens_estimated, "token") + "; nothing was written");
  size_t reason_width = 0;
  for (const engine::PlanRule& rule : plan.rules) {
    reason_width = std::max(reason_width, rule.reason.size());
  }
  for (const engine::PlanRule& rule : plan.rules) {
    constexpr size_t kCountWidth = 10;
    out.Write(AlignRight(FormatCount(rule.files), kCountWidth) + "  ");
    out.Write(rule.reason, Paint::kName);
    std::string tail;
    if (!rule.rule.empty()) tail = Printable(rule.rule);
    if (rule.bytes > 0) tail += (tail.empty() ? "" : ", ") + FormatBytes(rule.bytes);
    if (!tail.empty()) out.Write(std::string(reason_width - rule.reason.size() + 2, ' ') + tail);
    out.WriteLine("");
  }
}

std::string PlanAsJson(const engine::Place& place, const engine::IndexPlan& plan) {
  JsonWriter json;
  json.PathField("root", place.root).PathField("store", place.store);
  json.Field("is_dry_run", true);
  json.Field("files_to_read", plan.files_to_read);
  json.Field("bytes_to_read", plan.bytes_to_read);
  json.Field("chunks", plan.chunks);
  json.Field("chunks_unknown", plan.chunks_unknown);
  json.Field("tokens_estimated", plan.tokens_estimated);
  json.Key("rules").BeginArray();
  for (const engine::PlanRule& rule : plan.rules) {
    json.BeginObject().Field("reason", rule.reason).Field("rule", rule.rule);
    json.Field("files", rule.files).Field("bytes", rule.bytes).EndObject();
  }
  json.EndArray();
  WriteProblems(json, plan.problems);
  return json.Finish();
}

int RunDryIndex(Context& context, const Arguments& arguments, const engine::Place& place) {
  engine::IndexOptions options{.scope = ScopeFrom(arguments)};
  options.thread_count = static_cast<unsigned>(arguments.NumberOr("threads", 0));
  const auto plan = engine::PlanIndex(place, options);
  if (!plan.ok()) return ReportFailure(context, plan.status(), kExitFailed);
  if (arguments.Has("json")) {
    context.out.Write(PlanAsJson(place, *plan));
  } else if (!arguments.Has("quiet")) {
    PrintPlan(context.out, place, *plan);
  }
  PrintProblems(context, plan->problems, plan->problems.size(), plan->problems.size());
  return plan->problems.empty() ? kExitOk : kExitFailed;
}

}  // namespace

int RunIndex(Context& context, const Arguments& arguments) {
  const auto place = LocateForIndex(context, arguments);
  if (!place.ok()) return ReportFailure(context, place.status());
  if (arguments.Has("dry-run")) return RunDryIndex(context, arguments, *place);

  UpdateOptions options{.scope = ScopeFrom(arguments), .lock_wait_ms = LockWaitFrom(arguments)};
  options.thread_count = static_cast<unsigned>(arguments.NumberOr("threads", 0));
  options.is_silent = arguments.Has("quiet") || arguments.Has("json");
  const auto report = UpdateWithProgress(context, *place, options);
  if (!report.ok()) return ReportFailure(context, report.status(), kExitFailed);
  if (arguments.Has("json")) {
    context.out.Write(ReportAsJson(*place, *report));
  } else if (!arguments.Has("quiet")) {
    PrintReport(context.out, *place, *report);
  }
  return ReportUpdate(context, *report);
}

}  // namespace intact::cli
