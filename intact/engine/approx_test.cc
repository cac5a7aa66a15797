// Goal: inverted lists follow the store they belong to (new rows, deleted rows, merged segments, a
// run that is stopped), and damage to them costs speed, never a result.
#include "intact/engine/approx.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "intact/engine/admin.h"
#include "intact/engine/approx_lists.h"
#include "intact/engine/upkeep.h"
#include "intact/engine/versions.h"
#include "intact/os/os.h"
#include "intact/store/store.h"
#include "intact/store/verify.h"
#include "intact/testing/clustered.h"
#include "intact/testing/testing.h"

namespace intact::engine {
namespace {

constexpr uint32_t kDimensions = 128;

class Approx : public ::testing::Test {
 protected:
  Approx() : vectors_(kDimensions, 30, 9) {
    place_ = {.root = folder_.path(), .store = folder_ / "store", .exists = true};
    Reopen();
    AddRows(3000);
  }
  void Reopen() {
    store_.reset();
    store::OpenOptions options;
    options.create = true;
    options.spec = {.dimensions = kDimensions, .model = "test"};
    options.journal_size_max = 0;
    auto opened = store::Store::OpenWriter(os::RealFileSystem(), place_.store, options);
    ASSERT_TRUE(opened.ok()) << opened.status().ToString();
    store_ = std::move(opened).value();
  }
  std::vector<float> Vector(uint64_t number) const {
    std::vector<float> vector(kDimensions);
    vectors_.Make(number, vector);
    return vector;
  }
  // A segment of its own; row i of the store is vector i.
  void AddRows(size_t count) {
    std::vector<base::Digest> keys;
    std::vector<float> values;
    for (size_t i = 0; i < count; ++i) {
      keys.push_back(base::DigestOf(std::to_string(next_)));
      const std::vector<float> vector = Vector(next_++);
      values.insert(values.end(), vector.begin(), vector.end());
    }
    store::CommitRequest request;
    request.rows = {keys, values};
    ASSERT_TRUE(store_->Commit(request).ok());
  }
  base::Result<ApproxReport> Build(bool retrains = false) {
    ApproxOptions options;
    options.rows_min = 1000;
    options.retrains = retrains;
    return BuildApprox(place_, options);
  }
  std::shared_ptr<const ApproxLists> Lists() {
    return ApproxLists::Open(store_->snapshot(), place_.store);
  }
  static search::TopKOptions Top(size_t k) {
    search::TopKOptions options;
    options.k = k;
    options.metric = search::Metric::kCosine;
    return options;
  }
  std::vector<search::VectorHit> Exact(std::span<const float> query) {
    // Without lists.
    const auto none = ApproxLists::Open(store_->snapshot(), folder_ / "nothing");
    return none->Search(nullptr, query, Top(10), 0)->top.hits;
  }
  void Damage(const std::string& path, uint64_t offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const auto byte = static_cast<char>(file.get() ^ 0x40);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(byte);
    ASSERT_TRUE(file.good());
  }
  uint64_t SegmentId(size_t index) { return store_->snapshot()->segments()[index]->id(); }

