#include "intact/engine/index_view.h"

#include <algorithm>

#include "intact/engine/collection.h"
#include "intact/engine/index.h"
#include "intact/engine/versions.h"
#include "intact/os/os.h"

namespace intact::engine {

base::Result<format::PostingsView> SegmentDocuments::ReadPostings() const {
  INTACT_ASSIGN_OR_RETURN(const base::ByteSpan postings,
                          segment->Section(format::kSectionPostings));
  return format::PostingsView::Parse(postings);
}

base::Result<std::shared_ptr<const IndexView>> IndexView::Load(
    std::shared_ptr<const store::Snapshot> snapshot) {
  auto view = std::make_shared<IndexView>();
  INTACT_ASSIGN_OR_RETURN(view->state_, format::IndexState::Parse(snapshot->engine_state()));
  for (const auto& segment : snapshot->segments()) {
    SegmentDocuments documents;
    documents.segment = segment;
    INTACT_ASSIGN_OR_RETURN(const base::ByteSpan catalog,
                            segment->Section(format::kSectionCatalog));
    INTACT_ASSIGN_OR_RETURN(documents.catalog, format::CatalogView::Parse(catalog));
    documents.dead_files = search::Bitmap(documents.catalog.file_count());
    if (const auto dead = view->state_.dead_files.find(segment->id());
        dead != view->state_.dead_files.end()) {
      for (const uint32_t file : dead->second) {
        if (file < documents.dead_files.size()) documents.dead_files.Add(file);
      }
    }
    view->segments_.push_back(std::move(documents));
  }
  INTACT_RETURN_IF_ERROR(snapshot->CheckUnchanged());
  view->snapshot_ = std::move(snapshot);
  return std::shared_ptr<const IndexView>(std::move(view));
}

base::Result<std::shared_ptr<const IndexView>> IndexView::Open(const std::string& store,
                                                               const std::string& version) {
  auto snapshot = store::Store::OpenReadOnly(os::RealFileSystem(), store);
  if (!snapshot.ok()) {
    return snapshot.code() == base::Code::kNotFound ? NoIndex(store) : snapshot.status();
  }
  INTACT_RETURN_IF_ERROR(CheckIsIndex(**snapshot, store));
  if (version.empty()) return Load(std::move(snapshot).value());
  INTACT_ASSIGN_OR_RETURN(auto older, OpenSnapshot(store, version));
  return Load(std::move(older));
}

size_t IndexView::SegmentNumberOf(store::RowId row) const {
  const auto after = std::upper_bound(
      segments_.begin(), segments_.end(), row,
      [](store::RowId id, const SegmentDocuments& s) { return id < s.segment->first_row(); });
  if (after == segments_.begin()) return segments_.size();
  const auto number = static_cast<size_t>(after - segments_.begin()) - 1;
  const store::Segment& segment = *segments_[number].segment;
  return row - segment.first_row() < segment.row_count() ? number : segments_.size();
}

std::vector<search::Bitmap> IndexView::UsedRows() const {
  std::vector<search::Bitmap> used;
  for (const SegmentDocuments& documents : segments_)
    used.emplace_back(documents.segment->row_count());
  ForEachLiveFile([&](size_t s, uint32_t, const format::FileEntry& file) {
    for (uint32_t i = 0; i < file.chunk_count; ++i) {
      const store::RowId row = segments_[s].catalog.chunk_row(file.first_chunk + i);
      const size_t number = SegmentNumberOf(row);
      if (number < used.size()) used[number].Add(row - segments_[number].segment->first_row());
    }
  });
  return used;
}

base::Status NoIndex(const std::string& where) {
  return base::NotFound("there is no index at " + where +
                        ": run `intact index` in the folder to search");
}

base::Status CheckModel(const store::Snapshot& snapshot, const std::string& store,
                        const std::string& model_identity) {
  const std::string& model = snapshot.spec().model;
  if (model == model_identity) return base::Ok();
  return base::InvalidArgument("the index at " + store + " was made with the model " + model +
                               ", and this one is " + model_identity +
                               ": name that model with --model or INTACT_MODEL, or remove that "
                               "folder and run `intact index` "
                               "again, or name another with --store");
}

source::WalkOptions ToWalkOptions(const ScopeOptions& scope, const std::string& store,
                                  unsigned thread_count) {
  source::WalkOptions options;
  options.include_hidden = scope.include_hidden;
  options.use_ignore_files = scope.use_ignore_files;
  options.file_size_max = scope.file_size_max;
  options.thread_count = thread_count;
  options.store_folders = {store};
  return options;
}

base::Digest ChunkKey(const std::string& model_identity, std::string_view text) {
  base::Digester digester;
  digester.UpdateField(model_identity);
  digester.Update(base::AsBytes(text));
  return digester.Finish();
}

}  // namespace intact::engine
