// Input: a pattern, a NUL byte, a path. Any bytes give an answer, and the same one twice.
#include <cstdint>
#include <string_view>

#include "intact/base/check.h"
#include "intact/source/glob.h"
#include "intact/source/ignore.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size < 600 ? size : 600);
  const size_t nul = input.find('\0');
  const std::string_view pattern = input.substr(0, nul);
  const std::string_view path = nul == input.npos ? pattern : input.substr(nul + 1);
  const intact::source::Glob glob(pattern);
  const bool matches = glob.Matches(path);
  INTACT_CHECK(matches == intact::source::GlobMatches(pattern, path));
  static_cast<void>(intact::source::PathMatches(pattern, path));

  // The same text as an ignore file: a rule that is found must match by itself.
  const auto file = intact::source::IgnoreFile::Parse(input, "rules");
  const size_t slash = path.rfind('/');
  const std::string_view name = slash == path.npos ? path : path.substr(slash + 1);
  if (const auto* rule = file.Find(path, name, false); rule != nullptr) {
    INTACT_CHECK(rule->Matches(path, name, false));
    INTACT_CHECK(!file.Describe(*rule).empty());
  }
  return 0;
}
