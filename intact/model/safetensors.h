// Tensors in a safetensors file: a u64 with the size of a JSON object, that object, which gives
// each tensor's type, shape and place, and the tensors' bytes. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "intact/base/base.h"

namespace intact::model {

struct Tensor {
  std::string name;
  std::string type;             // "F32", "F16", "I8", ...
  std::vector<uint64_t> shape;  // At most 8 dimensions.
  base::ByteSpan bytes;         // As many as type and shape say, when the type is known.
};

// Bytes of one element; 0 for a type that nothing here reads.
size_t TensorElementSize(std::string_view type);

// All tensors of `file`, which they borrow. kInvalidArgument when it is no such file, kCorruption
// when header, shapes and places do not fit each other or the file.
base::Result<std::vector<Tensor>> ParseSafetensors(base::ByteSpan file);

}  // namespace intact::model
