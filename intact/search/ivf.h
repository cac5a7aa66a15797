// Approximate top-k: inverted lists (IVF). Rows are kept in lists by the nearest of some centroids;
// a query looks into the lists of the centroids nearest to it and into no other. What it finds
// there is scored like in an exact search, so ids and scores are always right: approximate is only
// which rows were looked at. With as many probes as lists the result is that of ExactTopK.
// Thread-safe. Reading order: this, ivf_train.h, ivf_writer.h; layout: docs/format/ivf.md.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "intact/format/ivf.h"
#include "intact/search/topk.h"

namespace intact::search {

// One file of inverted lists, opened: which lists are near a query, and what is in them.
class Ivf {
 public:
  // Borrows `bytes`, which begin at a multiple of 64; `what` names the file in messages.
  // kCorruption or kUnsupported; lists are checked when they are first read.
  static base::Result<std::unique_ptr<const Ivf>> Open(base::ByteSpan bytes,
                                                       const std::string& what);

  const format::IvfHeader& header() const { return view_.header(); }
  size_t list_count() const { return header().list_count; }
  std::span<const int8_t> centroids() const { return view_.centroids(); }
  std::span<const format::IvfTerm> terms() const { return view_.terms(); }
  size_t RowCountOf(size_t list) const { return view_.table()[list].row_count; }

  struct List {
    size_t count = 0;
    const uint8_t* high = nullptr;
    const quant::CodeBound* bounds = nullptr;
    const uint32_t* rows = nullptr;  // Ascending, below header().row_count.
  };
  // kCorruption when its checksum differs.
  base::Result<List> Read(size_t list) const;

  // Values of all lists for a query, [list_count]: larger is nearer.
  std::vector<float> Compare(std::span<const float> query) const;

 private:
  Ivf(format::IvfView view, const std::string& what);

  format::IvfView view_;
  std::string what_;
  mutable std::vector<std::atomic<uint64_t>> is_checked_;  // A bit a list.
};

struct ApproximateOptions {
  size_t probes = 16;     // Lists with rows to look into, for each run; more where few are allowed.
  size_t candidates = 0;  // Rows to score exactly, at most; 0: 4 k + 32.
  // Of TopKResult, mean and deviation say of all rows what the centroids do, when most rows are in
  // lists; else they are those of the rows that were scored.
  bool estimates_mean = false;
};

struct ApproximateResult {
  TopKResult top;
  bool is_exact = true;     // No list was left out.
  uint64_t lists_read = 0;  // Of all files.
  uint64_t bytes_read = 0;  // Of lists.
};

// `lists[i]` has the rows of run i of the source, or is null: such runs are scanned as in
// ExactTopK, and so are those of which few rows are allowed. More lists are looked into when the
// probes have fewer rows than there are candidates. With groups or a minimum score no more than the
// candidates are looked at in lists; a range search (k = kAll) is exact. Otherwise as ExactTopK;
// kInvalidArgument when lists and runs do not fit.
base::Result<ApproximateResult> ApproximateTopK(const VectorSource& source,
                                                std::span<const Ivf* const> lists,
                                                std::span<const float> query,
                                                const TopKOptions& options,
                                                const ApproximateOptions& approximate);

}  // namespace intact::search
