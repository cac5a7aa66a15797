// Any bytes in: catalog, postings and index state give a value or an error, and every accessor
// stays inside.
#include <cstdlib>

#include "intact/format/catalog.h"
#include "intact/format/index_state.h"
#include "intact/format/postings.h"

namespace base = intact::base;
namespace format = intact::format;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const base::ByteSpan bytes{reinterpret_cast<const std::byte*>(data), size};
  size_t seen = 0;
  if (const auto catalog = format::CatalogView::Parse(bytes); catalog.ok()) {
    for (uint32_t i = 0; i < catalog->file_count(); ++i) seen += catalog->file(i).path.size();
    for (uint32_t i = 0; i < catalog->chunk_count(); ++i) seen += catalog->chunk(i).symbol.size();
  }
  if (const auto postings = format::PostingsView::Parse(bytes); postings.ok()) {
    for (uint32_t i = 0; i < postings->term_count(); ++i) {
      format::PostingList list = postings->list(i);
      for (format::Posting posting; list.Next(posting);) {
        if (posting.chunk >= postings->chunk_count() || posting.count == 0) std::abort();
        ++seen;
      }
    }
  }
  if (const auto state = format::IndexState::Parse(bytes); state.ok())
    seen += state->Encode().size();
  return seen == SIZE_MAX ? 1 : 0;
}
