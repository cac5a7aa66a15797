// Internal to salvage.h: what each kind of store does with the rows that can be read. One thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/engine/salvage.h"
#include "intact/store/salvage.h"

namespace intact::engine {

// The run at hand: what is read, where to, and what is noted on the way.
class SalvageRun {
 public:
  SalvageRun(const store::SalvagedStore& source, std::string target, const SalvageOptions& options)
      : source_(source), target_(std::move(target)), options_(options) {
    report_.version = source.version;
    report_.is_newest = source.is_newest;
    report_.caveats = source.caveats;
  }

  const store::SalvagedStore& source() const { return source_; }
  const std::string& target() const { return target_; }
  SalvageReport& report() { return report_; }

  // Counts a lost row; joins runs of rows of which neither id nor key is known.
  void Lose(const store::SalvagedSegment& segment, uint32_t row, const std::string& reason,
            const std::string& id = "", const std::string& key = "");
  // A row was looked at. kCancelled when the run is to stop.
  base::Status Step();

 private:
  const store::SalvagedStore& source_;
  std::string target_;
  const SalvageOptions& options_;
  SalvageReport report_;
  uint64_t rows_seen_ = 0;
};

base::Status SalvageCollection(SalvageRun& run);
// Of an index, with `is_index`, its documents too; else vectors by key.
base::Status SalvageKeys(SalvageRun& run, bool is_index);

}  // namespace intact::engine
