// Versions of a store, of an index and of a collection alike: which there are, names for them,
// going back to one, and how long they are kept. One writer per store; free functions, thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/format/manifest.h"
#include "intact/store/snapshot.h"
#include "intact/store/store.h"

namespace intact::engine {

// What stores that the engine makes keep from the beginning: one run, of index or import, is one
// version.
using RetentionRule = format::Retention;
inline constexpr RetentionRule kRetention{.keep_last = 8};
// How the engine opens a store to write: its journals stay small and come late, since a small
// project must not take many times what it holds.
store::OpenOptions WriterOptions(int64_t lock_wait_ms);

enum class StoreKind : unsigned char { kEmpty, kIndex, kCollection, kVectors };
// "empty", "index", "collection", "vectors".
std::string_view StoreKindName(StoreKind kind);
// Of a version, by its manifest.
StoreKind KindOf(const format::Manifest& manifest);

// The newest version of the store, or the one that `version` says, a number or a tag, unless empty.
// kNotFound when there is no store, or no such version: the message says which.
base::Result<std::shared_ptr<const store::Snapshot>> OpenSnapshot(const std::string& store,
                                                                  const std::string& version);

struct VersionReport {
  uint64_t version = 0;
  uint64_t parent = 0;
  int64_t committed_ns = 0;
  bool is_current = false;
  bool is_unfinished = false;  // Of an index: its run was stopped before it had seen every file.
  std::vector<std::string> tags;
  StoreKind kind = StoreKind::kEmpty;
  uint64_t files = 0;      // Of an index.
  uint64_t chunks = 0;     // Of an index.
  uint64_t records = 0;    // Of a collection, or keys of a store of plain vectors.
  uint64_t rows = 0;       // Vectors stored, whether found or not.
  uint64_t bytes = 0;      // All it needs.
  uint64_t own_bytes = 0;  // Of those, what no other version needs.
};

struct VersionsReport {
  std::string store;
  format::Retention retention;
  std::vector<VersionReport> versions;  // From the newest to the oldest.
};
// kNotFound when there is no store.
base::Result<VersionsReport> ReadVersions(const std::string& store);

struct VersionChange {
  uint64_t version = 0;         // Of the store afterwards.
  uint64_t target_version = 0;  // That was named, freed or gone back to.
  uint64_t versions_dropped = 0;
};

// Each is a commit of its own. kNotFound when there is no store or no such version or tag;
// kInvalidArgument for a tag that cannot be one; kUnavailable while another process writes.

// Names `version`, the current one when empty; a tag of that name moves.
base::Result<VersionChange> TagVersion(const std::string& store, const std::string& tag,
                                       const std::string& version, int64_t lock_wait_ms = 0);
base::Result<VersionChange> RemoveTag(const std::string& store, const std::string& tag,
                                      int64_t lock_wait_ms = 0);
// A new version with what `version` holds; those between stay as long as they are kept.
base::Result<VersionChange> RollBack(const std::string& store, const std::string& version,
                                     int64_t lock_wait_ms = 0);
// Versions that the new rule does not keep are dropped at once.
base::Result<VersionChange> SetRetention(const std::string& store,
                                         const format::Retention& retention,
                                         int64_t lock_wait_ms = 0);

}  // namespace intact::engine
