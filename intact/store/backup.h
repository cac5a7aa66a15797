// A copy of a store that is consistent whatever writers do meanwhile. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "intact/base/base.h"
#include "intact/os/file.h"

namespace intact::store {

struct BackupOptions {
  bool all_versions = false;  // The history and its tags too, not the newest version alone.
  // Called with the bytes done and in all; false ends the work with kCancelled.
  std::function<bool(uint64_t done, uint64_t total)> progress;
};

struct BackupReport {
  uint64_t version = 0;
  uint64_t versions = 0;  // In the copy.
  uint64_t segments = 0;
  uint64_t rows = 0;  // Of the newest version.
  uint64_t bytes = 0;
  uint64_t tags_left_out = 0;  // Of versions that are not in the copy.
};

// Copies the store at `folder` into `target`, which must not exist or be empty, and which becomes a
// store with its last step: the same uuid, version numbers, rows and sections, each version with
// files of its own and without a journal. Takes no lock. Every checksum is compared before and
// after copying. After any failure `target` has no store's files again. kCorruption when the store
// is damaged, kFull when there is no room.
base::Result<BackupReport> Backup(os::FileSystem& files, const std::string& folder,
                                  const std::string& target, const BackupOptions& options);

// kInvalidArgument, saying what is there, unless `target` does not exist or is an empty folder; a
// lock file, left by a failure, counts as nothing.
base::Status CheckIsFree(os::FileSystem& files, const std::string& target);
// Unlinks the files of a store in `target`, and nothing else.
void RemoveStoreFiles(os::FileSystem& files, const std::string& target);

}  // namespace intact::store
