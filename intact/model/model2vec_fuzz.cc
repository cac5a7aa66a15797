// Goal: no bytes make the readers of model folders, or the models they make, crash or allocate
// without bound. Input: a byte that says which file the rest is; the other two are sound.
#include <cmath>
#include <string>

#include "intact/base/check.h"
#include "intact/model/model2vec.h"
#include "intact/model/static_model.h"

namespace {

constexpr std::string_view kTokeniser =
    R"({"added_tokens":[{"id":0,"content":"[P]"}],"normalizer":{"type":"BertNormalizer"},)"
    R"("pre_tokenizer":{"type":"BertPreTokenizer"},"model":{"type":"WordPiece","unk_token":"u",)"
    R"("vocab":{"u":1,"a":2,"##b":3}}})";

std::string SoundTensors() {
  const std::string header = R"({"embeddings":{"dtype":"I8","shape":[4,2],"data_offsets":[0,8]}})";
  std::string file(8, '\0');
  file[0] = static_cast<char>(header.size());
  return file + header + "\1\2\3\4\5\6\7\10";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string tensors = SoundTensors(), tokeniser(kTokeniser), config = "{}", text = "ab [P] a-b";
  (data[0] % 4 == 0   ? tensors
   : data[0] % 4 == 1 ? tokeniser
   : data[0] % 4 == 2 ? config
                      : text) = rest;
  const auto model = intact::model::Model2vec::Parse(
      {.tensors = intact::base::AsBytes(tensors), .tokeniser = tokeniser, .config = config});
  if (!model.ok()) return 0;
  std::vector<float> vector((*model)->dimensions());
  (*model)->Embed(text, vector);
  for (const float value : vector) INTACT_CHECK(std::isfinite(value));
  (*model)->CountTokens(text);
  return 0;
}
