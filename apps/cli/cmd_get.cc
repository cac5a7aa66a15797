// intact get: records of a collection, one line each.
#include "apps/cli/collection.h"
#include "apps/cli/commands.h"
#include "apps/cli/text.h"

namespace intact::cli {

int RunGet(Context& context, const Arguments& arguments) {
  const auto store = StoreFrom(context, arguments);
  if (!store) return kExitUsage;
  engine::GetOptions options;
  options.store = *store;
  options.version = VersionFrom(arguments);
  options.ids = arguments.positionals();
  const auto report = engine::GetRecords(options, [&](base::ByteSpan bytes) {
    context.out.Write(base::AsText(bytes));
    return context.out.error() == 0 ? base::Ok() : base::Cancelled("the output cannot be written");
  });
  if (context.out.error() != 0) return kExitFailed;
  if (!report.ok()) {
    return ReportCollectionFailure(context, report.status(), *store,
                                   arguments.Has("at") ? kExitUsage : kExitNoIndex);
  }
  if (!arguments.Has("quiet")) {
    for (const std::string& id : report->missing) {
      PrintNote(context, "there is no record " + Quoted(id));
    }
  }
  return report->missing.empty() ? kExitOk : kExitNoHits;
}

}  // namespace intact::cli
