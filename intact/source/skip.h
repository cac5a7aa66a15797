// Why a file or folder is left out of an index. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace intact::source {

// Numbers are persistent: stores keep them. Never reuse one.
enum class SkipReason : uint8_t {
  kNone = 0,             // It is in.
  kIgnored = 1,          // An ignore file names it.
  kHidden = 2,           // Its name starts with a dot.
  kBinary = 3,           // Not text, by extension or by content.
  kTooLarge = 4,         // Above the size limit.
  kGenerated = 5,        // Written by a tool, or a folder of installed packages.
  kMinified = 6,         // Code for machines on very long lines.
  kLink = 7,             // A symbolic link; its target is indexed where it lies.
  kNotRegular = 8,       // A pipe, socket or device.
  kUnreadable = 9,       // The system refused.
  kStoreFolder = 10,     // intact's own data.
  kVersionControl = 11,  // .git, .hg, .svn, .jj
  kTooDeep = 12,         // Below the depth limit.
  kLoop = 13,            // A mount shows one of its own parents again.
  kChanged = 14,         // It kept changing while it was read.
};
inline constexpr unsigned kSkipReasonCount = 15;

// "ignored", "hidden", "too large", ... for people; "unknown" for a number that is none of these.
std::string_view SkipReasonName(SkipReason reason);

// In (kNone) or out, and by which rule, such as ".gitignore:3: *.o" or "larger than 2097152 bytes".
struct Verdict {
  SkipReason reason = SkipReason::kNone;
  std::string rule;

  bool is_in() const { return reason == SkipReason::kNone; }
};

}  // namespace intact::source
