#include "intact/engine/approx_build.h"

#include <algorithm>
#include <cmath>

#include "intact/engine/row_source.h"
#include "intact/os/os.h"
#include "intact/search/ivf_writer.h"

namespace intact::engine {
namespace {

constexpr uint64_t kGrowthMax = 4;  // Times the rows that the centroids were trained on.

}  // namespace

class ApproxBuilder::Executor final : public search::Executor {
 public:
  explicit Executor(ApproxBuilder& builder) : builder_(builder) {}
  void Run(size_t count, const std::function<void(size_t)>& body) override {
    builder_.pool_.Run(count, builder_.pool_.thread_count(), body);
  }
  base::Status Proceed() const override {
    const std::atomic<bool>* stop = builder_.options_.stop;
    return stop != nullptr && *stop ? base::Cancelled("stopped; what was finished stays")
                                    : base::Ok();
  }

 private:
  ApproxBuilder& builder_;
};

ApproxBuilder::ApproxBuilder(std::shared_ptr<const store::Snapshot> snapshot, std::string store,
                             const ApproxOptions& options)
    : snapshot_(std::move(snapshot)),
      store_(std::move(store)),
      options_(options),
      pool_(os::ThreadCountOr(options.thread_count) - 1) {}

void ApproxBuilder::Say(std::string_view verb, uint64_t done, uint64_t total) const {
  if (options_.progress) options_.progress({verb, done, total});
}

base::Status ApproxBuilder::Run(ApproxReport& report) {
  INTACT_RETURN_IF_ERROR(ReadSegments());
  if (segments_.empty()) return base::Ok();
  auto summary = ReadApproxSummary(store_, snapshot_->uuid());
  has_summary_ = summary.ok();
  if (summary.ok()) summary_ = *std::move(summary);
  report.is_trained = MustTrain();
  if (report.is_trained) INTACT_RETURN_IF_ERROR(Train());
  INTACT_RETURN_IF_ERROR(WriteMissing(report));
  // A run that was stopped while it measured left no probes.
  const bool is_measured = has_summary_ && summary_.probes > 0;
  if (!report.is_trained && report.files_written == 0 && is_measured) return base::Ok();
  return Measure();
}

base::Status ApproxBuilder::ReadSegments() {
  for (const auto& segment : snapshot_->segments()) {
    if (segment->row_count() < options_.rows_min || segment->location().journal != 0) {
      continue;
    }
    INTACT_RETURN_IF_ERROR(segment->CheckCodes());
    segments_.push_back(segment);
    row_count_ += segment->row_count();
  }
  return base::Ok();
}

std::optional<ApproxFile> ApproxBuilder::OpenSound(const store::Segment& segment) const {
  auto file = OpenApproxFile(store_, snapshot_->uuid(), segment);
  if (!file.ok() || file->ivf->header().training != summary_.training ||
      !CheckApproxFile(*file).ok()) {
    return std::nullopt;
  }
  return std::move(file).value();
}

// Takes the centroids of a file that is there, when they still do.
bool ApproxBuilder::MustTrain() const {
  if (options_.retrains || !has_summary_ || row_count_ >= kGrowthMax * summary_.rows_trained) {
    return true;
  }
  for (const auto& segment : segments_) {
    const auto file = OpenSound(*segment);
    if (!file) continue;
    return options_.list_count > 0 && options_.list_count != file->ivf->list_count();
  }
  return true;
}

base::Status ApproxBuilder::Train() {
  std::vector<search::CodeRun> runs;
  for (const auto& segment : segments_) runs.push_back(RunOf(*segment));
  Executor executor(*this);
  search::IvfTrainOptions train;
  train.metric = SearchMetric(snapshot_->spec().metric);
  train.list_count = options_.list_count;
  train.executor = &executor;
  train.progress = [&](uint64_t done, uint64_t total) { Say("training", done, total); };
  INTACT_ASSIGN_OR_RETURN(centroids_, search::TrainIvf(runs, snapshot_->spec().dimensions, train));
  summary_ = {};
  summary_.training = centroids_.Training();
  summary_.rows_trained = row_count_;
  return base::Ok();
}

base::Status ApproxBuilder::WriteMissing(ApproxReport& report) {
  std::vector<const store::Segment*> missing;
  for (const auto& segment : segments_) {
    const auto file = OpenSound(*segment);
    if (!file) {
      missing.push_back(segment.get());
    } else if (centroids_.list_count == 0) {
      centroids_ = search::CentroidsOf(*file->ivf, SearchMetric(snapshot_->spec().metric));
    }
  }
  uint64_t rows = 0;
  uint64_t done = 0;
  for (const store::Segment* segment : missing) rows += segment->row_count();
  for (const store::Segment* segment : missing) {
    INTACT_RETURN_IF_ERROR(WriteFile(*segment, done, rows));
    done += segment->row_count();
    segment->ReleasePages();
    ++report.files_written;
  }
  return base::Ok();
}

base::Status ApproxBuilder::WriteFile(const store::Segment& segment, uint64_t done,
                                      uint64_t row_count) {
  const search::CodeRun run = RunOf(segment);
  Executor executor(*this);
  INTACT_ASSIGN_OR_RETURN(
      const std::vector<uint32_t> lists,
      search::AssignRows(centroids_, run, &executor,
                         [&](uint64_t rows, uint64_t) { Say("sorting", done + rows, row_count); }));
  os::FileSystem& files = os::RealFileSystem();
  const std::string path = ApproxPath(store_, segment.id());
  const std::string temporary = path + ".tmp";
  const base::Status removed = files.Remove(temporary);
  if (!removed.ok() && removed.code() != base::Code::kNotFound) return removed;
  INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<os::File> file, files.OpenForWrite(temporary));
  const search::IvfIdentity identity{snapshot_->uuid(), segment.id(),
                                     segment.entry().header_digest};
  const auto sink = [&](uint64_t offset, base::ByteSpan bytes) -> base::Status {
    INTACT_RETURN_IF_ERROR(executor.Proceed());
    return file->WriteAt(offset, bytes);
  };
  base::Status status = search::WriteIvf(identity, centroids_, run, lists, sink).status();
  // Codes were read in place.
  if (status.ok()) status = segment.CheckUnchanged();
  if (status.ok()) status = file->Sync();
  if (status.ok()) status = files.Rename(temporary, path);
  if (!status.ok()) {
    static_cast<void>(files.Remove(temporary).ok());
    return status;
  }
  return files.SyncDirectory(ApproxFolder(store_));
}

