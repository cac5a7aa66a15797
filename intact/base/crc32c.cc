#include "intact/base/crc32c.h"

#include <array>

namespace intact::base {
namespace {

using Table = std::array<std::array<uint32_t, 256>, 8>;

constexpr Table MakeTable() {
  Table table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? 0x82F63B78u : 0u);
    table[0][i] = crc;
  }
  for (uint32_t i = 0; i < 256; ++i) {
    for (size_t slice = 1; slice < 8; ++slice) {
      const uint32_t previous = table[slice - 1][i];
      table[slice][i] = (previous >> 8) ^ table[0][previous & 0xff];
    }
  }
  return table;
}

constexpr Table kTable = MakeTable();

// The crc32 instruction stands here and not in `simd`, because `base` may include nothing and every
// file check starts from base. One instruction, chosen at run time, against the definition in
// tests.
#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t Crc32cInstruction(ByteSpan bytes, uint32_t crc) {
  uint64_t state = ~crc;
  const std::byte* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) state = __builtin_ia32_crc32di(state, Load<uint64_t>(at));
  auto state32 = static_cast<uint32_t>(state);
  for (; left > 0; --left, ++at) {
    state32 = __builtin_ia32_crc32qi(state32, static_cast<unsigned char>(*at));
  }
  return ~state32;
}
#endif

}  // namespace

uint32_t Crc32cPortable(ByteSpan bytes, uint32_t crc) {
  uint32_t state = ~crc;
  const std::byte* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; left -= 8, at += 8) {
    const uint64_t word = Load<uint64_t>(at) ^ state;
    state = 0;
    for (size_t slice = 0; slice < 8; ++slice) {
      state ^= kTable[7 - slice][(word >> (8 * slice)) & 0xff];
    }
  }
  for (; left > 0; --left, ++at) {
    state = (state >> 8) ^ kTable[0][(state ^ static_cast<uint32_t>(*at)) & 0xff];
  }
  return ~state;
}

uint32_t Crc32c(ByteSpan bytes, uint32_t crc) {
#if defined(__x86_64__)
  static const bool has_instruction = __builtin_cpu_supports("sse4.2");
  if (has_instruction) return Crc32cInstruction(bytes, crc);
#endif
  return Crc32cPortable(bytes, crc);
}

}  // namespace intact::base
