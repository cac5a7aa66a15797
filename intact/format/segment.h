// A segment file: a header page with a table of sections, then the sections. Layout:
// docs/format/store.md, "seg-<id>". Thread-safe functions over values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "intact/format/format.h"

namespace intact::format {

// Persistent numbers of section kinds; never reused.
enum SectionKind : uint32_t {
  kSectionKeys = 1,         // Digest[n], by row.
  kSectionKeyOrder = 2,     // u32[n]: local rows in ascending order of (key, row).
  kSectionCodes = 3,        // i8[n, d rounded up to 64], by row.
  kSectionCodeScales = 4,   // quant::CodeScale {f32 scale, f32 error, f32 norm}[n], by row.
  kSectionRowTable = 5,     // RowEntry[n], by row.
  kSectionRest = 6,         // The encoded exact vectors, end to end, by row.
  kSectionDeletedKeys = 7,  // Digest[m], strictly ascending.
  kSectionKeyFilter = 8,    // See key_filter.h.
  kSectionPageChecks = 9,   // u32[], PageCrc of each page of the sections in kPageCheckedKinds.
  // In place of 3 and 4 since format 1.2.
  kSectionHighCodes = 10,   // u8[n, CodeHalfSize(d)], by row: the upper four bits of c + 128.
  kSectionLowCodes = 11,    // The same of the lower four.
  kSectionCodeBounds = 12,  // quant::CodeBound {f32, f32, u16, u16}[n], by row.
};
// All that a segment with rows has, besides its codes; its codes whole; its codes in two halves.
inline constexpr std::array<uint32_t, 4> kRowKinds = {kSectionKeys, kSectionKeyOrder,
                                                      kSectionRowTable, kSectionRest};
inline constexpr std::array<uint32_t, 2> kWholeCodeKinds = {kSectionCodes, kSectionCodeScales};
inline constexpr std::array<uint32_t, 3> kCodeHalfKinds = {kSectionHighCodes, kSectionLowCodes,
                                                           kSectionCodeBounds};
// Kinds from here on belong to the engine.
inline constexpr uint32_t kEngineSectionFirst = 1000;

// "keys", "key order", ..., "engine section" or "unknown section".
std::string_view SectionKindName(uint32_t kind);

inline constexpr uint64_t kSectionAlignment = 64;
inline constexpr size_t kSectionCountMax = 160;
// How many of them may be the engine's.
inline constexpr size_t kEngineSectionCountMax = 119;
// Rows are split over segments so that none passes this; the engine's sections may add as much
// again.
inline constexpr uint64_t kSegmentSizeMax = uint64_t{1} << 30;
// A segment of at least this many rows is written with a key filter and page checks.
inline constexpr uint32_t kKeyIndexRowsMin = 1024;
// The sections whose pages (of kPageSize bytes, counted from the section's beginning, the last one
// maybe shorter) have checks of their own, in the order of their checks.
inline constexpr std::array<uint32_t, 3> kPageCheckedKinds = {kSectionKeys, kSectionKeyOrder,
                                                              kSectionKeyFilter};
// No valid segment file is larger.
inline constexpr uint64_t kSegmentFileSizeMax = uint64_t{4} << 30;

// Where row i's encoded vector begins in the rest; it ends where the next begins, or with the rest.
struct RowEntry {
  uint32_t offset;
  uint32_t vector_crc;  // RowCrc of the decoded vector.
};
static_assert(sizeof(RowEntry) == 8 && alignof(RowEntry) == 4);

// In place of an encoded vector: "the vector of the row `back` rows before, in this segment".
base::Bytes EncodeRepeat(uint32_t back);
// `back`, at least 1; nullopt when the bytes are no repeat, but a vector.
std::optional<uint32_t> DecodeRepeat(base::ByteSpan encoded);

struct SectionEntry {
  uint32_t kind = 0;
  uint32_t crc = 0;     // SectionCrc of its bytes.
  uint64_t offset = 0;  // In the file; a multiple of 64.
  uint64_t size = 0;

  bool operator==(const SectionEntry&) const = default;
};
static_assert(sizeof(SectionEntry) == 24 && alignof(SectionEntry) == 8);

struct SegmentHeader {
  Uuid store;
  uint64_t id = 0;
  uint64_t first_row = 0;
  uint32_t row_count = 0;
  uint32_t dimensions = 0;
  uint64_t file_size = 0;
  std::vector<SectionEntry> sections;  // Ascending by offset; each kind once.

  bool operator==(const SegmentHeader&) const = default;
  // nullptr when there is none.
  const SectionEntry* Find(uint32_t kind) const;
  bool HasCodesInHalves() const { return Find(kSectionHighCodes) != nullptr; }
};

// Components of a row's code: `dimensions` rounded up to 64.
constexpr uint64_t CodeStride(uint32_t dimensions) { return base::AlignUp(dimensions, 64); }
// Bytes of either half of it.
constexpr uint64_t CodeHalfSize(uint32_t dimensions) { return CodeStride(dimensions) / 2; }

// The size a section of fixed-width rows must have; nullopt for the rest and for engine sections.
std::optional<uint64_t> ColumnSize(uint32_t kind, uint64_t row_count, uint32_t dimensions);

// Seeds of CRC-32C. Both tie the bytes to their store and to their place, so that a block of
// another store, segment, section or row is damage even when it is whole.
uint32_t SectionCrcSeed(const Uuid& store, uint64_t segment_id, uint32_t kind);
uint32_t RowCrc(const Uuid& store, uint64_t row_id, std::span<const float> vector);
// The same for one page of a section.
uint32_t PageCrcSeed(const Uuid& store, uint64_t segment_id, uint32_t kind, uint32_t page);

// Pages of a section of `size` bytes.
constexpr uint64_t PageCount(uint64_t size) { return (size + kPageSize - 1) / kPageSize; }
// Where in the page checks those of section `kind`, one of kPageCheckedKinds, begin, as an index of
// u32; with kind 0, how many there are in all.
uint64_t PageChecksBegin(const SegmentHeader& header, uint32_t kind);

// `header` must fit one page (a CHECK).
std::array<std::byte, kPageSize> EncodeSegmentHeader(const SegmentHeader& header);

// Checks the page and that every section lies inside `file_size`, aligned, in order, without
// overlap, with the size its kind demands, and that the columns are there when there are rows.
// The content of no section is looked at.
// kCorruption or kUnsupported; messages begin with `what`.
base::Result<SegmentHeader> DecodeSegmentHeader(base::ByteSpan page, uint64_t file_size,
                                                const std::string& what);

}  // namespace intact::format
