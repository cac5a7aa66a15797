// Goal: an index follows its folder, search is exact, and what was committed is found again.
// Method: real folders and stores in a temporary place, driven through the public API.
#include "intact/engine/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>

#include "intact/embed/embed.h"
#include "intact/engine/index_view.h"
#include "intact/os/os.h"
#include "intact/simd/simd.h"
#include "intact/testing/testing.h"

namespace intact::engine {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() { std::filesystem::create_directories(Root()); }

  std::string Root() const { return folder_ / "root"; }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path whole = Root() + "/" + path;
    std::filesystem::create_directories(whole.parent_path());
    std::ofstream(whole, std::ios::binary) << text;
  }
  void Remove(const std::string& path) { std::filesystem::remove_all(Root() + "/" + path); }

  Place Where() {
    auto place = Locate({.directory = Root(), .store = folder_ / "store"});
    EXPECT_TRUE(place.ok()) << place.status().ToString();
    return *place;
  }
  IndexReport Index(const IndexOptions& options = {}) {
    auto report = UpdateIndex(Where(), options);
    EXPECT_TRUE(report.ok()) << report.status().ToString();
    return report.ok() ? *report : IndexReport();
  }
  SearchResponse Search(const SearchRequest& request) {
    auto searcher = Searcher::Open(Where());
    EXPECT_TRUE(searcher.ok()) << searcher.status().ToString();
    auto response = (*searcher)->Search(request);
    EXPECT_TRUE(response.ok()) << response.status().ToString();
    return *response;
  }
  std::vector<std::string> PathsOf(const SearchRequest& request) {
    std::vector<std::string> paths;
    for (const SearchHit& hit : Search(request).hits) paths.push_back(hit.path);
    return paths;
  }
  void ExpectIntact() {
    auto report = VerifyIndex(Where());
    ASSERT_TRUE(report.ok()) << report.status().ToString();
    for (const FileProblem& problem : report->problems)
      ADD_FAILURE() << problem.path << ": " << problem.message;
  }

  testing::TemporaryFolder folder_;
};

// Text of a function whose words are drawn from a small vocabulary, so that files differ and share.
std::string RandomFunction(std::mt19937& random, const std::string& name) {
  static constexpr const char* kWords[] = {"retry",  "delay",  "socket", "buffer", "parse",
                                           "token",  "cache",  "evict",  "thread", "lock",
                                           "file",   "read",   "stream", "hash",   "index",
                                           "vector", "search", "score",  "chunk",  "commit"};
  std::string text = "def " + name + "(argument):\n";
  for (int line = 0; line < 12; ++line) {
    text += "    " + std::string(kWords[random() % 20]) + "_" + kWords[random() % 20] + " = " +
            kWords[random() % 20] + "(" + kWords[random() % 20] + ", " +
            std::to_string(random() % 9) + ")\n";
  }
  return text + "\n";
}

TEST_F(EngineTest, FindsWhatItIndexed) {
  Write("net/retry.py",
        "def retry_delay(attempt):\n    \"\"\"Seconds to wait before the next try.\"\"\"\n    "
        "return 2 ** attempt\n");
  Write("text/parse.py",
        "def parse_arguments(argv):\n    \"\"\"Parses the command line.\"\"\"\n    return "
        "argv[1:]\n");
  const IndexReport report = Index();
  EXPECT_EQ(report.files, 2u);
  EXPECT_EQ(report.chunks_embedded, report.chunks);
  for (const SearchMode mode : {SearchMode::kHybrid, SearchMode::kVector, SearchMode::kText}) {
    const SearchResponse response = Search({.query = "retry delay", .k = 1, .mode = mode});
    ASSERT_THAT(response.hits, SizeIs(1));
    const SearchHit& hit = response.hits[0];
    EXPECT_EQ(hit.path, "net/retry.py");
    EXPECT_EQ(hit.first_line, 1u);
    EXPECT_EQ(hit.language, "Python");
    EXPECT_EQ(hit.symbol, "retry_delay");
    EXPECT_THAT(hit.text, HasSubstr("2 ** attempt"));
    EXPECT_FALSE(hit.is_stale);
  }
  ExpectIntact();
}

