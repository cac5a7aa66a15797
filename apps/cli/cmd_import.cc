// intact import: vectors from files into a collection.
#include "apps/cli/collection.h"
#include "apps/cli/commands.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"
#include "apps/cli/update.h"
#include "intact/os/os.h"

namespace intact::cli {
namespace {

void PrintRow(Output& out, std::string_view name, const std::string& value) {
  constexpr size_t kNameWidth = 11;
  out.Write("  ");
  out.Write(name, Paint::kName);
  out.Write(std::string(kNameWidth - name.size(), ' '));
  out.WriteLine(value);
}

void PrintImport(Output& out, const std::string& store, const engine::ImportReport& report) {
  out.Write(Printable(store), Paint::kPath);
  out.WriteLine(": " + FormatCount(report.records, "record") + " of " +
                FormatCount(report.dimensions, "dimension") + ", " + report.element + ", " +
                FormatSeconds(report.seconds));
  PrintRow(out, "read",
           FormatCount(report.rows, "row") + ", " + FormatBytes(report.bytes) + ", " +
               FormatRate(report.bytes, report.seconds));
  if (report.rows_added > 0) PrintRow(out, "added", FormatCount(report.rows_added));
  if (report.rows_updated > 0) PrintRow(out, "updated", FormatCount(report.rows_updated));
  if (report.rows_unchanged > 0) PrintRow(out, "unchanged", FormatCount(report.rows_unchanged));
}

std::string ImportAsJson(const std::string& store, const engine::ImportReport& report) {
  JsonWriter json;
  json.PathField("store", store).Field("version", report.version);
  json.Field("model", report.model).Field("metric", report.metric);
  json.Field("dimensions", report.dimensions).Field("element_type", report.element);
  json.Field("records", report.records).Field("files", report.files);
  json.Field("rows", report.rows).Field("rows_added", report.rows_added);
  json.Field("rows_updated", report.rows_updated);
  json.Field("rows_unchanged", report.rows_unchanged);
  json.Field("bytes_read", report.bytes).Field("seconds", report.seconds);
  json.Field("is_interrupted", report.is_interrupted);
  return json.Finish();
}

// Runs the import that `options` says and reports it.
int Import(Context& context, const Arguments& arguments, engine::ImportOptions& options) {
  options.model = arguments.Text("model");
  if (const auto metric = arguments.Text("metric")) options.metric = engine::ParseMetric(*metric);
  options.lock_wait_ms = LockWaitFrom(arguments);
  for (const std::string& file : options.files) {
    if (file != engine::kStandardInput || !options.input.empty()) continue;
    auto text = ReadStandardInput(context);
    if (!text.ok()) return ReportFailure(context, text.status(), kExitFailed);
    options.input = *std::move(text);
  }
  options.stop = &os::InstallInterruptFlag();

  const bool is_silent = arguments.Has("quiet") || arguments.Has("json");
  Progress progress(context.err, context.clock, ChooseProgressStyle(context.err, is_silent));
  const auto report = engine::ImportFiles(options, [&](const engine::TransferProgress& at) {
    progress.Update({.verb = "importing",
                     .noun = "row",
                     .items_done = at.rows_done,
                     .items_total = at.rows_total,
                     .bytes_done = at.bytes_done});
  });
  progress.Clear();
  if (!report.ok())
    return ReportCollectionFailure(context, report.status(), options.store, kExitUsage);
  if (arguments.Has("json")) {
    context.out.Write(ImportAsJson(options.store, *report));
  } else if (!arguments.Has("quiet")) {
    PrintImport(context.out, options.store, *report);
  }
  if (!report->has_ids && report->rows_updated > 0 && !is_silent) {
    PrintNote(context,
              "Rows without ids replaced those of the same number. To put them behind the others "
              "instead: --append.");
  }
  if (!report->is_interrupted) return kExitOk;
  PrintNote(context, "stopped: " + FormatCount(report->records, "record") +
                         (report->records == 1 ? " is" : " are") + " in the collection; " +
                         (options.append ? "the files' first " + FormatCount(report->rows, "row") +
                                               " among them: append the others alone"
                                         : "run the same command to go on"));
  return kExitInterrupted;
}

}  // namespace

int RunImport(Context& context, const Arguments& arguments) {
  const auto store = StoreFrom(context, arguments);
  if (!store) return kExitUsage;
  engine::ImportOptions options;
  options.files = arguments.positionals();
  options.store = *store;
  options.dimensions = static_cast<uint32_t>(arguments.NumberOr("dimensions", 0));
  options.append = arguments.Has("append");
  return Import(context, arguments, options);
}

int RunPut(Context& context, const Arguments& arguments) {
  const auto store = StoreFrom(context, arguments);
  if (!store) return kExitUsage;
  engine::ImportOptions options;
  options.files = {engine::kStandardInput};
  options.store = *store;
  return Import(context, arguments, options);
}

}  // namespace intact::cli
