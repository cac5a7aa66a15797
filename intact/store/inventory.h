// What lies in a store's folder, whatever its superblock says: for looking at damaged stores. Reads
// only; never stops at damage. Thread-safe functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "intact/base/base.h"
#include "intact/format/journal.h"
#include "intact/format/manifest.h"
#include "intact/format/superblock.h"
#include "intact/os/file.h"
#include "intact/store/folder.h"

namespace intact::store {

// No store counts so far; from higher numbers of versions and files there would be no next one.
inline constexpr uint64_t kNumberCredibleMax = uint64_t{1} << 61;

// A frame of which at least a head is whole. Places are offsets in the journal's file.
struct FoundFrame {
  format::FrameHead head;
  std::vector<uint64_t> whole_at;    // Copies that are whole.
  std::vector<uint64_t> damaged_at;  // Copies whose head is whole and whose payload is not.
};

struct FoundJournal {
  uint64_t number = 0;
  uint64_t size = 0;               // Of the file.
  std::vector<FoundFrame> frames;  // Ascending by offset.
  uint64_t holds = 0;    // The number of another journal, whose frames are in this file instead.
  base::Status problem;  // The file cannot be read.
};

struct Inventory {
  base::Status super_status;  // ok() when `super` is there.
  std::optional<format::SuperFile> super;
  bool is_super_missing = false;
  uint64_t super_size = 0;
  // The store's: by the superblock, or else what most files say.
  format::Uuid store;
  // Versions whose manifest is whole, ascending.
  std::vector<format::VersionEntry> versions;
  std::vector<std::pair<std::string, base::Status>> damaged_manifests;  // By path.
  std::vector<FoundJournal> journals;                                   // Ascending by number.
  std::vector<uint64_t> segment_ids;                                    // Of files, ascending.
  std::vector<std::string> names;                                       // Of all files of a store.
};

// kNotFound when there is no folder or nothing of a store in it, kInvalidArgument when it holds
// files of others only, kUnsupported for a store of a newer format.
base::Result<Inventory> TakeInventory(os::FileSystem& files, const std::string& folder);

// Every frame with a whole head, wherever it lies: nothing is expected of the size or of the frames
// before.
std::vector<FoundFrame> ScanJournal(base::ByteSpan bytes, const format::Uuid& store,
                                    uint64_t journal);

// A frame begins at `bytes` that is whole in its head, but not of this place: somebody put it
// there. A crash leaves none, since a journal begins as zeros.
bool IsFrameOfOthers(base::ByteSpan bytes, const format::Uuid& store, uint64_t journal,
                     uint64_t offset);

}  // namespace intact::store
