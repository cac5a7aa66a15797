// Streams of blocks: input of any size, in the memory of one block. Byte layout:
// docs/format/blocks.md.
//
// The CRC of each block starts from that of the block before, and an end states how much there was,
// so a block that is missing, doubled, moved or foreign is found, and so is an early end. One
// thread at a time for each object.
#pragma once

#include <functional>

#include "intact/base/base.h"
#include "intact/codec/block.h"

namespace intact::codec {

constexpr size_t kStreamBlockRawDefault = size_t{1} << 20;

class BlockStreamWriter {
 public:
  // Takes the next bytes of the stream, borrowed until it returns; its failure ends the stream.
  using Sink = std::function<base::Status(base::ByteSpan)>;

  // A stream of blocks of `block_raw_max` bytes each, 1 to kBlockRawMax, but the last. The header
  // goes to `sink` at once. Needs about 2 * block_raw_max bytes, and what `options.level` needs.
  static base::Result<BlockStreamWriter> Make(BlockOptions options, Sink sink,
                                              size_t block_raw_max = kStreamBlockRawDefault,
                                              BlockCoder::NanosecondClock clock = nullptr);

  // The next bytes of the input, of any number. A failure is repeated by all later calls.
  base::Status Append(base::ByteSpan raw);
  // Writes what is left, and the end; without it the stream counts as cut. Called once, last.
  base::Status Finish();

  // Without the stream's header and end.
  const BlockStatistics& statistics() const { return coder_.statistics(); }

 private:
  BlockStreamWriter(BlockCoder coder, Sink sink, size_t block_raw_max)
      : coder_(std::move(coder)), sink_(std::move(sink)), block_raw_max_(block_raw_max) {}
  base::Status WriteHeader();
  base::Status WriteBlock(base::ByteSpan raw);
  base::Status WriteEnd();

  BlockCoder coder_;
  Sink sink_;
  size_t block_raw_max_;
  base::Bytes pending_;  // Fewer than block_raw_max_ bytes of input.
  base::Bytes block_;
  uint32_t crc_ = 0;  // Of the item before.
  base::Status status_;
  bool is_finished_ = false;
};

class BlockStreamReader {
 public:
  // Puts the next bytes at the start of the span and says how many; 0 only at the end.
  using Source = std::function<base::Result<size_t>(base::MutableByteSpan)>;

  // Reads the header. kFull when the stream has blocks of more than `block_raw_max` bytes,
  // kUnsupported when it is of a newer version, kCorruption when it is none. `dictionaries` may be
  // null and must outlive the reader.
  static base::Result<BlockStreamReader> Make(Source source, size_t block_raw_max = kBlockRawMax,
                                              const DictionarySet* dictionaries = nullptr,
                                              BlockCoder::NanosecondClock clock = nullptr);

  // Replaces `target` by the contents of the next block, never empty: true. At the end, when
  // everything that was written has been read: false. A failure is repeated by all later calls, its
  // message names the block; `target` is then empty.
  base::Result<bool> Read(base::Bytes& target);

  const BlockStatistics& statistics() const { return coder_.statistics(); }

 private:
  BlockStreamReader(BlockCoder coder, Source source)
      : coder_(std::move(coder)), source_(std::move(source)) {}
  base::Status ReadHeader(size_t block_raw_max);
  // Appends `size` bytes of the source to block_.
  base::Status Fetch(size_t size);
  base::Result<bool> ReadBlock(base::Bytes& target);
  base::Status CheckEnd(const BlockHeader& header);

  BlockCoder coder_;
  Source source_;
  size_t block_raw_max_ = 0;
  base::Bytes block_;
  uint32_t crc_ = 0;
  base::Status status_;
  bool is_at_end_ = false;
};

}  // namespace intact::codec
