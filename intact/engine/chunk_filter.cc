#include "intact/engine/chunk_filter.h"

#include <algorithm>

#include "intact/source/glob.h"
#include "intact/source/language.h"

namespace intact::engine {

base::Result<ChunkSet> FilterChunks(const IndexView& view, const SearchRequest& request,
                                    const std::string& folder) {
  std::vector<bool> languages(256, request.languages.empty());
  for (const std::string& name : request.languages) {
    const std::optional<source::Language> language = source::LanguageFromName(name);
    if (!language) {
      return base::InvalidArgument("unknown language \"" + name +
                                   "\": try c, cpp, python, javascript, "
                                   "typescript, rust, go, java, markdown, shell, ...");
    }
    languages[static_cast<uint8_t>(*language)] = true;
    // One word for people, two grammars.
    if (*language == source::Language::kTypeScript) {
      languages[static_cast<uint8_t>(source::Language::kTsx)] = true;
    }
  }
  const std::vector<source::PathFilter> filters(request.path_globs.begin(),
                                                request.path_globs.end());
  const auto passes = [&](const format::FileEntry& file) {
    if (!languages[file.language]) return false;
    if (!folder.empty() &&
        !(file.path.starts_with(folder) && file.path.substr(folder.size()).starts_with('/'))) {
      return false;
    }
    return filters.empty() ||
           std::any_of(filters.begin(), filters.end(),
                       [&](const source::PathFilter& filter) { return filter.Matches(file.path); });
  };
  ChunkSet chunks;
  for (const SegmentDocuments& documents : view.segments())
    chunks.emplace_back(documents.catalog.chunk_count());
  view.ForEachLiveFile([&](size_t s, uint32_t, const format::FileEntry& file) {
    if (passes(file)) chunks[s].AddRange(file.first_chunk, file.first_chunk + file.chunk_count);
  });
  return chunks;
}

std::vector<search::Bitmap> RowsOf(const IndexView& view, const ChunkSet& chunks) {
  std::vector<search::Bitmap> rows;
  for (const SegmentDocuments& documents : view.segments())
    rows.emplace_back(documents.segment->row_count());
  size_t number = 0;  // Neighbouring chunks mostly share a segment.
  ForEachChunk(view, chunks, [&](ChunkRef, store::RowId row) {
    const auto is_inside = [&](size_t s) {
      const store::Segment& segment = *view.segments()[s].segment;
      return row >= segment.first_row() && row - segment.first_row() < segment.row_count();
    };
    if (number >= rows.size() || !is_inside(number)) number = view.SegmentNumberOf(row);
    if (number < rows.size()) rows[number].Add(row - view.segments()[number].segment->first_row());
  });
  return rows;
}

}  // namespace intact::engine