  testing::TemporaryFolder folder_;
  testing::ClusteredVectors vectors_;
  Place place_;
  std::unique_ptr<store::Store> store_;
  uint64_t next_ = 0;
};

TEST_F(Approx, FindsWhatItSaysItFinds) {
  const auto report = Build();
  ASSERT_TRUE(report.ok()) << report.status().ToString();
  EXPECT_TRUE(report->is_trained);
  EXPECT_EQ(report->files_written, 1u);
  const ApproxStatus& status = report->status;
  EXPECT_EQ(status.rows_covered, 3000u);
  EXPECT_EQ(status.lists, 109u);
  EXPECT_GE(status.sample_size, 200u);
  EXPECT_GE(status.recall, 0.99);
  EXPECT_GE(status.probes, 4u);
  EXPECT_LT(status.probes, status.lists);
  EXPECT_TRUE(status.problems.empty());

  const auto lists = Lists();
  size_t found = 0;
  for (uint64_t i = 0; i < 100; ++i) {
    const std::vector<float> query = Vector(1'000'000 + i);
    const auto result = lists->Search(nullptr, query, Top(10), 0);
    ASSERT_TRUE(result.ok());
    EXPECT_FALSE(result->is_exact);
    EXPECT_EQ(result->problem, "");
    const auto exact = Exact(query);
    for (const search::VectorHit& hit : result->top.hits) {
      EXPECT_EQ(hit.score, search::Score(search::Metric::kCosine, query, Vector(hit.id)));
      found += hit.score >= exact.back().score ? 1 : 0;
    }
    EXPECT_EQ(lists->Search(nullptr, query, Top(10), status.lists)->top.hits, exact);
  }
  EXPECT_GE(found, 970u);
}

TEST_F(Approx, NewRowsAreFoundAtOnceAndGetListsLater) {
  ASSERT_TRUE(Build().ok());
  AddRows(1500);
  const auto before = Lists();
  EXPECT_EQ(before->status().rows_covered, 3000u);
  for (uint64_t row = 3000; row < 4500; row += 101) {
    const auto result = before->Search(nullptr, Vector(row), Top(1), 1);
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(result->top.hits[0].id, row);
  }
  const auto report = Build();
  ASSERT_TRUE(report.ok()) << report.status().ToString();
  EXPECT_FALSE(report->is_trained);
  EXPECT_EQ(report->files_written, 1u);
  EXPECT_EQ(report->status.rows_covered, 4500u);
  EXPECT_EQ(report->status.rows_trained, 3000u);
  EXPECT_EQ(Build()->files_written, 0u);
}

TEST_F(Approx, TrainsAnewWhenTheRowsGrewFourTimes) {
  ASSERT_TRUE(Build().ok());
  AddRows(9000);
  const auto report = Build();
  ASSERT_TRUE(report.ok());
  EXPECT_TRUE(report->is_trained);
  EXPECT_EQ(report->files_written, 2u);
  EXPECT_EQ(report->status.rows_trained, 12'000u);
  EXPECT_EQ(report->status.rows_covered, 12'000u);
}

TEST_F(Approx, RowsThatAreNotAllowedAreNotFound) {
  ASSERT_TRUE(Build().ok());
  AddRows(1500);
  std::vector<search::Bitmap> allowed = {search::Bitmap(3000), search::Bitmap(1500)};
  allowed[0].AddRange(0, 2900);
  allowed[1].AddRange(7, 1500);
  const auto rows = std::make_shared<const std::vector<search::Bitmap>>(std::move(allowed));
  const auto lists = Lists();
  for (const uint64_t row : {2950, 3003, 17}) {
    const auto result = lists->Search(rows, Vector(row), Top(5), 8);
    ASSERT_TRUE(result.ok());
    for (const search::VectorHit& hit : result->top.hits) {
      EXPECT_TRUE(hit.id < 2900 || hit.id >= 3007) << hit.id;
    }
    EXPECT_EQ(result->top.hits[0].id == row, row == 17);
  }
}

TEST_F(Approx, DamagedFilesMeanAnExactSearchAndAMessage) {
  ASSERT_TRUE(Build().ok());
  const std::string path = ApproxPath(place_.store, SegmentId(0));
  const uint64_t size = os::StatPath(path)->size;
  const std::vector<float> query = Vector(123'456);
  const auto exact = Exact(query);
  // Header, centroids, and, by many places, lists.
  for (uint64_t at = 100; at < size; at += 23'456) {
    Damage(path, at);
    const auto lists = Lists();
    const auto result = lists->Search(nullptr, query, Top(10), 100);
    ASSERT_TRUE(result.ok()) << result.status().ToString();
    EXPECT_TRUE(result->is_exact || !lists->is_empty());
    for (const search::VectorHit& hit : result->top.hits) {
      EXPECT_EQ(hit.score, search::Score(search::Metric::kCosine, query, Vector(hit.id)));
    }
    if (result->is_exact) {
      EXPECT_TRUE(!result->problem.empty() || !lists->problems().empty());
      EXPECT_EQ(result->top.hits, exact);
    }
    Damage(path, at);
  }
  std::ofstream(path, std::ios::trunc).put('x');
  EXPECT_EQ(Lists()->problems().size(), 1u);
  EXPECT_EQ(Lists()->Search(nullptr, query, Top(10), 0)->top.hits, exact);
  const auto report = Build();
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->files_written, 1u);
  EXPECT_TRUE(report->status.problems.empty());
}

TEST_F(Approx, ADamagedListIsFoundByVerifyAndMadeAgain) {
  ASSERT_TRUE(Build().ok());
  const auto problems = [&] {
    const auto report = VerifyIndex(place_, nullptr, true);
    return report.ok() ? report->approx_problems : std::vector<FileProblem>{{"", ""}};
  };
  EXPECT_TRUE(problems().empty());
  EXPECT_EQ(Build()->files_written, 0u);
  const std::string path = ApproxPath(place_.store, SegmentId(0));
  Damage(path, os::StatPath(path)->size - 70);  // In the last list.
  ASSERT_EQ(problems().size(), 1u);
  EXPECT_EQ(problems()[0].path, path);
  EXPECT_EQ(Build()->files_written, 1u);
  EXPECT_TRUE(problems().empty());
}

TEST_F(Approx, ADamagedSummaryIsSeenAndMadeAgain) {
  ASSERT_TRUE(Build().ok());
  Damage(ApproxSummaryPath(place_.store), 70);
  EXPECT_TRUE(Lists()->is_empty());
  EXPECT_EQ(Lists()->problems().size(), 1u);
  const auto report = Build();
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->status.rows_covered, 3000u);
  // The same rows gave the same centroids: the file that was there is one of them.
  EXPECT_EQ(report->files_written, 0u);
}

TEST_F(Approx, AStoppedRunLeavesWhatItFinishedAndNothingElse) {
  AddRows(2000);
  std::atomic<bool> stop = false;
  ApproxOptions options;
  options.rows_min = 1000;
  options.stop = &stop;
  options.progress = [&](const ApproxProgress& progress) {
    if (progress.verb == "sorting" && progress.done == progress.total) stop = true;
  };
  EXPECT_EQ(BuildApprox(place_, options).code(), base::Code::kCancelled);
  EXPECT_TRUE(Lists()->is_empty());
  const auto entries = os::ListDirectory(ApproxFolder(place_.store));
  ASSERT_TRUE(entries.ok());
  for (const auto& entry : *entries) {
    EXPECT_FALSE(entry.name.ends_with(".tmp")) << entry.name;
  }
  // What a killed run leaves: the beginning of a file under another name.
  std::ofstream(ApproxPath(place_.store, 77) + ".tmp") << "beginning";
  const auto report = Build();
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->files_written, 1u);
  EXPECT_EQ(report->files_removed, 1u);
  EXPECT_EQ(report->status.segments_covered, 2u);
}

TEST_F(Approx, OneRunAtATime) {
  ASSERT_TRUE(Build().ok());
  const auto lock = os::RealFileSystem().Lock(os::JoinPath(ApproxFolder(place_.store), "LOCK"));
  ASSERT_TRUE(lock.ok());
  EXPECT_EQ(Build().code(), base::Code::kUnavailable);
  EXPECT_EQ(DropApprox(place_).code(), base::Code::kUnavailable);
  EXPECT_EQ(SweepApprox(place_.store), 0u);
}

TEST_F(Approx, ListsOfSegmentsThatNoVersionNeedsGo) {
  ASSERT_TRUE(Build().ok());
  const std::string path = ApproxPath(place_.store, SegmentId(0));
  EXPECT_EQ(SweepApprox(place_.store), 0u);
  std::vector<store::RowId> rows;
  for (store::RowId row = 0; row < 3000; row += 2) rows.push_back(row);
  store::CommitRequest request;
  request.rewrite_rows = rows;
  request.drops_parent = true;
  ASSERT_TRUE(store_->Commit(request).ok());
  // Numbers of rows changed; the new segment is scanned exactly until it has lists.
  const auto result = Lists()->Search(nullptr, Vector(400), Top(1), 1);
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->is_exact);
  std::vector<float> vector(kDimensions);
  ASSERT_TRUE(store_->snapshot()->ReadVector(result->top.hits[0].id, vector).ok());
  EXPECT_EQ(vector, Vector(400));
  EXPECT_GT(SweepApprox(place_.store), 0u);
  EXPECT_FALSE(os::StatPath(path).ok());
  EXPECT_EQ(Build()->status.rows_covered, 1500u);
}

TEST_F(Approx, TheStoreDoesNotMind) {
  ASSERT_TRUE(Build().ok());
  Reopen();
  AddRows(10);
  EXPECT_TRUE(store::Verify(os::RealFileSystem(), place_.store, {})->ok());
  const auto examined = store::Examine(os::RealFileSystem(), place_.store, {});
  ASSERT_TRUE(examined.ok());
  EXPECT_TRUE(examined->IsSound());
  EXPECT_TRUE(examined->findings.empty());
  store_.reset();
  const auto repaired = store::Examine(os::RealFileSystem(), place_.store, {.repairs = true});
  ASSERT_TRUE(repaired.ok());
  EXPECT_TRUE(repaired->actions.empty());
  ASSERT_TRUE(BackupPlace(place_, folder_ / "copy", true, {}).ok());
  Place copy = place_;
  copy.store = folder_ / "copy";
  ApproxOptions options;
  options.rows_min = 1000;
  EXPECT_EQ(BuildApprox(copy, options)->status.rows_covered, 3000u);
}

TEST_F(Approx, DroppingLeavesNothing) {
  ASSERT_TRUE(Build().ok());
  const auto bytes = DropApprox(place_);
  ASSERT_TRUE(bytes.ok());
  EXPECT_GT(*bytes, 100'000u);
  EXPECT_FALSE(os::StatPath(ApproxFolder(place_.store)).ok());
  EXPECT_EQ(*DropApprox(place_), 0u);
  EXPECT_TRUE(Lists()->is_empty());
  EXPECT_TRUE(Lists()->problems().empty());
}

TEST_F(Approx, SmallStoresNeedNone) {
  const auto report = BuildApprox(place_, {});
  ASSERT_TRUE(report.ok());
  EXPECT_FALSE(report->status.exists());
  EXPECT_EQ(report->status.rows, 3000u);
}

}  // namespace
}  // namespace intact::engine
