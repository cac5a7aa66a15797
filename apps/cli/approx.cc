#include "apps/cli/approx.h"

#include "apps/cli/numbers.h"
#include "apps/cli/text.h"

namespace intact::cli {

std::string DescribeApprox(const engine::ApproxStatus& status) {
  const double percent = status.rows == 0 ? 0.0
                                          : 100.0 * static_cast<double>(status.rows_covered) /
                                                static_cast<double>(status.rows);
  return FormatFixed(percent, 0) + " % of " + FormatCount(status.rows, "row") + " in " +
         FormatCount(status.lists, "list") + "; " + FormatCount(status.probes, "probe") +
         " found " + FormatFixed(status.recall, 4) + " of the " + FormatCount(status.k) +
         " nearest (" + FormatCount(status.sample_size) + " rows asked)";
}

namespace {

void WriteProblemTexts(JsonWriter& json, const std::vector<std::string>& problems) {
  json.Key("problems").BeginArray();
  for (const std::string& problem : problems) json.Value(problem);
  json.EndArray();
}

}  // namespace

void WriteApproxStatus(JsonWriter& json, const engine::ApproxStatus& status) {
  json.Key("approximate");
  if (!status.exists() && status.problems.empty()) {
    json.Null();
    return;
  }
  json.BeginObject().Field("rows", status.rows).Field("rows_covered", status.rows_covered);
  json.Field("segments", status.segments).Field("segments_covered", status.segments_covered);
  json.Field("lists", status.lists).Field("rows_trained", status.rows_trained);
  json.Field("bytes", status.bytes).Field("probes", status.probes);
  json.Field("k", status.k).Field("recall", status.recall);
  json.Field("sample_size", status.sample_size);
  json.Key("recall_by_probes").BeginArray();
  for (const auto& [probes, recall] : status.recall_by_probes) {
    json.BeginObject().Field("probes", probes).Field("recall", recall).EndObject();
  }
  json.EndArray();
  WriteProblemTexts(json, status.problems);
  json.EndObject();
}

std::string FindApproxMistake(const Arguments& arguments) {
  return arguments.Has("probes") && !arguments.Has("approximate") ? "--probes needs --approximate"
                                                                  : "";
}

void WriteApproxAnswer(JsonWriter& json, const engine::ApproxAnswer& answer) {
  json.Field("is_approximate", answer.is_approximate).Field("probes", answer.probes);
  WriteProblemTexts(json, answer.problems);
}

void PrintApproxAnswer(Context& context, const engine::ApproxAnswer& answer) {
  for (const std::string& problem : answer.problems) PrintNote(context, problem);
  PrintNote(context, answer.is_approximate
                         ? "approximate results: the nearest " +
                               FormatCount(answer.probes, "list") + " of each segment were searched"
                         : "exact results: no list was left out");
}

}  // namespace intact::cli
