// Whether a store has a newer version than the one at hand: a few microseconds when it has not. For
// one thread at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "intact/base/base.h"
#include "intact/os/directory.h"
#include "intact/store/snapshot.h"

namespace intact::engine {

// A commit writes the superblock or appends to the journal that this names, so both files' stat is
// looked at. A stat that was taken within os::kStatSettledNs of the file's change may be that of
// the next change too: then the version is read.
class VersionWatch {
 public:
  explicit VersionWatch(std::string store) : store_(std::move(store)) {}

  // Null when the newest version is still the one that was given last; else its snapshot. kNotFound
  // when there is no store.
  base::Result<std::shared_ptr<const store::Snapshot>> Newer();

 private:
  struct Marks {
    os::FileStat super;
    std::optional<os::FileStat> journal;
    bool is_settled = false;
  };
  Marks Look() const;

  std::string store_;
  Marks marks_;
  uint64_t journal_ = 0;  // The number of the journal that the marks are of.
  bool has_version_ = false;
  uint64_t version_ = 0;  // That was given last.
  format::Uuid uuid_;     // And its store's.
};

}  // namespace intact::engine
