#include "intact/engine/row_source.h"

namespace intact::engine {

base::Result<RowSource> RowSource::Make(const IndexView& view,
                                        std::vector<search::Bitmap> allowed) {
  RowSource source;
  source.view_ = &view;
  source.allowed_ = std::move(allowed);
  for (size_t s = 0; s < view.segments().size(); ++s) {
    const store::Segment& segment = *view.segments()[s].segment;
    if (segment.row_count() == 0 || source.allowed_[s].Count() == 0) continue;
    INTACT_RETURN_IF_ERROR(segment.CheckCodes());
    source.runs_.push_back({segment.first_row(), segment.row_count(), segment.codes().data(),
                            segment.code_stride(), segment.code_scales().data(),
                            &source.allowed_[s]});
  }
  return source;
}

}  // namespace intact::engine
