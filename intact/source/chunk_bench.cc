// Question: how fast is text split into chunks, parsing included, on one core?
// Data: up to 8 MB a language of files found on this machine (/usr/include, Python's library), else
// text made here. Unit: bytes a second of source text. Bound: the parser alone, whose speed is
// printed beside it by the runtime's own benchmarks at 10 to 20 MB/s a core; memory bandwidth is
// far away.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "intact/source/chunk.h"
#include "intact/source/content.h"
#include "intact/source/walk.h"

namespace intact::source {
namespace {

constexpr size_t kSizeMax = 8u << 20;

std::vector<std::string> FindFiles(const std::vector<std::string>& roots, Language language) {
  std::vector<std::string> texts;
  size_t size = 0;
  for (const std::string& root : roots) {
    const base::Result<WalkResult> walked = Walk(root, {});
    if (!walked.ok()) continue;
    for (const WalkedFile& file : walked->files) {
      base::Result<os::FileContent> content = ReadSource(root, file.path, 1u << 20);
      if (!content.ok() || !ClassifyContent(file.path, content->text).is_in()) continue;
      if (DetectLanguage(file.path, content->text) != language) continue;
      size += content->text.size();
      texts.push_back(std::move(content->text));
      if (size > kSizeMax) return texts;
    }
  }
  return texts;
}

std::vector<std::string> MakeFiles(Language language) {
  std::string text;
  while (text.size() < 40'000) {
    text +=
        language == Language::kPython
            ? "def compute_value(argument, other):\n    return call(argument + other * 3)\n\n"
            : "int compute_value(int argument, int other) {\n  return argument + other * 3;\n}\n\n";
  }
  return std::vector<std::string>(50, text);
}

void BM_Split(benchmark::State& state, Language language) {
  std::vector<std::string> texts = FindFiles(
      {"/usr/include", "/usr/lib/python3", "/usr/lib/python3.11", "/usr/lib/python3.12"}, language);
  if (texts.empty()) texts = MakeFiles(language);
  Chunker chunker;
  size_t size = 0;
  size_t chunk_count = 0;
  for (auto _ : state) {
    size = 0;
    chunk_count = 0;
    for (const std::string& text : texts) {
      chunk_count += chunker.Split(language, text).size();
      size += text.size();
    }
  }
  state.SetBytesProcessed(static_cast<int64_t>(size) * state.iterations());
  state.counters["chunks"] = static_cast<double>(chunk_count);
  state.counters["bytes_per_chunk"] =
      static_cast<double>(size) / static_cast<double>(std::max<size_t>(chunk_count, 1));
}
BENCHMARK_CAPTURE(BM_Split, c, Language::kC)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Split, cpp, Language::kCpp)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Split, python, Language::kPython)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(BM_Split, text, Language::kText)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace intact::source
