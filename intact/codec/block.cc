#include "intact/codec/block.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "intact/codec/block_context.h"
#include "intact/codec/block_shuffle.h"

namespace intact::codec {
namespace {

constexpr uint8_t kFlagShuffled = 1;
constexpr uint8_t kFlagDictionary = 2;
constexpr size_t kCrcOffset = 12;

base::Status CheckOptions(const BlockOptions& options) {
  int level_max = 0;
  switch (options.codec) {
    case BlockCodec::kStored:
      break;
    case BlockCodec::kZstd:
      level_max = kZstdLevelMax;
      break;
    case BlockCodec::kLz4:
      level_max = kLz4LevelMax;
      break;
    default:
      return base::InvalidArgument("a block cannot be written with codec " +
                                   std::to_string(static_cast<int>(options.codec)));
  }
  if (options.level < 0 || options.level > level_max) {
    return base::InvalidArgument("level " + std::to_string(options.level) + " for " +
                                 std::string(BlockCodecName(options.codec)) + ", which has 0 to " +
                                 std::to_string(level_max));
  }
  const size_t element_size = options.shuffle_element_size;
  if (element_size == 1 || element_size > kShuffleElementSizeMax) {
    return base::InvalidArgument("elements of " + std::to_string(element_size) +
                                 " bytes to shuffle; they must have 2 to " +
                                 std::to_string(kShuffleElementSizeMax));
  }
  return base::Ok();
}

int EffectiveLevel(const BlockOptions& options) {
  if (options.level != 0) return options.level;
  return options.codec == BlockCodec::kLz4 ? kLz4LevelDefault : kZstdLevelDefault;
}

double PerSecond(uint64_t bytes, int64_t duration_ns) {
  return duration_ns > 0 ? static_cast<double>(bytes) * 1e9 / static_cast<double>(duration_ns) : 0;
}

// The reference at the start of a body whose dictionary flag is set.
struct Reference {
  DictionaryName name;
  uint32_t crc = 0;
};

// All of a block before its stored bytes.
struct Head {
  std::array<std::byte, kBlockHeaderSize + kDictionaryReferenceSize> bytes = {};
  size_t size = kBlockHeaderSize;
};

Head MakeHead(const BlockOptions& options, bool is_compressed, size_t raw_size,
              base::ByteSpan stored, uint32_t seed) {
  Head head;
  std::byte* const bytes = head.bytes.data();
  uint8_t flags = 0;
  if (is_compressed && options.shuffle_element_size != 0) {
    flags |= kFlagShuffled;
    bytes[2] = static_cast<std::byte>(options.shuffle_element_size);
  }
  if (is_compressed && options.dictionary != nullptr) {
    flags |= kFlagDictionary;
    base::Store(bytes + kBlockHeaderSize, options.dictionary->name().id);
    base::Store(bytes + kBlockHeaderSize + 2, options.dictionary->name().version);
    base::Store(bytes + kBlockHeaderSize + 4, options.dictionary->crc());
    head.size += kDictionaryReferenceSize;
  }
  const size_t reference_size = head.size - kBlockHeaderSize;
  bytes[0] = static_cast<std::byte>(is_compressed ? options.codec : BlockCodec::kStored);
  bytes[1] = static_cast<std::byte>(flags);
  base::Store(bytes + 4, static_cast<uint32_t>(raw_size));
  base::Store(bytes + 8, static_cast<uint32_t>(reference_size + stored.size()));
  uint32_t crc = base::Crc32c({bytes, kCrcOffset}, seed);
  crc = base::Crc32c({bytes + kBlockHeaderSize, reference_size}, crc);
  base::Store(bytes + kCrcOffset, base::Crc32c(stored, crc));
  return head;
}

// What a reader needs of a header once the CRC was right and this build understands it.
base::Status CheckMeaning(const BlockHeader& header, base::ByteSpan block) {
  switch (header.codec) {
    case BlockCodec::kStored:
    case BlockCodec::kZstd:
    case BlockCodec::kLz4:
      break;
    case BlockCodec::kStreamEnd:
      return base::Corruption("the end of a stream where a block should be");
    default:
      return base::Unsupported("a block of codec " +
                               std::to_string(static_cast<int>(header.codec)) +
                               ", which this version does not know");
  }
  if ((header.flags & ~(kFlagShuffled | kFlagDictionary)) != 0) {
    return base::Unsupported("a block with flags " + std::to_string(header.flags) +
                             ", which this version does not know");
  }
  const bool is_shuffled = (header.flags & kFlagShuffled) != 0;
  const size_t element_size = header.shuffle_element_size;
  const bool is_size_right =
      is_shuffled ? element_size >= 2 && element_size <= kShuffleElementSizeMax : element_size == 0;
  if (!is_size_right || block[3] != std::byte{0})
    return base::Corruption("a block's header contradicts itself");
  if (header.codec == BlockCodec::kStored) {
    if (header.flags != 0 || header.body_size != header.raw_size)
      return base::Corruption("a stored block whose sizes or flags are those of another codec");
  } else if (header.body_size >= header.raw_size) {
    return base::Corruption("a compressed block that is not smaller than its contents");
  }
  if ((header.flags & kFlagDictionary) != 0 && header.body_size < kDictionaryReferenceSize)
    return base::Corruption("a block that ends within its dictionary reference");
  return base::Ok();
}

}  // namespace

std::string_view BlockCodecName(BlockCodec codec) {
  switch (codec) {
    case BlockCodec::kStored:
      return "stored";
    case BlockCodec::kZstd:
      return "zstd";
    case BlockCodec::kLz4:
      return "LZ4";
    case BlockCodec::kStreamEnd:
      return "end of stream";
  }
  return "unknown";
}

double BlockStatistics::ratio() const {
  const bool has_encoded = encoded_block_bytes != 0;
  const uint64_t raw = has_encoded ? encoded_raw_bytes : decoded_raw_bytes;
  const uint64_t block = has_encoded ? encoded_block_bytes : decoded_block_bytes;
  return block == 0 ? 1 : static_cast<double>(raw) / static_cast<double>(block);
}

double BlockStatistics::encode_bytes_per_second() const {
  return PerSecond(encoded_raw_bytes, encode_ns);
}

double BlockStatistics::decode_bytes_per_second() const {
  return PerSecond(decoded_raw_bytes, decode_ns);
}

base::Result<BlockHeader> ParseBlockHeader(base::ByteSpan bytes) {
  if (bytes.size() < kBlockHeaderSize) {
    return base::Corruption("a block's header of " + std::to_string(kBlockHeaderSize) +
                            " bytes is cut to " + std::to_string(bytes.size()));
  }
  base::ByteReader reader(bytes);
  BlockHeader header;
  header.codec = static_cast<BlockCodec>(reader.Get<uint8_t>());
  header.flags = reader.Get<uint8_t>();
  header.shuffle_element_size = reader.Get<uint8_t>();
  reader.Skip(1);  // Reserved: looked at when the CRC was right.
  header.raw_size = reader.Get<uint32_t>();
  header.body_size = reader.Get<uint32_t>();
  header.crc = reader.Get<uint32_t>();
  if (header.raw_size > kBlockRawMax || header.body_size > kBlockRawMax) {
    return base::Corruption("a block of " + std::to_string(header.raw_size) + " bytes stored in " +
                            std::to_string(header.body_size) + "; at most " +
                            std::to_string(kBlockRawMax) + " are possible");
  }
  return header;
}

class BlockCoder::State {
 public:
  State(BlockOptions options, const DictionarySet* dictionaries, NanosecondClock clock)
      : options_(std::move(options)), dictionaries_(dictionaries), clock_(std::move(clock)) {}

