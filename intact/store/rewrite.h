// Making a version out of files that are there already, outside of Store: for doctor.h, backup.h
// and migrate.h, which repair, copy and renew stores that Store itself does not open, or not in
// that way. Those that write need the lock of the folder they write to.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "intact/base/base.h"
#include "intact/format/manifest.h"
#include "intact/format/superblock.h"
#include "intact/os/file.h"
#include "intact/store/snapshot.h"

namespace intact::store {

// Replaces SUPER by one whose four copies are whole: pair A of generation `super.generation` + 2,
// pair B of one less, all else alike. Atomic and durable, and so are names made before.
base::Status ReplaceSuper(os::FileSystem& files, const std::string& folder,
                          format::Superblock super);

// Makes `manifest` the current version: writes manifest-<version>, unless the very bytes are there,
// then SUPER; generations go on from `before`, whose journal stays in use when `keeps_journal`.
// Nothing is current before all of it is durable.
base::Status WriteVersion(os::FileSystem& files, const std::string& folder,
                          const format::Manifest& manifest, const format::Superblock& before,
                          bool keeps_journal);

// Writes the last frame of `journal` again, and every one that is whole in one half only, and
// syncs, as a writer does that opens the store: a writer killed before its sync leaves a frame that
// is read but not on the disk. Before something durable is built on it. A journal that cannot be
// read through is left alone: only older frames, synced long ago, can be used of it.
base::Status MakeJournalDurable(os::FileSystem& files, const std::string& folder,
                                const format::Uuid& store, uint64_t journal);

// Writes `segment` anew as segment `id`, with its rows, their ids, its deleted keys and its engine
// sections. Either the encoded bytes are copied, or, with `is_rebuilt`, everything is made again
// from keys and decoded vectors; then a file of the vectors stands in the folder meanwhile, as
// segment `scratch_id`. kCorruption when a part that is needed is damaged.
struct SegmentRewrite {
  uint64_t id = 0;
  uint64_t scratch_id = 0;
  bool is_rebuilt = false;
};
base::Result<format::SegmentEntry> RewriteSegment(os::FileSystem& files, const std::string& folder,
                                                  const format::Uuid& store, const Segment& segment,
                                                  const SegmentRewrite& rewrite);

// What an engine state must say once segments have other ids: by old id the new one. Segments that
// are not named stay.
using RenumberState = std::function<base::Result<base::Bytes>(
    base::ByteSpan engine_state, const std::map<uint64_t, uint64_t>& segment_ids)>;

// Unlinks what no version of the store needs. Errors leave files behind and do no harm.
void SweepUnused(os::FileSystem& files, const std::string& folder);

}  // namespace intact::store
