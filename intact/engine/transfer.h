// Files of vectors into collections and out of them. One writer per store; readers go on meanwhile.
// Free functions, thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/format/manifest.h"
#include "intact/format/vector_file.h"

namespace intact::engine {

// "cosine", "dot", "euclidean" or "hamming"; "f32", "npy", "jsonl" or "arrow". nullopt for other
// names.
std::optional<format::Metric> ParseMetric(std::string_view name);
std::optional<format::VectorFileKind> ParseVectorFileKind(std::string_view name);

struct TransferProgress {
  uint64_t rows_done = 0;
  uint64_t rows_total = 0;  // 0: the files do not say.
  uint64_t bytes_done = 0;  // Of vectors.
};
// Called often, from the calling thread; throttling is the callee's business.
using TransferSink = std::function<void(const TransferProgress&)>;

// What a program was handed instead of a file: JSON lines.
inline constexpr char kStandardInput[] = "-";

struct ImportOptions {
  // One after the other; rows without ids are numbered on. kStandardInput is `input`.
  std::vector<std::string> files;
  std::string input;  // JSON lines.
  std::string store;
  uint32_t dimensions =
      0;  // For .f32 files whose name does not say; others must agree. 0: not said.
  // Of a new collection, "unknown" and cosine when not said; an existing one must agree.
  std::optional<std::string> model;
  std::optional<format::Metric> metric;
  // Rows without ids are numbered on from those that are there, not from 0. Not with ids. An
  // interrupted run cannot be gone on with then.
  bool append = false;
  int64_t lock_wait_ms = 0;
  // Set from elsewhere to commit the batch at hand and return with `is_interrupted`.
  const std::atomic<bool>* stop = nullptr;
};

struct ImportReport {
  uint64_t version = 0;  // The store's afterwards.
  uint64_t files = 0;    // Read to their end.
  uint64_t rows = 0;     // Read.
  uint64_t rows_added = 0;
  uint64_t rows_updated = 0;
  uint64_t rows_unchanged = 0;
  uint64_t records = 0;  // In the collection afterwards.
  uint32_t dimensions = 0;
  std::string element;
  bool has_ids = false;
  std::string model;
  std::string metric;
  uint64_t bytes = 0;  // Of the vectors read, as they came.
  double seconds = 0;
  bool is_interrupted = false;
};

// Reads `files` into the collection at `store`, which is made when there is none. All headers are
// read, and float64 files read through, before anything is written; rows are committed batch by
// batch. After an error in a later row or an interruption what was committed stays, and the same
// call goes on from there: what is there already is skipped. kInvalidArgument: a file that is no
// file of vectors or is damaged, files that do not agree, or a store that holds something else.
// kNotFound: no such file. kUnavailable: another writer. kFull: no room on the disk.
base::Result<ImportReport> ImportFiles(const ImportOptions& options,
                                       const TransferSink& progress = {});

struct ExportOptions {
  std::string store;
  std::string version;                         // A number or a tag; empty: the newest.
  std::string file;                            // Not for ExportToSink.
  std::optional<format::VectorFileKind> kind;  // By the ending of `file` when not said.
  bool overwrite = false;
  bool vectors_only = false;                // Leave out ids and metadata.
  const std::atomic<bool>* stop = nullptr;  // Set from elsewhere to give up with kCancelled.
};

struct ExportReport {
  uint64_t version = 0;  // Of the store that was read.
  std::string kind;
  uint64_t rows = 0;
  uint32_t dimensions = 0;
  std::string element;
  bool has_ids = false;
  bool has_metadata = false;
  uint64_t bytes = 0;  // Of the file.
  double seconds = 0;
};

// Writes the collection's records to `file`: under another name beside it, synced, then renamed; so
// `file` is whole or as it was. kInvalidArgument when it exists and is not to be overwritten, when
// its kind is not known or cannot hold what the collection has. kNotFound: no collection.
base::Result<ExportReport> ExportFile(const ExportOptions& options,
                                      const TransferSink& progress = {});
// Hands the bytes of such a file to `sink` as they come; `options.kind` must be set.
base::Result<ExportReport> ExportToSink(const ExportOptions& options,
                                        const format::VectorFileWriter::Sink& sink,
                                        const TransferSink& progress = {});

struct GetOptions {
  std::string store;
  std::string version;           // A number or a tag; empty: the newest.
  std::vector<std::string> ids;  // In a collection without ids: row numbers.
};

struct GetReport {
  uint64_t version = 0;
  uint64_t records = 0;
  std::vector<std::string> missing;  // In the order they were asked for.
};
// Hands a JSON line for each of the records to `sink`, in the order of `ids`, as an export would
// write it, with its id. kNotFound: no collection or no such version.
base::Result<GetReport> GetRecords(const GetOptions& options,
                                   const format::VectorFileWriter::Sink& sink);

struct DeleteReport {
  uint64_t version = 0;  // The store's afterwards.
  uint64_t deleted = 0;
  uint64_t missing = 0;  // Were not there.
  uint64_t records = 0;  // In the collection afterwards.
};
// Deletes the records of `ids`, one commit per 65,536. kNotFound: no collection. kUnavailable:
// another writer.
base::Result<DeleteReport> DeleteRecords(const std::string& store, std::span<const std::string> ids,
                                         int64_t lock_wait_ms);

}  // namespace intact::engine
