// Goal: a search over a collection gives what a plain float32 scan over its live records gives, ids
// and score bits, for every metric, filter and group, whatever was replaced, deleted or merged.
#include "intact/engine/collection_search.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <map>
#include <random>

#include "intact/engine/collection_writer.h"
#include "intact/os/os.h"
#include "intact/search/topk.h"
#include "intact/testing/testing.h"

namespace intact::engine {
namespace {

using base::Code;
using ::testing::HasSubstr;

constexpr size_t kDimensions = 24;

// A record as the test knows it.
struct Kept {
  std::vector<float> vector;
  std::string metadata;
  int number = 0;
  std::string group;  // "" without one.
};

// A collection in a folder, and beside it what should be in it.
class CollectionSearchTest : public ::testing::Test {
 protected:
  void Create(format::Metric metric, bool has_ids = true) {
    has_ids_ = has_ids;
    metric_ = metric;
    Reopen();
  }
  // Another writer: what the last one wrote stays a version of its own.
  void Reopen() {
    writer_.reset();
    CollectionShape shape;
    shape.dimensions = kDimensions;
    shape.source = format::VectorFileKind::kJsonLines;
    shape.has_ids = has_ids_;
    shape.metric = metric_;
    auto writer = CollectionWriter::Open(os::RealFileSystem(), Path(), shape);
    ASSERT_TRUE(writer.ok()) << writer.status().ToString();
    writer_ = *std::move(writer);
  }

  std::vector<float> RandomVector() {
    std::vector<float> vector(kDimensions);
    if (metric_ == format::Metric::kHamming) {
      for (float& x : vector) x = static_cast<float>(random_() % 2);
      return vector;
    }
    // Few values, so that scores tie now and then; some rows are zero.
    const bool is_coarse = random_() % 4 == 0;
    const bool is_zero = random_() % 97 == 0;
    for (float& x : vector) {
      x = is_zero     ? 0.0f
          : is_coarse ? static_cast<float>(random_() % 3) - 1.0f
                      : std::normal_distribution<float>()(random_);
    }
    return vector;
  }

  // Puts the records of `ids`; in a collection without ids they must be 0, 1, 2, ...
  void Put(const std::vector<std::string>& ids) {
    format::VectorRows rows;
    rows.count = ids.size();
    for (const std::string& id : ids) {
      Kept record;
      record.vector = RandomVector();
      record.number = static_cast<int>(random_() % 50);
      record.group = random_() % 5 == 0 ? "" : "g" + std::to_string(random_() % 7);
      record.metadata = "{\"n\":" + std::to_string(record.number) +
                        (record.group.empty() ? "" : ",\"g\":\"" + record.group + "\"") + "}";
      const auto bytes = std::as_bytes(std::span(record.vector));
      rows.elements.insert(rows.elements.end(), bytes.begin(), bytes.end());
      if (has_ids_) rows.ids.push_back(id);
      rows.metadata.push_back(record.metadata);
      kept_[id] = std::move(record);
    }
    ASSERT_TRUE(writer_->Add(rows).ok());
    ASSERT_TRUE(writer_->Commit().ok());
  }
  void Delete(const std::vector<std::string>& ids) {
    ASSERT_TRUE(writer_->Delete(ids).ok());
    ASSERT_TRUE(writer_->Commit().ok());
    for (const std::string& id : ids) kept_.erase(id);
  }
  std::vector<std::string> Names(size_t begin, size_t end) {
    std::vector<std::string> names;
    for (size_t i = begin; i < end; ++i) {
      names.push_back(has_ids_ ? (i % 2 == 0 ? "even/" : "odd/") + std::to_string(i)
                               : std::to_string(i));
    }
    return names;
  }
  // Several segments with replaced and deleted rows.
  void Fill() {
    Put(Names(0, 700));
    Put(Names(700, 900));
    Reopen();  // Numbers begin anew.
    Put(Names(0, 50));
    Delete(Names(400, 420));
    writer_->NumberFromEnd();
    Put(Names(900, 903));
    if (has_ids_) Put(Names(410, 412));
  }

