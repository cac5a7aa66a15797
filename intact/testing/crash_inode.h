// A file of a CrashFileSystem: what this boot sees of it, what the disk holds, and what is on its
// way there. Thread-compatible.
#pragma once

#include <cstdint>
#include <vector>

#include "intact/base/base.h"

namespace intact::testing {

// What a power loss keeps whole or not at all.
inline constexpr uint64_t kSectorSize = 512;

class CrashInode {
 public:
  // One thing a power loss keeps or not: what a write put into one sector, or the new size alone.
  struct Item {
    size_t write = 0;  // Index of the pending write.
    uint64_t begin = 0;
    uint64_t end = 0;
    bool is_size = false;
  };

  CrashInode() = default;
  explicit CrashInode(base::Bytes content) : live_(content), durable_(std::move(content)) {}

  const base::Bytes& live() const { return live_; }
  base::Bytes& MutableLive() { return live_; }
  bool is_pending() const { return !pending_.empty(); }

  void WriteAt(uint64_t offset, base::ByteSpan source);
  void Sync();
  // What was written stays in the page cache, and never comes to the disk.
  void DropPending() { pending_.clear(); }

  // In the order they were written.
  std::vector<Item> Items() const;
  // What the disk holds when of `items` those with survives[first + i] came to it.
  base::Bytes After(const std::vector<Item>& items, const std::vector<bool>& survives,
                    size_t first) const;
  // A number that stands for After(items, survives, first): equal for equal bytes, and different
  // for different ones but by an accident of 64 bits. Costs what survives, not what is there.
  uint64_t Fingerprint(const std::vector<Item>& items, const std::vector<bool>& survives,
                       size_t first) const;

 private:
  struct Write {
    uint64_t offset = 0;
    base::Bytes bytes;
  };

  base::ByteSpan BytesOf(const Item& item) const;

  base::Bytes live_;
  base::Bytes durable_;
  std::vector<Write> pending_;
  // Of the sectors of durable_, and their sum; empty when not known.
  mutable std::vector<uint64_t> sector_prints_;
  mutable uint64_t print_sum_ = 0;
};

// Spreads the bits of `x`.
uint64_t MixBits(uint64_t x);

}  // namespace intact::testing
