// What vectors would take if nothing but the frequencies of signs and exponents were known of them:
// the zero-order entropy of both, the other bits as they are. Codecs are measured against it. Not
// thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>

#include "intact/base/base.h"
#include "intact/codec/vector_words.h"

namespace intact::engine {

// The floor of numbers of one element type, taken as they are.
class ElementFloor {
 public:
  explicit ElementFloor(base::ElementType element) : element_(element) {}
  // `elements` [n] of the type.
  void Add(base::ByteSpan elements);
  // Of all values so far; no number when there are none.
  double BitsPerValue() const;

 private:
  base::ElementType element_;
  uint64_t count_ = 0;
  std::array<uint64_t, 2> signs_{};
  std::array<uint64_t, 2048> exponents_{};
};

// The floor of the words that vectors were made of, with their residuals; scales are not counted.
class WordFloor {
 public:
  // `vector` [d], which the codec found to be `recipe`.
  void Add(std::span<const float> vector, const codec::Recipe& recipe);
  double BitsPerValue() const;

 private:
  // Of words alike.
  struct Group {
    uint64_t count = 0;
    uint64_t plain_bits = 0;
    // How often each came.
    std::array<uint64_t, 2> signs{};
    std::array<uint64_t, 256> exponents{};
    std::array<uint64_t, 32> zeros{};  // At the end of a whole number.
    std::array<uint64_t, 256> residuals{};
  };
  static void AddWord(codec::Word kind, uint32_t bits, Group& group);

  codec::VectorWords words_;  // Scratch.
  std::map<std::pair<codec::Word, codec::Arithmetic>, Group> groups_;
};

}  // namespace intact::engine