  std::unique_ptr<CollectionSearcher> Open(const CollectionSearcherOptions& options = {}) {
    auto searcher = CollectionSearcher::Open(Path(), options);
    EXPECT_TRUE(searcher.ok()) << searcher.status().ToString();
    return searcher.ok() ? *std::move(searcher) : nullptr;
  }

  search::Metric SearchMetric() const {
    return metric_ == format::Metric::kDot      ? search::Metric::kInnerProduct
           : metric_ == format::Metric::kCosine ? search::Metric::kCosine
                                                : search::Metric::kNegativeSquaredDistance;
  }
  // What order ids have.
  bool GoesBefore(const std::string& a, const std::string& b) const {
    return has_ids_ ? a < b : std::stoul(a) < std::stoul(b);
  }

  using Passes = std::function<bool(const std::string& id, const Kept& record)>;
  // The plain scan; without groups.
  std::vector<std::pair<float, std::string>> Scan(std::span<const float> query,
                                                  const Passes& passes = {}) const {
    std::vector<std::pair<float, std::string>> all;
    for (const auto& [id, record] : kept_) {
      if (passes && !passes(id, record)) continue;
      all.emplace_back(search::Score(SearchMetric(), query, record.vector), id);
    }
    std::sort(all.begin(), all.end(), [&](const auto& a, const auto& b) {
      return a.first != b.first ? a.first > b.first : GoesBefore(a.second, b.second);
    });
    return all;
  }
  void ExpectHits(const VectorSearchResult& result,
                  std::vector<std::pair<float, std::string>> expected, size_t k) const {
    if (expected.size() > k) expected.resize(k);
    ASSERT_EQ(result.hits.size(), expected.size());
    for (size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ(result.hits[i].id, expected[i].second) << i;
      EXPECT_EQ(std::bit_cast<uint32_t>(result.hits[i].score),
                std::bit_cast<uint32_t>(expected[i].first));
      EXPECT_EQ(result.hits[i].metadata, kept_.at(expected[i].second).metadata);
    }
  }
  std::string Path() const { return folder_ / "vectors"; }

