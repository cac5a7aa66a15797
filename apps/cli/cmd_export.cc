// intact export: the vectors of a collection to a file.
#include "apps/cli/collection.h"
#include "apps/cli/commands.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"
#include "intact/os/os.h"

namespace intact::cli {
namespace {

constexpr std::string_view kStandardOutput = "-";

std::string ExportAsJson(const engine::ExportOptions& options, const engine::ExportReport& report) {
  JsonWriter json;
  json.PathField("store", options.store).PathField("path", options.file);
  json.Field("version", report.version).Field("format", report.kind);
  json.Field("rows", report.rows).Field("dimensions", report.dimensions);
  json.Field("element_type", report.element);
  json.Field("has_ids", report.has_ids).Field("has_metadata", report.has_metadata);
  json.Field("bytes", report.bytes).Field("seconds", report.seconds);
  return json.Finish();
}

void PrintExport(Output& out, const engine::ExportOptions& options,
                 const engine::ExportReport& report) {
  out.Write(Printable(options.file), Paint::kPath);
  out.WriteLine(": " + FormatCount(report.rows, "row") + " of " +
                FormatCount(report.dimensions, "dimension") + ", " + report.element +
                (report.has_ids ? ", with ids" : "") +
                (report.has_metadata ? ", with metadata" : "") + ", " + FormatBytes(report.bytes) +
                ", " + FormatSeconds(report.seconds));
}

// Hands the file to the standard output; the reader may go away.
base::Status WriteOut(Output& out, base::ByteSpan bytes) {
  out.Write(base::AsText(bytes));
  // The program reports what is wrong with the output itself; here it only ends the work.
  return out.error() == 0 ? base::Ok() : base::Cancelled("the output cannot be written");
}

engine::ExportOptions OptionsFrom(const Arguments& arguments, const std::string& store) {
  engine::ExportOptions options;
  options.store = store;
  options.version = VersionFrom(arguments);
  options.file = *arguments.Positional(0);
  if (const auto kind = arguments.Text("format")) {
    options.kind = engine::ParseVectorFileKind(*kind);
  }
  options.overwrite = arguments.Has("force");
  options.vectors_only = arguments.Has("vectors-only");
  options.stop = &os::InstallInterruptFlag();
  return options;
}

}  // namespace

int RunExport(Context& context, const Arguments& arguments) {
  const auto store = StoreFrom(context, arguments);
  if (!store) return kExitUsage;
  const engine::ExportOptions options = OptionsFrom(arguments, *store);
  const bool is_stream = options.file == kStandardOutput;
  if (is_stream && !options.kind) {
    return ReportUsage(context, arguments.command(), "to the standard output, say --format KIND");
  }
  if (is_stream && arguments.Has("json")) {
    return ReportUsage(context, arguments.command(),
                       "--json and the file cannot both go to the standard output");
  }

  const bool is_silent = arguments.Has("quiet") || arguments.Has("json");
  Progress progress(context.err, context.clock, ChooseProgressStyle(context.err, is_silent));
  const auto show = [&](const engine::TransferProgress& at) {
    progress.Update({.verb = "exporting",
                     .noun = "row",
                     .items_done = at.rows_done,
                     .items_total = at.rows_total,
                     .bytes_done = at.bytes_done});
  };
  const auto report =
      is_stream
          ? engine::ExportToSink(
                options, [&](base::ByteSpan bytes) { return WriteOut(context.out, bytes); }, show)
          : engine::ExportFile(options, show);
  progress.Clear();
  if (is_stream && context.out.error() != 0) return kExitFailed;
  if (!report.ok()) {
    return ReportCollectionFailure(context, report.status(), *store,
                                   arguments.Has("at") ? kExitUsage : kExitNoIndex);
  }
  if (arguments.Has("json")) {
    context.out.Write(ExportAsJson(options, *report));
  } else if (!arguments.Has("quiet") && !is_stream) {
    PrintExport(context.out, options, *report);
  }
  return kExitOk;
}

}  // namespace intact::cli
