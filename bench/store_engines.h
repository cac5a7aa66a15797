// Stores of vectors by key, behind one interface, for store_peers.cc: this project's, and those of
// peers that are installed. Every put is durable when it returns: SQLite with a write-ahead log and
// synchronous = FULL, LMDB as it is by default, RocksDB with sync = true. One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "intact/base/base.h"

namespace intact::bench {

class Engine {
 public:
  virtual ~Engine() = default;
  // [n] keys and [n, d] values, all or nothing, durable.
  virtual void Put(std::span<const base::Digest> keys, std::span<const float> vectors) = 0;
  // Fills `vector` [d]; false when there is no such key.
  virtual bool Get(const base::Digest& key, std::span<float> vector) = 0;
  // Finds the key without reading its vector, where that can be told apart.
  virtual bool Find(const base::Digest& key) = 0;
  // Lets go of what this process holds mapped, so that it can be taken out of the page cache.
  virtual void ReleasePages() {}
};

struct EngineKind {
  std::string name;  // With the version.
  std::unique_ptr<Engine> (*open)(const std::string& folder, uint32_t dimensions);
};
// This project's first.
std::vector<EngineKind> Engines();

}  // namespace intact::bench
