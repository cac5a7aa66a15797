#include "intact/engine/collection_export.h"

#include <algorithm>

#include "intact/codec/elements.h"
#include "intact/store/scan.h"

namespace intact::engine {
namespace {

constexpr size_t kPartRows = 1024;
constexpr size_t kPartSize = size_t{4} << 20;
constexpr uint64_t kReleaseSize = uint64_t{64} << 20;

// A row that replaced an older one.
struct MovedRow {
  uint64_t place = 0;
  store::RowId row = 0;
};

// What is live, where records were deleted; else the newest row of a place is.
using MaybeLive = std::optional<store::LiveRows>;

// The newest moved row of each place, by place.
base::Result<std::vector<MovedRow>> FindMoved(const CollectionView& view, const MaybeLive& live) {
  std::vector<MovedRow> moved;
  for (size_t s = 0; s < view.segments().size(); ++s) {
    const CollectionView::SegmentRecords& part = view.segments()[s];
    const auto& entries = part.records.blocks();
    for (size_t b = 0; b < entries.size(); ++b) {
      if (entries[b].moved_count == 0) continue;
      INTACT_ASSIGN_OR_RETURN(const RecordBlock block, part.ReadBlock(b));
      uint32_t local = block.first_row();
      for (const Record& record : block.records()) {
        const uint32_t row = local++;
        if (!record.is_moved || (live && !live->Has(s, row))) continue;
        moved.push_back({record.place, part.segment->first_row() + row});
      }
    }
  }
  std::sort(moved.begin(), moved.end(), [](const MovedRow& a, const MovedRow& b) {
    return a.place != b.place ? a.place < b.place : a.row > b.row;
  });
  const auto end =
      std::unique(moved.begin(), moved.end(),
                  [](const MovedRow& a, const MovedRow& b) { return a.place == b.place; });
  moved.erase(end, moved.end());
  return moved;
}

// Collects records into parts and hands these to the writer.
class Exporter {
 public:
  Exporter(const CollectionView& view, const format::VectorFileInfo& info,
           format::VectorFileWriter& writer, const RowProgress& progress)
      : view_(view),
        info_(info),
        writer_(writer),
        progress_(progress),
        moved_reader_(view),
        vector_(info.dimensions) {}

  base::Status Run() {
    if (view_.state().deleted_count > 0) {
      INTACT_ASSIGN_OR_RETURN(live_, store::LiveRows::Read(view_.snapshot()));
    }
    INTACT_ASSIGN_OR_RETURN(moved_, FindMoved(view_, live_));
    for (segment_ = 0; segment_ < view_.segments().size(); ++segment_) {
      const CollectionView::SegmentRecords& part = view_.segments()[segment_];
      for (size_t b = 0; b < part.records.blocks().size(); ++b) {
        INTACT_ASSIGN_OR_RETURN(const RecordBlock block, part.ReadBlock(b));
        INTACT_RETURN_IF_ERROR(AddBlock(*part.segment, block));
      }
    }
    INTACT_RETURN_IF_ERROR(AddMovedUpTo(UINT64_MAX));
    INTACT_RETURN_IF_ERROR(FinishPart());
    if (rows_done_ != view_.record_count()) {
      return base::Corruption(view_.path() + " says that it has " +
                              std::to_string(view_.record_count()) + " records; found " +
                              std::to_string(rows_done_));
    }
    return writer_.Finish();
  }

  base::Status RunRows(std::span<const store::RowId> rows) {
    for (const store::RowId row : rows) INTACT_RETURN_IF_ERROR(AddRow(row));
    INTACT_RETURN_IF_ERROR(FinishPart());
    return writer_.Finish();
  }

 private:
  base::Status AddBlock(const store::Segment& segment, const RecordBlock& block) {
    auto local = block.first_row();
    for (const Record& record : block.records()) {
      const uint32_t row = local++;
      if (record.is_moved || (live_ && !live_->Has(segment_, row))) continue;
      INTACT_RETURN_IF_ERROR(AddMovedUpTo(record.place));
      // A newer row of the same place went out instead.
      const bool is_replaced = next_moved_ > 0 && moved_[next_moved_ - 1].place == record.place;
      if (!is_replaced) INTACT_RETURN_IF_ERROR(AddRecord(segment, row, record));
    }
    return base::Ok();
  }

