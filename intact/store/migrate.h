// Brings a store of an older format to the current one. Thread-safe.
#pragma once

#include <cstdint>
#include <string>

#include "intact/base/base.h"
#include "intact/os/file.h"
#include "intact/store/rewrite.h"
#include "intact/store/verify.h"

namespace intact::store {

struct MigrateOptions {
  bool keeps_old = false;  // The version as it was stays in the history.
  int64_t lock_wait_ms = 0;
  RenumberState renumber;
  VerifyProgress progress;
};

struct MigrateReport {
  bool was_current = false;  // Nothing was to be done.
  std::string found_format;  // "1.0": the oldest of superblock, manifest and segments.
  std::string format;        // Afterwards: "1.2".
  uint64_t version = 0;      // Current, afterwards.
  uint64_t segments = 0;     // Written anew.
  uint64_t rows = 0;         // In them.
};

// Writes what is of an older format anew, beside the old, and commits it as the next version; reads
// all of that back, every vector; then drops the old version. When the new one does not verify the
// old one is made current again: kCorruption. Otherwise errors as those of Store::OpenWriter and
// Store::Commit; after each of them the store is as it was.
base::Result<MigrateReport> Migrate(os::FileSystem& files, const std::string& folder,
                                    const MigrateOptions& options);

}  // namespace intact::store
