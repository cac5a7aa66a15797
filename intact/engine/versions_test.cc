// Goal: every version that is kept is what it was, whatever was indexed, rolled back, tagged and
// merged since; and after a rollback the next run finds out what the folder has become.
#include "intact/engine/versions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "intact/engine/engine.h"
#include "intact/testing/testing.h"

namespace intact::engine {
namespace {

using Files = std::map<std::string, std::string>;
using Hits = std::vector<std::tuple<std::string, uint32_t, double>>;

class VersionsTest : public ::testing::Test {
 protected:
  VersionsTest() { std::filesystem::create_directories(Root()); }

  std::string Root() const { return folder_ / "root"; }
  Place Where(const std::string& store = "store") {
    return *Locate({.directory = Root(), .store = folder_ / store});
  }
  std::string Store() const { return folder_ / "store"; }

  void Write(const std::string& path, const std::string& text) {
    std::ofstream(Root() + "/" + path, std::ios::binary) << text;
    files_[path] = text;
  }
  void Remove(const std::string& path) {
    std::filesystem::remove(Root() + "/" + path);
    files_.erase(path);
  }
  IndexReport Index(const IndexOptions& options = {}) {
    const auto report = UpdateIndex(Where(), options);
    EXPECT_TRUE(report.ok()) << report.status().ToString();
    return *report;
  }
  // What a search finds, with the very bits of its scores.
  Hits Search(Place place, const std::string& version = {}) {
    place.version = version;
    const auto searcher = Searcher::Open(place);
    EXPECT_TRUE(searcher.ok()) << searcher.status().ToString();
    const auto response = (*searcher)->Search(
        {.query = "the delay of a socket", .k = 500, .mode = SearchMode::kVector});
    EXPECT_TRUE(response.ok()) << response.status().ToString();
    Hits hits;
    for (const SearchHit& hit : response->hits) {
      hits.emplace_back(hit.path, hit.first_line, hit.score);
    }
    return hits;
  }
  // The same of an index that knows nothing of before.
  Hits SearchAfresh() {
    std::filesystem::remove_all(folder_ / "fresh");
    EXPECT_TRUE(UpdateIndex(Where("fresh"), {}).ok());
    return Search(Where("fresh"));
  }

