#include "intact/codec/block_shuffle.h"

#include <algorithm>
#include <cstdint>

namespace intact::codec {
namespace {

// Elements taken at a time: their bytes stay in the first-level cache while each plane is visited,
// and a count known when compiled lets the compiler make vector code of the inner loops.
constexpr size_t kTile = 64;

// Elements [begin, end) of `count`, for any element size.
void ShuffleRange(size_t element_size, size_t count, size_t begin, size_t end,
                  const std::byte* source, std::byte* target) {
  for (size_t k = 0; k < element_size; ++k) {
    std::byte* plane = target + k * count;
    for (size_t i = begin; i < end; ++i) plane[i] = source[i * element_size + k];
  }
}

void UnshuffleRange(size_t element_size, size_t count, size_t begin, size_t end,
                    const std::byte* source, std::byte* target) {
  for (size_t k = 0; k < element_size; ++k) {
    const std::byte* plane = source + k * count;
    for (size_t i = begin; i < end; ++i) target[i * element_size + k] = plane[i];
  }
}

// The same for elements of the size of Word, a tile at a time, as shifts of whole words. Returns
// how many elements it has done; the last, partial tile is left.
template <typename Word>
size_t ShuffleTiles(size_t count, const std::byte* source, std::byte* target) {
  size_t begin = 0;
  for (; begin + kTile <= count; begin += kTile) {
    Word words[kTile];
    std::memcpy(words, source + begin * sizeof(Word), sizeof(words));
    for (size_t k = 0; k < sizeof(Word); ++k) {
      uint8_t bytes[kTile];
      for (size_t i = 0; i < kTile; ++i) bytes[i] = static_cast<uint8_t>(words[i] >> (8 * k));
      std::memcpy(target + k * count + begin, bytes, kTile);
    }
  }
  return begin;
}

template <typename Word>
size_t UnshuffleTiles(size_t count, const std::byte* source, std::byte* target) {
  size_t begin = 0;
  for (; begin + kTile <= count; begin += kTile) {
    Word words[kTile] = {};
    for (size_t k = 0; k < sizeof(Word); ++k) {
      uint8_t bytes[kTile];
      std::memcpy(bytes, source + k * count + begin, kTile);
      for (size_t i = 0; i < kTile; ++i)
        words[i] = static_cast<Word>(words[i] | static_cast<Word>(Word{bytes[i]} << (8 * k)));
    }
    std::memcpy(target + begin * sizeof(Word), words, sizeof(words));
  }
  return begin;
}

void CopyRemainder(size_t whole, base::ByteSpan source, base::MutableByteSpan target) {
  std::ranges::copy(source.subspan(whole), target.subspan(whole).begin());
}

}  // namespace

void ShuffleBytes(size_t element_size, base::ByteSpan source, base::MutableByteSpan target) {
  INTACT_CHECK(element_size >= 1 && target.size() == source.size());
  const size_t count = source.size() / element_size;
  size_t done = 0;
  if (element_size == 2) done = ShuffleTiles<uint16_t>(count, source.data(), target.data());
  if (element_size == 4) done = ShuffleTiles<uint32_t>(count, source.data(), target.data());
  if (element_size == 8) done = ShuffleTiles<uint64_t>(count, source.data(), target.data());
  for (; done < count; done += kTile) {
    ShuffleRange(element_size, count, done, std::min(count, done + kTile), source.data(),
                 target.data());
  }
  CopyRemainder(count * element_size, source, target);
}

void UnshuffleBytes(size_t element_size, base::ByteSpan source, base::MutableByteSpan target) {
  INTACT_CHECK(element_size >= 1 && target.size() == source.size());
  const size_t count = source.size() / element_size;
  size_t done = 0;
  if (element_size == 2) done = UnshuffleTiles<uint16_t>(count, source.data(), target.data());
  if (element_size == 4) done = UnshuffleTiles<uint32_t>(count, source.data(), target.data());
  if (element_size == 8) done = UnshuffleTiles<uint64_t>(count, source.data(), target.data());
  for (; done < count; done += kTile) {
    UnshuffleRange(element_size, count, done, std::min(count, done + kTile), source.data(),
                   target.data());
  }
  CopyRemainder(count * element_size, source, target);
}

}  // namespace intact::codec
