#include "intact/source/skip.h"

#include <array>

namespace intact::source {

std::string_view SkipReasonName(SkipReason reason) {
  static constexpr std::array<std::string_view, kSkipReasonCount> kNames = {
      "indexed",     "ignored",         "hidden",   "binary",         "too large",
      "generated",   "minified",        "link",     "not a file",     "unreadable",
      "intact data", "version control", "too deep", "loop of mounts", "changing",
  };
  const auto number = static_cast<size_t>(reason);
  return number < kNames.size() ? kNames[number] : "unknown";
}

}  // namespace intact::source
