// Reads every byte of a store, of all versions that can be opened, and checks it: checksums, order,
// both copies of what is written twice; and, when asked to look deep, every vector decoded and
// compared with its checksum and every code computed again. Thread-safe; needs no lock.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/os/file.h"

namespace intact::store {

struct VerifyProblem {
  std::string path;
  uint64_t offset = 0;
  std::string what;
  // Costs nothing: a second copy holds the same, or the next commit rewrites the place.
  bool is_harmless = false;
};

struct VerifyReport {
  uint64_t version = 0;
  uint64_t files = 0;
  uint64_t sections = 0;
  uint64_t rows = 0;
  uint64_t bytes = 0;
  std::vector<VerifyProblem> problems;  // At most kVerifyProblemsMax are kept.
  uint64_t problem_count = 0;           // All that were found, harmless ones too.
  uint64_t harmful_count = 0;

  bool ok() const { return harmful_count == 0; }
};

inline constexpr size_t kVerifyProblemsMax = 1000;

enum class VerifyDepth : unsigned char {
  kChecksums,  // As fast as the disk reads.
  kDeep,
};

// Called now and then with the bytes done and the bytes in all; false ends the check with
// kCancelled.
using VerifyProgress = std::function<bool(uint64_t done, uint64_t total)>;

// Never stops at the first problem. Fails only when there is nothing to check: kNotFound,
// kInvalidArgument (not a store), kUnsupported, kCancelled. Resident memory stays within a few MiB.
base::Result<VerifyReport> Verify(os::FileSystem& files, const std::string& path,
                                  const VerifyProgress& progress = {},
                                  VerifyDepth depth = VerifyDepth::kDeep);

}  // namespace intact::store
