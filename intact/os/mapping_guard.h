// Faults in mapped files as facts to ask for, instead of the end of the process. When another
// process truncates a file that is mapped here, or its disk cannot read a page, touching the page
// raises SIGBUS. A range under guard then becomes zeros as a whole, is marked as damaged, and the
// program goes on: whoever answers from mapped bytes asks afterwards whether they were there.
//
// One handler serves the process. The first guard installs it, for good; a fault outside of all
// guarded ranges goes to the handler that was there before, or ends the process as it always did. A
// handler that somebody else installs later must pass on what is not its own.
//
// Why zeros and a mark, and not a jump out of the fault: nothing of this costs anything where bytes
// are read, and code that is left in its middle leaks and leaves locks held. Why the whole range
// and not the page: one signal for a file instead of one a page, and no piece of address space more
// than there was, so it cannot fail for want of one.
//
// Thread-safe; the handler calls nothing but the kernel.
#pragma once

#include <cstddef>
#include <cstdint>

#include "intact/base/base.h"

namespace intact::os {

// Ranges that can be under guard at once; Linux lets a process map some 65,530 by default.
inline constexpr size_t kMappingGuardsMax = size_t{1} << 20;

// Guards a mapped range until destroyed. Destroy it before the range is unmapped, and not while
// another thread may read the range.
class MappingGuard {
 public:
  // `address` is the beginning of a page, `size` > 0. kFull when kMappingGuardsMax are there.
  static base::Result<MappingGuard> Make(const void* address, size_t size);
  ~MappingGuard();
  MappingGuard(MappingGuard&& other) noexcept;
  MappingGuard(const MappingGuard&) = delete;
  MappingGuard& operator=(const MappingGuard&) = delete;
  MappingGuard& operator=(MappingGuard&&) = delete;

  // A page was missing when it was read, and since then the range reads as zeros. Costs a load.
  bool is_damaged() const;

 private:
  explicit MappingGuard(size_t slot) : slot_(slot) {}

  size_t slot_;  // SIZE_MAX after a move.
};

}  // namespace intact::os
