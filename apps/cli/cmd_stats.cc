// intact stats: what a store takes on disk, part by part.
#include <algorithm>
#include <limits>

#include "apps/cli/approx.h"
#include "apps/cli/collection.h"
#include "apps/cli/commands.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"

namespace intact::cli {
namespace {

constexpr size_t kNameWidth = 17;

double Percent(uint64_t part, uint64_t whole) {
  // Nothing to compare with: "-" for people, null in JSON.
  if (whole == 0) return std::numeric_limits<double>::quiet_NaN();
  return 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

void PrintLine(Output& out, std::string_view name, const std::string& value) {
  out.WriteName(name, kNameWidth);
  out.WriteLine(Printable(value));
}

void PrintBytes(Output& out, std::string_view name, uint64_t bytes, uint64_t raw) {
  constexpr size_t kBytesWidth = 9;
  const std::string text = FormatBytes(bytes);
  const std::string percent = FormatFixed(Percent(bytes, raw), 1) + " %";
  out.WriteName(name, kNameWidth);
  out.WriteLine(AlignRight(text, kBytesWidth) + AlignRight(percent, kBytesWidth));
}

void PrintStats(Output& out, const engine::StatsReport& report) {
  PrintLine(out, "store", report.store);
  PrintLine(out, "kind", report.is_collection ? "collection of given vectors" : "index of files");
  PrintLine(out, "model", report.model);
  PrintLine(out, "metric", report.metric);
  PrintLine(out, report.is_collection ? "records" : "vectors",
            FormatCount(report.rows) + " of " + FormatCount(report.dimensions, "dimension") + ", " +
                report.element);
  if (report.rows_superseded > 0) {
    PrintLine(
        out, "replaced",
        FormatCount(report.rows_superseded, "older row") + ", still stored: intact gc frees them");
  }
  PrintLine(out, "version",
            FormatCount(report.version) + " in " + FormatCount(report.segments, "segment") + "; " +
                FormatCount(report.versions, "version") + " kept");
  if (report.approx.exists()) PrintLine(out, "approximate", DescribeApprox(report.approx));
  PrintBytes(out, "raw float32", report.raw_bytes, report.raw_bytes);
  PrintBytes(out, "stored", report.stored_bytes, report.raw_bytes);
  for (const auto& [name, bytes] : report.parts) {
    PrintBytes(out, "  " + name, bytes, report.raw_bytes);
  }
}

std::string StatsAsJson(const engine::StatsReport& report) {
  JsonWriter json;
  json.PathField("store", report.store);
  json.Field("kind", report.is_collection ? "collection" : "index");
  json.Field("model", report.model).Field("metric", report.metric);
  json.Field("rows", report.rows).Field("rows_superseded", report.rows_superseded);
  json.Field("dimensions", report.dimensions).Field("element_type", report.element);
  json.Field("version", report.version).Field("versions", report.versions);
  json.Field("segments", report.segments);
  json.Field("raw_bytes", report.raw_bytes).Field("given_bytes", report.given_bytes);
  json.Field("stored_bytes", report.stored_bytes);
  json.Field("stored_percent", Percent(report.stored_bytes, report.raw_bytes));
  json.Key("components").BeginArray();
  for (const auto& [name, bytes] : report.parts) {
    json.BeginObject().Field("name", name).Field("bytes", bytes);
    json.Field("percent", Percent(bytes, report.raw_bytes)).EndObject();
  }
  json.EndArray();
  WriteApproxStatus(json, report.approx);
  return json.Finish();
}

}  // namespace

int RunStats(Context& context, const Arguments& arguments) {
  const std::string directory = arguments.Positional(0).value_or(".");
  int exit_code = kExitOk;
  const auto place = FindStore(context, arguments, directory, exit_code);
  if (!place) return exit_code;
  const auto report = engine::ReadStats(place->store, VersionFrom(arguments));
  if (!report.ok()) {
    return ReportCollectionFailure(context, report.status(), place->store,
                                   arguments.Has("at") ? kExitUsage : kExitNoIndex);
  }
  if (arguments.Has("json")) {
    context.out.Write(StatsAsJson(*report));
  } else {
    PrintStats(context.out, *report);
  }
  return kExitOk;
}

}  // namespace intact::cli
