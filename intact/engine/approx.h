// Approximate search: inverted lists beside a store's large segments, made when asked for, so that
// a search may look at a small part of the rows. Everything here can be removed and made again; the
// store does not know of it. Layout: docs/format/ivf.md. Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "intact/base/base.h"
#include "intact/engine/place.h"

namespace intact::store {
class Snapshot;
}

namespace intact::engine {

// What there is for a version of a store.
struct ApproxStatus {
  uint64_t rows = 0;          // Of the version.
  uint64_t rows_covered = 0;  // In lists; a search scans the others exactly.
  uint64_t segments = 0;
  uint64_t segments_covered = 0;
  uint64_t lists = 0;         // Of each segment.
  uint64_t rows_trained = 0;  // In lists when the centroids were trained.
  uint64_t bytes = 0;         // Of all files.
  uint64_t probes = 0;        // Lists that a search looks into unless it is told otherwise.
  // How many of the k best were found at that, of 1, when it was measured last: for rows of the
  // store, drawn evenly, each asking for its nearest others; compared with the exact answer.
  double recall = 0;
  uint64_t k = 0;
  uint64_t sample_size = 0;
  std::vector<std::pair<uint64_t, double>> recall_by_probes;
  std::vector<std::string> problems;  // Files that are left aside, and why.

  bool exists() const { return segments_covered > 0; }
};

// How an answer came about for which an approximate one was enough.
struct ApproxAnswer {
  bool is_approximate = false;  // Rows were left out; else the answer is the exact one after all.
  uint64_t probes = 0;          // Lists looked into.
  std::vector<std::string> problems;  // Why some or all rows were scanned exactly, for people.
};

struct ApproxProgress {
  std::string_view verb;  // "training", "sorting", "measuring".
  uint64_t done = 0;      // Rows.
  uint64_t total = 0;
};

struct ApproxOptions {
  size_t list_count = 0;      // 0: about twice the square root of the rows.
  bool retrains = false;      // Makes all anew.
  uint32_t rows_min = 8192;   // Of a segment that gets lists.
  unsigned thread_count = 0;  // 0: one per processor, at most 8.
  int64_t lock_wait_ms = 0;   // While another process makes lists.
  std::function<void(const ApproxProgress&)> progress;  // From the calling thread.
  const std::atomic<bool>* stop = nullptr;              // Set from elsewhere to give up.
};

struct ApproxReport {
  ApproxStatus status;
  uint64_t files_written = 0;
  uint64_t files_removed = 0;
  bool is_trained = false;  // Centroids were made anew, and with them all lists.
  double seconds = 0;
};

// Makes lists for segments of the newest version that have none, in files of their own, are large
// and have their codes in two halves. Centroids are trained when there are none, when the rows grew
// to four times those they were trained on, or when that is asked for. What is there already can be
// searched meanwhile; a run that is stopped or killed leaves what it finished, and the next goes
// on. Removes files of segments that no version needs. kNotFound when there is no store,
// kUnavailable while another process does the same, kCancelled when stopped.
base::Result<ApproxReport> BuildApprox(const Place& place, const ApproxOptions& options);

// Removes all lists; the bytes that were freed. Errors as above.
base::Result<uint64_t> DropApprox(const Place& place, int64_t lock_wait_ms = 0);

// Removes lists of segments that no kept version of the store needs; the bytes that were freed.
// Does nothing while another process makes some.
uint64_t SweepApprox(const std::string& store);

// What a search of `snapshot`, of the store at `store`, would use. Never fails: see `problems`.
ApproxStatus ReadApproxStatus(const store::Snapshot& snapshot, const std::string& store);

}  // namespace intact::engine
