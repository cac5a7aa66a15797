// What all processes of a soak count together, in memory they share; it outlives each of them,
// however it dies. Thread-safe and safe across processes.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

namespace intact::soak {

enum class Count : unsigned char {
  kVersions,  // Acknowledged to a writer.
  kWriterStarts,
  kWriterKills,
  kReaderKills,
  kLooks,   // Of readers at a store.
  kOpened,  // Versions that readers opened and compared.
  kVerifies,
  kVerifiesBeside,  // While a writer writes.
  kBackups,
  kBackupKills,
  kFaultIo,
  kFaultTorn,
  kFaultFull,
  kFaultSync,
  kRefused,  // Nothing was changed: a commit told that there is no room.
  kUnknown,  // The outcome unknown: a store that had to be opened again.
  kDamages,
  kDamagesRight,     // All was read, and right.
  kDamagesError,     // Something could not be read, and that was said.
  kDamagesRepaired,  // Sound after repair, and nothing lost.
  kDamagesGivenUp,   // Sound after a repair that might lose something.
  kViolations,
};
inline constexpr size_t kCountCount = static_cast<size_t>(Count::kViolations) + 1;

inline constexpr std::array<std::string_view, kCountCount> kCountNames = {
    "versions acknowledged",
    "writers started",
    "kill -9 of writers",
    "kill -9 of readers",
    "looks of readers at a store",
    "versions opened and compared whole",
    "verifications between writers",
    "verifications beside a writer",
    "backups beside a writer, each opened, compared and verified",
    "backups killed half-way",
    "faults: EIO",
    "faults: torn write, then EIO",
    "faults: ENOSPC",
    "faults: failed sync",
    "commits refused for want of room, nothing changed",
    "commits of unknown outcome, store opened again",
    "damaged copies",
    "damaged copies that were read, and right",
    "damaged copies of which reading gave an error",
    "damaged copies that repair made sound, nothing lost",
    "damaged copies that repair made sound, losses accepted",
    "violations",
};

class Tally {
 public:
  static constexpr size_t kMessagesMax = 20;
  static constexpr size_t kMessageSize = 1000;

  void Add(Count count, uint64_t number = 1) { counts_[static_cast<size_t>(count)] += number; }
  uint64_t Get(Count count) const { return counts_[static_cast<size_t>(count)]; }

  void AddViolation(const std::string& what) {
    const uint64_t place = counts_[static_cast<size_t>(Count::kViolations)]++;
    if (place >= kMessagesMax) return;
    what.copy(messages_[place].data(), kMessageSize - 1);
  }
  std::string message(size_t place) const { return messages_[place].data(); }

 private:
  std::array<std::atomic<uint64_t>, kCountCount> counts_{};
  std::array<std::array<char, kMessageSize>, kMessagesMax> messages_{};
};
static_assert(std::atomic<uint64_t>::is_always_lock_free, "its users are killed at any time");

// What is promised of a store.
struct Promise {
  std::atomic<uint64_t> attempted{0};
  std::atomic<uint64_t> acknowledged{0};
  std::atomic<uint64_t> seen{0};  // The newest version that any reader saw.
};

}  // namespace intact::soak
