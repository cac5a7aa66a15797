#include "intact/store/snapshot.h"

#include <algorithm>

#include "intact/codec/codec.h"
#include "intact/format/superblock.h"

namespace intact::store {
namespace {

using base::Result;
using base::Status;

// Large enough to keep the checksum busy, small enough not to be noticed in the resident set.
constexpr size_t kWindowSize = size_t{1} << 20;
// Rows with at most so many bytes between them are prefetched in one piece: reading on costs no
// more than another request.
constexpr uint64_t kPrefetchGapSize = uint64_t{16} << 10;

// Codes of at most this many components are put together on the stack.
constexpr size_t kStackCodeSize = 4096;

// A number of a mapped file, read once: it must not be another one after its bounds were checked.
template <typename T>
T ReadOnce(const T& mapped) {
  return *static_cast<const volatile T*>(&mapped);
}

Status CheckEntry(const format::SegmentHeader& header, const format::Uuid& store,
                  const format::SegmentEntry& entry, uint32_t dimensions, const std::string& path) {
  const bool agrees = header.store == store && header.id == entry.id &&
                      header.first_row == entry.first_row && header.row_count == entry.row_count &&
                      header.dimensions == dimensions;
  if (agrees) return base::Ok();
  return base::Corruption(path + " at offset 0: expected segment " + std::to_string(entry.id) +
                          " of store " + store.ToString() + ", found segment " +
                          std::to_string(header.id) + " of store " + header.store.ToString() +
                          ", or other rows than the manifest says");
}

}  // namespace

Result<std::shared_ptr<const Segment>> Segment::Open(std::shared_ptr<os::Mapping> mapping,
                                                     uint64_t offset, const std::string& path,
                                                     const format::Uuid& store,
                                                     const format::SegmentEntry& entry,
                                                     uint32_t dimensions) {
  const base::ByteSpan file = mapping->bytes();
  if (offset > file.size() || entry.file_size > file.size() - offset ||
      entry.file_size < format::kPageSize || offset % format::kSectionAlignment != 0) {
    return base::Corruption(path + " at offset " + std::to_string(offset) + ": no place for the " +
                            std::to_string(entry.file_size) + " bytes of segment " +
                            std::to_string(entry.id) + " in " + std::to_string(file.size()));
  }
  // A row or a key is found by a few pages here and there, and the header is one; without this each
  // of them would bring the read-ahead window of the disk along, megabytes on some. Not for a part
  // of a file, which would be a map of its own then.
  if (entry.location.journal == 0) mapping->Advise(0, file.size(), os::Access::kRandom);
  // A copy, so that what is digested is what is parsed.
  std::array<std::byte, format::kPageSize> page;
  std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(offset), page.size(), page.begin());
  const base::Digest digest = base::DigestOf(page);
  if (digest != entry.header_digest) {
    return base::Corruption(path + " at offset " + std::to_string(offset) +
                            ": the header's digest differs: expected " +
                            entry.header_digest.ToHex() + ", found " + digest.ToHex());
  }
  INTACT_ASSIGN_OR_RETURN(format::SegmentHeader header,
                          format::DecodeSegmentHeader(page, entry.file_size, path));
  INTACT_RETURN_IF_ERROR(CheckEntry(header, store, entry, dimensions, path));
  std::shared_ptr<Segment> segment(
      new Segment(std::move(mapping), offset, path, store, std::move(header)));
  segment->entry_ = entry;
  return std::shared_ptr<const Segment>(std::move(segment));
}

Segment::Segment(std::shared_ptr<os::Mapping> mapping, uint64_t offset, std::string path,
                 format::Uuid store, format::SegmentHeader header)
    : mapping_(std::move(mapping)),
      offset_(offset),
      bytes_(mapping_->bytes().subspan(offset, header.file_size)),
      path_(std::move(path)),
      store_(store),
      header_(std::move(header)),
      tables_(header_.dimensions),
      keys_(Column<base::Digest>(format::kSectionKeys)),
      order_(Column<uint32_t>(format::kSectionKeyOrder)),
      codes_{.stride = format::CodeStride(header_.dimensions),
             .high = Column<uint8_t>(format::kSectionHighCodes),
             .low = Column<uint8_t>(format::kSectionLowCodes),
             .bounds = Column<quant::CodeBound>(format::kSectionCodeBounds),
             .codes = Column<int8_t>(format::kSectionCodes),
             .scales = Column<quant::CodeScale>(format::kSectionCodeScales)},
      row_table_(Column<format::RowEntry>(format::kSectionRowTable)),
      deleted_keys_(Column<base::Digest>(format::kSectionDeletedKeys)),
      rest_(Raw(format::kSectionRest)),
      checked_(header_.sections.size()),
      key_index_(*this),
      row_fetch_(*this) {}

