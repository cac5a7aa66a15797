// Search results as people read them: path, lines, symbol, score, and a few lines of text. Writes
// to the output it is handed; no other state.
#pragma once

#include <string>
#include <string_view>

#include "apps/cli/json.h"
#include "apps/cli/output.h"
#include "intact/engine/search.h"

namespace intact::cli {

struct HitStyle {
  std::string root;           // Of the index; paths of hits are relative to it.
  std::string query;          // Its words are marked when colours are on.
  size_t line_count_max = 6;  // Of text, for each hit.
  bool shows_signals = false;
};

// All hits of `response`, an empty line between two that show text.
void PrintHits(Output& out, const engine::SearchResponse& response, const HitStyle& style);

// The fields of one hit, in the object that is open.
void WriteHit(JsonWriter& json, const engine::SearchHit& hit);

}  // namespace intact::cli
