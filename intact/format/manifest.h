// A manifest: the complete, immutable description of one version. Layout: docs/format/store.md,
// "manifest-<n>". Thread-safe functions over values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "intact/format/format.h"

namespace intact::format {

// Persistent numbers.
enum class ElementType : uint32_t { kFloat32 = 1 };
enum class Metric : uint32_t { kCosine = 1, kDot = 2, kEuclidean = 3 };

inline constexpr uint32_t kDimensionsMax = 65536;
inline constexpr uint64_t kNameSizeMax = 4096;  // Of a collection's name, and of a model identity.
inline constexpr uint64_t kSegmentCountMax = 65536;
inline constexpr uint64_t kEngineStateSizeMax = uint64_t{64} << 20;
inline constexpr uint64_t kManifestSizeMax = uint64_t{80} << 20;

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

struct SegmentEntry {
  uint64_t id = 0;
  uint64_t file_size = 0;
  uint64_t first_row = 0;
  uint64_t row_count = 0;
  base::Digest header_digest;  // Of the header page, which holds the checksum of every section.

  bool operator==(const SegmentEntry&) const = default;
};

struct Manifest {
  Uuid store;
  uint64_t version = 0;  // Also the number in the file's name.
  uint64_t parent = 0;   // Its own number for version 0.
  int64_t wall_ns = 0;
  CollectionSpec spec;
  uint64_t next_row = 0;               // No row id >= this was ever given out.
  uint64_t next_segment = 1;           // The same for segment ids.
  std::vector<SegmentEntry> segments;  // Ascending by first_row, not overlapping.
  base::Bytes engine_state;

  bool operator==(const Manifest&) const = default;
};

// `manifest` must be within its limits (a CHECK).
base::Bytes EncodeManifest(const Manifest& manifest);

// Checks everything a manifest says about itself. kCorruption or kUnsupported; messages begin with
// `what`. Allocates no more than a small multiple of the bytes given.
base::Result<Manifest> DecodeManifest(base::ByteSpan bytes, const std::string& what);

}  // namespace intact::format
