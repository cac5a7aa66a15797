// What the processes of a soak do until they are killed: write under faults, read, check beside the
// writer, judge damaged copies. Each runs in a child of its own and never returns.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "intact/store/endless_script_test.h"
#include "tests/soak/tally.h"

namespace intact::soak {

// A store that is soaked, and the script that says what it must hold.
struct Site {
  std::string name;
  std::string folder;
  std::unique_ptr<store::EndlessScript> script;
  Promise* promise = nullptr;  // Shared.
};

// One in `fault_interval` calls of its file system fails; none when 0.
[[noreturn]] void RunWriter(Site& site, Tally& tally, uint32_t seed, uint32_t fault_interval);
// Looks at the sites in turn, every `pause_ms`.
[[noreturn]] void RunReader(std::vector<Site>& sites, Tally& tally, uint32_t seed, int pause_ms);
// Verifies and backs up while others write; backups go to `scratch`.
[[noreturn]] void RunChecker(std::vector<Site>& sites, Tally& tally, uint32_t seed,
                             const std::string& scratch);
// A site's store as its writer left it, and what was promised of it then. Nobody writes it.
struct CopiedStore {
  std::string folder;
  uint64_t version = 0;  // As read.
  uint64_t acknowledged = 0;
  uint64_t attempted = 0;
};

// Damages copies of `copy` in `scratch`, in `rounds` ways.
[[noreturn]] void RunDamages(Site& site, Tally& tally, uint32_t seed, const CopiedStore& copy,
                             int rounds, const std::string& scratch);

// What is left when a writer is dead: nullopt when it is what was promised.
std::optional<std::string> Inspect(Site& site, Tally& tally, bool verifies);

}  // namespace intact::soak
