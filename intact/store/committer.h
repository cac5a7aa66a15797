// Makes a planned version durable, by the protocol of docs/format/store.md: a small one as a frame
// of the journal, with one sync, a large one as files of its own that the superblock then names.
// For Store, which plans and takes turns. Thread-compatible.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/format/superblock.h"
#include "intact/os/file.h"
#include "intact/store/commit_plan.h"
#include "intact/store/folder.h"
#include "intact/store/journal.h"
#include "intact/store/snapshot.h"

namespace intact::store {

class Committer {
 public:
  using NextSnapshot = base::Result<std::shared_ptr<const Snapshot>>;

  // `files` must outlive it; the caller holds the writer's lock.
  Committer(os::FileSystem& files, std::string folder, uint64_t journal_size_max,
            uint64_t first_journal_version);

  // Takes over what a reader of both halves of the journal found: makes the newest version durable
  // again, repairs its journal and unlinks what a crash left over.
  base::Status Start(LoadedVersion loaded);

  // ok() when it may commit: no commit before has left it unknown what the disk holds, and this is
  // the process that opened the store.
  base::Status CheckUsable() const;

  // Makes `plan`, made from `current`, the next version, and unlinks what no version needs any
  // more. kFull, kCorruption (of what was to be copied): nothing was changed. kIo: unknown, and no
  // more commits are taken.
  NextSnapshot Commit(CommitPlan plan, const Snapshot& current);

 private:
  NextSnapshot CommitSomehow(CommitPlan& plan, const Snapshot& current);
  // Whether the small commit of `version` makes the first journal.
  bool BeginsJournal(uint64_t version) const;
  // By a frame of the journal. Null when it does not fit.
  NextSnapshot CommitByFrame(CommitPlan& plan, const Snapshot& current);
  // The segments of a frame that was written.
  base::Result<std::vector<std::shared_ptr<const Segment>>> OpenFrame(const CommitPlan& plan) const;
  // By files of its own and the superblock; with a new journal of halves of `journal_size` unless
  // 0.
  NextSnapshot CommitByFiles(CommitPlan& plan, uint64_t journal_size);
  // Everything but the superblock. `made` gets each file's path before it is written.
  NextSnapshot WriteFiles(CommitPlan& plan, uint64_t journal_size, format::Superblock& next,
                          std::unique_ptr<JournalWriter>& next_journal,
                          std::vector<std::string>& made);
  // Of the segments in journals that are full, a file of its own for each of those in the oldest,
  // when there are too many such journals.
  base::Status MoveOutOfOldJournal(CommitPlan& plan, std::vector<std::string>& made);
  // ok() when the folder's path still leads to the superblock that this handle writes: names are
  // made and unlinked by path.
  base::Status CheckInPlace() const;
  // Takes back what WriteFiles wrote, or poisons the handle when that cannot be.
  base::Status Undo(const std::vector<std::string>& made, uint64_t version,
                    const base::Status& cause);
  base::Status Poison(uint64_t version, const base::Status& cause);
  // Unlinks what no version needs any more once `next` follows on `current`. Failures leave files
  // that the next writer sweeps.
  void RemoveUnneeded(const Snapshot& next, const Snapshot& current);

  os::FileSystem& files_;
  std::string folder_;
  uint64_t journal_size_max_;
  uint64_t first_journal_version_;
  uint64_t process_id_;
  std::unique_ptr<os::File> super_file_;
  format::Superblock super_;
  uint32_t active_pair_ = 0;
  std::unique_ptr<JournalWriter> journal_;
  uint64_t small_commit_count_ = 0;
  // Nothing is unlinked without: part of the history cannot be read.
  std::optional<FilesInUse> used_;
  // Why no more commits are taken; ok() while they are.
  base::Status poison_;
  // While a commit is on its way, and for ever when an exception ended it.
  bool is_committing_ = false;
};

}  // namespace intact::store
