// A journal: the file journal-<n> of two equal halves, written in advance with zeros, to which
// commits are appended as frames, each in both halves. Layout: docs/format/store.md, "journal-<n>".
// Thread-safe functions over values.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "intact/format/format.h"

namespace intact::format {

// Of one half; a multiple of kPageSize.
inline constexpr uint64_t kJournalSizeMax = uint64_t{256} << 20;
inline constexpr size_t kFrameHeadSize = 128;
// What a frame holds besides its head lies at multiples of this from the frame's beginning.
inline constexpr uint64_t kFrameAlignment = 64;

// The head of a frame: one commit. Behind it lie the images of the version's new segments, where
// its manifest says, and then the manifest.
struct FrameHead {
  uint16_t major = kFormatMajor;
  uint16_t minor = kFormatMinor;
  Uuid store;
  uint64_t journal = 0;  // The number in the file's name.
  uint64_t offset = 0;   // Of the frame in its half; a multiple of kPageSize.
  uint64_t version = 0;
  uint64_t durable_version = 0;  // Was on the disk for sure when this was written.
  uint64_t size = 0;             // Of the frame, this head included; a multiple of kPageSize.
  uint64_t manifest_offset = 0;  // From the frame's beginning.
  uint64_t manifest_size = 0;
  base::Digest manifest_digest;
  uint32_t payload_crc = 0;  // CRC-32C of bytes 128 to size, from the seed FrameCrcSeed.

  bool operator==(const FrameHead&) const = default;
};

using FrameHeadBytes = std::array<std::byte, kFrameHeadSize>;
FrameHeadBytes EncodeFrameHead(const FrameHead& head);

// Checks magic, checksum, version, and that the frame is the one of `store`'s journal `journal` at
// `offset` and ends within a half of `half_size` bytes. kNotFound when there is no frame (any bytes
// that are not one, whole), kUnsupported for a frame of a newer format; messages begin with `what`.
base::Result<FrameHead> DecodeFrameHead(base::ByteSpan bytes, const Uuid& store, uint64_t journal,
                                        uint64_t offset, uint64_t half_size,
                                        const std::string& what);

// Ties a frame's payload to its place, so that bytes of another frame are never taken for its own.
uint32_t FrameCrcSeed(const Uuid& store, uint64_t journal, uint64_t offset);

}  // namespace intact::format
