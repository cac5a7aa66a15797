// A static embedding model: the embedding of a text is the weighted sum of its words' rows,
// normalised.
//
// The definition, and the file byte by byte: models/README.md. Sums are integers, so the same text
// has the same bits on every machine, SIMD level and thread. The table is used where it lies and
// never copied. Thread-safe after Parse.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "intact/base/base.h"
#include "intact/model/text_model.h"
#include "intact/model/tokeniser.h"

namespace intact::model {

enum class DigestCheck : uint8_t { kSkip, kCompare };

class StaticModel final : public TextModel {
 public:
  // Borrows `file`, at an address that is a multiple of 64, for the model's life. Checks header,
  // sizes and flags; with kCompare the whole file's digest too (about 1 GB/s). kCorruption or
  // kUnsupported otherwise.
  static base::Result<std::unique_ptr<StaticModel>> Parse(base::ByteSpan file, DigestCheck check);

  uint32_t dimensions() const override { return dimensions_; }
  uint32_t word_count() const { return word_count_; }
  // NAME@REVISION/DIGEST/DIMENSIONS with the first 16 hexadecimal digits of the file's digest.
  const std::string& identity() const override { return identity_; }

  // Components are rounded to float16.
  void Embed(std::string_view text, std::span<float> vector) const override;
  uint64_t CountTokens(std::string_view text) const override;

 private:
  StaticModel() = default;
  // Row of a word of the vocabulary, or -1.
  int64_t RowOf(uint64_t hash) const;

  uint32_t dimensions_ = 0;
  uint32_t word_count_ = 0;
  uint32_t bucket_count_ = 0;
  uint32_t ngram_size_ = 0;
  uint32_t slot_count_ = 0;
  bool has_square_root_counts_ = false;
  const std::byte* slots_ = nullptr;
  const std::byte* weights_ = nullptr;
  const int8_t* rows_ = nullptr;
  std::string identity_;
};

}  // namespace intact::model
