// Inverted lists of a segment, for approximate search, and the summary of all of them. Layout:
// docs/format/ivf.md. Thread-safe functions over values.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "intact/format/format.h"

namespace intact::format {

inline constexpr uint32_t kIvfListCountMax = 65536;
inline constexpr uint64_t kIvfAlignment = 64;
inline constexpr size_t kIvfRowTailSize = 16;  // Of a row in a list, besides its high code.

// Centroid l is scale * code l.
struct IvfTerm {
  float scale = 0;
  float bias = 0;    // Half the centroid's squared length.
  float spread = 0;  // Mean squared distance of the rows it was trained on.
  uint32_t reserved = 0;

  bool operator==(const IvfTerm&) const = default;
};
static_assert(sizeof(IvfTerm) == 16);

struct IvfListEntry {
  uint64_t offset = 0;  // In the file.
  uint32_t row_count = 0;
  uint32_t crc = 0;

  bool operator==(const IvfListEntry&) const = default;
};
static_assert(sizeof(IvfListEntry) == 16);

struct IvfHeader {
  Uuid store;
  uint64_t segment = 0;
  base::Digest segment_digest;
  uint32_t dimensions = 0;
  uint32_t list_count = 0;
  uint32_t row_count = 0;
  float query_norm = 0;
  base::Digest training;
  uint64_t file_size = 0;
  uint32_t centroids_crc = 0;
  uint32_t terms_crc = 0;
  uint32_t table_crc = 0;

  uint32_t stride() const { return (dimensions + 63) / 64 * 64; }
  // What the CRCs of all parts and lists start from.
  uint32_t crc_seed() const;
  // Where the parts begin.
  uint64_t centroids_offset() const { return kPageSize; }
  uint64_t centroids_size() const { return uint64_t{list_count} * stride(); }
  uint64_t terms_offset() const;
  uint64_t table_offset() const;
  uint64_t lists_offset() const;
  // Of a list of so many rows, up to the next one.
  uint64_t ListSize(uint32_t list_row_count) const;

  bool operator==(const IvfHeader&) const = default;
};

using IvfHeaderBytes = std::array<std::byte, kPageSize>;
IvfHeaderBytes EncodeIvfHeader(const IvfHeader& header);

// kCorruption or kUnsupported; messages begin with `what`.
base::Result<IvfHeader> DecodeIvfHeader(base::ByteSpan page, uint64_t file_size,
                                        const std::string& what);

// Which centroids a file was made with.
base::Digest IvfTraining(uint32_t dimensions, float query_norm, std::span<const int8_t> centroids,
                         std::span<const IvfTerm> terms);

// A file's header, and the parts that a search needs of it at once, checked; lists when they are
// asked for. Borrows the bytes, which begin at a multiple of 64. Thread-safe.
class IvfView {
 public:
  struct List {
    std::span<const std::byte> high;    // u8[n, stride / 2]
    std::span<const std::byte> bounds;  // {f32, f32, u16, u16}[n]
    std::span<const uint32_t> rows;     // [n]
  };

  // Compares the checksums of all but the lists, and sees to it that each lies within the file.
  static base::Result<IvfView> Parse(base::ByteSpan bytes, const std::string& what);

  const IvfHeader& header() const { return header_; }
  std::span<const int8_t> centroids() const { return centroids_; }  // [lists, stride]
  std::span<const IvfTerm> terms() const { return terms_; }         // [lists]
  std::span<const IvfListEntry> table() const { return table_; }    // [lists]

  // List `index` < list_count, unchecked: its rows may be any numbers.
  List ListAt(uint32_t index) const;
  // kCorruption when its checksum differs, or its rows are not ascending, or not the segment's.
  base::Status CheckList(uint32_t index) const;

 private:
  base::ByteSpan bytes_;
  IvfHeader header_;
  std::span<const int8_t> centroids_;
  std::span<const IvfTerm> terms_;
  std::span<const IvfListEntry> table_;
};

inline constexpr uint64_t kIvfSummarySizeMax = uint64_t{1} << 20;
inline constexpr uint32_t kIvfCurveSizeMax = 64;
inline constexpr uint32_t kIvfSampleSizeMax = 65536 - 512;

struct IvfSummary {
  struct Point {
    uint32_t probes = 0;
    uint32_t recall = 0;  // Millionths.
    bool operator==(const Point&) const = default;
  };
  struct SampleRow {
    uint64_t segment = 0;
    uint32_t row = 0;
    bool operator==(const SampleRow&) const = default;
  };
  uint32_t k = 0;
  Uuid store;
  base::Digest training;
  uint64_t rows_trained = 0;
  uint32_t probes = 0;
  std::vector<Point> curve;  // Ascending by probes.
  std::vector<SampleRow> sample;

  bool operator==(const IvfSummary&) const = default;
};

// Within the limits above (a CHECK).
base::Bytes EncodeIvfSummary(const IvfSummary& summary);
// kCorruption or kUnsupported; messages begin with `what`.
base::Result<IvfSummary> DecodeIvfSummary(base::ByteSpan bytes, const std::string& what);

}  // namespace intact::format
