// Any bytes as a segment's header page: as they are, and with the checksum made right.
#include "intact/format/segment.h"

namespace base = intact::base;
namespace format = intact::format;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  base::ByteSpan input = std::as_bytes(std::span(data, size));
  static_cast<void>(format::DecodeSegmentHeader(input, size, "seg").ok());
  // A valid header with the input laid over it from a place that its first byte names.
  format::SegmentHeader header;
  header.row_count = 1;
  header.dimensions = 4;
  uint64_t end = format::kPageSize;
  for (uint32_t kind = format::kSectionKeys; kind <= format::kSectionRest; ++kind) {
    const uint64_t begin = base::AlignUp(end, format::kSectionAlignment);
    const uint64_t bytes = format::ColumnSize(kind, 1, 4).value_or(17);
    header.sections.push_back({kind, 0, begin, bytes});
    end = begin + bytes;
  }
  header.file_size = end;
  auto page = format::EncodeSegmentHeader(header);
  if (!input.empty()) {
    const size_t begin = 8 + static_cast<size_t>(input[0]);
    input = input.subspan(1);
    std::copy_n(input.begin(), std::min(input.size(), 4092 - begin),
                page.begin() + static_cast<std::ptrdiff_t>(begin));
  }
  base::Store(page.data() + 4092, base::Crc32c(base::ByteSpan(page).first(4092)));
  const auto claimed_size = base::Load<uint64_t>(page.data() + 56);
  const auto decoded = format::DecodeSegmentHeader(page, claimed_size, "seg");
  if (decoded.ok()) {
    for (const format::SectionEntry& entry : decoded->sections) {
      INTACT_CHECK(entry.offset <= claimed_size && entry.size <= claimed_size - entry.offset);
    }
  }
  return 0;
}
