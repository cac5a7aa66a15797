// Damage to a small store that holds everything a store can: every bit of every file flipped, one
// at a time, and blocks zeroed, misplaced, put back to what they once were. What comes out is the
// truth, at the newest version, or an error; and what a journal or the superblock holds, twice as
// it is, always the truth.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <random>

#include "intact/store/crash_explorer_test.h"
#include "intact/store/folder.h"

namespace intact::store {
namespace {

const std::string kFolder = "/data/store";

// A history with tags, deleted keys, a journal that is full and one with several frames, segments
// and manifests in files of their own.
std::vector<Act> ActsOfWrites() {
  using enum Act;
  return {kPut, kKeepThree, kBatch, kDelete, kTag, kUpdate, kBatch, kPut, kTag, kDelete};
}
// The same with sections.
std::vector<Act> ActsOfCommits() {
  using enum Act;
  return {kRows, kKeepThree, kSection, kTag, kRows, kSection, kRows, kTag, kSection};
}

enum class Outcome : unsigned char { kTruth, kError };

class FlipTest : public ::testing::TestWithParam<bool> {
 protected:
  FlipTest() : script_(GetParam() ? ActsOfWrites() : ActsOfCommits()) {
    auto store = Store::OpenWriter(disk_, kFolder, script_.Options());
    while ((*store)->snapshot()->version() < script_.length()) {
      if ((*store)->snapshot()->version() + 3 == script_.length()) old_ = disk_.AfterKill();
      INTACT_CHECK(script_.Step(**store).ok());
    }
  }

  // Reads everything; anything that is neither the truth nor an error fails the test.
  Outcome Read() {
    const auto snapshot = Store::OpenReadOnly(disk_, kFolder);
    if (!snapshot.ok()) {
      EXPECT_TRUE(snapshot.code() == base::Code::kCorruption ||
                  snapshot.code() == base::Code::kUnsupported ||
                  snapshot.code() == base::Code::kNotFound)
          << snapshot.status().ToString();
      return Outcome::kError;
    }
    Outcome outcome = Outcome::kTruth;
    if (may_fall_back_ && (*snapshot)->version() < script_.length()) {
      outcome = Outcome::kError;
    } else {
      EXPECT_EQ((*snapshot)->version(), script_.length()) << "fell back to an older version";
    }
    const auto note = [&](const std::optional<std::string>& difference) {
      if (!difference) return;
      outcome = Outcome::kError;
      EXPECT_NE(difference->find(kErrorMark), std::string::npos) << *difference;
    };
    note(script_.Difference(**snapshot));
    note(HistoryDifference(script_, disk_, kFolder, **snapshot));
    return outcome;
  }

  // `is_seen`: verify must see it.
  void Judge(const std::string& path, bool is_seen) {
    ++damaged_;
    const Outcome outcome = Read();
    if (outcome == Outcome::kTruth) ++harmless_;
    const bool is_twice = path.find("/journal-") != std::string::npos || path.ends_with("/SUPER");
    if (is_twice) {
      EXPECT_EQ(outcome, Outcome::kTruth) << "there is a second copy";
    }
    const auto report = Verify(disk_, kFolder);
    EXPECT_TRUE(outcome == Outcome::kTruth || !report.ok() || !report->ok()) << "verify missed it";
    EXPECT_TRUE(!is_seen || !report.ok() || report->problem_count > 0) << "verify saw nothing";
  }

  // How far from this bit to the next that is flipped: where all is zero, far.
  static size_t StepAt(const base::Bytes& content, size_t bit) {
    if (kIsSanitized) return 1009;
    if (CrashScale() > 1) return 1;
    const size_t begin = bit / 512 * 64;
    const size_t end = std::min(begin + 64, content.size());
    const bool is_zero = std::all_of(content.begin() + static_cast<std::ptrdiff_t>(begin),
                                     content.begin() + static_cast<std::ptrdiff_t>(end),
                                     [](std::byte b) { return b == std::byte{0}; });
    // 67 has no factor in common with 8: every position has its turn.
    return is_zero ? std::min<size_t>(67, 8 * end - bit) : 1;
  }

