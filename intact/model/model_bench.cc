// Question: how many tokens a second does one core tokenise, and embed? Data: C++ text of this
// repository's kind, made by repeating a sample with changing names. Unit: tokens a second; goal 2
// million embedded.
#include <benchmark/benchmark.h>

#include "intact/model/model.h"

namespace {

namespace model = intact::model;

std::string SampleText() {
  std::string text;
  for (int i = 0; i < 40; ++i) {
    const std::string n = std::to_string(i);
    text += "// Returns the retry delay of attempt " + n +
            " in milliseconds.\nint64_t RetryDelayMs" + n +
            "(const BackoffOptions& options, uint32_t attempt_count) {\n  const double jitter = "
            "RandomUniform(options.seed + " +
            n + ");\n  return std::min(options.delay_max_ms, base << attempt_count);\n}\n";
  }
  return text;
}

uint64_t CountTokens(const std::string& text) {
  uint64_t count = 0;
  model::Tokeniser tokeniser(text);
  for (model::Token token; tokeniser.Next(token);) ++count;
  return count;
}

void Tokenise(benchmark::State& state) {
  const std::string text = SampleText();
  uint64_t tokens = 0;
  for (auto _ : state) tokens += CountTokens(text);
  state.SetItemsProcessed(static_cast<int64_t>(tokens));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}
BENCHMARK(Tokenise);

// Chunks of about 200 tokens, the usual size.
void EmbedChunks(benchmark::State& state) {
  const auto model =
      model::StaticModel::Parse(model::BuiltinModelFile(), model::DigestCheck::kSkip).value();
  const std::string text = SampleText();
  const uint64_t tokens_of_text = CountTokens(text);
  const size_t size = text.size() * 200 / tokens_of_text;
  std::vector<float> vector(model->dimensions());
  uint64_t tokens = 0;
  for (auto _ : state) {
    for (size_t at = 0; at + size <= text.size(); at += size) {
      const std::string chunk = text.substr(at, size);
      model->Embed(chunk, vector);
      benchmark::DoNotOptimize(vector.data());
      tokens += 200;
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(tokens));
}
BENCHMARK(EmbedChunks);

}  // namespace
