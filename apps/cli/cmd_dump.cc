// intact dump: what the files of a store hold, field by field.
#include <algorithm>

#include "apps/cli/commands.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"
#include "apps/cli/upkeep.h"

namespace intact::cli {
namespace {

constexpr uint64_t kListDefault = 20;

std::string ValueText(const engine::DumpField& field) {
  if (const auto* number = std::get_if<uint64_t>(&field.value)) return std::to_string(*number);
  if (const auto* number = std::get_if<int64_t>(&field.value)) {
    return field.name.ends_with("_ns") ? FormatTimestamp(*number) : std::to_string(*number);
  }
  if (const auto* flag = std::get_if<bool>(&field.value)) return *flag ? "yes" : "no";
  return Printable(std::get<std::string>(field.value));
}

void PrintNode(Output& out, const engine::DumpNode& node, size_t indent) {
  out.Write(std::string(indent, ' '));
  out.Write(Printable(node.name), Paint::kName);
  std::string text;
  for (const engine::DumpField& field : node.fields) {
    text += (text.empty() ? ": " : ", ") + field.name + " " + ValueText(field);
  }
  out.WriteLine(text);
  if (!node.problem.empty()) {
    out.Write(std::string(indent + 2, ' '));
    out.Write("damaged: ", Paint::kError);
    out.WriteLine(Printable(node.problem));
  }
  for (const engine::DumpNode& part : node.parts) PrintNode(out, part, indent + 2);
}

void PrintDump(Output& out, const engine::DumpReport& report) {
  for (const engine::DumpList& list : report.lists) {
    out.Write(list.name, Paint::kTitle);
    out.WriteLine(" (" + FormatCount(list.count) +
                  (list.nodes.size() < list.count
                       ? ", " + FormatCount(list.nodes.size()) + " shown; --limit says how many)"
                       : ")"));
    for (const engine::DumpNode& node : list.nodes) PrintNode(out, node, 2);
  }
}

void WriteNode(JsonWriter& json, const engine::DumpNode& node) {
  json.BeginObject().Field("name", node.name);
  for (const engine::DumpField& field : node.fields) {
    json.Key(field.name);
    std::visit([&](const auto& value) { json.Value(value); }, field.value);
  }
  if (!node.problem.empty()) json.Field("problem", node.problem);
  if (!node.parts.empty()) {
    json.Key("parts").BeginArray();
    for (const engine::DumpNode& part : node.parts) WriteNode(json, part);
    json.EndArray();
  }
  json.EndObject();
}

std::string DumpAsJson(const engine::Place& place, const engine::DumpReport& report) {
  JsonWriter json;
  json.PathField("store", place.store).Field("version", report.version);
  for (const engine::DumpList& list : report.lists) {
    json.Key(list.name).BeginObject().Field("count", list.count).Key("entries").BeginArray();
    for (const engine::DumpNode& node : list.nodes) WriteNode(json, node);
    json.EndArray().EndObject();
  }
  return json.Finish();
}

}  // namespace

int RunDump(Context& context, const Arguments& arguments) {
  int exit_code = kExitOk;
  const auto place = FindDamagedStore(context, arguments, 0, exit_code);
  if (!place) return exit_code;
  engine::DumpOptions options;
  options.has_manifest = arguments.Has("manifest");
  options.has_segments = arguments.Has("segments");
  options.has_journals = arguments.Has("journal");
  options.record_count = arguments.NumberOr("records", 0);
  options.first_row = arguments.NumberOr("first-row", 0);
  options.checks = arguments.Has("checks");
  options.list_max = arguments.NumberOr("limit", kListDefault);
  if (options.list_max == 0) options.list_max = UINT64_MAX;
  const auto report = engine::DumpPlace(*place, options);
  if (!report.ok()) return ReportUpkeepFailure(context, report.status(), place->store);
  if (arguments.Has("json")) {
    context.out.Write(DumpAsJson(*place, *report));
  } else {
    PrintDump(context.out, *report);
  }
  return kExitOk;
}

}  // namespace intact::cli