base::Status ApproxBuilder::TakeSample() {
  INTACT_ASSIGN_OR_RETURN(const RowSource source, RowSource::Make(*snapshot_, nullptr));
  Executor executor(*this);
  search::TopKOptions options;
  options.k = kApproxNearest + 1;  // The row itself is one.
  options.metric = SearchMetric(snapshot_->spec().metric);
  options.executor = &executor;
  for (size_t i = 0; i < kApproxSampleSize; ++i) {
    uint64_t local = (2 * i + 1) * row_count_ / (2 * kApproxSampleSize);
    size_t s = 0;
    while (local >= segments_[s]->row_count()) local -= segments_[s++]->row_count();
    Question question;
    question.row = segments_[s]->first_row() + local;
    question.vector.resize(snapshot_->spec().dimensions);
    INTACT_RETURN_IF_ERROR(snapshot_->ReadVector(question.row, question.vector));
    if (!quant::IsFinite(question.vector)) continue;
    INTACT_ASSIGN_OR_RETURN(search::TopKResult exact,
                            search::ExactTopK(source, question.vector, options));
    std::erase_if(exact.hits, [&](const auto& hit) { return hit.id == question.row; });
    if (exact.hits.size() < kApproxNearest) continue;
    question.kth_score = exact.hits[kApproxNearest - 1].score;
    summary_.sample.push_back({segments_[s]->id(), static_cast<uint32_t>(local)});
    questions_.push_back(std::move(question));
    Say("measuring", i + 1, 2 * kApproxSampleSize);
  }
  snapshot_->ReleasePages();
  return base::Ok();
}

base::Result<double> ApproxBuilder::MeasureRecall(const ApproxLists& lists, size_t probes) const {
  search::TopKOptions options;
  options.k = kApproxNearest + 1;
  options.metric = SearchMetric(snapshot_->spec().metric);
  uint64_t found = 0;
  for (const Question& question : questions_) {
    INTACT_ASSIGN_OR_RETURN(const ApproxTop top,
                            lists.Search(nullptr, question.vector, options, probes));
    if (!top.problem.empty()) return base::Corruption(top.problem);
    size_t hits = 0;
    for (const search::VectorHit& hit : top.top.hits) {
      hits += hit.id != question.row && hit.score >= question.kth_score ? 1 : 0;
    }
    found += std::min<size_t>(hits, kApproxNearest);
  }
  const auto wanted = static_cast<double>(kApproxNearest * questions_.size());
  return questions_.empty() ? 1.0 : static_cast<double>(found) / wanted;
}

// The summary, with the curve up to where nearly everything is found, makes new centroids count.
base::Status ApproxBuilder::Measure() {
  summary_.store = snapshot_->uuid();
  summary_.k = kApproxNearest;
  summary_.probes = 0;
  summary_.curve.clear();
  summary_.sample.clear();
  INTACT_RETURN_IF_ERROR(TakeSample());
  // Written for the measurement; should it not end, searches use a careful default.
  INTACT_RETURN_IF_ERROR(os::WriteFileDurably(os::RealFileSystem(), ApproxSummaryPath(store_),
                                              format::EncodeIvfSummary(summary_)));
  const std::shared_ptr<const ApproxLists> lists = ApproxLists::Open(snapshot_, store_);
  const auto list_count = static_cast<uint32_t>(centroids_.list_count);
  uint32_t probes = 0;
  for (uint32_t i = 1; probes < list_count; i = i + std::max(1u, i / 2)) {
    Executor executor(*this);
    INTACT_RETURN_IF_ERROR(executor.Proceed());
    probes = std::min(i, list_count);
    INTACT_ASSIGN_OR_RETURN(const double recall, MeasureRecall(*lists, probes));
    summary_.curve.push_back({probes, static_cast<uint32_t>(std::lround(recall * 1e6))});
    if (summary_.probes == 0 && recall >= kApproxRecallWanted && probes >= kApproxProbesMin) {
      summary_.probes = probes;
    }
    if (summary_.probes > 0 && recall >= 0.999) break;
  }
  if (summary_.probes == 0) summary_.probes = probes;
  Say("measuring", 2 * kApproxSampleSize, 2 * kApproxSampleSize);
  INTACT_RETURN_IF_ERROR(snapshot_->CheckUnchanged());
  return os::WriteFileDurably(os::RealFileSystem(), ApproxSummaryPath(store_),
                              format::EncodeIvfSummary(summary_));
}

}  // namespace intact::engine
