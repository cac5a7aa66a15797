#include "intact/engine/records.h"

#include <algorithm>

#include "intact/codec/block.h"

namespace intact::engine {
namespace {

constexpr uint32_t kMagic = 0x43455249;  // IREC
constexpr uint32_t kLayout = 1;
constexpr size_t kHeaderSize = 64;
constexpr size_t kEntrySize = 32;
constexpr uint32_t kBlockRows = 1024;
constexpr size_t kBlockSize = size_t{64} << 10;
// Varints around a row's strings, and the strings: no block is larger than this, the last row
// included.
constexpr size_t kBlockRawMax =
    kBlockSize + kRecordIdSizeMax + kRecordMetadataSizeMax + size_t{4} * 10;
static_assert(kBlockRawMax <= codec::kBlockRawMax);

base::Status Damaged(const std::string& what) {
  return base::Corruption("the records are damaged: " + what);
}

// A string that may be missing: its size plus 1, then the string.
void PutOptional(base::ByteWriter& writer, bool is_there, std::string_view text) {
  writer.PutVarint(is_there ? text.size() + 1 : 0);
  if (is_there) writer.PutBytes(base::AsBytes(text));
}

bool GetOptional(base::ByteReader& reader, size_t size_max, std::string_view& text) {
  const uint64_t size = reader.GetVarint();
  if (size == 0) return false;
  // What is too long reads as past the end.
  text = base::AsText(reader.GetBytes(size - 1 > size_max ? SIZE_MAX : size - 1));
  return true;
}

}  // namespace

base::Status RecordsBuilder::Add(const Record& record) {
  if (record.id.size() > kRecordIdSizeMax) {
    return base::InvalidArgument("an id has " + std::to_string(record.id.size()) +
                                 " bytes; the limit is " + std::to_string(kRecordIdSizeMax));
  }
  if (record.metadata.size() > kRecordMetadataSizeMax) {
    return base::InvalidArgument("the metadata of a row has " +
                                 std::to_string(record.metadata.size()) + " bytes; the limit is " +
                                 std::to_string(kRecordMetadataSizeMax));
  }
  if (record.place > kRecordPlaceMax || (!record.is_moved && record.place < expected_place_)) {
    return base::InvalidArgument("place " + std::to_string(record.place) +
                                 " is out of range or comes after place " +
                                 std::to_string(expected_place_));
  }
  if (block_rows_ == 0) block_first_place_ = expected_place_;
  if (record.is_moved) {
    block_.PutVarint(record.place << 1 | 1);
    ++block_moved_;
  } else {
    block_.PutVarint((record.place - expected_place_) << 1);
    expected_place_ = record.place + 1;
  }
  PutOptional(block_, record.has_id, record.id);
  PutOptional(block_, !record.metadata.empty(), record.metadata);
  ++row_count_;
  ++block_rows_;
  return block_rows_ == kBlockRows || block_.size() >= kBlockSize ? FinishBlock() : base::Ok();
}

base::Status RecordsBuilder::FinishBlock() {
  if (block_rows_ == 0) return base::Ok();
  const size_t begin = blocks_.size();
  INTACT_RETURN_IF_ERROR(codec::CompressBlock(block_.bytes(), {}, blocks_));
  directory_.Put<uint64_t>(begin);  // Rebased by Finish, when the directory's size is known.
  directory_.Put<uint32_t>(static_cast<uint32_t>(blocks_.size() - begin));
  directory_.Put<uint32_t>(static_cast<uint32_t>(block_.size()));
  directory_.Put<uint64_t>(block_first_place_);
  directory_.Put<uint32_t>(block_rows_);
  directory_.Put<uint32_t>(block_moved_);
  block_.mutable_bytes().clear();
  block_rows_ = block_moved_ = 0;
  return base::Ok();
}

base::Result<base::Bytes> RecordsBuilder::Finish() {
  INTACT_RETURN_IF_ERROR(FinishBlock());
  base::Bytes directory = directory_.Take();
  const size_t block_count = directory.size() / kEntrySize;
  for (size_t b = 0; b < block_count; ++b) {
    std::byte* offset = directory.data() + b * kEntrySize;
    base::Store(offset, base::Load<uint64_t>(offset) + kHeaderSize + directory.size());
  }
  base::ByteWriter section;
  section.Reserve(kHeaderSize + directory.size() + blocks_.size());
  section.Put(kMagic);
  section.Put(kLayout);
  section.Put(static_cast<uint32_t>(row_count_));
  section.Put(static_cast<uint32_t>(block_count));
  section.PadTo(kHeaderSize);
  section.PutBytes(directory);
  section.PutBytes(blocks_);
  return section.Take();
}

base::Result<RecordsView> RecordsView::Parse(base::ByteSpan section, uint32_t row_count) {
  RecordsView view;
  if (section.empty() && row_count == 0) return view;
  base::ByteReader reader(section);
  if (reader.Get<uint32_t>() != kMagic) return Damaged("they do not begin with IREC");
  if (const auto layout = reader.Get<uint32_t>(); layout != kLayout) {
    return base::Unsupported("the records have layout " + std::to_string(layout) +
                             "; this version reads layout 1: upgrade intact");
  }
  const auto rows_said = reader.Get<uint32_t>();
  const auto block_count = reader.Get<uint32_t>();
  const base::ByteSpan zeros = reader.GetBytes(kHeaderSize - reader.position());
  if (rows_said != row_count) {
    return Damaged("they say " + std::to_string(rows_said) + " rows; the segment has " +
                   std::to_string(row_count));
  }
  if (!reader.ok() || block_count > reader.remaining() / kEntrySize || !base::IsZero(zeros)) {
    return Damaged("the header contradicts itself");
  }
  uint64_t end = kHeaderSize + uint64_t{block_count} * kEntrySize;
  uint64_t rows = 0;
  view.blocks_.reserve(block_count);
  for (uint32_t b = 0; b < block_count; ++b) {
    BlockEntry entry;
    entry.offset = reader.Get<uint64_t>();
    entry.size = reader.Get<uint32_t>();
    entry.raw_size = reader.Get<uint32_t>();
    entry.first_place = reader.Get<uint64_t>();
    entry.row_count = reader.Get<uint32_t>();
    entry.moved_count = reader.Get<uint32_t>();
    entry.first_row = static_cast<uint32_t>(rows);
    rows += entry.row_count;
    if (entry.offset != end || entry.size > section.size() - end || entry.row_count == 0 ||
        entry.raw_size > kBlockRawMax || entry.moved_count > entry.row_count || rows > row_count) {
      return Damaged("entry " + std::to_string(b) + " contradicts the others");
    }
    end += entry.size;
    view.blocks_.push_back(entry);
  }
  if (end != section.size() || rows != row_count) {
    return Damaged("the blocks hold " + std::to_string(rows) + " of " + std::to_string(row_count) +
                   " rows and " + std::to_string(end) + " of " + std::to_string(section.size()) +
                   " bytes");
  }
  view.section_ = section;
  return view;
}

size_t RecordsView::BlockOf(uint32_t row) const {
  const auto after =
      std::upper_bound(blocks_.begin(), blocks_.end(), row,
                       [](uint32_t at, const BlockEntry& entry) { return at < entry.first_row; });
  INTACT_CHECK(after != blocks_.begin());
  return static_cast<size_t>(after - blocks_.begin()) - 1;
}

base::Result<RecordBlock> RecordsView::Read(size_t index) const {
  const BlockEntry& entry = blocks_[index];
  RecordBlock block;
  block.first_row_ = entry.first_row;
  // A copy: the file is mapped, and decompressors do not expect their input to change.
  const base::ByteSpan mapped = section_.subspan(entry.offset, entry.size);
  const base::Bytes packed(mapped.begin(), mapped.end());
  INTACT_RETURN_IF_ERROR(codec::DecompressBlock(packed, entry.raw_size, block.raw_)
                             .Annotate("records, block " + std::to_string(index)));
  // Each row takes at least three bytes.
  if (block.raw_.size() != entry.raw_size || entry.row_count > entry.raw_size / 3) {
    return Damaged("block " + std::to_string(index) + " has another size than its entry says");
  }
  base::ByteReader reader(block.raw_);
  block.records_.resize(entry.row_count);
  uint64_t expected = entry.first_place;
  uint32_t moved_count = 0;
  for (Record& record : block.records_) {
    const uint64_t place = reader.GetVarint();
    record.is_moved = (place & 1) != 0;
    record.place = record.is_moved ? place >> 1 : expected + (place >> 1);
    if (record.is_moved) {
      ++moved_count;
    } else {
      if (record.place < expected || record.place > kRecordPlaceMax) {
        return Damaged("a place in block " + std::to_string(index) + " is too large");
      }
      expected = record.place + 1;
    }
    record.has_id = GetOptional(reader, kRecordIdSizeMax, record.id);
    GetOptional(reader, kRecordMetadataSizeMax, record.metadata);
  }
  if (!reader.AtEnd() || moved_count != entry.moved_count) {
    return Damaged("block " + std::to_string(index) + " does not hold what its entry says");
  }
  return block;
}

}  // namespace intact::engine
