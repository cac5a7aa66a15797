#include "intact/engine/writer.h"

#include <algorithm>
#include <unordered_set>

#include "intact/os/os.h"
#include "intact/store/commit_plan.h"

namespace intact::engine {
namespace {

constexpr uint32_t kBatchChunks = 4096;
constexpr uint32_t kBatchFiles = 16'384;
constexpr uint64_t kSealedChunks = 65'536;
constexpr uint64_t kMergeLadder[] = {32, 256, 2048, 16'384};
constexpr size_t kEmbedSlice = 64;  // Texts a thread embeds at a time.

uint64_t SizeOf(const SegmentDocuments& documents) {
  return std::max<uint64_t>(documents.segment->row_count(), documents.catalog.chunk_count());
}

}  // namespace

// The sections that replace those of merged segments and carry the batch as well.
struct IndexWriter::Merged {
  base::Bytes catalog;
  base::Bytes postings;
  std::unordered_map<uint64_t, std::vector<uint32_t>>
      files;  // By old segment: old to new file numbers.
};

base::Result<std::unique_ptr<IndexWriter>> IndexWriter::Make(store::Store& store,
                                                             const embed::Embedder& embedder,
                                                             unsigned thread_count) {
  std::unique_ptr<IndexWriter> writer(new IndexWriter(store, embedder, thread_count));
  INTACT_ASSIGN_OR_RETURN(writer->view_, IndexView::Load(store.snapshot()));
  format::IndexState& state = writer->state_;
  state = writer->view_->state();
  writer->goes_on_ = store.snapshot()->version() == 0 || state.is_interrupted;
  state.files = state.chunks = state.source_bytes = 0;
  writer->view_->ForEachLiveFile(
      [&](size_t, uint32_t, const format::FileEntry& file) { writer->CountDocument(file, true); });
  // The stored counts hold both parts; `state()` holds the walk's.
  for (const auto& [reason, count] : writer->content_skips_) {
    uint64_t& total = state.skipped[reason];
    total -= std::min(total, count);
  }
  std::erase_if(state.skipped, [](const auto& entry) { return entry.second == 0; });
  return writer;
}

void IndexWriter::CountDocument(const format::FileEntry& file, bool is_added) {
  const auto change = [&](uint64_t& total, uint64_t amount) {
    is_added ? total += amount : total -= amount;
  };
  if (file.skip_reason != 0) {
    change(content_skips_[file.skip_reason], 1);
    return;
  }
  change(state_.files, 1);
  change(state_.chunks, file.chunk_count);
  change(state_.source_bytes, file.size);
}

format::IndexState IndexWriter::StateToCommit() const {
  format::IndexState state = state_;
  for (const auto& [reason, count] : content_skips_) {
    if (count > 0) state.skipped[reason] += count;
  }
  return state;
}

bool IndexWriter::IsFull() const {
  return catalog_.chunk_count() >= kBatchChunks || catalog_.file_count() >= kBatchFiles;
}

base::Result<store::RowId> IndexWriter::RowOf(const base::Digest& key) const {
  if (const auto found = new_rows_.find(key); found != new_rows_.end()) {
    return view_->snapshot().next_row() + found->second;
  }
  INTACT_ASSIGN_OR_RETURN(const std::optional<store::RowId> row, view_->snapshot().Find(key));
  INTACT_CHECK(row.has_value());
  return *row;
}

base::Status IndexWriter::EmbedUnknown(std::span<const IngestedFile> files) {
  std::vector<std::string_view> texts;
  for (const IngestedFile& file : files) {
    for (const IngestedChunk& chunk : file.chunks) {
      bool is_known = new_rows_.contains(chunk.key);
      if (!is_known) {
        INTACT_ASSIGN_OR_RETURN(const auto row, view_->snapshot().Find(chunk.key));
        is_known = row.has_value();
      }
      if (is_known) {
        ++state_.chunks_reused;
        continue;
      }
      ++state_.chunks_embedded;
      new_rows_.emplace(chunk.key, static_cast<uint32_t>(keys_.size()));
      keys_.push_back(chunk.key);
      texts.push_back(file.ChunkText(chunk));
    }
  }
  const size_t d = embedder_.dimensions();
  const size_t first = keys_.size() - texts.size();
  vectors_.resize(keys_.size() * d);
  const size_t slice_count = (texts.size() + kEmbedSlice - 1) / kEmbedSlice;
  std::vector<base::Status> statuses(slice_count);
  os::ParallelFor(slice_count, thread_count_, [&](size_t slice) {
    const size_t begin = slice * kEmbedSlice;
    const size_t count = std::min(kEmbedSlice, texts.size() - begin);
    statuses[slice] = embedder_.Embed(std::span(texts).subspan(begin, count),
                                      std::span(vectors_).subspan((first + begin) * d, count * d));
  });
  for (const base::Status& status : statuses) INTACT_RETURN_IF_ERROR(status);
  return base::Ok();
}

base::Status IndexWriter::Add(std::span<const IngestedFile> files) {
  INTACT_RETURN_IF_ERROR(EmbedUnknown(files));
  for (const IngestedFile& file : files) {
    format::FileEntry entry;
    entry.path = file.walked->path;
    entry.size = file.stat.size;
    entry.mtime_ns = file.stat.mtime_ns;
    entry.ctime_ns = file.stat.ctime_ns;
    entry.inode = file.stat.inode;
    entry.language = static_cast<uint8_t>(file.language);
    entry.flags = file.is_racy ? format::kFileRacy : 0;
    entry.skip_reason = static_cast<uint8_t>(file.verdict.reason);
    entry.chunk_count = static_cast<uint32_t>(file.chunks.size());
    CountDocument(entry, true);
    catalog_.AddFile(entry);
    for (const IngestedChunk& ingested : file.chunks) {
      format::ChunkEntry chunk;
      INTACT_ASSIGN_OR_RETURN(chunk.row, RowOf(ingested.key));
      chunk.begin = ingested.chunk.begin;
      chunk.end = ingested.chunk.end;
      chunk.first_line = ingested.chunk.first_line;
      chunk.last_line = ingested.chunk.last_line;
      chunk.symbol = ingested.chunk.symbol;
      chunk.definitions = ingested.chunk.definitions;
      chunk.term_count = ingested.term_count;
      postings_.AddChunk(catalog_.AddChunk(chunk), ingested.terms);
    }
  }
  return base::Ok();
}

void IndexWriter::Remove(DocumentRef document) {
  const DocumentRef now = Resolve(document);
  std::vector<uint32_t>& dead = state_.dead_files[now.segment_id];
  const auto at = std::lower_bound(dead.begin(), dead.end(), now.file);
  if (at != dead.end() && *at == now.file) return;
  dead.insert(at, now.file);
  for (const SegmentDocuments& documents : view_->segments()) {
    if (documents.segment->id() == now.segment_id)
      CountDocument(documents.catalog.file(now.file), false);
  }
}

DocumentRef IndexWriter::Resolve(DocumentRef document) const {
  for (auto move = moves_.find(document.segment_id); move != moves_.end();
       move = moves_.find(document.segment_id)) {
    document = {move->second.segment_id, move->second.files[document.file]};
  }
  return document;
}

size_t IndexWriter::ChooseMergeCount() const {
  std::vector<uint64_t> sizes;
  for (const SegmentDocuments& documents : view_->segments()) sizes.push_back(SizeOf(documents));
  const uint64_t new_size = std::max<uint64_t>(catalog_.chunk_count(), keys_.size());
  return store::ChooseMergeCount(sizes, new_size, kMergeLadder, kSealedChunks);
}

// Joins the live documents of the segments from `first_segment` on with the batch. With `new_rows`,
// which holds the first new row and then, ascending, the old rows that are kept, rows are
// renumbered.
base::Result<IndexWriter::Merged> IndexWriter::MergeDocuments(
    size_t first_segment, const std::vector<uint64_t>* new_rows) {
  Merged merged;
  format::CatalogBuilder catalog;
  std::vector<format::PostingsInput> inputs;
  const auto segments = view_->segments();
  for (size_t s = first_segment; s < segments.size(); ++s) {
    const SegmentDocuments& documents = segments[s];
    const uint64_t id = documents.segment->id();
    std::unordered_set<uint32_t> dead;
    if (const auto found = state_.dead_files.find(id); found != state_.dead_files.end()) {
      dead.insert(found->second.begin(), found->second.end());
    }
    std::vector<uint32_t>& numbers = merged.files[id];
    INTACT_ASSIGN_OR_RETURN(const format::PostingsView postings, documents.ReadPostings());
    format::PostingsInput input{postings, {}};
    input.chunk_map.assign(documents.catalog.chunk_count(), format::kDroppedChunk);
    for (uint32_t f = 0; f < documents.catalog.file_count(); ++f) {
      numbers.push_back(catalog.file_count());
      if (dead.contains(f)) continue;
      const format::FileEntry file = documents.catalog.file(f);
      catalog.AddFile(file);
      for (uint32_t c = file.first_chunk; c < file.first_chunk + file.chunk_count; ++c) {
        format::ChunkEntry chunk = documents.catalog.chunk(c);
        if (new_rows != nullptr) {
          const auto at = std::lower_bound(new_rows->begin() + 1, new_rows->end(), chunk.row);
          chunk.row = new_rows->front() + static_cast<uint64_t>(at - (new_rows->begin() + 1));
        }
        input.chunk_map[c] = catalog.AddChunk(chunk);
      }
    }
    inputs.push_back(std::move(input));
  }
  // The batch comes last, as one more input.
  const base::Bytes batch_postings = postings_.Finish(catalog_.chunk_count());
  const base::Bytes batch_catalog = catalog_.Finish();
  const format::CatalogView batch = format::CatalogView::Parse(batch_catalog).value();
  format::PostingsInput input{format::PostingsView::Parse(batch_postings).value(), {}};
  for (uint32_t f = 0; f < batch.file_count(); ++f) {
    const format::FileEntry file = batch.file(f);
    catalog.AddFile(file);
    for (uint32_t c = 0; c < file.chunk_count; ++c) {
      input.chunk_map.push_back(catalog.AddChunk(batch.chunk(file.first_chunk + c)));
    }
  }
  inputs.push_back(std::move(input));
  merged.postings = format::MergePostings(inputs, catalog.chunk_count());
  view_->snapshot().ReleasePages();  // What the merge read is in `merged` now.
  merged.catalog = catalog.Finish();
  return merged;
}

base::Status IndexWriter::CommitRequest(store::CommitRequest request, Merged merged) {
  // All that was decided and copied since the last commit came from these files.
  INTACT_RETURN_IF_ERROR(view_->snapshot().CheckUnchanged());
  const std::vector<store::SectionInput> sections = {{format::kSectionCatalog, merged.catalog},
                                                     {format::kSectionPostings, merged.postings}};
  const bool has_documents = format::CatalogView::Parse(merged.catalog).value().file_count() > 0;
  if (has_documents) request.sections = sections;
  request.rows = {keys_, vectors_};
  for (const auto& [id, files] : merged.files) state_.dead_files.erase(id);
  request.engine_state = StateToCommit().Encode();
  request.drops_parent = goes_on_;
  const auto version = store_.Commit(request);
  if (!version.ok()) return version.status();
  goes_on_ = true;
  INTACT_ASSIGN_OR_RETURN(view_, IndexView::Load(store_.snapshot()));
  if (!merged.files.empty() && has_documents) {
    const uint64_t id = view_->segments().back().segment->id();
    for (auto& [old_id, files] : merged.files) moves_[old_id] = {id, std::move(files)};
  }
  keys_.clear();
  vectors_.clear();
  new_rows_.clear();
  // What the keys of old segments took of the resident set is not needed until the next look-up.
  view_->snapshot().ReleasePages();
  return base::Ok();
}

base::Status IndexWriter::Commit() {
  store::CommitRequest request;
  Merged merged;
  if (const size_t merge_count = IsEmpty() ? 0 : ChooseMergeCount(); merge_count > 0) {
    request.merge_count = merge_count;
    INTACT_ASSIGN_OR_RETURN(merged,
                            MergeDocuments(view_->segments().size() - merge_count, nullptr));
  } else {
    const uint32_t chunk_count = catalog_.chunk_count();
    merged.catalog = catalog_.Finish();
    merged.postings = postings_.Finish(chunk_count);
  }
  return CommitRequest(std::move(request), std::move(merged));
}

base::Status IndexWriter::Rewrite(bool drops_history) {
  INTACT_CHECK(IsEmpty());
  std::vector<uint64_t> new_rows = {view_->snapshot().next_row()};
  const std::vector<search::Bitmap> used = view_->UsedRows();
  for (size_t s = 0; s < used.size(); ++s) {
    for (size_t row = 0; row < used[s].size(); ++row) {
      if (used[s].Has(row)) new_rows.push_back(view_->segments()[s].segment->first_row() + row);
    }
  }
  store::CommitRequest request;
  request.rewrite_rows = std::span(new_rows).subspan(1);
  request.drops_history = drops_history;
  INTACT_ASSIGN_OR_RETURN(Merged merged, MergeDocuments(0, &new_rows));
  return CommitRequest(std::move(request), std::move(merged));
}

}  // namespace intact::engine
