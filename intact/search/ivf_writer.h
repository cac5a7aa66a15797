// Writes the file of inverted lists of a run of rows. Layout: docs/format/ivf.md. Thread-safe.
#pragma once

#include <functional>
#include <span>

#include "intact/search/ivf_train.h"

namespace intact::search {

// What a file is of.
struct IvfIdentity {
  format::Uuid store;
  uint64_t segment = 0;
  base::Digest segment_digest;
};

// Takes bytes for the file from `offset` on; the header comes last.
using IvfSink = std::function<base::Status(uint64_t offset, base::ByteSpan bytes)>;

// `lists` [run.count] is from AssignRows. Memory: 4 bytes a row and 4 MiB. Fails when the sink
// does. Gives the size of the file.
base::Result<uint64_t> WriteIvf(const IvfIdentity& identity, const IvfCentroids& centroids,
                                const CodeRun& run, std::span<const uint32_t> lists,
                                const IvfSink& sink);

}  // namespace intact::search
