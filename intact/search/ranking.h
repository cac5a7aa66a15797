// Ranking: what makes one candidate better than another, as named signals with weights in one
// place. Pure functions over values; thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace intact::search {

enum class SignalId : uint8_t {
  kVector,        // Similarity of meaning, in standard deviations over the collection.
  kText,          // BM25, in standard deviations over the collection.
  kCoverage,      // Share of the query's weight found anywhere in the chunk.
  kFileCoverage,  // Share of the query's weight found anywhere in the chunk's file.
  kSymbol,        // Share of the query's weight found in names that the chunk defines.
  kPlace,         // The same in these, the symbol that they stand in and the file's name together.
  kName,          // Share of a defined name's words found in the query; of the best such name.
  kNameMeaning,   // Similarity of meaning of the query and a defined name; of the best such name.
  kNames,         // How many names the chunk defines, as log2 of 1 + them.
  kPath,  // Share of the query's weight found in the file's path, its last part counting double.
  kFileName,   // Share of the words of the file's name found in the query.
  kLength,     // How much text the chunk has, as log2 of 1 + its terms.
  kLines,      // How many lines the chunk has, as log2 of them.
  kSameFile,   // Other candidates of the same file agree.
  kFileShare,  // Better chunks of its file, beyond three: answers should come from several files.
  kAside,      // Tests, examples, documentation build files, vendored and generated code.
};
inline constexpr size_t kSignalCount = 16;

struct SignalRow {
  SignalId id;
  std::string_view name;
  double weight;
};
// The weights; docs/RETRIEVAL.md says how they were chosen.
std::span<const SignalRow, kSignalCount> Signals();

using Weights = std::array<double, kSignalCount>;  // By SignalId.
Weights DefaultWeights();

// What ranking knows of a candidate.
struct Candidate {
  std::array<double, kSignalCount> values{};  // By SignalId.
  uint64_t file = 0;                          // Equal for chunks of one file.
  uint64_t order = 0;                         // Ties go to the smaller: path, then line.
  double score = 0;                           // Set by Rank.
};

// Fills kSameFile, kFileShare and the scores, and sorts best first.
void Rank(std::vector<Candidate>& candidates, const Weights& weights = DefaultWeights());

// 1 for a path whose folders or name mark tests, examples, vendored or generated code, else 0.
double AsideValue(std::string_view path);

}  // namespace intact::search
