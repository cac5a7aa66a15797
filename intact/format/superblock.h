// The superblock: the file SUPER, 4 copies of one page in two pairs, of which a commit overwrites
// the one not in use. Layout: docs/format/store.md, "SUPER". Thread-safe functions over values.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "intact/format/format.h"

namespace intact::format {

inline constexpr size_t kSuperCopyCount = 4;
inline constexpr size_t kSuperPairSize = 2 * kPageSize;
inline constexpr size_t kSuperFileSize = kSuperCopyCount * kPageSize;

struct Superblock {
  uint16_t major = kFormatMajor;
  uint16_t minor = kFormatMinor;
  FeatureFlags flags;
  Uuid store;
  uint64_t generation = 0;  // Of this page; larger is newer; never repeats in a store.
  uint64_t manifest_number = 0;
  uint64_t manifest_size = 0;
  base::Digest manifest_digest;
  uint64_t journal = 0;       // The file journal-<n> that newer versions are appended to; 0: none.
  uint64_t journal_size = 0;  // Of one of its two halves, in bytes; 0 when there is none.

  bool operator==(const Superblock&) const = default;
};

using SuperPageBytes = std::array<std::byte, kPageSize>;

// One page, for the place `copy_index` < 4 of the file.
SuperPageBytes EncodeSuperblock(const Superblock& super, uint32_t copy_index);

// A valid page, as it must be at another place: every byte the same but the copy index and the
// checksum.
SuperPageBytes MoveSuperPage(const SuperPageBytes& page, uint32_t copy_index);

// Checks magic, place, checksum, version, flags, reserved bytes. kCorruption or kUnsupported;
// messages begin with `what` (the path) and name the offset in the file. A page of a newer version
// whose checksum agrees is kUnsupported and never kCorruption, so that a newer store is not taken
// for a torn one.
base::Result<Superblock> DecodeSuperblock(base::ByteSpan page, uint32_t copy_index,
                                          const std::string& what);

// The whole file as a reader judges it.
struct SuperFile {
  Superblock active;             // The newest valid copy.
  SuperPageBytes active_page{};  // Its bytes; a newer minor version may have more in them.
  uint32_t active_pair = 0;      // 0: copies 0 and 1, 1: copies 2 and 3.
  // Per copy what is wrong with it; ok() when it is valid.
  std::array<base::Status, kSuperCopyCount> copies;
  // Of the valid ones; 0 for the others.
  std::array<uint64_t, kSuperCopyCount> generations{};
};

// What is wrong with a copy beside the others: it is not valid, or it is valid and of another
// generation than its pair should have, which is the newest or the one before. ok() for a sound
// one. Readers do without it; kCorruption, messages begin with `what`.
base::Status CheckSuperCopy(const SuperFile& file, uint32_t copy_index, const std::string& what);

// kUnsupported when any copy is of a newer format, kCorruption when no copy is valid or valid ones
// contradict each other. `file` may have any size.
base::Result<SuperFile> DecodeSuperFile(base::ByteSpan file, const std::string& what);

}  // namespace intact::format
