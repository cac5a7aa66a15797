// store: versioned, checksummed, durable vectors in segment files.
//
// One folder is one store of one collection. A commit makes a version: a small one is appended to a
// journal, with one sync; a large one writes files of its own and then names its manifest in the
// superblock. All of it or nothing. Nothing committed is overwritten or truncated; files are only
// unlinked, once no version that is kept needs them. Layout and protocol: docs/format/store.md.
//
// Two ways in. Write puts and deletes vectors by key, and looks after the segments by itself.
// Commit is for callers that keep sections of their own beside the rows, and say themselves which
// segments to merge. A store is used in one way or the other.
//
// Reading order: snapshot.h (what readers see), store.h (this: opening and committing), handle.h,
// scan.h and diff.h (reading by key), verify.h; then commit_plan.h, upkeep.h, committer.h,
// segment_writer.h, journal.h and folder.h (names on disk, superblock, opening).
//
// Threads: a Store's functions may be called from any thread; commits run one at a time, and writes
// that wait for one meanwhile share the next. One Store per folder on the machine (LOCK); any
// number of readers beside it, in any process. A Store must not be used after fork in the child.
//
// Memory that runs out leaves as std::bad_alloc, from any function; nothing else is thrown. Opening
// and reading may then be tried again. From a commit (Write included) it means what kIo means: the
// version is there or not, all or nothing, and the handle may refuse further commits with kIo until
// the store is opened again. Nothing acknowledged is lost, and readers go on.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/os/clock.h"
#include "intact/os/file.h"
#include "intact/store/snapshot.h"
#include "intact/store/verify.h"

namespace intact::store {

struct OpenOptions {
  bool create = false;  // Makes the store (needs `spec`) when there is none.
  // When set, the store must hold exactly this collection.
  std::optional<CollectionSpec> spec;
  // Of a store that is made; SetRetention changes it.
  format::Retention retention;
  int64_t lock_wait_ms = 0;  // How long to wait for another writer.
  // Rows that could need more than this are split over several segments. At most 1 GiB.
  uint64_t segment_size_max = format::kSegmentSizeMax;
  // The largest half of a journal, in bytes; 0 for no journal. Journals begin smaller than that.
  uint64_t journal_size_max = uint64_t{8} << 20;
  // A journal is made with the first small commit that makes this version or a later one; 0: with
  // the second small commit of a Store.
  uint64_t first_journal_version = 0;
  const os::Clock* clock = nullptr;  // The real one when null; must outlive the store.
};

// An engine section of the new segment: `kind` >= format::kEngineSectionFirst, each once.
struct SectionInput {
  uint32_t kind = 0;
  base::ByteSpan bytes;
};

struct NewRows {
  std::span<const base::Digest> keys;  // [n]
  std::span<const float> vectors;      // [n, d] row-major
};

// kInvalidArgument unless there are spec.dimensions values for each key, by the Hamming metric
// zeros and ones.
base::Status CheckRows(const NewRows& rows, const CollectionSpec& spec);

// Deletes, then puts: all of them or none.
struct WriteBatch {
  NewRows puts;                           // Of a key that is there twice, the last counts.
  std::span<const base::Digest> deletes;  // Those that are not there do no harm.
};

struct CommitRequest {
  NewRows rows;
  // Keys whose rows so far nobody finds from now on, strictly ascending; those that are not there
  // do no harm. `rows` come after them.
  std::span<const base::Digest> deletes;
  std::vector<SectionInput> sections;
  // The last `merge_count` segments are replaced by the new one, which takes over their rows, with
  // their ids, ahead of `rows`. Their engine sections are not taken over: pass what should stay.
  size_t merge_count = 0;
  // When set, of the merged segments' rows only these are taken over, ascending; rows that are
  // deleted or replaced must not be among them. They are renumbered: merge_rows[i] becomes
  // next_row() + i, with next_row() of the snapshot before the commit, and new row j becomes
  // next_row() + merge_rows->size() + j. Without it segments cannot be merged when keys were
  // deleted with them or row ids are missing between them.
  std::optional<std::span<const RowId>> merge_rows;
  // When set, the merged segments are [merge_begin, merge_begin + merge_count), which, unless they
  // are the last ones, needs merge_rows and no new rows or deletes; merge_rows[i] then becomes
  // first row of the first of them + i.
  std::optional<size_t> merge_begin;
  // When set, all segments are replaced by new ones that hold exactly these rows, ascending, ahead
  // of `rows`. They are renumbered as merge_rows are. Not together with merging or deletes.
  std::optional<std::span<const RowId>> rewrite_rows;
  // Replaces the engine state of the version before, also when empty. At most
  // format::kEngineStateSizeMax.
  base::Bytes engine_state;
  // The version before is not one to go back to, whatever the retention rule says: this commit
  // goes on with what that one began. Tagged versions are kept in any case.
  bool drops_parent = false;
  // Only tagged versions are kept of those before.
  bool drops_history = false;
};

// "12" or "v12" by number, any other text by tag. kNotFound when `snapshot` is no such version and
// its history has none.
base::Result<format::VersionEntry> FindVersion(const Snapshot& snapshot, const std::string& name);

class Store {
 public:
  // The current version, without a lock and without writing anything: works on read-only media and
  // beside a writer. kNotFound when there is no store, kInvalidArgument when the folder holds
  // something else, kCorruption or kUnsupported with path, offset, expected and found otherwise.
  static base::Result<std::shared_ptr<const Snapshot>> OpenReadOnly(os::FileSystem& files,
                                                                    const std::string& path);