TEST_F(EngineTest, UnchangedFilesCostNothingAndMakeNoVersion) {
  Write("a.py", "def a():\n    return 1\n");
  const IndexReport first = Index();
  const IndexReport second = Index();
  EXPECT_EQ(second.version, first.version);
  EXPECT_EQ(second.files_unchanged, 1u);
}

// A change within the kernel's tick leaves size and times as they were.
TEST_F(EngineTest, AChangeRightAfterIndexingIsSeen) {
  for (int round = 0; round < 20; ++round) {
    Write("a.py", "def a():\n    return " + std::to_string(10 + round) + "\n");
    Index();
    Write("a.py", "def a():\n    return " + std::to_string(50 + round) + "\n");
    Index();
    const SearchResponse response = Search({.query = "return a", .k = 1});
    ASSERT_THAT(response.hits, SizeIs(1));
    EXPECT_THAT(response.hits[0].text, HasSubstr(std::to_string(50 + round)));
  }
}

TEST_F(EngineTest, ChangedFilesCostTheirChangedChunks) {
  std::mt19937 random(1);
  std::string text;
  for (int i = 0; i < 20; ++i) text += RandomFunction(random, "function_" + std::to_string(i));
  Write("a.py", text);
  const IndexReport first = Index();
  ASSERT_GT(first.chunks, 5u);
  const size_t at = text.find("def function_10");
  text.insert(text.find('\n', at) + 1, "    zebra = 1\n");
  Write("a.py", text);
  const IndexReport second = Index();
  EXPECT_EQ(second.files_indexed, 1u);
  EXPECT_LE(second.chunks_embedded, 2u);
  EXPECT_GT(second.chunks_reused, 3u);
  EXPECT_EQ(second.chunks, first.chunks);
  EXPECT_THAT(Search({.query = "zebra", .k = 1, .mode = SearchMode::kText}).hits, SizeIs(1));
  ExpectIntact();
}

TEST_F(EngineTest, DeletedAndRenamedFilesLeaveTheResultsAndTheirVectorsAreReused) {
  Write("old.py", "def zebra_stripes():\n    return 'black and white'\n");
  Write("other.py", "def something_else():\n    return None\n");
  Index();
  Remove("old.py");
  const IndexReport removed = Index();
  EXPECT_EQ(removed.files_removed, 1u);
  EXPECT_THAT(PathsOf({.query = "zebra stripes"}), Not(Contains("old.py")));
  EXPECT_THAT(PathsOf({.query = "zebra stripes", .mode = SearchMode::kText}), IsEmpty());
  Write("new.py", "def zebra_stripes():\n    return 'black and white'\n");
  const IndexReport renamed = Index();
  EXPECT_EQ(renamed.chunks_embedded, 0u);
  EXPECT_EQ(renamed.chunks_reused, 1u);
  EXPECT_THAT(PathsOf({.query = "zebra stripes", .k = 1}), ElementsAre("new.py"));
  ExpectIntact();
}

TEST_F(EngineTest, GarbageCollectionKeepsResultsAndDropsUnusedVectors) {
  std::mt19937 random(2);
  for (int i = 0; i < 30; ++i)
    Write("f" + std::to_string(i) + ".py", RandomFunction(random, "f" + std::to_string(i)));
  Index();
  for (int i = 0; i < 30; i += 2) Remove("f" + std::to_string(i) + ".py");
  Index();
  const auto before = PathsOf({.query = "retry the socket lock", .k = 30});
  const auto status = ReadStatus(Where());
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(status->vectors_unused, 15u);
  const auto dry = CollectGarbage(Where(), {.is_dry_run = true});
  ASSERT_TRUE(dry.ok());
  EXPECT_EQ(dry->rows_removed, 15u);
  EXPECT_EQ(ReadStatus(Where())->vectors_unused, 15u);
  const auto report = CollectGarbage(Where(), {});
  ASSERT_TRUE(report.ok()) << report.status().ToString();
  EXPECT_LT(report->bytes_after, report->bytes_before);
  EXPECT_EQ(ReadStatus(Where())->vectors_unused, 0u);
  EXPECT_EQ(PathsOf({.query = "retry the socket lock", .k = 30}), before);
  EXPECT_EQ(Index().files_unchanged, 15u);
  ExpectIntact();
}

