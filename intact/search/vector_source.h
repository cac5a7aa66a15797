// What a vector search reads: codes in runs, and exact vectors one at a time.
#pragma once

#include <cstdint>
#include <span>

#include "intact/base/base.h"
#include "intact/quant/quant.h"
#include "intact/search/bitmap.h"

namespace intact::search {

// Rows with consecutive ids whose codes lie in one matrix: in two halves (quant.h), or whole when
// `high` is null. Borrowed for the life of the source.
struct CodeRun {
  uint64_t first_id = 0;
  size_t count = 0;
  size_t stride = 0;  // Components of a row's code: a multiple of 64, at least the dimensions.
  const uint8_t* high = nullptr;             // [count, stride / 2]; of components beyond the
  const uint8_t* low = nullptr;              // dimensions the code is 0: U = 8 and L = 0.
  const quant::CodeBound* bounds = nullptr;  // [count]
  const int8_t* codes = nullptr;             // [count, stride]; 0 beyond the dimensions.
  const quant::CodeScale* scales = nullptr;  // [count]
  const Bitmap* allowed = nullptr;           // [count]: the rows to search; all when null.
};

// Thread rule of an implementation: const calls from any thread.
class VectorSource {
 public:
  virtual ~VectorSource() = default;
  virtual size_t dimensions() const = 0;
  // Runs in ascending order of ids, without overlap.
  virtual std::span<const CodeRun> runs() const = 0;
  // The exact vector [d] of an id that lies in a run.
  virtual base::Status ReadVector(uint64_t id, std::span<float> target) const = 0;
  // That the codes of run `index` are sound, for who gave them unchecked: called before a result
  // that is exact depends on them.
  virtual base::Status CheckRun(size_t /*index*/) const { return base::Ok(); }
};

}  // namespace intact::search
