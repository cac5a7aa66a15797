#include "intact/format/manifest.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

namespace intact::format {
namespace {

using base::Result;
using base::Status;

constexpr std::array<unsigned char, 8> kMagic = {0x89, 'I', 'N', 'M', '\r', '\n', 0x1a, '\n'};

// The fixed part as it lies on disk.
struct ManifestHead {
  std::array<unsigned char, 8> magic;
  uint16_t major;
  uint16_t minor;
  uint32_t segment_count;
  Uuid store;
  uint64_t version;
  uint64_t parent;
  int64_t wall_ns;
  uint64_t next_row;
  uint64_t next_segment;
  uint32_t dimensions;
  uint32_t element_type;
  uint32_t metric;
  uint32_t name_size;
  uint32_t model_size;
  // From here on, but for the engine state's size, zero in format 1.0.
  uint32_t history_count;
  uint64_t engine_state_size;
  uint64_t key_count;
  uint64_t keep_seconds;
  uint32_t keep_last;
  uint32_t tags_size;
};
static_assert(sizeof(ManifestHead) == 128);
static_assert(offsetof(ManifestHead, store) == 16);
static_assert(offsetof(ManifestHead, version) == 32);
static_assert(offsetof(ManifestHead, dimensions) == 72);
static_assert(offsetof(ManifestHead, engine_state_size) == 96);

// A segment's entry as it lies on disk; format 1.0 ends it before the location.
struct DiskSegment {
  uint64_t id;
  uint64_t file_size;
  uint64_t first_row;
  uint64_t row_count;
  base::Digest header_digest;
  Location location;
};
constexpr size_t kSegmentSizeOld = 64;
static_assert(sizeof(DiskSegment) == 80 && offsetof(DiskSegment, location) == kSegmentSizeOld);

static_assert(sizeof(VersionEntry) == 72 && offsetof(VersionEntry, digest) == 40,
              "entries are copied as they lie on disk");

constexpr size_t kCrcSize = sizeof(uint32_t);
// Of a tag: u64 version, u8 size, and the name.
constexpr size_t kTagHeadSize = sizeof(uint64_t) + 1;

bool HasHistory(uint16_t minor) { return minor >= 1; }

// What the head says of the sizes, added up; each part is bounded before, so nothing overflows.
uint64_t SizeOf(const ManifestHead& head) {
  const uint64_t segment_size = HasHistory(head.minor) ? sizeof(DiskSegment) : kSegmentSizeOld;
  return sizeof(ManifestHead) + head.segment_count * segment_size +
         head.history_count * sizeof(VersionEntry) + head.tags_size + head.name_size +
         head.model_size + head.engine_state_size + kCrcSize;
}

Status CheckHead(const ManifestHead& head, uint64_t size, const std::string& what) {
  const auto damaged = [&](const std::string& message) {
    return base::Corruption(what + ": " + message);
  };
  const bool is_reserved_zero = head.history_count == 0 && head.key_count == 0 &&
                                head.keep_seconds == 0 && head.keep_last == 0 &&
                                head.tags_size == 0;
  if (!HasHistory(head.minor) && !is_reserved_zero) {
    return damaged("reserved bytes at offset 92 or 104 are not zero");
  }
  if (HasHistory(head.minor) && head.keep_last == 0) return damaged("it keeps no version");
  if (head.segment_count > kSegmentCountMax || head.name_size > kNameSizeMax ||
      head.model_size > kNameSizeMax || head.engine_state_size > kEngineStateSizeMax ||
      head.history_count > kHistoryMax ||
      head.tags_size > kTagCountMax * (kTagHeadSize + kTagNameSizeMax)) {
    return damaged("a size is above its limit");
  }
  if (SizeOf(head) != size) {
    return damaged("expected " + std::to_string(SizeOf(head)) + " bytes, found " +
                   std::to_string(size));
  }
  const bool is_parent_older = head.version == 0 ? head.parent == 0 : head.parent < head.version;
  if (!is_parent_older) {
    return damaged("version " + std::to_string(head.version) + " has parent " +
                   std::to_string(head.parent));
  }
  if (head.element_type != static_cast<uint32_t>(ElementType::kFloat32)) {
    return base::Unsupported(what + ": unknown element type " + std::to_string(head.element_type));
  }
  if (head.metric < 1 || head.metric > kMetricMax) {
    return base::Unsupported(what + ": unknown metric " + std::to_string(head.metric));
  }
  return base::Ok();
}

Status CheckSegments(const Manifest& manifest, const std::string& what) {
  uint64_t row = 0;
  std::vector<uint64_t> ids;
  ids.reserve(manifest.segments.size());
  for (const SegmentEntry& entry : manifest.segments) {
    const bool is_in_order = entry.first_row >= row && entry.first_row <= manifest.next_row &&
                             entry.row_count <= manifest.next_row - entry.first_row;
    if (!is_in_order || entry.id >= manifest.next_segment) {
      return base::Corruption(what + ": segment " + std::to_string(entry.id) + " with " +
                              std::to_string(entry.row_count) + " rows from " +
                              std::to_string(entry.first_row) + " does not fit rows " +
                              std::to_string(row) + " to " + std::to_string(manifest.next_row) +
                              " and segment ids below " + std::to_string(manifest.next_segment));
    }
    row = entry.first_row + entry.row_count;
    ids.push_back(entry.id);
  }
  std::sort(ids.begin(), ids.end());
  const auto twice = std::adjacent_find(ids.begin(), ids.end());
  if (twice != ids.end()) {
    return base::Corruption(what + ": segment " + std::to_string(*twice) + " is named twice");
  }
  return base::Ok();
}

Status CheckHistory(const Manifest& manifest, const std::string& what) {
  if (manifest.tags.size() > kTagCountMax) {
    return base::Corruption(what + ": " + std::to_string(manifest.tags.size()) + " tags");
  }
  for (size_t i = 0; i < manifest.history.size(); ++i) {
    const VersionEntry& entry = manifest.history[i];
    const bool ascends = i == 0 || manifest.history[i - 1].version < entry.version;
    if (!ascends || entry.version >= manifest.version || entry.size > kManifestSizeMax) {
      return base::Corruption(what + ": version " + std::to_string(entry.version) +
                              " is out of place in the history of version " +
                              std::to_string(manifest.version));
    }
  }
  for (size_t i = 0; i < manifest.tags.size(); ++i) {
    const Tag& tag = manifest.tags[i];
    const bool ascends = i == 0 || manifest.tags[i - 1].name < tag.name;
    const bool is_known =
        tag.version == manifest.version ||
        std::binary_search(manifest.history.begin(), manifest.history.end(),
                           VersionEntry{.version = tag.version},
                           [](const auto& a, const auto& b) { return a.version < b.version; });
    if (!ascends || !is_known || !CheckTagName(tag.name).ok()) {
      return base::Corruption(what + ": tag " + std::to_string(i) + " of version " +
                              std::to_string(tag.version) + " is out of place");
    }
  }
  return base::Ok();
}

base::Bytes EncodeTags(const std::vector<Tag>& tags) {
  base::ByteWriter writer;
  for (const Tag& tag : tags) {
    INTACT_CHECK(CheckTagName(tag.name).ok());
    writer.Put(tag.version);
    writer.Put(static_cast<uint8_t>(tag.name.size()));
    writer.PutBytes(base::AsBytes(tag.name));
  }
  return writer.Take();
}

Result<std::vector<Tag>> DecodeTags(base::ByteSpan bytes, const std::string& what) {
  std::vector<Tag> tags;
  base::ByteReader reader(bytes);
  while (!reader.AtEnd()) {
    Tag tag;
    tag.version = reader.Get<uint64_t>();
    const auto size = reader.Get<uint8_t>();
    tag.name = base::AsText(reader.GetBytes(size));
    if (!reader.ok()) return base::Corruption(what + ": the tags are cut short");
    tags.push_back(std::move(tag));
  }
  return tags;
}

}  // namespace

Status CheckTagName(std::string_view name) {
  const auto is_bad = [](unsigned char c) { return c <= ' ' || c == 0x7f; };
  const bool is_sound = !name.empty() && name.size() <= kTagNameSizeMax && name[0] != '-' &&
                        (name[0] < '0' || name[0] > '9') &&
                        std::none_of(name.begin(), name.end(), is_bad);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const bool is_number =
      name.size() > 1 && name[0] == 'v' && std::all_of(name.begin() + 1, name.end(), is_digit);
  if (is_sound && !is_number) return base::Ok();
  return base::InvalidArgument(
      "a tag's name has 1 to 255 bytes, no spaces, begins with a letter, not a digit or '-', and "
      "is "
      "no version's number as in v3");
}

std::string CollectionSpec::ToString() const {
  static constexpr const char* kMetricNames[] = {"?", "cosine", "dot product", "Euclidean",
                                                 "Hamming"};
  const auto index = static_cast<uint32_t>(metric);
  return "\"" + name + "\" of " + std::to_string(dimensions) + " dimensions, metric " +
         kMetricNames[index <= kMetricMax ? index : 0] + ", model \"" + model + "\"";
}

Status CheckSpec(const CollectionSpec& spec) {
  if (spec.dimensions == 0 || spec.dimensions > kDimensionsMax) {
    return base::InvalidArgument("a collection cannot have " + std::to_string(spec.dimensions) +
                                 " dimensions; 1 to " + std::to_string(kDimensionsMax) +
                                 " are possible");
  }
  if (spec.name.size() > kNameSizeMax || spec.model.size() > kNameSizeMax) {
    return base::InvalidArgument("the name or model of a collection has more than " +
                                 std::to_string(kNameSizeMax) + " bytes");
  }
  const auto metric = static_cast<uint32_t>(spec.metric);
  if (metric < 1 || metric > kMetricMax) {
    return base::InvalidArgument("unknown metric " + std::to_string(metric));
  }
  return base::Ok();
}

Status CheckManifest(const Manifest& manifest, const std::string& what) {
  // No store gets there by counting; from there counting could go round.
  constexpr uint64_t kNumberMax = uint64_t{1} << 62;
  if (manifest.version > kNumberMax || manifest.next_row > kNumberMax ||
      manifest.next_segment > kNumberMax) {
    return base::Corruption(what + ": a version, row or segment number is impossibly large");
  }
  if (manifest.segments.size() > kSegmentCountMax || manifest.history.size() > kHistoryMax) {
    return base::Corruption(what + ": it has too many segments or older versions");
  }
  INTACT_RETURN_IF_ERROR(CheckSegments(manifest, what));
  return CheckHistory(manifest, what);
}

base::Bytes EncodeManifest(const Manifest& manifest) {
  INTACT_CHECK(CheckSpec(manifest.spec).ok());
  INTACT_CHECK(manifest.segments.size() <= kSegmentCountMax);
  INTACT_CHECK(manifest.engine_state.size() <= kEngineStateSizeMax);
  ManifestHead head{};
  head.magic = kMagic;
  head.major = kFormatMajor;
  head.minor = kFormatMinor;
  head.segment_count = static_cast<uint32_t>(manifest.segments.size());
  head.store = manifest.store;
  head.version = manifest.version;
  head.parent = manifest.parent;
  head.wall_ns = manifest.wall_ns;
  head.next_row = manifest.next_row;
  head.next_segment = manifest.next_segment;
  head.dimensions = manifest.spec.dimensions;
  head.element_type = static_cast<uint32_t>(ElementType::kFloat32);
  head.metric = static_cast<uint32_t>(manifest.spec.metric);
  head.name_size = static_cast<uint32_t>(manifest.spec.name.size());
  head.model_size = static_cast<uint32_t>(manifest.spec.model.size());
  head.engine_state_size = manifest.engine_state.size();
  INTACT_CHECK(manifest.history.size() <= kHistoryMax && manifest.tags.size() <= kTagCountMax);
  const base::Bytes tags = EncodeTags(manifest.tags);
  head.history_count = static_cast<uint32_t>(manifest.history.size());
  head.key_count = manifest.key_count;
  head.keep_seconds = manifest.retention.keep_seconds;
  head.keep_last = std::max<uint32_t>(1, manifest.retention.keep_last);
  head.tags_size = static_cast<uint32_t>(tags.size());

  base::ByteWriter writer;
  writer.mutable_bytes().reserve(SizeOf(head));
  writer.Put(head);
  for (const SegmentEntry& entry : manifest.segments) {
    writer.Put(DiskSegment{entry.id, entry.file_size, entry.first_row, entry.row_count,
                           entry.header_digest, entry.location});
  }
  for (const VersionEntry& entry : manifest.history) writer.Put(entry);
  writer.PutBytes(tags);
  writer.PutBytes(base::AsBytes(manifest.spec.name));
  writer.PutBytes(base::AsBytes(manifest.spec.model));
  writer.PutBytes(manifest.engine_state);
  writer.Put(base::Crc32c(writer.bytes()));
  return writer.Take();
}

Result<Manifest> DecodeManifest(base::ByteSpan bytes, const std::string& what) {
  if (bytes.size() < sizeof(ManifestHead) + kCrcSize) {
    return base::Corruption(what + ": expected at least 132 bytes, found " +
                            std::to_string(bytes.size()));
  }
  const auto head = base::Load<ManifestHead>(bytes.data());
  if (head.magic != kMagic) return base::Corruption(what + ": no manifest (magic differs)");
  const base::ByteSpan content = bytes.first(bytes.size() - kCrcSize);
  const auto stored_crc = base::Load<uint32_t>(bytes.data() + content.size());
  const uint32_t crc = base::Crc32c(content);
  if (crc != stored_crc) {
    return base::Corruption(what + ": checksum at offset " + std::to_string(content.size()) +
                            " differs: " + ExpectedFound(stored_crc, crc));
  }
  INTACT_RETURN_IF_ERROR(CheckReadable(head.major, head.minor, {}, what));
  INTACT_RETURN_IF_ERROR(CheckHead(head, bytes.size(), what));

  Manifest manifest;
  manifest.store = head.store;
  manifest.version = head.version;
  manifest.parent = head.parent;
  manifest.wall_ns = head.wall_ns;
  manifest.spec.dimensions = head.dimensions;
  manifest.spec.metric = static_cast<Metric>(head.metric);
  manifest.next_row = head.next_row;
  manifest.next_segment = head.next_segment;
  base::ByteReader reader(content);
  reader.Skip(sizeof(head));
  manifest.segments.resize(head.segment_count);
  for (SegmentEntry& entry : manifest.segments) {
    DiskSegment disk{};
    const size_t size = HasHistory(head.minor) ? sizeof(disk) : kSegmentSizeOld;
    std::memcpy(&disk, reader.GetBytes(size).data(), size);
    entry = {disk.id,        disk.file_size,     disk.first_row,
             disk.row_count, disk.header_digest, disk.location};
  }
  manifest.history.resize(head.history_count);
  for (VersionEntry& entry : manifest.history) entry = reader.Get<VersionEntry>();
  INTACT_ASSIGN_OR_RETURN(manifest.tags, DecodeTags(reader.GetBytes(head.tags_size), what));
  manifest.retention = {std::max<uint32_t>(1, head.keep_last), head.keep_seconds};
  // Format 1.0 did not count.
  manifest.key_count =
      HasHistory(head.minor) || head.next_row == 0 ? head.key_count : kUnknownCount;
  manifest.spec.name = base::AsText(reader.GetBytes(head.name_size));
  manifest.spec.model = base::AsText(reader.GetBytes(head.model_size));
  const base::ByteSpan state = reader.GetBytes(head.engine_state_size);
  manifest.engine_state.assign(state.begin(), state.end());
  INTACT_CHECK(reader.AtEnd());
  if (Status spec = CheckSpec(manifest.spec); !spec.ok()) {
    return base::Corruption(what + ": " + spec.message());
  }
  INTACT_RETURN_IF_ERROR(CheckManifest(manifest, what));
  return manifest;
}

}  // namespace intact::format
