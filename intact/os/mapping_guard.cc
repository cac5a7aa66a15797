#include "intact/os/mapping_guard.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace intact::os {
namespace {

constexpr size_t kSlotsPerChunk = 1024;
constexpr size_t kChunksMax = kMappingGuardsMax / kSlotsPerChunk;
constexpr size_t kNoSlot = SIZE_MAX;

// A range, written under the table's lock and read by the handler at any moment. `version` is odd
// while the range changes and different afterwards, so a reader knows whether `begin` and `end`
// belong together. A range that is being read does not change (see the class), so the one that the
// handler looks for is never one of those it must skip.
struct Slot {
  std::atomic<uint64_t> version{0};
  std::atomic<uintptr_t> begin{0};
  std::atomic<uintptr_t> end{0};  // 0: the slot is free.
  std::atomic<bool> is_damaged{false};
};
static_assert(std::atomic<uintptr_t>::is_always_lock_free &&
                  std::atomic<uint64_t>::is_always_lock_free &&
                  std::atomic<bool>::is_always_lock_free,
              "used in a signal handler");

using Chunk = std::array<Slot, kSlotsPerChunk>;

// The guarded ranges. Global, because a signal's handler is the process's and is given nothing.
class SlotTable {
 public:
  base::Result<size_t> Add(uintptr_t begin, uintptr_t end) INTACT_EXCLUDES(mutex_) {
    base::MutexLock hold(mutex_);
    size_t index = count_.load();
    if (!free_.empty()) {
      index = free_.back();
      free_.pop_back();
    } else if (index == kMappingGuardsMax) {
      return base::Full("more than " + std::to_string(kMappingGuardsMax) + " files are mapped");
    } else {
      // Never freed: the handler may be looking at it.
      if (index % kSlotsPerChunk == 0)
        chunks_[index / kSlotsPerChunk] = std::make_unique<Chunk>().release();
      count_ = index + 1;
    }
    Slot& added = slot(index);
    added.is_damaged = false;
    Set(added, begin, end);
    return index;
  }

  void Remove(size_t index) INTACT_EXCLUDES(mutex_) {
    base::MutexLock hold(mutex_);
    Set(slot(index), 0, 0);
    free_.push_back(index);
  }

  Slot& slot(size_t index) { return (*chunks_[index / kSlotsPerChunk])[index % kSlotsPerChunk]; }

  // For the handler: the slot whose range holds `address`, nullptr when none does.
  Slot* Find(uintptr_t address, uintptr_t& begin, uintptr_t& end) {
    const size_t count = count_;
    for (size_t i = 0; i < count; ++i) {
      Slot& found = slot(i);
      const uint64_t version = found.version;
      begin = found.begin;
      end = found.end;
      if (address < begin || address >= end) continue;
      if (version % 2 == 0 && version == found.version) return &found;
    }
    return nullptr;
  }

 private:
  static void Set(Slot& slot, uintptr_t begin, uintptr_t end) {
    ++slot.version;
    slot.begin = begin;
    slot.end = end;
    ++slot.version;
  }

  base::Mutex mutex_;
  std::vector<size_t> free_ INTACT_GUARDED_BY(mutex_);
  std::atomic<size_t> count_{0};  // Slots in use or free.
  std::array<std::atomic<Chunk*>, kChunksMax> chunks_{};
};

// Never destroyed: threads may read mapped files until the very end.
SlotTable& Table() {
  static SlotTable& table = *std::make_unique<SlotTable>().release();
  return table;
}

// Of the time before the handler was installed; written once, before that.
struct sigaction previous_action;

// A SIGBUS that is not ours.
void PassOn(int signal_number, siginfo_t* info, void* context) {
  if ((previous_action.sa_flags & SA_SIGINFO) != 0) {
    previous_action.sa_sigaction(signal_number, info, context);
    return;
  }
  const bool is_fault = info->si_code > 0;  // Else another process or thread sent it.
  if (previous_action.sa_handler == SIG_IGN && !is_fault) return;
  if (previous_action.sa_handler != SIG_IGN && previous_action.sa_handler != SIG_DFL) {
    previous_action.sa_handler(signal_number);
    return;
  }
  // A fault comes again when this returns, now with the default's outcome and the place intact.
  std::signal(signal_number, SIG_DFL);
  if (!is_fault) static_cast<void>(raise(signal_number));
}

void OnBusError(int signal_number, siginfo_t* info, void* context) {
  const int saved_errno = errno;
  uintptr_t begin = 0;
  uintptr_t end = 0;
  Slot* slot = nullptr;
  if (info->si_code > 0) {
    slot = Table().Find(reinterpret_cast<uintptr_t>(info->si_addr), begin, end);
  }
  bool is_ours = false;
  if (slot != nullptr) {
    // Marked first: who reads a zero finds the mark.
    slot->is_damaged = true;
    // By number, because sanitizers wrap the function in more than a handler may do.
    const auto mapped = static_cast<uintptr_t>(
        syscall(SYS_mmap, begin, end - begin, PROT_READ,
                MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    is_ours = mapped == begin;
  }
  errno = saved_errno;
  if (!is_ours) PassOn(signal_number, info, context);
}

base::Status Install() {
  Table();  // Not for the first time in the handler.
  struct sigaction action {};
  action.sa_sigaction = OnBusError;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  if (sigaction(SIGBUS, nullptr, &previous_action) != 0 ||
      sigaction(SIGBUS, &action, nullptr) != 0) {
    return base::IoError("cannot handle SIGBUS, which a truncated file raises: errno " +
                         std::to_string(errno));
  }
  return base::Ok();
}

}  // namespace

base::Result<MappingGuard> MappingGuard::Make(const void* address, size_t size) {
  static const base::Status installed = Install();
  INTACT_RETURN_IF_ERROR(installed);
  const auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<uintptr_t>(address);
  INTACT_CHECK(size > 0 && begin % page == 0);
  INTACT_ASSIGN_OR_RETURN(const size_t slot, Table().Add(begin, begin + base::AlignUp(size, page)));
  return MappingGuard(slot);
}

MappingGuard::MappingGuard(MappingGuard&& other) noexcept
    : slot_(std::exchange(other.slot_, kNoSlot)) {}

MappingGuard::~MappingGuard() {
  if (slot_ != kNoSlot) Table().Remove(slot_);
}

bool MappingGuard::is_damaged() const { return Table().slot(slot_).is_damaged; }

}  // namespace intact::os
