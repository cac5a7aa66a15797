#include "apps/cli/collection.h"

#include <cstdio>

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

std::optional<engine::Place> FindStore(Context& context, const Arguments& arguments,
                                       const std::string& directory, int& exit_code) {
  auto place = LocatePlace(arguments, directory, true);
  exit_code = kExitOk;
  if (!place.ok()) {
    exit_code = ReportFailure(context, place.status());
  } else if (!place->exists && arguments.Has("store")) {
    PrintError(context, "there is no index or collection at " + PathForPeople(place->store));
    PrintNote(context, "Make one: intact index, or intact import FILE --store PATH");
    exit_code = kExitNoIndex;
  } else if (!place->exists) {
    exit_code = ReportNoIndex(context, directory);
  }
  if (exit_code != kExitOk) return std::nullopt;
  return *std::move(place);
}

std::string VersionFrom(const Arguments& arguments) { return arguments.Text("at").value_or(""); }

base::Result<std::string> ReadStandardInput(Context& context) {
  constexpr size_t kSizeMax = size_t{1} << 30;
  constexpr size_t kPieceSize = size_t{1} << 16;
  std::string text;
  for (;;) {
    const size_t size = text.size();
    text.resize(size + kPieceSize);
    const size_t got = std::fread(text.data() + size, 1, kPieceSize, context.in);
    text.resize(size + got);
    if (text.size() > kSizeMax) {
      return base::Full("the standard input has more than 1 GiB: put it into a file");
    }
    if (got < kPieceSize) break;
  }
  if (std::ferror(context.in) != 0) return base::IoError("the standard input cannot be read");
  return text;
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
