// soak: a store under everything at once, for hours. Writers that are killed and whose disk fails,
// readers that are killed, one reader that lives as long as the run, verification and backups
// beside the writers, damaged copies: all of it judged by scripts that know what each version must
// hold. Prints Markdown: a line a minute, and a summary. Exit status 1 when anything was wrong.
//
//   soak --hours H | --minutes M [--folder DIR] [--seed N]
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <new>
#include <optional>
#include <thread>

#include "intact/os/process.h"
#include "tests/soak/damage.h"
#include "tests/soak/roles.h"

namespace intact::soak {
namespace {

namespace fs = std::filesystem;
using Time = std::chrono::steady_clock::time_point;

struct Arguments {
  double minutes = 1;
  std::string folder;
  uint32_t seed = 1;
};

struct Shared {
  Tally tally;
  Promise promises[2];
};

constexpr Count kFaults[] = {Count::kFaultIo, Count::kFaultTorn, Count::kFaultFull,
                             Count::kFaultSync};

enum class Role : unsigned char { kWriter, kReader, kLongReader, kChecker, kDamages };

struct Child {
  Role role = Role::kReader;
  size_t site = 0;  // Of a writer.
  pid_t pid = 0;
  Time end;  // When it is killed.
};

// The kernel's figures for another process.
struct ProcessUse {
  uint64_t resident_kib = 0;
  uint64_t private_kib = 0;
  uint64_t descriptors = 0;
};

ProcessUse UseOf(pid_t pid) {
  ProcessUse use;
  const std::string folder = "/proc/" + std::to_string(pid);
  std::ifstream status(folder + "/status");
  for (std::string line; std::getline(status, line);) {
    const auto number = [&] {
      return std::strtoull(line.c_str() + line.find(':') + 1, nullptr, 10);
    };
    if (line.starts_with("VmRSS:")) use.resident_kib = number();
    if (line.starts_with("RssAnon:")) use.private_kib = number();
  }
  std::error_code ignored;
  for (auto at = fs::directory_iterator(folder + "/fd", ignored); at != fs::directory_iterator();
       at.increment(ignored)) {
    ++use.descriptors;
  }
  return use;
}

struct DiskUse {
  uint64_t files = 0;
  uint64_t kib = 0;
};

struct Minute {
  uint64_t versions = 0;
  uint64_t violations = 0;
  ProcessUse reader;
  ProcessUse supervisor;
  DiskUse disk;
};

class Soak {
 public:
  Soak(const Arguments& arguments, const std::atomic<bool>& is_interrupted)
      : arguments_(arguments), is_interrupted_(is_interrupted), random_(arguments.seed) {}

  // The exit status.
  int Run();

 private:
  void MakeSites();
  void Start(Child& child);
  [[noreturn]] void RunChild(const Child& child, uint32_t seed);
  Time EndOf(Role role);
  // Sees to a child that may have ended, or whose time is over.
  void Tend(Child& child);
  void NoteDeath(Child& child, int status, bool was_killed);
  void AfterWriter(const Child& child);
  void StartDamages(size_t site);
  DiskUse UseOfDisk() const;
  void ReportMinute();
  void Summarise() const;
  void CheckGrowth();
  void PrintViolations();
  uint64_t Get(Count count) const { return shared_->tally.Get(count); }
  // Whatever anybody did to a store, successfully.
  uint64_t OperationCount() const {
    return Get(Count::kVersions) + Get(Count::kWriterStarts) + Get(Count::kOpened) +
           Get(Count::kVerifies) + Get(Count::kVerifiesBeside) + Get(Count::kBackups) +
           Get(Count::kDamages);
  }

