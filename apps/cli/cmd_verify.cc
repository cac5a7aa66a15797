// intact verify: checks every bit of an index.
#include "apps/cli/command.h"
#include "apps/cli/commands.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"

namespace intact::cli {
namespace {

std::string VerificationAsJson(const engine::Place& place, const engine::VerifyReport& report,
                               bool is_fast) {
  JsonWriter json;
  json.PathField("root", place.root).PathField("store", place.store);
  json.Field("is_intact", report.problems.empty()).Field("is_fast", is_fast);
  json.Field("files", report.files).Field("sections", report.sections);
  json.Field("vectors", report.rows).Field("bytes", report.bytes);
  json.Field("seconds", report.seconds);
  WriteProblems(json, report.problems);
  WriteProblems(json, report.approx_problems, "approx_problems");
  return json.Finish();
}

void PrintVerification(Output& out, const engine::Place& place,
                       const engine::VerifyReport& report) {
  const bool is_intact = report.problems.empty();
  out.Write(Printable(place.store), Paint::kPath);
  out.Write(": ");
  out.Write(is_intact ? "intact" : "damaged", is_intact ? Paint::kGood : Paint::kError);
  out.WriteLine(", " + FormatCount(report.files, "file") + ", " +
                FormatCount(report.sections, "checksum") + ", " +
                FormatCount(report.rows, "vector") + ", " + FormatBytes(report.bytes) + ", " +
                FormatSeconds(report.seconds));
  for (const auto& [path, message] : report.problems) {
    out.WriteLine("  " + Printable(path) + ": " + Printable(message));
  }
}

}  // namespace

int RunVerify(Context& context, const Arguments& arguments) {
  const std::string directory = arguments.Positional(0).value_or(".");
  const auto place = LocatePlace(arguments, directory, true);
  if (!place.ok()) return ReportFailure(context, place.status());
  if (!place->exists) return ReportNoIndex(context, directory);

  const bool is_silent = arguments.Has("quiet") || arguments.Has("json");
  Progress progress(context.err, context.clock, ChooseProgressStyle(context.err, is_silent));
  const auto show = [&](uint64_t done, uint64_t total) {
    progress.UpdateBytes("verifying", done, total);
  };
  const auto report = engine::VerifyIndex(*place, show, arguments.Has("fast"));
  progress.Clear();
  if (!report.ok()) return ReportFailure(context, report.status(), kExitFailed);
  if (arguments.Has("json")) {
    context.out.Write(VerificationAsJson(*place, *report, arguments.Has("fast")));
  } else if (!arguments.Has("quiet") || !report->problems.empty()) {
    PrintVerification(context.out, *place, *report);
  }
  for (const auto& [path, message] : report->approx_problems) {
    PrintNote(
        context,
        message +
            "; nothing is lost: exact searches do not read it, and intact approx makes it anew");
  }
  if (report->problems.empty()) return kExitOk;
  PrintNote(context, "What it means, and repairing it: intact doctor --store " +
                         PathForPeople(place->store));
  PrintNote(context, report->is_collection
                         ? "To begin again, remove the store and import its files again."
                         : "To begin again, remove the store, then run intact index.");
  return kExitFailed;
}

}  // namespace intact::cli
