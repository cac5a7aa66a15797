#include "intact/engine/collection_state.h"

namespace intact::engine {
namespace {

constexpr uint32_t kMagic = 0x4c4f4349;  // ICOL
constexpr uint64_t kFormat = 1;
constexpr uint64_t kFlagIds = 1;
constexpr uint64_t kFlagMetadata = 2;
constexpr uint64_t kFlagDeleted = 4;
constexpr uint64_t kKnownFlags = kFlagIds | kFlagMetadata | kFlagDeleted;

base::Status Damaged() {
  return base::Corruption("the collection's state in the manifest is damaged");
}

// Persistent numbers.
constexpr format::VectorFileKind kKinds[] = {
    format::VectorFileKind::kF32, format::VectorFileKind::kNpy, format::VectorFileKind::kJsonLines,
    format::VectorFileKind::kArrow};

uint64_t NumberOf(format::VectorFileKind kind) {
  uint64_t number = 1;
  while (kKinds[number - 1] != kind) ++number;
  return number;
}

}  // namespace

bool IsCollection(base::ByteSpan engine_state) {
  return engine_state.size() >= sizeof(kMagic) &&
         base::Load<uint32_t>(engine_state.data()) == kMagic;
}

base::Bytes CollectionState::Encode() const {
  base::ByteWriter writer;
  writer.Put(kMagic);
  writer.PutVarint(kFormat);
  writer.PutVarint(static_cast<uint64_t>(element));
  writer.PutVarint(NumberOf(source));
  writer.PutVarint((has_ids ? kFlagIds : 0) | (has_metadata ? kFlagMetadata : 0) |
                   (deleted_count > 0 ? kFlagDeleted : 0));
  writer.PutVarint(place_count);
  if (deleted_count > 0) writer.PutVarint(deleted_count);
  return writer.Take();
}

base::Result<CollectionState> CollectionState::Parse(base::ByteSpan bytes) {
  if (!IsCollection(bytes)) return base::InvalidArgument("this is not the state of a collection");
  base::ByteReader reader(bytes.subspan(sizeof(kMagic)));
  const uint64_t format = reader.GetVarint();
  if (reader.ok() && format != kFormat) {
    return base::Unsupported("the collection has format " + std::to_string(format) +
                             "; this version reads format 1: upgrade intact");
  }
  CollectionState state;
  const uint64_t element = reader.GetVarint();
  const uint64_t source = reader.GetVarint();
  const uint64_t flags = reader.GetVarint();
  state.place_count = reader.GetVarint();
  const bool has_deleted = flags <= kKnownFlags && (flags & kFlagDeleted) != 0;
  if (has_deleted) state.deleted_count = reader.GetVarint();
  if (!reader.AtEnd()) return Damaged();
  state.element = static_cast<base::ElementType>(element);
  if (element > UINT8_MAX || base::ElementSize(state.element) == 0 || source == 0 ||
      source > std::size(kKinds) || flags > kKnownFlags) {
    return base::Unsupported(
        "the collection has an element type, a source or a flag that this version does not know: "
        "upgrade intact");
  }
  if (has_deleted != (state.deleted_count > 0) || state.deleted_count > state.place_count) {
    return Damaged();
  }
  state.source = kKinds[source - 1];
  state.has_ids = (flags & kFlagIds) != 0;
  state.has_metadata = (flags & kFlagMetadata) != 0;
  return state;
}

}  // namespace intact::engine