  Arguments arguments_;
  const std::atomic<bool>& is_interrupted_;
  std::mt19937 random_;
  Shared* shared_ = nullptr;
  std::vector<Site> sites_;
  std::vector<Child> children_;
  CopiedStore copied_;
  size_t copied_site_ = 0;
  Time started_ = std::chrono::steady_clock::now();
  std::vector<Minute> minutes_;
  uint64_t printed_violations_ = 0;
};

void Soak::MakeSites() {
  void* memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  INTACT_CHECK(memory != MAP_FAILED);
  shared_ = new (memory) Shared;
  store::EndlessWrites::Shape shape;
  shape.seed = arguments_.seed;
  shape.dimensions = 64;
  shape.key_count = 400;
  shape.keep_last_max = 8;
  shape.journal_size_max = 256 << 10;
  shape.segment_size_max = 1 << 20;
  sites_.resize(2);
  sites_[0] = {"writes", arguments_.folder + "/writes",
               std::make_unique<store::EndlessWrites>(shape), &shared_->promises[0]};
  sites_[1] = {"commits", arguments_.folder + "/commits",
               std::make_unique<store::EndlessCommits>(4), &shared_->promises[1]};
}

Time Soak::EndOf(Role role) {
  const auto in = [&](uint32_t least_ms, uint32_t most_ms) {
    return std::chrono::steady_clock::now() +
           std::chrono::milliseconds(least_ms + random_() % (most_ms - least_ms));
  };
  switch (role) {
    case Role::kWriter: {
      // Some die while they open, most while they write.
      const uint32_t choice = random_() % 10;
      if (choice < 3) return in(1, 20);
      return choice < 9 ? in(20, 800) : in(800, 5'000);
    }
    case Role::kReader:
      return in(200, 20'000);
    case Role::kChecker:
      return in(500, 30'000);
    case Role::kDamages:
      return in(300'000, 300'001);  // It ends by itself; after so long it hangs.
    default:
      return Time::max();
  }
}

void Soak::RunChild(const Child& child, uint32_t seed) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  Tally& tally = shared_->tally;
  switch (child.role) {
    case Role::kWriter: {
      constexpr uint32_t kIntervals[] = {0, 0, 3000, 500, 60};
      RunWriter(sites_[child.site], tally, seed, kIntervals[seed % std::size(kIntervals)]);
    }
    case Role::kReader:
      RunReader(sites_, tally, seed, 5);
    case Role::kLongReader:
      RunReader(sites_, tally, seed, 10);
    case Role::kChecker:
      RunChecker(sites_, tally, seed, arguments_.folder + "/backup");
    case Role::kDamages:
      RunDamages(sites_[copied_site_], tally, seed, copied_, 8, arguments_.folder + "/damaged");
  }
  _exit(2);
}

void Soak::Start(Child& child) {
  const auto seed = static_cast<uint32_t>(random_());
  std::fflush(stdout);
  child.end = EndOf(child.role);
  child.pid = fork();
  INTACT_CHECK(child.pid >= 0);
  if (child.pid == 0) RunChild(child, seed);
}

void Soak::NoteDeath(Child& child, int status, bool was_killed) {
  Tally& tally = shared_->tally;
  if (was_killed && child.role == Role::kDamages) {
    tally.AddViolation("judging a damaged copy took more than five minutes");
  }
  if (was_killed) {
    if (child.role == Role::kWriter) tally.Add(Count::kWriterKills);
    if (child.role == Role::kReader) tally.Add(Count::kReaderKills);
    if (child.role == Role::kChecker) tally.Add(Count::kBackupKills);
  } else if (WIFSIGNALED(status)) {
    tally.AddViolation("a process in role " + std::to_string(static_cast<int>(child.role)) +
                       " died of signal " + std::to_string(WTERMSIG(status)));
  }
  child.pid = 0;
}

void Soak::AfterWriter(const Child& child) {
  Site& site = sites_[child.site];
  if (const auto wrong = Inspect(site, shared_->tally, random_() % 8 == 0)) {
    shared_->tally.AddViolation(*wrong);
  }
  if (random_() % 16 == 0) StartDamages(child.site);
}

void Soak::StartDamages(size_t site) {
  Child& damages = children_.back();
  if (damages.pid != 0 || sites_[site].script->version() == 0) return;
  copied_site_ = site;
  const Promise& promise = *sites_[site].promise;
  copied_ = {arguments_.folder + "/copy", sites_[site].script->version(), promise.acknowledged,
             promise.attempted};
  CopyFolder(sites_[site].folder, copied_.folder);
  Start(damages);
}

void Soak::Tend(Child& child) {
  if (child.pid == 0) return;
  int status = 0;
  bool was_killed = false;
  pid_t ended = waitpid(child.pid, &status, WNOHANG);
  if (ended == 0 && std::chrono::steady_clock::now() >= child.end) {
    kill(child.pid, SIGKILL);
    ended = waitpid(child.pid, &status, 0);
    was_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }
  if (ended == 0) return;
  NoteDeath(child, status, was_killed);
  if (child.role == Role::kWriter) AfterWriter(child);
  if (child.role != Role::kDamages) Start(child);
}

DiskUse Soak::UseOfDisk() const {
  DiskUse use;
  for (const Site& site : sites_) {
    std::error_code ignored;
    for (auto at = fs::directory_iterator(site.folder, ignored); at != fs::directory_iterator();
         at.increment(ignored)) {
      struct stat facts {};
      if (stat(at->path().c_str(), &facts) != 0) continue;
      ++use.files;
      use.kib += static_cast<uint64_t>(facts.st_blocks) / 2;
    }
  }
  return use;
}

void Soak::ReportMinute() {
  const auto find = [&](Role role) {
    return std::find_if(children_.begin(), children_.end(),
                        [&](const Child& child) { return child.role == role; });
  };
  Minute minute;
  minute.versions = Get(Count::kVersions);
  minute.violations = Get(Count::kViolations);
  minute.reader = UseOf(find(Role::kLongReader)->pid);
  minute.supervisor = UseOf(getpid());
  minute.disk = UseOfDisk();
  minutes_.push_back(minute);
  const auto print = [](uint64_t number) {
    std::printf(" %llu |", static_cast<unsigned long long>(number));
  };
  std::printf("|");
  print(minutes_.size());
  for (const uint64_t number : {OperationCount(), minute.versions, Get(Count::kOpened),
                                Get(Count::kWriterKills), Get(Count::kReaderKills)}) {
    print(number);
  }
  for (const Count count : kFaults) print(Get(count));
  for (const uint64_t number :
       {Get(Count::kDamages), minute.reader.resident_kib, minute.reader.private_kib,
        minute.reader.descriptors, minute.disk.files, minute.disk.kib, minute.violations}) {
    print(number);
  }
  std::printf("\n");
  std::fflush(stdout);
  PrintViolations();
}

// Those that are new, at once: a run of hours may be ended before its summary.
void Soak::PrintViolations() {
  const uint64_t count = std::min<uint64_t>(Get(Count::kViolations), Tally::kMessagesMax);
  for (; printed_violations_ < count; ++printed_violations_) {
    std::fprintf(stderr, "violation: %s\n", shared_->tally.message(printed_violations_).c_str());
  }
}

// What a run of hours must not do. The first minutes warm up.
void Soak::CheckGrowth() {
  constexpr size_t kWarmUp = 3;
  constexpr uint64_t kSlackKib = 4096;
  if (minutes_.size() <= 2 * kWarmUp) return;
  const Minute& early = minutes_[kWarmUp];
  const Minute& late = minutes_.back();
  const auto check = [&](const char* what, uint64_t before, uint64_t after, uint64_t slack) {
    if (after <= 2 * before + slack) return;
    shared_->tally.AddViolation(std::string(what) + " grew from " + std::to_string(before) +
                                " to " + std::to_string(after));
  };
  check("private KiB of the long-lived reader", early.reader.private_kib, late.reader.private_kib,
        kSlackKib);
  check("descriptors of the long-lived reader", early.reader.descriptors, late.reader.descriptors,
        64);
  check("private KiB of the supervisor", early.supervisor.private_kib, late.supervisor.private_kib,
        kSlackKib);
  check("files", early.disk.files, late.disk.files, 100);
  check("KiB on the disk", early.disk.kib, late.disk.kib, kSlackKib);
}

void Soak::Summarise() const {
  const double minutes =
      std::chrono::duration<double, std::ratio<60>>(std::chrono::steady_clock::now() - started_)
          .count();
  std::printf("\n## Summary\n\n%.1f minutes, seed %u.\n\n| what | number |\n|---|---|\n", minutes,
              arguments_.seed);
  for (size_t i = 0; i < kCountCount; ++i) {
    std::printf("| %s | %llu |\n", std::string(kCountNames[i]).c_str(),
                static_cast<unsigned long long>(Get(static_cast<Count>(i))));
  }
  if (!minutes_.empty()) {
    const Minute& first = minutes_.front();
    const Minute& last = minutes_.back();
    const auto row = [](const char* what, uint64_t before, uint64_t after) {
      std::printf("| %s | %llu | %llu |\n", what, static_cast<unsigned long long>(before),
                  static_cast<unsigned long long>(after));
    };
    std::printf("\n| | after a minute | at the end |\n|---|---|---|\n");
    row("long-lived reader: resident KiB", first.reader.resident_kib, last.reader.resident_kib);
    row("long-lived reader: private KiB", first.reader.private_kib, last.reader.private_kib);
    row("long-lived reader: open files", first.reader.descriptors, last.reader.descriptors);
    row("supervisor: private KiB", first.supervisor.private_kib, last.supervisor.private_kib);
    row("files of both stores", first.disk.files, last.disk.files);
    row("KiB on the disk of both stores", first.disk.kib, last.disk.kib);
  }
  const uint64_t violations = Get(Count::kViolations);
  for (size_t i = 0; i < std::min<uint64_t>(violations, Tally::kMessagesMax); ++i) {
    std::printf("\n* violation: %s\n", shared_->tally.message(i).c_str());
  }
  std::printf("\n%s\n", violations == 0 ? "No violations." : "VIOLATIONS.");
}

int Soak::Run() {
  MakeSites();
  children_ = {{.role = Role::kWriter, .site = 0},
               {.role = Role::kWriter, .site = 1},
               {.role = Role::kReader},
               {.role = Role::kReader},
               {.role = Role::kReader},
               {.role = Role::kReader},
               {.role = Role::kLongReader},
               {.role = Role::kChecker},
               {.role = Role::kDamages}};
  std::printf(
      "# Soak\n\n| minute | operations | versions | opened, compared | writers killed | readers "
      "killed | EIO | torn | ENOSPC | failed sync | damages | reader resident KiB | private KiB | "
      "open files | files | KiB on disk | violations |\n"
      "|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (Child& child : children_) {
    if (child.role != Role::kDamages) Start(child);
  }
  const auto limit = std::chrono::duration<double, std::ratio<60>>(arguments_.minutes);
  for (;;) {
    const auto elapsed = std::chrono::steady_clock::now() - started_;
    if (elapsed >= std::chrono::minutes(minutes_.size() + 1)) ReportMinute();
    if (elapsed >= limit || is_interrupted_) break;
    for (Child& child : children_) Tend(child);
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
  for (Child& child : children_) {
    if (child.pid == 0) continue;
    kill(child.pid, SIGKILL);
    waitpid(child.pid, nullptr, 0);
  }
  for (Site& site : sites_) {
    if (const auto wrong = Inspect(site, shared_->tally, true)) {
      shared_->tally.AddViolation(*wrong);
    }
  }
  CheckGrowth();
  PrintViolations();
  Summarise();
  return Get(Count::kViolations) == 0 ? 0 : 1;
}

std::optional<Arguments> Parse(int count, char** values) {
  Arguments arguments;
  for (int i = 1; i < count; i += 2) {
    if (i + 1 == count) return std::nullopt;
    const std::string_view name = values[i];
    const std::string_view value = values[i + 1];
    const char* const end = value.data() + value.size();
    double number = 0;
    if (name == "--folder") {
      arguments.folder = value;
      continue;
    }
    if (std::from_chars(value.data(), end, number).ptr != end || number < 0) return std::nullopt;
    if (name == "--hours") {
      arguments.minutes = 60 * number;
    } else if (name == "--minutes") {
      arguments.minutes = number;
    } else if (name == "--seed") {
      arguments.seed = static_cast<uint32_t>(number);
    } else {
      return std::nullopt;
    }
  }
  return arguments;
}

}  // namespace
}  // namespace intact::soak

int main(int count, char** values) {
  auto arguments = intact::soak::Parse(count, values);
  if (!arguments) {
    std::fputs("usage: soak --hours H | --minutes M [--folder DIR] [--seed N]\n", stderr);
    return 2;
  }
  // What it makes in a folder of its own is removed at the end; the stores of a run that failed are
  // kept.
  std::string pattern = arguments->folder.empty()
                            ? (std::filesystem::temp_directory_path() / "soak-XXXXXX").string()
                            : arguments->folder + "/soak-XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) {
    std::perror(pattern.c_str());
    return 2;
  }
  arguments->folder = pattern;
  intact::soak::Soak soak(*arguments, intact::os::InstallInterruptFlag());
  const int status = soak.Run();
  if (status == 0) {
    std::filesystem::remove_all(pattern);
  } else {
    std::printf("The stores are in %s.\n", pattern.c_str());
  }
  return status;
}