// The promise: ids and score bits of a plain float32 scan over every live chunk.
TEST_F(EngineTest, VectorSearchIsExactThroughUpdatesAndMerges) {
  std::mt19937 random(3);
  for (int round = 0; round < 24; ++round) {
    for (int i = 0; i < 3; ++i) {
      Write("d" + std::to_string(random() % 4) + "/f" + std::to_string(random() % 40) + ".py",
            RandomFunction(random, "f" + std::to_string(random() % 1000)));
    }
    if (round % 3 == 2)
      Remove("d" + std::to_string(random() % 4) + "/f" + std::to_string(random() % 40) + ".py");
    Index();
  }
  EXPECT_LT(ReadStatus(Where())->segments, 10u);
  const auto embedder = embed::OpenLocalEmbedder();
  const auto view = IndexView::Open(Where().store);
  ASSERT_TRUE(view.ok());
  for (const std::string query : {"retry delay", "evict the cache", "parse a token", "lock"}) {
    std::vector<float> wanted((*embedder)->dimensions());
    std::vector<float> vector(wanted.size());
    const std::string_view text = query;
    ASSERT_TRUE((*embedder)->Embed(std::span(&text, 1), wanted).ok());
    std::vector<std::tuple<float, std::string, uint32_t>> expected;
    (*view)->ForEachLiveFile([&](size_t s, uint32_t, const format::FileEntry& file) {
      for (uint32_t i = 0; i < file.chunk_count; ++i) {
        const format::ChunkEntry chunk = (*view)->segments()[s].catalog.chunk(file.first_chunk + i);
        ASSERT_TRUE((*view)->snapshot().ReadVector(chunk.row, vector).ok());
        const float score = simd::KernelsFor(simd::Level::kScalar)
                                .dot_f32(wanted.data(), vector.data(), vector.size());
        expected.emplace_back(-score, std::string(file.path), chunk.first_line);
      }
    });
    std::sort(expected.begin(), expected.end());
    const SearchResponse response = Search({.query = query, .k = 15, .mode = SearchMode::kVector});
    ASSERT_THAT(response.hits, SizeIs(15));
    for (size_t i = 0; i < response.hits.size(); ++i) {
      EXPECT_EQ(static_cast<float>(response.hits[i].score), -std::get<0>(expected[i]));
      EXPECT_EQ(response.hits[i].path, std::get<1>(expected[i])) << i;
    }
  }
  ExpectIntact();
}

TEST_F(EngineTest, FiltersApplyBeforeTheTopKAreChosen) {
  std::mt19937 random(4);
  for (int i = 0; i < 50; ++i)
    Write("many/f" + std::to_string(i) + ".py",
          "def retry_delay():\n    return " + std::to_string(i) + "\n");
  Write("one/only.js", "function retryDelay() {\n  return 1;\n}\n");
  Index();
  EXPECT_THAT(PathsOf({.query = "retry delay", .k = 1, .path_globs = {"one/*"}}),
              ElementsAre("one/only.js"));
  EXPECT_THAT(PathsOf({.query = "retry delay", .k = 1, .languages = {"js"}}),
              ElementsAre("one/only.js"));
  EXPECT_THAT(PathsOf({.query = "retry delay", .k = 3, .path_globs = {"nothing/**"}}), IsEmpty());
  auto searcher = Searcher::Open(Where());
  EXPECT_EQ((*searcher)->Search({.query = "x", .languages = {"klingon"}}).code(),
            base::Code::kInvalidArgument);
  EXPECT_EQ((*searcher)->Search({.query = ""}).code(), base::Code::kInvalidArgument);
  EXPECT_EQ((*searcher)->Search({.query = "x", .k = 0}).code(), base::Code::kInvalidArgument);
}

