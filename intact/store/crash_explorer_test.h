// Runs the script of script_test.h on a CrashFileSystem, takes the power away before every call
// that changes something, in many ways each time, and judges what a new process then finds. For
// crash_test.cc and mutant_test.cc.
//
// The judge asks of every state: it opens; its version is at least the last acknowledged one and at
// most the one in flight; it holds exactly that version; a writer opens it, leaves no file over,
// verifies it, commits the next version; and that one survives a second loss of power. For some
// states the power also goes while the writer recovers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "intact/store/script_test.h"

namespace intact::testing {
class CrashFileSystem;
}  // namespace intact::testing

namespace intact::store {

class CrashExplorer {
 public:
  // What stands between the store and the disk: for a mutant, its bug. `files` outlives the result.
  using Wrap = std::function<std::unique_ptr<os::FileSystem>(os::FileSystem& files)>;

  struct Options {
    uint64_t version_count = kScriptLength;
    uint64_t seeds_per_call = 100;  // Ways to lose power before one call.
    // One in so many states is crashed again at every call of its recovery.
    uint64_t recovery_crash_interval = 64;
    Wrap wrap;  // None when empty.
    bool stop_at_violation = false;
  };

  explicit CrashExplorer(Options options);

  // The script on an empty disk.
  void ExploreScript();
  // The script once for each sync in it, which fails: the process ends, another goes on in the same
  // boot, on what the page cache says, and then the power goes.
  void ExploreFailedSyncs();

  uint64_t states_tried() const { return states_tried_; }
  uint64_t states_distinct() const { return seen_.size(); }
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  // What was promised so far.
  struct Promise {
    std::optional<uint64_t> acknowledged;  // nullopt before the store is made.
    uint64_t attempted = 0;
  };

  bool IsDone() const { return options_.stop_at_violation && !violations_.empty(); }
  std::unique_ptr<os::FileSystem> Wrapped(testing::CrashFileSystem& disk) const;
  // Opens a writer and commits until `version_count`, keeping `promise`; the first failure.
  base::Status Go(os::FileSystem& files, Promise& promise) const;
  // Makes every call of `disk` from `first_call` on that changes something a place to lose power.
  void Watch(testing::CrashFileSystem& disk, const Promise& promise, uint64_t seeds,
             bool may_crash_recovery, uint64_t first_call = 0);
  void Lose(const testing::CrashFileSystem& disk, uint64_t call, uint64_t seed,
            const Promise& promise, bool may_crash_recovery);
  std::optional<std::string> Judge(testing::CrashFileSystem& disk, const Promise& promise,
                                   uint64_t seed, bool crash_recovery);
  std::optional<std::string> JudgeWriter(testing::CrashFileSystem& disk, uint64_t seed);

  Options options_;
  std::vector<ExpectedVersion> expected_;
  uint64_t states_tried_ = 0;
  std::unordered_set<base::Digest, base::DigestHash> seen_;
  std::vector<std::string> violations_;
};

}  // namespace intact::store
