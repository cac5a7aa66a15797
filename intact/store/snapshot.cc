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

Result<std::shared_ptr<const Segment>> Segment::Open(os::FileSystem& files, const std::string& path,
                                                     const format::Uuid& store,
                                                     const format::SegmentEntry& entry,
                                                     uint32_t dimensions) {
  INTACT_ASSIGN_OR_RETURN(std::unique_ptr<os::Mapping> mapping, files.Map(path));
  const base::ByteSpan bytes = mapping->bytes();
  if (bytes.size() != entry.file_size || bytes.size() < format::kPageSize) {
    return base::Corruption(path + ": expected " + std::to_string(entry.file_size) +
                            " bytes, found " + std::to_string(bytes.size()));
  }
  // A copy, so that what is digested is what is parsed.
  std::array<std::byte, format::kPageSize> page;
  std::copy_n(bytes.begin(), page.size(), page.begin());
  const base::Digest digest = base::DigestOf(page);
  if (digest != entry.header_digest) {
    return base::Corruption(path + " at offset 0: the header's digest differs: expected " +
                            entry.header_digest.ToHex() + ", found " + digest.ToHex());
  }
  INTACT_ASSIGN_OR_RETURN(format::SegmentHeader header,
                          format::DecodeSegmentHeader(page, bytes.size(), path));
  INTACT_RETURN_IF_ERROR(CheckEntry(header, store, entry, dimensions, path));
  return std::shared_ptr<const Segment>(
      new Segment(std::move(mapping), path, store, std::move(header)));
}

Segment::Segment(std::unique_ptr<os::Mapping> mapping, std::string path, format::Uuid store,
                 format::SegmentHeader header)
    : mapping_(std::move(mapping)),
      path_(std::move(path)),
      store_(store),
      header_(std::move(header)),
      code_stride_(format::CodeStride(header_.dimensions)),
      tables_(header_.dimensions),
      keys_(Column<base::Digest>(format::kSectionKeys)),
      order_(Column<uint32_t>(format::kSectionKeyOrder)),
      codes_(Column<int8_t>(format::kSectionCodes)),
      scales_(Column<quant::CodeScale>(format::kSectionCodeScales)),
      row_table_(Column<format::RowEntry>(format::kSectionRowTable)),
      rest_(Raw(format::kSectionRest)),
      checked_(header_.sections.size()) {}

base::ByteSpan Segment::Raw(uint32_t kind) const {
  const format::SectionEntry* entry = header_.Find(kind);
  if (entry == nullptr) return {};
  return mapping_->bytes().subspan(entry->offset, entry->size);
}

// Sections lie at multiples of 64 in a map, which begins at a page: aligned for every column type.
template <typename T>
std::span<const T> Segment::Column(uint32_t kind) const {
  const base::ByteSpan bytes = Raw(kind);
  return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
}

bool Segment::HasSection(uint32_t kind) const { return header_.Find(kind) != nullptr; }

Status Segment::Check(uint32_t kind, PageUse use) const {
  const format::SectionEntry* entry = header_.Find(kind);
  if (entry == nullptr) return base::Ok();
  std::atomic<bool>& checked = checked_[static_cast<size_t>(entry - header_.sections.data())];
  if (checked.load(std::memory_order_relaxed)) return base::Ok();
  const base::ByteSpan bytes = Raw(kind);
  uint32_t crc = format::SectionCrcSeed(store_, header_.id, kind);
  for (size_t begin = 0; begin < bytes.size(); begin += kWindowSize) {
    const base::ByteSpan part = bytes.subspan(begin, std::min(kWindowSize, bytes.size() - begin));
    crc = base::Crc32c(part, crc);
    if (use == PageUse::kRelease) ReleasePages();
  }
  if (crc != entry->crc) {
    return base::Corruption(path_ + " at offset " + std::to_string(entry->offset) +
                            ": checksum of " + std::string(format::SectionKindName(kind)) +
                            " (kind " + std::to_string(kind) + ", " + std::to_string(entry->size) +
                            " bytes) differs: " + format::ExpectedFound(entry->crc, crc));
  }
  checked.store(true, std::memory_order_relaxed);
  return base::Ok();
}

Status Segment::CheckKeys() const {
  INTACT_RETURN_IF_ERROR(Check(format::kSectionKeys));
  return Check(format::kSectionKeyOrder);
}

Status Segment::CheckCodes() const {
  INTACT_RETURN_IF_ERROR(Check(format::kSectionCodes));
  return Check(format::kSectionCodeScales);
}

Result<base::ByteSpan> Segment::Section(uint32_t kind) const {
  INTACT_RETURN_IF_ERROR(Check(kind));
  return Raw(kind);
}

