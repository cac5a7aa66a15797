#include "apps/cli/collection.h"

#include "intact/os/os.h"

namespace intact::cli {

std::optional<std::string> StoreFrom(Context& context, const Arguments& arguments) {
  auto store = arguments.Text("store");
  if (!store) store = os::Environment("INTACT_STORE");
  if (!store) {
    ReportUsage(context, arguments.command(),
                "say which folder holds the collection: --store PATH");
    return std::nullopt;
  }
  return os::AbsolutePath(*store);
}

int ReportCollectionFailure(Context& context, const base::Status& status, const std::string& store,
                            ExitCode not_found) {
  switch (status.code()) {
    case base::Code::kNotFound:
      PrintError(context, status.message());
      return not_found;
    case base::Code::kCorruption:
      PrintError(context, status.message());
      PrintNote(context, "See all damage: intact verify --store " + PathForPeople(store));
      return kExitFailed;
    default:
      return ReportFailure(context, status, kExitFailed);
  }
}

}  // namespace intact::cli