  // Adds the moved rows whose turn it is: those with places up to `place`.
  base::Status AddMovedUpTo(uint64_t place) {
    for (; next_moved_ < moved_.size() && moved_[next_moved_].place <= place; ++next_moved_) {
      INTACT_RETURN_IF_ERROR(AddRow(moved_[next_moved_].row));
    }
    return base::Ok();
  }

  base::Status AddRow(store::RowId row) {
    INTACT_ASSIGN_OR_RETURN(const Record record, moved_reader_.Read(row));
    const store::Segment& segment = *view_.snapshot().SegmentOf(row);
    return AddRecord(segment, static_cast<uint32_t>(row - segment.first_row()), record);
  }

  base::Status AddRecord(const store::Segment& segment, uint32_t row, const Record& record) {
    INTACT_RETURN_IF_ERROR(segment.ReadVector(row, vector_));
    const size_t size = part_.elements.size();
    part_.elements.resize(size + vector_.size() * base::ElementSize(info_.element));
    const size_t converted = codec::NarrowElements(
        info_.element, vector_, base::MutableByteSpan(part_.elements).subspan(size));
    if (converted != vector_.size()) {
      return base::Corruption(segment.path() + ": row " +
                              std::to_string(segment.first_row() + row) + ", value " +
                              std::to_string(converted) + " is no " +
                              std::string(base::ElementTypeName(info_.element)) +
                              ", which the collection says it holds");
    }
    if (info_.has_ids) {
      part_.ids.emplace_back(record.has_id ? std::string(record.id) : std::to_string(record.place));
      text_size_ += part_.ids.back().size();
    }
    if (info_.has_metadata) {
      part_.metadata.emplace_back(record.metadata);
      text_size_ += record.metadata.size();
    }
    ++part_.count;
    const bool is_full =
        part_.count >= kPartRows || part_.elements.size() + text_size_ >= kPartSize;
    return is_full ? FinishPart() : base::Ok();
  }

  base::Status FinishPart() {
    if (part_.count > 0) INTACT_RETURN_IF_ERROR(writer_.Append(part_));
    rows_done_ += part_.count;
    unreleased_ += part_.elements.size() + text_size_;
    if (unreleased_ >= kReleaseSize) {
      view_.snapshot().ReleasePages();
      unreleased_ = 0;
    }
    part_.count = 0;
    part_.elements.clear();
    part_.ids.clear();
    part_.metadata.clear();
    text_size_ = 0;
    if (progress_ && !progress_(rows_done_)) return base::Cancelled("the export was stopped");
    return base::Ok();
  }

  const CollectionView& view_;
  const format::VectorFileInfo& info_;
  format::VectorFileWriter& writer_;
  const RowProgress& progress_;
  RecordReader moved_reader_;
  MaybeLive live_;
  size_t segment_ = 0;  // Whose blocks are being added.
  std::vector<MovedRow> moved_;
  size_t next_moved_ = 0;

  std::vector<float> vector_;
  format::VectorRows part_;
  size_t text_size_ = 0;  // Of the part.
  uint64_t rows_done_ = 0;
  uint64_t unreleased_ = 0;
};

}  // namespace

format::VectorFileInfo InfoOf(const CollectionView& view, const ExportShape& shape) {
  format::VectorFileInfo info;
  info.kind = shape.kind;
  info.element = view.state().element;
  info.dimensions = view.snapshot().spec().dimensions;
  info.row_count = view.record_count();
  info.has_ids = view.state().has_ids && !shape.vectors_only;
  info.has_metadata = view.state().has_metadata && !shape.vectors_only;
  return info;
}

base::Status Export(const CollectionView& view, const format::VectorFileInfo& info,
                    format::VectorFileWriter& writer, const RowProgress& progress) {
  return Exporter(view, info, writer, progress).Run();
}

base::Status ExportRows(const CollectionView& view, std::span<const store::RowId> rows,
                        const format::VectorFileInfo& info, format::VectorFileWriter& writer) {
  const RowProgress silent;
  return Exporter(view, info, writer, silent).RunRows(rows);
}

}  // namespace intact::engine
