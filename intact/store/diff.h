// What differs between two versions of one store, key by key. Thread-safe functions over snapshots.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "intact/base/base.h"
#include "intact/store/snapshot.h"

namespace intact::store {

enum class KeyChange : unsigned char {
  kAdded,
  kRemoved,
  kChanged,  // Other bits.
  kMoved,    // The same bits in another row: only with DiffOptions::reports_moved.
};

struct KeyDifference {
  base::Digest key;
  KeyChange change = KeyChange::kAdded;
  std::optional<RowId> old_row;  // In the older version; nothing when it was added.
  std::optional<RowId> new_row;
};

struct DiffOptions {
  // For callers that keep more beside a row than its vector.
  bool reports_moved = false;
};

// False ends the comparison with kCancelled.
using DiffSink = std::function<bool(const KeyDifference&)>;

// Calls `sink` for each key that differs, ascending by key. Time: in the keys of the segments that
// only one of the versions has, and of those, the vectors that both have are decoded and compared;
// segments of both are read for look-ups only. Memory: 80 bytes a segment and two vectors.
// kInvalidArgument when they are not versions of one store.
base::Status Diff(const Snapshot& older, const Snapshot& newer, const DiffOptions& options,
                  const DiffSink& sink);

}  // namespace intact::store
