// Goal: segments lie in the layout that suits their rows, and merging segments of different layouts
// changes no bit of what they hold. Method: rows without structure, rows around centres, few rows.
#include "intact/store/code_layout.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <random>

#include "intact/store/store.h"
#include "intact/store/verify.h"
#include "intact/testing/clustered.h"
#include "intact/testing/crash_file_system.h"

namespace intact::store {
namespace {

constexpr uint32_t kDimensions = 384;
constexpr size_t kLarge = kWholeCodesRowsMin;
const std::string kFolder = "/data/store";

enum class Kind { kIsotropic, kClustered, kZero };

std::vector<float> Vectors(Kind kind, size_t count, uint64_t first = 0) {
  std::vector<float> vectors(count * kDimensions);
  if (kind == Kind::kIsotropic) {
    std::mt19937_64 random(first + 1);
    std::normal_distribution<float> normal;
    for (float& x : vectors) x = normal(random);
  }
  if (kind == Kind::kClustered) {
    const testing::ClusteredVectors clustered(kDimensions, 300, 3);
    for (size_t i = 0; i < count; ++i) {
      clustered.Make(first + i, std::span(vectors).subspan(i * kDimensions, kDimensions));
    }
  }
  return vectors;
}

TEST(CodeLayout, IsWholeWhereHalvesRuleOutTooLittle) {
  const struct {
    Kind kind;
    size_t rows;
    bool is_whole;
  } cases[] = {{Kind::kIsotropic, kLarge, true},      {Kind::kIsotropic, kLarge - 1, false},
               {Kind::kIsotropic, 1, false},          {Kind::kClustered, kLarge, false},
               {Kind::kClustered, kLarge + 7, false}, {Kind::kZero, kLarge, false}};
  for (const auto& [kind, row_count, is_whole] : cases) {
    const size_t rows = row_count;  // Bindings cannot be captured by every compiler.
    // Row i of a large set is sampled vector i / 16 or so: so many are enough.
    const std::vector<float> vectors = Vectors(kind, std::min<size_t>(rows, 2'000));
    const auto read_code = [&](uint64_t row, std::span<int8_t> code) {
      const size_t i = row * (vectors.size() / kDimensions) / rows;
      quant::QuantiseInt8(std::span(vectors).subspan(i * kDimensions, kDimensions), code);
    };
    EXPECT_EQ(SuitsWholeCodes(rows, kDimensions, read_code), is_whole)
        << static_cast<int>(kind) << " " << rows;
  }
}

class CodeLayoutTest : public ::testing::Test {
 protected:
  CodeLayoutTest() {
    OpenOptions options;
    options.create = true;
    options.spec.emplace();
    options.spec->dimensions = kDimensions;
    options.spec->model = "test/layout";
    auto store = Store::OpenWriter(files_, kFolder, options);
    INTACT_CHECK(store.ok());
    store_ = *std::move(store);
  }
  void Commit(Kind kind, size_t count, size_t merge_count = 0) {
    const std::vector<float> vectors = Vectors(kind, count, vectors_.size());
    std::vector<base::Digest> keys;
    for (size_t i = 0; i < count; ++i) {
      keys.push_back(base::DigestOf(std::to_string(vectors_.size() + i * kDimensions)));
    }
    vectors_.insert(vectors_.end(), vectors.begin(), vectors.end());
    CommitRequest request;
    request.rows = {keys, vectors};
    request.merge_count = merge_count;
    const auto version = store_->Commit(request);
    ASSERT_TRUE(version.ok()) << version.status().ToString();
  }
  // Every vector and code is as if its row had been written alone, and the store verifies.
  void ExpectSound() const {
    const auto snapshot = store_->snapshot();
    ASSERT_EQ(snapshot->row_count() * kDimensions, vectors_.size());
    std::vector<float> vector(kDimensions);
    RowCoder coder(kDimensions);
    const RowId first = snapshot->segments()[0]->first_row();
    for (RowId row = first; row < first + snapshot->row_count(); ++row) {
      ASSERT_TRUE(snapshot->ReadVector(row, vector).ok());
      const auto given = std::span(vectors_).subspan((row - first) * kDimensions, kDimensions);
      ASSERT_TRUE(std::ranges::equal(std::as_bytes(std::span(vector)), std::as_bytes(given)));
      const auto segment = snapshot->SegmentOf(row);
      coder.Encode(given);
      ASSERT_TRUE(coder.IsIn(segment->codes(), row - segment->first_row())) << row;
    }
    const auto report = Verify(files_, kFolder);
    ASSERT_TRUE(report.ok());
    EXPECT_TRUE(report->problems.empty());
  }
  bool IsWhole(size_t segment) const {
    return store_->snapshot()->segments()[segment]->codes().is_whole();
  }

  mutable testing::CrashFileSystem files_;
  std::unique_ptr<Store> store_;
  std::vector<float> vectors_;
};

TEST_F(CodeLayoutTest, MergesHalvesIntoWholeCodesAndBack) {
  Commit(Kind::kIsotropic, kLarge);
  EXPECT_TRUE(IsWhole(0));
  Commit(Kind::kIsotropic, 50);
  EXPECT_FALSE(IsWhole(1));
  Commit(Kind::kIsotropic, 3, 2);
  ASSERT_EQ(store_->snapshot()->segments().size(), 1u);
  EXPECT_TRUE(IsWhole(0));
  ExpectSound();

  std::vector<RowId> rows;
  std::vector<float> vectors;
  for (RowId row = 1; row < store_->snapshot()->row_count(); row += 4) {
    rows.push_back(row);
    const auto vector = std::span(vectors_).subspan(row * kDimensions, kDimensions);
    vectors.insert(vectors.end(), vector.begin(), vector.end());
  }
  vectors_ = vectors;
  CommitRequest request;
  request.rewrite_rows = rows;
  ASSERT_TRUE(store_->Commit(request).ok());
  EXPECT_FALSE(IsWhole(0));
  ExpectSound();
}

}  // namespace
}  // namespace intact::store
