// Question: are real embeddings stored as small as promised, and exactly? Data: the files
// MODEL__DIM__COUNT.f32 (float32, row-major) of the folder that INTACT_EMBEDDINGS names; skipped
// without one. Unit: % of raw float32 in blocks of up to 1,024 rows, every header included.
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <tuple>

#include "intact/codec/round_trip_test.h"
#include "intact/codec/vector_block.h"

namespace intact::codec {
namespace {

struct EmbeddingFile {
  std::string model;
  size_t dimensions = 0;
  std::vector<float> rows;
};

// The promises: the longest beginning of a model's name counts. Files of fewer rows than
// `row_count_min` pay for their tables alone and promise nothing.
struct Promise {
  std::string_view model;
  size_t row_count_min;
  double compact_percent;
  double fast_percent;
};
constexpr Promise kPromises[] = {
    {"openai-", 100, 43.0, 51.5},
    {"amazon-titan-embed-text-v1", 1, 34.0, 52.5},
    {"amazon-titan-embed-text-v2", 1, 80.0, 88.0},
    {"amazon-nova-2", 1, 34.0, 51.5},
    {"cohere-embed-english", 1, 44.0, 51.5},
    {"cohere-embed-multilingual", 1, 44.0, 51.5},
    {"cohere-embed-v3-renormalised", 1, 46.5, 88.0},
    {"cohere-embed-v4", 1, 38.0, 88.0},
    {"azure-ai-vision", 1, 44.0, 51.5},
    {"mistral", 1, 44.0, 51.5},
    {"voyage-4", 1, 39.0, 88.0},
    {"voyage", 1, 88.0, 88.0},
    // True float32.
    {"", 30, 83.5, 88.0},
};

const Promise& PromiseFor(std::string_view model) {
  return *std::find_if(std::begin(kPromises), std::end(kPromises),
                       [&](const Promise& promise) { return model.starts_with(promise.model); });
}

// Nothing when the name is not MODEL__DIM__COUNT.f32 or the size is not what it says.
std::vector<EmbeddingFile> ReadFiles(const std::string& folder) {
  std::vector<EmbeddingFile> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".f32") continue;
    const std::string name = entry.path().stem().string();
    const size_t last = name.rfind("__");
    const size_t middle = last == std::string::npos ? last : name.rfind("__", last - 1);
    EXPECT_NE(middle, std::string::npos) << name;
    if (middle == std::string::npos) continue;
    EmbeddingFile file;
    file.model = name.substr(0, middle);
    std::from_chars(name.data() + middle + 2, name.data() + last, file.dimensions);
    std::ifstream stream(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
    const size_t row_size = 4 * file.dimensions;
    EXPECT_TRUE(row_size > 0 && bytes.size() % row_size == 0) << name;
    if (row_size == 0 || bytes.size() % row_size != 0) continue;
    file.rows.resize(bytes.size() / 4);
    std::memcpy(file.rows.data(), bytes.data(), bytes.size());
    files.push_back(std::move(file));
  }
  std::sort(files.begin(), files.end(), [](const EmbeddingFile& a, const EmbeddingFile& b) {
    return std::tie(a.model, a.dimensions) < std::tie(b.model, b.dimensions);
  });
  return files;
}

struct Stored {
  double percent = 0;
  std::map<std::string_view, size_t> kinds;
};

Stored ExpectBlocks(const EmbeddingFile& file, Goal goal) {
  const size_t d = file.dimensions;
  Stored stored;
  size_t size = 0;
  for (size_t at = 0; at < file.rows.size(); at += kVectorBlockRowsMax * d) {
    const auto rows = std::span<const float>(file.rows).subspan(
        at, std::min(kVectorBlockRowsMax * d, file.rows.size() - at));
    base::Bytes bytes;
    std::vector<VectorKind> kinds;
    EncodeVectorBlock(base::ElementType::kFloat32, d, std::as_bytes(rows), goal, bytes, &kinds);
    size += bytes.size();
    for (const VectorKind& kind : kinds) ++stored.kinds[KindName(kind)];
    const auto block = VectorBlock::Open(bytes);
    EXPECT_TRUE(block.ok());
    std::vector<float> decoded(rows.size());
    EXPECT_TRUE(block.ok() && block->ReadRows(0, rows.size() / d, decoded).ok());
    EXPECT_TRUE(HaveSameBits(decoded, rows));
  }
  stored.percent = 100.0 * static_cast<double>(size) / static_cast<double>(4 * file.rows.size());
  return stored;
}

// The rows' search codes completed, in % of raw with the codes and their scales.
double ExpectCompletions(const EmbeddingFile& file) {
  const size_t d = file.dimensions;
  const VectorTables tables =
      LearnedTables(std::span(file.rows).first(std::min(file.rows.size(), 256 * d)), d);
  VectorEncoder encoder(tables);
  base::Bytes encoded;
  size_t size = 0;
  for (size_t at = 0; at < file.rows.size(); at += d) {
    const auto row = std::span<const float>(file.rows).subspan(at, d);
    ExpectCompletion(encoder, tables, row, intact::testing::SearchCodeOf(row), encoded);
    size += encoded.size() + d + sizeof(float);
  }
  return 100.0 * static_cast<double>(size) / static_cast<double>(4 * file.rows.size());
}

TEST(CodecEmbeddings, AreStoredExactlyAndAsSmallAsPromised) {
  const char* folder = std::getenv("INTACT_EMBEDDINGS");
  if (folder == nullptr) GTEST_SKIP() << "INTACT_EMBEDDINGS names no folder of embeddings";
  const std::vector<EmbeddingFile> files = ReadFiles(folder);
  ASSERT_FALSE(files.empty()) << folder;
  for (const EmbeddingFile& file : files) {
    const size_t row_count = file.rows.size() / file.dimensions;
    const Stored compact = ExpectBlocks(file, Goal::kCompact);
    const Stored fast = ExpectBlocks(file, Goal::kFast);
    const double with_code = ExpectCompletions(file);
    std::printf("%-44s %5zu x %4zu  compact %6.2f  fast %6.2f  code and rest %6.2f ",
                file.model.c_str(), row_count, file.dimensions, compact.percent, fast.percent,
                with_code);
    for (const auto& [kind, count] : compact.kinds) {
      std::printf(" %zu %.*s;", count, static_cast<int>(kind.size()), kind.data());
    }
    std::printf("\n");
    const Promise& promise = PromiseFor(file.model);
    if (row_count < promise.row_count_min) continue;
    // Kind and size of a row are two bytes, which few dimensions do not outweigh.
    const double beside = file.dimensions < 256 ? 50.0 / static_cast<double>(file.dimensions) : 0;
    EXPECT_LE(compact.percent, promise.compact_percent + beside)
        << file.model << " " << file.dimensions;
    EXPECT_LE(fast.percent, promise.fast_percent) << file.model << " " << file.dimensions;
  }
}

}  // namespace
}  // namespace intact::codec
