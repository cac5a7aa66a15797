#include "intact/store/crash_explorer_test.h"

#include <algorithm>
#include <cstdlib>

namespace intact::store {
namespace {

using testing::CrashFileSystem;
using testing::MixBits;
using Operation = CrashFileSystem::Operation;

// Of crashes in a recovery.
constexpr uint64_t kRecoverySeeds = 3;
constexpr uint64_t kInnerRecoveryInterval = 16;

bool Changes(Operation operation) {
  switch (operation) {
    case Operation::kWrite:
    case Operation::kSync:
    case Operation::kRename:
    case Operation::kRemove:
    case Operation::kCreateDirectories:
    case Operation::kSyncDirectory:
      return true;
    default:
      return false;
  }
}

}  // namespace

uint64_t CrashScale() {
  const char* text = std::getenv("INTACT_CRASH_STATES");
  return text == nullptr ? 1 : std::max<uint64_t>(1, std::strtoull(text, nullptr, 10));
}

std::unique_ptr<CrashFileSystem> CrashExplorer::StartDisk() const {
  if (options_.start == nullptr) return std::make_unique<CrashFileSystem>();
  return options_.start->AfterPowerLoss(1);
}

std::unique_ptr<os::FileSystem> CrashExplorer::Wrapped(CrashFileSystem& disk) const {
  return options_.wrap ? options_.wrap(disk) : nullptr;
}

CrashExplorer::Promise CrashExplorer::StartPromise(CrashFileSystem& disk) const {
  const auto reader = Store::OpenReadOnly(disk, kCrashFolder);
  if (!reader.ok()) return {};
  return {(*reader)->version(), (*reader)->version()};
}

base::Status CrashExplorer::Go(os::FileSystem& files, Promise& promise) const {
  const Script& script = *options_.script;
  const auto open = [&] { return Store::OpenWriter(files, kCrashFolder, script.Options()); };
  INTACT_ASSIGN_OR_RETURN(std::unique_ptr<Store> store, open());
  promise.acknowledged = store->snapshot()->version();
  promise.attempted = std::max(promise.attempted, *promise.acknowledged);
  for (uint64_t next = *promise.acknowledged + 1;; ++next) {
    for (int i = script.ReopensBefore(next); i > 0; --i) {
      store.reset();
      INTACT_ASSIGN_OR_RETURN(store, open());
    }
    if (next > script.length()) return base::Ok();
    promise.attempted = next;
    INTACT_ASSIGN_OR_RETURN(promise.acknowledged, script.Step(*store));
  }
}

void CrashExplorer::ExploreScript() {
  const auto disk = StartDisk();
  const auto wrapped = Wrapped(*disk);
  Promise promise = StartPromise(*disk);
  Watch(*disk, promise, options_.seeds_per_call, 2);
  const base::Status status = Go(wrapped ? *wrapped : *disk, promise);
  if (!status.ok()) violations_.push_back("the script itself failed: " + status.ToString());
  LoseAt(*disk, disk->call_count(), options_.seeds_per_call, promise, 2);
}

void CrashExplorer::ExploreFailedSyncs() {
  std::vector<uint64_t> syncs;
  {
    const auto disk = StartDisk();
    Promise promise = StartPromise(*disk);
    const auto wrapped = Wrapped(*disk);
    disk->set_observer([&](uint64_t call, Operation operation, const std::string&) {
      if (operation == Operation::kSync) syncs.push_back(call);
    });
    static_cast<void>(Go(wrapped ? *wrapped : *disk, promise).ok());
  }
  for (const uint64_t sync : syncs) {
    if (IsDone()) return;
    const auto disk = StartDisk();
    Promise promise = StartPromise(*disk);
    const auto wrapped = Wrapped(*disk);
    disk->FailCall(sync, CrashFileSystem::Fault::kIo, false);
    // A store that does not notice the failure goes on and acknowledges more: the power may go
    // then.
    Watch(*disk, promise, 4, 0, sync + 1);
    static_cast<void>(Go(wrapped ? *wrapped : *disk, promise).ok());
    const auto same_boot = disk->AfterKill();
    const auto same_boot_wrapped = Wrapped(*same_boot);
    Watch(*same_boot, promise, std::max<uint64_t>(4, options_.seeds_per_call / 10), 0);
    const base::Status status = Go(same_boot_wrapped ? *same_boot_wrapped : *same_boot, promise);
    if (!status.ok()) {
      violations_.push_back("after the failed sync in call " + std::to_string(sync) + ": " +
                            status.ToString());
    }
  }
}

void CrashExplorer::Watch(CrashFileSystem& disk, const Promise& promise, uint64_t seeds, int depth,
                          uint64_t first_call) {
  disk.set_observer([&disk, &promise, seeds, depth, first_call, this](
                        uint64_t call, Operation operation, const std::string&) {
    if (call >= first_call && Changes(operation)) LoseAt(disk, call, seeds, promise, depth);
  });
}

void CrashExplorer::LoseAt(const CrashFileSystem& disk, uint64_t call, uint64_t seeds,
                           const Promise& promise, int depth) {
  const CrashFileSystem::PowerLoss loss(disk);
  const size_t count = loss.pending_count();
  const std::string where = "before call " + std::to_string(call);
  if (count <= options_.exhaustive_max && seeds > kRecoverySeeds) {
    std::vector<bool> survives(count);
    for (uint64_t mask = 0; mask < uint64_t{1} << count; ++mask) {
      for (size_t i = 0; i < count; ++i) survives[i] = (mask >> i & 1) != 0;
      Lose(loss, survives, promise, depth, where + ", survivors " + std::to_string(mask));
    }
    return;
  }
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    const uint64_t mixed_seed = seed < 2 ? seed : seed + 1'000'003 * (call + 1);
    Lose(loss, loss.Choose(mixed_seed), promise, depth,
         where + ", seed " + std::to_string(mixed_seed));
  }
}

