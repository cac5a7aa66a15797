// Any bytes as a records section and as a collection's state; and any bytes as an unpacked block,
// to get past the block's checksum.
#include "intact/codec/block.h"
#include "intact/engine/collection_state.h"
#include "intact/engine/records.h"

namespace base = intact::base;
namespace engine = intact::engine;

namespace {

void ReadAll(base::ByteSpan section, uint32_t row_count) {
  const auto view = engine::RecordsView::Parse(section, row_count);
  if (!view.ok()) return;
  for (size_t b = 0; b < view->blocks().size(); ++b) {
    const auto block = view->Read(b);
    if (!block.ok()) continue;
    INTACT_CHECK(block->records().size() == view->blocks()[b].row_count);
    for (const engine::Record& record : block->records()) {
      INTACT_CHECK(record.id.size() <= engine::kRecordIdSizeMax);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const base::ByteSpan input = std::as_bytes(std::span(data, size));
  static_cast<void>(engine::CollectionState::Parse(input).ok());
  if (size >= 12) ReadAll(input, base::Load<uint32_t>(input.data() + 8));
  if (size < 1) return 0;
  // One block of the input's bytes, but for the first, which says how many rows it has and how many
  // of them are moved, behind a header and an entry that fit it.
  const uint32_t row_count = data[0] % 64u;
  const base::ByteSpan raw = input.subspan(1);
  base::Bytes block;
  INTACT_CHECK(intact::codec::CompressBlock(raw, {}, block).ok());
  base::ByteWriter section;
  section.PutBytes(base::AsBytes("IREC"));
  for (const uint32_t field : {1u, row_count, 1u}) section.Put(field);
  section.PadTo(64);
  section.Put<uint64_t>(96);
  section.Put(static_cast<uint32_t>(block.size()));
  section.Put(static_cast<uint32_t>(raw.size()));
  section.Put<uint64_t>(row_count * uint64_t{3});
  section.Put(row_count);
  section.Put(data[0] / 64u);
  section.PutBytes(block);
  ReadAll(section.bytes(), row_count);
  return 0;
}
