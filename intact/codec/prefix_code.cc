#include "intact/codec/prefix_code.h"

#include <algorithm>
#include <array>

#include "intact/base/check.h"

namespace intact::codec {
namespace {

// An item of a level of package-merge: a symbol, or two neighbours of the level below.
struct Item {
  uint64_t weight = 0;
  int symbol = -1;     // -1 for a package,
  size_t package = 0;  // which then joins items 2 * package and 2 * package + 1 of the level below.
};

uint16_t Reverse(uint16_t bits, unsigned length) {
  uint16_t reversed = 0;
  for (unsigned i = 0; i < length; ++i) reversed |= ((bits >> i) & 1) << (length - 1 - i);
  return reversed;
}

}  // namespace

std::vector<uint8_t> CodeLengths(std::span<const uint64_t> weights) {
  std::vector<Item> leaves;
  for (size_t symbol = 0; symbol < weights.size(); ++symbol) {
    if (weights[symbol] > 0) leaves.push_back({weights[symbol], static_cast<int>(symbol), 0});
  }
  INTACT_CHECK(leaves.size() >= 2 && leaves.size() <= kDecodeTableSize);
  std::stable_sort(leaves.begin(), leaves.end(),
                   [](const Item& a, const Item& b) { return a.weight < b.weight; });
  std::array<std::vector<Item>, kCodeLengthMax> levels;
  levels[0] = leaves;
  for (size_t level = 1; level < kCodeLengthMax; ++level) {
    const std::vector<Item>& below = levels[level - 1];
    std::vector<Item> packages(below.size() / 2);
    for (size_t i = 0; i < packages.size(); ++i) {
      packages[i] = {below[2 * i].weight + below[2 * i + 1].weight, -1, i};
    }
    levels[level].resize(leaves.size() + packages.size());
    std::merge(leaves.begin(), leaves.end(), packages.begin(), packages.end(),
               levels[level].begin(),
               [](const Item& a, const Item& b) { return a.weight < b.weight; });
  }
  // The cheapest 2n - 2 items of the top level; each time a leaf is in, its code is a bit longer.
  std::vector<uint8_t> lengths(weights.size(), 0);
  size_t taken = 2 * leaves.size() - 2;
  for (size_t level = kCodeLengthMax; level-- > 0 && taken > 0;) {
    size_t packages = 0;
    for (size_t i = 0; i < taken; ++i) {
      const Item& item = levels[level][i];
      if (item.symbol < 0) {
        ++packages;
      } else {
        ++lengths[static_cast<size_t>(item.symbol)];
      }
    }
    taken = 2 * packages;
  }
  return lengths;
}

bool IsComplete(std::span<const uint8_t> lengths) {
  size_t sum = 0;
  for (uint8_t length : lengths) {
    if (length > kCodeLengthMax) return false;
    if (length > 0) sum += kDecodeTableSize >> length;
  }
  return sum == kDecodeTableSize;
}

std::vector<Code> MakeCodes(std::span<const uint8_t> lengths) {
  std::vector<Code> codes(lengths.size());
  uint16_t next = 0;
  for (unsigned length = 1; length <= kCodeLengthMax; ++length) {
    next = static_cast<uint16_t>(next << 1);
    for (size_t symbol = 0; symbol < lengths.size(); ++symbol) {
      if (lengths[symbol] != length) continue;
      codes[symbol] = {Reverse(next, length), static_cast<uint8_t>(length)};
      ++next;
    }
  }
  return codes;
}

void FillDecodeTable(std::span<const uint8_t> lengths, std::span<DecodeEntry> table) {
  INTACT_CHECK(table.size() == kDecodeTableSize && lengths.size() <= kDecodeTableSize);
  const std::vector<Code> codes = MakeCodes(lengths);
  for (size_t symbol = 0; symbol < codes.size(); ++symbol) {
    const Code code = codes[symbol];
    if (code.length == 0) continue;
    const auto entry = static_cast<DecodeEntry>(symbol << kEntrySymbolShift | code.length);
    for (size_t at = code.bits; at < kDecodeTableSize; at += size_t{1} << code.length) {
      table[at] = entry;
    }
  }
}

}  // namespace intact::codec
