// Vectors in memory for measuring codecs: read from a file, or made by rule. Free functions,
// thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "intact/base/base.h"

namespace intact::engine {

struct VectorSet {
  std::string name;  // Of the file, or the rule.
  bool is_generated = false;
  bool is_whole = true;  // False: the file has more rows than were read.
  base::ElementType element = base::ElementType::kFloat32;
  uint32_t dimensions = 0;
  uint64_t rows = 0;
  base::Bytes elements;  // [rows, dimensions] of the element type, row-major.

  size_t row_size() const { return dimensions * base::ElementSize(element); }
};

struct VectorSetOptions {
  uint32_t dimensions = 0;  // For .f32 files whose name does not say; 0: not said.
  uint64_t rows_max = 0;    // 0: as many as take bytes_max.
  uint64_t bytes_max = uint64_t{128} << 20;
  uint64_t rows_min = 0;  // Beyond bytes_max if need be.
};

// The first rows of the file at `path`, of any kind that format/vector_file.h reads.
// kInvalidArgument: no file of vectors, or a damaged one. kNotFound: no such file.
base::Result<VectorSet> ReadVectorSet(const std::string& path, const VectorSetOptions& options);

// What the rules are called: "float16-norm", ...
std::span<const std::string_view> VectorRules();

// Vectors by "RULE[:DIMENSIONS[:COUNT]]", 4,096 of 1,024 dimensions when not said; the same bits
// for the same words. kInvalidArgument for another rule, or more than 1 GiB.
base::Result<VectorSet> GenerateVectorSet(std::string_view words);

}  // namespace intact::engine
