// A file of vectors that a user names, open for reading. Free functions, thread-safe. Internal to
// engine.
#pragma once

#include <memory>
#include <string>

#include "intact/base/base.h"
#include "intact/format/vector_file.h"
#include "intact/os/file.h"

namespace intact::engine {

struct VectorInput {
  std::unique_ptr<os::Mapping> mapping;              // Null for bytes in memory.
  std::unique_ptr<format::VectorFileReader> reader;  // Borrows the mapping, or those bytes.
};

// ok() when the file is as it was when it was opened; else what was read of it since is worth
// nothing: kInvalidArgument.
base::Status CheckUnchanged(const VectorInput& input);

// A damaged input is the caller's to replace: kInvalidArgument; kCorruption is kept for stores.
base::Status AsInputError(const base::Status& status);

// Maps the file at `path`, of any kind that format/vector_file.h reads. `dimensions` as in
// format::VectorFileOptions. kInvalidArgument: no file of vectors, or a damaged one. kNotFound: no
// such file.
base::Result<VectorInput> OpenVectorInput(const std::string& path, uint32_t dimensions);
// The same of `bytes`, which must outlive the input, as those of a file called `name`.
base::Result<VectorInput> OpenVectorBytes(const std::string& name, base::ByteSpan bytes,
                                          uint32_t dimensions);

}  // namespace intact::engine
