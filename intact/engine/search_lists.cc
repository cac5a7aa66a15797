#include "intact/engine/search_lists.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "intact/engine/approx_lists.h"
#include "intact/os/os.h"
#include "intact/search/ivf.h"
#include "intact/search/ivf_train.h"
#include "intact/search/ivf_writer.h"

namespace intact::engine {
namespace {

using base::Result;
using base::Status;

class StoredLists final : public SearchLists {
 public:
  StoredLists(std::shared_ptr<const ApproxLists> lists, const ApproxStatus& status)
      : lists_(std::move(lists)) {
    list_count_ = status.lists;
    probes_ = status.probes > 0 ? status.probes : kApproxProbesDefault;
    bytes_ = status.bytes;
  }
  Result<Found> Search(std::span<const float> query, const search::TopKOptions& options,
                       size_t probes) const override {
    INTACT_ASSIGN_OR_RETURN(ApproxTop top, lists_->Search(nullptr, query, options, probes));
    if (!top.problem.empty()) return base::Corruption(top.problem);
    return Found{std::move(top.top), top.lists_read};
  }

 private:
  std::shared_ptr<const ApproxLists> lists_;
};

class MadeLists final : public SearchLists {
 public:
  explicit MadeLists(const SearchSet& set) : set_(set) {}

  Status Build(search::Executor& executor) {
    const int64_t begin_ns = os::RealClock().monotonic_ns();
    const auto runs = set_.source().runs();
    for (const search::CodeRun& run : runs) {
      if (run.high != nullptr) continue;
      return base::InvalidArgument(set_.name() +
                                   " has codes that lie whole, as older versions wrote them: "
                                   "intact migrate brings the store up to date");
    }
    search::IvfTrainOptions options;
    options.metric = set_.metric();
    options.executor = &executor;
    INTACT_ASSIGN_OR_RETURN(const search::IvfCentroids centroids,
                            search::TrainIvf(runs, set_.dimensions(), options));
    for (const search::CodeRun& run : runs) {
      INTACT_RETURN_IF_ERROR(AddRun(centroids, run, executor));
    }
    list_count_ = centroids.list_count;
    INTACT_RETURN_IF_ERROR(ChooseProbes(executor));
    seconds_ = os::SecondsSince(begin_ns);
    return base::Ok();
  }

  Result<Found> Search(std::span<const float> query, const search::TopKOptions& options,
                       size_t probes) const override {
    INTACT_ASSIGN_OR_RETURN(
        search::ApproximateResult found,
        search::ApproximateTopK(set_.source(), borrowed_, query, options, {.probes = probes}));
    return Found{std::move(found.top), found.lists_read};
  }

 private:
  Status AddRun(const search::IvfCentroids& centroids, const search::CodeRun& run,
                search::Executor& executor) {
    INTACT_ASSIGN_OR_RETURN(const std::vector<uint32_t> lists,
                            search::AssignRows(centroids, run, &executor, {}));
    base::AlignedVector<std::byte>& file = files_.emplace_back();
    const auto sink = [&](uint64_t offset, base::ByteSpan bytes) {
      file.resize(std::max<size_t>(file.size(), offset + bytes.size()));
      std::memcpy(file.data() + offset, bytes.data(), bytes.size());
      return base::Ok();
    };
    INTACT_ASSIGN_OR_RETURN(const uint64_t size, search::WriteIvf({}, centroids, run, lists, sink));
    bytes_ += size;
    INTACT_ASSIGN_OR_RETURN(auto opened, search::Ivf::Open(file, "lists in memory"));
    borrowed_.push_back(opened.get());
    opened_.push_back(std::move(opened));
    return base::Ok();
  }

  // Rows from all over the set ask for those nearest to them, themselves included.
  Status ChooseProbes(search::Executor& executor) {
    search::TopKOptions options;
    options.k = kApproxNearest + 1;
    options.metric = set_.metric();
    options.executor = &executor;
    const size_t rows = set_.row_count();
    const size_t count = std::min<size_t>(kApproxSampleSize, rows);
    std::vector<float> vector(set_.dimensions());
    std::vector<std::vector<float>> questions;
    std::vector<search::TopKResult> answers;
    for (size_t i = 0; i < count; ++i) {
      const uint64_t id = set_.ids()[(2 * i + 1) * rows / (2 * count)];
      INTACT_RETURN_IF_ERROR(set_.source().ReadVector(id, vector));
      questions.push_back(vector);
      INTACT_ASSIGN_OR_RETURN(answers.emplace_back(),
                              search::ExactTopK(set_.source(), vector, options));
    }
    options.executor = nullptr;
    for (probes_ = std::min<size_t>(kApproxProbesMin, list_count_); probes_ < list_count_;
         probes_ = std::min(list_count_, probes_ + probes_ / 2)) {
      INTACT_ASSIGN_OR_RETURN(const double recall, RecallOf(questions, answers, options));
      if (recall >= kApproxRecallWanted) break;
    }
    return base::Ok();
  }

  Result<double> RecallOf(const std::vector<std::vector<float>>& questions,
                          const std::vector<search::TopKResult>& answers,
                          const search::TopKOptions& options) const {
    size_t found = 0;
    size_t wanted = 0;
    for (size_t i = 0; i < questions.size(); ++i) {
      const size_t count = std::min(options.k, answers[i].hits.size());
      if (count == 0) continue;
      const float least = answers[i].hits[count - 1].score;
      INTACT_ASSIGN_OR_RETURN(const Found result, Search(questions[i], options, probes_));
      size_t hits = 0;
      for (const search::VectorHit& hit : result.top.hits) hits += hit.score >= least ? 1 : 0;
      // A row finds itself.
      found += std::min(hits, count) - std::min<size_t>(hits, 1);
      wanted += count - 1;
    }
    return wanted == 0 ? 1.0 : static_cast<double>(found) / static_cast<double>(wanted);
  }

  const SearchSet& set_;
  std::vector<base::AlignedVector<std::byte>> files_;
  std::vector<std::unique_ptr<const search::Ivf>> opened_;
  std::vector<const search::Ivf*> borrowed_;
};

}  // namespace

std::unique_ptr<const SearchLists> SearchLists::Open(const SearchSet& set) {
  if (set.snapshot() == nullptr) return nullptr;
  auto lists = ApproxLists::Open(set.snapshot(), set.name());
  if (lists->is_empty()) return nullptr;
  const ApproxStatus status = lists->status();
  return std::make_unique<StoredLists>(std::move(lists), status);
}

Result<std::unique_ptr<const SearchLists>> SearchLists::Make(const SearchSet& set,
                                                             search::Executor& executor) {
  auto lists = std::make_unique<MadeLists>(set);
  INTACT_RETURN_IF_ERROR(lists->Build(executor));
  return std::unique_ptr<const SearchLists>(std::move(lists));
}

}  // namespace intact::engine
