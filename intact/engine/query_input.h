// Query vectors as a user gives them: a JSON array, or a file of vectors of any kind that is read.
// Free functions, thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "intact/base/base.h"

namespace intact::engine {

struct QueryVectors {
  uint32_t dimensions = 0;
  std::vector<float> vectors;    // [n, dimensions]
  std::vector<std::string> ids;  // [n], or empty when the file has none.

  size_t count() const { return dimensions == 0 ? 0 : vectors.size() / dimensions; }
};

inline constexpr size_t kQueriesMax = 100'000;

// `text` as [0.25, -1, 3e-2]. kInvalidArgument when it is something else.
base::Result<QueryVectors> ParseQueryVector(const std::string& text);

// The rows of the file at `path`: .npy, .f32, .jsonl or Arrow IPC. `dimensions` is for .f32 files
// whose name does not say. kInvalidArgument: no file of vectors, a damaged one, a float64 that is
// no float32, or more than kQueriesMax rows. kNotFound: no such file.
base::Result<QueryVectors> ReadQueryFile(const std::string& path, uint32_t dimensions);
// The same of JSON lines.
base::Result<QueryVectors> ReadQueryLines(const std::string& lines);

}  // namespace intact::engine
