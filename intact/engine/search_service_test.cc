// Goal: answers come once, of the newest version and labelled with it, from the cache only when
// nothing they depend on has changed, and work ends when it is told to.
#include "intact/engine/search_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <thread>

#include "intact/engine/collection_writer.h"
#include "intact/engine/index.h"
#include "intact/os/os.h"
#include "intact/testing/testing.h"

namespace intact::engine {
namespace {

using base::Code;
using ::testing::HasSubstr;

// A collection whose record "i" scores i for the request of every test: the best says what is
// there.
class CollectionServiceTest : public ::testing::Test {
 protected:
  CollectionServiceTest() {
    CollectionShape shape;
    shape.dimensions = 2;
    shape.source = format::VectorFileKind::kJsonLines;
    shape.has_ids = true;
    shape.metric = format::Metric::kDot;
    auto writer = CollectionWriter::Open(os::RealFileSystem(), Path(), shape);
    EXPECT_TRUE(writer.ok()) << writer.status().ToString();
    writer_ = *std::move(writer);
    Put(0);
  }
  // The version that has the record.
  uint64_t Put(int number) {
    const float vector[] = {static_cast<float>(number), 1.0f};
    format::VectorRows rows;
    rows.count = 1;
    const auto bytes = std::as_bytes(std::span(vector));
    rows.elements.assign(bytes.begin(), bytes.end());
    rows.ids.push_back(std::to_string(number));
    EXPECT_TRUE(writer_->Add(rows).ok());
    EXPECT_TRUE(writer_->Commit().ok());
    return writer_->view().snapshot().version();
  }
  std::unique_ptr<SearchService> Open(const SearchServiceOptions& options = {}) {
    auto service = SearchService::OpenCollection(Path(), "", options);
    EXPECT_TRUE(service.ok()) << service.status().ToString();
    return *std::move(service);
  }
  static VectorSearchRequest Request(size_t k = 1) {
    VectorSearchRequest request;
    request.queries = {1, 0};
    request.k = k;
    return request;
  }
  static std::string BestOf(const Answer<VectorSearchResponse>& answer) {
    return answer.response.results.at(0).hits.at(0).id;
  }
  std::string Path() const { return folder_ / "store"; }

  testing::TemporaryFolder folder_;
  std::unique_ptr<CollectionWriter> writer_;
};

TEST_F(CollectionServiceTest, AnswersByFutureCallbackAndCall) {
  const auto service = Open({.thread_count = 2});
  auto future = service->Submit(Request());
  std::promise<std::string> said;
  service->Submit(Request(), {}, [&](base::Result<Answer<VectorSearchResponse>> answer) {
    said.set_value(answer.ok() ? BestOf(*answer) : answer.status().ToString());
  });
  EXPECT_EQ(said.get_future().get(), "0");
  const auto answer = future.get();
  ASSERT_TRUE(answer.ok()) << answer.status().ToString();
  EXPECT_EQ(BestOf(*answer), "0");
  const auto again = service->Search(Request());
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->is_cached);
  EXPECT_EQ(again->response.version, service->version());
  EXPECT_EQ(service->pending(), 0u);
}

TEST_F(CollectionServiceTest, NoAnswerIsOfAnotherVersionThanItSays) {
  const auto service = Open({.thread_count = 3});
  std::map<uint64_t, std::string> best;  // By version.
  best[writer_->view().snapshot().version()] = "0";
  base::Mutex mutex;
  std::vector<std::pair<uint64_t, std::string>> seen;  // Guarded by it.
  std::atomic<bool> is_done = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      while (!is_done) {
        const auto answer = service->Submit(Request()).get();
        ASSERT_TRUE(answer.ok()) << answer.status().ToString();
        base::MutexLock hold(mutex);
        seen.emplace_back(answer->response.version, BestOf(*answer));
      }
    });
  }
  for (int i = 1; i <= 40; ++i) {
    const uint64_t version = Put(i);
    best[version] = std::to_string(i);
    // The commit that wrote it is searched at once.
    const auto answer = service->Search(Request());
    ASSERT_TRUE(answer.ok()) << answer.status().ToString();
    EXPECT_EQ(answer->response.version, version);
    EXPECT_EQ(BestOf(*answer), std::to_string(i));
  }
  is_done = true;
  for (std::thread& reader : readers) reader.join();
  for (const auto& [version, id] : seen) EXPECT_EQ(best.at(version), id) << version;
  EXPECT_FALSE(seen.empty());
}

