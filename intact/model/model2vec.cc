#include "intact/model/model2vec.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "intact/model/half.h"
#include "intact/model/json_fields.h"
#include "intact/simd/simd.h"

namespace intact::model {
namespace {

constexpr uint64_t kDimensionsMax = 65536;
constexpr uint64_t kTokenCountDefault = 512;
constexpr uint64_t kTokenCountMax = 1'000'000;  // Also where config.json sets no limit.

const Tensor* Find(const std::vector<Tensor>& tensors, std::string_view name) {
  const auto found = std::find_if(tensors.begin(), tensors.end(),
                                  [&](const Tensor& tensor) { return tensor.name == name; });
  return found == tensors.end() ? nullptr : &*found;
}

// Tokens of a text that count, as config.json says.
base::Result<uint64_t> ReadTokenCountMax(std::string_view config) {
  if (!base::IsJsonObject(config)) return base::Corruption("config.json is no JSON object");
  uint64_t count = kTokenCountDefault;
  INTACT_RETURN_IF_ERROR(
      ForEachField(config, [&](const std::string& name, std::string_view value) -> base::Status {
        if (name != "max_length") return base::Ok();
        const std::optional<uint64_t> given =
            value == "null" ? std::optional(kTokenCountMax) : CountOf(value);
        if (!given || *given == 0)
          return base::Corruption("config.json: max_length is no whole number above 0");
        count = std::min(*given, kTokenCountMax);
        return base::Ok();
      }));
  return count;
}

// Whether all numbers of a tensor of floating-point numbers are finite.
template <typename Word>
bool IsFinite(const Tensor& tensor, Word exponent) {
  bool is_finite = true;
  for (size_t at = 0; at < tensor.bytes.size(); at += sizeof(Word)) {
    is_finite &= (base::Load<Word>(tensor.bytes.data() + at) & exponent) != exponent;
  }
  return is_finite;
}

bool IsFinite(const Tensor& tensor) {
  if (tensor.type == "F64") return IsFinite<uint64_t>(tensor, 0x7ff0000000000000);
  if (tensor.type == "F32") return IsFinite<uint32_t>(tensor, 0x7f800000);
  return tensor.type != "F16" || IsFinite<uint16_t>(tensor, 0x7c00);
}

}  // namespace

base::Result<std::unique_ptr<Model2vec>> Model2vec::Parse(const Model2vecFiles& files) {
  INTACT_ASSIGN_OR_RETURN(const uint64_t token_count_max, ReadTokenCountMax(files.config));
  auto tokeniser = WordPiece::Parse(files.tokeniser);
  if (!tokeniser.ok()) return tokeniser.status().Annotate("tokenizer.json");
  auto tensors = ParseSafetensors(files.tensors);
  if (!tensors.ok()) return tensors.status().Annotate("model.safetensors");
  std::unique_ptr<Model2vec> model(new Model2vec(std::move(tokeniser).value()));
  model->token_count_max_ = token_count_max;
  base::Status status = model->TakeTensors(*tensors);
  if (status.ok()) status = model->CheckNumbers();
  if (!status.ok()) return status.Annotate("model.safetensors");
  base::Digester digester;
  digester.UpdateField(base::AsText(files.tensors));
  digester.UpdateField(files.tokeniser);
  digester.UpdateField(std::to_string(token_count_max));
  model->identity_ = "model2vec@" + digester.Finish().ToHex().substr(0, 16) + "/" +
                     std::to_string(model->dimensions_);
  return model;
}

base::Status Model2vec::TakeTensors(const std::vector<Tensor>& tensors) {
  const Tensor* table = Find(tensors, "embeddings");
  if (table == nullptr) table = Find(tensors, "embedding.weight");
  if (table == nullptr) return base::Corruption("there is no tensor embeddings");
  table_ = *table;
  if (table_.type != "F32" && table_.type != "F16" && table_.type != "I8") {
    return base::Unsupported("the embeddings are of type " + table_.type +
                             "; read are F32, F16 and I8");
  }
  if (table_.shape.size() != 2 || table_.shape[0] == 0 || table_.shape[1] == 0 ||
      table_.shape[1] > kDimensionsMax) {
    return base::Corruption("the embeddings are no table of rows of 1 to 65,536 numbers");
  }
  dimensions_ = static_cast<uint32_t>(table_.shape[1]);
  const auto take = [&](std::string_view name, std::string_view type, std::string_view other,
                        Tensor& target) -> base::Status {
    const Tensor* tensor = Find(tensors, name);
    if (tensor == nullptr) return base::Ok();
    if (tensor->type != type && tensor->type != other) {
      return base::Unsupported("the tensor " + std::string(name) + " is of type " + tensor->type +
                               "; read are " + std::string(type) + " and " + std::string(other));
    }
    if (tensor->shape.size() != 1 || tensor->shape[0] < tokeniser_.id_bound())
      return base::Corruption("the tensor " + std::string(name) + " has not one number a token");
    target = *tensor;
    return base::Ok();
  };
  INTACT_RETURN_IF_ERROR(take("weights", "F32", "F64", weights_));
  INTACT_RETURN_IF_ERROR(take("mapping", "I32", "I64", mapping_));
  if (mapping_.bytes.empty() && table_.shape[0] < tokeniser_.id_bound()) {
    return base::Corruption("the embeddings have " + std::to_string(table_.shape[0]) +
                            " rows, and the tokeniser has tokens up to number " +
                            std::to_string(tokeniser_.id_bound() - 1));
  }
  return base::Ok();
}

base::Status Model2vec::CheckNumbers() const {
  if (!IsFinite(table_) || !IsFinite(weights_))
    return base::Corruption("the tensors hold infinities or NaNs");
  for (uint64_t id = 0; id < (mapping_.bytes.empty() ? 0 : tokeniser_.id_bound()); ++id) {
    if (RowOf(static_cast<uint32_t>(id)) >= table_.shape[0])
      return base::Corruption("the mapping names a row that the embeddings do not have");
  }
  return base::Ok();
}

uint64_t Model2vec::RowOf(uint32_t id) const {
  if (mapping_.bytes.empty()) return id;
  if (mapping_.type == "I64")
    return static_cast<uint64_t>(base::Load<int64_t>(mapping_.bytes.data() + size_t{id} * 8));
  // A negative number becomes one that is too large.
  return static_cast<uint64_t>(
      int64_t{base::Load<int32_t>(mapping_.bytes.data() + size_t{id} * 4)});
}

double Model2vec::WeightOf(uint32_t id) const {
  if (weights_.bytes.empty()) return 1;
  if (weights_.type == "F64") return base::Load<double>(weights_.bytes.data() + size_t{id} * 8);
  return static_cast<double>(base::Load<float>(weights_.bytes.data() + size_t{id} * 4));
}

void Model2vec::AddRow(uint64_t row, double weight, std::span<float> values,
                       std::span<double> sums) const {
  const size_t d = dimensions_;
  const std::byte* source = table_.bytes.data() + row * d * TensorElementSize(table_.type);
  if (table_.type == "F32") {
    std::copy_n(source, d * sizeof(float), reinterpret_cast<std::byte*>(values.data()));
  } else if (table_.type == "F16") {
    simd::BestKernels().widen_f16(source, values.data(), d);
  } else {
    for (size_t j = 0; j < d; ++j) values[j] = static_cast<float>(static_cast<int8_t>(source[j]));
  }
  for (size_t j = 0; j < d; ++j) sums[j] += weight * static_cast<double>(values[j]);
}

std::vector<uint32_t> Model2vec::Tokenise(std::string_view text) const {
  // The library cuts a text to this many characters before it cuts it to tokens.
  return tokeniser_.Tokenise(text, token_count_max_ * tokeniser_.median_token_size(),
                             token_count_max_);
}

void Model2vec::Embed(std::string_view text, std::span<float> vector) const {
  INTACT_CHECK(vector.size() == dimensions_);
  std::vector<double> sums(dimensions_);
  uint64_t count = 0;
  for (const uint32_t id : Tokenise(text)) {
    if (id == tokeniser_.unknown_id()) continue;
    AddRow(RowOf(id), WeightOf(id), vector, sums);
    ++count;
  }
  const bool is_half = table_.type == "F16";
  // What float16 cannot hold stays as it is: no table of embeddings has such means.
  const auto round = [&](double value) {
    const auto single = static_cast<float>(value);
    constexpr float kHalfMax = 65504;
    return is_half && std::fabs(single) <= kHalfMax ? RoundToFloat16(single) : single;
  };
  double squares = 0;
  for (double& sum : sums) {
    sum /= static_cast<double>(std::max<uint64_t>(count, 1));
    if (is_half) sum = static_cast<double>(round(sum));
    squares += sum * sum;
  }
  const double norm = std::sqrt(squares);
  if (!(norm > 0) || norm > std::numeric_limits<double>::max()) {
    std::fill(vector.begin(), vector.end(), 0.0f);
    vector[0] = 1;
    return;
  }
  for (size_t j = 0; j < vector.size(); ++j) vector[j] = round(sums[j] / norm);
}

uint64_t Model2vec::CountTokens(std::string_view text) const { return Tokenise(text).size(); }

}  // namespace intact::model
