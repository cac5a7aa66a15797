#include "intact/codec/block_context.h"

#include <lz4.h>
#include <lz4hc.h>
#include <zstd.h>

namespace intact::codec {

void ZstdContext::Deleter::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }
void ZstdContext::Deleter::operator()(ZSTD_CDict_s* dictionary) const {
  ZSTD_freeCDict(dictionary);
}
void ZstdContext::Deleter::operator()(ZSTD_DCtx_s* context) const { ZSTD_freeDCtx(context); }

size_t ZstdContext::Bound(size_t raw_size) { return ZSTD_compressBound(raw_size); }

bool ZstdContext::Prepare(int level, const Dictionary* dictionary) {
  if (encoder_ != nullptr) return true;
  encoder_.reset(ZSTD_createCCtx());
  if (encoder_ == nullptr) return false;
  // The block's header holds size, check and dictionary already.
  size_t failed = 0;
  const auto set = [&](ZSTD_cParameter parameter, int value) {
    failed |= ZSTD_isError(ZSTD_CCtx_setParameter(encoder_.get(), parameter, value));
  };
  set(ZSTD_c_compressionLevel, level);
  set(ZSTD_c_contentSizeFlag, 0);
  set(ZSTD_c_checksumFlag, 0);
  set(ZSTD_c_dictIDFlag, 0);
  if (dictionary != nullptr) {
    const base::ByteSpan bytes = dictionary->bytes();
    dictionary_.reset(ZSTD_createCDict(bytes.data(), bytes.size(), level));
    failed |= dictionary_ == nullptr ||
              ZSTD_isError(ZSTD_CCtx_refCDict(encoder_.get(), dictionary_.get()));
  }
  if (failed != 0) encoder_.reset();
  return failed == 0;
}

std::optional<size_t> ZstdContext::Compress(base::ByteSpan raw, int level,
                                            const Dictionary* dictionary,
                                            base::MutableByteSpan target) {
  if (!Prepare(level, dictionary)) return std::nullopt;
  const size_t size =
      ZSTD_compress2(encoder_.get(), target.data(), target.size(), raw.data(), raw.size());
  if (ZSTD_isError(size) != 0) {
    // With room for the bound only memory can have failed: begin afresh next time.
    encoder_.reset();
    return std::nullopt;
  }
  return size;
}

bool ZstdContext::Decompress(base::ByteSpan stored, const Dictionary* dictionary,
                             base::MutableByteSpan target) {
  if (decoder_ == nullptr) decoder_.reset(ZSTD_createDCtx());
  if (decoder_ == nullptr) return false;
  const size_t size =
      dictionary == nullptr
          ? ZSTD_decompressDCtx(decoder_.get(), target.data(), target.size(), stored.data(),
                                stored.size())
          : ZSTD_decompress_usingDDict(decoder_.get(), target.data(), target.size(), stored.data(),
                                       stored.size(), dictionary->zstd_decoder());
  return ZSTD_isError(size) == 0 && size == target.size();
}

namespace {

const char* Text(base::ByteSpan bytes) { return reinterpret_cast<const char*>(bytes.data()); }
char* Text(base::MutableByteSpan bytes) { return reinterpret_cast<char*>(bytes.data()); }
// Blocks and dictionaries are far below 2 GiB.
int Size(base::ByteSpan bytes) { return static_cast<int>(bytes.size()); }

}  // namespace

void Lz4Context::Deleter::operator()(LZ4_stream_u* stream) const { LZ4_freeStream(stream); }
void Lz4Context::Deleter::operator()(LZ4_streamHC_u* stream) const { LZ4_freeStreamHC(stream); }

size_t Lz4Context::Bound(size_t raw_size) {
  return static_cast<size_t>(LZ4_compressBound(static_cast<int>(raw_size)));
}

int Lz4Context::CompressFast(base::ByteSpan raw, const Dictionary* dictionary,
                             base::MutableByteSpan target) {
  if (fast_ == nullptr) fast_.reset(LZ4_createStream());
  if (fast_ == nullptr) return 0;
  if (dictionary == nullptr) {
    return LZ4_compress_fast_extState(fast_.get(), Text(raw), Text(target), Size(raw), Size(target),
                                      1);
  }
  if (fast_loaded_ == nullptr) {
    fast_loaded_.reset(LZ4_createStream());
    if (fast_loaded_ == nullptr) return 0;
    LZ4_loadDict(fast_loaded_.get(), Text(dictionary->bytes()), Size(dictionary->bytes()));
  }
  *fast_ = *fast_loaded_;
  return LZ4_compress_fast_continue(fast_.get(), Text(raw), Text(target), Size(raw), Size(target),
                                    1);
}

int Lz4Context::CompressHigh(base::ByteSpan raw, int level, const Dictionary* dictionary,
                             base::MutableByteSpan target) {
  if (high_ == nullptr) high_.reset(LZ4_createStreamHC());
  if (high_ == nullptr) return 0;
  if (dictionary == nullptr) {
    return LZ4_compress_HC_extStateHC(high_.get(), Text(raw), Text(target), Size(raw), Size(target),
                                      level);
  }
  if (high_loaded_ == nullptr) {
    high_loaded_.reset(LZ4_createStreamHC());
    if (high_loaded_ == nullptr) return 0;
    LZ4_resetStreamHC_fast(high_loaded_.get(), level);
    LZ4_loadDictHC(high_loaded_.get(), Text(dictionary->bytes()), Size(dictionary->bytes()));
  }
  *high_ = *high_loaded_;
  return LZ4_compress_HC_continue(high_.get(), Text(raw), Text(target), Size(raw), Size(target));
}

std::optional<size_t> Lz4Context::Compress(base::ByteSpan raw, int level,
                                           const Dictionary* dictionary,
                                           base::MutableByteSpan target) {
  const int size = level < kLz4HcLevelMin ? CompressFast(raw, dictionary, target)
                                          : CompressHigh(raw, level, dictionary, target);
  if (size <= 0) return std::nullopt;
  return static_cast<size_t>(size);
}

bool Lz4Context::Decompress(base::ByteSpan stored, const Dictionary* dictionary,
                            base::MutableByteSpan target) {
  const base::ByteSpan known = dictionary == nullptr ? base::ByteSpan() : dictionary->bytes();
  return LZ4_decompress_safe_usingDict(Text(stored), Text(target), Size(stored), Size(target),
                                       Text(known), Size(known)) == Size(target);
}

}  // namespace intact::codec
