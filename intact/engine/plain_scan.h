// The definition of an exact search: every row scored on its float32 vector by the canonical
// kernel. What other searches are compared with. Internal to engine; thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "intact/search/topk.h"

namespace intact::engine {

class PlainScan {
 public:
  // `ids` [n], ascending, and `vectors` [n, d] are borrowed. By cosine the rows' lengths are found
  // once, here.
  PlainScan(search::Metric metric, std::span<const uint64_t> ids, std::span<const float> vectors);

  // The k best, by score, then id; rows that score NaN are none.
  std::vector<search::VectorHit> Search(std::span<const float> query, size_t k) const;
  // The same for `queries` [m, d], each pass over the rows shared by many.
  std::vector<std::vector<search::VectorHit>> SearchAll(std::span<const float> queries, size_t k,
                                                        unsigned thread_count) const;

  uint64_t bytes() const { return vectors_.size_bytes() + lengths_.size() * sizeof(float); }

 private:
  class Best;
  // Offers the rows [begin, end).
  void Scan(std::span<const float> query, size_t begin, size_t end, Best& best) const;

  search::Metric metric_;
  std::span<const uint64_t> ids_;
  std::span<const float> vectors_;
  std::vector<float> lengths_;  // [n] by cosine.
};

}  // namespace intact::engine
