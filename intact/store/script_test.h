// A fixed script of commits and what a store must hold after each of them, for tests that interrupt
// it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/os/file.h"
#include "intact/store/store.h"

namespace intact::store {

// Sanitizers slow a test down tenfold and look for other things: the exhaustive ones sample then.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kIsSanitized = true;
#elif defined(__has_feature)
inline constexpr bool kIsSanitized =
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool kIsSanitized = false;
#endif

inline constexpr size_t kScriptDimensions = 8;
// Small enough that the script's larger commits are split over two segments.
inline constexpr uint64_t kScriptSegmentSizeMax = 2000;
// Large enough for a few commits only, so that the script fills journals.
inline constexpr uint64_t kScriptJournalSize = 40 << 10;

// What the commit of one version does.
struct ScriptStep {
  size_t new_rows = 0;
  size_t merge_count = 0;   // Of the last segments; as many as there are at most.
  bool is_rewrite = false;  // Keeps every second row.
  bool has_section = false;
};
inline constexpr uint32_t kScriptSectionKind = 1007;
inline constexpr uint64_t kScriptLength = 10;
// The step that makes `version` >= 1; they repeat after kScriptLength.
const ScriptStep& StepOf(uint64_t version);

base::Digest ScriptKey(uint64_t version, size_t index);
// Vectors of all kinds: float16 values, any float32, signed zeros, NaN payloads, infinities.
std::vector<float> ScriptVector(uint64_t version, size_t index);
base::Bytes ScriptState(uint64_t version);
base::Bytes ScriptSection(uint64_t version);

CollectionSpec ScriptSpec();
OpenOptions ScriptOptions();

// What a version holds.
struct ExpectedVersion {
  struct Row {
    RowId id;
    base::Digest key;
    std::vector<float> vector;
  };
  uint64_t version = 0;
  RowId next_row = 0;
  std::vector<Row> rows;
  // The version whose section the last segment holds, when it has one.
  std::optional<uint64_t> section_version;

  // This version after the next step.
  ExpectedVersion Next() const;
};
// Versions 0 to `count`.
std::vector<ExpectedVersion> ExpectedVersions(uint64_t count);

// Commits the step after the store's version.
base::Result<uint64_t> CommitStep(Store& store);

// What differs between them: nullopt when nothing does. Reads everything that can be read.
std::optional<std::string> Difference(const Snapshot& snapshot, const ExpectedVersion& expected);

// Names in the folder that the store does not need: nullopt when there are none.
std::optional<std::string> Leftover(os::FileSystem& files, const std::string& folder,
                                    const Snapshot& snapshot);

}  // namespace intact::store
