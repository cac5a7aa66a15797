#include "apps/cli/upkeep.h"

#include "apps/cli/text.h"
#include "intact/os/os.h"

namespace intact::cli {

std::optional<engine::Place> FindDamagedStore(Context& context, const Arguments& arguments,
                                              size_t index, int& exit_code) {
  const std::string directory = arguments.Positional(index).value_or(".");
  engine::LocateOptions options{.directory = directory, .search_parents = true};
  options.local = arguments.Has("local");
  options.store = arguments.Text("store");
  if (options.local && options.store) {
    exit_code = ReportUsage(context, arguments.command(), "--store and --local exclude each other");
    return std::nullopt;
  }
  if (!options.store && !options.local) options.store = os::Environment("INTACT_STORE");
  auto place = engine::LocateDamaged(options);
  if (!place.ok()) {
    exit_code = ReportFailure(context, place.status());
    return std::nullopt;
  }
  if (place->exists) return *std::move(place);
  if (options.store) {
    PrintError(context, "there is no index or collection at " + PathForPeople(place->store));
    exit_code = kExitNoIndex;
  } else {
    exit_code = ReportNoIndex(context, directory);
  }
  return std::nullopt;
}

std::string StoreFlag(const engine::Place& place) {
  const std::string path = PathForPeople(place.store);
  const bool is_plain = path.find_first_of(" '\"\\$`\n\t") == std::string::npos;
  return "--store " + (is_plain ? path : Quoted(path));
}

int ReportUpkeepFailure(Context& context, const base::Status& status, const std::string& store) {
  switch (status.code()) {
    case base::Code::kNotFound:
      PrintError(context, status.message());
      return kExitNoIndex;
    case base::Code::kCorruption:
      PrintError(context, status.message());
      PrintNote(context, "What it means, and what can be done: intact doctor " +
                             StoreFlag({.store = store}));
      return kExitFailed;
    default:
      return ReportFailure(context, status, kExitFailed);
  }
}

}  // namespace intact::cli
