// Bringing an index up to date with its folder. One writer per store; readers go on meanwhile.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/engine/place.h"

namespace intact::engine {

struct ScopeOptions {
  bool include_hidden = false;
  bool use_ignore_files = true;
  uint64_t file_size_max = uint64_t{2} << 20;
};

struct IndexOptions {
  // As in the last run when not set; the defaults when there was none.
  std::optional<ScopeOptions> scope;
  unsigned thread_count = 0;  // 0: one per processor, at most 8.
  int64_t lock_wait_ms = 0;   // How long to wait for another writer before kUnavailable.
  // Set from elsewhere to finish the batch at hand, commit it and return with `is_interrupted`.
  const std::atomic<bool>* stop = nullptr;
};

struct IndexProgress {
  uint64_t files_done = 0;
  uint64_t files_total = 0;  // Files to read in this run.
  uint64_t bytes_done = 0;
  uint64_t bytes_total = 0;
  uint64_t chunks = 0;
};
// Called often, from the thread that called UpdateIndex; throttling is the callee's business.
using ProgressSink = std::function<void(const IndexProgress&)>;

// A count for each reason that a file or folder was left out.
struct ReasonCount {
  std::string reason;  // "ignored", "binary", "too large", ...
  uint64_t count = 0;
};

struct FileProblem {
  std::string path;  // Relative to the root.
  std::string message;
};

struct IndexReport {
  uint64_t version = 0;          // The store's version afterwards.
  uint64_t files = 0;            // In the index afterwards.
  uint64_t files_unchanged = 0;  // Of those, known by their stat alone.
  uint64_t files_indexed = 0;    // New or changed in this run.
  uint64_t files_removed = 0;    // Gone from the folder, or out of scope now.
  uint64_t files_failed =
      0;                // Unreadable or changing; their older state, if any, stays in the index.
  uint64_t chunks = 0;  // In the index afterwards.
  uint64_t chunks_embedded = 0;  // Of this run's chunks, those whose text was new to the store.
  uint64_t chunks_reused = 0;    // Of this run's chunks, those whose vector was there already.
  uint64_t bytes_read = 0;
  std::vector<ReasonCount> skipped;   // By reason; a skipped folder counts once.
  std::vector<FileProblem> problems;  // The first 1,000.
  double seconds = 0;
  bool is_interrupted = false;
};

// Creates the store when there is none, else updates it: unchanged files cost a stat, changed files
// their changed chunks. Commits batch by batch, so an interrupted or killed run keeps what it had
// committed and the next goes on from there. kUnavailable: another writer; kInvalidArgument: the
// store belongs to another model; kFull: no room on the disk (what was committed stays).
base::Result<IndexReport> UpdateIndex(const Place& place, const IndexOptions& options,
                                      const ProgressSink& progress = {});

// One line of a plan: a rule and what it decided.
struct PlanRule {
  std::string reason;  // "new", "changed", "unchanged", "removed", or a reason for skipping.
  std::string rule;    // ".gitignore:3: *.o", "" when the reason says all.
  uint64_t files = 0;
  uint64_t bytes = 0;
};

struct IndexPlan {
  std::vector<PlanRule> rules;  // Most files first within "in" and "out".
  uint64_t files_to_read = 0;
  uint64_t bytes_to_read = 0;
  uint64_t chunks = 0;            // In the files to read.
  uint64_t chunks_unknown = 0;    // Of those, distinct texts that would be embedded.
  uint64_t tokens_estimated = 0;  // Of the unknown chunks, by the local model's tokeniser.
  std::vector<FileProblem> problems;
};

// What UpdateIndex would do. Reads files and the store, writes nothing.
base::Result<IndexPlan> PlanIndex(const Place& place, const IndexOptions& options);

}  // namespace intact::engine
