// A store's folder: the names in it, reading the current version, making an empty store, sweeping
// leftovers. For Store and Verify. Protocol: docs/format/store.md. Thread-safe functions; those
// that write need the lock.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "intact/base/base.h"
#include "intact/format/superblock.h"
#include "intact/os/file.h"
#include "intact/store/snapshot.h"

namespace intact::store {

inline constexpr std::string_view kSuperName = "SUPER";
inline constexpr std::string_view kSuperTemporaryName = "SUPER.tmp";
inline constexpr std::string_view kLockName = "LOCK";

std::string ManifestPath(const std::string& folder, uint64_t version);
std::string SegmentPath(const std::string& folder, uint64_t id);
inline std::string SuperPath(const std::string& folder) { return os::JoinPath(folder, kSuperName); }

// How often a reader begins again because a writer unlinked what it was about to open.
inline constexpr int kReadAttemptsMax = 10;

// At most a few bytes above the size of a whole superblock file. kNotFound when there is none.
base::Result<base::Bytes> ReadSuperFile(os::FileSystem& files, const std::string& folder);

// The manifest that `super` names, compared with its size and digest.
base::Result<format::Manifest> ReadManifest(os::FileSystem& files, const std::string& folder,
                                            const format::Superblock& super);

struct LoadedVersion {
  format::SuperFile super;
  std::shared_ptr<const Snapshot> snapshot;
};
// Reads the current version, as a reader does. kNotFound when there is no superblock.
base::Result<LoadedVersion> LoadVersion(os::FileSystem& files, const std::string& folder);

// Why a folder without a superblock cannot be opened: kNotFound when it is missing, empty or holds
// the beginnings of a store only, kInvalidArgument when it holds files that are not a store's,
// kCorruption when a store has lost its superblock.
base::Status ExplainMissingSuper(os::FileSystem& files, const std::string& folder);

// Creates the folder and those above it, durably.
base::Status CreateFolderDurably(os::FileSystem& files, const std::string& folder);

// Makes an empty store in an existing folder that holds nothing but leftovers of this function.
// Needs the lock.
base::Status CreateStore(os::FileSystem& files, const std::string& folder,
                         const CollectionSpec& spec, const format::Uuid& uuid, int64_t wall_ns);

// Unlinks files of a store's names that `manifest` does not need: what a crash left over. Needs the
// lock. Failures do no harm: whoever writes such a name unlinks it first.
void SweepFolder(os::FileSystem& files, const std::string& folder,
                 const format::Manifest& manifest);

// Writes a whole new file and syncs it, its name not yet; an older file of that name is unlinked
// first.
base::Status WriteNewFile(os::FileSystem& files, const std::string& path, base::ByteSpan bytes);

// Both pages of `pair` in one write, and a sync.
base::Status WriteSuperPair(os::File& file, const format::Superblock& super, uint32_t pair);

// Writes the pair in use again, the same bytes, both copies, and syncs: from here on it is on the
// disk for sure.
base::Status RewriteActivePair(os::File& file, const format::SuperFile& super);

// Unlinks `path`; success when there is no such file.
base::Status RemoveIfThere(os::FileSystem& files, const std::string& path);

}  // namespace intact::store
