// intact salvage: what can be read of a damaged store, as a new one.
#include "apps/cli/commands.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"
#include "apps/cli/upkeep.h"
#include "intact/os/os.h"

namespace intact::cli {
namespace {

constexpr size_t kLossesShown = 20;

std::string_view KindName(engine::SalvageKind kind) {
  switch (kind) {
    case engine::SalvageKind::kCollection:
      return "collection";
    case engine::SalvageKind::kIndex:
      return "index";
    case engine::SalvageKind::kVectors:
      return "vectors";
  }
  return "";
}

std::string SalvageAsJson(const engine::Place& place, const std::string& target,
                          const engine::SalvageReport& report) {
  JsonWriter json;
  json.PathField("store", place.store).PathField("out", target);
  json.Field("kind", KindName(report.kind)).Field("version", report.version);
  json.Field("is_newest", report.is_newest);
  json.Field("rows_saved", report.rows_saved).Field("rows_lost", report.rows_lost);
  json.Field("rows_left_behind", report.rows_left_behind);
  if (report.kind == engine::SalvageKind::kIndex) {
    json.Field("documents_saved", report.documents_saved);
    json.Field("documents_dropped", report.documents_dropped);
    json.Field("is_index_needed", !report.are_documents_complete);
  }
  json.Field("loss_count", report.loss_count);
  json.Key("losses").BeginArray();
  for (const engine::SalvageLoss& loss : report.losses) {
    json.BeginObject().Field("segment", loss.segment).PathField("path", loss.path);
    json.Field("first_row", loss.first_row).Field("row_count", loss.row_count);
    if (!loss.id.empty()) json.Field("id", loss.id);
    if (!loss.key.empty()) json.Field("key", loss.key);
    json.Field("reason", loss.reason).EndObject();
  }
  json.EndArray().Key("caveats").BeginArray();
  for (const std::string& caveat : report.caveats) json.Value(caveat);
  json.EndArray().Field("seconds", report.seconds);
  return json.Finish();
}

void PrintLoss(Output& out, const engine::SalvageLoss& loss) {
  std::string what;
  if (!loss.id.empty()) {
    what = "id " + Quoted(loss.id);
  } else if (loss.row_count == 1) {
    what = "row " + FormatCount(loss.first_row);
  } else {
    what = FormatCount(loss.row_count) + " rows from " + FormatCount(loss.first_row);
  }
  out.Write("  lost  ", Paint::kError);
  out.WriteLine(Printable(what) + ": " + Printable(loss.reason));
}

void PrintSalvage(Output& out, const std::string& target, const engine::SalvageReport& report) {
  const bool is_collection = report.kind == engine::SalvageKind::kCollection;
  out.Write(Printable(target), Paint::kPath);
  out.WriteLine(": " + FormatCount(report.rows_saved, is_collection ? "record" : "vector") +
                " saved, " + FormatCount(report.rows_lost) + " lost, " +
                FormatSeconds(report.seconds));
  if (report.kind == engine::SalvageKind::kIndex) {
    out.WriteLine("  " + FormatCount(report.documents_saved, "document") +
                  " can be searched at once");
  }
  if (report.rows_left_behind > 0) {
    out.WriteLine("  " + FormatCount(report.rows_left_behind, "row") +
                  " that had been replaced or deleted left behind");
  }
  for (size_t i = 0; i < report.losses.size() && i < kLossesShown; ++i) {
    PrintLoss(out, report.losses[i]);
  }
  if (report.loss_count > kLossesShown) {
    out.WriteLine("  ... and " + FormatCount(report.loss_count - kLossesShown) +
                  " more; --json lists them");
  }
}

}  // namespace

int RunSalvage(Context& context, const Arguments& arguments) {
  int exit_code = kExitOk;
  const auto place = FindDamagedStore(context, arguments, 1, exit_code);
  if (!place) return exit_code;
  const std::string target = *arguments.Positional(0);
  const bool is_silent = arguments.Has("quiet") || arguments.Has("json");
  Progress progress(context.err, context.clock, ChooseProgressStyle(context.err, is_silent));
  engine::SalvageOptions options;
  options.store = place->store;
  options.target = target;
  options.stop = &os::InstallInterruptFlag();
  options.progress = [&](uint64_t rows) {
    progress.Update({.verb = "salvaging", .noun = "row", .items_done = rows});
  };
  const auto report = engine::Salvage(options);
  progress.Clear();
  if (report.code() == base::Code::kCorruption) {
    PrintError(context, report.status().message());
    PrintNote(context, "Nothing of it can be saved.");
    return kExitFailed;
  }
  if (!report.ok()) return ReportUpkeepFailure(context, report.status(), place->store);
  if (arguments.Has("json")) {
    context.out.Write(SalvageAsJson(*place, target, *report));
  } else if (!arguments.Has("quiet") || report->rows_lost > 0) {
    PrintSalvage(context.out, target, *report);
  }
  for (const std::string& caveat : report->caveats) PrintWarning(context, caveat);
  if (report->kind == engine::SalvageKind::kIndex && !report->are_documents_complete) {
    PrintNote(context,
              "Make the rest of the index again, without embedding what was saved: intact "
              "index " +
                  place->root + " " + StoreFlag({.store = os::AbsolutePath(target)}));
  }
  return report->rows_lost > 0 ? kExitFailed : kExitOk;
}

}  // namespace intact::cli
