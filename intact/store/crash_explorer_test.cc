#include "intact/store/crash_explorer_test.h"

#include "intact/testing/crash_file_system.h"

namespace intact::store {
namespace {

using Operation = testing::CrashFileSystem::Operation;

const std::string kFolder = "/data/deep/store";

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

CrashExplorer::CrashExplorer(Options options)
    : options_(std::move(options)), expected_(ExpectedVersions(options_.version_count + 2)) {}

std::unique_ptr<os::FileSystem> CrashExplorer::Wrapped(testing::CrashFileSystem& disk) const {
  return options_.wrap ? options_.wrap(disk) : nullptr;
}

base::Status CrashExplorer::Go(os::FileSystem& files, Promise& promise) const {
  INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<Store> store,
                          Store::OpenWriter(files, kFolder, ScriptOptions()));
  promise.acknowledged = store->snapshot()->version();
  while (*promise.acknowledged < options_.version_count) {
    promise.attempted = *promise.acknowledged + 1;
    INTACT_ASSIGN_OR_RETURN(const uint64_t version, CommitStep(*store));
    promise.acknowledged = version;
  }
  return base::Ok();
}

void CrashExplorer::ExploreScript() {
  testing::CrashFileSystem disk;
  const auto wrapped = Wrapped(disk);
  Promise promise;
  Watch(disk, promise, options_.seeds_per_call, true);
  const base::Status status = Go(wrapped ? *wrapped : disk, promise);
  if (!status.ok()) violations_.push_back("the script itself failed: " + status.ToString());
  for (uint64_t seed = 0; seed < options_.seeds_per_call; ++seed) {
    Lose(disk, disk.call_count(), seed, promise, true);
  }
}

void CrashExplorer::ExploreFailedSyncs() {
  std::vector<uint64_t> syncs;
  {
    testing::CrashFileSystem disk;
    const auto wrapped = Wrapped(disk);
    disk.set_observer([&](uint64_t call, Operation operation, const std::string&) {
      if (operation == Operation::kSync) syncs.push_back(call);
    });
    Promise promise;
    static_cast<void>(Go(wrapped ? *wrapped : disk, promise).ok());
  }
  for (const uint64_t sync : syncs) {
    if (IsDone()) return;
    testing::CrashFileSystem disk;
    const auto wrapped = Wrapped(disk);
    disk.FailCall(sync, testing::CrashFileSystem::Fault::kIo, false);
    Promise promise;
    // A store that does not notice the failure goes on and acknowledges more: the power may go
    // then.
    Watch(disk, promise, 4, false, sync + 1);
    static_cast<void>(Go(wrapped ? *wrapped : disk, promise).ok());
    const auto same_boot = disk.AfterKill();
    const auto same_boot_wrapped = Wrapped(*same_boot);
    Watch(*same_boot, promise, std::max<uint64_t>(4, options_.seeds_per_call / 10), false);
    const base::Status status = Go(same_boot_wrapped ? *same_boot_wrapped : *same_boot, promise);
    if (!status.ok()) {
      violations_.push_back("after the failed sync in call " + std::to_string(sync) + ": " +
                            status.ToString());
    }
  }
}

void CrashExplorer::Watch(testing::CrashFileSystem& disk, const Promise& promise, uint64_t seeds,
                          bool may_crash_recovery, uint64_t first_call) {
  disk.set_observer([&disk, &promise, seeds, may_crash_recovery, first_call, this](
                        uint64_t call, Operation operation, const std::string&) {
    if (call < first_call || !Changes(operation)) return;
    for (uint64_t seed = 0; seed < seeds; ++seed) {
      Lose(disk, call, seed, promise, may_crash_recovery);
    }
  });
}

void CrashExplorer::Lose(const testing::CrashFileSystem& disk, uint64_t call, uint64_t seed,
                         const Promise& promise, bool may_crash_recovery) {
  if (IsDone()) return;
  ++states_tried_;
  const uint64_t mixed_seed = seed < 2 ? seed : seed + 1'000'003 * (call + 1);
  const auto after = disk.AfterPowerLoss(mixed_seed);
  // The same bytes under the same promise need no second judgement.
  base::Digester state;
  state.Update(after->StateDigest().bytes);
  state.UpdateField(promise.acknowledged ? std::to_string(*promise.acknowledged) : "-");
  state.UpdateField(std::to_string(promise.attempted));
  if (!seen_.insert(state.Finish()).second) return;
  const bool crash_recovery =
      may_crash_recovery && seen_.size() % options_.recovery_crash_interval == 0;
  if (const auto violation = Judge(*after, promise, mixed_seed, crash_recovery)) {
    violations_.push_back("before call " + std::to_string(call) + ", seed " +
                          std::to_string(mixed_seed) + ": " + *violation);
  }
}

std::optional<std::string> CrashExplorer::Judge(testing::CrashFileSystem& disk,
                                                const Promise& promise, uint64_t seed,
                                                bool crash_recovery) {
  const auto reader = Store::OpenReadOnly(disk, kFolder);
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
    if (auto difference = Difference(**reader, expected_[version])) return difference;
  }
  if (crash_recovery) Watch(disk, promise, 3, false);
  auto violation = JudgeWriter(disk, seed);
  disk.set_observer(nullptr);
  return violation;
}

std::optional<std::string> CrashExplorer::JudgeWriter(testing::CrashFileSystem& disk,
                                                      uint64_t seed) {
  const auto wrapped = Wrapped(disk);
  os::FileSystem& files = wrapped ? *wrapped : disk;
  uint64_t version = 0;
  {
    const auto store = Store::OpenWriter(files, kFolder, ScriptOptions());
    if (!store.ok()) return "writer: " + store.status().ToString();
    // From here on the promises are the new writer's: a crash at its calls is another test's state.
    disk.set_observer(nullptr);
    if (auto name = Leftover(disk, kFolder, *(*store)->snapshot())) return "left over: " + *name;
    const auto report = Verify(disk, kFolder);
    if (!report.ok()) return "verify: " + report.status().ToString();
    if (!report->ok()) return "verify: " + report->problems[0].what;
    const auto committed = CommitStep(**store);
    if (!committed.ok()) return "commit: " + committed.status().ToString();
    version = *committed;
  }
  const auto again = disk.AfterPowerLoss(seed);
  const auto reader = Store::OpenReadOnly(*again, kFolder);
  if (!reader.ok()) return "after a second loss: " + reader.status().ToString();
  if (auto difference = Difference(**reader, expected_[version])) {
    return "after a second loss: " + *difference;
  }
  return std::nullopt;
}

}  // namespace intact::store
