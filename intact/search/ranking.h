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
  kVector,  // Similarity of meaning, in standard deviations over the collection.
  kText,    // BM25, in standard deviations over the collection.
  kSymbol,  // Share of the query's weight found in names defined by the chunk.
  kPath,    // Share of the query's weight found in the file's path, its last part counting double.
  kSameFile,   // Other candidates of the same file agree.
  kFileShare,  // Better chunks of its file, beyond one: answers should come from several files.
  kAside,      // Tests, examples, documentation build files, vendored and generated code.
};
inline constexpr size_t kSignalCount = 7;

struct SignalRow {
  SignalId id;
  std::string_view name;
  double weight;
};
// The weights; docs/RETRIEVAL.md says how they were chosen.
std::span<const SignalRow, kSignalCount> Signals();

// What ranking knows of a candidate.
struct Candidate {
  std::array<double, kSignalCount> values{};  // By SignalId.
  uint64_t file = 0;                          // Equal for chunks of one file.
  uint64_t order = 0;                         // Ties go to the smaller: path, then line.
  double score = 0;                           // Set by Rank.
};

// Fills kSameFile, kFileShare and the scores, and sorts best first.
void Rank(std::vector<Candidate>& candidates);

// 1 for a path whose folders or name mark tests, examples, vendored or generated code, else 0.
double AsideValue(std::string_view path);

}  // namespace intact::search
