// Signals that come of what a chunk is called and where it stands: the names it defines, its place,
// its file, its size. They compare words, not meanings, and read nothing but the catalog's entries.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "intact/engine/terms.h"
#include "intact/format/catalog.h"
#include "intact/search/bm25.h"
#include "intact/search/ranking.h"

namespace intact::engine {

// Calls `body(name)` for each name that the chunk defines; a later part of a long definition has
// its name. The name may be empty.
template <typename Body>
void ForEachName(const format::ChunkEntry& chunk, const Body& body) {
  std::string_view names = chunk.definitions;
  if (names.empty()) {
    body(chunk.symbol.substr(chunk.symbol.find_last_of(".:> ") + 1));
    return;
  }
  while (!names.empty()) {
    const size_t end = std::min(names.find(' '), names.size());
    if (end > 0) body(names.substr(0, end));
    names.remove_prefix(std::min(end + 1, names.size()));
  }
}

// One query's. Not thread-safe.
class NameSignals {
 public:
  // `idf` by term, as ScoreBm25 gives it.
  NameSignals(std::string_view query, const std::vector<search::QueryTerm>& terms,
              const std::vector<double>& idf);

  // Sets kSymbol, kPlace, kName, kNames, kPath, kFileName, kLength, kLines and kAside of a chunk of
  // the file at `path`.
  void Fill(const format::ChunkEntry& chunk, std::string_view path, search::Candidate& candidate);

  // How far the query has the words of `name`, 0 to 1: each word by itself, a word that begins one
  // of the query's, or the other way round, as three quarters ("init" and "initialize").
  double NameShare(std::string_view name) const;

 private:
  // The share of the query's weight, spread over its terms by idf, that the terms of `text` have.
  double QueryShare(std::string_view text);
  // The share of the words of a file's name that are terms of the query.
  double FileNameShare(std::string_view stem);

  std::unordered_map<uint64_t, double> weights_;  // By term.
  double weight_total_ = 0;
  std::vector<std::string> words_;      // The query's, in lower case, sentence words among them.
  std::unordered_set<uint64_t> stems_;  // Theirs.
  TermCounter counter_;
};

}  // namespace intact::engine