  // Each bit of the journals, or of all other files.
  void FlipAll(bool is_of_journals) {
    ASSERT_EQ(Read(), Outcome::kTruth);
    size_t files = 0;
    for (const std::string& path : disk_.Paths()) {
      if ((path.find("/journal-") != std::string::npos) != is_of_journals) continue;
      ++files;
      base::Bytes& content = disk_.MutableContent(path);
      for (size_t bit = 0; bit < 8 * content.size(); bit += StepAt(content, bit)) {
        // The second half is the first once more.
        const bool is_skipped =
            is_of_journals && CrashScale() == 1 && bit >= 4 * content.size() && bit % 7 != 0;
        if (is_skipped) continue;
        SCOPED_TRACE(path + " bit " + std::to_string(bit));
        content[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
        Judge(path, true);
        content[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
        if (HasFailure()) return;
      }
    }
    Print("bits flipped");
    EXPECT_GE(files, 2u);
    EXPECT_EQ(Read(), Outcome::kTruth);
  }

  void Print(const char* what) const {
    std::printf("%s: %d, %d of them harmless (a second copy, padding, unused)\n", what, damaged_,
                harmless_);
  }

  static constexpr uint32_t kBlockKinds = 4;

  ActScript script_;
  bool may_fall_back_ = false;
  testing::CrashFileSystem disk_;
  std::unique_ptr<testing::CrashFileSystem> old_;  // Some versions ago.
  int damaged_ = 0;
  int harmless_ = 0;
};

TEST_P(FlipTest, AnyBitOfAJournalGivesTheTruth) { FlipAll(true); }

TEST_P(FlipTest, AnyBitOfOtherFilesGivesTheTruthOrAnError) { FlipAll(false); }

// Damage of one sector, or one page.
TEST_P(FlipTest, AnyBlockGivesTheTruthOrAnError) {
  const std::vector<std::string> paths = disk_.Paths();
  const int count = kIsSanitized ? 300 : 20'000 * static_cast<int>(CrashScale());
  for (int seed = 0; seed < count; ++seed) {
    std::mt19937 random(static_cast<uint32_t>(seed));
    const std::string& path = paths[random() % paths.size()];
    base::Bytes& content = disk_.MutableContent(path);
    if (content.empty()) continue;
    const size_t block = random() % 2 == 0 ? 512 : 4096;
    const size_t begin = random() % content.size() / block * block;
    const size_t size = std::min(block, content.size() - begin);
    const base::Bytes original = content;
    const auto at = content.begin() + static_cast<std::ptrdiff_t>(begin);
    SCOPED_TRACE("seed " + std::to_string(seed) + ", " + path);
    const auto block_kind = random() % kBlockKinds;
    switch (block_kind) {
      case 0:
        std::fill_n(at, size, std::byte{0});
        break;
      case 1:  // Some bits.
        for (size_t i = 2 + random() % 7; i > 0; --i) {
          at[static_cast<std::ptrdiff_t>(random() % size)] ^=
              static_cast<std::byte>(1u << random() % 8);
        }
        break;
      case 2: {  // A block that belongs elsewhere, of any file.
        const base::Bytes& other = disk_.MutableContent(paths[random() % paths.size()]);
        if (other.size() < size) continue;
        const size_t from = random() % (other.size() - size + 1) / 512 * 512;
        const base::Bytes moved(other.begin() + static_cast<std::ptrdiff_t>(from),
                                other.begin() + static_cast<std::ptrdiff_t>(from + size));
        std::copy(moved.begin(), moved.end(), at);
        break;
      }
      default: {  // What was there before: a write that was lost.
        const std::vector<std::string> old_paths = old_->Paths();
        if (std::find(old_paths.begin(), old_paths.end(), path) == old_paths.end()) continue;
        const base::Bytes& old = old_->MutableContent(path);
        if (old.size() < begin + size) continue;
        std::copy_n(old.begin() + static_cast<std::ptrdiff_t>(begin), size, at);
      }
    }
    if (content != original) Judge(path, true);
    content = original;
    if (HasFailure()) return;
  }
  Print("blocks damaged");
  EXPECT_EQ(Read(), Outcome::kTruth);
}

// Shorter, longer, swapped and foreign files.
TEST_P(FlipTest, AnyWrongFileGivesTheTruthOrAnError) {
  testing::CrashFileSystem other;
  {
    const auto store = Store::OpenWriter(other, kFolder, script_.Options());
    while ((*store)->snapshot()->version() < script_.length()) {
      ASSERT_TRUE(script_.Step(**store).ok());
    }
  }
  for (const std::string& path : disk_.Paths()) {
    base::Bytes& content = disk_.MutableContent(path);
    const base::Bytes original = content;
    // A journal in whose place, in both halves, there is another file looks like one to which
    // nothing was appended yet.
    may_fall_back_ = path.find("/journal-") != std::string::npos;
    const auto expect_sound = [&](const std::string& what) {
      SCOPED_TRACE(path);
      SCOPED_TRACE(what);
      Read();
      static_cast<void>(Verify(disk_, kFolder).ok());
      content = original;
    };
    for (size_t size = 0; size < original.size(); size += 61) {
      content.resize(size);
      expect_sound("cut to " + std::to_string(size));
    }
    content.resize(original.size() + 100);
    expect_sound("made longer");
    for (const std::string& another : disk_.Paths()) {
      if (another == path) continue;
      content = disk_.MutableContent(another);
      expect_sound("replaced by " + another);
    }
    // The same bytes in all but the store's identity.
    content = other.MutableContent(path);
    if (!path.ends_with("SUPER")) expect_sound("of another store");
    content = original;
  }
}

INSTANTIATE_TEST_SUITE_P(Each, FlipTest, ::testing::Bool(), [](const auto& test) {
  return std::string(test.param ? "Writes" : "Commits");
});

}  // namespace
}  // namespace intact::store
