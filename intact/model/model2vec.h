// Models of model2vec: a folder with model.safetensors, tokenizer.json and config.json, as that
// library saves them. The embedding of a text is the mean of its tokens' rows, normalised.
//
// Read are tables of float32, float16 and int8, the optional tensors `weights` and `mapping`, and
// the tokeniser of wordpiece.h. Differences from the library: vectors always have unit length, as
// search needs, whatever config.json says of `normalize`; sums are of doubles, in the tokens'
// order, so that a text has the same bits on every machine. With a float16 table the mean and the
// normalised components are rounded to float16, as the library's are. Thread-safe after Parse.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "intact/base/base.h"
#include "intact/model/safetensors.h"
#include "intact/model/text_model.h"
#include "intact/model/wordpiece.h"

namespace intact::model {

struct Model2vecFiles {
  base::ByteSpan tensors;      // model.safetensors
  std::string_view tokeniser;  // tokenizer.json
  std::string_view config;     // config.json
};

class Model2vec final : public TextModel {
 public:
  // Borrows `files.tensors` for the model's life; the digest of all of it is part of the identity.
  // kCorruption, kInvalidArgument or kUnsupported, with the file's name, when one cannot be used.
  static base::Result<std::unique_ptr<Model2vec>> Parse(const Model2vecFiles& files);

  uint32_t dimensions() const override { return dimensions_; }
  // model2vec@DIGEST/DIMENSIONS with 16 hexadecimal digits for all that decides a vector.
  const std::string& identity() const override { return identity_; }
  void Embed(std::string_view text, std::span<float> vector) const override;
  uint64_t CountTokens(std::string_view text) const override;

 private:
  explicit Model2vec(WordPiece tokeniser) : tokeniser_(std::move(tokeniser)) {}
  base::Status TakeTensors(const std::vector<Tensor>& tensors);
  base::Status CheckNumbers() const;
  std::vector<uint32_t> Tokenise(std::string_view text) const;
  uint64_t RowOf(uint32_t id) const;
  double WeightOf(uint32_t id) const;
  void AddRow(uint64_t row, double weight, std::span<float> values, std::span<double> sums) const;

  WordPiece tokeniser_;
  Tensor table_;    // [rows, d] F32, F16 or I8
  Tensor weights_;  // [tokens] F32 or F64; no bytes: all 1
  Tensor mapping_;  // [tokens] I32 or I64; no bytes: a token's row is its number
  uint32_t dimensions_ = 0;
  size_t token_count_max_ = 0;
  std::string identity_;
};

}  // namespace intact::model
