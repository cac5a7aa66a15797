#include "intact/engine/approx_lists.h"

#include <algorithm>

#include "intact/engine/row_source.h"
#include "intact/os/directory.h"
#include "intact/os/process.h"

namespace intact::engine {
namespace {

// Bytes of files that may stay resident in this process when lists and segments are larger.
constexpr uint64_t kResidentMax = uint64_t{64} << 20;

}  // namespace

std::string ApproxFolder(const std::string& store) { return os::JoinPath(store, "approx"); }

std::string ApproxPath(const std::string& store, uint64_t segment) {
  return os::JoinPath(ApproxFolder(store), std::to_string(segment) + ".ivf");
}

std::string ApproxSummaryPath(const std::string& store) {
  return os::JoinPath(ApproxFolder(store), "summary");
}

std::optional<uint64_t> ParseApproxName(std::string_view name) {
  constexpr std::string_view kEnding = ".ivf";
  if (!name.ends_with(kEnding) || name.size() == kEnding.size() || name.size() > 24) {
    return std::nullopt;
  }
  name.remove_suffix(kEnding.size());
  uint64_t number = 0;
  for (const char c : name) {
    if (c < '0' || c > '9' || number > UINT64_MAX / 10 - 1) return std::nullopt;
    number = 10 * number + static_cast<uint64_t>(c - '0');
  }
  return number;
}

base::Result<format::IvfSummary> ReadApproxSummary(const std::string& store,
                                                   const format::Uuid& uuid) {
  const std::string path = ApproxSummaryPath(store);
  INTACT_ASSIGN_OR_RETURN(const base::Bytes bytes,
                          os::ReadFile(os::RealFileSystem(), path, format::kIvfSummarySizeMax));
  INTACT_ASSIGN_OR_RETURN(format::IvfSummary summary, format::DecodeIvfSummary(bytes, path));
  if (summary.store != uuid) {
    return base::Corruption(path + " belongs to store " + summary.store.ToString() + "; expected " +
                            uuid.ToString());
  }
  return summary;
}

base::Result<ApproxFile> OpenApproxFile(const std::string& store, const format::Uuid& uuid,
                                        const store::Segment& segment) {
  const std::string path = ApproxPath(store, segment.id());
  ApproxFile file;
  INTACT_ASSIGN_OR_RETURN(file.mapping, os::RealFileSystem().Map(path));
  INTACT_ASSIGN_OR_RETURN(file.ivf, search::Ivf::Open(file.mapping->bytes(), path));
  const format::IvfHeader& header = file.ivf->header();
  if (header.store != uuid || header.segment != segment.id() ||
      header.segment_digest != segment.entry().header_digest ||
      header.row_count != segment.row_count() || header.dimensions != segment.dimensions()) {
    return base::Corruption(path + " is of another segment");
  }
  INTACT_RETURN_IF_ERROR(file.mapping->Check(os::MappingCheck::kContent));
  return file;
}

base::Status CheckApproxFile(const ApproxFile& file) {
  for (size_t list = 0; list < file.ivf->list_count(); ++list) {
    INTACT_RETURN_IF_ERROR(file.ivf->Read(list).status());
  }
  return file.mapping->Check(os::MappingCheck::kContent);
}

std::vector<FileProblem> CheckApprox(const store::Snapshot& snapshot, const std::string& store) {
  std::vector<FileProblem> problems;
  const auto check = [&](const std::string& path, const base::Status& status) {
    if (status.ok() || status.code() == base::Code::kNotFound) return;
    problems.push_back({path, status.message() +
                                  " (harmless: exact searches do not read it; intact approx " +
                                  "makes it anew)"});
  };
  check(ApproxSummaryPath(store), ReadApproxSummary(store, snapshot.uuid()).status());
  for (const auto& segment : snapshot.segments()) {
    const auto file = OpenApproxFile(store, snapshot.uuid(), *segment);
    check(ApproxPath(store, segment->id()), file.ok() ? CheckApproxFile(*file) : file.status());
  }
  return problems;
}

// Every run of the snapshot. Those with lists are unchecked until they are scanned whole: what
// their codes say decides only which rows of an approximate answer are scored, and vectors have
// checksums of their own.
class ApproxLists::Source final : public search::VectorSource {
 public:
  static base::Result<Source> Make(const ApproxLists& lists,
                                   const std::vector<search::Bitmap>* allowed) {
    Source source(*lists.snapshot_);
    const auto segments = lists.snapshot_->segments();
    for (size_t s = 0; s < segments.size(); ++s) {
      const store::Segment& segment = *segments[s];
      const search::Bitmap* rows = allowed == nullptr ? nullptr : &(*allowed)[s];
      if (segment.row_count() == 0 || (rows != nullptr && rows->Count() == 0)) continue;
      const search::Ivf* ivf = lists.files_[s].ivf.get();
      if (ivf == nullptr) INTACT_RETURN_IF_ERROR(segment.CheckCodes());
      source.runs_.push_back(RunOf(segment, rows));
      source.lists_.push_back(ivf);
      source.segments_.push_back(&segment);
    }
    return source;
  }

