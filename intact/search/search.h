// search: top-k over rows of vectors, exact or, by inverted lists, approximate; text scores over
// postings; ranking of what both found.
//
// Knows neither files nor stores: it asks a VectorSource for codes and exact vectors, and reads
// postings and catalogs from borrowed bytes. Reading order: vector_source.h, topk.h, with
// scan.cc and bounds.cc for how and why; ivf.h, bm25.h, ranking.h.
#pragma once

#include "intact/search/bm25.h"           // IWYU pragma: export
#include "intact/search/executor.h"       // IWYU pragma: export
#include "intact/search/ivf.h"            // IWYU pragma: export
#include "intact/search/ranking.h"        // IWYU pragma: export
#include "intact/search/topk.h"           // IWYU pragma: export
#include "intact/search/vector_source.h"  // IWYU pragma: export
