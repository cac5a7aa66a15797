// Describes everything that the format has in a store's folder, whole or damaged, as a tree of
// named values: for people and for scripts. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "intact/base/base.h"
#include "intact/os/file.h"

namespace intact::store {

struct DumpField {
  std::string name;  // "row_count"
  std::variant<uint64_t, int64_t, bool, std::string> value;
};

// One thing: a copy of the superblock, a segment, a section.
struct DumpNode {
  std::string name;  // "copy 0", "segment 12"
  std::vector<DumpField> fields;
  std::string problem;  // Empty when it is whole, as far as was looked at.
  std::vector<DumpNode> parts;
};

struct DumpList {
  std::string name;    // "superblock", "history", "tags", "segments", "journals", "records", ...
  uint64_t count = 0;  // All there are.
  std::vector<DumpNode> nodes;
};

struct DumpOptions {
  // What to describe; all but records when none is set.
  bool has_manifest = false;  // The superblock, the current manifest, history, tags, files.
  bool has_segments = false;
  bool has_journals = false;
  uint64_t record_count = 0;  // So many rows, from `first_row` on.
  uint64_t first_row = 0;
  uint64_t list_max = 20;  // Of a list, so many; of segments the newest.
  bool checks = false;     // Compares the checksum of each section that is described.
};

struct DumpReport {
  uint64_t version = 0;  // That is described; 0 when no manifest can be read.
  std::vector<DumpList> lists;
};

// kNotFound, kInvalidArgument and kUnsupported as opening a store; damage is in the report.
base::Result<DumpReport> Dump(os::FileSystem& files, const std::string& folder,
                              const DumpOptions& options);

}  // namespace intact::store
