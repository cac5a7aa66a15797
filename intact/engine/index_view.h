// One version of an index, parsed: the store's snapshot with each segment's catalog and postings,
// the index state, and which documents live. Internal to engine; immutable after loading and so
// thread-safe.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/format/catalog.h"
#include "intact/format/index_state.h"
#include "intact/format/postings.h"
#include "intact/search/bitmap.h"
#include "intact/source/walk.h"
#include "intact/store/store.h"

namespace intact::engine {

struct SegmentDocuments {
  std::shared_ptr<const store::Segment> segment;
  format::CatalogView catalog;
  search::Bitmap dead_files;  // [files]

  // Postings are the largest part and only text search and merges read them, so they are checked
  // and parsed then.
  base::Result<format::PostingsView> ReadPostings() const;
};

// Reads the files in place. Who answers from what it gives, from ForEachLiveFile to postings, calls
// snapshot().CheckUnchanged() before the answer leaves.
class IndexView {
 public:
  // kCorruption or kUnsupported when a section or the state cannot be read.
  static base::Result<std::shared_ptr<const IndexView>> Load(
      std::shared_ptr<const store::Snapshot> snapshot);
  // Opens the store read-only, its newest version or the one that `version` says. kNotFound, with
  // the remedy, when the place has none, or no such version.
  static base::Result<std::shared_ptr<const IndexView>> Open(const std::string& store,
                                                             const std::string& version = {});

  const store::Snapshot& snapshot() const { return *snapshot_; }
  const format::IndexState& state() const { return state_; }
  std::span<const SegmentDocuments> segments() const { return segments_; }

  // Calls `body(segment number, file number, file)` for each live document, in order; those that
  // were looked at and left out are live too.
  template <typename Body>
  void ForEachLiveFile(const Body& body) const {
    for (size_t s = 0; s < segments_.size(); ++s) {
      for (uint32_t f = 0; f < segments_[s].catalog.file_count(); ++f) {
        if (!segments_[s].dead_files.Has(f)) body(s, f, segments_[s].catalog.file(f));
      }
    }
  }

  // Rows that live chunks use, by segment and local row.
  std::vector<search::Bitmap> UsedRows() const;
  // The number of the segment that holds `row`; segments().size() when none does.
  size_t SegmentNumberOf(store::RowId row) const;

 private:
  std::shared_ptr<const store::Snapshot> snapshot_;
  format::IndexState state_;
  std::vector<SegmentDocuments> segments_;
};

// ROOT/.intact/store, where `--local` keeps the store of a root.
std::string LocalStore(const std::string& root);

// The message of every "there is no index": what to run.
base::Status NoIndex(const std::string& where);

// kInvalidArgument, with the remedy, when the store was made with another model than
// `model_identity`.
base::Status CheckModel(const store::Snapshot& snapshot, const std::string& store,
                        const std::string& model_identity);

// Scope options as the walk takes them; the store's folder is left out.
struct ScopeOptions;
source::WalkOptions ToWalkOptions(const ScopeOptions& scope, const std::string& store,
                                  unsigned thread_count);

// Names one chunk's text under one model.
base::Digest ChunkKey(const std::string& model_identity, std::string_view text);

}  // namespace intact::engine
