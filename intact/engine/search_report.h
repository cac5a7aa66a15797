// How fast vectors are searched, and whether exactly: the figures behind `intact bench search`. All
// ways of searching get the same queries in one run, in turns; what an exact way finds is compared
// with a plain float32 scan, ids and score bits. Free functions, thread-safe, meant for one call at
// a time.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "intact/base/base.h"

namespace intact::engine {

// One way to search. Times and counts are of one query.
struct SearchWay {
  static constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

  std::string way;  // "plain", "exact", "batch", "threads" or "approximate".
  unsigned threads = 1;
  size_t batch = 1;      // Queries that are handed over together.
  uint64_t probes = 0;   // Of "approximate": lists that are looked into.
  uint64_t queries = 0;  // That were timed.
  // A query of a batch takes its part of the batch.
  double p50_seconds = kNone;
  double p99_seconds = kNone;
  double processor_seconds = kNone;  // Mean, of all threads.
  double queries_per_second = kNone;
  double recall = kNone;  // Of the k best, how many were found: scores as good as the k-th.
  // Of an exact way: queries whose k best differ from the plain scan's in an id or a score bit.
  std::optional<uint64_t> differing;
  double rows_scanned = 0;
  double rows_refined = 0;
  double rows_scored = 0;
  double bytes_touched = 0;
  uint64_t bytes_kept = 0;  // That its data take, in memory or mapped; exact vectors aside.
  // The time to read the bytes that are scanned, and do nothing else, on as many threads; median.
  double floor_seconds = kNone;
};

struct SearchBenchReport {
  std::string name;      // Of the file or store, or the rule.
  std::string kind;      // "file", "store" or "rule".
  bool is_whole = true;  // False: the file has more rows than were taken.
  uint64_t rows = 0;
  uint32_t dimensions = 0;
  std::string metric;
  uint64_t queries = 0;
  std::string queries_name;  // A path, or what else they are.
  uint64_t k = 0;
  uint64_t raw_bytes = 0;      // The rows as float32.
  uint64_t scanned_bytes = 0;  // What an exact search reads of each row, of all rows.
  std::string processor;       // The kernels that were used: "avx512vbmi", ...
  bool is_exact = true;        // No exact way differed in anything.
  std::vector<SearchWay> ways;
  // Of a store: opening it and the first answer, queries made in between left out; and the
  // process's memory after all queries had been answered exactly and nothing else had been done.
  double first_seconds = SearchWay::kNone;
  std::optional<uint64_t> resident_bytes;
  uint64_t lists = 0;        // Of the approximate search; 0: there is none.
  double lists_seconds = 0;  // To make them; 0 for those of a store.
  uint64_t peak_bytes = 0;   // The process's memory, at most.
  double seconds = 0;        // That all of it took.
};

struct SearchBenchOptions {
  // One of these says what is searched.
  std::string file;
  std::string store;
  std::string rule;  // "isotropic" or "clustered".

  uint32_t dimensions = 0;  // Of a rule; of .f32 files whose name does not say. 0: not said.
  uint64_t rows = 0;        // Of a rule; of a file at most. 0: not said.
  std::string queries;      // A file of query vectors; empty: rows of the set, or more by its rule.
  std::string questions;    // Or texts, one a line, to be embedded and asked: of an index.
  std::string model;        // That embeds them; empty: the built-in one.
  size_t query_count = 1'000;
  std::string metric;  // "cosine", "dot", "euclidean" or "hamming"; empty: the store's, or cosine.
  uint64_t seed = 1;
  size_t k = 10;
  unsigned threads = 2;  // Of the way that uses several; also for getting ready.
  size_t batch = 64;
  bool makes_lists = false;  // In memory, where a store has none.
  size_t probes = 0;         // 0: as many as found 99 of 100 when the lists were made.
  // Rows and queries are written into this folder, rows__D__N.f32 and queries__D__M.f32, for other
  // programs to search; empty: they are not.
  std::string save_folder;
};

// Called with how many of the steps are done; from the calling thread.
using SearchBenchSink = std::function<void(size_t done, size_t total)>;

// kInvalidArgument: the set cannot be searched as asked. kNotFound: no such file, or no store.
base::Result<SearchBenchReport> BenchSearch(const SearchBenchOptions& options,
                                            const SearchBenchSink& progress = {});

}  // namespace intact::engine
