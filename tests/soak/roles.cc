#include "tests/soak/roles.h"

#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "intact/store/backup.h"
#include "intact/store/doctor.h"
#include "intact/store/versions.h"
#include "tests/soak/damage.h"
#include "tests/soak/faulty_file_system.h"

namespace intact::soak {
namespace {

using base::Code;
using store::JudgeDepth;
using store::Judgement;
using store::Store;

void Sleep(int64_t microseconds) {
  std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
}

[[noreturn]] void EndWithViolation(Tally& tally, const std::string& what) {
  tally.AddViolation(what);
  _exit(1);
}

std::optional<std::string> CheckPromise(const Site& site, uint64_t version) {
  const uint64_t acknowledged = site.promise->acknowledged;
  const uint64_t seen = site.promise->seen;
  const uint64_t attempted = site.promise->attempted;
  if (version >= std::max(acknowledged, seen) && version <= attempted) return std::nullopt;
  return site.name + ": version " + std::to_string(version) + "; acknowledged " +
         std::to_string(acknowledged) + ", seen " + std::to_string(seen) + ", attempted " +
         std::to_string(attempted);
}

// Steps until the store must be opened again.
void WriteOn(Site& site, Tally& tally, Store& store, std::mt19937& random) {
  for (;;) {
    const uint64_t version = store.snapshot()->version();
    site.promise->attempted = version + 1;
    const auto made = site.script->Step(store);
    if (made.ok()) {
      if (*made != version + 1) EndWithViolation(tally, site.name + ": a step made no version");
      site.promise->acknowledged = *made;
      tally.Add(Count::kVersions);
    } else if (made.code() == Code::kFull) {
      tally.Add(Count::kRefused);
      if (store.snapshot()->version() != version) {
        EndWithViolation(tally, site.name + ": refused, and yet there is a version");
      }
    } else if (made.code() == Code::kIo) {
      tally.Add(Count::kUnknown);
      return;
    } else {
      EndWithViolation(tally, site.name + ": a step failed: " + made.status().ToString());
    }
    if (random() % 400 == 0) return;
    Sleep(random() % 1500);
  }
}

}  // namespace

void RunWriter(Site& site, Tally& tally, uint32_t seed, uint32_t fault_interval) {
  FaultyFileSystem files(os::RealFileSystem(), seed, fault_interval, tally);
  std::mt19937 random(seed + 1);
  tally.Add(Count::kWriterStarts);
  for (;;) {
    auto opened = Store::OpenWriter(files, site.folder, site.script->Options());
    if (opened.ok()) {
      const uint64_t version = (*opened)->snapshot()->version();
      site.script->AdvanceTo(version);
      if (site.promise->attempted != 0 || version != 0) {
        if (const auto wrong = CheckPromise(site, version)) EndWithViolation(tally, *wrong);
      }
      WriteOn(site, tally, **opened, random);
    } else if (opened.code() != Code::kIo && opened.code() != Code::kFull) {
      EndWithViolation(tally, site.name + ": opening: " + opened.status().ToString());
    }
    Sleep(1000);
  }
}

void RunReader(std::vector<Site>& sites, Tally& tally, uint32_t seed, int pause_ms) {
  std::vector<store::ScriptReader> readers;
  for (Site& site : sites) {
    readers.emplace_back(*site.script, os::RealFileSystem(), site.folder, seed++);
  }
  for (;;) {
    for (size_t i = 0; i < sites.size(); ++i) {
      Promise& promise = *sites[i].promise;
      const uint64_t opened = readers[i].opened_count();
      const uint64_t floor = std::max<uint64_t>(promise.acknowledged, promise.seen);
      if (const auto wrong = readers[i].Look(floor)) {
        EndWithViolation(tally, sites[i].name + ": a reader: " + *wrong);
      }
      tally.Add(Count::kLooks);
      tally.Add(Count::kOpened, readers[i].opened_count() - opened);
      uint64_t seen = promise.seen;
      while (seen < readers[i].newest_version() &&
             !promise.seen.compare_exchange_weak(seen, readers[i].newest_version())) {
      }
      Sleep(1000 * pause_ms);
    }
  }
}

namespace {

std::optional<std::string> CheckVerify(Site& site, Tally& tally, Count count,
                                       const std::string& folder) {
  const auto report = store::Verify(os::RealFileSystem(), folder);
  tally.Add(count);
  if (!report.ok()) return site.name + ": verify: " + report.status().ToString();
  if (report->ok()) return std::nullopt;
  for (const store::VerifyProblem& problem : report->problems) {
    if (!problem.is_harmless) return site.name + ": verify: " + problem.what;
  }
  return site.name + ": verify found something";
}

std::optional<std::string> CheckBackup(Site& site, Tally& tally, bool all_versions,
                                       const std::string& target) {
  std::filesystem::remove_all(target);
  const auto report =
      store::Backup(os::RealFileSystem(), site.folder, target, {.all_versions = all_versions});
  if (!report.ok()) return site.name + ": backup: " + report.status().ToString();
  tally.Add(Count::kBackups);
  const auto copy = Store::OpenReadOnly(os::RealFileSystem(), target);
  if (!copy.ok()) return site.name + ": opening a backup: " + copy.status().ToString();
  const JudgeDepth depth = all_versions ? JudgeDepth::kAll : JudgeDepth::kContent;
  const Judgement judgement = site.script->Judge(**copy, depth);
  if (!judgement.is_right()) return site.name + ": a backup: " + judgement.what;
  for (const format::VersionEntry& entry : (*copy)->history()) {
    const auto older =
        Store::OpenVersion(os::RealFileSystem(), target, std::to_string(entry.version));
    if (!older.ok()) return site.name + ": version of a backup: " + older.status().ToString();
    if (!site.script->Knows(entry.version)) continue;
    const Judgement old = site.script->Judge(**older, JudgeDepth::kContent);
    if (!old.is_right()) return site.name + ": version of a backup: " + old.what;
  }
  return CheckVerify(site, tally, Count::kVerifies, target);
}

std::optional<std::string> CheckVersions(Site& site) {
  const auto versions = store::ReadVersions(os::RealFileSystem(), site.folder);
  if (!versions.ok()) return site.name + ": versions: " + versions.status().ToString();
  for (size_t i = 1; i < versions->size(); ++i) {
    if ((*versions)[i].version >= (*versions)[i - 1].version) {
      return site.name + ": versions: not descending";
    }
  }
  return std::nullopt;
}

}  // namespace

void RunChecker(std::vector<Site>& sites, Tally& tally, uint32_t seed, const std::string& scratch) {
  std::mt19937 random(seed);
  for (;;) {
    Sleep(random() % 100'000);
    Site& site = sites[random() % sites.size()];
    if (site.promise->acknowledged == 0) continue;
    std::optional<std::string> wrong;
    switch (random() % 3) {
      case 0:
        wrong = CheckVerify(site, tally, Count::kVerifiesBeside, site.folder);
        break;
      case 1:
        wrong = CheckBackup(site, tally, random() % 2 == 0, scratch);
        break;
      default:
        wrong = CheckVersions(site);
    }
    if (wrong) EndWithViolation(tally, *wrong);
  }
}

std::optional<std::string> Inspect(Site& site, Tally& tally, bool verifies) {
  const auto snapshot = Store::OpenReadOnly(os::RealFileSystem(), site.folder);
  if (!snapshot.ok()) {
    const bool may_be_missing = site.promise->acknowledged == 0;
    if (may_be_missing && snapshot.code() == Code::kNotFound) return std::nullopt;
    return site.name + ": after a kill: " + snapshot.status().ToString();
  }
  if (site.promise->attempted == 0) return std::nullopt;
  if (const auto wrong = CheckPromise(site, (*snapshot)->version())) return wrong;
  if (const auto wrong = site.script->Difference(**snapshot)) return site.name + ": " + *wrong;
  if (!verifies) return std::nullopt;
  return CheckVerify(site, tally, Count::kVerifies, site.folder);
}

namespace {

// A damaged copy of a store.
class DamagedCopy {
 public:
  DamagedCopy(Site& site, Tally& tally, std::string folder, const CopiedStore& copy, Damage damage,
              std::string what)
      : site_(site),
        tally_(tally),
        folder_(std::move(folder)),
        copy_(copy),
        damage_(damage),
        what_(std::move(what)) {}

  void Read() {
    const auto snapshot = Store::OpenReadOnly(os::RealFileSystem(), folder_);
    Judgement judgement;
    if (!snapshot.ok()) {
      judgement = Judgement::Error(snapshot.status());
    } else if (damage_ == Damage::kFlipBit && !IsPromised((*snapshot)->version())) {
      judgement = Judgement::Wrong("version " + std::to_string((*snapshot)->version()) +
                                   " instead of " + std::to_string(copy_.version));
    } else if (site_.script->Knows((*snapshot)->version())) {
      judgement = site_.script->Judge(**snapshot, JudgeDepth::kContent);
    }
    if (judgement.kind == Judgement::Kind::kWrong) return Wrong(judgement.what);
    tally_.Add(judgement.is_right() ? Count::kDamagesRight : Count::kDamagesError);
    const auto report = store::Verify(os::RealFileSystem(), folder_);
    if (!judgement.is_right() && report.ok() && report->ok()) {
      Wrong("verify says it is sound; reading says: " + judgement.what);
    }
  }

  void Repair() {
    if (IsSoundAfterRepair(false)) {
      tally_.Add(Count::kDamagesRepaired);
      if (const auto wrong = WrongAfterRepair()) return Wrong("repaired, but: " + *wrong);
    } else if (IsSoundAfterRepair(true)) {
      tally_.Add(Count::kDamagesGivenUp);
      if (const auto wrong = WrongAfterLoss()) return Wrong("given up, but: " + *wrong);
    } else {
      return;
    }
    GoOn();
  }

 private:
  bool IsSoundAfterRepair(bool accepts_loss) {
    const auto report = store::Examine(os::RealFileSystem(), folder_,
                                       {.repairs = true, .accepts_loss = accepts_loss});
    return report.ok() && report->IsSound();
  }

  // Of the last commit, when its writer was killed in it, there may be a frame in one half only, or
  // files that no superblock names yet: damage may take it back, or show it.
  bool IsPromised(uint64_t version) const {
    return version >= std::min(copy_.acknowledged, copy_.version) &&
           version <= std::max(copy_.attempted, copy_.version);
  }

  // The newest version, or one made by the repair with the same content.
  std::optional<std::string> WrongAfterRepair() {
    const auto snapshot = Store::OpenReadOnly(os::RealFileSystem(), folder_);
    if (!snapshot.ok()) return snapshot.status().ToString();
    std::string wrong = "version " + std::to_string((*snapshot)->version()) + " of parent " +
                        std::to_string((*snapshot)->parent()) + " instead of " +
                        std::to_string(copy_.version);
    for (const uint64_t version : {(*snapshot)->version(), (*snapshot)->parent()}) {
      if (!IsPromised(version)) continue;
      const Judgement judgement = site_.script->JudgeAs(version, **snapshot, JudgeDepth::kContent);
      if (judgement.is_right()) return std::nullopt;
      wrong += "; " + judgement.what;
    }
    return wrong;
  }

  // The number of a version that was acknowledged means its content, or nothing.
  std::optional<std::string> WrongAfterLoss() {
    const auto snapshot = Store::OpenReadOnly(os::RealFileSystem(), folder_);
    if (!snapshot.ok()) return snapshot.status().ToString();
    const uint64_t version = (*snapshot)->version();
    if (version > copy_.acknowledged || !site_.script->Knows(version)) return std::nullopt;
    const Judgement judgement = site_.script->Judge(**snapshot, JudgeDepth::kContent);
    if (judgement.kind != Judgement::Kind::kWrong) return std::nullopt;
    return judgement.what;
  }

  // Sound is what can be read through, and written.
  void GoOn() {
    const auto store = Store::OpenWriter(os::RealFileSystem(), folder_, {});
    if (!store.ok()) return Wrong("repaired, but: " + store.status().ToString());
    const auto tagged = (*store)->Tag("repaired");
    if (!tagged.ok()) return Wrong("repaired, but: " + tagged.status().ToString());
    const auto report = store::Verify(os::RealFileSystem(), folder_);
    if (!report.ok() || !report->ok()) Wrong("repaired, but verify finds something");
  }

  void Wrong(const std::string& what) {
    tally_.AddViolation(site_.name + ", damaged (" + what_ + "): " + what);
  }

  Site& site_;
  Tally& tally_;
  std::string folder_;
  CopiedStore copy_;
  Damage damage_;
  std::string what_;
};

}  // namespace

void RunDamages(Site& site, Tally& tally, uint32_t seed, const CopiedStore& copy, int rounds,
                const std::string& scratch) {
  std::mt19937 random(seed);
  for (int round = 0; round < rounds; ++round) {
    CopyFolder(copy.folder, scratch);
    const auto damage = static_cast<Damage>(random() % kDamageCount);
    DamagedCopy damaged(site, tally, scratch, copy, damage, Inflict(damage, scratch, random));
    tally.Add(Count::kDamages);
    damaged.Read();
    damaged.Repair();
  }
  _exit(0);
}

}  // namespace intact::soak
