// intact doctor: what is wrong with a store, what that means, and repairing it.
#include "apps/cli/commands.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"
#include "apps/cli/update.h"
#include "apps/cli/upkeep.h"
#include "intact/os/os.h"

namespace intact::cli {
namespace {

constexpr size_t kFindingsShown = 50;

std::string_view RemedyName(engine::Remedy remedy) {
  switch (remedy) {
    case engine::Remedy::kNone:
      return "none";
    case engine::Remedy::kRepair:
      return "repair";
    case engine::Remedy::kGiveUp:
      return "accept-loss";
    case engine::Remedy::kSalvage:
      return "salvage";
  }
  return "";
}

std::string DiagnosisAsJson(const engine::Place& place, const engine::DoctorReport& report) {
  JsonWriter json;
  json.PathField("root", place.root).PathField("store", place.store);
  json.Field("is_sound", report.IsSound()).Field("needs_salvage", report.NeedsSalvage());
  json.Field("version", report.version).Field("files", report.files).Field("rows", report.rows);
  json.Key("findings").BeginArray();
  for (const engine::Finding& finding : report.findings) {
    json.BeginObject().PathField("path", finding.path).Field("offset", finding.offset);
    json.Field("what", finding.what).Field("meaning", finding.meaning);
    json.Field("remedy", RemedyName(finding.remedy)).Field("is_repaired", finding.is_repaired);
    json.Field("rows_lost", finding.rows);
    json.Key("versions").BeginArray();
    for (const uint64_t version : finding.versions) json.Value(version);
    json.EndArray().EndObject();
  }
  json.EndArray().Key("actions").BeginArray();
  for (const std::string& action : report.actions) json.Value(action);
  json.EndArray();
  return json.Finish();
}

void PrintFinding(Output& out, const engine::Finding& finding) {
  const bool is_done = finding.is_repaired;
  const bool is_harmless = finding.remedy == engine::Remedy::kNone;
  out.Write(is_done       ? "  repaired   "
            : is_harmless ? "  harmless   "
                          : "  damaged    ",
            is_done       ? Paint::kGood
            : is_harmless ? Paint::kFaint
                          : Paint::kError);
  out.WriteLine(Printable(finding.meaning));
  out.Write("             " + Printable(finding.what), Paint::kFaint);
  out.WriteLine("");
}

void PrintDiagnosis(Output& out, const engine::Place& place, const engine::DoctorReport& report) {
  out.Write(Printable(place.store), Paint::kPath);
  out.Write(": ");
  if (report.IsSound()) {
    out.Write("sound", Paint::kGood);
  } else {
    out.Write("damaged", Paint::kError);
  }
  std::string text;
  if (report.version > 0) text += ", version " + FormatCount(report.version);
  text += ", " + FormatCount(report.files, "file") + ", " + FormatCount(report.rows, "row");
  out.WriteLine(text + " looked at");
  for (size_t i = 0; i < report.findings.size() && i < kFindingsShown; ++i) {
    PrintFinding(out, report.findings[i]);
  }
  if (report.findings.size() > kFindingsShown) {
    out.WriteLine("  ... and " + FormatCount(report.findings.size() - kFindingsShown) +
                  " more; --json has all");
  }
  for (const std::string& action : report.actions) {
    out.Write("  did        ", Paint::kName);
    out.WriteLine(Printable(action));
  }
}

void PrintAdvice(Context& context, const engine::Place& place, const engine::DoctorReport& report,
                 bool repairs) {
  const std::string store = StoreFlag(place);
  bool can_repair = false;
  bool can_give_up = false;
  for (const engine::Finding& finding : report.findings) {
    if (finding.is_repaired) continue;
    can_repair |= finding.remedy == engine::Remedy::kRepair;
    can_give_up |= finding.remedy == engine::Remedy::kGiveUp;
  }
  if (can_repair && !repairs) {
    PrintNote(context, "Repair what can be: intact doctor --repair " + store);
  }
  if (!report.NeedsSalvage()) return;
  PrintNote(context, "Save every row that can be read: intact salvage OUT " + store);
  if (can_give_up) {
    PrintNote(context,
              "Then go on without what is lost: intact doctor --repair --accept-loss " + store);
  }
}

}  // namespace

int RunDoctor(Context& context, const Arguments& arguments) {
  const bool repairs = arguments.Has("repair");
  if (arguments.Has("accept-loss") && !repairs) {
    return ReportUsage(context, arguments.command(), "--accept-loss goes with --repair");
  }
  int exit_code = kExitOk;
  const auto place = FindDamagedStore(context, arguments, 0, exit_code);
  if (!place) return exit_code;
  const bool is_silent = arguments.Has("quiet") || arguments.Has("json");
  Progress progress(context.err, context.clock, ChooseProgressStyle(context.err, is_silent));
  engine::UpkeepOptions options;
  options.lock_wait_ms = LockWaitFrom(arguments);
  // A repair is not stopped half way.
  if (!repairs) options.stop = &os::InstallInterruptFlag();
  options.progress = [&](uint64_t done, uint64_t) {
    progress.Update({.verb = "looking", .noun = "byte", .items_done = done, .bytes_done = done});
  };
  const auto report =
      engine::ExaminePlace(*place, {repairs, arguments.Has("accept-loss")}, options);
  progress.Clear();
  if (!report.ok()) return ReportUpkeepFailure(context, report.status(), place->store);
  if (arguments.Has("json")) {
    context.out.Write(DiagnosisAsJson(*place, *report));
  } else if (!arguments.Has("quiet") || !report->IsSound()) {
    PrintDiagnosis(context.out, *place, *report);
  }
  if (report->IsSound()) return kExitOk;
  PrintAdvice(context, *place, *report, repairs);
  return kExitFailed;
}

}  // namespace intact::cli
