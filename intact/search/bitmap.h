// A set of small numbers as bits. Thread-compatible value.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace intact::search {

class Bitmap {
 public:
  Bitmap() = default;
  explicit Bitmap(size_t size) : words_((size + 63) / 64), size_(size) {}

  size_t size() const { return size_; }
  bool Has(size_t index) const { return (words_[index / 64] >> (index % 64) & 1) != 0; }
  void Add(size_t index) { words_[index / 64] |= uint64_t{1} << (index % 64); }
  void Remove(size_t index) { words_[index / 64] &= ~(uint64_t{1} << (index % 64)); }
  // Adds [begin, end).
  void AddRange(size_t begin, size_t end) {
    for (size_t i = begin; i < end;) {
      const size_t next = end < (i / 64 + 1) * 64 ? end : (i / 64 + 1) * 64;
      words_[i / 64] |= ~uint64_t{0} >> (64 - (next - i)) << (i % 64);
      i = next;
    }
  }
  size_t Count() const {
    size_t count = 0;
    for (const uint64_t word : words_) count += static_cast<size_t>(std::popcount(word));
    return count;
  }
  // Whether any of [begin, begin + count) is in it.
  bool HasAny(size_t begin, size_t count) const {
    const size_t end = begin + count;
    for (size_t word = begin / 64; 64 * word < end; ++word) {
      uint64_t bits = words_[word];
      if (64 * word < begin) bits &= ~uint64_t{0} << (begin % 64);
      if (64 * word + 64 > end) bits &= ~uint64_t{0} >> (64 - end % 64);
      if (bits != 0) return true;
    }
    return false;
  }
  // Bytes of memory that the bits take.
  size_t byte_size() const { return words_.size() * sizeof(uint64_t); }
  // Number i is bit i % 64 of word i / 64; bits beyond the size are clear.
  const uint64_t* words() const { return words_.data(); }

 private:
  std::vector<uint64_t> words_;
  size_t size_ = 0;
};

}  // namespace intact::search
