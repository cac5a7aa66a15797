// Any bytes as SUPER: as they are, and with the checksums made right, so that what lies behind them
// is reached.
#include "intact/format/superblock.h"

namespace base = intact::base;
namespace format = intact::format;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const base::ByteSpan input = std::as_bytes(std::span(data, size));
  static_cast<void>(format::DecodeSuperFile(input, "SUPER").ok());
  // The input is laid over the fields of two pages, for both pairs.
  base::Bytes file(format::kSuperFileSize);
  for (uint32_t copy = 0; copy < format::kSuperCopyCount; ++copy) {
    format::SuperPageBytes page = format::EncodeSuperblock({}, copy);
    const base::ByteSpan part = input.subspan(copy < 2 ? 0 : size / 2);
    const size_t begin = size % 2 == 0 ? 8 : 40;
    std::copy_n(part.begin(), std::min(part.size(), 4092 - begin),
                page.begin() + static_cast<std::ptrdiff_t>(begin));
    page = format::MoveSuperPage(page, copy);
    std::copy(page.begin(), page.end(), file.begin() + copy * format::kPageSize);
  }
  const auto super = format::DecodeSuperFile(file, "SUPER");
  if (super.ok() && super->active.minor <= format::kFormatMinor) {
    const auto again =
        format::DecodeSuperblock(format::EncodeSuperblock(super->active, 0), 0, "SUPER");
    INTACT_CHECK(again.ok() && *again == super->active);
  }
  return 0;
}
