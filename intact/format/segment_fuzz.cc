// Any bytes as a segment's header page: as they are, and with the checksum made right. The same
// bytes as a key filter, which must answer for any key without reading elsewhere, and as hashes to
// build one of, which must then pass them all.
#include "intact/format/key_filter.h"
#include "intact/format/segment.h"

namespace base = intact::base;
namespace format = intact::format;

namespace {

void AskFilter(base::ByteSpan section) {
  const auto filter = format::KeyFilter::Parse(section, "filter");
  if (!filter.ok()) return;
  for (uint64_t i = 0; i < 64; ++i) {
    const uint64_t hash = i * 0x0404040404040405;  // All over the range.
    for (const size_t place : filter->PlacesOf(hash)) INTACT_CHECK(place < section.size());
    static_cast<void>(filter->MayContain(hash));
  }
}

void CheckFilter(base::ByteSpan input) {
  AskFilter(input);
  // With the size that the header demands, as far as it is small.
  base::Bytes section(input.begin(), input.end());
  section.resize(std::max<size_t>(section.size(), format::KeyFilter::kHeaderSize));
  const uint32_t bits = base::Load<uint32_t>(section.data() + 12);
  const uint64_t windows = uint64_t{base::Load<uint32_t>(section.data() + 16)} + 2;
  if (bits < 32 && windows << bits <= uint64_t{1} << 16) {
    section.resize(format::KeyFilter::kHeaderSize + (windows << bits));
    AskFilter(section);
  }
  std::vector<uint64_t> hashes(std::min<size_t>(input.size() / sizeof(uint64_t), 2000));
  std::copy_n(input.begin(), hashes.size() * sizeof(uint64_t),
              std::as_writable_bytes(std::span(hashes)).begin());
  const auto built = format::KeyFilter::Build(hashes, input.size());
  INTACT_CHECK(built.has_value() != hashes.empty());
  if (!built) return;
  const auto filter = format::KeyFilter::Parse(*built, "built");
  for (const uint64_t hash : hashes) INTACT_CHECK(filter->MayContain(hash));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  base::ByteSpan input = std::as_bytes(std::span(data, size));
  static_cast<void>(format::DecodeSegmentHeader(input, size, "seg").ok());
  CheckFilter(input);
  // A valid header with the input laid over it from a place that its first byte names.
  format::SegmentHeader header;
  header.row_count = 1;
  header.dimensions = 4;
  uint64_t end = format::kPageSize;
  // With codes whole, or in halves.
  std::vector<uint32_t> kinds(format::kRowKinds.begin(), format::kRowKinds.end());
  if (size % 2 == 0) {
    kinds.insert(kinds.end(), format::kWholeCodeKinds.begin(), format::kWholeCodeKinds.end());
  } else {
    kinds.insert(kinds.end(), format::kCodeHalfKinds.begin(), format::kCodeHalfKinds.end());
  }
  for (const uint32_t kind : kinds) {
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