void CrashExplorer::Lose(const CrashFileSystem::PowerLoss& loss, const std::vector<bool>& survives,
                         const Promise& promise, int depth, const std::string& what) {
  if (IsDone()) return;
  ++states_tried_;
  // The same bytes under the same promise need no second judgement.
  const uint64_t promised =
      MixBits(promise.acknowledged.value_or(~uint64_t{0}) ^ MixBits(promise.attempted));
  if (!seen_.insert(MixBits(loss.Fingerprint(survives) ^ promised)).second) return;
  const uint64_t interval = depth == 2 ? options_.recovery_crash_interval : kInnerRecoveryInterval;
  const bool crashes_recovery = depth > 0 && seen_.size() % interval == 0;
  const auto after = loss.After(survives);
  if (crashes_recovery) ++recoveries_crashed_;
  if (const auto violation = Judge(*after, promise, crashes_recovery ? depth : 0)) {
    violations_.push_back(what + ": " + *violation);
  }
}

std::optional<std::string> CrashExplorer::Judge(CrashFileSystem& disk, const Promise& promise,
                                                int depth) {
  const Script& script = *options_.script;
  const auto wrapped = Wrapped(disk);
  os::FileSystem& files = wrapped ? *wrapped : disk;
  const auto reader = Store::OpenReadOnly(files, kCrashFolder);
  if (!reader.ok()) {
    if (promise.acknowledged || reader.code() != base::Code::kNotFound) {
      return reader.status().ToString();
    }
  } else {
    const uint64_t version = (*reader)->version();
    if (version > promise.attempted || version < promise.acknowledged.value_or(0)) {
      return "found version " + std::to_string(version) + ", acknowledged " +
             std::to_string(promise.acknowledged.value_or(0)) + ", attempted " +
             std::to_string(promise.attempted);
    }
    if (auto difference = script.Difference(**reader)) return difference;
    if (auto difference = HistoryDifference(script, files, kCrashFolder, **reader)) {
      return difference;
    }
  }
  if (depth > 0) Watch(disk, promise, kRecoverySeeds, depth - 1);
  auto violation = JudgeWriter(disk);
  disk.set_observer(nullptr);
  return violation;
}

std::optional<std::string> CrashExplorer::JudgeWriter(CrashFileSystem& disk) {
  const Script& script = *options_.script;
  const auto wrapped = Wrapped(disk);
  os::FileSystem& files = wrapped ? *wrapped : disk;
  {
    const auto store = Store::OpenWriter(files, kCrashFolder, script.Options());
    if (!store.ok()) return "writer: " + store.status().ToString();
    // From here on the promises are the new writer's: a crash at its calls is another test's state.
    disk.set_observer(nullptr);
    if (auto name = Leftover(disk, kCrashFolder, *(*store)->snapshot())) {
      return "left over: " + *name;
    }
    const auto report = Verify(disk, kCrashFolder);
    if (!report.ok()) return "verify: " + report.status().ToString();
    for (const VerifyProblem& problem : report->problems) {
      // What a torn commit left costs nothing; a frame that was taken over must be whole twice.
      const bool is_half = problem.what.find("its other copy is whole") != std::string::npos;
      if (!problem.is_harmless || is_half) return "verify: " + problem.what;
    }
    const auto committed = script.Step(**store);
    if (!committed.ok()) return "commit: " + committed.status().ToString();
  }
  const CrashFileSystem::PowerLoss second(disk);
  const auto again = second.After(std::vector<bool>(second.pending_count()));
  const auto reader = Store::OpenReadOnly(*again, kCrashFolder);
  if (!reader.ok()) return "after a second loss: " + reader.status().ToString();
  auto difference = script.Difference(**reader);
  if (!difference) difference = HistoryDifference(script, *again, kCrashFolder, **reader);
  if (difference) return "after a second loss: " + *difference;
  return std::nullopt;
}

}  // namespace intact::store