base::ByteSpan Segment::Raw(uint32_t kind) const {
  const format::SectionEntry* entry = header_.Find(kind);
  if (entry == nullptr) return {};
  return bytes_.subspan(entry->offset, entry->size);
}

// Sections lie at multiples of 64 in a map, which begins at a page: aligned for every column type.
template <typename T>
std::span<const T> Segment::Column(uint32_t kind) const {
  const base::ByteSpan bytes = Raw(kind);
  return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
}

std::string Segment::PlaceOf(uint64_t offset) const {
  return path_ + " at offset " + std::to_string(offset_ + offset);
}

void Segment::Advise(uint64_t offset, uint64_t size, os::Access access) const {
  mapping_->Advise(offset_ + offset, size, access);
}

bool Segment::HasSection(uint32_t kind) const { return header_.Find(kind) != nullptr; }

Status Segment::Check(uint32_t kind, PageUse use) const {
  const format::SectionEntry* entry = header_.Find(kind);
  if (entry == nullptr) return base::Ok();
  std::atomic<bool>& checked = checked_[static_cast<size_t>(entry - header_.sections.data())];
  if (checked.load(std::memory_order_relaxed)) return base::Ok();
  INTACT_RETURN_IF_ERROR(Compare(*entry, use));
  checked.store(true, std::memory_order_relaxed);
  return base::Ok();
}

Status Segment::CheckAll(PageUse use) const {
  for (const format::SectionEntry& section : header_.sections) {
    INTACT_RETURN_IF_ERROR(Check(section.kind, use));
  }
  return base::Ok();
}

Status Segment::Compare(const format::SectionEntry& section, PageUse use) const {
  const uint32_t kind = section.kind;
  const base::ByteSpan bytes = Raw(kind);
  uint32_t crc = format::SectionCrcSeed(store_, header_.id, kind);
  Advise(section.offset, std::min<uint64_t>(bytes.size(), kWindowSize), os::Access::kSoon);
  for (size_t begin = 0; begin < bytes.size(); begin += kWindowSize) {
    const base::ByteSpan part = bytes.subspan(begin, std::min(kWindowSize, bytes.size() - begin));
    const size_t next = begin + part.size();
    if (next < bytes.size()) {
      Advise(section.offset + next, std::min(kWindowSize, bytes.size() - next), os::Access::kSoon);
    }
    crc = base::Crc32c(part, crc);
    if (use == PageUse::kRelease) ReleasePages();
  }
  if (crc != section.crc) {
    INTACT_RETURN_IF_ERROR(CheckUnchanged());  // What happened to the file says more.
    return base::Corruption(PlaceOf(section.offset) + ": checksum of " +
                            std::string(format::SectionKindName(kind)) + " (kind " +
                            std::to_string(kind) + ", " + std::to_string(section.size) +
                            " bytes) differs: " + format::ExpectedFound(section.crc, crc));
  }
  return base::Ok();
}

Status Segment::CompareAgain(const os::ChangeMark& mark) const {
  if (unchanged_mark_.load(std::memory_order_relaxed) == mark.number) return base::Ok();
  const bool has_page_checks = HasSection(format::kSectionPageChecks);
  for (size_t i = 0; i < header_.sections.size(); ++i) {
    const format::SectionEntry& entry = header_.sections[i];
    // Pages that were compared alone are not known here.
    const auto& paged = format::kPageCheckedKinds;
    const bool is_paged =
        has_page_checks && std::find(paged.begin(), paged.end(), entry.kind) != paged.end();
    if (!is_paged && !checked_[i].load(std::memory_order_relaxed)) continue;
    const uint32_t crc =
        base::Crc32c(Raw(entry.kind), format::SectionCrcSeed(store_, header_.id, entry.kind));
    if (crc == entry.crc) continue;
    return base::Corruption(
        PlaceOf(entry.offset) + ": " + std::string(format::SectionKindName(entry.kind)) +
        " changed while it was open: checksum " + format::ExpectedFound(entry.crc, crc));
  }
  if (mark.is_settled) unchanged_mark_.store(mark.number, std::memory_order_relaxed);
  return base::Ok();
}