  testing::TemporaryFolder folder_;
  std::mt19937_64 random_{7};
  bool has_ids_ = true;
  format::Metric metric_ = format::Metric::kCosine;
  std::unique_ptr<CollectionWriter> writer_;
  std::map<std::string, Kept> kept_;
};

TEST_F(CollectionSearchTest, GivesWhatAPlainScanGives) {
  ThreadPool pool(2);
  int number = 0;
  for (const format::Metric metric : {format::Metric::kCosine, format::Metric::kDot,
                                      format::Metric::kEuclidean, format::Metric::kHamming}) {
    for (const bool has_ids : {true, false}) {
      kept_.clear();
      std::filesystem::remove_all(Path());
      Create(metric, has_ids);
      Fill();
      for (ThreadPool* chosen : {static_cast<ThreadPool*>(nullptr), &pool}) {
        const auto searcher = Open({.pool = chosen});
        ASSERT_NE(searcher, nullptr);
        VectorSearchRequest request;
        for (const size_t k : {1, 10, 2000}) {
          request.k = k;
          request.queries.clear();
          for (int q = 0; q < 11; ++q) {
            std::vector<float> query = RandomVector();
            if (metric != format::Metric::kHamming) query[0] += 0.5f;
            request.queries.insert(request.queries.end(), query.begin(), query.end());
          }
          const auto response = searcher->Search(request);
          ASSERT_TRUE(response.ok()) << response.status().ToString();
          EXPECT_EQ(response->version, searcher->snapshot().version());
          EXPECT_EQ(response->records_searched, kept_.size());
          ASSERT_EQ(response->results.size(), 11u);
          for (size_t q = 0; q < 11; ++q) {
            ExpectHits(response->results[q],
                       Scan(std::span(request.queries).subspan(q * kDimensions, kDimensions)), k);
          }
        }
      }
      ++number;
    }
  }
  EXPECT_EQ(number, 8);
}

TEST_F(CollectionSearchTest, FiltersComeBeforeTheTopK) {
  Create(format::Metric::kDot);
  Fill();
  ThreadPool pool(2);
  const auto searcher = Open({.pool = &pool});
  ASSERT_NE(searcher, nullptr);
  RecordFilter by_number, by_prefix, by_glob, by_ids, mixed, no_one, excluded, named;
  by_number.conditions = {*ParseCondition("n>=45")};
  by_prefix.id_prefixes = {"odd/1"};
  by_glob.id_globs = {"even/?"};
  by_ids.ids = {"even/2", "odd/3", "odd/401", "none"};
  mixed.id_prefixes = {"odd/"};
  mixed.conditions = {*ParseCondition("n<5"), *ParseCondition("g!=g1")};
  no_one.ids = {"none"};
  excluded.excluded_ids = {"even/0", "odd/1", "none"};
  named.id_globs = {"even/8", "odd/9"};
  named.conditions = {*ParseCondition("n>=0")};
  const struct {
    const RecordFilter& filter;
    Passes passes;
  } cases[] = {
      {by_number, [](const auto&, const Kept& r) { return r.number >= 45; }},
      {by_prefix, [](const std::string& id, const Kept&) { return id.starts_with("odd/1"); }},
      {by_glob, [](const std::string& id,
                   const Kept&) { return id.starts_with("even/") && id.size() == 6; }},
      {by_ids, [](const std::string& id, const Kept&) { return id == "even/2" || id == "odd/3"; }},
      {mixed,
       [](const std::string& id, const Kept& r) {
         return id.starts_with("odd/") && r.number < 5 && r.group != "g1";
       }},
      {no_one, [](const auto&, const Kept&) { return false; }},
      {excluded,
       [](const std::string& id, const Kept&) { return id != "even/0" && id != "odd/1"; }},
      {named, [](const std::string& id, const Kept&) { return id == "even/8" || id == "odd/9"; }},
  };
  for (const auto& c : cases) {
    for (int round = 0; round < 2; ++round) {  // The second from the cache.
      VectorSearchRequest request;
      request.queries = RandomVector();
      request.k = 12;
      request.filter = c.filter;
      const auto response = searcher->Search(request);
      ASSERT_TRUE(response.ok()) << response.status().ToString();
      const auto expected = Scan(request.queries, c.passes);
      EXPECT_EQ(response->records_searched, expected.size());
      ExpectHits(response->results[0], expected, request.k);
    }
  }
  EXPECT_GT(searcher->filter_cache().entries, 3u);
  EXPECT_LE(searcher->filter_cache().size, searcher->filter_cache().size_max);
}

TEST_F(CollectionSearchTest, GroupsKeepTheirBest) {
  Create(format::Metric::kEuclidean);
  Fill();
  const auto searcher = Open();
  for (const size_t per_group : {1, 3}) {
    VectorSearchRequest request;
    for (float& x : request.queries = RandomVector()) x += 0.125f;
    request.k = 15;
    request.group_by = "g";
    request.per_group = per_group;
    const auto response = searcher->Search(request);
    ASSERT_TRUE(response.ok()) << response.status().ToString();
    std::map<std::string, size_t> counts;
    std::vector<std::pair<float, std::string>> expected;
    for (const auto& hit : Scan(request.queries)) {
      const std::string& group = kept_.at(hit.second).group;
      if (group.empty() || counts[group]++ < per_group) expected.push_back(hit);
    }
    ExpectHits(response->results[0], expected, request.k);
  }
}

TEST_F(CollectionSearchTest, RangeSearchGivesAllAboveTheScore) {
  Create(format::Metric::kCosine);
  Fill();
  const auto searcher = Open();
  VectorSearchRequest request;
  request.queries = RandomVector();
  request.queries[0] += 0.5f;
  request.k = VectorSearchRequest::kAll;
  EXPECT_EQ(searcher->Search(request).code(), Code::kInvalidArgument);
  request.minimum_score = 0.2f;
  const auto response = searcher->Search(request);
  ASSERT_TRUE(response.ok()) << response.status().ToString();
  auto expected = Scan(request.queries);
  std::erase_if(expected, [](const auto& hit) { return hit.first < 0.2f; });
  EXPECT_GT(expected.size(), 20u);
  ExpectHits(response->results[0], expected, expected.size());
}

TEST_F(CollectionSearchTest, ARowIsFoundByTheCommitThatWroteIt) {
  Create(format::Metric::kDot);
  Put(Names(0, 10));
  const uint64_t before = writer_->view().snapshot().version();
  const auto old_kept = kept_;
  Reopen();
  Put(Names(3, 12));
  Delete(Names(1, 2));
  VectorSearchRequest request;
  request.queries = RandomVector();
  request.k = 100;
  const auto now = Open()->Search(request);
  ASSERT_TRUE(now.ok());
  ExpectHits(now->results[0], Scan(request.queries), 100);
  const auto then = Open({.version = std::to_string(before)})->Search(request);
  ASSERT_TRUE(then.ok());
  EXPECT_EQ(then->version, before);
  kept_ = old_kept;
  ExpectHits(then->results[0], Scan(request.queries), 100);
}

TEST_F(CollectionSearchTest, AReopenedSearcherFindsWhatANewOneFinds) {
  Create(format::Metric::kDot);
  Put(Names(0, 300));
  auto searcher = Open();
  VectorSearchRequest request;
  request.k = 1000;
  std::vector<std::shared_ptr<const store::Snapshot>> versions;
  for (int step = 0; step < 60; ++step) {
    const size_t begin = random_() % 320;
    const size_t count = 1 + random_() % 20;
    if (step % 3 == 2) {
      Delete(Names(begin, begin + count));
    } else {
      Put(Names(begin, begin + count));
    }
    if (random_() % 4 == 0) continue;  // Some versions are passed over.
    const auto snapshot = store::Store::OpenReadOnly(os::RealFileSystem(), Path());
    ASSERT_TRUE(snapshot.ok());
    versions.push_back(*snapshot);
    auto reopened = searcher->Reopen(*snapshot);
    ASSERT_TRUE(reopened.ok()) << reopened.status().ToString();
    searcher = *std::move(reopened);
    request.queries = RandomVector();
    const auto response = searcher->Search(request);
    ASSERT_TRUE(response.ok()) << response.status().ToString();
    ExpectHits(response->results[0], Scan(request.queries), request.k);
  }
  // Back and forth, to versions that share some of their segments or none.
  for (int step = 0; step < 30; ++step) {
    const auto& snapshot = versions[random_() % versions.size()];
    auto reopened = searcher->Reopen(snapshot);
    ASSERT_TRUE(reopened.ok()) << reopened.status().ToString();
    searcher = *std::move(reopened);
    const auto plain = CollectionSearcher::Make(snapshot, Path());
    ASSERT_TRUE(plain.ok());
    const auto found = searcher->Search(request);
    ASSERT_TRUE(found.ok()) << found.status().ToString();
    EXPECT_EQ(found->results[0].hits, (*plain)->Search(request)->results[0].hits);
  }
}

TEST_F(CollectionSearchTest, TiesGoByIdWhateverTheOrderOfInsertion) {
  Create(format::Metric::kDot);
  format::VectorRows rows;
  for (const std::string id : {"m", "c", "z", "a", "k", "b"}) {
    const std::vector<float> vector(kDimensions, 1.0f);
    const auto bytes = std::as_bytes(std::span(vector));
    rows.elements.insert(rows.elements.end(), bytes.begin(), bytes.end());
    rows.ids.push_back(id);
    ++rows.count;
  }
  ASSERT_TRUE(writer_->Add(rows).ok());
  ASSERT_TRUE(writer_->Commit().ok());
  VectorSearchRequest request;
  request.queries.assign(kDimensions, 1.0f);
  request.k = 3;
  const auto response = Open()->Search(request);
  ASSERT_TRUE(response.ok());
  ASSERT_EQ(response->results[0].hits.size(), 3u);
  EXPECT_EQ(response->results[0].hits[0].id, "a");
  EXPECT_EQ(response->results[0].hits[1].id, "b");
  EXPECT_EQ(response->results[0].hits[2].id, "c");
}

TEST_F(CollectionSearchTest, ByHammingAScoreCountsWhatDiffers) {
  Create(format::Metric::kHamming);
  Put({"a"});
  const std::vector<float> vector = kept_.at("a").vector;
  VectorSearchRequest request;
  request.queries = vector;
  for (const size_t i : {0, 5, 23}) request.queries[i] = 1 - request.queries[i];
  EXPECT_EQ((*Open()->Search(request)).results[0].hits.at(0).score, -3.0f);
  request.queries[4] = 0.5f;
  EXPECT_THAT(Open()->Search(request).status().message(), HasSubstr("other values than 0 and 1"));

  std::vector<float> wrong = vector;
  wrong[7] = -1;
  format::VectorRows rows;
  rows.count = 1;
  rows.ids = {"b"};
  rows.metadata = {""};
  const auto bytes = std::as_bytes(std::span(wrong));
  rows.elements.assign(bytes.begin(), bytes.end());
  base::Status status = writer_->Add(rows);
  if (status.ok()) status = writer_->Commit();
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_THAT(status.message(), HasSubstr("value 7 of vector 0 is -1"));
  EXPECT_EQ(Open()->record_count(), 1u);
}

TEST_F(CollectionSearchTest, RefusesWhatMakesNoSense) {
  Create(format::Metric::kCosine);
  Fill();
  const auto searcher = Open();
  const auto fails = [&](const VectorSearchRequest& request, const char* message) {
    const auto response = searcher->Search(request);
    EXPECT_EQ(response.code(), Code::kInvalidArgument);
    EXPECT_THAT(response.status().message(), HasSubstr(message));
  };
  VectorSearchRequest request;
  fails(request, "0 values");
  request.queries.assign(kDimensions + 1, 1.0f);
  fails(request, "25 values; the vectors");
  request.queries.assign(kDimensions, 0.0f);
  fails(request, "all zeros");
  request.queries[3] = std::nanf("");
  fails(request, "a NaN as value 3");
  request.queries[3] = std::numeric_limits<float>::infinity();
  fails(request, "an infinity");
  request.queries[3] = 1;
  request.k = 0;
  fails(request, "k is 0");
  request.k = 5;
  request.filter.ids.assign(70'000, "x");
  fails(request, "at most 65536");
  request.filter = {};
  request.group_by = "g";
  request.per_group = 0;
  EXPECT_EQ(searcher->Search(request).code(), Code::kInvalidArgument);
  request.per_group = 1;
  EXPECT_TRUE(searcher->Search(request).ok());

  EXPECT_EQ(CollectionSearcher::Open(folder_ / "none").code(), Code::kNotFound);
  EXPECT_EQ(CollectionSearcher::Open(Path(), {.version = "999"}).code(), Code::kNotFound);
  EXPECT_EQ(searcher->ReadVector("none").code(), Code::kNotFound);
  EXPECT_EQ(*searcher->ReadVector("odd/5"), kept_.at("odd/5").vector);
}

TEST_F(CollectionSearchTest, StopsWhenToldTo) {
  Create(format::Metric::kCosine);
  Fill();
  const auto searcher = Open();
  VectorSearchRequest request;
  request.queries.assign(kDimensions, 1.0f);
  const StopRule stop = StopRule().Cancellable();
  EXPECT_TRUE(searcher->Search(request, stop).ok());
  stop.Cancel();
  EXPECT_EQ(searcher->Search(request, stop).code(), Code::kCancelled);
  EXPECT_EQ(searcher->Search(request, StopRule::AfterMilliseconds(0)).code(), Code::kCancelled);
}

TEST_F(CollectionSearchTest, AnEmptyCollectionFindsNothing) {
  Create(format::Metric::kDot);
  Put(Names(0, 2));
  Delete(Names(0, 2));
  VectorSearchRequest request;
  request.queries.assign(kDimensions, 1.0f);
  request.filter.conditions = {*ParseCondition("n")};
  request.group_by = "g";
  const auto response = Open()->Search(request);
  ASSERT_TRUE(response.ok()) << response.status().ToString();
  EXPECT_TRUE(response->results[0].hits.empty());
  EXPECT_EQ(response->records_searched, 0u);
}

}  // namespace
}  // namespace intact::engine
