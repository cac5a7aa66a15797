// intact status: what an index holds and what its last run did.
#include "apps/cli/approx.h"
#include "apps/cli/command.h"
#include "apps/cli/commands.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"

namespace intact::cli {
namespace {

// A table of two columns.
class Rows {
 public:
  explicit Rows(Output& out) : out_(out) {}

  void Add(std::string_view name, const std::string& value, Paint paint = Paint::kPlain) {
    constexpr size_t kNameWidth = 17;
    out_.Write(name, Paint::kName);
    out_.Write(std::string(name.size() < kNameWidth ? kNameWidth - name.size() : 1, ' '));
    out_.Write(Printable(value), paint);
    out_.WriteLine("");
  }

 private:
  Output& out_;
};

std::string DescribeTime(int64_t wall_ns, int64_t now_ns) {
  if (wall_ns == 0) return "never";
  return FormatTimestamp(wall_ns) + " (" + FormatAge(wall_ns, now_ns) + ")";
}

std::string DescribeLastRun(const engine::StatusReport& report) {
  std::string text = FormatCount(report.chunks_embedded, "chunk") + " embedded, " +
                     FormatCount(report.chunks_reused) + " reused, " +
                     FormatCount(report.files_failed, "file") + " failed";
  if (report.is_interrupted) text += "; stopped before it had seen every file: run intact index";
  return text;
}

std::string DescribeVectors(const engine::StatusReport& report) {
  std::string text =
      FormatCount(report.vectors) + " of " + FormatCount(report.dimensions, "dimension");
  if (report.vectors_unused > 0) {
    text += ", " + FormatCount(report.vectors_unused) + " of them unused: intact gc frees them";
  }
  return text;
}

void PrintStatus(Context& context, const engine::StatusReport& report) {
  const int64_t now_ns = context.clock.wall_ns();
  Rows rows(context.out);
  rows.Add("root", report.root, Paint::kPath);
  rows.Add("store", report.store);
  rows.Add("model", report.model);
  rows.Add("version", FormatCount(report.version) + " in " +
                          FormatCount(report.segments, "segment") + ", committed " +
                          DescribeTime(report.committed_ns, now_ns));
  rows.Add("last run", DescribeTime(report.indexed_ns, now_ns));
  rows.Add("", DescribeLastRun(report),
           report.files_failed > 0 || report.is_interrupted ? Paint::kWarning : Paint::kPlain);
  rows.Add("files", FormatCount(report.files) + ", " + FormatBytes(report.source_bytes));
  rows.Add("skipped", report.skipped.empty() ? "none" : JoinReasons(report.skipped));
  rows.Add("chunks", FormatCount(report.chunks));
  rows.Add("vectors", DescribeVectors(report));
  if (report.approx.exists()) rows.Add("approximate", DescribeApprox(report.approx));
  rows.Add("raw", FormatBytes(report.raw_bytes) + " as float32");
  rows.Add("stored", FormatBytes(report.stored_bytes) + " in all files of the store");
  for (const auto& [part, bytes] : report.stored_by_part) {
    rows.Add("  " + part, FormatBytes(bytes));
  }
}

std::string StatusAsJson(const engine::StatusReport& report) {
  JsonWriter json;
  json.PathField("root", report.root).PathField("store", report.store);
  json.Field("model", report.model).Field("dimensions", report.dimensions);
  json.Field("version", report.version).Field("segments", report.segments);
  json.Field("committed_at", FormatTimestamp(report.committed_ns));
  json.Field("indexed_at", FormatTimestamp(report.indexed_ns));
  json.Field("files", report.files).Field("chunks", report.chunks);
  json.Field("vectors", report.vectors).Field("vectors_unused", report.vectors_unused);
  json.Field("files_failed", report.files_failed);
  json.Field("chunks_embedded", report.chunks_embedded);
  json.Field("chunks_reused", report.chunks_reused);
  json.Field("is_interrupted", report.is_interrupted);
  json.Field("source_bytes", report.source_bytes).Field("raw_bytes", report.raw_bytes);
  json.Field("stored_bytes", report.stored_bytes);
  json.Key("stored_by_part").BeginArray();
  for (const auto& [part, bytes] : report.stored_by_part) {
    json.BeginObject().Field("part", part).Field("bytes", bytes).EndObject();
  }
  json.EndArray();
  WriteApproxStatus(json, report.approx);
  WriteSkipped(json, report.skipped);
  WriteProblems(json, report.problems);
  return json.Finish();
}

}  // namespace

int RunStatus(Context& context, const Arguments& arguments) {
  const std::string directory = arguments.Positional(0).value_or(".");
  auto place = LocatePlace(arguments, directory, true);
  if (!place.ok()) return ReportFailure(context, place.status());
  place->version = arguments.Text("at").value_or("");
  if (!place->exists) return ReportNoIndex(context, directory);
  const auto report = engine::ReadStatus(*place);
  if (!report.ok()) return ReportFailure(context, report.status(), kExitFailed);
  if (arguments.Has("json")) {
    context.out.Write(StatusAsJson(*report));
    return kExitOk;
  }
  PrintStatus(context, *report);
  PrintProblems(context, report->problems, report->problems.size(), report->problems.size());
  return kExitOk;
}

}  // namespace intact::cli
