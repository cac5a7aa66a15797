// The two libraries behind BlockCoder, each as "compress into this much room" and "decompress to
// this size". Contexts are made on first use and kept. One thread at a time.
#pragma once

#include <optional>

#include "intact/base/base.h"
#include "intact/codec/block_dictionary.h"

struct ZSTD_CCtx_s;
struct ZSTD_CDict_s;
struct ZSTD_DCtx_s;
union LZ4_stream_u;
union LZ4_streamHC_u;

namespace intact::codec {

constexpr int kZstdLevelMax = 22;
constexpr int kZstdLevelDefault = 3;
constexpr int kLz4LevelMax = 12;
constexpr int kLz4LevelDefault = 1;
constexpr int kLz4HcLevelMin = 3;  // Below, LZ4's own fast matcher, as in the lz4 command.

class ZstdContext {
 public:
  // The most bytes that compressing `raw_size` bytes may take.
  static size_t Bound(size_t raw_size);

  // Compresses `raw`, not empty, into `target` of Bound(raw.size()) bytes; the size it took, or
  // nothing when memory for `level` cannot be had. `dictionary` may be null; level and dictionary
  // must be the same in every call.
  std::optional<size_t> Compress(base::ByteSpan raw, int level, const Dictionary* dictionary,
                                 base::MutableByteSpan target);
  // True when `stored` decoded to exactly the size of `target`, which is otherwise undefined.
  bool Decompress(base::ByteSpan stored, const Dictionary* dictionary,
                  base::MutableByteSpan target);

 private:
  struct Deleter {
    void operator()(ZSTD_CCtx_s* context) const;
    void operator()(ZSTD_CDict_s* dictionary) const;
    void operator()(ZSTD_DCtx_s* context) const;
  };
  bool Prepare(int level, const Dictionary* dictionary);

  std::unique_ptr<ZSTD_CCtx_s, Deleter> encoder_;
  std::unique_ptr<ZSTD_CDict_s, Deleter> dictionary_;
  std::unique_ptr<ZSTD_DCtx_s, Deleter> decoder_;
};

// As above.
class Lz4Context {
 public:
  static size_t Bound(size_t raw_size);
  std::optional<size_t> Compress(base::ByteSpan raw, int level, const Dictionary* dictionary,
                                 base::MutableByteSpan target);
  static bool Decompress(base::ByteSpan stored, const Dictionary* dictionary,
                         base::MutableByteSpan target);

 private:
  struct Deleter {
    void operator()(LZ4_stream_u* stream) const;
    void operator()(LZ4_streamHC_u* stream) const;
  };
  int CompressFast(base::ByteSpan raw, const Dictionary* dictionary, base::MutableByteSpan target);
  int CompressHigh(base::ByteSpan raw, int level, const Dictionary* dictionary,
                   base::MutableByteSpan target);

  // `loaded_` has read the dictionary and is copied for each block: 16 KiB, or 256 KiB for HC, are
  // copied sooner than 64 KiB of dictionary are hashed.
  std::unique_ptr<LZ4_stream_u, Deleter> fast_;
  std::unique_ptr<LZ4_stream_u, Deleter> fast_loaded_;
  std::unique_ptr<LZ4_streamHC_u, Deleter> high_;
  std::unique_ptr<LZ4_streamHC_u, Deleter> high_loaded_;
};

}  // namespace intact::codec
