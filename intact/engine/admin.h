// Looking at an index and looking after it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/engine/approx.h"
#include "intact/engine/index.h"
#include "intact/engine/place.h"

namespace intact::engine {

struct StatusReport {
  std::string root;
  std::string store;
  std::string model;  // Its identity.
  uint32_t dimensions = 0;
  uint64_t version = 0;      // Number of the last commit.
  int64_t committed_ns = 0;  // When that was, wall clock, since 1970.
  int64_t indexed_ns = 0;    // When the last index run ended.
  uint64_t files = 0;
  uint64_t chunks = 0;
  uint64_t vectors = 0;         // Rows in the store: distinct texts, deleted ones too until gc.
  uint64_t vectors_unused = 0;  // Of those, what no chunk uses now.
  uint64_t segments = 0;
  // Of the last index run.
  uint64_t files_failed = 0;
  uint64_t chunks_embedded = 0;
  uint64_t chunks_reused = 0;
  std::vector<ReasonCount> skipped;
  std::vector<FileProblem> problems;
  bool is_interrupted = false;  // The last run was stopped before it had seen every file.
  // Bytes.
  uint64_t source_bytes = 0;  // Of the indexed files.
  uint64_t raw_bytes = 0;     // The vectors as float32.
  uint64_t stored_bytes = 0;  // The store's files, all of them.
  std::vector<std::pair<std::string, uint64_t>>
      stored_by_part;   // "exact vectors", "codes", "postings", ...
  ApproxStatus approx;  // Its lists are among the store's files.
};
// Of place.version, else the newest. kNotFound when the place has no store or no such version.
base::Result<StatusReport> ReadStatus(const Place& place);

struct ExplainedChunk {
  uint32_t first_line = 0;
  uint32_t last_line = 0;
  std::string symbol;
  std::string definitions;
  uint64_t size = 0;       // Bytes.
  uint64_t tokens = 0;     // By the local model's tokeniser.
  std::string key;         // Hexadecimal.
  bool is_stored = false;  // The store holds its vector.
};

struct ExplainReport {
  std::string path;  // Relative to the root.
  bool is_in = false;
  std::string reason;  // "in", or a reason for skipping.
  std::string rule;    // "" when the reason says all.
  std::string language;
  uint64_t size = 0;
  std::string index_state;  // "not indexed", "up to date", "changed since it was indexed".
  std::vector<ExplainedChunk> chunks;
};
// Why `path` (absolute or relative to the working folder) is in or out of the index, and its chunks
// as they would be indexed now; `scope` as IndexOptions::scope. kNotFound when it does not exist,
// kInvalidArgument when it lies outside the root.
base::Result<ExplainReport> ExplainFile(const Place& place,
                                        const std::optional<ScopeOptions>& scope,
                                        const std::string& path);

struct VerifyReport {
  bool is_collection = false;  // A collection of given vectors, not an index.
  uint64_t files = 0;          // Of the store.
  uint64_t sections = 0;       // Checksums compared.
  uint64_t rows = 0;           // Vectors decoded and compared with their stored digest.
  uint64_t bytes = 0;
  std::vector<FileProblem> problems;  // Paths of the store's files; empty means intact.
  // Inverted lists that searches leave aside; nothing is lost by them: intact approx makes them
  // anew.
  std::vector<FileProblem> approx_problems;
  double seconds = 0;
};
// Called with the bytes done and in all.
using VerifyProgress = std::function<void(uint64_t done, uint64_t total)>;
// Reads everything; changes nothing. With `is_fast` checksums are compared, and no vector is
// decoded. kNotFound when there is no store. Damage is in the report, not in the status.
base::Result<VerifyReport> VerifyIndex(const Place& place, const VerifyProgress& progress = {},
                                       bool is_fast = false);

// What of the documents or records of a store that is whole contradicts itself.
std::vector<FileProblem> CheckContent(const std::string& store);

struct GcOptions {
  bool is_dry_run = false;
  bool keeps_versions = false;  // Older versions stay, and with them most of what they alone need.
  int64_t lock_wait_ms = 0;
};

struct GcReport {
  bool is_collection = false;
  uint64_t rows_removed = 0;
  uint64_t versions_removed = 0;
  uint64_t bytes_before = 0;  // Of the store's files.
  uint64_t bytes_after = 0;   // Of a dry run: about.
};
// Rewrites the store of an index without unused vectors and deleted documents, or that of a
// collection without replaced and deleted rows, and drops older versions but for tagged ones. A
// dry run says what would go and changes nothing. Inverted lists of what was rewritten go too:
// BuildApprox makes them again. kNotFound when there is no store.
base::Result<GcReport> CollectGarbage(const Place& place, const GcOptions& options);

// Identity of the model at hand, and build facts, for `--version`.
struct BuildFacts {
  std::string version;     // "0.1.0".
  std::string simd_level;  // "avx512".
  std::string model;
  std::string compiler;
};
BuildFacts ReadBuildFacts();

}  // namespace intact::engine
