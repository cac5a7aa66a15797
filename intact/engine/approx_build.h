// One run of BuildApprox. Internal to engine.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "intact/engine/approx.h"
#include "intact/engine/approx_lists.h"
#include "intact/engine/thread_pool.h"
#include "intact/search/ivf_train.h"

namespace intact::engine {

class ApproxBuilder {
 public:
  // The caller holds the lock of the folder.
  ApproxBuilder(std::shared_ptr<const store::Snapshot> snapshot, std::string store,
                const ApproxOptions& options);

  base::Status Run(ApproxReport& report);

 private:
  class Executor;

  // Of the segments that get lists.
  base::Status ReadSegments();
  // The segment's file, of the training in hand and without damage, when there is one.
  std::optional<ApproxFile> OpenSound(const store::Segment& segment) const;
  bool MustTrain() const;
  base::Status Train();
  // Files that are of these centroids already stay.
  base::Status WriteMissing(ApproxReport& report);
  // Of `row_count` rows in all, `done` are in lists.
  base::Status WriteFile(const store::Segment& segment, uint64_t done, uint64_t row_count);
  base::Status Measure();
  base::Result<double> MeasureRecall(const ApproxLists& lists, size_t probes) const;
  base::Status TakeSample();
  void Say(std::string_view verb, uint64_t done, uint64_t total) const;

  std::shared_ptr<const store::Snapshot> snapshot_;
  std::string store_;
  const ApproxOptions& options_;
  ThreadPool pool_;

  std::vector<std::shared_ptr<const store::Segment>> segments_;
  uint64_t row_count_ = 0;  // Of these.
  bool has_summary_ = false;
  format::IvfSummary summary_;
  search::IvfCentroids centroids_;

  // A query of the measurement: a row's vector, and what its k-th nearest other scores.
  struct Question {
    uint64_t row = 0;
    std::vector<float> vector;
    float kth_score = 0;
  };
  std::vector<Question> questions_;
};

}  // namespace intact::engine
