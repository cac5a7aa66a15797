#include "intact/base/digest.h"

#include <sodium.h>

namespace intact::base {

struct Digester::State {
  crypto_generichash_state sodium;
};

namespace {

const unsigned char* Raw(ByteSpan bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

// Picks the CPU's BLAKE2b kernel once; without it libsodium works too, only slower.
void InitialiseOnce() {
  static const int initialised = sodium_init();
  INTACT_CHECK(initialised >= 0);
}

}  // namespace

std::string Digest::ToHex() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(64);
  for (const std::byte byte : bytes) {
    hex.push_back(kDigits[static_cast<unsigned>(byte) >> 4]);
    hex.push_back(kDigits[static_cast<unsigned>(byte) & 15]);
  }
  return hex;
}

Digest DigestOf(ByteSpan bytes) {
  InitialiseOnce();
  Digest digest;
  const int failed = crypto_generichash(reinterpret_cast<unsigned char*>(digest.bytes.data()),
                                        digest.bytes.size(), Raw(bytes), bytes.size(), nullptr, 0);
  INTACT_CHECK(failed == 0);
  return digest;
}

Digester::Digester() : state_(std::make_unique<State>()) {
  InitialiseOnce();
  INTACT_CHECK(crypto_generichash_init(&state_->sodium, nullptr, 0, sizeof(Digest)) == 0);
}
Digester::~Digester() = default;

void Digester::Update(ByteSpan bytes) {
  INTACT_CHECK(crypto_generichash_update(&state_->sodium, Raw(bytes), bytes.size()) == 0);
}

void Digester::UpdateField(std::string_view text) {
  const uint64_t size = text.size();
  Update(std::as_bytes(std::span(&size, 1)));
  Update(AsBytes(text));
}

Digest Digester::Finish() {
  Digest digest;
  INTACT_CHECK(crypto_generichash_final(&state_->sodium,
                                        reinterpret_cast<unsigned char*>(digest.bytes.data()),
                                        digest.bytes.size()) == 0);
  return digest;
}

}  // namespace intact::base
