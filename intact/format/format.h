// format: every byte that leaves the process. Parse, check, write; no files, no policy.
//
// Reading order: this (what all files of a store share), superblock.h, manifest.h, journal.h,
// segment.h (store files), catalog.h, postings.h (sections of the engine), ivf.h, vector_file.h
// (files of other tools). The documents under docs/format/ come first; where the code differs from
// them, the code is wrong. Parsers take any bytes and give a value or an error. All functions are
// thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "intact/base/base.h"

namespace intact::format {

// The version this build writes. Another major is refused; a newer minor is read, the flag words
// decide.
inline constexpr uint16_t kFormatMajor = 1;
inline constexpr uint16_t kFormatMinor = 2;

// Feature bits. An unknown incompatible bit means "do not open", an unknown read-only compatible
// bit "do not write", an unknown compatible bit nothing.
struct FeatureFlags {
  uint64_t compatible = 0;
  uint64_t read_only_compatible = 0;
  uint64_t incompatible = 0;

  bool operator==(const FeatureFlags&) const = default;
};
// Incompatible: manifests have locations, a history and tags, and a journal may hold newer versions
// than the manifest that the superblock names. Format 1.1.
inline constexpr uint64_t kFlagJournal = 1;
// Incompatible: segments may have their codes in two halves. Format 1.2.
inline constexpr uint64_t kFlagCodeHalves = 2;
// Bits this build knows, and sets in whatever it writes.
inline constexpr FeatureFlags kKnownFlags{.incompatible = kFlagJournal | kFlagCodeHalves};

// kUnsupported, naming `what`, when a file with this version and these flags must not be read.
base::Status CheckReadable(uint16_t major, uint16_t minor, const FeatureFlags& flags,
                           const std::string& what);
// The same for writing.
base::Status CheckWritable(const FeatureFlags& flags, const std::string& what);

// Names one store; the seed of its checksums, so that a block of another store is never taken for
// its own.
struct Uuid {
  std::array<std::byte, 16> bytes{};

  auto operator<=>(const Uuid&) const = default;
  // "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx".
  std::string ToString() const;
};
static_assert(sizeof(Uuid) == 16);

inline constexpr size_t kPageSize = 4096;

// "expected 00000001, found 00000002", eight hexadecimal digits each, for messages on checksums.
std::string ExpectedFound(uint32_t expected, uint32_t found);

}  // namespace intact::format
