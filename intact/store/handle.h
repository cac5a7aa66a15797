// Vectors by key that are read when they are used: a handle names a row of a version and decodes it
// at the first look.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "intact/base/base.h"
#include "intact/store/snapshot.h"

namespace intact::store {

// Copies are cheap and share what was decoded. Thread-safe: two threads that look first at once
// decode once or twice and get the same bits. Holds the snapshot, and with it the files' maps, as
// long as a copy lives.
class VectorHandle {
 public:
  // The row must be in the snapshot.
  VectorHandle(std::shared_ptr<const Snapshot> snapshot, RowId row);

  // [d] as it was committed, bit for bit, its checksum compared: when it is decoded, on the first
  // call, and never again. Valid as long as any copy of this handle. kCorruption when it is
  // damaged; the next call tries again.
  base::Result<std::span<const float>> Vector() const;
  // Whether Vector was called and can only succeed.
  bool is_decoded() const;

  const std::shared_ptr<const Snapshot>& snapshot() const;
  RowId row() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// The newest vector of `key`; nullopt when there is none or it was deleted. Decodes nothing.
// kCorruption when a column it needs is damaged.
base::Result<std::optional<VectorHandle>> Get(const std::shared_ptr<const Snapshot>& snapshot,
                                              const base::Digest& key);

// The same for each of `keys`, in their order. Looks them up in the order in which they lie, and
// asks for the pages of their vectors to be read ahead, all at once: reading the vectors then does
// not wait for the disk one row at a time.
base::Result<std::vector<std::optional<VectorHandle>>> GetMany(
    const std::shared_ptr<const Snapshot>& snapshot, std::span<const base::Digest> keys);

}  // namespace intact::store
