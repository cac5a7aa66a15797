// Which chunks a request may find: live ones whose file passes the filters. Internal to engine.
#pragma once

#include <string>
#include <vector>

#include "intact/engine/index_view.h"
#include "intact/engine/search.h"
#include "intact/search/bitmap.h"

namespace intact::engine {

// One bitmap over the chunks of each segment.
using ChunkSet = std::vector<search::Bitmap>;

// A chunk: segment number and number within its catalog.
struct ChunkRef {
  uint32_t segment = 0;
  uint32_t chunk = 0;

  bool operator==(const ChunkRef&) const = default;
};

// The chunks of live files below `folder` (relative to the root, "" for all) that pass the
// request's globs and languages. kInvalidArgument for an unknown language.
base::Result<ChunkSet> FilterChunks(const IndexView& view, const SearchRequest& request,
                                    const std::string& folder);

// The rows that the chunks use, one bitmap per segment.
std::vector<search::Bitmap> RowsOf(const IndexView& view, const ChunkSet& chunks);

// Calls `body(ChunkRef, row)` for each chunk of the set, in order.
template <typename Body>
void ForEachChunk(const IndexView& view, const ChunkSet& chunks, const Body& body) {
  for (uint32_t s = 0; s < chunks.size(); ++s) {
    for (uint32_t c = 0; c < chunks[s].size(); ++c) {
      if (chunks[s].Has(c)) body(ChunkRef{s, c}, view.segments()[s].catalog.chunk_row(c));
    }
  }
}

}  // namespace intact::engine
