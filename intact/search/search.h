// search: top-k over rows of vectors, exact; text scores over postings; ranking of what both found.
//
// Knows neither files nor stores: it asks a VectorSource for codes and exact vectors, and reads
// postings and catalogs from borrowed bytes. Reading order: vector_source.h, topk.h, bm25.h,
// ranking.h.
#pragma once

#include "intact/search/bm25.h"           // IWYU pragma: export
#include "intact/search/ranking.h"        // IWYU pragma: export
#include "intact/search/topk.h"           // IWYU pragma: export
#include "intact/search/vector_source.h"  // IWYU pragma: export
