// Any bytes in: a vector or an error out, and what encodes decodes to the same bits.
#include <cstdlib>

#include "intact/codec/codec.h"

namespace base = intact::base;
namespace codec = intact::codec;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::vector<float> target(data[0]);
  const base::ByteSpan bytes{reinterpret_cast<const std::byte*>(data + 1), size - 1};
  static_cast<void>(codec::DecodeVector(bytes, target).ok());

  std::vector<float> vector((size - 1) / 4);
  if (!vector.empty()) std::memcpy(vector.data(), data + 1, 4 * vector.size());
  base::Bytes encoded;
  codec::EncodeVector(vector, encoded);
  std::vector<float> decoded(vector.size());
  if (!codec::DecodeVector(encoded, decoded).ok()) std::abort();
  if (!vector.empty() && std::memcmp(vector.data(), decoded.data(), 4 * vector.size()) != 0)
    std::abort();
  return 0;
}
