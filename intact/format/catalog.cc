#include "intact/format/catalog.h"

#include <cstddef>

namespace intact::format {
namespace {

constexpr uint32_t kMagic = 0x54414349;  // "ICAT"
constexpr uint32_t kLayout = 1;
constexpr size_t kStringSizeMax = 65535;

struct Header {
  uint32_t magic;
  uint32_t layout;
  uint32_t file_count;
  uint32_t chunk_count;
  uint64_t string_size;
  uint8_t zero[40];
};
static_assert(sizeof(Header) == 64 && offsetof(Header, string_size) == 16);

struct FileRecord {
  uint64_t size;
  int64_t mtime_ns;
  int64_t ctime_ns;
  uint64_t inode;
  uint32_t path_offset;
  uint32_t path_size;
  uint32_t first_chunk;
  uint32_t chunk_count;
  uint8_t language;
  uint8_t flags;
  uint8_t skip_reason;
  uint8_t zero[13];
};
static_assert(sizeof(FileRecord) == 64 && offsetof(FileRecord, language) == 48);

struct ChunkRecord {
  uint64_t row;
  uint32_t begin;
  uint32_t end;
  uint32_t first_line;
  uint32_t last_line;
  uint32_t symbol_offset;
  uint32_t definitions_offset;
  uint16_t symbol_size;
  uint16_t definitions_size;
  uint32_t term_count;
  uint32_t file;
  uint32_t zero;
};
static_assert(sizeof(ChunkRecord) == 48 && offsetof(ChunkRecord, file) == 40);

}  // namespace

uint32_t CatalogBuilder::AddFile(const FileEntry& file) {
  FileRecord record{};
  record.size = file.size;
  record.mtime_ns = file.mtime_ns;
  record.ctime_ns = file.ctime_ns;
  record.inode = file.inode;
  record.path_offset = static_cast<uint32_t>(strings_.size());
  record.path_size = static_cast<uint32_t>(file.path.size());
  record.first_chunk = chunk_count_;
  record.language = file.language;
  record.flags = file.flags;
  record.skip_reason = file.skip_reason;
  strings_.PutBytes(base::AsBytes(file.path));
  files_.Put(record);
  return file_count_++;
}

uint32_t CatalogBuilder::AddChunk(const ChunkEntry& chunk) {
  INTACT_CHECK(file_count_ > 0);
  const std::string_view symbol = chunk.symbol.substr(0, kStringSizeMax);
  const std::string_view definitions = chunk.definitions.substr(0, kStringSizeMax);
  ChunkRecord record{};
  record.row = chunk.row;
  record.begin = chunk.begin;
  record.end = chunk.end;
  record.first_line = chunk.first_line;
  record.last_line = chunk.last_line;
  record.symbol_offset = static_cast<uint32_t>(strings_.size());
  record.symbol_size = static_cast<uint16_t>(symbol.size());
  strings_.PutBytes(base::AsBytes(symbol));
  record.definitions_offset = static_cast<uint32_t>(strings_.size());
  record.definitions_size = static_cast<uint16_t>(definitions.size());
  strings_.PutBytes(base::AsBytes(definitions));
  record.term_count = chunk.term_count;
  record.file = file_count_ - 1;
  chunks_.Put(record);
  std::byte* file = files_.mutable_bytes().data() + (file_count_ - 1) * sizeof(FileRecord);
  const auto count = base::Load<uint32_t>(file + offsetof(FileRecord, chunk_count));
  base::Store(file + offsetof(FileRecord, chunk_count), count + 1);
  return chunk_count_++;
}

base::Bytes CatalogBuilder::Finish() {
  INTACT_CHECK(strings_.size() <= UINT32_MAX);
  Header header{};
  header.magic = kMagic;
  header.layout = kLayout;
  header.file_count = file_count_;
  header.chunk_count = chunk_count_;
  header.string_size = strings_.size();
  base::ByteWriter section;
  section.Reserve(sizeof(header) + files_.size() + chunks_.size() + strings_.size());
  section.Put(header);
  section.PutBytes(files_.bytes());
  section.PutBytes(chunks_.bytes());
  section.PutBytes(strings_.bytes());
  *this = CatalogBuilder();
  return section.Take();
}

base::Result<CatalogView> CatalogView::Parse(base::ByteSpan section) {
  CatalogView view;
  if (section.empty()) return view;
  if (section.size() < sizeof(Header))
    return base::Corruption("a catalog is shorter than its header");
  const auto header = base::Load<Header>(section.data());
  if (header.magic != kMagic) return base::Corruption("a catalog has a wrong magic number");
  if (header.layout != kLayout) {
    return base::Unsupported("a catalog has layout " + std::to_string(header.layout) +
                             "; this version reads layout 1");
  }
  const uint64_t files_size = uint64_t{header.file_count} * sizeof(FileRecord);
  const uint64_t chunks_size = uint64_t{header.chunk_count} * sizeof(ChunkRecord);
  if (header.string_size > section.size() ||
      sizeof(Header) + files_size + chunks_size + header.string_size != section.size() ||
      (header.chunk_count > 0 && header.file_count == 0)) {
    return base::Corruption("a catalog of " + std::to_string(section.size()) +
                            " bytes does not have the size its counts give");
  }
  view.file_count_ = header.file_count;
  view.chunk_count_ = header.chunk_count;
  view.files_ = section.data() + sizeof(Header);
  view.chunks_ = view.files_ + files_size;
  view.strings_ = section.last(header.string_size);
  return view;
}

std::string_view CatalogView::Text(uint64_t offset, uint64_t size) const {
  if (offset + size > strings_.size()) return {};
  return base::AsText(strings_.subspan(offset, size));
}

FileEntry CatalogView::file(uint32_t index) const {
  INTACT_DCHECK(index < file_count_);
  const auto record = base::Load<FileRecord>(files_ + size_t{index} * sizeof(FileRecord));
  FileEntry entry;
  entry.path = Text(record.path_offset, record.path_size);
  entry.size = record.size;
  entry.mtime_ns = record.mtime_ns;
  entry.ctime_ns = record.ctime_ns;
  entry.inode = record.inode;
  entry.language = record.language;
  entry.flags = record.flags;
  entry.skip_reason = record.skip_reason;
  if (uint64_t{record.first_chunk} + record.chunk_count <= chunk_count_) {
    entry.first_chunk = record.first_chunk;
    entry.chunk_count = record.chunk_count;
  }
  return entry;
}

ChunkEntry CatalogView::chunk(uint32_t index) const {
  INTACT_DCHECK(index < chunk_count_);
  const auto record = base::Load<ChunkRecord>(chunks_ + size_t{index} * sizeof(ChunkRecord));
  ChunkEntry entry;
  entry.row = record.row;
  entry.begin = record.begin;
  entry.end = std::max(record.begin, record.end);
  entry.first_line = record.first_line;
  entry.last_line = record.last_line;
  entry.symbol = Text(record.symbol_offset, record.symbol_size);
  entry.definitions = Text(record.definitions_offset, record.definitions_size);
  entry.term_count = record.term_count;
  entry.file = std::min(record.file, file_count_ - 1);
  return entry;
}

uint64_t CatalogView::chunk_row(uint32_t index) const {
  INTACT_DCHECK(index < chunk_count_);
  return base::Load<uint64_t>(chunks_ + size_t{index} * sizeof(ChunkRecord) +
                              offsetof(ChunkRecord, row));
}

uint32_t CatalogView::chunk_term_count(uint32_t index) const {
  INTACT_DCHECK(index < chunk_count_);
  return base::Load<uint32_t>(chunks_ + size_t{index} * sizeof(ChunkRecord) +
                              offsetof(ChunkRecord, term_count));
}

uint32_t CatalogView::chunk_file(uint32_t index) const {
  INTACT_DCHECK(index < chunk_count_);
  const auto file = base::Load<uint32_t>(chunks_ + size_t{index} * sizeof(ChunkRecord) +
                                         offsetof(ChunkRecord, file));
  return std::min(file, file_count_ - 1);
}

}  // namespace intact::format
