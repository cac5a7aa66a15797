#include "intact/format/journal.h"

#include <cstddef>

namespace intact::format {
namespace {

constexpr std::array<unsigned char, 8> kMagic = {0x89, 'I', 'N', 'J', '\r', '\n', 0x1a, '\n'};

// The head as it lies on disk.
struct DiskHead {
  std::array<unsigned char, 8> magic;
  uint16_t major;
  uint16_t minor;
  uint32_t payload_crc;
  Uuid store;
  uint64_t journal;
  uint64_t offset;
  uint64_t version;
  uint64_t durable_version;
  uint64_t size;
  uint64_t manifest_size;
  base::Digest manifest_digest;
  uint64_t manifest_offset;
  uint32_t reserved;
  uint32_t crc;
};
static_assert(sizeof(DiskHead) == kFrameHeadSize);
static_assert(offsetof(DiskHead, store) == 16);
static_assert(offsetof(DiskHead, journal) == 32);
static_assert(offsetof(DiskHead, manifest_digest) == 80);
static_assert(offsetof(DiskHead, crc) == 124);

base::Status NoFrame(const std::string& what, uint64_t offset, const std::string& why) {
  return base::NotFound(what + " at offset " + std::to_string(offset) + ": no frame: " + why);
}

}  // namespace

FrameHeadBytes EncodeFrameHead(const FrameHead& head) {
  DiskHead disk{};
  disk.magic = kMagic;
  disk.major = head.major;
  disk.minor = head.minor;
  disk.payload_crc = head.payload_crc;
  disk.store = head.store;
  disk.journal = head.journal;
  disk.offset = head.offset;
  disk.version = head.version;
  disk.durable_version = head.durable_version;
  disk.size = head.size;
  disk.manifest_offset = head.manifest_offset;
  disk.manifest_size = head.manifest_size;
  disk.manifest_digest = head.manifest_digest;
  auto bytes = std::bit_cast<FrameHeadBytes>(disk);
  base::Store(bytes.data() + offsetof(DiskHead, crc),
              base::Crc32c(base::ByteSpan(bytes).first(offsetof(DiskHead, crc))));
  return bytes;
}

base::Result<FrameHead> DecodeFrameHead(base::ByteSpan bytes, const Uuid& store, uint64_t journal,
                                        uint64_t offset, uint64_t half_size,
                                        const std::string& what) {
  if (bytes.size() < kFrameHeadSize) return NoFrame(what, offset, "the file ends");
  const auto disk = base::Load<DiskHead>(bytes.data());
  if (disk.magic != kMagic) return NoFrame(what, offset, "magic differs");
  const uint32_t crc = base::Crc32c(bytes.first(offsetof(DiskHead, crc)));
  if (crc != disk.crc) {
    return NoFrame(what, offset, "checksum differs: " + ExpectedFound(disk.crc, crc));
  }
  INTACT_RETURN_IF_ERROR(CheckReadable(disk.major, disk.minor, {}, what));
  const bool is_here = disk.store == store && disk.journal == journal && disk.offset == offset;
  if (!is_here) return NoFrame(what, offset, "it belongs elsewhere");
  const bool is_sound =
      disk.size >= kPageSize && disk.size % kPageSize == 0 && offset <= half_size &&
      disk.size <= half_size - offset && disk.manifest_offset >= kFrameHeadSize &&
      disk.manifest_offset <= disk.size && disk.manifest_size <= disk.size - disk.manifest_offset &&
      disk.durable_version < disk.version;
  if (!is_sound || (disk.reserved != 0 && disk.minor <= kFormatMinor)) {
    return NoFrame(what, offset, "its fields contradict each other");
  }
  FrameHead head;
  head.major = disk.major;
  head.minor = disk.minor;
  head.store = disk.store;
  head.journal = disk.journal;
  head.offset = disk.offset;
  head.version = disk.version;
  head.durable_version = disk.durable_version;
  head.size = disk.size;
  head.manifest_offset = disk.manifest_offset;
  head.manifest_size = disk.manifest_size;
  head.manifest_digest = disk.manifest_digest;
  head.payload_crc = disk.payload_crc;
  return head;
}

uint32_t FrameCrcSeed(const Uuid& store, uint64_t journal, uint64_t offset) {
  base::ByteWriter writer;
  writer.Put(store);
  writer.Put(journal);
  writer.Put(offset);
  return base::Crc32c(writer.bytes());
}

}  // namespace intact::format
