#include "intact/format/ivf.h"

#include <cmath>
#include <cstddef>

#include "intact/format/manifest.h"

namespace intact::format {
namespace {

using base::Result;
using base::Status;

using Magic = std::array<unsigned char, 8>;
constexpr Magic kMagic = {0x89, 'I', 'V', 'F', '\r', '\n', 0x1a, '\n'};
constexpr Magic kSummaryMagic = {0x89, 'I', 'V', 'S', '\r', '\n', 0x1a, '\n'};
constexpr uint16_t kMajor = 1;
constexpr size_t kSummaryHeadSize = 88;

// The header page as it lies on disk.
struct IvfPage {
  Magic magic;
  uint16_t major;
  uint16_t minor;
  uint32_t reserved0;
  uint64_t compatible;
  uint64_t read_only_compatible;
  uint64_t incompatible;
  Uuid store;
  uint64_t segment;
  base::Digest segment_digest;
  uint32_t dimensions;
  uint32_t stride;
  uint32_t list_count;
  uint32_t row_count;
  float query_norm;
  uint32_t reserved1;
  base::Digest training;
  uint64_t file_size;
  uint32_t centroids_crc;
  uint32_t terms_crc;
  uint32_t table_crc;
  std::array<std::byte, 3920> reserved2;
  uint32_t crc;
};
static_assert(sizeof(IvfPage) == kPageSize);
static_assert(offsetof(IvfPage, compatible) == 16 && offsetof(IvfPage, store) == 40);
static_assert(offsetof(IvfPage, dimensions) == 96 && offsetof(IvfPage, training) == 120);
static_assert(offsetof(IvfPage, file_size) == 152 && offsetof(IvfPage, reserved2) == 172);
static_assert(offsetof(IvfPage, crc) == 4092);

Status Corrupt(const std::string& what, const std::string& why) {
  return base::Corruption(what + ": " + why);
}

bool IsLength(float value) { return std::isfinite(value) && value >= 0; }

Status CheckCrc(base::ByteSpan bytes, uint32_t seed, uint32_t expected, const std::string& what) {
  const uint32_t found = base::Crc32c(bytes, seed);
  if (found == expected) return base::Ok();
  return Corrupt(what, "checksum: " + ExpectedFound(expected, found));
}

Status CheckMajor(uint16_t major, uint16_t minor, const std::string& what) {
  if (major == kMajor) return base::Ok();
  return base::Unsupported(what + " has format " + std::to_string(major) + "." +
                           std::to_string(minor) + "; this build reads 1.x");
}

Status CheckFields(const IvfPage& page, uint64_t file_size, const std::string& what) {
  if (page.dimensions < 1 || page.dimensions > kDimensionsMax ||
      page.stride != base::AlignUp(page.dimensions, 64)) {
    return Corrupt(what, "codes of " + std::to_string(page.dimensions) + " dimensions and " +
                             std::to_string(page.stride) + " components");
  }
  if (page.list_count < 1 || page.list_count > kIvfListCountMax) {
    return Corrupt(what, std::to_string(page.list_count) + " lists; expected 1 to " +
                             std::to_string(kIvfListCountMax));
  }
  if (!IsLength(page.query_norm)) return Corrupt(what, "the query norm is no length");
  if (page.reserved0 != 0 || page.reserved1 != 0 || !base::IsZero(page.reserved2)) {
    return Corrupt(what, "reserved bytes of the header are not zero");
  }
  if (page.file_size != file_size) {
    return Corrupt(what, "the file has " + std::to_string(file_size) + " bytes; expected " +
                             std::to_string(page.file_size));
  }
  return base::Ok();
}

// Lists follow on each other, and hold the rows that there are.
Status CheckTable(const IvfHeader& header, std::span<const IvfListEntry> table,
                  const std::string& what) {
  uint64_t end = header.lists_offset();
  uint64_t rows = 0;
  for (size_t i = 0; i < table.size(); ++i) {
    if (table[i].offset != end) {
      return Corrupt(what, "list " + std::to_string(i) + " at offset " +
                               std::to_string(table[i].offset) + "; expected " +
                               std::to_string(end));
    }
    end += header.ListSize(table[i].row_count);
    rows += table[i].row_count;
  }
  if (end != header.file_size || rows != header.row_count) {
    return Corrupt(what, "the lists have " + std::to_string(rows) + " rows and end at " +
                             std::to_string(end) + "; expected " +
                             std::to_string(header.row_count) + " and " +
                             std::to_string(header.file_size));
  }
  return base::Ok();
}

template <typename T>
std::span<const T> Column(base::ByteSpan bytes, uint64_t offset, size_t count) {
  return {reinterpret_cast<const T*>(bytes.data() + offset), count};
}

}  // namespace

uint32_t IvfHeader::crc_seed() const {
  return base::Crc32c(std::as_bytes(std::span(&segment, 1)), base::Crc32c(store.bytes));
}

uint64_t IvfHeader::terms_offset() const {
  return base::AlignUp(centroids_offset() + centroids_size(), kIvfAlignment);
}

uint64_t IvfHeader::table_offset() const {
  return base::AlignUp(terms_offset() + uint64_t{list_count} * sizeof(IvfTerm), kIvfAlignment);
}

uint64_t IvfHeader::lists_offset() const {
  return base::AlignUp(table_offset() + uint64_t{list_count} * sizeof(IvfListEntry), kIvfAlignment);
}

uint64_t IvfHeader::ListSize(uint32_t list_row_count) const {
  return base::AlignUp(uint64_t{list_row_count} * (stride() / 2 + kIvfRowTailSize), kIvfAlignment);
}

IvfHeaderBytes EncodeIvfHeader(const IvfHeader& header) {
  IvfPage page{};
  page.magic = kMagic;
  page.major = kMajor;
  page.store = header.store;
  page.segment = header.segment;
  page.segment_digest = header.segment_digest;
  page.dimensions = header.dimensions;
  page.stride = header.stride();
  page.list_count = header.list_count;
  page.row_count = header.row_count;
  page.query_norm = header.query_norm;
  page.training = header.training;
  page.file_size = header.file_size;
  page.centroids_crc = header.centroids_crc;
  page.terms_crc = header.terms_crc;
  page.table_crc = header.table_crc;
  page.crc = base::Crc32c(std::as_bytes(std::span(&page, 1)).first(offsetof(IvfPage, crc)));
  return std::bit_cast<IvfHeaderBytes>(page);
}

Result<IvfHeader> DecodeIvfHeader(base::ByteSpan bytes, uint64_t file_size,
                                  const std::string& what) {
  if (bytes.size() < kPageSize) return Corrupt(what, "shorter than a header");
  const auto page = base::Load<IvfPage>(bytes.data());
  if (page.magic != kMagic) return Corrupt(what, "no file of inverted lists");
  INTACT_RETURN_IF_ERROR(
      CheckCrc(bytes.first(offsetof(IvfPage, crc)), 0, page.crc, what + ", header"));
  INTACT_RETURN_IF_ERROR(CheckMajor(page.major, page.minor, what));
  if (page.incompatible != 0) {
    return base::Unsupported(what + " needs features this build does not have");
  }
  INTACT_RETURN_IF_ERROR(CheckFields(page, file_size, what));
  IvfHeader header;
  header.store = page.store;
  header.segment = page.segment;
  header.segment_digest = page.segment_digest;
  header.dimensions = page.dimensions;
  header.list_count = page.list_count;
  header.row_count = page.row_count;
  header.query_norm = page.query_norm;
  header.training = page.training;
  header.file_size = page.file_size;
  header.centroids_crc = page.centroids_crc;
  header.terms_crc = page.terms_crc;
  header.table_crc = page.table_crc;
  if (header.lists_offset() > file_size) return Corrupt(what, "the list table is cut off");
  return header;
}

base::Digest IvfTraining(uint32_t dimensions, float query_norm, std::span<const int8_t> centroids,
                         std::span<const IvfTerm> terms) {
  base::Digester digester;
  digester.Update(std::as_bytes(std::span(&query_norm, 1)));
  digester.Update(std::as_bytes(std::span(&dimensions, 1)));
  digester.Update(std::as_bytes(centroids));
  digester.Update(std::as_bytes(terms));
  return digester.Finish();
}

Result<IvfView> IvfView::Parse(base::ByteSpan bytes, const std::string& what) {
  IvfView view;
  INTACT_ASSIGN_OR_RETURN(view.header_, DecodeIvfHeader(bytes, bytes.size(), what));
  const IvfHeader& header = view.header_;
  view.bytes_ = bytes;
  view.centroids_ = Column<int8_t>(bytes, header.centroids_offset(), header.centroids_size());
  view.terms_ = Column<IvfTerm>(bytes, header.terms_offset(), header.list_count);
  view.table_ = Column<IvfListEntry>(bytes, header.table_offset(), header.list_count);
  const uint32_t seed = header.crc_seed();
  INTACT_RETURN_IF_ERROR(
      CheckCrc(std::as_bytes(view.centroids_), seed, header.centroids_crc, what + ", centroids"));
  INTACT_RETURN_IF_ERROR(
      CheckCrc(std::as_bytes(view.terms_), seed, header.terms_crc, what + ", terms"));
  INTACT_RETURN_IF_ERROR(
      CheckCrc(std::as_bytes(view.table_), seed, header.table_crc, what + ", list table"));
  for (const IvfTerm& term : view.terms_) {
    if (!IsLength(term.scale) || !std::isfinite(term.bias) || !IsLength(term.spread)) {
      return Corrupt(what, "a term is not finite");
    }
  }
  INTACT_RETURN_IF_ERROR(CheckTable(header, view.table_, what));
  return view;
}

IvfView::List IvfView::ListAt(uint32_t index) const {
  const IvfListEntry& entry = table_[index];
  const size_t n = entry.row_count;
  const size_t high_size = n * (header_.stride() / 2);
  const size_t bounds_size = n * 12;
  return {bytes_.subspan(entry.offset, high_size),
          bytes_.subspan(entry.offset + high_size, bounds_size),
          Column<uint32_t>(bytes_, entry.offset + high_size + bounds_size, n)};
}

Status IvfView::CheckList(uint32_t index) const {
  const IvfListEntry& entry = table_[index];
  const std::string what = "list " + std::to_string(index);
  INTACT_RETURN_IF_ERROR(CheckCrc(bytes_.subspan(entry.offset, header_.ListSize(entry.row_count)),
                                  header_.crc_seed(), entry.crc, what));
  uint64_t least = 0;
  for (const uint32_t row : ListAt(index).rows) {
    if (row < least || row >= header_.row_count) {
      return Corrupt(what, "row " + std::to_string(row) + " out of order or range");
    }
    least = uint64_t{row} + 1;
  }
  return base::Ok();
}

base::Bytes EncodeIvfSummary(const IvfSummary& summary) {
  INTACT_CHECK(summary.curve.size() <= kIvfCurveSizeMax &&
               summary.sample.size() <= kIvfSampleSizeMax);
  base::ByteWriter writer;
  writer.Put(kSummaryMagic);
  writer.Put(kMajor);
  writer.Put(uint16_t{0});
  writer.Put(summary.k);
  writer.Put(summary.store);
  writer.Put(summary.training);
  writer.Put(summary.rows_trained);
  writer.Put(summary.probes);
  writer.Put(static_cast<uint32_t>(summary.curve.size()));
  writer.Put(static_cast<uint32_t>(summary.sample.size()));
  writer.Put(uint32_t{0});
  INTACT_CHECK(writer.size() == kSummaryHeadSize);
  for (const IvfSummary::Point& point : summary.curve) {
    writer.Put(point.probes);
    writer.Put(point.recall);
  }
  for (const IvfSummary::SampleRow& row : summary.sample) {
    writer.Put(row.segment);
    writer.Put(row.row);
    writer.Put(uint32_t{0});
  }
  writer.Put(base::Crc32c(writer.bytes()));
  return writer.Take();
}

Result<IvfSummary> DecodeIvfSummary(base::ByteSpan bytes, const std::string& what) {
  if (bytes.size() < kSummaryHeadSize + 4) return Corrupt(what, "cut off");
  const size_t end = bytes.size() - 4;
  base::ByteReader reader(bytes.first(end));
  if (reader.Get<Magic>() != kSummaryMagic) return Corrupt(what, "no summary of inverted lists");
  INTACT_RETURN_IF_ERROR(
      CheckCrc(bytes.first(end), 0, base::Load<uint32_t>(bytes.data() + end), what));
  const auto major = reader.Get<uint16_t>();
  INTACT_RETURN_IF_ERROR(CheckMajor(major, reader.Get<uint16_t>(), what));
  IvfSummary summary;
  summary.k = reader.Get<uint32_t>();
  summary.store = reader.Get<Uuid>();
  summary.training = reader.Get<base::Digest>();
  summary.rows_trained = reader.Get<uint64_t>();
  summary.probes = reader.Get<uint32_t>();
  const auto point_count = reader.Get<uint32_t>();
  const auto sample_count = reader.Get<uint32_t>();
  if (reader.Get<uint32_t>() != 0 || point_count > kIvfCurveSizeMax ||
      sample_count > kIvfSampleSizeMax ||
      reader.remaining() != uint64_t{point_count} * 8 + uint64_t{sample_count} * 16) {
    return Corrupt(what, "its counts do not fit its size");
  }
  for (uint32_t i = 0; i < point_count; ++i) {
    const auto probes = reader.Get<uint32_t>();
    if (i > 0 && probes <= summary.curve.back().probes) return Corrupt(what, "recall out of order");
    summary.curve.push_back({probes, reader.Get<uint32_t>()});
  }
  for (uint32_t i = 0; i < sample_count; ++i) {
    const auto segment = reader.Get<uint64_t>();
    summary.sample.push_back({segment, reader.Get<uint32_t>()});
    if (reader.Get<uint32_t>() != 0) return Corrupt(what, "reserved bytes are not zero");
  }
  return summary;
}

}  // namespace intact::format
