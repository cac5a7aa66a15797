// What a file's name alone says: generated, minified, binary. Thread-safe.
#pragma once

#include <string_view>

#include "intact/source/skip.h"

namespace intact::source {

struct NameVerdict {
  SkipReason reason = SkipReason::kNone;
  std::string_view rule;  // What in the name decided: "package-lock.json", "*.min.js", "*.png".
};

// kVersionControl, kStoreFolder, or kNone.
NameVerdict ClassifyFolderAlways(std::string_view name);
// kGenerated for folders of installed packages and caches, or kNone.
NameVerdict ClassifyFolder(std::string_view name);
// kGenerated, kMinified or kNone.
NameVerdict ClassifyGenerated(std::string_view name);
// kBinary by extension, or kNone.
NameVerdict ClassifyBinary(std::string_view name);

}  // namespace intact::source