  size_t dimensions() const override { return snapshot_->spec().dimensions; }
  std::span<const search::CodeRun> runs() const override { return runs_; }
  base::Status ReadVector(uint64_t id, std::span<float> target) const override {
    return snapshot_->ReadVector(id, target);
  }
  base::Status CheckRun(size_t index) const override { return segments_[index]->CheckCodes(); }
  std::span<const search::Ivf* const> lists() const { return lists_; }

 private:
  explicit Source(const store::Snapshot& snapshot) : snapshot_(&snapshot) {}

  const store::Snapshot* snapshot_;
  std::vector<search::CodeRun> runs_;
  std::vector<const search::Ivf*> lists_;
  std::vector<const store::Segment*> segments_;
};

std::shared_ptr<const ApproxLists> ApproxLists::Open(
    std::shared_ptr<const store::Snapshot> snapshot, const std::string& store) {
  auto lists = std::make_shared<ApproxLists>();
  lists->snapshot_ = std::move(snapshot);
  lists->files_.resize(lists->snapshot_->segments().size());
  auto summary = ReadApproxSummary(store, lists->snapshot_->uuid());
  if (summary.ok()) {
    lists->summary_ = *std::move(summary);
  } else if (summary.code() != base::Code::kNotFound) {
    lists->problems_.push_back(summary.status().message());
  }
  lists->OpenFiles(store);
  return lists;
}

void ApproxLists::OpenFiles(const std::string& store) {
  const auto entries = os::ListDirectory(ApproxFolder(store));
  if (entries.code() == base::Code::kNotFound) return;
  if (!entries.ok()) return problems_.push_back(entries.status().message());
  std::vector<uint64_t> ids;
  for (const os::DirectoryEntry& entry : *entries) {
    bytes_ += entry.stat.kind == os::EntryKind::kFile ? entry.stat.size : 0;
    if (const auto id = ParseApproxName(entry.name)) ids.push_back(*id);
  }
  if (!summary_) return;
  std::sort(ids.begin(), ids.end());
  const auto segments = snapshot_->segments();
  for (size_t s = 0; s < segments.size(); ++s) {
    if (!std::binary_search(ids.begin(), ids.end(), segments[s]->id())) continue;
    auto file = OpenApproxFile(store, snapshot_->uuid(), *segments[s]);
    if (!file.ok()) {
      problems_.push_back(file.status().message());
    } else if (file->ivf->header().training == summary_->training) {
      // Files of another training are those of a run that did not end.
      mapped_ += segments[s]->file_size() + file->mapping->bytes().size();
      files_[s] = *std::move(file);
      ++segments_covered_;
    }
  }
}

ApproxStatus ApproxLists::status() const {
  ApproxStatus status;
  status.rows = snapshot_->row_count();
  status.segments = snapshot_->segments().size();
  status.segments_covered = segments_covered_;
  status.bytes = bytes_;
  status.problems = problems_;
  for (const ApproxFile& file : files_) {
    if (file.ivf == nullptr) continue;
    status.rows_covered += file.ivf->header().row_count;
    status.lists = file.ivf->list_count();
  }
  if (!summary_) return status;
  status.rows_trained = summary_->rows_trained;
  status.probes = summary_->probes;
  status.k = summary_->k;
  status.sample_size = summary_->sample.size();
  for (const format::IvfSummary::Point& point : summary_->curve) {
    const double recall = static_cast<double>(point.recall) / 1e6;
    status.recall_by_probes.emplace_back(point.probes, recall);
    if (point.probes <= summary_->probes) status.recall = recall;
  }
  return status;
}

base::Result<search::ApproximateResult> ApproxLists::SearchLists(
    const std::shared_ptr<const std::vector<search::Bitmap>>& allowed, std::span<const float> query,
    const search::TopKOptions& options, const search::ApproximateOptions& approximate) const {
  INTACT_ASSIGN_OR_RETURN(const Source source, Source::Make(*this, allowed.get()));
  INTACT_ASSIGN_OR_RETURN(
      search::ApproximateResult result,
      search::ApproximateTopK(source, source.lists(), query, options, approximate));
  for (const ApproxFile& file : files_) {
    if (file.mapping == nullptr) continue;
    INTACT_RETURN_IF_ERROR(file.mapping->Check(os::MappingCheck::kContent));
  }
  ReleasePages();
  return result;
}

void ApproxLists::ReleasePages() const {
  if (mapped_ <= kResidentMax) return;
  // The kernel maps what lies around a page that is touched, up to 2 MiB of it: only it can tell.
  const os::MemoryUse use = os::CurrentMemoryUse();
  if (use.resident - std::min(use.resident, use.anonymous) <= kResidentMax) return;
  for (const ApproxFile& file : files_) {
    if (file.mapping != nullptr) file.mapping->Release(0, file.mapping->bytes().size());
  }
  snapshot_->ReleasePages();
}

base::Result<ApproxTop> ApproxLists::Search(
    const std::shared_ptr<const std::vector<search::Bitmap>>& allowed, std::span<const float> query,
    const search::TopKOptions& options, size_t probes, bool estimates_mean) const {
  ApproxTop found;
  found.probes = probes > 0                         ? probes
                 : summary_ && summary_->probes > 0 ? summary_->probes
                                                    : kApproxProbesDefault;
  if (!is_empty()) {
    auto result = SearchLists(allowed, query, options,
                              {.probes = found.probes, .estimates_mean = estimates_mean});
    if (result.ok()) {
      found.top = std::move(result->top);
      found.is_exact = result->is_exact;
      found.lists_read = result->lists_read;
      return found;
    }
    // Damaged lists are not the end: the store has all that it takes. Other damage shows again.
    if (result.code() != base::Code::kCorruption) return result.status();
    found.problem = result.status().message();
  }
  INTACT_ASSIGN_OR_RETURN(const RowSource source, RowSource::Make(*snapshot_, allowed));
  INTACT_ASSIGN_OR_RETURN(found.top, search::ExactTopK(source, query, options));
  found.is_exact = true;
  return found;
}

base::Result<search::TopKResult> LazyApproxLists::Search(
    const std::shared_ptr<const store::Snapshot>& snapshot, const std::string& store,
    const std::shared_ptr<const std::vector<search::Bitmap>>& allowed, std::span<const float> query,
    const search::TopKOptions& options, size_t probes, ApproxAnswer& answer) const {
  std::shared_ptr<const ApproxLists> lists;
  {
    // A run that makes lists writes the summary last, under another name first.
    const auto found = os::StatPath(ApproxSummaryPath(store));
    const os::FileStat stat = found.ok() ? *found : os::FileStat();
    base::MutexLock hold(mutex_);
    if (lists_ == nullptr || stat != summary_stat_) {
      lists_ = ApproxLists::Open(snapshot, store);
      summary_stat_ = stat;
    }
    lists = lists_;
  }
  INTACT_ASSIGN_OR_RETURN(ApproxTop found, lists->Search(allowed, query, options, probes, true));
  answer.is_approximate = answer.is_approximate || !found.is_exact;
  answer.probes = found.probes;
  answer.problems = lists->problems();
  if (!found.problem.empty()) answer.problems.push_back(found.problem);
  if (lists->is_empty() && answer.problems.empty()) {
    answer.problems.push_back("there are no inverted lists: intact approx makes them");
  }
  return std::move(found.top);
}

}  // namespace intact::engine
