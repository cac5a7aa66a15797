// The rows of a store's version as a vector search reads them. Internal to engine; thread-safe.
#pragma once

#include <vector>

#include "intact/engine/index_view.h"
#include "intact/search/vector_source.h"

namespace intact::engine {

class RowSource final : public search::VectorSource {
 public:
  // Searches the rows in `allowed`, one bitmap per segment, which the source keeps. `view` must
  // outlive it. kCorruption when a segment's codes are damaged.
  static base::Result<RowSource> Make(const IndexView& view, std::vector<search::Bitmap> allowed);

  size_t dimensions() const override { return view_->snapshot().spec().dimensions; }
  std::span<const search::CodeRun> runs() const override { return runs_; }
  base::Status ReadVector(uint64_t id, std::span<float> target) const override {
    return view_->snapshot().ReadVector(id, target);
  }

 private:
  const IndexView* view_ = nullptr;
  std::vector<search::Bitmap> allowed_;
  std::vector<search::CodeRun> runs_;
};

}  // namespace intact::engine
