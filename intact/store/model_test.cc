// The store against a std::map: random commits, merges, rewrites and reopenings, compared after
// each.
#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>

#include "intact/store/store.h"
#include "intact/testing/crash_file_system.h"

namespace intact::store {
namespace {

const std::string kFolder = "/data/store";

class ModelTest : public ::testing::TestWithParam<uint32_t> {
 protected:
  ModelTest() : random_(GetParam()), dimensions_(1 + random_() % 100) {}

  OpenOptions Options() {
    OpenOptions options;
    options.create = true;
    options.spec.emplace();
    options.spec->dimensions = dimensions_;
    options.spec->model = "test/model";
    options.segment_size_max = 2000 + random_() % 20000;
    return options;
  }

  void Reopen() {
    store_.reset();
    // Sometimes the machine stops: everything acknowledged must still be there.
    if (random_() % 2 == 0) disk_ = disk_->AfterPowerLoss(random_());
    auto store = Store::OpenWriter(*disk_, kFolder, Options());
    ASSERT_TRUE(store.ok()) << store.status().ToString();
    store_ = *std::move(store);
  }

  std::vector<float> RandomVector() {
    std::vector<float> vector(dimensions_);
    for (float& x : vector) {
      const uint32_t bits = random_() % 3 == 0 ? static_cast<uint32_t>(random_()) & 0xffff0000u
                                               : static_cast<uint32_t>(random_());
      std::memcpy(&x, &bits, sizeof(x));
    }
    return vector;
  }

  void Commit() {
    const auto snapshot = store_->snapshot();
    CommitRequest request;
    std::vector<base::Digest> keys;
    std::vector<float> vectors;
    std::map<base::Digest, std::vector<float>> model = model_;
    std::vector<RowId> kept;
    switch (random_() % 4) {
      case 0:
        request.merge_count = random_() % (snapshot->segments().size() + 1);
        break;
      case 1:
        if (random_() % 3 == 0) {
          for (auto it = model.begin(); it != model.end();) {
            if (random_() % 3 == 0) {
              it = model.erase(it);
            } else {
              kept.push_back(**snapshot->Find(it->first));
              ++it;
            }
          }
          std::sort(kept.begin(), kept.end());
          request.rewrite_rows = kept;
        }
        break;
      default:
        break;
    }
    for (size_t count = random_() % 20; count > 0; --count) {
      keys.push_back(base::DigestOf("key " + std::to_string(random_() % 200)));
      const std::vector<float> vector = RandomVector();
      vectors.insert(vectors.end(), vector.begin(), vector.end());
      model[keys.back()] = vector;
    }
    request.rows = {keys, vectors};
    const auto version = store_->Commit(request);
    ASSERT_TRUE(version.ok()) << version.status().ToString();
    model_ = std::move(model);
  }

  void Compare() {
    const auto snapshot = store_->snapshot();
    std::vector<float> vector(dimensions_);
    for (int i = 0; i < 200; ++i) {
      const base::Digest key = base::DigestOf("key " + std::to_string(i));
      const auto row = snapshot->Find(key);
      ASSERT_TRUE(row.ok());
      const auto expected = model_.find(key);
      ASSERT_EQ(row->has_value(), expected != model_.end());
      if (!row->has_value()) continue;
      ASSERT_TRUE(snapshot->ReadVector(**row, vector).ok());
      ASSERT_EQ(std::memcmp(vector.data(), expected->second.data(), vector.size() * sizeof(float)),
                0);
    }
  }

  std::mt19937 random_;
  uint32_t dimensions_;
  std::unique_ptr<testing::CrashFileSystem> disk_ = std::make_unique<testing::CrashFileSystem>();
  std::unique_ptr<Store> store_;
  std::map<base::Digest, std::vector<float>> model_;
};

TEST_P(ModelTest, HoldsWhatAMapHolds) {
  Reopen();
  for (int step = 0; step < 60; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    if (random_() % 5 == 0) Reopen();
    Commit();
    Compare();
    if (HasFatalFailure()) return;
  }
  EXPECT_EQ(Verify(*disk_, kFolder)->problem_count, 0u);
}

INSTANTIATE_TEST_SUITE_P(Seeds, ModelTest, ::testing::Range(1u, 21u));

}  // namespace
}  // namespace intact::store
