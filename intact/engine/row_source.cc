#include "intact/engine/row_source.h"

namespace intact::engine {

search::Metric SearchMetric(format::Metric metric) {
  switch (metric) {
    case format::Metric::kDot:
      return search::Metric::kInnerProduct;
    case format::Metric::kEuclidean:
    case format::Metric::kHamming:  // Each component that differs adds exactly 1.
      return search::Metric::kNegativeSquaredDistance;
    default:
      return search::Metric::kCosine;
  }
}

search::CodeRun RunOf(const store::Segment& segment, const search::Bitmap* allowed) {
  const store::CodeColumns& codes = segment.codes();
  return {.first_id = segment.first_row(),
          .count = segment.row_count(),
          .stride = codes.stride,
          .high = codes.high.data(),
          .low = codes.low.data(),
          .bounds = codes.bounds.data(),
          .codes = codes.codes.data(),
          .scales = codes.scales.data(),
          .allowed = allowed};
}

base::Result<RowSource> RowSource::Make(const IndexView& view,
                                        std::vector<search::Bitmap> allowed) {
  return Make(view.snapshot(),
              std::make_shared<const std::vector<search::Bitmap>>(std::move(allowed)));
}

base::Result<RowSource> RowSource::Make(
    const store::Snapshot& snapshot, std::shared_ptr<const std::vector<search::Bitmap>> allowed) {
  RowSource source;
  source.snapshot_ = &snapshot;
  source.allowed_ = std::move(allowed);
  for (size_t s = 0; s < snapshot.segments().size(); ++s) {
    const store::Segment& segment = *snapshot.segments()[s];
    const search::Bitmap* rows = source.allowed_ == nullptr ? nullptr : &(*source.allowed_)[s];
    if (segment.row_count() == 0 || (rows != nullptr && rows->Count() == 0)) continue;
    INTACT_RETURN_IF_ERROR(segment.CheckCodes());
    source.runs_.push_back(RunOf(segment, rows));
  }
  return source;
}

}  // namespace intact::engine
