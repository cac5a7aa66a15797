// What the manifest of a collection's store says beside the store's own fields: the engine state.
// Layout: docs/format/collection.md. Plain values.
#pragma once

#include <cstdint>

#include "intact/base/base.h"
#include "intact/format/vector_file.h"

namespace intact::engine {

struct CollectionState {
  base::ElementType element = base::ElementType::kFloat32;       // What rows came as and go out as.
  format::VectorFileKind source = format::VectorFileKind::kNpy;  // What it was made from.
  bool has_ids = false;        // Ids were given; else they are the places in decimal.
  bool has_metadata = false;   // Some record has.
  uint64_t place_count = 0;    // Places given out.
  uint64_t deleted_count = 0;  // Of these, whose record was deleted.

  uint64_t record_count() const { return place_count - deleted_count; }

  bool operator==(const CollectionState&) const = default;

  base::Bytes Encode() const;
  // kCorruption or kUnsupported; kInvalidArgument for bytes of which IsCollection says no.
  static base::Result<CollectionState> Parse(base::ByteSpan bytes);
};

// Whether an engine state is that of a collection. That of an index is not.
bool IsCollection(base::ByteSpan engine_state);

}  // namespace intact::engine