TEST_F(EngineTest, SubfolderOfAnIndexedFolderIsSearchedAlone) {
  Write("a/x.py", "def retry_delay():\n    return 1\n");
  Write("b/y.py", "def retry_delay():\n    return 2\n");
  ASSERT_TRUE(UpdateIndex(*Locate({.directory = Root(), .local = true}), {}).ok());
  const auto place = Locate({.directory = Root() + "/b", .search_parents = true});
  ASSERT_TRUE(place.ok());
  EXPECT_TRUE(place->exists);
  EXPECT_EQ(place->folder, "b");
  auto searcher = Searcher::Open(*place);
  ASSERT_TRUE(searcher.ok());
  const auto response = (*searcher)->Search({.query = "retry delay"});
  EXPECT_THAT(response->hits, ElementsAre(Field(&SearchHit::path, "b/y.py")));
  // The store is inside the folder and hides itself.
  EXPECT_TRUE(std::filesystem::exists(Root() + "/.intact/.gitignore"));
  EXPECT_EQ(UpdateIndex(*Locate({.directory = Root()}), {})->files, 2u);
}

TEST_F(EngineTest, AStoppedRunKeepsItsWorkAndTheNextGoesOn) {
  std::mt19937 random(5);
  for (int i = 0; i < 600; ++i)
    Write("f" + std::to_string(i) + ".py", RandomFunction(random, "f" + std::to_string(i)));
  std::atomic<bool> stop{false};
  IndexOptions options;
  options.stop = &stop;
  const auto first = UpdateIndex(Where(), options, [&](const IndexProgress&) { stop = true; });
  ASSERT_TRUE(first.ok());
  EXPECT_TRUE(first->is_interrupted);
  EXPECT_GT(first->files, 0u);
  EXPECT_LT(first->files, 600u);
  EXPECT_TRUE(ReadStatus(Where())->is_interrupted);
  const IndexReport second = Index();
  EXPECT_FALSE(second.is_interrupted);
  EXPECT_EQ(second.files, 600u);
  EXPECT_EQ(second.files_unchanged, first->files);
  EXPECT_FALSE(ReadStatus(Where())->is_interrupted);
  ExpectIntact();
}

TEST_F(EngineTest, StaleResultsAreMarked) {
  Write("a.py", "def zebra():\n    return 1\n");
  Index();
  Write("a.py", "# moved\ndef zebra():\n    return 1\n");
  const SearchResponse response = Search({.query = "zebra", .k = 1});
  ASSERT_THAT(response.hits, SizeIs(1));
  EXPECT_TRUE(response.hits[0].is_stale);
  EXPECT_EQ(response.hits[0].text, "");
}

TEST_F(EngineTest, PlanSaysWhatWouldBeDoneAndWritesNothing) {
  Write("a.py", "def a():\n    return 1\n");
  Write("b.py", "def a():\n    return 1\n");
  Write("c.o", "object");
  Write("data.bin.txt", std::string("\0\0\0", 3));
  const auto plan = PlanIndex(Where(), {});
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->files_to_read, 2u);
  EXPECT_EQ(plan->chunks, 2u);
  EXPECT_EQ(plan->chunks_unknown, 1u);
  EXPECT_GT(plan->tokens_estimated, 0u);
  EXPECT_THAT(plan->rules, Contains(Field(&PlanRule::reason, "binary")));
  EXPECT_FALSE(Where().exists);
  Index();
  Write("a.py", "def changed():\n    return 2\n");
  const auto second = PlanIndex(Where(), {});
  EXPECT_EQ(second->files_to_read, 1u);
  EXPECT_THAT(second->rules, Contains(Field(&PlanRule::reason, "changed")));
}

