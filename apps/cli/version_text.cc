#include "apps/cli/version_text.h"

#include "apps/cli/numbers.h"
#include "apps/cli/text.h"

namespace intact::cli {

std::string DescribeContent(const engine::VersionReport& version) {
  switch (version.kind) {
    case engine::StoreKind::kEmpty:
      return "nothing";
    case engine::StoreKind::kIndex:
      return FormatCount(version.files, "file") + ", " + FormatCount(version.chunks, "chunk") +
             (version.is_unfinished ? ", unfinished" : "");
    case engine::StoreKind::kCollection:
      return FormatCount(version.records, "record");
    case engine::StoreKind::kVectors:
      return FormatCount(version.records, "vector");
  }
  return "";
}

std::string DescribeRetention(const engine::RetentionRule& rule) {
  constexpr uint64_t kSecondsPerDay = 86400;
  std::string text = rule.keep_last == 1 ? "the current version"
                                         : "the last " + FormatCount(rule.keep_last) + " versions";
  if (rule.keep_seconds > 0) {
    text += " and those of the last ";
    text += rule.keep_seconds % kSecondsPerDay == 0
                ? FormatCount(rule.keep_seconds / kSecondsPerDay, "day")
                : FormatCount(rule.keep_seconds, "second");
  }
  return text + ", and those with a tag";
}

std::string VersionName(uint64_t version, const std::string& asked) {
  const std::string number = std::to_string(version);
  const bool is_number = asked.empty() || asked == number || asked == "v" + number;
  return "version " + number + (is_number ? "" : " (" + Printable(asked) + ")");
}

}  // namespace intact::cli
