// What general codecs make of the same rows in the same blocks. Internal to engine.
#pragma once

#include <vector>

#include "intact/engine/codec_blocks.h"
#include "intact/engine/codec_report.h"

namespace intact::engine {

// Copies raw rows as the forms are decoded: many at once, and one by one in `order`.
class RawRows {
 public:
  explicit RawRows(const RowBlocks& rows) : rows_(rows) {}
  void ReadInBatches();
  void ReadInOrder(std::span<const RowPlace> order);

 private:
  const RowBlocks& rows_;
  base::Bytes buffer_;
};

struct Peer {
  const char* name;
  int zstd_level;  // 0: LZ4.
  bool is_shuffled;
};
// In the order of the report.
inline constexpr Peer kPeers[] = {
    {"LZ4", 0, false},
    {"zstd 1", 1, false},
    {"zstd 3", 3, false},
    {"zstd 19", 19, false},
    {"shuffle + zstd 1", 1, true},
    {"shuffle + zstd 3", 3, true},
    {"shuffle + zstd 19", 19, true},
};

// Sizes, and speeds unless `effort` is kSizes; `is_exact` becomes false when a byte differs.
base::Result<CodecForm> BenchPeer(const RowBlocks& rows, const Peer& peer, CodecEffort effort,
                                  bool& is_exact);

}  // namespace intact::engine
