// What of a segment is whole, part by part. For doctor.h and salvage.h. Thread-safe functions.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/store/snapshot.h"

namespace intact::store {

struct SegmentHealth {
  std::vector<uint32_t> damaged_kinds;  // Sections whose checksum differs.
  // What the first of the findings says; empty when there is none.
  std::string first_problem;
  uint64_t first_offset = 0;     // In the file.
  bool is_look_up_sound = true;  // Key order, key filter and page checks fit the keys.
  bool are_codes_sound = true;   // Each is that of its row's vector.
  bool is_padding_zero = true;
  std::vector<uint32_t> unreadable_rows;  // Local; ascending.

  bool HasDamaged(uint32_t kind) const;
  bool IsWhole() const;
  // Damage is there, and all of it is in what can be computed from the rest.
  bool IsRebuildable() const;
};

// Called with bytes read; false ends the work.
using HealthProgress = std::function<bool(uint64_t bytes)>;

// Compares every checksum, decodes every row, computes every code. Fails with kCancelled only.
base::Result<SegmentHealth> ExamineSegment(const Segment& segment, const HealthProgress& progress);

// "keys and codes of seg-3": for messages.
std::string DamagedParts(const SegmentHealth& health);

}  // namespace intact::store
