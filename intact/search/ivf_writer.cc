#include "intact/search/ivf_writer.h"

#include <algorithm>
#include <limits>

#include "intact/search/rows_by_list.h"

namespace intact::search {
namespace {

constexpr size_t kBufferSize = size_t{4} << 20;

class Writer {
 public:
  Writer(const IvfIdentity& identity, const IvfCentroids& centroids, const CodeRun& run,
         std::span<const uint32_t> lists, const IvfSink& sink)
      : centroids_(centroids), run_(run), rows_(lists, centroids.list_count), sink_(sink) {
    header_.store = identity.store;
    header_.segment = identity.segment;
    header_.segment_digest = identity.segment_digest;
    header_.dimensions = centroids.dimensions;
    header_.list_count = static_cast<uint32_t>(centroids.list_count);
    header_.row_count = static_cast<uint32_t>(run.count);
    header_.query_norm = centroids.query_norm;
    header_.training = centroids.Training();
  }

  base::Result<uint64_t> Run() {
    const uint32_t seed = header_.crc_seed();
    uint64_t offset = header_.lists_offset();
    std::vector<format::IvfListEntry> table;
    for (size_t list = 0; list < rows_.list_count(); ++list) {
      const auto count = static_cast<uint32_t>(rows_.Of(list).size());
      table.push_back({offset, count, 0});
      INTACT_ASSIGN_OR_RETURN(table.back().crc, WriteList(rows_.Of(list), offset, seed));
      offset += header_.ListSize(count);
    }
    header_.file_size = offset;
    const auto part = [&](uint64_t at, base::ByteSpan bytes, uint64_t next, uint32_t& crc) {
      crc = base::Crc32c(bytes, seed);
      base::Bytes padded(bytes.begin(), bytes.end());
      padded.resize(next - at);
      return sink_(at, padded);
    };
    INTACT_RETURN_IF_ERROR(part(header_.centroids_offset(),
                                std::as_bytes(std::span(centroids_.codes)), header_.terms_offset(),
                                header_.centroids_crc));
    INTACT_RETURN_IF_ERROR(part(header_.terms_offset(), std::as_bytes(std::span(centroids_.terms)),
                                header_.table_offset(), header_.terms_crc));
    INTACT_RETURN_IF_ERROR(part(header_.table_offset(), std::as_bytes(std::span(table)),
                                header_.lists_offset(), header_.table_crc));
    INTACT_RETURN_IF_ERROR(sink_(0, format::EncodeIvfHeader(header_)));
    return offset;
  }

 private:
  // In pieces of the buffer. Gives the list's checksum.
  base::Result<uint32_t> WriteList(std::span<const uint32_t> rows, uint64_t offset, uint32_t seed) {
    crc_ = seed;
    offset_ = offset;
    const auto count = static_cast<uint32_t>(rows.size());
    const size_t half = run_.stride / 2;
    for (const uint32_t row : rows) {
      INTACT_RETURN_IF_ERROR(Put(std::as_bytes(HighOf(row))));
    }
    for (const uint32_t row : rows) {
      const quant::CodeBound bound = BoundOf(row);
      INTACT_RETURN_IF_ERROR(Put(std::as_bytes(std::span(&bound, 1))));
    }
    INTACT_RETURN_IF_ERROR(Put(std::as_bytes(rows)));
    const size_t size = rows.size() * (half + format::kIvfRowTailSize);
    const std::byte zeros[format::kIvfAlignment] = {};
    INTACT_RETURN_IF_ERROR(Put(std::span(zeros).first(header_.ListSize(count) - size)));
    INTACT_RETURN_IF_ERROR(Flush());
    return crc_;
  }
  // What whole codes do not have is made of them.
  std::span<const uint8_t> HighOf(size_t row) {
    const size_t half = run_.stride / 2;
    if (run_.high != nullptr) return {run_.high + row * half, half};
    quant::SplitCode({run_.codes + row * run_.stride, run_.stride}, high_, low_);
    return high_;
  }
  quant::CodeBound BoundOf(size_t row) const {
    if (run_.high != nullptr) return run_.bounds[row];
    return quant::BoundHalves({run_.codes + row * run_.stride, centroids_.dimensions},
                              run_.scales[row]);
  }
  base::Status Put(base::ByteSpan bytes) {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    return buffer_.size() >= kBufferSize ? Flush() : base::Ok();
  }
  base::Status Flush() {
    if (buffer_.empty()) return base::Ok();
    crc_ = base::Crc32c(buffer_, crc_);
    INTACT_RETURN_IF_ERROR(sink_(offset_, buffer_));
    offset_ += buffer_.size();
    buffer_.clear();
    return base::Ok();
  }

  const IvfCentroids& centroids_;
  const CodeRun& run_;
  RowsByList rows_;
  const IvfSink& sink_;
  format::IvfHeader header_;
  std::vector<uint8_t> high_ = std::vector<uint8_t>(run_.stride / 2);
  std::vector<uint8_t> low_ = std::vector<uint8_t>(run_.stride / 2);
  base::Bytes buffer_;
  uint32_t crc_ = 0;
  uint64_t offset_ = 0;  // Of the buffer in the file.
};

}  // namespace

base::Result<uint64_t> WriteIvf(const IvfIdentity& identity, const IvfCentroids& centroids,
                                const CodeRun& run, std::span<const uint32_t> lists,
                                const IvfSink& sink) {
  const bool fits = run.stride == centroids.stride() && lists.size() == run.count &&
                    run.count <= std::numeric_limits<uint32_t>::max() &&
                    std::all_of(lists.begin(), lists.end(),
                                [&](uint32_t list) { return list < centroids.list_count; });
  if (!fits) return base::InvalidArgument("rows, lists and centroids do not fit each other");
  return Writer(identity, centroids, run, lists, sink).Run();
}

}  // namespace intact::search
