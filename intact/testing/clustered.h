// Vectors as trained embeddings lie: of length 1, around centres, with deviations that fall by a
// power law along axes that no component follows. Any of endlessly many by its number, so that none
// need be kept. Thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace intact::testing {

class ClusteredVectors {
 public:
  // `dimensions` is a multiple of 128.
  ClusteredVectors(size_t dimensions, size_t centre_count, uint64_t seed);

  size_t dimensions() const { return dimensions_; }
  // Fills `target` [d] with vector `number`.
  void Make(uint64_t number, std::span<float> target) const;

 private:
  size_t dimensions_;
  size_t centre_count_;
  uint64_t seed_;
  std::vector<float> deviations_;  // [d]
  std::vector<float> signs_;       // [d]
  std::vector<float> centres_;     // [centres, d]
};

}  // namespace intact::testing
