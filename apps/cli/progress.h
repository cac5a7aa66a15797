// How far a long command is, on the error stream: a bar on a terminal, a line every two seconds
// elsewhere, nothing when not wanted. Not thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "apps/cli/output.h"
#include "intact/os/clock.h"

namespace intact::cli {

struct ProgressFacts {
  std::string_view verb;  // "indexing"
  std::string_view noun;  // "file"; what items are.
  uint64_t items_done = 0;
  uint64_t items_total = 0;  // 0: not known.
  uint64_t bytes_done = 0;
  uint64_t bytes_total = 0;  // 0: items tell how far it is.
  double seconds = 0;        // Since the start.
};

// "indexing [=====>    ] 62 %  1,234 of 2,000 files  12.3 MB/s  7 s left", in at most `width`
// columns: what does not fit is left out, the bar first.
std::string RenderBar(const ProgressFacts& facts, size_t width);
// "indexing: 62 %, 1,234 of 2,000 files, 12.3 MB/s, 7 s left".
std::string RenderLine(const ProgressFacts& facts);

enum class ProgressStyle : uint8_t { kNone, kBar, kLines };
// kNone when `is_silent`; a bar on a terminal that can move its cursor.
ProgressStyle ChooseProgressStyle(const Output& output, bool is_silent);

class Progress {
 public:
  Progress(Output& output, const os::Clock& clock, ProgressStyle style);
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Cheap; shows something only when it is time to. Fills in `seconds`.
  void Update(ProgressFacts facts);
  // Of work that is counted in bytes.
  void UpdateBytes(std::string_view verb, uint64_t done, uint64_t total);
  // Removes the bar, so that other lines may be written.
  void Clear();

 private:
  Output& output_;
  const os::Clock& clock_;
  const ProgressStyle style_;
  const int64_t started_ns_;
  int64_t next_ns_;
  bool is_shown_ = false;
};

}  // namespace intact::cli
