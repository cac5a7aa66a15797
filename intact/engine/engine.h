// engine: the public C++ API. An index is a folder of source text (the root) joined with a store of
// its chunks' vectors; the engine walks, embeds, commits and searches.
//
//   INTACT_ASSIGN_OR_RETURN(auto place, engine::Locate({.directory = "."}));
//   INTACT_ASSIGN_OR_RETURN(auto report, engine::UpdateIndex(place, {}));
//   INTACT_ASSIGN_OR_RETURN(auto searcher, engine::Searcher::Open(place));
//   INTACT_ASSIGN_OR_RETURN(auto response, searcher->Search({.query = "where is the retry delay
//   computed"}));
//
// A collection is the other thing a store may hold: vectors given in files, with ids and metadata
// (transfer.h, collection.h), searched by vectors (collection_search.h). search_service.h searches
// either in the background, with a cache; approx.h makes inverted lists for approximate answers.
// stats.h describes either; versions.h and version_diff.h go back in time.
//
// Threads: free functions are thread-safe, and one writer per store is enforced across processes by
// a lock. Status codes say what to do next (base/result.h); messages name the path and the remedy.
#pragma once

#include "intact/engine/admin.h"              // IWYU pragma: export
#include "intact/engine/approx.h"             // IWYU pragma: export
#include "intact/engine/collection_search.h"  // IWYU pragma: export
#include "intact/engine/index.h"              // IWYU pragma: export
#include "intact/engine/place.h"              // IWYU pragma: export
#include "intact/engine/query_input.h"        // IWYU pragma: export
#include "intact/engine/salvage.h"            // IWYU pragma: export
#include "intact/engine/search.h"             // IWYU pragma: export
#include "intact/engine/search_service.h"     // IWYU pragma: export
#include "intact/engine/stats.h"              // IWYU pragma: export
#include "intact/engine/transfer.h"           // IWYU pragma: export
#include "intact/engine/upkeep.h"             // IWYU pragma: export
#include "intact/engine/version_diff.h"       // IWYU pragma: export
#include "intact/engine/versions.h"           // IWYU pragma: export
