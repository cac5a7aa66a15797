#include "intact/engine/codec_peers.h"

#include <algorithm>
#include <cstring>

#include "intact/codec/block.h"

namespace intact::engine {

void RawRows::ReadInBatches() {
  const size_t at_once = RowsAtOnce(rows_.dimensions()) * rows_.row_size();
  buffer_.resize(at_once);
  for (const base::ByteSpan block : rows_.blocks()) {
    for (size_t begin = 0; begin < block.size(); begin += at_once) {
      std::memcpy(buffer_.data(), block.data() + begin, std::min(at_once, block.size() - begin));
    }
  }
}

void RawRows::ReadInOrder(std::span<const RowPlace> order) {
  buffer_.resize(std::max(buffer_.size(), rows_.row_size()));
  for (const auto& [block, row] : order) {
    std::memcpy(buffer_.data(), rows_.blocks()[block].data() + row * rows_.row_size(),
                rows_.row_size());
  }
}

base::Result<CodecForm> BenchPeer(const RowBlocks& rows, const Peer& peer, CodecEffort effort,
                                  bool& is_exact) {
  codec::BlockOptions options;
  options.codec = peer.zstd_level == 0 ? codec::BlockCodec::kLz4 : codec::BlockCodec::kZstd;
  options.level = peer.zstd_level;
  if (peer.is_shuffled) options.shuffle_element_size = base::ElementSize(rows.element());
  INTACT_ASSIGN_OR_RETURN(codec::BlockCoder coder, codec::BlockCoder::Make(options));
  CodecForm form{.name = peer.name};
  std::vector<base::Bytes> blocks(rows.blocks().size());
  base::Bytes raw;
  uint64_t raw_size = 0;
  for (size_t i = 0; i < blocks.size(); ++i) {
    const base::ByteSpan given = rows.blocks()[i];
    INTACT_RETURN_IF_ERROR(coder.Compress(given, blocks[i]));
    raw.clear();
    const base::Status status = coder.Decompress(blocks[i], codec::kBlockRawMax, raw);
    is_exact =
        is_exact && status.ok() && std::equal(raw.begin(), raw.end(), given.begin(), given.end());
    form.bytes += blocks[i].size();
    raw_size += given.size();
  }
  if (effort == CodecEffort::kSizes || !is_exact || raw_size == 0) return form;
  const bool is_quick = effort == CodecEffort::kQuick;
  base::Bytes target;
  form.encode = MeasureRate(raw_size, is_quick, [&] {
    for (const base::ByteSpan block : rows.blocks()) {
      target.clear();
      INTACT_CHECK(coder.Compress(block, target).ok());
    }
  });
  form.decode = MeasureRate(raw_size, is_quick, [&] {
    for (const base::Bytes& block : blocks) {
      raw.clear();
      INTACT_CHECK(coder.Decompress(block, codec::kBlockRawMax, raw).ok());
    }
  });
  return form;
}

}  // namespace intact::engine
