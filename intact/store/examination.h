// A store looked at from all sides, and what was found wrong: the first half of doctor.h's work,
// which repairs nothing. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "intact/store/doctor.h"
#include "intact/store/inventory.h"
#include "intact/store/misnamed_journals.h"
#include "intact/store/segment_health.h"

namespace intact::store {

// A version that the store should have.
struct ExaminedVersion {
  format::VersionEntry entry;
  std::optional<format::Manifest> manifest;  // When it can be read.
  bool opens = false;                        // So can the header of each segment.
  bool is_damaged = false;                   // Something of it is lost.
};

// A segment that some version needs.
struct ExaminedSegment {
  format::SegmentEntry entry;
  std::shared_ptr<const Segment> segment;  // Null when it does not open.
  SegmentHealth health;
  std::vector<uint64_t> versions;  // That need it, ascending.
  bool is_needed_now = false;      // By the newest version.
};

// Bytes of a journal that are to be written again.
struct JournalMending {
  uint64_t journal = 0;
  uint64_t offset = 0;  // In the file.
  base::Bytes bytes;
};

struct Examination {
  Inventory inventory;
  std::vector<Finding> findings;
  uint64_t files = 0;
  uint64_t rows = 0;

  // Newest first: the current version, then its history. Empty when there is no whole manifest.
  std::vector<ExaminedVersion> versions;
  // When the newest version does not open: the newest that does.
  std::optional<ExaminedVersion> fallback;
  uint64_t version_max = 0;  // Of all versions of which there is, or may have been, a trace.
  std::vector<ExaminedSegment> segments;

  bool is_super_damaged = false;  // Some copy is, or its size.
  bool needs_anchor = false;      // The superblock does not lead to the newest version.
  // Versions newer than `versions` tells of may have been lost, acknowledged ones among them: none
  // of these may become current unless losses are accepted.
  bool may_hide_newer = false;
  bool is_journal_usable = true;    // The superblock's.
  std::set<uint64_t> bad_journals;  // Segments in them should be files of their own.
  std::vector<JournalMending> mendings;
  std::vector<std::string> leftovers;  // Paths.
  // Journals under each other's names. With any of them nothing more was looked at: every file that
  // needs one would seem damaged.
  std::vector<MisnamedJournal> misnamed;
};

base::Result<Examination> ExamineStore(os::FileSystem& files, const std::string& folder,
                                       const std::function<bool(uint64_t bytes)>& progress);

}  // namespace intact::store
