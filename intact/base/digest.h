// Identity of content: BLAKE2b with 256 bits (RFC 7693), by libsodium. Two different inputs with
// one digest are not expected to exist, so a digest may stand for its content. Thread-safe.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "intact/base/bytes.h"

namespace intact::base {

struct Digest {
  std::array<std::byte, 32> bytes{};

  auto operator<=>(const Digest&) const = default;
  // The first eight bytes as a number: a ready-made hash for tables.
  uint64_t Prefix() const { return Load<uint64_t>(bytes.data()); }
  // 64 lower-case hexadecimal digits.
  std::string ToHex() const;
};
static_assert(sizeof(Digest) == 32 && std::is_trivially_copyable_v<Digest>);

// The digest of `bytes`. No bytes is a valid input.
Digest DigestOf(ByteSpan bytes);
inline Digest DigestOf(std::string_view text) { return DigestOf(AsBytes(text)); }

// Digests input that arrives in pieces.
class Digester {
 public:
  Digester();
  ~Digester();
  Digester(const Digester&) = delete;
  Digester& operator=(const Digester&) = delete;

  void Update(ByteSpan bytes);
  // Length first, so that ("ab", "c") and ("a", "bc") differ.
  void UpdateField(std::string_view text);
  // Ends the input; call once.
  Digest Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct DigestHash {
  size_t operator()(const Digest& digest) const { return static_cast<size_t>(digest.Prefix()); }
};

}  // namespace intact::base