  // The version that `name` says: see FindVersion. Errors as above.
  static base::Result<std::shared_ptr<const Snapshot>> OpenVersion(os::FileSystem& files,
                                                                   const std::string& path,
                                                                   const std::string& name);

  // As OpenReadOnly, and takes the writer's lock, makes the newest version durable again and
  // removes what a crash left over. kUnavailable while another writer has the lock,
  // kInvalidArgument when `options.spec` is not the store's. `files` must outlive the store.
  static base::Result<std::unique_ptr<Store>> OpenWriter(os::FileSystem& files,
                                                         const std::string& path,
                                                         const OpenOptions& options);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // The newest committed version.
  std::shared_ptr<const Snapshot> snapshot() const;

  // Makes the request durable as the next version and returns its number; snapshot() shows it from
  // then on. Rows without sections or sections without rows are fine; with neither and no deletes,
  // only the manifest is written. When more rows come than fit one segment there are several; the
  // sections go to the last. kInvalidArgument, or kCorruption in a segment to be copied: nothing
  // was changed. kFull: nothing was changed, free space and go on. kIo: the outcome is unknown and
  // the handle refuses further commits with kIo; snapshots go on. Memory: a few MiB beside the
  // request, and 48 bytes a new row.
  base::Result<uint64_t> Commit(const CommitRequest& request);

  // Puts and deletes by key, durably; the version that has them, or the current one when nothing
  // changes. Calls that wait at the same time become one version with one sync. Merges a bounded
  // number of segments on the way, so that their number and the rows that nobody finds any more
  // stay bounded without any other call. Errors as those of Commit, and kInvalidArgument for a
  // store with sections.
  base::Result<uint64_t> Write(const WriteBatch& batch);

  // Each is a commit, O(1) in the rows, and returns its version.
  // What `name` says (see FindVersion) becomes current again; versions between stay in the history.
  base::Result<uint64_t> RollBack(const std::string& name);
  // Names the current version, or the one that `version_name` says: it is kept until Untag. A tag
  // of that name moves.
  base::Result<uint64_t> Tag(const std::string& tag,
                             const std::optional<std::string>& version_name = {});
  base::Result<uint64_t> Untag(const std::string& tag);  // kNotFound when there is none.
  base::Result<uint64_t> SetRetention(const format::Retention& retention);

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace intact::store
