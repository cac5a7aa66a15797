#include "intact/format/segment.h"

#include <algorithm>
#include <cstddef>
#include <limits>

namespace intact::format {
namespace {

using base::Result;
using base::Status;

constexpr std::array<unsigned char, 8> kMagic = {0x89, 'I', 'N', 'S', '\r', '\n', 0x1a, '\n'};
constexpr size_t kTableOffset = 128;
constexpr size_t kTableSize = kSectionCountMax * sizeof(SectionEntry);

// The header page as it lies on disk.
struct SegmentPage {
  std::array<unsigned char, 8> magic;
  uint16_t major;
  uint16_t minor;
  uint32_t section_count;
  Uuid store;
  uint64_t id;
  uint64_t first_row;
  uint32_t row_count;
  uint32_t dimensions;
  uint64_t file_size;
  std::array<std::byte, 64> reserved0;
  std::array<std::byte, kTableSize> table;
  std::array<std::byte, 4092 - kTableOffset - kTableSize> reserved1;
  uint32_t crc;
};
static_assert(sizeof(SegmentPage) == kPageSize);
static_assert(offsetof(SegmentPage, store) == 16);
static_assert(offsetof(SegmentPage, row_count) == 48);
static_assert(offsetof(SegmentPage, file_size) == 56);
static_assert(offsetof(SegmentPage, table) == kTableOffset);
static_assert(offsetof(SegmentPage, crc) == 4092);
static_assert(offsetof(SectionEntry, offset) == 8 && offsetof(SectionEntry, size) == 16);

std::string Describe(const SectionEntry& entry) {
  return std::string(SectionKindName(entry.kind)) + " (kind " + std::to_string(entry.kind) +
         ") at offset " + std::to_string(entry.offset);
}

// Every section where the one before ends, aligned, up to the end of the file: no byte without an
// owner.
Status CheckPlaces(const SegmentHeader& header, const std::string& what) {
  uint64_t end = kPageSize;
  for (size_t i = 0; i < header.sections.size(); ++i) {
    const SectionEntry& entry = header.sections[i];
    const uint64_t begin = base::AlignUp(end, kSectionAlignment);
    if (entry.offset != begin || begin > header.file_size ||
        entry.size > header.file_size - begin) {
      return base::Corruption(what + ": section " + Describe(entry) + " with " +
                              std::to_string(entry.size) + " bytes does not lie between " +
                              std::to_string(begin) + " and " + std::to_string(header.file_size));
    }
    end = begin + entry.size;
    if (header.Find(entry.kind) != &entry) {
      return base::Corruption(what + ": section " + Describe(entry) + " is there twice");
    }
  }
  if (end != header.file_size) {
    return base::Corruption(what + ": the sections end at " + std::to_string(end) +
                            ", the file at " + std::to_string(header.file_size));
  }
  return base::Ok();
}

// There, with the size it must have, when `is_expected`; else not there.
Status CheckColumn(const SegmentHeader& header, uint32_t kind, bool is_expected,
                   const std::string& what) {
  const SectionEntry* entry = header.Find(kind);
  if ((entry != nullptr) != is_expected) {
    return base::Corruption(what + ": with " + std::to_string(header.row_count) +
                            " rows, section " + std::string(SectionKindName(kind)) +
                            (entry == nullptr ? " is missing" : " is not expected"));
  }
  if (entry == nullptr) return base::Ok();
  const std::optional<uint64_t> size = ColumnSize(kind, header.row_count, header.dimensions);
  if (size.value_or(entry->size) != entry->size) {
    return base::Corruption(what + ": section " + Describe(*entry) + ": expected " +
                            std::to_string(*size) + " bytes, found " + std::to_string(entry->size));
  }
  if (entry->size > std::numeric_limits<uint32_t>::max() && kind == kSectionRest) {
    return base::Corruption(what + ": section " + Describe(*entry) + " is larger than 4 GiB");
  }
  return base::Ok();
}

Status CheckColumns(const SegmentHeader& header, const std::string& what) {
  const bool has_rows = header.row_count > 0;
  const bool has_halves = header.HasCodesInHalves();
  for (const uint32_t kind : kRowKinds) {
    INTACT_RETURN_IF_ERROR(CheckColumn(header, kind, has_rows, what));
  }
  for (const uint32_t kind : kWholeCodeKinds) {
    INTACT_RETURN_IF_ERROR(CheckColumn(header, kind, has_rows && !has_halves, what));
  }
  for (const uint32_t kind : kCodeHalfKinds) {
    INTACT_RETURN_IF_ERROR(CheckColumn(header, kind, has_rows && has_halves, what));
  }
  return base::Ok();
}

// The sections that may be there or not.
Status CheckOptional(const SegmentHeader& header, const std::string& what) {
  const SectionEntry* deleted = header.Find(kSectionDeletedKeys);
  if (deleted != nullptr && (deleted->size == 0 || deleted->size % sizeof(base::Digest) != 0 ||
                             deleted->size > kSegmentSizeMax)) {
    return base::Corruption(what + ": section " + Describe(*deleted) +
                            ": expected 1 to 2^25 keys of 32 bytes, found " +
                            std::to_string(deleted->size) + " bytes");
  }
  const auto engine_count =
      std::count_if(header.sections.begin(), header.sections.end(),
                    [](const SectionEntry& entry) { return entry.kind >= kEngineSectionFirst; });
  if (static_cast<size_t>(engine_count) > kEngineSectionCountMax) {
    return base::Corruption(what + ": expected at most " + std::to_string(kEngineSectionCountMax) +
                            " sections of the engine, found " + std::to_string(engine_count));
  }
  const SectionEntry* filter = header.Find(kSectionKeyFilter);
  const SectionEntry* checks = header.Find(kSectionPageChecks);
  if (filter != nullptr && checks == nullptr) {
    return base::Corruption(what + ": section " + Describe(*filter) + " has no page checks");
  }
  if (checks == nullptr) return base::Ok();
  const uint64_t size = PageChecksBegin(header, 0) * sizeof(uint32_t);
  if (header.row_count == 0 || checks->size != size) {
    return base::Corruption(what + ": section " + Describe(*checks) + ": expected " +
                            std::to_string(size) + " bytes and rows, found " +
                            std::to_string(checks->size) + " bytes and " +
                            std::to_string(header.row_count) + " rows");
  }
  return base::Ok();
}

}  // namespace

std::string_view SectionKindName(uint32_t kind) {
  static constexpr std::string_view kNames[] = {
      "keys",         "key order",  "codes",       "code scales", "row table", "rest",
      "deleted keys", "key filter", "page checks", "high codes",  "low codes", "code bounds"};
  if (kind >= kEngineSectionFirst) return "engine section";
  if (kind < kSectionKeys || kind > kSectionCodeBounds) return "unknown section";
  return kNames[kind - kSectionKeys];
}

const SectionEntry* SegmentHeader::Find(uint32_t kind) const {
  for (const SectionEntry& entry : sections) {
    if (entry.kind == kind) return &entry;
  }
  return nullptr;
}

std::optional<uint64_t> ColumnSize(uint32_t kind, uint64_t row_count, uint32_t dimensions) {
  switch (kind) {
    case kSectionKeys:
      return row_count * sizeof(base::Digest);
    case kSectionKeyOrder:
      return row_count * sizeof(uint32_t);
    case kSectionCodes:
      return row_count * CodeStride(dimensions);
    case kSectionCodeScales:
      return row_count * 3 * sizeof(float);  // quant::CodeScale.
    case kSectionHighCodes:
    case kSectionLowCodes:
      return row_count * CodeHalfSize(dimensions);
    case kSectionCodeBounds:
      return row_count * 3 * sizeof(float);  // quant::CodeBound.
    case kSectionRowTable:
      return row_count * sizeof(RowEntry);
    default:
      return std::nullopt;
  }
}

uint32_t SectionCrcSeed(const Uuid& store, uint64_t segment_id, uint32_t kind) {
  uint32_t crc = base::Crc32c(store.bytes);
  crc = base::Crc32c(std::as_bytes(std::span(&segment_id, 1)), crc);
  return base::Crc32c(std::as_bytes(std::span(&kind, 1)), crc);
}

uint32_t RowCrc(const Uuid& store, uint64_t row_id, std::span<const float> vector) {
  uint32_t crc = base::Crc32c(store.bytes);
  crc = base::Crc32c(std::as_bytes(std::span(&row_id, 1)), crc);
  return base::Crc32c(std::as_bytes(vector), crc);
}

uint32_t PageCrcSeed(const Uuid& store, uint64_t segment_id, uint32_t kind, uint32_t page) {
  return base::Crc32c(std::as_bytes(std::span(&page, 1)), SectionCrcSeed(store, segment_id, kind));
}

uint64_t PageChecksBegin(const SegmentHeader& header, uint32_t kind) {
  uint64_t count = 0;
  for (const uint32_t checked : kPageCheckedKinds) {
    if (checked == kind) break;
    const SectionEntry* entry = header.Find(checked);
    if (entry != nullptr) count += PageCount(entry->size);
  }
  return count;
}

std::array<std::byte, kPageSize> EncodeSegmentHeader(const SegmentHeader& header) {
  INTACT_CHECK(header.sections.size() <= kSectionCountMax);
  SegmentPage page{};
  page.magic = kMagic;
  page.major = kFormatMajor;
  page.minor = kFormatMinor;
  page.section_count = static_cast<uint32_t>(header.sections.size());
  page.store = header.store;
  page.id = header.id;
  page.first_row = header.first_row;
  page.row_count = header.row_count;
  page.dimensions = header.dimensions;
  page.file_size = header.file_size;
  for (size_t i = 0; i < header.sections.size(); ++i) {
    base::Store(page.table.data() + i * sizeof(SectionEntry), header.sections[i]);
  }
  page.crc = base::Crc32c(std::as_bytes(std::span(&page, 1)).first(offsetof(SegmentPage, crc)));
  return std::bit_cast<std::array<std::byte, kPageSize>>(page);
}

Result<SegmentHeader> DecodeSegmentHeader(base::ByteSpan bytes, uint64_t file_size,
                                          const std::string& what) {
  if (bytes.size() != kPageSize) {
    return base::Corruption(what + ": expected a header of 4096 bytes, found " +
                            std::to_string(bytes.size()));
  }
  const auto page = base::Load<SegmentPage>(bytes.data());
  if (page.magic != kMagic) return base::Corruption(what + ": no segment (magic differs)");
  const uint32_t crc = base::Crc32c(bytes.first(offsetof(SegmentPage, crc)));
  if (crc != page.crc) {
    return base::Corruption(what +
                            ": checksum at offset 4092 differs: " + ExpectedFound(page.crc, crc));
  }
  INTACT_RETURN_IF_ERROR(CheckReadable(page.major, page.minor, {}, what));
  if (page.section_count > kSectionCountMax || page.file_size != file_size ||
      file_size > kSegmentFileSizeMax || page.dimensions == 0) {
    return base::Corruption(
        what + ": a field of the header is outside its limits, or the file has " +
        std::to_string(file_size) + " bytes and not " + std::to_string(page.file_size));
  }
  const size_t used = page.section_count * sizeof(SectionEntry);
  const bool is_reserved_zero = base::IsZero(page.reserved0) && base::IsZero(page.reserved1) &&
                                base::IsZero(std::span(page.table).subspan(used));
  if (!is_reserved_zero && page.minor <= kFormatMinor) {
    return base::Corruption(what + ": reserved bytes of the header are not zero");
  }
  SegmentHeader header;
  header.store = page.store;
  header.id = page.id;
  header.first_row = page.first_row;
  header.row_count = page.row_count;
  header.dimensions = page.dimensions;
  header.file_size = page.file_size;
  for (size_t i = 0; i < page.section_count; ++i) {
    header.sections.push_back(
        base::Load<SectionEntry>(page.table.data() + i * sizeof(SectionEntry)));
  }
  INTACT_RETURN_IF_ERROR(CheckPlaces(header, what));
  INTACT_RETURN_IF_ERROR(CheckColumns(header, what));
  INTACT_RETURN_IF_ERROR(CheckOptional(header, what));
  return header;
}

namespace {

// A first byte that no encoded vector has.
constexpr uint8_t kRepeat = 6;

}  // namespace

base::Bytes EncodeRepeat(uint32_t back) {
  base::ByteWriter writer;
  writer.Put(kRepeat);
  writer.PutVarint(back);
  return writer.Take();
}

std::optional<uint32_t> DecodeRepeat(base::ByteSpan encoded) {
  base::ByteReader reader(encoded);
  if (reader.Get<uint8_t>() != kRepeat) return std::nullopt;
  const uint64_t back = reader.GetVarint();
  if (!reader.AtEnd() || back == 0 || back > std::numeric_limits<uint32_t>::max()) {
    return std::nullopt;
  }
  return static_cast<uint32_t>(back);
}

}  // namespace intact::format