  const BlockOptions& options() const { return options_; }
  const BlockStatistics& statistics() const { return statistics_; }
  base::Status Compress(base::ByteSpan raw, base::Bytes& target, uint32_t seed);
  base::Status Decompress(base::ByteSpan block, size_t raw_max, base::Bytes& target, uint32_t seed);

 private:
  int64_t now_ns() const { return clock_ ? clock_() : 0; }
  base::Result<std::optional<size_t>> CompressInto(base::ByteSpan raw);
  base::Result<DictionaryPointer> FindDictionary(const Reference& reference) const;
  base::Status DecompressInto(const BlockHeader& header, base::ByteSpan body,
                              base::MutableByteSpan target);

  BlockOptions options_;
  const DictionarySet* dictionaries_;
  NanosecondClock clock_;
  BlockStatistics statistics_;
  ZstdContext zstd_;
  Lz4Context lz4_;
  base::Bytes compressed_;  // These two only grow, to what the largest block took.
  base::Bytes shuffled_;
};

// Compresses into `compressed_`; no size when the block must be stored.
base::Result<std::optional<size_t>> BlockCoder::State::CompressInto(base::ByteSpan raw) {
  std::optional<size_t> none;
  if (raw.empty() || options_.codec == BlockCodec::kStored) return none;
  if (options_.shuffle_element_size != 0) {
    if (shuffled_.size() < raw.size()) shuffled_.resize(raw.size());
    const base::MutableByteSpan shuffled(shuffled_.data(), raw.size());
    ShuffleBytes(options_.shuffle_element_size, raw, shuffled);
    raw = shuffled;
  }
  const bool is_zstd = options_.codec == BlockCodec::kZstd;
  const size_t bound = is_zstd ? ZstdContext::Bound(raw.size()) : Lz4Context::Bound(raw.size());
  if (compressed_.size() < bound) compressed_.resize(bound);
  const Dictionary* dictionary = options_.dictionary.get();
  const int level = EffectiveLevel(options_);
  const std::optional<size_t> size = is_zstd ? zstd_.Compress(raw, level, dictionary, compressed_)
                                             : lz4_.Compress(raw, level, dictionary, compressed_);
  if (!size) {
    return base::Full("no memory for " + std::string(BlockCodecName(options_.codec)) +
                      " at level " + std::to_string(level));
  }
  const size_t reference_size = dictionary != nullptr ? kDictionaryReferenceSize : 0;
  return *size + reference_size < raw.size() ? size : none;
}

base::Status BlockCoder::State::Compress(base::ByteSpan raw, base::Bytes& target, uint32_t seed) {
  if (raw.size() > kBlockRawMax) {
    return base::InvalidArgument("a block of " + std::to_string(raw.size()) +
                                 " bytes; it may have " + std::to_string(kBlockRawMax));
  }
  const int64_t start_ns = now_ns();
  INTACT_ASSIGN_OR_RETURN(const std::optional<size_t> size, CompressInto(raw));
  const base::ByteSpan stored = size ? base::ByteSpan(compressed_).first(*size) : raw;
  const Head head = MakeHead(options_, size.has_value(), raw.size(), stored, seed);
  const base::ByteSpan header = base::ByteSpan(head.bytes).first(head.size);

  target.reserve(target.size() + header.size() + stored.size());
  target.insert(target.end(), header.begin(), header.end());
  target.insert(target.end(), stored.begin(), stored.end());
  statistics_.encoded_blocks += 1;
  statistics_.encoded_raw_bytes += raw.size();
  statistics_.encoded_block_bytes += header.size() + stored.size();
  statistics_.encode_ns += now_ns() - start_ns;
  return base::Ok();
}

base::Result<DictionaryPointer> BlockCoder::State::FindDictionary(
    const Reference& reference) const {
  DictionaryPointer dictionary = options_.dictionary;
  if (dictionary == nullptr || dictionary->name() != reference.name) {
    const DictionarySet empty;
    INTACT_ASSIGN_OR_RETURN(
        dictionary, (dictionaries_ != nullptr ? *dictionaries_ : empty).Find(reference.name));
  }
  if (dictionary->crc() != reference.crc) {
    return base::NotFound("dictionary " + std::to_string(reference.name.id) + " version " +
                          std::to_string(reference.name.version) +
                          " is at hand with other bytes than the block was written with");
  }
  return dictionary;
}

base::Status BlockCoder::State::DecompressInto(const BlockHeader& header, base::ByteSpan body,
                                               base::MutableByteSpan target) {
  DictionaryPointer dictionary;
  if ((header.flags & kFlagDictionary) != 0) {
    base::ByteReader reader(body);
    Reference reference;
    reference.name.id = reader.Get<uint16_t>();
    reference.name.version = reader.Get<uint16_t>();
    reference.crc = reader.Get<uint32_t>();
    INTACT_ASSIGN_OR_RETURN(dictionary, FindDictionary(reference));
    body = body.subspan(kDictionaryReferenceSize);
  }
  base::MutableByteSpan decoded = target;
  if (header.shuffle_element_size != 0) {
    if (shuffled_.size() < target.size()) shuffled_.resize(target.size());
    decoded = base::MutableByteSpan(shuffled_).first(target.size());
  }
  const bool is_decoded = header.codec == BlockCodec::kZstd
                              ? zstd_.Decompress(body, dictionary.get(), decoded)
                              : Lz4Context::Decompress(body, dictionary.get(), decoded);
  if (!is_decoded) {
    return base::Corruption("a block's " + std::string(BlockCodecName(header.codec)) +
                            " bytes do not decode to the " + std::to_string(target.size()) +
                            " bytes that its header states");
  }
  if (header.shuffle_element_size != 0)
    UnshuffleBytes(header.shuffle_element_size, decoded, target);
  return base::Ok();
}

base::Status BlockCoder::State::Decompress(base::ByteSpan block, size_t raw_max,
                                           base::Bytes& target, uint32_t seed) {
  const int64_t start_ns = now_ns();
  INTACT_ASSIGN_OR_RETURN(const BlockHeader header, ParseBlockHeader(block));
  if (header.block_size() != block.size()) {
    return base::Corruption("a block of " + std::to_string(block.size()) +
                            " bytes whose header states " + std::to_string(header.block_size()));
  }
  const base::ByteSpan body = block.subspan(kBlockHeaderSize);
  const uint32_t crc = base::Crc32c(body, base::Crc32c(block.first(kCrcOffset), seed));
  if (crc != header.crc) {
    return base::Corruption("a block's CRC is " + std::to_string(crc) + ", its header states " +
                            std::to_string(header.crc));
  }
  INTACT_RETURN_IF_ERROR(CheckMeaning(header, block));
  if (header.raw_size > raw_max) {
    return base::Full("a block holds " + std::to_string(header.raw_size) + " bytes, " +
                      std::to_string(raw_max) + " are allowed");
  }
  if (header.codec == BlockCodec::kStored) {
    target.insert(target.end(), body.begin(), body.end());
  } else {
    const size_t old_size = target.size();
    target.resize(old_size + header.raw_size);
    if (base::Status status =
            DecompressInto(header, body, base::MutableByteSpan(target).subspan(old_size));
        !status.ok()) {
      target.resize(old_size);
      return status;
    }
  }
  statistics_.decoded_blocks += 1;
  statistics_.decoded_raw_bytes += header.raw_size;
  statistics_.decoded_block_bytes += block.size();
  statistics_.decode_ns += now_ns() - start_ns;
  return base::Ok();
}

BlockCoder::BlockCoder(std::unique_ptr<State> state) : state_(std::move(state)) {}
BlockCoder::BlockCoder(BlockCoder&&) noexcept = default;
BlockCoder& BlockCoder::operator=(BlockCoder&&) noexcept = default;
BlockCoder::~BlockCoder() = default;

base::Result<BlockCoder> BlockCoder::Make(BlockOptions options, const DictionarySet* dictionaries,
                                          NanosecondClock clock) {
  INTACT_RETURN_IF_ERROR(CheckOptions(options));
  return BlockCoder(std::make_unique<State>(std::move(options), dictionaries, std::move(clock)));
}

const BlockOptions& BlockCoder::options() const { return state_->options(); }
const BlockStatistics& BlockCoder::statistics() const { return state_->statistics(); }

base::Status BlockCoder::Compress(base::ByteSpan raw, base::Bytes& target, uint32_t seed) {
  return state_->Compress(raw, target, seed);
}

base::Status BlockCoder::Decompress(base::ByteSpan block, size_t raw_max, base::Bytes& target,
                                    uint32_t seed) {
  return state_->Decompress(block, raw_max, target, seed);
}

base::Status BlockCoder::CompressBatch(std::span<const base::ByteSpan> raws, base::Bytes& target) {
  const size_t old_size = target.size();
  for (size_t i = 0; i < raws.size(); ++i) {
    if (base::Status status = Compress(raws[i], target); !status.ok()) {
      target.resize(old_size);
      return status.Annotate("block " + std::to_string(i));
    }
  }
  return base::Ok();
}

base::Status BlockCoder::DecompressBatch(base::ByteSpan blocks, size_t raw_max, base::Bytes& target,
                                         std::vector<size_t>& raw_sizes) {
  const size_t old_size = target.size();
  const size_t old_count = raw_sizes.size();
  base::Status status;
  while (!blocks.empty()) {
    const size_t before = target.size();
    const base::Result<BlockHeader> header = ParseBlockHeader(blocks);
    status = header.status();
    if (!status.ok()) break;
    const base::ByteSpan block = blocks.first(std::min(header->block_size(), blocks.size()));
    status = Decompress(block, raw_max - (before - old_size), target);
    if (!status.ok()) break;
    blocks = blocks.subspan(block.size());
    raw_sizes.push_back(target.size() - before);
  }
  if (status.ok()) return status;
  const size_t index = raw_sizes.size() - old_count;
  target.resize(old_size);
  raw_sizes.resize(old_count);
  return status.Annotate("block " + std::to_string(index));
}

base::Status CompressBlock(base::ByteSpan raw, const BlockOptions& options, base::Bytes& target) {
  INTACT_ASSIGN_OR_RETURN(BlockCoder coder, BlockCoder::Make(options));
  return coder.Compress(raw, target);
}

base::Status DecompressBlock(base::ByteSpan block, size_t raw_max, base::Bytes& target) {
  INTACT_ASSIGN_OR_RETURN(BlockCoder coder, BlockCoder::Make({}));
  return coder.Decompress(block, raw_max, target);
}

}  // namespace intact::codec
