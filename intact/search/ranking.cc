#include "intact/search/ranking.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <unordered_map>

namespace intact::search {
namespace {

constexpr std::array<SignalRow, kSignalCount> kSignals = {{
    {SignalId::kVector, "vector", 1.0},
    {SignalId::kText, "text", 0.24},
    {SignalId::kCoverage, "coverage", 1.6},
    {SignalId::kFileCoverage, "file coverage", 3.3},
    {SignalId::kSymbol, "symbol", 0.4},
    {SignalId::kPlace, "place", 2.6},
    {SignalId::kName, "name", 2.4},
    {SignalId::kNameMeaning, "name meaning", 3.0},
    {SignalId::kNames, "names", -0.4},
    {SignalId::kPath, "path", 0.4},
    {SignalId::kFileName, "file name", 1.45},
    {SignalId::kLength, "length", -0.1},
    {SignalId::kLines, "lines", 0.7},
    {SignalId::kSameFile, "same file", 0.5},
    {SignalId::kFileShare, "file share", -0.4},
    {SignalId::kAside, "aside", -1.0},
}};

constexpr size_t IndexOf(SignalId id) { return static_cast<size_t>(id); }

double Score(const Candidate& candidate, const Weights& weights) {
  double score = 0;
  for (size_t i = 0; i < kSignalCount; ++i) score += weights[i] * candidate.values[i];
  return score;
}

void SortBestFirst(std::vector<Candidate>& candidates) {
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score > b.score : a.order < b.order;
  });
}

// How many other candidates of the file stand among the best 50, as log2(1 + n).
void FillSameFile(std::vector<Candidate>& candidates) {
  constexpr size_t kBest = 50;
  std::unordered_map<uint64_t, int> counts;
  for (size_t i = 0; i < std::min(kBest, candidates.size()); ++i) ++counts[candidates[i].file];
  for (size_t i = 0; i < candidates.size(); ++i) {
    const auto found = counts.find(candidates[i].file);
    const int others = found == counts.end() ? 0 : found->second - (i < kBest ? 1 : 0);
    candidates[i].values[IndexOf(SignalId::kSameFile)] = std::log2(1.0 + others);
  }
}

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x + 32 : x) == y; });
}

}  // namespace

std::span<const SignalRow, kSignalCount> Signals() { return kSignals; }

Weights DefaultWeights() {
  Weights weights{};
  for (const SignalRow& signal : kSignals) weights[IndexOf(signal.id)] = signal.weight;
  return weights;
}

void Rank(std::vector<Candidate>& candidates, const Weights& weights) {
  const auto score_all = [&] {
    for (Candidate& candidate : candidates) candidate.score = Score(candidate, weights);
    SortBestFirst(candidates);
  };
  score_all();
  FillSameFile(candidates);
  score_all();
  constexpr int kFreeShare = 3;
  std::unordered_map<uint64_t, int> better;
  for (Candidate& candidate : candidates) {
    const int count = better[candidate.file]++;
    candidate.values[IndexOf(SignalId::kFileShare)] = std::max(0, count - kFreeShare);
  }
  score_all();
}

double AsideValue(std::string_view path) {
  static constexpr std::string_view kFolders[] = {
      "test",       "tests",    "testing",      "testdata",    "__tests__",  "spec",
      "specs",      "fixtures", "mock",         "mocks",       "example",    "examples",
      "sample",     "samples",  "demo",         "demos",       "bench",      "benchmark",
      "benchmarks", "vendor",   "vendored",     "third_party", "thirdparty", "external",
      "extern",     "deps",     "node_modules", "generated",   "gen",        "dist",
      "fuzz"};
  for (size_t begin = 0; begin < path.size();) {
    const size_t slash = path.find('/', begin);
    if (slash == std::string_view::npos) break;
    const std::string_view folder = path.substr(begin, slash - begin);
    for (const std::string_view marked : kFolders) {
      if (EqualsIgnoringCase(folder, marked)) return 1;
    }
    begin = slash + 1;
  }
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const auto has = [&](std::string_view part) { return name.find(part) != std::string_view::npos; };
  return name.starts_with("test_") || name.starts_with("Test") || has("_test.") || has(".test.") ||
                 has(".spec.") || has("_spec.") || has("Test.") || has("Tests.") ||
                 has("_unittest.")
             ? 1
             : 0;
}

}  // namespace intact::search