Result<std::optional<RowId>> Segment::Find(const base::Digest& key) const {
  INTACT_RETURN_IF_ERROR(CheckKeys());
  size_t begin = 0;
  size_t end = order_.size();
  // The last place whose key is not above `key`: with several rows of one key, the newest.
  while (begin < end) {
    const size_t middle = begin + (end - begin) / 2;
    // Checksums are no signature: a forged order must not lead outside.
    if (order_[middle] >= keys_.size()) {
      return base::Corruption(path_ + ": key order names row " + std::to_string(order_[middle]) +
                              " of " + std::to_string(keys_.size()));
    }
    if (keys_[order_[middle]] <= key) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  if (begin == 0 || order_[begin - 1] >= keys_.size() || keys_[order_[begin - 1]] != key) {
    return std::optional<RowId>();
  }
  return std::optional<RowId>(header_.first_row + order_[begin - 1]);
}

Result<base::ByteSpan> Segment::EncodedVector(uint32_t index) const {
  INTACT_CHECK(index < row_table_.size());
  const uint64_t begin = row_table_[index].offset;
  const uint64_t end = index + 1 < row_table_.size() ? row_table_[index + 1].offset : rest_.size();
  if (begin > end || end > rest_.size()) {
    return base::Corruption(path_ + ": row " + std::to_string(header_.first_row + index) +
                            " lies at " + std::to_string(begin) + " to " + std::to_string(end) +
                            " of " + std::to_string(rest_.size()) + " bytes");
  }
  return rest_.subspan(begin, end - begin);
}

Status Segment::ReadVector(uint32_t index, std::span<float> target) const {
  if (target.size() != header_.dimensions) {
    return base::InvalidArgument("a vector of " + std::to_string(header_.dimensions) +
                                 " dimensions does not fit " + std::to_string(target.size()));
  }
  INTACT_ASSIGN_OR_RETURN(base::ByteSpan encoded, EncodedVector(index));
  const RowId row = header_.first_row + index;
  uint32_t source = index;
  if (const std::optional<uint32_t> back = format::DecodeRepeat(encoded); back && *back <= index) {
    source = index - *back;
    INTACT_ASSIGN_OR_RETURN(encoded, EncodedVector(source));
  }
  const std::span<const int8_t> code = codes_.subspan(source * code_stride_, header_.dimensions);
  if (Status decoded =
          codec::DecodeCompletion(tables_, encoded, code, scales_[source].scale, target);
      !decoded.ok()) {
    return decoded.Annotate(path_ + ": row " + std::to_string(row));
  }
  // Of what was decoded, not of what is mapped: a file that changes meanwhile is found out too.
  const uint32_t crc = format::RowCrc(store_, row, target);
  const uint32_t expected = row_table_[index].vector_crc;
  if (crc == expected) return base::Ok();
  return base::Corruption(
      path_ + " at offset " +
      std::to_string(static_cast<uint64_t>(encoded.data() - mapping_->bytes().data())) + ": row " +
      std::to_string(row) +
      ": checksum of the vector differs: " + format::ExpectedFound(expected, crc));
}

void Segment::ReleasePages() const { mapping_->Release(0, mapping_->bytes().size()); }

Snapshot::Snapshot(format::Manifest manifest, uint64_t manifest_size,
                   std::vector<std::shared_ptr<const Segment>> segments)
    : manifest_(std::move(manifest)),
      manifest_size_(manifest_size),
      segments_(std::move(segments)) {
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
    return row - segment.first_row() < segment.row_count() ? &segment : nullptr;
  }
  return nullptr;
}

Result<std::optional<RowId>> Snapshot::Find(const base::Digest& key) const {
  for (auto it = segments_.rbegin(); it != segments_.rend(); ++it) {
    INTACT_ASSIGN_OR_RETURN(const std::optional<RowId> row, (*it)->Find(key));
    if (row) return row;
  }
  return std::optional<RowId>();
}

Status Snapshot::ReadVector(RowId row, std::span<float> target) const {
  const Segment* segment = SegmentOf(row);
  if (segment == nullptr) {
    return base::NotFound("version " + std::to_string(version()) + " has no row " +
                          std::to_string(row));
  }
  return segment->ReadVector(static_cast<uint32_t>(row - segment->first_row()), target);
}

RowCode Snapshot::code(RowId row) const {
  const Segment* segment = SegmentOf(row);
  INTACT_CHECK(segment != nullptr);
  const size_t index = row - segment->first_row();
  return {segment->codes().subspan(index * segment->code_stride(), segment->code_stride()),
          segment->code_scales()[index]};
}

StoredBytes Snapshot::stored_bytes() const {
  StoredBytes bytes;
  bytes.raw = row_count_ * manifest_.spec.dimensions * sizeof(float);
  bytes.overhead = format::kSuperFileSize + manifest_size_;
  bytes.total = bytes.overhead;
  for (const auto& segment : segments_) {
    uint64_t in_sections = 0;
    for (const format::SectionEntry& entry : segment->header().sections) {
      in_sections += entry.size;
      switch (entry.kind) {
        case format::kSectionKeys:
        case format::kSectionKeyOrder:
          bytes.keys += entry.size;
          break;
        case format::kSectionCodes:
        case format::kSectionCodeScales:
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
