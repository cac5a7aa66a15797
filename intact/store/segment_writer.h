// Writes one segment file front to back: rows copied from other segments, then new rows, then the
// engine's sections, in a few MiB of memory whatever the size, and 24 bytes a row while the key
// filter is built. For Store. One thread at a time.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/format/manifest.h"
#include "intact/format/segment.h"
#include "intact/os/file.h"
#include "intact/store/snapshot.h"

namespace intact::store {

struct SectionInput;

// A run of rows of the segment to be written: those of another segment, or new ones.
struct RowRun {
  const Segment* source = nullptr;  // Null for new rows.
  // Of `source`: these row ids, ascending, when `is_picked`, else local rows [begin, begin +
  // count).
  bool is_picked = false;
  std::span<const RowId> picked;
  uint32_t begin = 0;
  // New rows.
  std::span<const base::Digest> keys;  // [count]
  std::span<const float> vectors;      // [count, d]

  uint32_t count = 0;

  // The first `head_count` rows, leaving the others in this run.
  RowRun TakeFront(uint32_t head_count, uint32_t dimensions);
};

struct SegmentPlan {
  format::Uuid store;
  uint64_t id = 0;
  RowId first_row = 0;
  uint32_t dimensions = 0;
  std::vector<RowRun> runs;
  std::span<const SectionInput> sections;
  // Strictly ascending; those of the sources are not taken over by themselves.
  std::vector<base::Digest> deleted_keys;
};

// The most bytes a row can take in a segment, but for the 2 bytes or less that find its key.
uint64_t RowSizeMax(uint32_t dimensions);

// Writes and syncs the file; its name is durable only after the folder is synced. Sources are
// checked before they are copied, so that damage never gets a new checksum: kCorruption then. After
// any failure the file may be there in part.
base::Result<format::SegmentEntry> WriteSegment(os::FileSystem& files, const std::string& path,
                                                const SegmentPlan& plan);
// The same bytes into memory.
base::Result<format::SegmentEntry> WriteSegmentImage(const SegmentPlan& plan, base::Bytes& image);

// Copies a segment's bytes into the file `path`, synced, its name not yet; compares every checksum
// before.
base::Status CopySegment(os::FileSystem& files, const Segment& segment, const std::string& path);

}  // namespace intact::store
