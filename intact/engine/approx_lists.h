// The inverted lists of one version of a store, open for searching. Internal to engine; approx.h
// makes them. Thread-safe.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "intact/base/mutex.h"
#include "intact/engine/approx.h"
#include "intact/engine/index.h"
#include "intact/format/ivf.h"
#include "intact/os/directory.h"
#include "intact/os/file.h"
#include "intact/search/bitmap.h"
#include "intact/search/ivf.h"
#include "intact/store/snapshot.h"

namespace intact::engine {

// Recall is measured on so many rows, each asking for so many others.
inline constexpr size_t kApproxSampleSize = 256;
inline constexpr uint32_t kApproxNearest = 10;
// The default is the least number of probes that finds so much, and at least kApproxProbesMin: what
// is asked for later may lie farther from the rows than they do from each other.
inline constexpr double kApproxRecallWanted = 0.99;
inline constexpr uint32_t kApproxProbesMin = 4;
inline constexpr size_t kApproxProbesDefault = 32;  // Where nothing was measured.

// STORE/approx, a segment's file in it, and the summary.
std::string ApproxFolder(const std::string& store);
std::string ApproxPath(const std::string& store, uint64_t segment);
std::string ApproxSummaryPath(const std::string& store);
// The number of "<number>.ivf"; nullopt for other names.
std::optional<uint64_t> ParseApproxName(std::string_view name);

// kNotFound when there is none; kCorruption or kUnsupported, and kCorruption for one of another
// store.
base::Result<format::IvfSummary> ReadApproxSummary(const std::string& store,
                                                   const format::Uuid& uuid);

// One segment's file.
struct ApproxFile {
  std::unique_ptr<os::Mapping> mapping;
  std::unique_ptr<const search::Ivf> ivf;
};
// kNotFound when there is none; kCorruption for a file of another segment.
base::Result<ApproxFile> OpenApproxFile(const std::string& store, const format::Uuid& uuid,
                                        const store::Segment& segment);
// Reads all lists: kCorruption where one is damaged.
base::Status CheckApproxFile(const ApproxFile& file);

// What is wrong with the files for this version, every byte looked at: path and message. Nothing is
// lost by it: searches leave such files aside and BuildApprox makes them anew.
std::vector<FileProblem> CheckApprox(const store::Snapshot& snapshot, const std::string& store);

struct ApproxTop {
  search::TopKResult top;
  bool is_exact = false;  // Nothing was left out, for one reason or another.
  uint64_t probes = 0;
  uint64_t lists_read = 0;
  std::string problem;  // Why the rows were scanned exactly instead; "" when all went well.
};

class ApproxLists {
 public:
  // `problems` gets a line for each file that is there and cannot be used; its segment is then
  // scanned exactly. Files without a summary that fits are not used.
  static std::shared_ptr<const ApproxLists> Open(std::shared_ptr<const store::Snapshot> snapshot,
                                                 const std::string& store);

  bool is_empty() const { return segments_covered_ == 0; }
  const std::optional<format::IvfSummary>& summary() const { return summary_; }
  const std::vector<std::string>& problems() const { return problems_; }
  ApproxStatus status() const;

  // The best rows of those allowed, one bitmap per segment, all when null; `probes` 0 for the
  // number that was found good. Damage of lists is no failure: see ApproxTop::problem. Who calls it
  // calls snapshot().CheckUnchanged() before the answer leaves.
  base::Result<ApproxTop> Search(const std::shared_ptr<const std::vector<search::Bitmap>>& allowed,
                                 std::span<const float> query, const search::TopKOptions& options,
                                 size_t probes, bool estimates_mean = false) const;

 private:
  class Source;
  void OpenFiles(const std::string& store);
  base::Result<search::ApproximateResult> SearchLists(
      const std::shared_ptr<const std::vector<search::Bitmap>>& allowed,
      std::span<const float> query, const search::TopKOptions& options,
      const search::ApproximateOptions& approximate) const;
  // Gives pages back to the kernel when many of files are resident.
  void ReleasePages() const;

  std::shared_ptr<const store::Snapshot> snapshot_;
  std::optional<format::IvfSummary> summary_;
  std::vector<ApproxFile> files_;  // One per segment of the snapshot; empty where there is none.
  std::vector<std::string> problems_;
  uint64_t segments_covered_ = 0;
  uint64_t bytes_ = 0;
  uint64_t mapped_ = 0;  // Bytes of the lists and of their segments.
};

// The lists of a version, opened when they are first asked for, and again when somebody made or
// dropped some. Thread-safe.
class LazyApproxLists {
 public:
  // As ApproxLists::Search, and says in `answer` how it went. Without lists the answer is exact.
  base::Result<search::TopKResult> Search(
      const std::shared_ptr<const store::Snapshot>& snapshot, const std::string& store,
      const std::shared_ptr<const std::vector<search::Bitmap>>& allowed,
      std::span<const float> query, const search::TopKOptions& options, size_t probes,
      ApproxAnswer& answer) const INTACT_EXCLUDES(mutex_);

 private:
  mutable base::Mutex mutex_;
  mutable std::shared_ptr<const ApproxLists> lists_ INTACT_GUARDED_BY(mutex_);
  mutable os::FileStat summary_stat_ INTACT_GUARDED_BY(mutex_);  // When they were opened.
};

}  // namespace intact::engine
