// A manifest: the complete, immutable description of one version. Layout: docs/format/store.md,
// "manifest-<n>". Thread-safe functions over values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "intact/format/format.h"

namespace intact::format {

// Persistent numbers.
enum class ElementType : uint32_t { kFloat32 = 1 };
enum class Metric : uint32_t {
  kCosine = 1,
  kDot = 2,
  kEuclidean = 3,
  kHamming = 4,  // Of vectors of zeros and ones.
};
inline constexpr uint32_t kMetricMax = 4;

inline constexpr uint32_t kDimensionsMax = 65536;
inline constexpr uint64_t kNameSizeMax = 4096;  // Of a collection's name, and of a model identity.
inline constexpr uint64_t kSegmentCountMax = 65536;
inline constexpr uint64_t kEngineStateSizeMax = uint64_t{64} << 20;
inline constexpr uint64_t kManifestSizeMax = uint64_t{80} << 20;
inline constexpr uint64_t kHistoryMax = 1024;     // Older versions that a manifest names.
inline constexpr uint64_t kTagCountMax = 4096;    // At most one version has all of them.
inline constexpr uint64_t kTagNameSizeMax = 255;  // Bytes.

// What every vector of a collection has in common.
struct CollectionSpec {
  std::string name = "default";
  uint32_t dimensions = 0;
  Metric metric = Metric::kCosine;
  std::string model;  // The full model identity.

  bool operator==(const CollectionSpec&) const = default;
  // `"default" of 256 dimensions, model "..."`, for messages.
  std::string ToString() const;
};

// kInvalidArgument when a field is outside its limits.
base::Status CheckSpec(const CollectionSpec& spec);

// Where bytes that were committed lie: in a file of their own, or in a journal.
struct Location {
  uint64_t journal = 0;  // The file journal-<n>; 0: a file of their own.
  uint64_t offset = 0;   // In the journal's first half; 0 in a file of their own.

  bool operator==(const Location&) const = default;
};

struct SegmentEntry {
  uint64_t id = 0;
  uint64_t file_size = 0;  // Of the segment: a part of the file when it lies in a journal.
  uint64_t first_row = 0;
  uint64_t row_count = 0;
  base::Digest header_digest;  // Of the header page, which holds the checksum of every section.
  Location location;

  bool operator==(const SegmentEntry&) const = default;
};

// An older version that can still be opened.
struct VersionEntry {
  uint64_t version = 0;
  int64_t wall_ns = 0;  // When it was committed.
  Location location;    // Of its manifest.
  uint64_t size = 0;    // The manifest's.
  base::Digest digest;  // The manifest's.

  bool operator==(const VersionEntry&) const = default;
};

struct Tag {
  std::string name;
  uint64_t version = 0;

  bool operator==(const Tag&) const = default;
};

// Which older versions a commit keeps: those that any rule names.
struct Retention {
  uint32_t keep_last = 1;     // The newest so many, the new one included; at least 1.
  uint64_t keep_seconds = 0;  // Those committed so many seconds before the new one or later.

  bool operator==(const Retention&) const = default;
};

// "a manifest's count of live keys is not kept": some rows came by ways that do not count.
inline constexpr uint64_t kUnknownCount = ~uint64_t{0};

struct Manifest {
  Uuid store;
  uint64_t version = 0;  // Also the number in the file's name.
  uint64_t parent = 0;   // Its own number for version 0.
  int64_t wall_ns = 0;
  CollectionSpec spec;
  uint64_t next_row = 0;      // The next row gets it or a higher one.
  uint64_t next_segment = 1;  // No segment id >= this was ever given out.
  uint64_t key_count = 0;     // Distinct keys that Find finds, or kUnknownCount.
  Retention retention;
  std::vector<SegmentEntry> segments;  // Ascending by first_row, not overlapping.
  std::vector<VersionEntry> history;   // Ascending by version, all older than this one.
  std::vector<Tag> tags;  // Ascending by name; of versions of the history, or this one.
  base::Bytes engine_state;

  bool operator==(const Manifest&) const = default;
};

// `manifest` must be within its limits (a CHECK).
base::Bytes EncodeManifest(const Manifest& manifest);

// kInvalidArgument unless it is 1 to kTagNameSizeMax printable bytes without spaces that do not
// begin with a digit or '-' and are no "v3": what names a version by its number is no tag.
base::Status CheckTagName(std::string_view name);

// kCorruption, beginning with `what`, when DecodeManifest would refuse what EncodeManifest makes of
// it.
base::Status CheckManifest(const Manifest& manifest, const std::string& what);

// Checks everything a manifest says about itself. kCorruption or kUnsupported; messages begin with
// `what`. Allocates no more than a small multiple of the bytes given.
base::Result<Manifest> DecodeManifest(base::ByteSpan bytes, const std::string& what);

}  // namespace intact::format
