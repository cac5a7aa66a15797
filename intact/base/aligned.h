// Arrays that begin where a cache line does, as everything in a store's files that is read in
// place. Thread-compatible values.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace intact::base {

inline constexpr size_t kCacheLineSize = 64;

// For std::vector; stateless.
template <typename T>
struct AlignedAllocator {
  using value_type = T;

  AlignedAllocator() = default;
  template <typename U>
  explicit AlignedAllocator(const AlignedAllocator<U>& /*other*/) {}

  T* allocate(size_t count) {
    return static_cast<T*>(::operator new (count * sizeof(T), std::align_val_t{kCacheLineSize}));
  }
  void deallocate(T* data, size_t /*count*/) {
    ::operator delete (data, std::align_val_t{kCacheLineSize});
  }
  bool operator==(const AlignedAllocator&) const = default;
};

template <typename T>
using AlignedVector = std::vector<T, AlignedAllocator<T>>;

}  // namespace intact::base
