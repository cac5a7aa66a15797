// The tokeniser of BERT (Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers",
// 2019), as a tokenizer.json describes it: the normaliser BertNormalizer, the pre-tokeniser
// BertPreTokenizer and a WordPiece vocabulary. Unicode is that of unicode_tables.h. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "intact/base/base.h"

namespace intact::model {

class WordPiece {
 public:
  // Copies what it needs of `json`. kCorruption when that is no tokenizer.json, kUnsupported, with
  // what is supported, for any other kind of tokeniser.
  static base::Result<WordPiece> Parse(std::string_view json);

  // The tokens' numbers, without special ones around them; unknown_id() for words that the
  // vocabulary cannot make. Added tokens are found as they are written. Characters after the first
  // `character_count_max` are left out, and so are tokens after the first `token_count_max`.
  std::vector<uint32_t> Tokenise(std::string_view text, size_t character_count_max,
                                 size_t token_count_max) const;

  uint32_t unknown_id() const { return unknown_id_; }
  // One more than the largest number of a token.
  uint64_t id_bound() const { return id_bound_; }
  // Characters of the token in the middle when they are sorted by size; rounded down.
  uint32_t median_token_size() const { return median_token_size_; }

 private:
  struct Normaliser {
    bool cleans = true;
    bool separates_chinese = true;
    bool strips_accents = true;
    bool lowers = true;
  };
  struct AddedToken {
    std::u32string text;
    uint32_t id = 0;
  };

  WordPiece() = default;
  base::Status ReadNormaliser(std::string_view json);
  base::Status ReadModel(std::string_view json);
  base::Status ReadVocabulary(std::string_view json);
  base::Status ReadAddedToken(std::string_view json);
  void FindMedian();

  std::u32string Normalise(std::u32string_view text) const;
  void TokeniseRun(std::u32string_view text, std::vector<uint32_t>& ids) const;
  void TokeniseWord(std::u32string_view word, std::vector<uint32_t>& ids) const;
  const AddedToken* AddedTokenAt(std::u32string_view text) const;

  Normaliser normaliser_;
  // The keys of `ids_` lie in `texts_`, which never grows after parsing; both move together.
  std::unique_ptr<std::string> texts_;
  std::unordered_map<std::string_view, uint32_t> ids_;
  std::vector<AddedToken> added_;  // Longest first.
  std::string prefix_ = "##";      // Of pieces that do not begin a word.
  uint64_t word_size_max_ = 100;
  size_t piece_size_max_ = 0;  // Bytes of the longest key.
  uint32_t unknown_id_ = 0;
  uint64_t id_bound_ = 0;
  uint32_t median_token_size_ = 0;
};

}  // namespace intact::model
