// Batches of documents and the commits that carry them. Internal to engine; one thread.
//
// A batch collects new documents with the vectors of their unknown chunks and commits all of it in
// one segment. Small segments at the end are merged on the way, so that a store that is updated one
// file at a time keeps few segments: whenever kMergeFanout segments at the end are smaller than a
// step of the ladder, they and the batch become one. A document is written at most once per step;
// segments of kSealedChunks stay.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "intact/base/base.h"
#include "intact/embed/embed.h"
#include "intact/engine/index_view.h"
#include "intact/engine/ingest.h"

namespace intact::engine {

// A document in the store.
struct DocumentRef {
  uint64_t segment_id = 0;
  uint32_t file = 0;
};

class IndexWriter {
 public:
  // `store` and `embedder` must outlive the writer. `state` is what the next commit will carry, but
  // for the dead documents, which the writer keeps.
  static base::Result<std::unique_ptr<IndexWriter>> Make(store::Store& store,
                                                         const embed::Embedder& embedder,
                                                         unsigned thread_count);

  const IndexView& view() const { return *view_; }
  // What the next commit will carry. The writer keeps dead_files, files, chunks, source_bytes,
  // chunks_embedded and chunks_reused; the other fields are the caller's. `skipped` is the walk's
  // part: what was left out by content is counted by the writer and added at a commit.
  format::IndexState& state() { return state_; }

  // Adds files with their chunks; embeds the chunks that neither the store nor the batch knows.
  base::Status Add(std::span<const IngestedFile> files);
  // The document is dead from the next commit on.
  void Remove(DocumentRef document);
  // Where `document`, seen before some commits of this writer, is now.
  DocumentRef Resolve(DocumentRef document) const;

  bool IsEmpty() const { return catalog_.file_count() == 0; }
  bool IsFull() const;
  // `state()` with the content's part of `skipped` added.
  format::IndexState StateToCommit() const;

  // Commits the batch, the removals and the state, and starts a new batch.
  base::Status Commit();

  // Rewrites the store to hold live documents and the rows they use, in one commit; with
  // `drops_history` only tagged versions stay. The batch must be empty.
  base::Status Rewrite(bool drops_history);

 private:
  IndexWriter(store::Store& store, const embed::Embedder& embedder, unsigned thread_count)
      : store_(store), embedder_(embedder), thread_count_(thread_count) {}

  struct Merged;  // Sections of a merge and where its documents went.
  base::Status EmbedUnknown(std::span<const IngestedFile> files);
  // Adds a document's figures to the state, or takes them off.
  void CountDocument(const format::FileEntry& file, bool is_added);
  base::Result<store::RowId> RowOf(const base::Digest& key) const;
  size_t ChooseMergeCount() const;
  base::Result<Merged> MergeDocuments(size_t first_segment, const std::vector<uint64_t>* new_rows);
  base::Status CommitRequest(store::CommitRequest request, Merged merged);

  store::Store& store_;
  const embed::Embedder& embedder_;
  unsigned thread_count_;
  std::shared_ptr<const IndexView> view_;
  format::IndexState state_;
  // The store's version is the beginning of what the next commit goes on with: of this run, or of
  // one that was interrupted. One run leaves one version to go back to.
  bool goes_on_ = false;

  // The batch.
  format::CatalogBuilder catalog_;
  format::PostingsBuilder postings_;
  std::vector<base::Digest> keys_;  // Of the new rows, in order.
  std::vector<float> vectors_;      // [keys, d]
  std::unordered_map<base::Digest, uint32_t, base::DigestHash> new_rows_;  // Key to place in keys_.

  // Documents that merges of this writer moved: old segment id to new segment id and file numbers.
  struct Move {
    uint64_t segment_id = 0;
    std::vector<uint32_t> files;
  };
  std::unordered_map<uint64_t, Move> moves_;
  std::map<uint8_t, uint64_t> content_skips_;  // Files left out by their content, by reason.
};

}  // namespace intact::engine
