// The catalog section: documents (indexed files) and their chunks. Layout: docs/format/index.md.
// Values and borrowed views; thread-compatible.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "intact/base/base.h"

namespace intact::format {

inline constexpr uint32_t kSectionCatalog = 1000;

// Set when the file changed so shortly before it was read that its times cannot show a later
// change.
inline constexpr uint8_t kFileRacy = 1;

// A document as callers give and get it; the strings are borrowed.
struct FileEntry {
  std::string_view path;
  uint64_t size = 0;
  int64_t mtime_ns = 0;
  int64_t ctime_ns = 0;
  uint64_t inode = 0;
  uint32_t first_chunk = 0;
  uint32_t chunk_count = 0;
  uint8_t language = 0;
  uint8_t flags = 0;
  uint8_t skip_reason =
      0;  // Not 0: looked into and left out (number of source/skip.h); has no chunks.
};

struct ChunkEntry {
  uint64_t row = 0;
  uint32_t begin = 0;
  uint32_t end = 0;
  uint32_t first_line = 0;
  uint32_t last_line = 0;
  std::string_view symbol;       // At most 65,535 bytes are kept.
  std::string_view definitions;  // The same.
  uint32_t term_count = 0;
  uint32_t file = 0;
};

// Collects files and their chunks, in order, and lays them out.
class CatalogBuilder {
 public:
  // The chunks added from now on belong to this file; its first_chunk and chunk_count are ignored.
  // Its number.
  uint32_t AddFile(const FileEntry& file);
  // `chunk.file` is ignored. Its number.
  uint32_t AddChunk(const ChunkEntry& chunk);

  uint32_t file_count() const { return file_count_; }
  uint32_t chunk_count() const { return chunk_count_; }
  // The section; the builder is empty afterwards.
  base::Bytes Finish();

 private:
  base::ByteWriter files_;
  base::ByteWriter chunks_;
  base::ByteWriter strings_;
  uint32_t file_count_ = 0;
  uint32_t chunk_count_ = 0;
};

// Reads a catalog in place; borrows the section's bytes.
class CatalogView {
 public:
  CatalogView() = default;  // No files, no chunks.
  // kCorruption when counts and sizes do not fit, kUnsupported for another layout. No bytes: an
  // empty catalog.
  static base::Result<CatalogView> Parse(base::ByteSpan section);

  uint32_t file_count() const { return file_count_; }
  uint32_t chunk_count() const { return chunk_count_; }
  // `index` < file_count(). Chunk ranges outside the catalog come back empty, strings outside too.
  FileEntry file(uint32_t index) const;
  // `index` < chunk_count(). `file` is always < file_count().
  ChunkEntry chunk(uint32_t index) const;
  // The columns of a chunk that a scan needs, without the rest.
  uint64_t chunk_row(uint32_t index) const;
  uint32_t chunk_term_count(uint32_t index) const;
  uint32_t chunk_file(uint32_t index) const;

 private:
  std::string_view Text(uint64_t offset, uint64_t size) const;

  const std::byte* files_ = nullptr;
  const std::byte* chunks_ = nullptr;
  base::ByteSpan strings_;
  uint32_t file_count_ = 0;
  uint32_t chunk_count_ = 0;
};

}  // namespace intact::format
