// Any bytes as a file of inverted lists and as its summary: as they are, and laid over valid ones
// whose checksums are made right.
#include <algorithm>

#include "intact/format/ivf.h"

namespace base = intact::base;
namespace format = intact::format;

namespace {

void UseFile(base::ByteSpan bytes) {
  const auto view = format::IvfView::Parse(bytes, "file");
  if (!view.ok()) return;
  uint64_t sum = 0;
  for (uint32_t list = 0; list < view->header().list_count; ++list) {
    if (!view->CheckList(list).ok()) continue;
    const format::IvfView::List content = view->ListAt(list);
    for (const uint32_t row : content.rows) INTACT_CHECK(row < view->header().row_count);
    for (const std::byte byte : content.high) sum += static_cast<uint64_t>(byte);
    for (const std::byte byte : content.bounds) sum += static_cast<uint64_t>(byte);
  }
  INTACT_CHECK(sum <= bytes.size() * 255);
}

// Two lists of one and two rows of 64 dimensions.
base::Bytes ValidFile(base::ByteSpan input) {
  format::IvfHeader header;
  header.dimensions = 64;
  header.list_count = 2;
  header.row_count = 3;
  header.file_size = header.lists_offset() + header.ListSize(1) + header.ListSize(2);
  alignas(64) std::array<std::byte, 16384> file{};
  const std::span<std::byte> bytes = std::span(file).first(header.file_size);
  const auto rows_at = [&](size_t list, size_t row) {
    const uint64_t at = header.lists_offset() + (list == 0 ? 0 : header.ListSize(1));
    return bytes.data() + at + (list + 1) * 44 + row * 4;
  };
  base::Store(rows_at(1, 0), uint32_t{1});
  base::Store(rows_at(1, 1), uint32_t{2});
  format::IvfListEntry table[2] = {{header.lists_offset(), 1},
                                   {header.lists_offset() + header.ListSize(1), 2}};
  base::Store(bytes.data() + header.table_offset(), table);
  // The input goes over everything but the header.
  const size_t begin = input.empty() ? 0 : static_cast<size_t>(input[0]) * 16;
  const std::span<std::byte> body = bytes.subspan(format::kPageSize);
  if (!input.empty() && begin < body.size()) {
    const size_t used = std::min(input.size() - 1, body.size() - begin);
    std::copy_n(input.begin() + 1, used, body.begin() + static_cast<std::ptrdiff_t>(begin));
  }
  const uint32_t seed = header.crc_seed();
  const auto crc = [&](uint64_t offset, uint64_t size) {
    return base::Crc32c(bytes.subspan(offset, size), seed);
  };
  for (const uint64_t list : {uint64_t{0}, uint64_t{1}}) {
    std::byte* entry = bytes.data() + header.table_offset() + list * sizeof(format::IvfListEntry);
    base::Store(entry + 12, crc(table[list].offset, header.ListSize(table[list].row_count)));
  }
  header.centroids_crc = crc(header.centroids_offset(), header.centroids_size());
  header.terms_crc = crc(header.terms_offset(), 2 * sizeof(format::IvfTerm));
  header.table_crc = crc(header.table_offset(), sizeof(table));
  const format::IvfHeaderBytes page = format::EncodeIvfHeader(header);
  std::copy(page.begin(), page.end(), bytes.begin());
  return {bytes.begin(), bytes.end()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const base::ByteSpan input = std::as_bytes(std::span(data, size));
  // Parsed bytes begin at a multiple of 64.
  const auto use_aligned = [](base::ByteSpan bytes) {
    UseFile(base::AlignedVector<std::byte>(bytes.begin(), bytes.end()));
  };
  use_aligned(input);
  use_aligned(ValidFile(input));

  static_cast<void>(format::DecodeIvfSummary(input, "summary").ok());
  base::Bytes sealed(input.begin(), input.end());
  sealed.resize(size + 4);
  base::Store(sealed.data() + size, base::Crc32c(input));
  const auto summary = format::DecodeIvfSummary(sealed, "summary");
  if (summary.ok()) {
    const auto again = format::DecodeIvfSummary(format::EncodeIvfSummary(*summary), "summary");
    INTACT_CHECK(again.ok() && *again == *summary);
  }
  return 0;
}
