// What differs between a folder and its index. Internal to engine.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "intact/engine/index.h"
#include "intact/engine/index_view.h"
#include "intact/engine/writer.h"
#include "intact/source/walk.h"

namespace intact::engine {

struct PendingFile {
  const source::WalkedFile* walked = nullptr;
  std::optional<DocumentRef> older;  // Its document so far.
  bool was_in = false;               // False when that was recorded as left out.
  // Its stat is the document's, but was taken too soon after a change to be trusted: only its text
  // can tell.
  bool is_doubtful = false;
};

struct RemovedFile {
  DocumentRef document;
  std::string path;
  uint64_t size = 0;
  bool was_in = false;  // False when it was recorded as left out.
};

struct Changes {
  std::vector<PendingFile> pending;  // New or changed, in the order of the walk.
  std::vector<RemovedFile> removed;  // Gone, or no longer candidates.
  // Documents of files that could not be looked at: they stay as they are.
  uint64_t kept = 0;
  uint64_t unchanged = 0;  // Of the files in the index.
  uint64_t unchanged_bytes = 0;
  uint64_t pending_bytes = 0;
  std::map<uint8_t, uint64_t> skipped;          // By the walk, by reason.
  std::map<uint8_t, uint64_t> unchanged_skips;  // By content, known from an earlier run.
};

// By stat: what the index noted of the file is what it is now.
bool IsUnchanged(const format::FileEntry& file, const os::FileStat& stat);

// Compares by stat alone. `view` may be null: no index yet. `walk` must outlive the result.
Changes Compare(const IndexView* view, const source::WalkResult& walk);

// Whether the document still says what the file says: the same chunks with the same keys.
bool Describes(const IndexView& view, DocumentRef document, const IngestedFile& file);

// The files from pending[begin] on that are read, chunked and embedded at once: a bound on the
// memory of texts.
std::vector<const source::WalkedFile*> NextWindow(const std::vector<PendingFile>& pending,
                                                  size_t begin);

// The number that the state keeps for terms and tokens together.
uint64_t TermsVersion();

// `wanted`, or when it is not set the scope of the last run, or the defaults when there was none
// (or no view).
ScopeOptions ChooseScope(const std::optional<ScopeOptions>& wanted, const IndexView* view);

// kInvalidArgument when the store, given by hand, holds the index of another folder. One inside its
// root moved with it.
base::Status CheckRoot(const Place& place, const IndexView& view);

// By name, most first.
std::vector<ReasonCount> ToReasonCounts(const std::map<uint8_t, uint64_t>& skipped);

}  // namespace intact::engine
