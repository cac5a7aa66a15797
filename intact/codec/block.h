// Blocks: any bytes (text, metadata, rows), smaller and exactly back, by zstd or LZ4. Byte layout:
// docs/format/blocks.md.
//
// A block names its codec, its sizes and its dictionary and carries a CRC-32C, so it can be read
// alone, and damage is found before a decoder sees the bytes. What does not shrink is stored as it
// is: a block is never larger than raw plus its header.
//
// Reading order: CompressBlock and DecompressBlock for one block now and then; BlockCoder for many;
// block_stream.h for what does not fit into memory; block_dictionary.h for small blocks.
//
// Functions are thread-safe; a BlockCoder is for one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "intact/base/base.h"
#include "intact/codec/block_dictionary.h"

namespace intact::codec {

// Persistent: the first byte of every block. Never reuse a number.
enum class BlockCodec : uint8_t {
  kStored = 0,
  kZstd = 1,         // Levels 1 to 22.
  kLz4 = 2,          // Levels 1 and 2: LZ4; 3 to 12: LZ4 HC.
  kStreamEnd = 255,  // Only in a stream: block_stream.h.
};

// "stored", "zstd", "LZ4", "end of stream", or "unknown".
std::string_view BlockCodecName(BlockCodec codec);

constexpr size_t kBlockRawMax = size_t{64} << 20;
constexpr size_t kBlockHeaderSize = 16;
constexpr size_t kDictionaryReferenceSize = 8;  // Follows the header when a dictionary is used.
constexpr size_t kShuffleElementSizeMax = 64;

// The most bytes a block of `raw_size` bytes takes.
constexpr size_t BlockSizeMax(size_t raw_size) { return kBlockHeaderSize + raw_size; }

struct BlockOptions {
  BlockCodec codec = BlockCodec::kZstd;
  int level = 0;  // 0: the codec's default (zstd 3, LZ4 1).
  // 0, or the size of an element (2 to kShuffleElementSizeMax): byte k of all elements is put
  // before byte k + 1 of all, which helps with arrays of numbers.
  size_t shuffle_element_size = 0;
  DictionaryPointer dictionary;  // May be null.
};

// Appends `raw`, at most kBlockRawMax bytes, as one block to `target`. kInvalidArgument for options
// out of range or too large a `raw`; `target` is then unchanged.
base::Status CompressBlock(base::ByteSpan raw, const BlockOptions& options, base::Bytes& target);

// Appends the contents of `block`, which must be exactly one block without a dictionary, to
// `target`. Allocates at most `raw_max` bytes: kFull for a block that holds more. kCorruption for
// damage, kUnsupported for an unknown codec or flag, kNotFound for a block that needs a dictionary
// (see BlockCoder). On failure `target` is unchanged.
base::Status DecompressBlock(base::ByteSpan block, size_t raw_max, base::Bytes& target);

// What a block says of itself.
struct BlockHeader {
  BlockCodec codec = BlockCodec::kStored;  // May be a number this build does not know,
  uint8_t flags = 0;                       // and so may the bits.
  size_t shuffle_element_size = 0;         // 0: not shuffled.
  size_t raw_size = 0;
  size_t body_size = 0;  // All that follows the header.
  uint32_t crc = 0;

  size_t block_size() const { return kBlockHeaderSize + body_size; }
};

// Reads the header at the start of `bytes`, which may end or go on after it. kCorruption when it is
// cut or a size is beyond its limit. Nothing has been compared with the CRC yet.
base::Result<BlockHeader> ParseBlockHeader(base::ByteSpan bytes);

// Sums over the blocks of one coder. Times are 0 without a clock.
struct BlockStatistics {
  uint64_t encoded_blocks = 0;
  uint64_t encoded_raw_bytes = 0;
  uint64_t encoded_block_bytes = 0;  // With headers.
  int64_t encode_ns = 0;
  uint64_t decoded_blocks = 0;
  uint64_t decoded_raw_bytes = 0;
  uint64_t decoded_block_bytes = 0;
  int64_t decode_ns = 0;

  // Raw by block bytes of what was encoded, or else decoded; 1 when there was nothing.
  double ratio() const;
  double encode_bytes_per_second() const;  // Of raw bytes; 0 without a clock.
  double decode_bytes_per_second() const;
};

// Keeps the contexts of both codecs between blocks: the way to handle many of them.
class BlockCoder {
 public:
  // Nanoseconds since any start, never going back; os::Clock::monotonic_ns where there is one.
  using NanosecondClock = std::function<int64_t()>;

  // For reading and writing. kInvalidArgument for options out of range. `dictionaries`, which may
  // be null and must outlive the coder, is where reading looks for dictionaries; the one in
  // `options` is known without it.
  static base::Result<BlockCoder> Make(BlockOptions options,
                                       const DictionarySet* dictionaries = nullptr,
                                       NanosecondClock clock = nullptr);
  BlockCoder(BlockCoder&&) noexcept;
  BlockCoder& operator=(BlockCoder&&) noexcept;
  ~BlockCoder();

  // As the functions above, with the dictionaries at hand. `seed` is what the CRC starts from: a
  // caller that binds blocks to their place passes a number that depends on it.
  base::Status Compress(base::ByteSpan raw, base::Bytes& target, uint32_t seed = 0);
  base::Status Decompress(base::ByteSpan block, size_t raw_max, base::Bytes& target,
                          uint32_t seed = 0);

  // Appends one block per element of `raws`, end to end.
  base::Status CompressBatch(std::span<const base::ByteSpan> raws, base::Bytes& target);
  // Appends the contents of blocks that lie end to end, and the size of each to `raw_sizes`.
  // `raw_max` is for all of them together. On failure `target` and `raw_sizes` are unchanged and
  // the message names the block.
  base::Status DecompressBatch(base::ByteSpan blocks, size_t raw_max, base::Bytes& target,
                               std::vector<size_t>& raw_sizes);

  const BlockOptions& options() const;
  const BlockStatistics& statistics() const;

 private:
  class State;
  explicit BlockCoder(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace intact::codec
