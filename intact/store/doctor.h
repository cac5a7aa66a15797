// Says what is wrong with a store, what that means, and what can be rebuilt from the rest; and
// rebuilds it. For what cannot be rebuilt there is salvage.h. Thread-safe.
//
// What can be rebuilt: copies of the superblock, and all of it from a whole manifest; frames of a
// journal that are whole in one half, or page by page in both; sections that find keys, codes,
// scales and padding, which are functions of keys and vectors, as long as these are whole. What
// cannot be read of the history is dropped from it.
//
// Nothing is overwritten but copies that are damaged, by bytes whose checksums agree: all else is
// written beside, as a version of its own, and named by a superblock that replaces the old one
// whole.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/os/file.h"
#include "intact/store/rewrite.h"

namespace intact::store {

enum class Remedy : unsigned char {
  kNone,     // Harmless, and goes by itself.
  kRepair,   // Repairing makes it whole again; nothing is lost.
  kGiveUp,   // Repairing drops it when losses are accepted; salvage reads the rest before.
  kSalvage,  // Only salvage helps: a new store of what is left.
};

struct Finding {
  std::string path;
  uint64_t offset = 0;
  std::string what;     // With path, offset, expected and found.
  std::string meaning;  // For the store's user.
  Remedy remedy = Remedy::kNone;
  std::vector<uint64_t> versions;  // That need what is damaged, ascending; at most 16.
  uint64_t rows = 0;               // That cannot be read.
  bool is_repaired = false;
};

struct DoctorReport {
  uint64_t version = 0;  // Current, afterwards; 0 when none can be opened.
  uint64_t files = 0;
  uint64_t rows = 0;  // Looked at.
  std::vector<Finding> findings;
  std::vector<std::string> actions;  // What was repaired, in order.

  // Whether something harmful is still there.
  bool IsSound() const;
  bool NeedsSalvage() const;
};

struct DoctorOptions {
  bool repairs = false;  // Else nothing is written and no lock is taken.
  // Repairing may drop older versions of which rows are lost, and, when the newest version cannot
  // be opened, or may be one of which nothing is left, make the newest one current that can.
  bool accepts_loss = false;
  int64_t lock_wait_ms = 0;
  RenumberState renumber;  // The state stays as it is when not set.
  // Called with the bytes done; false ends the work with kCancelled.
  std::function<bool(uint64_t bytes)> progress;
};

// kNotFound and kInvalidArgument when there is no store, kUnsupported for a newer format,
// kUnavailable while somebody else writes (repairing only), kFull and kIo when a repair fails:
// what was current before is then still current.
base::Result<DoctorReport> Examine(os::FileSystem& files, const std::string& folder,
                                   const DoctorOptions& options);

}  // namespace intact::store
