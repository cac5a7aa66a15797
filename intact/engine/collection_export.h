// Records of a collection out of it, in the order of their places. Thread-safe functions.
#pragma once

#include <functional>

#include "intact/base/base.h"
#include "intact/engine/collection.h"
#include "intact/format/vector_file.h"

namespace intact::engine {

// Called with the rows done; false ends the work with kCancelled.
using RowProgress = std::function<bool(uint64_t rows)>;

// What of a collection goes out.
struct ExportShape {
  format::VectorFileKind kind = format::VectorFileKind::kNpy;
  bool vectors_only = false;  // Without ids and metadata.
};
// The description to make a writer with.
format::VectorFileInfo InfoOf(const CollectionView& view, const ExportShape& shape);

// Appends all records to `writer`, which was made for `info`, by place, and finishes it. Every
// vector's checksum is compared on the way. Memory: a batch, 16 bytes per replaced row, and where
// records were deleted a bit a row.
base::Status Export(const CollectionView& view, const format::VectorFileInfo& info,
                    format::VectorFileWriter& writer, const RowProgress& progress = {});

// The same for the records of `rows`, in this order.
base::Status ExportRows(const CollectionView& view, std::span<const store::RowId> rows,
                        const format::VectorFileInfo& info, format::VectorFileWriter& writer);

}  // namespace intact::engine
