// Runs a script on a CrashFileSystem, takes the power away before every call that changes
// something, in many ways each time, and judges what a new process then finds. For crash_test.cc,
// sequence_test.cc and mutant_test.cc.
//
// The judge asks of every state: it opens; its version is at least the last acknowledged one and at
// most the one in flight; it holds exactly that version, and every older one that its history
// lists; a writer opens it, leaves no file over, verifies it, commits the next version; and that
// one survives a second loss of power. For some states the power also goes while the writer
// recovers, and again while the one after that does.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "intact/store/act_script_test.h"
#include "intact/testing/crash_file_system.h"

namespace intact::store {

// How many times more than usual is to be tried: the environment's INTACT_CRASH_STATES, at least 1,
// for nights.
uint64_t CrashScale();

inline const std::string kCrashFolder = "/data/deep/store";

class CrashExplorer {
 public:
  // What stands between the store and the disk: for a mutant, its bug. `files` outlives the result.
  using Wrap = std::function<std::unique_ptr<os::FileSystem>(os::FileSystem& files)>;

  struct Options {
    const Script* script = nullptr;  // Must outlive the explorer.
    // Where the script goes on; an empty disk when null.
    const testing::CrashFileSystem* start = nullptr;
    uint64_t seeds_per_call = 100;  // Ways to lose power before one call.
    // Up to so many things that survive or not, all ways are tried instead.
    size_t exhaustive_max = 10;
    // One in so many states is crashed again at every call of its recovery.
    uint64_t recovery_crash_interval = 64;
    Wrap wrap;  // None when empty.
    bool stop_at_violation = false;
  };

  explicit CrashExplorer(Options options) : options_(std::move(options)) {}

  // The script.
  void ExploreScript();
  // The script once for each sync in it, which fails: the process ends, another goes on in the same
  // boot, on what the page cache says, and then the power goes.
  void ExploreFailedSyncs();

  uint64_t states_tried() const { return states_tried_; }
  uint64_t states_distinct() const { return seen_.size(); }
  uint64_t recoveries_crashed() const { return recoveries_crashed_; }
  const std::vector<std::string>& violations() const { return violations_; }

 private:
  // What was promised so far.
  struct Promise {
    std::optional<uint64_t> acknowledged;  // nullopt before the store is made.
    uint64_t attempted = 0;
  };

  bool IsDone() const { return options_.stop_at_violation && !violations_.empty(); }
  std::unique_ptr<testing::CrashFileSystem> StartDisk() const;
  std::unique_ptr<os::FileSystem> Wrapped(testing::CrashFileSystem& disk) const;
  Promise StartPromise(testing::CrashFileSystem& disk) const;
  // Opens a writer and commits to the script's end, keeping `promise`; the first failure.
  base::Status Go(os::FileSystem& files, Promise& promise) const;
  // Makes every call of `disk` from `first_call` on that changes something a place to lose power.
  // `depth` more times the power may go while a writer recovers.
  void Watch(testing::CrashFileSystem& disk, const Promise& promise, uint64_t seeds, int depth,
             uint64_t first_call = 0);
  void LoseAt(const testing::CrashFileSystem& disk, uint64_t call, uint64_t seeds,
              const Promise& promise, int depth);
  void Lose(const testing::CrashFileSystem::PowerLoss& loss, const std::vector<bool>& survives,
            const Promise& promise, int depth, const std::string& what);
  std::optional<std::string> Judge(testing::CrashFileSystem& disk, const Promise& promise,
                                   int depth);
  std::optional<std::string> JudgeWriter(testing::CrashFileSystem& disk);

  Options options_;
  uint64_t states_tried_ = 0;
  uint64_t recoveries_crashed_ = 0;
  std::unordered_set<uint64_t> seen_;
  std::vector<std::string> violations_;
};

}  // namespace intact::store
