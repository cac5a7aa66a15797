// store: versioned, checksummed, durable vectors in segment files.
//
// One folder is one store of one collection. A commit adds a segment of rows and a manifest, and
// then names the manifest in the superblock: all of it or nothing. Nothing committed is overwritten
// or truncated; files are only unlinked, once no durable superblock names them. Layout and
// protocol: docs/format/store.md.
//
// Reading order: snapshot.h (what readers see), store.h (this: opening and committing),
// segment_writer.h, then folder.h (superblock, manifest and names on disk), verify.h.
//
// Threads: a Store's functions may be called from any thread; commits run one at a time. One Store
// per folder on the machine (LOCK); any number of readers beside it, in any process.
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
  int64_t lock_wait_ms = 0;  // How long to wait for another writer.
  // Rows that could need more than this are split over several segments. At most 1 GiB.
  uint64_t segment_size_max = format::kSegmentSizeMax;
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

struct CommitRequest {
  NewRows rows;
  std::vector<SectionInput> sections;
  // The last `merge_count` segments are replaced by the new one, which takes over their rows, with
  // their ids, ahead of `rows`. Their engine sections are not taken over: pass what should stay.
  size_t merge_count = 0;
  // When set, all segments are replaced by new ones that hold exactly these rows, ascending, ahead
  // of `rows`. They are renumbered: rewrite_rows[i] becomes next_row() + i, with next_row() of the
  // snapshot before the commit, and new row j becomes next_row() + rewrite_rows->size() + j. Not
  // together with merge_count.
  std::optional<std::span<const RowId>> rewrite_rows;
  // Replaces the engine state of the version before, also when empty. At most
  // format::kEngineStateSizeMax.
  base::Bytes engine_state;
};

class Store {
 public:
  // The current version, without a lock and without writing anything: works on read-only media and
  // beside a writer. kNotFound when there is no store, kInvalidArgument when the folder holds
  // something else, kCorruption or kUnsupported with path, offset, expected and found otherwise.
  static base::Result<std::shared_ptr<const Snapshot>> OpenReadOnly(os::FileSystem& files,
                                                                    const std::string& path);

  // As above, and takes the writer's lock, makes the newest version durable again and removes what
  // a crash left over. kUnavailable while another writer has the lock, kInvalidArgument when
  // `options.spec` is not the store's. `files` must outlive the store.
  static base::Result<std::unique_ptr<Store>> OpenWriter(os::FileSystem& files,
                                                         const std::string& path,
                                                         const OpenOptions& options);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // The newest committed version.
  std::shared_ptr<const Snapshot> snapshot() const;

  // Makes the request durable as the next version and returns its number; snapshot() shows it from
  // then on. Rows without sections or sections without rows are fine; with neither, only the
  // manifest is written. When more rows come than fit one segment there are several; the sections
  // go to the last. kInvalidArgument, or kCorruption in a segment to be copied: nothing was
  // changed. kFull: nothing was changed, free space and go on. kIo: the outcome is unknown and the
  // handle refuses further commits with kIo; snapshots go on. Memory: a few MiB beside the request,
  // and 48 bytes a new row.
  base::Result<uint64_t> Commit(const CommitRequest& request);

 private:
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace intact::store
