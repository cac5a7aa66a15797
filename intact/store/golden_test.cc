// Goal: every later build reads the stores that this format version wrote. Method:
// tests/golden/store-1.0 was written once by WriteGolden below (run with
// INTACT_WRITE_GOLDEN=FOLDER) and is never written again; what it holds is recomputed and compared
// bit for bit.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "intact/store/store.h"

namespace intact::store {
namespace {

constexpr uint32_t kDimensions = 70;  // Not a multiple of 64: the codes are padded.
constexpr uint32_t kRows = 9;
constexpr uint32_t kSection = 1234;

// Rows of all three codec classes.
std::vector<float> Row(uint32_t row) {
  std::vector<float> vector(kDimensions);
  for (uint32_t i = 0; i < kDimensions; ++i) {
    const float whole = static_cast<float>(static_cast<int>((row + 1) * (i + 3) % 61) - 30);
    vector[i] = row % 3 == 0 ? whole : row % 3 == 1 ? whole * 1.0009765625f : whole / 3.0f;
  }
  return vector;
}
base::Digest Key(uint32_t row) { return base::DigestOf("golden " + std::to_string(row)); }

void CommitRows(Store& store, uint32_t first, uint32_t count, size_t merge_count) {
  std::vector<base::Digest> keys;
  std::vector<float> vectors;
  for (uint32_t row = first; row < first + count; ++row) {
    keys.push_back(Key(row));
    const std::vector<float> vector = Row(row);
    vectors.insert(vectors.end(), vector.begin(), vector.end());
  }
  const std::string text = "section of " + std::to_string(first);
  CommitRequest request;
  request.rows = {keys, vectors};
  request.sections = {{kSection, base::AsBytes(text)}};
  request.merge_count = merge_count;
  const base::ByteSpan state = base::AsBytes(text);
  request.engine_state.assign(state.begin(), state.end());
  ASSERT_TRUE(store.Commit(request).ok());
}

void WriteGolden(const std::string& path) {
  OpenOptions options;
  options.create = true;
  options.spec =
      CollectionSpec{.name = "golden", .dimensions = kDimensions, .model = "golden/model@1"};
  auto store = Store::OpenWriter(os::RealFileSystem(), path, options);
  ASSERT_TRUE(store.ok()) << store.status().ToString();
  CommitRows(**store, 0, 3, 0);
  CommitRows(**store, 3, 3, 1);
  CommitRows(**store, 6, 3, 0);
}

TEST(GoldenStore, OfVersion1Point0IsReadBitForBit) {
  if (const char* target = std::getenv("INTACT_WRITE_GOLDEN"); target != nullptr)
    WriteGolden(target);
  const std::string path = INTACT_GOLDEN_FOLDER "/store-1.0";
  const auto snapshot = Store::OpenReadOnly(os::RealFileSystem(), path);
  ASSERT_TRUE(snapshot.ok()) << snapshot.status().ToString();
  EXPECT_EQ((*snapshot)->version(), 3u);
  EXPECT_EQ((*snapshot)->spec().model, "golden/model@1");
  EXPECT_EQ((*snapshot)->row_count(), kRows);
  EXPECT_EQ(base::AsText((*snapshot)->engine_state()), "section of 6");
  std::vector<float> vector(kDimensions);
  for (uint32_t row = 0; row < kRows; ++row) {
    const auto found = (*snapshot)->Find(Key(row));
    ASSERT_TRUE(found.ok() && found->has_value());
    ASSERT_TRUE((*snapshot)->ReadVector(**found, vector).ok());
    EXPECT_EQ(std::memcmp(vector.data(), Row(row).data(), vector.size() * sizeof(float)), 0) << row;
  }
  const auto section = (*snapshot)->segments().back()->Section(kSection);
  ASSERT_TRUE(section.ok());
  EXPECT_EQ(base::AsText(*section), "section of 6");
  const auto report = Verify(os::RealFileSystem(), path);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->problem_count, 0u);
}

}  // namespace
}  // namespace intact::store