Status Segment::CheckUnchanged() const {
  if (location().journal == 0) return mapping_->Check(os::MappingCheck::kContent);
  // The mark first: what is written after it makes another one.
  INTACT_ASSIGN_OR_RETURN(const os::ChangeMark mark, mapping_->Mark());
  INTACT_RETURN_IF_ERROR(mapping_->Check(os::MappingCheck::kSize));
  return CompareAgain(mark);
}

Status Segment::CheckUnchanged(std::span<const std::shared_ptr<const Segment>> segments) {
  const os::Mapping* looked_at = nullptr;
  os::ChangeMark mark;
  for (const auto& segment : segments) {
    const os::Mapping* mapping = segment->mapping_.get();
    const bool is_in_journal = segment->location().journal != 0;
    if (mapping != looked_at) {
      if (is_in_journal) {
        INTACT_ASSIGN_OR_RETURN(mark, mapping->Mark());
      }
      INTACT_RETURN_IF_ERROR(
          mapping->Check(is_in_journal ? os::MappingCheck::kSize : os::MappingCheck::kContent));
      looked_at = mapping;
    }
    if (is_in_journal) INTACT_RETURN_IF_ERROR(segment->CompareAgain(mark));
  }
  return base::Ok();
}

Status Segment::CheckKeys() const {
  INTACT_RETURN_IF_ERROR(Check(format::kSectionKeys));
  return Check(format::kSectionKeyOrder);
}

std::span<const uint32_t> Segment::CodeKinds() const {
  if (codes_.is_whole()) return format::kWholeCodeKinds;
  return format::kCodeHalfKinds;
}

uint64_t Segment::CodeOffset(uint32_t index) const {
  const format::SectionEntry& entry = *header_.Find(CodeKinds()[0]);
  return entry.offset + index * (entry.size / row_count());
}

Status Segment::CheckCodes() const {
  for (const uint32_t kind : CodeKinds()) INTACT_RETURN_IF_ERROR(Check(kind));
  if (is_scanned_.exchange(true, std::memory_order_relaxed)) return base::Ok();
  for (const uint32_t kind : {format::kSectionCodes, format::kSectionHighCodes}) {
    const format::SectionEntry* entry = header_.Find(kind);
    // Small codes are not worth a map of their own: a process may have 65,530.
    if (entry == nullptr || entry->size < kWindowSize) continue;
    Advise(entry->offset, entry->size, os::Access::kNormal);
  }
  return base::Ok();
}

Result<base::ByteSpan> Segment::Section(uint32_t kind) const {
  INTACT_RETURN_IF_ERROR(Check(kind));
  return Raw(kind);
}

Result<std::optional<RowId>> Segment::Find(const base::Digest& key) const {
  INTACT_ASSIGN_OR_RETURN(const std::optional<uint32_t> row, key_index_.Find(key));
  if (!row) return std::optional<RowId>();
  return std::optional<RowId>(header_.first_row + *row);
}

Result<bool> Segment::HasDeleted(const base::Digest& key) const {
  INTACT_RETURN_IF_ERROR(Check(format::kSectionDeletedKeys));
  return std::binary_search(deleted_keys_.begin(), deleted_keys_.end(), key);
}

Result<base::ByteSpan> Segment::EncodedVector(uint32_t index) const {
  INTACT_CHECK(index < row_table_.size());
  const uint64_t begin = ReadOnce(row_table_[index].offset);
  const uint64_t end =
      index + 1 < row_table_.size() ? ReadOnce(row_table_[index + 1].offset) : rest_.size();
  if (begin > end || end > rest_.size()) {
    return base::Corruption(path_ + ": row " + std::to_string(header_.first_row + index) +
                            " lies at " + std::to_string(begin) + " to " + std::to_string(end) +
                            " of " + std::to_string(rest_.size()) + " bytes");
  }
  return rest_.subspan(begin, end - begin);
}

