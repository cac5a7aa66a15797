// Values found by a digest, as many as fit a budget of bytes: those not asked for longest go first.
// Values are shared and immutable, so one that goes stays with who has it. Thread-safe.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>
#include <utility>

#include "intact/base/digest.h"
#include "intact/base/mutex.h"

namespace intact::engine {

struct ByteLruCounts {
  uint64_t entries = 0;
  uint64_t size = 0;      // Of the entries, and of what finds them.
  uint64_t size_max = 0;  // The budget: `size` is never above it.
  uint64_t evictions = 0;
};

template <typename Value>
class ByteLru {
 public:
  // What an entry takes beside its value: list and table nodes, a slot of the table, the pointer's
  // counts.
  static constexpr size_t kEntrySize = 192;

  // Nothing is kept with a budget of 0.
  explicit ByteLru(size_t size_max) : size_max_(size_max) {}

  // Null when it is not here.
  std::shared_ptr<const Value> Find(const base::Digest& key) INTACT_EXCLUDES(mutex_) {
    base::MutexLock hold(mutex_);
    const auto found = table_.find(key);
    if (found == table_.end()) return nullptr;
    order_.splice(order_.begin(), order_, found->second);
    return found->second->value;
  }

  // `value_size`: its bytes, those it owns included. A value larger than the budget is not kept.
  void Add(const base::Digest& key, std::shared_ptr<const Value> value, size_t value_size)
      INTACT_EXCLUDES(mutex_) {
    if (size_max_ < kEntrySize || value_size > size_max_ - kEntrySize) return;
    // What goes is destroyed after the lock is let go.
    std::list<Entry> gone;
    base::MutexLock hold(mutex_);
    if (const auto found = table_.find(key); found != table_.end()) Drop(found->second, gone);
    size_ += value_size + kEntrySize;
    while (size_ > size_max_) {
      Drop(std::prev(order_.end()), gone);
      ++evictions_;
    }
    order_.push_front({key, std::move(value), value_size + kEntrySize});
    table_.emplace(key, order_.begin());
  }

  ByteLruCounts counts() const INTACT_EXCLUDES(mutex_) {
    base::MutexLock hold(mutex_);
    return {
        .entries = table_.size(), .size = size_, .size_max = size_max_, .evictions = evictions_};
  }

 private:
  struct Entry {
    base::Digest key;
    std::shared_ptr<const Value> value;
    size_t size = 0;
  };
  using Place = typename std::list<Entry>::iterator;

  void Drop(Place place, std::list<Entry>& gone) INTACT_REQUIRES(mutex_) {
    size_ -= place->size;
    table_.erase(place->key);
    gone.splice(gone.end(), order_, place);
  }

  const size_t size_max_;
  mutable base::Mutex mutex_;
  std::list<Entry> order_ INTACT_GUARDED_BY(mutex_);  // Asked for last comes first.
  std::unordered_map<base::Digest, Place, base::DigestHash> table_ INTACT_GUARDED_BY(mutex_);
  size_t size_ INTACT_GUARDED_BY(mutex_) = 0;
  uint64_t evictions_ INTACT_GUARDED_BY(mutex_) = 0;
};

}  // namespace intact::engine
