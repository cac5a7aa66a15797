// intact explain: why a file is in or out of an index, and its chunks.
#include "apps/cli/command.h"
#include "apps/cli/commands.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"
#include "intact/os/os.h"

namespace intact::cli {
namespace {

void PrintExplanation(Output& out, const engine::ExplainReport& report) {
  out.Write(Printable(report.path), Paint::kPath);
  out.Write(": ");
  out.Write(report.is_in ? "in" : "out", report.is_in ? Paint::kGood : Paint::kWarning);
  if (!report.is_in) out.Write(", " + Printable(report.reason));
  if (!report.rule.empty()) out.Write(" (" + Printable(report.rule) + ")");
  out.WriteLine("");
  if (!report.index_state.empty()) out.WriteLine("  index     " + report.index_state);
  if (!report.is_in) return;
  out.WriteLine("  language  " + report.language);
  out.WriteLine("  size      " + FormatBytes(report.size));
  out.WriteLine("  chunks    " + FormatCount(report.chunks.size()));
  for (const engine::ExplainedChunk& chunk : report.chunks) {
    out.Write("    " + std::to_string(chunk.first_line) + "-" + std::to_string(chunk.last_line),
              Paint::kGood);
    if (!chunk.symbol.empty()) out.Write("  ");
    out.Write(Printable(chunk.symbol), Paint::kName);
    out.Write("  " + FormatBytes(chunk.size) + ", " + FormatCount(chunk.tokens, "token") + ", " +
              (chunk.is_stored ? "stored" : "not stored"));
    constexpr size_t kKeyShown = 12;
    out.Write("  " + chunk.key.substr(0, kKeyShown), Paint::kFaint);
    out.WriteLine("");
  }
}

std::string ExplanationAsJson(const engine::Place& place, const engine::ExplainReport& report) {
  JsonWriter json;
  json.PathField("root", place.root).PathField("path", report.path);
  json.Field("is_in", report.is_in).Field("reason", report.reason).Field("rule", report.rule);
  json.Field("language", report.language).Field("size", report.size);
  json.Field("index_state", report.index_state);
  json.Key("chunks").BeginArray();
  for (const engine::ExplainedChunk& chunk : report.chunks) {
    json.BeginObject();
    json.Field("first_line", chunk.first_line).Field("last_line", chunk.last_line);
    json.Field("symbol", chunk.symbol).Field("definitions", chunk.definitions);
    json.Field("size", chunk.size).Field("tokens", chunk.tokens);
    json.Field("key", chunk.key).Field("is_stored", chunk.is_stored);
    json.EndObject();
  }
  json.EndArray();
  return json.Finish();
}

}  // namespace

int RunExplain(Context& context, const Arguments& arguments) {
  const std::string path = *arguments.Positional(0);
  // A link is looked at itself, as the walk does.
  const auto stat = os::StatPath(path);
  if (!stat.ok()) return ReportFailure(context, stat.status());
  const bool is_folder = stat->kind == os::EntryKind::kDirectory;
  const std::string directory = is_folder ? path : os::ParentPath(path);
  const auto place = LocatePlace(arguments, directory, true);
  if (!place.ok()) return ReportFailure(context, place.status());
  if (!place->exists) return ReportNoIndex(context, directory);
  const auto report = engine::ExplainFile(*place, ScopeFrom(arguments), path);
  if (!report.ok()) return ReportFailure(context, report.status());
  if (arguments.Has("json")) {
    context.out.Write(ExplanationAsJson(*place, *report));
  } else {
    PrintExplanation(context.out, *report);
  }
  return kExitOk;
}

}  // namespace intact::cli