TEST_F(EngineTest, ExplainsWhyAFileIsInOrOut) {
  Write(".gitignore", "*.log\n");
  Write("a.py", "def a():\n    return 1\n");
  Write("b.log", "noise");
  Index();
  const auto in = ExplainFile(Where(), {}, Root() + "/a.py");
  ASSERT_TRUE(in.ok()) << in.status().ToString();
  EXPECT_TRUE(in->is_in);
  EXPECT_EQ(in->index_state, "up to date");
  ASSERT_THAT(in->chunks, SizeIs(1));
  EXPECT_TRUE(in->chunks[0].is_stored);
  const auto out = ExplainFile(Where(), {}, Root() + "/b.log");
  ASSERT_TRUE(out.ok());
  EXPECT_FALSE(out->is_in);
  EXPECT_EQ(out->reason, "ignored");
  EXPECT_EQ(out->rule, ".gitignore:1: *.log");
  EXPECT_EQ(ExplainFile(Where(), {}, Root() + "/missing").code(), base::Code::kNotFound);
  EXPECT_EQ(ExplainFile(Where(), {}, "/etc/hostname").code(), base::Code::kInvalidArgument);
}

TEST_F(EngineTest, OneStoreHoldsOneFolder) {
  Write("a.py", "def a():\n    return 1\n");
  Index();
  const std::string other = folder_ / "other";
  std::filesystem::create_directories(other);
  const auto place = Locate({.directory = other, .store = folder_ / "store"});
  const auto report = UpdateIndex(*place, {});
  EXPECT_EQ(report.code(), base::Code::kInvalidArgument);
  EXPECT_THAT(report.status().message(), HasSubstr("another --store"));
}

// An index that is brought to new rules of chunking, stopped half way, must not take the rest for
// done. The older rules are played by an older number in the state.
TEST_F(EngineTest, AnInterruptedUpgradeIsFinishedByTheNextRun) {
  std::mt19937 random(6);
  for (int i = 0; i < 600; ++i)
    Write("f" + std::to_string(i) + ".py", RandomFunction(random, "f" + std::to_string(i)));
  Index();
  {
    auto store = store::Store::OpenWriter(os::RealFileSystem(), Where().store, {});
    ASSERT_TRUE(store.ok());
    auto state = format::IndexState::Parse((*store)->snapshot()->engine_state());
    state->chunker_version = 0;
    store::CommitRequest request;
    request.engine_state = state->Encode();
    ASSERT_TRUE((*store)->Commit(request).ok());
  }
  std::atomic<bool> stop{false};
  IndexOptions options;
  options.stop = &stop;
  const auto first = UpdateIndex(Where(), options, [&](const IndexProgress&) { stop = true; });
  ASSERT_TRUE(first->is_interrupted);
  ASSERT_LT(first->files_indexed, 600u);
  EXPECT_EQ(Index().files_indexed, 600u);
  EXPECT_EQ(Index().files_indexed, 0u);
}

TEST_F(EngineTest, AStoreBelowAnotherFolderStaysThatOfItsOwn) {
  Write("project/a.py", "def zebra():\n    return 1\n");
  const std::string store = Root() + "/st";
  ASSERT_TRUE(UpdateIndex(*Locate({.directory = Root() + "/project", .store = store}), {}).ok());
  EXPECT_EQ(UpdateIndex(*Locate({.directory = Root(), .store = store}), {}).code(),
            base::Code::kInvalidArgument);
  const auto place = Locate({.directory = Root(), .store = store, .search_parents = true});
  EXPECT_EQ(place->root, std::filesystem::canonical(Root() + "/project").string());
}

TEST_F(EngineTest, EqualScoresAreOrderedByPathWhateverCameFirst) {
  for (int i = 9; i >= 0; --i) {
    // One embedding, ten keys.
    Write("f" + std::to_string(i) + ".txt",
          "retry delay" + std::string(static_cast<size_t>(i), ' ') + "\n");
    Index();
  }
  EXPECT_THAT(PathsOf({.query = "retry delay", .k = 3, .mode = SearchMode::kVector}),
              ElementsAre("f0.txt", "f1.txt", "f2.txt"));
}

