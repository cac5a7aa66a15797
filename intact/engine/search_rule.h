// Vectors by rule, to measure searches on: the same bits for the same rule, seed and number on
// every machine. Internal to engine; thread-safe.
//
// "isotropic": directions without structure, the worst case for bounds on scores. "clustered":
// around 500 centres, with deviations that fall by a power law along axes that no component
// follows, as trained embeddings lie. All have length 1.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "intact/base/base.h"

namespace intact::engine {

class SearchRule {
 public:
  // kInvalidArgument, naming the rules, for another one.
  static base::Result<SearchRule> Make(std::string_view name, uint32_t dimensions, uint64_t seed);

  // Fills `target` [d] with vector `number`.
  void Fill(uint64_t number, std::span<float> target) const;

 private:
  SearchRule(bool is_clustered, uint32_t dimensions, uint64_t seed);

  uint64_t seed_;
  size_t turn_size_;               // Components that are turned together; 1: none.
  std::vector<float> deviations_;  // [d], with their signs.
  std::vector<float> centres_;     // [centres, d]; empty: none.
};

}  // namespace intact::engine
