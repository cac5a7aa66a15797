// The approximate search of a set of vectors that is measured: with the inverted lists of its
// store, or with lists made in memory. Internal to engine; thread-safe once made.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "intact/base/base.h"
#include "intact/engine/search_set.h"
#include "intact/search/topk.h"

namespace intact::engine {

class SearchLists {
 public:
  virtual ~SearchLists() = default;

  // The lists beside the set's store; null when there are none, or the set is of no store.
  static std::unique_ptr<const SearchLists> Open(const SearchSet& set);
  // Lists of any set with codes in halves, made as a store's are, on the executor's threads.
  // Borrows the set. kInvalidArgument for codes that lie whole, in segments of older stores.
  static base::Result<std::unique_ptr<const SearchLists>> Make(const SearchSet& set,
                                                               search::Executor& executor);

  struct Found {
    search::TopKResult top;
    uint64_t lists_read = 0;
  };
  // `probes` > 0.
  virtual base::Result<Found> Search(std::span<const float> query,
                                     const search::TopKOptions& options, size_t probes) const = 0;

  size_t list_count() const { return list_count_; }
  // The least that found 99 of 100 for rows of the set, which were asked for their neighbours.
  size_t probes() const { return probes_; }
  uint64_t bytes() const { return bytes_; }
  double seconds() const { return seconds_; }  // To make them; 0 for those of a store.

 protected:
  size_t list_count_ = 0;
  size_t probes_ = 0;
  uint64_t bytes_ = 0;
  double seconds_ = 0;
};

}  // namespace intact::engine