Result<base::ByteSpan> Segment::FetchVector(uint32_t index) const {
  const RowFetch::Visit visit = row_fetch_.Before(index);
  INTACT_ASSIGN_OR_RETURN(const base::ByteSpan encoded, EncodedVector(index));
  if (!encoded.empty()) static_cast<void>(ReadOnce(encoded[0]));  // Waits until it is there.
  row_fetch_.After(visit);
  return encoded;
}

Status Segment::Decode(base::ByteSpan encoded, uint32_t code_row, std::span<float> target) const {
  // A stack holds any code but the longest, which take their time anyway.
  std::array<int8_t, kStackCodeSize> on_stack;
  std::vector<int8_t> on_heap;
  std::span<int8_t> scratch;
  if (!codes_.is_whole()) {
    if (codes_.stride > on_stack.size()) on_heap.resize(codes_.stride);
    scratch = on_heap.empty() ? std::span(on_stack).first(codes_.stride) : std::span(on_heap);
  }
  const std::span<const int8_t> code = codes_.Read(code_row, scratch).first(header_.dimensions);
  return codec::DecodeCompletion(tables_, encoded, code, codes_.scale(code_row), target);
}

Status Segment::ReadVector(uint32_t index, std::span<float> target) const {
  if (target.size() != header_.dimensions) {
    return base::InvalidArgument("a vector of " + std::to_string(header_.dimensions) +
                                 " dimensions does not fit " + std::to_string(target.size()));
  }
  INTACT_ASSIGN_OR_RETURN(base::ByteSpan encoded, FetchVector(index));
  const RowId row = header_.first_row + index;
  uint32_t source = index;
  if (const std::optional<uint32_t> back = format::DecodeRepeat(encoded); back && *back <= index) {
    source = index - *back;
    INTACT_ASSIGN_OR_RETURN(encoded, FetchVector(source));
  }
  if (Status decoded = Decode(encoded, source, target); !decoded.ok()) {
    INTACT_RETURN_IF_ERROR(CheckUnchanged());  // What happened to the file says more.
    return decoded.Annotate(path_ + ": row " + std::to_string(row));
  }
  // Of what was decoded, not of what is mapped: a file that changes meanwhile is found out too.
  const uint32_t crc = format::RowCrc(store_, row, target);
  const uint32_t expected = row_table_[index].vector_crc;
  if (crc == expected) return mapping_->Check(os::MappingCheck::kPages);
  INTACT_RETURN_IF_ERROR(CheckUnchanged());
  return base::Corruption(PlaceOf(static_cast<uint64_t>(encoded.data() - bytes_.data())) +
                          ": row " + std::to_string(row) + ": checksum of the vector differs: " +
                          format::ExpectedFound(expected, crc));
}

void Segment::ReleasePages() const { mapping_->Release(offset_, bytes_.size()); }

void Segment::Prefetch(std::span<const uint32_t> rows) const {
  // The kernel reads small files ahead by itself.
  if (file_size() < kWindowSize || rows.empty()) return;
  const auto advise = [&](const std::byte* begin, const std::byte* end) {
    Advise(static_cast<uint64_t>(begin - bytes_.data()), static_cast<uint64_t>(end - begin),
           os::Access::kSoon);
  };
  const size_t half_size = codes_.stride / 2;
  const uint64_t row_size =
      std::max<uint64_t>(codes_.is_whole() ? codes_.stride : half_size, rest_.size() / row_count());
  const uint64_t gap = 1 + kPrefetchGapSize / row_size;
  for (size_t i = 0; i < rows.size();) {
    const uint32_t first = rows[i];
    uint32_t last = first;
    // Neighbours are asked for together.
    while (++i < rows.size() && rows[i] - last <= gap) last = rows[i];
    const auto encoded_first = EncodedVector(first);
    const auto encoded_last = EncodedVector(last);
    if (!encoded_first.ok() || !encoded_last.ok()) continue;  // Who reads them is told.
    const std::byte* const end = encoded_last->data() + encoded_last->size();
    if (encoded_first->data() < end) advise(encoded_first->data(), end);
    for (const uint32_t kind : CodeKinds()) {
      const base::ByteSpan column = Raw(kind);
      const size_t size = column.size() / row_count();
      advise(column.data() + first * size, column.data() + (size_t{last} + 1) * size);
    }
  }
}

