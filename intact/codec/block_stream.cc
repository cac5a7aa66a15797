#include "intact/codec/block_stream.h"

#include <algorithm>
#include <array>
#include <string>

namespace intact::codec {
namespace {

constexpr std::array<unsigned char, 8> kMagic = {0x89, 'I', 'N', 'B', '\r', '\n', 0x1a, '\n'};
constexpr uint16_t kMajor = 1;
constexpr uint16_t kMinor = 0;
constexpr size_t kStreamHeaderSize = 48;
constexpr size_t kEndBodySize = 16;
constexpr size_t kCrcOffset = 12;
// A body is fetched in pieces, so that a false size costs no more memory than there is input.
constexpr size_t kFetchSize = size_t{256} << 10;

base::Status CheckBlockRawMax(size_t block_raw_max) {
  if (block_raw_max >= 1 && block_raw_max <= kBlockRawMax) return base::Ok();
  return base::InvalidArgument("a stream with blocks of up to " + std::to_string(block_raw_max) +
                               " bytes; it may be 1 to " + std::to_string(kBlockRawMax));
}

}  // namespace

base::Result<BlockStreamWriter> BlockStreamWriter::Make(BlockOptions options, Sink sink,
                                                        size_t block_raw_max,
                                                        BlockCoder::NanosecondClock clock) {
  INTACT_CHECK(sink != nullptr);
  INTACT_RETURN_IF_ERROR(CheckBlockRawMax(block_raw_max));
  INTACT_ASSIGN_OR_RETURN(BlockCoder coder,
                          BlockCoder::Make(std::move(options), nullptr, std::move(clock)));
  BlockStreamWriter writer(std::move(coder), std::move(sink), block_raw_max);
  INTACT_RETURN_IF_ERROR(writer.WriteHeader());
  return writer;
}

base::Status BlockStreamWriter::WriteHeader() {
  base::ByteWriter header;
  header.PutBytes(std::as_bytes(std::span(kMagic)));
  header.Put(kMajor);
  header.Put(kMinor);
  header.Put(static_cast<uint32_t>(block_raw_max_));
  for (int flags = 0; flags < 3; ++flags) header.Put<uint64_t>(0);
  header.Put<uint32_t>(0);
  crc_ = base::Crc32c(header.bytes());
  header.Put(crc_);
  INTACT_CHECK(header.size() == kStreamHeaderSize);
  return sink_(header.bytes());
}

base::Status BlockStreamWriter::WriteBlock(base::ByteSpan raw) {
  block_.clear();
  INTACT_RETURN_IF_ERROR(coder_.Compress(raw, block_, crc_));
  crc_ = base::Load<uint32_t>(block_.data() + kCrcOffset);
  return sink_(block_);
}

base::Status BlockStreamWriter::Append(base::ByteSpan raw) {
  INTACT_CHECK(!is_finished_);
  while (status_.ok() && !raw.empty()) {
    if (pending_.empty() && raw.size() >= block_raw_max_) {  // Past the buffer.
      status_ = WriteBlock(raw.first(block_raw_max_));
      raw = raw.subspan(block_raw_max_);
      continue;
    }
    const size_t size = std::min(raw.size(), block_raw_max_ - pending_.size());
    pending_.insert(pending_.end(), raw.begin(), raw.begin() + static_cast<ptrdiff_t>(size));
    raw = raw.subspan(size);
    if (pending_.size() < block_raw_max_) continue;
    status_ = WriteBlock(pending_);
    pending_.clear();
  }
  return status_;
}

base::Status BlockStreamWriter::WriteEnd() {
  base::ByteWriter body;
  body.Put(statistics().encoded_raw_bytes);
  body.Put(statistics().encoded_blocks);
  base::ByteWriter end;
  end.Put(static_cast<uint32_t>(BlockCodec::kStreamEnd));
  end.Put<uint32_t>(0);
  end.Put(static_cast<uint32_t>(kEndBodySize));
  end.Put(base::Crc32c(body.bytes(), base::Crc32c(end.bytes(), crc_)));
  end.PutBytes(body.bytes());
  return sink_(end.bytes());
}

base::Status BlockStreamWriter::Finish() {
  INTACT_CHECK(!is_finished_);
  is_finished_ = true;
  if (status_.ok() && !pending_.empty()) status_ = WriteBlock(pending_);
  if (status_.ok()) status_ = WriteEnd();
  return status_;
}

base::Result<BlockStreamReader> BlockStreamReader::Make(Source source, size_t block_raw_max,
                                                        const DictionarySet* dictionaries,
                                                        BlockCoder::NanosecondClock clock) {
  INTACT_CHECK(source != nullptr);
  INTACT_ASSIGN_OR_RETURN(BlockCoder coder,
                          BlockCoder::Make(BlockOptions(), dictionaries, std::move(clock)));
  BlockStreamReader reader(std::move(coder), std::move(source));
  INTACT_RETURN_IF_ERROR(reader.ReadHeader(block_raw_max));
  return reader;
}

base::Status BlockStreamReader::Fetch(size_t size) {
  while (size != 0) {
    const size_t old_size = block_.size();
    const size_t piece = std::min(size, kFetchSize);
    block_.resize(old_size + piece);
    INTACT_ASSIGN_OR_RETURN(const size_t got,
                            source_(base::MutableByteSpan(block_).subspan(old_size)));
    INTACT_CHECK(got <= piece);
    block_.resize(old_size + got);
    if (got == 0) return base::Corruption("the stream is cut: it has no end");
    size -= got;
  }
  return base::Ok();
}

base::Status BlockStreamReader::ReadHeader(size_t block_raw_max) {
  INTACT_RETURN_IF_ERROR(Fetch(kStreamHeaderSize));
  if (!std::ranges::equal(base::ByteSpan(block_).first(kMagic.size()),
                          std::as_bytes(std::span(kMagic))))
    return base::Corruption("not a stream of blocks: no magic at its start");
  base::ByteReader reader(block_);
  reader.Skip(kMagic.size());
  const auto major = reader.Get<uint16_t>();
  const auto minor = reader.Get<uint16_t>();
  block_raw_max_ = reader.Get<uint32_t>();
  reader.Skip(16);  // Compatible and read-only compatible flags do not concern a reader.
  const auto incompatible = reader.Get<uint64_t>();
  const auto reserved = reader.Get<uint32_t>();
  crc_ = reader.Get<uint32_t>();
  if (base::Crc32c(base::ByteSpan(block_).first(kStreamHeaderSize - 4)) != crc_)
    return base::Corruption("the header of a stream of blocks has a wrong CRC");
  if (major != kMajor || incompatible != 0) {
    return base::Unsupported("a stream of blocks of version " + std::to_string(major) + "." +
                             std::to_string(minor) + " with incompatible flags " +
                             std::to_string(incompatible) + ", which this version does not know");
  }
  if (!CheckBlockRawMax(block_raw_max_).ok() || (minor <= kMinor && reserved != 0))
    return base::Corruption("the header of a stream of blocks contradicts itself");
  if (block_raw_max_ > block_raw_max) {
    return base::Full("a stream with blocks of up to " + std::to_string(block_raw_max_) +
                      " bytes, " + std::to_string(block_raw_max) + " are allowed");
  }
  return base::Ok();
}

base::Status BlockStreamReader::CheckEnd(const BlockHeader& header) {
  if (header.flags != 0 || header.shuffle_element_size != 0 || header.raw_size != 0 ||
      header.body_size != kEndBodySize)
    return base::Corruption("the end of a stream contradicts itself");
  INTACT_RETURN_IF_ERROR(Fetch(kEndBodySize));
  const base::ByteSpan body = base::ByteSpan(block_).subspan(kBlockHeaderSize);
  const uint32_t crc =
      base::Crc32c(body, base::Crc32c(base::ByteSpan(block_).first(kCrcOffset), crc_));
  if (crc != header.crc) {
    return base::Corruption(
        "the end of a stream has a wrong CRC; it, or the blocks before it, are not what was "
        "written");
  }
  const BlockStatistics& found = statistics();
  const auto raw_bytes = base::Load<uint64_t>(body.data());
  const auto blocks = base::Load<uint64_t>(body.data() + 8);
  if (block_[3] != std::byte{0} || raw_bytes != found.decoded_raw_bytes ||
      blocks != found.decoded_blocks) {
    return base::Corruption("a stream states " + std::to_string(blocks) + " blocks of " +
                            std::to_string(raw_bytes) + " bytes and has " +
                            std::to_string(found.decoded_blocks) + " of " +
                            std::to_string(found.decoded_raw_bytes));
  }
  std::byte more = {};
  INTACT_ASSIGN_OR_RETURN(const size_t got, source_(base::MutableByteSpan(&more, 1)));
  return got == 0 ? base::Ok() : base::Corruption("bytes after the end of a stream");
}

base::Result<bool> BlockStreamReader::ReadBlock(base::Bytes& target) {
  block_.clear();
  INTACT_RETURN_IF_ERROR(Fetch(kBlockHeaderSize));
  INTACT_ASSIGN_OR_RETURN(const BlockHeader header, ParseBlockHeader(block_));
  if (header.codec == BlockCodec::kStreamEnd) {
    INTACT_RETURN_IF_ERROR(CheckEnd(header));
    is_at_end_ = true;
    return false;
  }
  if (header.raw_size == 0 || header.raw_size > block_raw_max_ ||
      header.body_size > header.raw_size) {
    return base::Corruption("its " + std::to_string(header.raw_size) + " bytes in " +
                            std::to_string(header.body_size) + " are impossible in this stream");
  }
  INTACT_RETURN_IF_ERROR(Fetch(header.body_size));
  INTACT_RETURN_IF_ERROR(coder_.Decompress(block_, block_raw_max_, target, crc_));
  crc_ = header.crc;
  return true;
}

base::Result<bool> BlockStreamReader::Read(base::Bytes& target) {
  target.clear();
  if (!status_.ok()) return status_;
  if (is_at_end_) return false;
  base::Result<bool> result = ReadBlock(target);
  if (!result.ok()) {
    status_ = result.status().Annotate("block " + std::to_string(statistics().decoded_blocks));
    return status_;
  }
  return result;
}

}  // namespace intact::codec
