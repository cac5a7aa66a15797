// Any bytes in: contents or an error out, in bounded memory, as block, batch, stream and set of
// dictionaries, with their CRC as it is and made right; and what is compressed comes back the same.
#include <algorithm>
#include <cstdlib>

#include "intact/codec/block_stream.h"

namespace base = intact::base;
namespace codec = intact::codec;

namespace {

constexpr size_t kRawMax = size_t{1} << 20;

void Require(bool condition) {
  if (!condition) std::abort();
}

codec::BlockStreamReader::Source SourceOf(base::ByteSpan stream) {
  return [stream](base::MutableByteSpan target) mutable -> base::Result<size_t> {
    const size_t size = std::min(stream.size(), target.size());
    std::copy_n(stream.begin(), size, target.begin());
    stream = stream.subspan(size);
    return size;
  };
}

// The contents of a stream, if it is one.
bool ReadStream(base::ByteSpan stream, base::Bytes& contents) {
  auto reader = codec::BlockStreamReader::Make(SourceOf(stream), kRawMax);
  if (!reader.ok()) return false;
  base::Bytes block;
  while (contents.size() <= kRawMax) {
    const base::Result<bool> has_more = reader->Read(block);
    if (!has_more.ok() || !*has_more) return has_more.ok();
    contents.insert(contents.end(), block.begin(), block.end());
  }
  return false;
}

void ReadAnything(base::ByteSpan bytes, codec::BlockCoder& coder) {
  base::Bytes contents;
  if (coder.Decompress(bytes, kRawMax, contents).ok()) Require(contents.size() <= kRawMax);
  if (bytes.size() > codec::kBlockHeaderSize) {
    base::Bytes sealed(bytes.begin(), bytes.end());
    const base::ByteSpan body = base::ByteSpan(sealed).subspan(codec::kBlockHeaderSize);
    base::Store(sealed.data() + 8, static_cast<uint32_t>(body.size()));
    base::Store(sealed.data() + 12,
                base::Crc32c(body, base::Crc32c(base::ByteSpan(sealed).first(12))));
    contents.clear();
    if (coder.Decompress(sealed, kRawMax, contents).ok()) Require(contents.size() <= kRawMax);
  }
  contents.clear();
  std::vector<size_t> sizes;
  if (coder.DecompressBatch(bytes, kRawMax, contents, sizes).ok())
    Require(contents.size() <= kRawMax);
  contents.clear();
  static_cast<void>(ReadStream(bytes, contents));
  static_cast<void>(codec::DictionarySet::Parse(bytes).ok());
}

void RoundTrip(base::ByteSpan raw, const codec::BlockOptions& options, size_t block_raw_max) {
  auto coder = codec::BlockCoder::Make(options);
  Require(coder.ok());
  base::Bytes block;
  Require(coder->Compress(raw, block).ok());
  Require(block.size() <= codec::BlockSizeMax(raw.size()));
  base::Bytes decoded;
  Require(coder->Decompress(block, raw.size(), decoded).ok());
  Require(std::ranges::equal(decoded, raw));

  base::Bytes stream;
  auto writer = codec::BlockStreamWriter::Make(
      options,
      [&stream](base::ByteSpan bytes) {
        stream.insert(stream.end(), bytes.begin(), bytes.end());
        return base::Ok();
      },
      block_raw_max);
  Require(writer.ok() && writer->Append(raw).ok() && writer->Finish().ok());
  decoded.clear();
  Require(options.dictionary != nullptr || ReadStream(stream, decoded));
  Require(options.dictionary != nullptr || std::ranges::equal(decoded, raw));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 4) return 0;
  const base::ByteSpan bytes = std::as_bytes(std::span(data + 4, size - 4));
  codec::BlockOptions options;
  options.codec = data[0] % 2 == 0 ? codec::BlockCodec::kZstd : codec::BlockCodec::kLz4;
  options.level = data[1] % 13;
  options.shuffle_element_size = data[2] % 9 == 1 ? 0 : data[2] % 9;
  if (data[0] % 4 >= 2 && !bytes.empty()) {
    // Refused when it begins like a trained one and is none.
    auto dictionary = codec::Dictionary::Make({1, 1}, base::Bytes(bytes.begin(), bytes.end()));
    if (dictionary.ok()) options.dictionary = *dictionary;
  }
  auto reader = codec::BlockCoder::Make(options);
  Require(reader.ok());
  ReadAnything(bytes, *reader);
  RoundTrip(bytes, options, size_t{data[3]} + 1);
  return 0;
}