Result<std::optional<RowId>> FindNewest(std::span<const std::shared_ptr<const Segment>> segments,
                                        const base::Digest& key) {
  for (size_t i = segments.size(); i-- > 0;) {
    INTACT_ASSIGN_OR_RETURN(const std::optional<RowId> row, segments[i]->Find(key));
    if (row) return row;
    INTACT_ASSIGN_OR_RETURN(const bool is_deleted, segments[i]->HasDeleted(key));
    if (is_deleted) break;
  }
  return std::optional<RowId>();
}

Snapshot::Snapshot(format::Manifest manifest, const format::VersionEntry& self,
                   std::vector<std::shared_ptr<const Segment>> segments)
    : manifest_(std::move(manifest)), self_(self), segments_(std::move(segments)) {
  for (const auto& segment : segments_) row_count_ += segment->row_count();
}

const Segment* Snapshot::SegmentOf(RowId row) const {
  // The last segment that begins at or before the row; one without rows may begin there too, but
  // comes first.
  const auto after =
      std::upper_bound(segments_.begin(), segments_.end(), row,
                       [](RowId id, const auto& segment) { return id < segment->first_row(); });
  for (auto it = after; it != segments_.begin();) {
    const Segment& segment = **--it;
    if (segment.row_count() == 0) continue;
    return segment.HasRow(row) ? &segment : nullptr;
  }
  return nullptr;
}

Result<std::optional<RowId>> Snapshot::Find(const base::Digest& key) const {
  INTACT_ASSIGN_OR_RETURN(const std::optional<RowId> row, FindNewest(segments_, key));
  // "Not there" is said by all that were asked. Those before the row's were not.
  size_t begin = 0;
  if (row) {
    while (begin < segments_.size() && !segments_[begin]->HasRow(*row)) ++begin;
  }
  INTACT_RETURN_IF_ERROR(Segment::CheckUnchanged(segments().subspan(begin)));
  return row;
}

Status Snapshot::ReadVector(RowId row, std::span<float> target) const {
  const Segment* segment = SegmentOf(row);
  if (segment == nullptr) {
    return base::NotFound("version " + std::to_string(version()) + " has no row " +
                          std::to_string(row));
  }
  return segment->ReadVector(static_cast<uint32_t>(row - segment->first_row()), target);
}

StoredBytes Snapshot::stored_bytes() const {
  StoredBytes bytes;
  bytes.raw = row_count_ * manifest_.spec.dimensions * sizeof(float);
  bytes.overhead = format::kSuperFileSize + self_.size;
  bytes.total = bytes.overhead;
  for (const auto& segment : segments_) {
    uint64_t in_sections = 0;
    for (const format::SectionEntry& entry : segment->header().sections) {
      in_sections += entry.size;
      switch (entry.kind) {
        case format::kSectionKeys:
        case format::kSectionKeyOrder:
        case format::kSectionDeletedKeys:
        case format::kSectionKeyFilter:
        case format::kSectionPageChecks:
          bytes.keys += entry.size;
          break;
        case format::kSectionCodes:
        case format::kSectionCodeScales:
        case format::kSectionHighCodes:
        case format::kSectionLowCodes:
        case format::kSectionCodeBounds:
          bytes.codes += entry.size;
          break;
        case format::kSectionRowTable:
          bytes.row_table += entry.size;
          break;
        case format::kSectionRest:
          bytes.rest += entry.size;
          break;
        default:
          bytes.engine_sections += entry.size;
      }
    }
    bytes.overhead += segment->file_size() - in_sections;
    bytes.total += segment->file_size();
  }
  return bytes;
}

void Snapshot::ReleasePages() const {
  for (const auto& segment : segments_) segment->ReleasePages();
}

}  // namespace intact::store
