#include "intact/engine/place.h"

#include <string_view>

#include "intact/engine/index_view.h"
#include "intact/os/os.h"

namespace intact::engine {
namespace {

constexpr char kLocalFolder[] = ".intact";

// A store that may not be looked at counts: whoever opens it reports why.
bool HasStore(const std::string& store) {
  return os::StatPath(os::JoinPath(store, "SUPER")).code() != base::Code::kNotFound;
}

// Absolute, with the links of what exists of it resolved: a walk compares it with canonical paths.
std::string CanonicalStore(const std::string& path) {
  std::string absolute = os::AbsolutePath(path);
  std::string missing;
  for (std::string parent = absolute;; parent = os::ParentPath(parent)) {
    const auto found = os::CanonicalPath(parent);
    if (found.ok()) return missing.empty() ? *found : os::JoinPath(*found, missing);
    if (parent == "/") return absolute;
    const std::string name = parent.substr(parent.rfind('/') + 1);
    missing = missing.empty() ? name : os::JoinPath(name, missing);
  }
}

// NAME-HASH: readable, and unlike for unlike roots.
std::string StoreName(const std::string& root) {
  std::string name;
  for (const char c : root.substr(root.rfind('/') + 1)) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '_' ||
                          (c == '.' && !name.empty());
    if (name.size() < 48) name += is_plain ? c : '_';
  }
  if (name.empty()) name = "root";
  return name + "-" + base::DigestOf(root).ToHex().substr(0, 16);
}

base::Result<std::string> SharedStore(const std::string& root) {
  std::optional<std::string> data_home = os::Environment("XDG_DATA_HOME");
  if (!data_home || data_home->front() != '/') {
    const std::optional<std::string> home = os::Environment("HOME");
    if (!home) {
      return base::InvalidArgument(
          "neither HOME nor XDG_DATA_HOME is set: say where the index lives with --store PATH");
    }
    data_home = os::JoinPath(*home, ".local/share");
  }
  return CanonicalStore(os::JoinPath(os::JoinPath(*data_home, "intact/stores"), StoreName(root)));
}

base::Result<std::string> ChooseStore(const std::string& root, const LocateOptions& options) {
  if (options.store) return CanonicalStore(*options.store);
  std::string local = LocalStore(root);
  if (options.local || HasStore(local)) return local;
  return SharedStore(root);
}

// A store that was named by hand knows which folder it covers; the folder asked for may lie below
// that. A store inside its folder may have moved with it, and damage is for whoever uses the store
// to report.
void UseRootOfStore(Place& place) {
  if (!place.exists || place.store == LocalStore(place.root)) return;
  const auto view = IndexView::Open(place.store);
  if (!view.ok()) return;
  const std::string& root = (*view)->state().root;
  if (root.empty() || root == place.root) return;
  const std::string prefix = root == "/" ? root : root + "/";
  place.folder = place.root.starts_with(prefix) ? place.root.substr(prefix.size()) : "";
  place.root = root;
}

}  // namespace

std::string LocalStore(const std::string& root) {
  return os::JoinPath(os::JoinPath(root, kLocalFolder), "store");
}

base::Result<Place> Locate(const LocateOptions& options) {
  Place place{.model = options.model};
  INTACT_ASSIGN_OR_RETURN(place.root, os::CanonicalPath(options.directory));
  INTACT_ASSIGN_OR_RETURN(const os::FileStat stat, os::StatPath(place.root));
  if (stat.kind != os::EntryKind::kDirectory) {
    return base::InvalidArgument(options.directory + " is not a folder");
  }
  INTACT_ASSIGN_OR_RETURN(place.store, ChooseStore(place.root, options));
  place.exists = HasStore(place.store);
  if (!options.search_parents || options.local) return place;
  if (options.store) {
    UseRootOfStore(place);
    return place;
  }
  if (place.exists) return place;
  for (std::string parent = place.root; parent != "/";) {
    parent = os::ParentPath(parent);
    INTACT_ASSIGN_OR_RETURN(const std::string store, ChooseStore(parent, options));
    if (!HasStore(store)) continue;
    const size_t prefix = parent == "/" ? 1 : parent.size() + 1;
    return Place{parent, store, place.root.substr(prefix), true, {}, options.model};
  }
  return place;
}

}  // namespace intact::engine
