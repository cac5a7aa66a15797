// A store with a random history, and what each of its versions must hold by key, for tests that
// read and compare versions.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "intact/store/store.h"
#include "intact/testing/crash_file_system.h"

namespace intact::store {

class RandomHistory {
 public:
  using Model = std::map<base::Digest, std::vector<float>>;

  explicit RandomHistory(uint32_t seed);

  // Puts, deletes, rollbacks, tags, or opens the store again; gives ok() or what went wrong.
  base::Status Step();

  Store& store() { return *store_; }
  std::shared_ptr<const Snapshot> snapshot() const { return store_->snapshot(); }
  const Model& model() const { return models_.at(snapshot()->version()); }
  // Of every version that was ever made.
  const std::map<uint64_t, Model>& models() const { return models_; }
  // A version of the store's history, or the current one.
  base::Result<std::shared_ptr<const Snapshot>> OpenVersion(uint64_t version);
  // Keys that are or were there, and some that never were.
  base::Digest RandomKey();
  std::mt19937& random() { return random_; }

 private:
  base::Status Reopen();
  base::Status Write();
  base::Status CommitRows();
  base::Status RollBack();
  base::Status Tag();
  std::vector<float> RandomVector();

  std::mt19937 random_;
  uint32_t dimensions_;
  bool is_written_by_key_;  // Else by commits, with merges and deletes.
  std::unique_ptr<testing::CrashFileSystem> disk_ = std::make_unique<testing::CrashFileSystem>();
  std::unique_ptr<Store> store_;
  std::map<uint64_t, Model> models_;
};

bool HasSameBits(std::span<const float> a, std::span<const float> b);

}  // namespace intact::store
