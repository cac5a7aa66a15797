// What differs between two versions of a store: files of an index, records of a collection, keys of
// a store of plain vectors. Thread-safe; reads only.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/engine/versions.h"

namespace intact::engine {

enum class VersionDifference : unsigned char { kAdded, kRemoved, kChanged };
// "added", "removed", "changed".
std::string_view VersionDifferenceName(VersionDifference difference);

struct DiffEntry {
  VersionDifference difference = VersionDifference::kAdded;
  std::string name;  // A file's path, a record's id, or a key in hexadecimal.
  // Of a file: how many of its chunks the older or the newer version has alone.
  uint64_t chunks_removed = 0;
  uint64_t chunks_added = 0;
};

struct DiffRequest {
  std::string store;
  std::string older;         // A number or a tag.
  std::string newer;         // Empty: the current version.
  size_t entries_max = 100;  // To be listed; all are counted.
};

struct DiffReport {
  StoreKind kind = StoreKind::kEmpty;
  uint64_t older_version = 0;
  uint64_t newer_version = 0;
  uint64_t added = 0;
  uint64_t removed = 0;
  uint64_t changed = 0;
  uint64_t chunks_added = 0;
  uint64_t chunks_removed = 0;
  std::vector<DiffEntry> entries;  // The first, by name.
};

// kNotFound when there is no store or no such version; kInvalidArgument when the two do not hold
// the same kind of thing. A file is compared by its chunks' texts and places, not by its time; a
// record by the bits of its vector and by its metadata. Memory: a table of an index's files, or 48
// bytes a record in segments that only one version has.
base::Result<DiffReport> DiffVersions(const DiffRequest& request);

}  // namespace intact::engine