TEST_F(CollectionServiceTest, StaysWithItsVersionUntilRefreshed) {
  const auto service = Open({.thread_count = 1, .follows_newest = false});
  const uint64_t first = service->version();
  const uint64_t second = Put(1);
  EXPECT_EQ(service->Search(Request())->response.version, first);
  EXPECT_TRUE(*service->Refresh());
  EXPECT_FALSE(*service->Refresh());
  EXPECT_EQ(service->version(), second);
  const auto answer = service->Search(Request());
  EXPECT_FALSE(answer->is_cached);
  EXPECT_EQ(BestOf(*answer), "1");
}

TEST_F(CollectionServiceTest, ANamedVersionStays) {
  const uint64_t first = writer_->view().snapshot().version();
  writer_.reset();
  auto service = SearchService::OpenCollection(Path(), std::to_string(first));
  ASSERT_TRUE(service.ok()) << service.status().ToString();
  EXPECT_EQ((*service)->version(), first);
  EXPECT_FALSE(*(*service)->Refresh());
  EXPECT_EQ(BestOf(*(*service)->Search(Request())), "0");
}

TEST_F(CollectionServiceTest, StopsAndRefuses) {
  const auto service = Open({.thread_count = 1, .pending_max = 3});
  const StopRule cancelled = StopRule().Cancellable();
  cancelled.Cancel();
  EXPECT_EQ(service->Submit(Request(), cancelled).get().code(), Code::kCancelled);
  EXPECT_EQ(service->Submit(Request(), StopRule::AfterMilliseconds(-1)).get().code(),
            Code::kCancelled);
  EXPECT_TRUE(service->Submit(Request(), StopRule::AfterMilliseconds(60'000)).get().ok());

  SearchRequest text;
  text.query = "text";
  const auto refused = service->Submit(text).get();
  EXPECT_EQ(refused.code(), Code::kInvalidArgument);
  EXPECT_THAT(refused.status().message(), HasSubstr("is a collection"));

  // One at work, waiting for us, and two more: the next is one too many.
  std::promise<void> is_busy, may_end;
  service->Submit(Request(2), {}, [&](const auto&) {
    is_busy.set_value();
    may_end.get_future().wait();
  });
  is_busy.get_future().wait();
  std::vector<AnswerFuture<VectorSearchResponse>> futures;
  for (int i = 0; i < 4; ++i) futures.push_back(service->Submit(Request()));
  EXPECT_EQ(futures.back().get().code(), Code::kUnavailable);
  may_end.set_value();
  futures.pop_back();
  for (auto& future : futures) EXPECT_TRUE(future.get().ok());
}

TEST_F(CollectionServiceTest, AnswersEverythingBeforeItEnds) {
  std::vector<AnswerFuture<VectorSearchResponse>> futures;
  {
    const auto service = Open({.thread_count = 2, .cache_size_max = 0});
    for (size_t i = 0; i < 50; ++i) futures.push_back(service->Submit(Request(i + 1)));
  }
  for (auto& future : futures) {
    const auto answer = future.get();
    EXPECT_TRUE(answer.ok() || answer.code() == Code::kCancelled) << answer.status().ToString();
    if (answer.ok()) {
      EXPECT_FALSE(answer->is_cached);
    }
  }
}

TEST(SearchService, SaysWhatIsMissing) {
  const testing::TemporaryFolder folder;
  const auto none = SearchService::OpenCollection(folder / "none");
  EXPECT_EQ(none.code(), Code::kNotFound);
  EXPECT_THAT(none.status().message(), HasSubstr("intact import"));
  EXPECT_EQ(
      SearchService::OpenIndex(*Locate({.directory = folder.path(), .store = folder / "store"}))
          .code(),
      Code::kNotFound);
}

class IndexServiceTest : public ::testing::Test {
 protected:
  IndexServiceTest() {
    std::filesystem::create_directories(folder_ / "root");
    Write("retry.py", "def retry_delay(attempt):\n    return min(60.0, 0.5 * 2 ** attempt)\n");
    Write("socket.cc", "int OpenListeningSocket(int port) { return bind(port); }\n");
    Index();
  }
  // Files settle before they are read: an answer that quotes one changed just now is not kept.
  void Write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / "root/" + name, std::ios::binary) << text;
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
  Place Where() const {
    return *Locate({.directory = folder_ / "root", .store = folder_ / "store"});
  }
  void Index() {
    const auto report = UpdateIndex(Where(), {});
    ASSERT_TRUE(report.ok()) << report.status().ToString();
  }
  static SearchRequest Request() {
    SearchRequest request;
    request.query = "how long to wait before the next retry";
    return request;
  }

  testing::TemporaryFolder folder_;
};

TEST_F(IndexServiceTest, AnswersAreCachedUntilAnythingTheyShowChanges) {
  auto opened = SearchService::OpenIndex(Where(), {.thread_count = 2});
  ASSERT_TRUE(opened.ok()) << opened.status().ToString();
  SearchService& service = **opened;
  const auto first = service.Submit(Request()).get();
  ASSERT_TRUE(first.ok()) << first.status().ToString();
  EXPECT_FALSE(first->is_cached);
  EXPECT_EQ(first->response.hits.at(0).path, "retry.py");
  const auto second = service.Submit(Request()).get();
  EXPECT_TRUE(second->is_cached);
  EXPECT_EQ(second->response.hits.at(0).text, first->response.hits.at(0).text);
  // The same as a searcher of its own gives.
  const auto plain = (*Searcher::Open(Where()))->Search(Request());
  ASSERT_EQ(plain->hits.size(), first->response.hits.size());
  for (size_t i = 0; i < plain->hits.size(); ++i) {
    EXPECT_EQ(plain->hits[i].score, first->response.hits[i].score);
    EXPECT_EQ(plain->hits[i].path, first->response.hits[i].path);
  }

  Write("retry.py", "def retry_delay(attempt):\n    return 1\n");
  const auto edited = service.Submit(Request()).get();  // Of the same version still.
  EXPECT_FALSE(edited->is_cached);
  EXPECT_EQ(edited->response.version, first->response.version);
  EXPECT_TRUE(edited->response.hits.at(0).is_stale);
  EXPECT_GT(service.cache_counts().vectors.hits, 0u);  // The query was embedded once.
  EXPECT_EQ(service.cache_counts().vectors.misses, 1u);

  Index();
  const auto indexed = service.Submit(Request()).get();
  EXPECT_FALSE(indexed->is_cached);
  EXPECT_GT(indexed->response.version, first->response.version);
  EXPECT_FALSE(indexed->response.hits.at(0).is_stale);
  EXPECT_THAT(indexed->response.hits.at(0).text, HasSubstr("return 1"));
}

TEST_F(IndexServiceTest, RefusesVectorsAndStops) {
  auto service = SearchService::OpenIndex(Where(), {.thread_count = 1});
  ASSERT_TRUE(service.ok());
  VectorSearchRequest vectors;
  vectors.queries = {1};
  EXPECT_EQ((*service)->Submit(vectors).get().code(), Code::kInvalidArgument);
  const StopRule stop = StopRule().Cancellable();
  stop.Cancel();
  EXPECT_EQ((*service)->Search(Request(), stop).code(), Code::kCancelled);
  SearchRequest empty;
  EXPECT_EQ((*service)->Search(empty).code(), Code::kInvalidArgument);
}

}  // namespace
}  // namespace intact::engine
