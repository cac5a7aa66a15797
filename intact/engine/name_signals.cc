#include "intact/engine/name_signals.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "intact/model/tokeniser.h"

namespace intact::engine {
namespace {

// A question has few words; of a pasted page the first are enough to compare with names.
constexpr size_t kWordsMax = 64;
// "in" begins too much to say anything.
constexpr size_t kBeginningSizeMin = 3;
constexpr double kBeginningShare = 0.75;

// Calls `word(lower_case_bytes)` for the words of `text` of at least two bytes.
template <typename Word>
void ForEachWord(std::string_view text, const Word& word) {
  std::array<char, model::kTokenSizeMax> bytes;
  model::Tokeniser tokeniser(text);
  for (model::Token token; tokeniser.Next(token);) {
    if (token.bytes.size() < 2) continue;
    std::transform(token.bytes.begin(), token.bytes.end(), bytes.begin(), model::LowerAscii);
    word(std::string_view(bytes.data(), token.bytes.size()));
  }
}

bool IsBeginning(std::string_view a, std::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  return a.size() >= kBeginningSizeMin && b.starts_with(a);
}

double LogOf(uint64_t count) { return std::log2(1.0 + static_cast<double>(count)); }

}  // namespace

NameSignals::NameSignals(std::string_view query, const std::vector<search::QueryTerm>& terms,
                         const std::vector<double>& idf) {
  for (size_t i = 0; i < terms.size(); ++i) {
    weights_[terms[i].hash] = idf[i] * terms[i].weight;
    weight_total_ += idf[i] * terms[i].weight;
  }
  ForEachWord(query, [&](std::string_view word) {
    if (words_.size() < kWordsMax && stems_.insert(StemHash(word)).second)
      words_.emplace_back(word);
  });
}

double NameSignals::QueryShare(std::string_view text) {
  if (weight_total_ <= 0) return 0;
  double held = 0;
  for (const format::TermCount& term : counter_.Count(text)) {
    if (const auto found = weights_.find(term.hash); found != weights_.end()) held += found->second;
  }
  return held / weight_total_;
}

double NameSignals::FileNameShare(std::string_view stem) {
  const std::vector<format::TermCount>& terms = counter_.Count(stem);
  if (terms.empty()) return 0;
  double held = 0;
  for (const format::TermCount& term : terms) held += weights_.contains(term.hash) ? 1 : 0;
  // The whole identifier is a term of its own.
  const auto words = static_cast<double>(terms.size() > 1 ? terms.size() - 1 : 1);
  return std::min(1.0, held / words);
}

double NameSignals::NameShare(std::string_view name) const {
  double held = 0;
  size_t count = 0;
  ForEachWord(name, [&](std::string_view word) {
    ++count;
    if (stems_.contains(StemHash(word))) {
      held += 1;
    } else if (std::any_of(words_.begin(), words_.end(),
                           [&](std::string_view other) { return IsBeginning(word, other); })) {
      held += kBeginningShare;
    }
  });
  return count == 0 ? 0 : held / static_cast<double>(count);
}

void NameSignals::Fill(const format::ChunkEntry& chunk, std::string_view path,
                       search::Candidate& candidate) {
  using search::SignalId;
  const auto value = [&](SignalId id) -> double& {
    return candidate.values[static_cast<size_t>(id)];
  };
  const size_t slash = path.rfind('/') + 1;
  const std::string_view file_name = path.substr(slash);
  std::string place(chunk.definitions);
  place.append(" ").append(chunk.symbol).append(" ").append(file_name);
  value(SignalId::kPlace) = QueryShare(place);
  value(SignalId::kSymbol) =
      std::max(QueryShare(chunk.definitions), 0.5 * QueryShare(chunk.symbol));
  value(SignalId::kPath) = 0.67 * QueryShare(file_name) + 0.33 * QueryShare(path.substr(0, slash));
  value(SignalId::kFileName) = FileNameShare(file_name.substr(0, file_name.find('.')));
  uint64_t name_count = 0;
  ForEachName(chunk, [&](std::string_view name) {
    ++name_count;
    value(SignalId::kName) = std::max(value(SignalId::kName), NameShare(name));
  });
  value(SignalId::kNames) = LogOf(name_count);
  value(SignalId::kLength) = LogOf(chunk.term_count);
  value(SignalId::kLines) =
      LogOf(chunk.last_line > chunk.first_line ? chunk.last_line - chunk.first_line : 0);
  value(SignalId::kAside) = search::AsideValue(path);
}

}  // namespace intact::engine