TEST_F(EngineTest, CountsOfWhatWasLeftOutDoNotGrow) {
  Write("a.py", "def a():\n    return 1\n");
  Write("data", std::string("\0\0\0", 3));
  Index();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(CollectGarbage(Where(), {}).ok());
  const auto status = ReadStatus(Where());
  ASSERT_THAT(status->skipped, SizeIs(1));
  EXPECT_EQ(status->skipped[0].count, 1u);
  EXPECT_EQ(status->chunks_embedded, 1u);
  Write("a.py", std::string("\0\0\0", 3));
  EXPECT_EQ(Index().files_removed, 1u);
}

TEST_F(EngineTest, AnIndexBeforeItsFirstBatchSaysItIsUnfinished) {
  Write("a.py", "def a():\n    return 1\n");
  std::atomic<bool> stop{true};
  IndexOptions options;
  options.stop = &stop;
  ASSERT_TRUE(UpdateIndex(Where(), options)->is_interrupted);
  const SearchResponse response = Search({.query = "a"});
  EXPECT_TRUE(response.is_unfinished);
  Index();
  EXPECT_FALSE(Search({.query = "a"}).is_unfinished);
}

TEST_F(EngineTest, ScopeIsRememberedUntilAnotherIsGiven) {
  Write(".hidden.py", "def zebra():\n    return 1\n");
  Write("a.py", "def a():\n    return 1\n");
  IndexOptions options;
  options.scope = ScopeOptions{.include_hidden = true};
  EXPECT_EQ(Index(options).files, 2u);
  EXPECT_EQ(Index().files, 2u);
  options.scope = ScopeOptions();
  EXPECT_EQ(Index(options).files, 1u);
}

TEST_F(EngineTest, AStoreOfAnotherModelIsRefusedWithTheRemedy) {
  store::OpenOptions options;
  options.create = true;
  options.spec = store::CollectionSpec{.dimensions = 8, .model = "other/model@1"};
  ASSERT_TRUE(store::Store::OpenWriter(os::RealFileSystem(), folder_ / "store", options).ok());
  const auto report = UpdateIndex(Where(), {});
  EXPECT_EQ(report.code(), base::Code::kInvalidArgument);
  EXPECT_THAT(report.status().message(), HasSubstr("remove that folder"));
}

TEST_F(EngineTest, EmptyFolderAndMissingIndexAreClear) {
  EXPECT_EQ(Searcher::Open(Where()).code(), base::Code::kNotFound);
  EXPECT_EQ(ReadStatus(Where()).code(), base::Code::kNotFound);
  const IndexReport report = Index();
  EXPECT_EQ(report.files, 0u);
  EXPECT_THAT(Search({.query = "anything"}).hits, IsEmpty());
  ExpectIntact();
  EXPECT_EQ(Locate({.directory = Root() + "/missing"}).code(), base::Code::kNotFound);
}

// What was compared with its checksum once could rank anything afterwards.
TEST_F(EngineTest, AnIndexZeroedWhileItIsOpenIsAnErrorAndNoOtherRanking) {
  std::mt19937 random(31);
  for (int i = 0; i < 20; ++i) {
    Write("f" + std::to_string(i) + ".py", RandomFunction(random, "f" + std::to_string(i)));
  }
  Index();
  auto searcher = Searcher::Open(Where());
  ASSERT_TRUE(searcher.ok());
  const auto search = [&](SearchMode mode) {
    return (*searcher)->Search({.query = "socket buffer", .k = 5, .mode = mode}).code();
  };
  EXPECT_EQ(search(SearchMode::kHybrid), base::Code::kOk);
  for (const auto& entry : std::filesystem::directory_iterator(Where().store)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("seg-") && !name.starts_with("journal-")) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file << std::string(entry.file_size(), 0);
  }
  for (const SearchMode mode : {SearchMode::kVector, SearchMode::kText, SearchMode::kHybrid}) {
    EXPECT_EQ(search(mode), base::Code::kCorruption);
  }
  EXPECT_EQ(ReadStatus(Where()).code(), base::Code::kCorruption);
}

}  // namespace
}  // namespace intact::engine
