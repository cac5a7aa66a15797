#include "intact/engine/terms.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "intact/model/tokeniser.h"

namespace intact::engine {
namespace {

constexpr size_t kIdentifierSizeMax = 256;
// In queries, where a word has 1.
constexpr double kIdentifierWeight = 2;
constexpr double kPairWeight = 0.5;

bool IsVowel(char c) {
  return c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u' || c == 'y';
}

bool HasVowel(std::string_view word) { return std::any_of(word.begin(), word.end(), IsVowel); }

// Drops -ing or -ed where a stem with a vowel and three letters stays; true when it did.
bool DropVerbEnding(const char* word, size_t& size) {
  const std::string_view text(word, size);
  size_t ending = 0;
  if (text.ends_with("ing")) {
    ending = 3;
  } else if (text.ends_with("ed") && !text.ends_with("eed")) {
    ending = 2;
  }
  if (ending == 0 || size < ending + 3 || !HasVowel(text.substr(0, size - ending))) return false;
  size -= ending;
  return true;
}

// Reduces word[0, size) in place and returns the new size.
size_t Stem(char* word, size_t size) {
  if (size < 4) return size;
  std::string_view text(word, size);
  if (text.ends_with("ies") || text.ends_with("sses")) {
    size -= 2;
  } else if (text.back() == 's' && !text.ends_with("ss") && !text.ends_with("us") &&
             !text.ends_with("is")) {
    size -= 1;
  }
  if (DropVerbEnding(word, size)) {
    const char last = word[size - 1];
    if (size > 3 && last == word[size - 2] && !IsVowel(last) && last != 'l' && last != 's' &&
        last != 'z')
      --size;
  }
  if (size > 3 && word[size - 1] == 'e') --size;
  if (size > 2 && word[size - 1] == 'y') word[size - 1] = 'i';
  return size;
}

bool IsWordByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
         (byte >= 'A' && byte <= 'Z') || byte >= 0x80 || byte == '_';
}

// Calls `term(hash, is_identifier, lower_case_word)` for each term of `text`, in order.
template <typename Term>
void ForEachTerm(std::string_view text, const Term& term) {
  std::array<char, model::kTokenSizeMax> word;
  for (size_t begin = 0; begin < text.size();) {
    if (!IsWordByte(text[begin])) {
      ++begin;
      continue;
    }
    size_t end = begin;
    while (end < text.size() && IsWordByte(text[end])) ++end;
    model::Tokeniser tokeniser(text.substr(begin, end - begin));
    uint64_t identifier = model::kFnvOffset;
    size_t token_count = 0;
    for (model::Token token; tokeniser.Next(token); ++token_count) {
      const size_t size = token.bytes.size();
      for (size_t i = 0; i < size; ++i) {
        word[i] = model::LowerAscii(token.bytes[i]);
        identifier = model::FnvStep(identifier, static_cast<unsigned char>(word[i]));
      }
      if (size >= 2) {
        std::array<char, model::kTokenSizeMax> stem = word;
        const size_t stem_size = Stem(stem.data(), size);
        term(model::FnvHash({stem.data(), stem_size}), false, std::string_view(word.data(), size));
      }
    }
    if (token_count >= 2 && end - begin <= kIdentifierSizeMax)
      term(identifier, true, std::string_view());
    begin = end;
  }
}

bool IsSentenceWord(std::string_view word) {
  static constexpr std::string_view kWords[] = {
      "about", "all",   "also",      "am",        "an",       "and",    "any",   "are",
      "as",    "at",    "avoid",     "be",        "been",     "bug",    "but",   "by",
      "can",   "code",  "correctly", "could",     "did",      "didn",   "do",    "does",
      "doesn", "don",   "done",      "ensure",    "fix",      "fixed",  "fixes", "fixing",
      "for",   "from",  "get",       "gets",      "had",      "has",    "have",  "how",
      "if",    "in",    "instead",   "into",      "is",       "isn",    "issue", "issues",
      "it",    "its",   "me",        "my",        "no",       "not",    "of",    "on",
      "or",    "our",   "possible",  "potential", "properly", "should", "show",  "so",
      "some",  "sure",  "than",      "that",      "the",      "their",  "them",  "then",
      "there", "these", "they",      "this",      "those",    "to",     "us",    "use",
      "used",  "uses",  "was",       "we",        "were",     "what",   "when",  "where",
      "which", "while", "who",       "why",       "will",     "with",   "would", "you"};
  return std::binary_search(std::begin(kWords), std::end(kWords), word);
}

}  // namespace

uint64_t StemHash(std::string_view word) {
  std::array<char, model::kTokenSizeMax> stem;
  if (word.size() > stem.size()) return model::FnvHash(word);
  std::memcpy(stem.data(), word.data(), word.size());
  const size_t size = Stem(stem.data(), word.size());
  return model::FnvHash({stem.data(), size});
}

const std::vector<format::TermCount>& TermCounter::Count(std::string_view text) {
  terms_.clear();
  total_ = 0;
  if (slots_.empty()) slots_.resize(1024);
  std::fill(slots_.begin(), slots_.end(), 0u);
  ForEachTerm(text, [&](uint64_t hash, bool, std::string_view) { Add(hash); });
  return terms_;
}

void TermCounter::Add(uint64_t hash) {
  ++total_;
  const size_t mask = slots_.size() - 1;
  size_t slot = hash & mask;
  for (; slots_[slot] != 0; slot = (slot + 1) & mask) {
    format::TermCount& term = terms_[slots_[slot] - 1];
    if (term.hash == hash) {
      ++term.count;
      return;
    }
  }
  terms_.push_back({hash, 1});
  slots_[slot] = static_cast<uint32_t>(terms_.size());
  if (terms_.size() * 2 > slots_.size()) Grow();
}

void TermCounter::Grow() {
  slots_.assign(slots_.size() * 2, 0);
  const size_t mask = slots_.size() - 1;
  for (size_t i = 0; i < terms_.size(); ++i) {
    size_t slot = terms_[i].hash & mask;
    while (slots_[slot] != 0) slot = (slot + 1) & mask;
    slots_[slot] = static_cast<uint32_t>(i + 1);
  }
}

std::vector<search::QueryTerm> QueryTerms(std::string_view query) {
  std::vector<search::QueryTerm> terms;
  std::vector<search::QueryTerm> sentence_terms;
  const auto add = [](std::vector<search::QueryTerm>& list, uint64_t hash, double weight) {
    const auto same = [&](const search::QueryTerm& term) { return term.hash == hash; };
    if (std::none_of(list.begin(), list.end(), same)) list.push_back({hash, weight});
  };
  std::string previous;  // The word before, unless it only makes a sentence.
  std::vector<uint64_t> pairs;
  ForEachTerm(query, [&](uint64_t hash, bool is_identifier, std::string_view word) {
    if (is_identifier) return add(terms, hash, kIdentifierWeight);
    const bool is_sentence_word = IsSentenceWord(word);
    add(is_sentence_word ? sentence_terms : terms, hash, 1);
    if (!is_sentence_word && !previous.empty())
      pairs.push_back(model::FnvHash(previous + std::string(word)));
    previous = is_sentence_word ? "" : std::string(word);
  });
  for (const uint64_t pair : pairs) add(terms, pair, kPairWeight);
  return terms.empty() ? sentence_terms : terms;
}

}  // namespace intact::engine
