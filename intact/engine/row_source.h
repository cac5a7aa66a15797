// The rows of a store's version as a vector search reads them. Internal to engine; thread-safe.
#pragma once

#include <memory>
#include <vector>

#include "intact/engine/index_view.h"
#include "intact/search/topk.h"
#include "intact/search/vector_source.h"

namespace intact::engine {

// The metric by which a collection's vectors are compared.
search::Metric SearchMetric(format::Metric metric);

// A segment's rows, as they are: whether its codes are sound is the caller's to ask. Points into
// the segment; `allowed` null for all rows.
search::CodeRun RunOf(const store::Segment& segment, const search::Bitmap* allowed = nullptr);

class RowSource final : public search::VectorSource {
 public:
  // Searches the rows in `allowed`, one bitmap per segment, which the source keeps. `view` must
  // outlive it. kCorruption when a segment's codes are damaged.
  static base::Result<RowSource> Make(const IndexView& view, std::vector<search::Bitmap> allowed);
  // The same for the rows of any snapshot; all of them when `allowed` is null.
  static base::Result<RowSource> Make(const store::Snapshot& snapshot,
                                      std::shared_ptr<const std::vector<search::Bitmap>> allowed);

  size_t dimensions() const override { return snapshot_->spec().dimensions; }
  std::span<const search::CodeRun> runs() const override { return runs_; }
  base::Status ReadVector(uint64_t id, std::span<float> target) const override {
    return snapshot_->ReadVector(id, target);
  }

 private:
  const store::Snapshot* snapshot_ = nullptr;
  std::shared_ptr<const std::vector<search::Bitmap>> allowed_;
  std::vector<search::CodeRun> runs_;
};

}  // namespace intact::engine
