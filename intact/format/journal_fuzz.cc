// Any bytes as the head of a frame: as they are, and with the checksum made right.
#include "intact/format/journal.h"

namespace base = intact::base;
namespace format = intact::format;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const base::ByteSpan input = std::as_bytes(std::span(data, size));
  constexpr uint64_t kHalf = 16 * format::kPageSize;
  const format::Uuid store;
  static_cast<void>(format::DecodeFrameHead(input, store, 1, 0, kHalf, "journal-1").ok());
  // The input is laid over the fields behind those that must be as they are.
  format::FrameHead head;
  head.journal = 1;
  format::FrameHeadBytes bytes = format::EncodeFrameHead(head);
  std::copy_n(input.begin(), std::min<size_t>(size, 124 - 48), bytes.begin() + 48);
  base::Store(bytes.data() + 124, base::Crc32c(base::ByteSpan(bytes).first(124)));
  const auto decoded = format::DecodeFrameHead(bytes, store, 1, 0, kHalf, "journal-1");
  if (!decoded.ok()) return 0;
  INTACT_CHECK(decoded->size <= kHalf && decoded->manifest_offset <= decoded->size &&
               decoded->manifest_size <= decoded->size - decoded->manifest_offset);
  INTACT_CHECK(format::EncodeFrameHead(*decoded) == bytes);
  return 0;
}
