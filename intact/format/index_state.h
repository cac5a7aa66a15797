// The index state, which travels in each manifest: scope, last run, and which documents are dead.
// Layout: docs/format/index.md. Plain values.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "intact/base/base.h"

namespace intact::format {

inline constexpr uint64_t kScopeHidden = 1;
inline constexpr uint64_t kScopeNoIgnore = 2;
inline constexpr size_t kIndexProblemsMax = 1000;

struct IndexProblem {
  std::string path;
  std::string message;

  bool operator==(const IndexProblem&) const = default;
};

struct IndexState {
  std::string root;
  uint64_t chunker_version = 0;
  uint64_t tokeniser_version = 0;
  uint64_t scope_flags = 0;
  uint64_t file_size_max = 0;
  int64_t indexed_ns = 0;
  bool is_interrupted = false;
  uint64_t files = 0;
  uint64_t chunks = 0;
  uint64_t source_bytes = 0;
  uint64_t files_failed = 0;
  uint64_t chunks_embedded = 0;
  uint64_t chunks_reused = 0;
  std::map<uint8_t, uint64_t> skipped;                   // Count by reason number.
  std::vector<IndexProblem> problems;                    // At most kIndexProblemsMax.
  std::map<uint64_t, std::vector<uint32_t>> dead_files;  // Ascending file numbers by segment id.

  bool operator==(const IndexState&) const = default;

  base::Bytes Encode() const;
  // No bytes: the state of a store without an index. kCorruption or kUnsupported otherwise.
  // Allocates no more than a small multiple of `bytes`.
  static base::Result<IndexState> Parse(base::ByteSpan bytes);
};

}  // namespace intact::format
