// Text scores: BM25 over postings (Robertson and Zaragoza, "The Probabilistic Relevance Framework:
// BM25 and Beyond", 2009), with k1 = 1.2 and b = 0.75. Thread-safe.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "intact/format/catalog.h"
#include "intact/format/postings.h"
#include "intact/search/bitmap.h"

namespace intact::search {

// A part of the collection. `live` says which chunks exist; `allowed`, a part of those, which may
// score. Both over the catalog's chunks.
struct TextSegment {
  const format::CatalogView* catalog = nullptr;
  const format::PostingsView* postings = nullptr;
  const Bitmap* live = nullptr;
  const Bitmap* allowed = nullptr;
};

// Size of the collection, over live chunks.
struct TextStatistics {
  uint64_t chunk_count = 0;
  uint64_t term_count = 0;  // Sum of the chunks' lengths.
};

struct QueryTerm {
  uint64_t hash = 0;
  double weight = 1;  // Multiplies the term's part of the score.
};

struct TextScores {
  std::vector<std::vector<float>> scores;  // By segment and chunk; 0 where no term occurs.
  // The same; which part of all terms' idf * weight the chunk's terms have, 0 to 1.
  std::vector<std::vector<float>> coverage;
  // The same by segment and file: of the terms that any of the file's allowed chunks has.
  std::vector<std::vector<float>> file_coverage;
  std::vector<double> idf;  // By query term; 0 for a term that no live chunk contains.
  double mean = 0;          // Over all allowed chunks, zeros included.
  double deviation = 0;
  float best = 0;
};

// Document frequencies count live chunks only, so the scores do not depend on how chunks lie in
// segments or on what was deleted. Terms are distinct.
TextScores ScoreBm25(std::span<const TextSegment> segments, const TextStatistics& statistics,
                     std::span<const QueryTerm> terms);

}  // namespace intact::search