  testing::TemporaryFolder folder_;
  Files files_;
};

std::string RandomText(std::mt19937& random) {
  static constexpr const char* kWords[] = {"retry", "delay", "socket", "buffer", "parse", "cache"};
  std::string text;
  for (size_t i = 1 + random() % 30; i > 0; --i) {
    text += std::string(kWords[random() % 6]) + " " + kWords[random() % 6] + " " +
            std::to_string(random() % 50) + "\n";
  }
  return text;
}

std::map<std::string, VersionDifference> Differences(const Files& older, const Files& newer) {
  std::map<std::string, VersionDifference> differences;
  for (const auto& [path, text] : older) {
    const auto found = newer.find(path);
    if (found == newer.end()) {
      differences[path] = VersionDifference::kRemoved;
    } else if (found->second != text) {
      differences[path] = VersionDifference::kChanged;
    }
  }
  for (const auto& [path, text] : newer) {
    if (!older.contains(path)) differences[path] = VersionDifference::kAdded;
  }
  return differences;
}

TEST_F(VersionsTest, AreWhatTheyWereThroughARandomHistory) {
  std::mt19937 random(17);
  struct Known {
    Files files;
    Hits hits;
  };
  std::map<uint64_t, Known> known;
  Write("first.txt", "the first file\n");
  for (int step = 0; step < 40; ++step) {
    SCOPED_TRACE("step " + std::to_string(step));
    for (size_t i = random() % 4; i > 0; --i) {
      const std::string path = "f" + std::to_string(random() % 12) + ".txt";
      if (random() % 4 == 0 && files_.contains(path)) {
        Remove(path);
      } else {
        Write(path, RandomText(random));
      }
    }
    const uint64_t version = Index().version;
    const Known now{files_, Search(Where())};
    ASSERT_EQ(now.hits, SearchAfresh());
    known[version] = now;
    if (random() % 6 == 0) {
      ASSERT_TRUE(CollectGarbage(Where(), {.keeps_versions = random() % 2 == 0}).ok());
    }
    if (random() % 3 == 0) {
      const auto tagged = TagVersion(Store(), "t" + std::to_string(random() % 2), "");
      ASSERT_TRUE(tagged.ok()) << tagged.status().ToString();
    }
    const auto versions = ReadVersions(Store());
    ASSERT_TRUE(versions.ok());
    for (const VersionReport& report : versions->versions) {
      // Those made by tags, rollbacks and collections of garbage hold what others do.
      if (!known.contains(report.version)) continue;
      const Known& expected = known[report.version];
      ASSERT_EQ(report.files, expected.files.size());
      ASSERT_EQ(Search(Where(), std::to_string(report.version)), expected.hits);
      const auto diff = DiffVersions({Store(), std::to_string(report.version), "", 1000});
      ASSERT_TRUE(diff.ok()) << diff.status().ToString();
      std::map<std::string, VersionDifference> found;
      for (const DiffEntry& entry : diff->entries) found[entry.name] = entry.difference;
      ASSERT_EQ(found, Differences(expected.files, now.files));
    }
    if (random() % 3 == 0) {
      const VersionReport& target = versions->versions[random() % versions->versions.size()];
      const Hits expected = Search(Where(), std::to_string(target.version));
      const auto change = RollBack(Store(), std::to_string(target.version));
      ASSERT_TRUE(change.ok()) << change.status().ToString();
      ASSERT_EQ(Search(Where()), expected);
    }
  }
  const auto verified = VerifyIndex(Where());
  ASSERT_TRUE(verified.ok());
  for (const FileProblem& problem : verified->problems) ADD_FAILURE() << problem.message;
}

TEST_F(VersionsTest, AStoppedRunAndTheOneThatGoesOnAreOne) {
  std::mt19937 random(5);
  Write("before.txt", "before\n");
  const uint64_t before = Index().version;
  for (int i = 0; i < 600; ++i) Write("g" + std::to_string(i) + ".txt", RandomText(random));
  std::atomic<bool> stop{false};
  IndexOptions options;
  options.stop = &stop;
  const auto first = UpdateIndex(Where(), options, [&](const IndexProgress&) { stop = true; });
  ASSERT_TRUE(first.ok() && first->is_interrupted);
  EXPECT_TRUE(ReadVersions(Store())->versions.front().is_unfinished);
  Index();
  const auto versions = ReadVersions(Store())->versions;
  ASSERT_EQ(versions.size(), 2u);
  EXPECT_FALSE(versions[0].is_unfinished);
  EXPECT_EQ(versions[0].files, 601u);
  EXPECT_EQ(versions[1].version, before);
}

TEST_F(VersionsTest, SayWhatIsNotThere) {
  EXPECT_EQ(ReadVersions(Store()).code(), base::Code::kNotFound);
  EXPECT_EQ(RollBack(Store(), "1").code(), base::Code::kNotFound);
  Write("a.txt", "a\n");
  Index();
  EXPECT_EQ(RollBack(Store(), "nothing").code(), base::Code::kNotFound);
  EXPECT_EQ(RemoveTag(Store(), "nothing").code(), base::Code::kNotFound);
  EXPECT_EQ(TagVersion(Store(), "1", "").code(), base::Code::kInvalidArgument);
  EXPECT_EQ(TagVersion(Store(), "a tag", "").code(), base::Code::kInvalidArgument);
  EXPECT_EQ(DiffVersions({Store(), "77", "", 1}).code(), base::Code::kNotFound);
  EXPECT_EQ(SetRetention(Store(), {.keep_last = 0}).code(), base::Code::kInvalidArgument);
}

}  // namespace
}  // namespace intact::engine
