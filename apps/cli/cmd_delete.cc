// intact delete: records of a collection go.
#include "apps/cli/collection.h"
#include "apps/cli/commands.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"
#include "apps/cli/update.h"
#include "intact/os/os.h"

namespace intact::cli {
namespace {

constexpr uint64_t kIdFileSizeMax = uint64_t{1} << 30;

void AddLines(std::string_view text, std::vector<std::string>& ids) {
  for (const std::string_view line : SplitLines(text)) {
    if (!line.empty()) ids.emplace_back(line);
  }
}

// From the command line, a file and the standard input.
base::Result<std::vector<std::string>> IdsFrom(Context& context, const Arguments& arguments) {
  std::vector<std::string> ids = arguments.positionals();
  if (const auto file = arguments.Text("file")) {
    INTACT_ASSIGN_OR_RETURN(const base::Bytes bytes,
                            os::ReadFile(os::RealFileSystem(), *file, kIdFileSizeMax));
    AddLines(base::AsText(bytes), ids);
  }
  if (arguments.Has("stdin")) {
    INTACT_ASSIGN_OR_RETURN(const std::string text, ReadStandardInput(context));
    AddLines(text, ids);
  }
  return ids;
}

std::string DeletionAsJson(const std::string& store, const engine::DeleteReport& report) {
  JsonWriter json;
  json.PathField("store", store).Field("version", report.version);
  json.Field("deleted", report.deleted).Field("missing", report.missing);
  json.Field("records", report.records);
  return json.Finish();
}

}  // namespace

int RunDelete(Context& context, const Arguments& arguments) {
  const auto store = StoreFrom(context, arguments);
  if (!store) return kExitUsage;
  if (arguments.positionals().empty() && !arguments.Has("file") && !arguments.Has("stdin")) {
    return ReportUsage(context, arguments.command(), "say which records: ID, --file or --stdin");
  }
  const auto ids = IdsFrom(context, arguments);
  if (!ids.ok()) return ReportFailure(context, ids.status(), kExitFailed);
  const auto report = engine::DeleteRecords(*store, *ids, LockWaitFrom(arguments));
  if (!report.ok()) return ReportCollectionFailure(context, report.status(), *store, kExitNoIndex);
  if (arguments.Has("json")) {
    context.out.Write(DeletionAsJson(*store, *report));
  } else if (!arguments.Has("quiet")) {
    context.out.Write(Printable(*store), Paint::kPath);
    context.out.WriteLine(
        ": deleted " + FormatCount(report->deleted, "record") +
        (report->missing > 0 ? ", " + FormatCount(report->missing) + " were not there" : "") +
        ", " + FormatCount(report->records) + " left, version " + FormatCount(report->version));
  }
  return kExitOk;
}

}  // namespace intact::cli
