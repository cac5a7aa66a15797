// Every bit of every file of a small store is flipped, one at a time: what comes out is the truth
// or an error.
#include <gtest/gtest.h>

#include <cstdio>

#include "intact/store/folder.h"
#include "intact/store/script_test.h"
#include "intact/testing/crash_file_system.h"

namespace intact::store {
namespace {

const std::string kFolder = "/data/store";

class FlipTest : public ::testing::Test {
 protected:
  FlipTest() : expected_(ExpectedVersions(kVersion)) {
    const auto store = Store::OpenWriter(disk_, kFolder, ScriptOptions());
    for (uint64_t version = 1; version <= kVersion; ++version) {
      INTACT_CHECK(CommitStep(**store).ok());
    }
  }

  // True when everything that can be read is right, false when something is an error; never
  // anything else.
  bool ReadsRight() {
    const auto snapshot = Store::OpenReadOnly(disk_, kFolder);
    if (!snapshot.ok()) {
      EXPECT_TRUE(snapshot.code() == base::Code::kCorruption ||
                  snapshot.code() == base::Code::kUnsupported ||
                  snapshot.code() == base::Code::kNotFound)
          << snapshot.status().ToString();
      return false;
    }
    const Snapshot& found = **snapshot;
    EXPECT_EQ(found.version(), kVersion) << "fell back to an older version";
    bool is_right = true;
    const auto note = [&](const base::Status& status) {
      if (!status.ok()) is_right = false;
    };
    std::vector<float> vector(kScriptDimensions);
    for (const ExpectedVersion::Row& row : expected_[kVersion].rows) {
      const auto id = found.Find(row.key);
      note(id.status());
      if (id.ok()) {
        EXPECT_EQ(*id, row.id);
      }
      const base::Status read = found.ReadVector(row.id, vector);
      note(read);
      if (read.ok()) {
        EXPECT_EQ(std::memcmp(vector.data(), row.vector.data(), sizeof(float) * vector.size()), 0);
      }
    }
    for (const auto& segment : found.segments()) note(segment->CheckCodes());
    const auto section = found.segments().back()->Section(kScriptSectionKind);
    note(section.status());
    if (section.ok()) {
      EXPECT_EQ(base::AsText(*section),
                base::AsText(ScriptSection(*expected_[kVersion].section_version)));
    }
    EXPECT_EQ(base::AsText(found.engine_state()), base::AsText(ScriptState(kVersion)));
    return is_right;
  }

  // Flips each bit of the superblock file, or of all others.
  void FlipAll(bool is_super) {
    ASSERT_TRUE(ReadsRight());
    for (const std::string& path : disk_.Paths()) {
      if ((path == SuperPath(kFolder)) != is_super) continue;
      base::Bytes& content = disk_.MutableContent(path);
      // 13 has no factor in common with 8, so every position within a byte gets its turn.
      for (size_t bit = 0; bit < 8 * content.size(); bit += kIsSanitized ? 13 : 1) {
        SCOPED_TRACE(path + " bit " + std::to_string(bit));
        content[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
        Judge(path);
        content[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
        if (HasFailure()) return;
      }
    }
    std::printf("bit flips: %d, %d harmless (second copy, padding, unused), %d seen by verify\n",
                flips_, harmless_, seen_by_verify_);
    EXPECT_TRUE(ReadsRight());
  }

  void Judge(const std::string& path) {
    ++flips_;
    const bool reads_right = ReadsRight();
    if (reads_right) ++harmless_;
    const auto report = Verify(disk_, kFolder);
    const bool is_seen = !report.ok() || report->problem_count > 0;
    if (is_seen) ++seen_by_verify_;
    // Nobody needs the manifest before the current one, nor what LOCK says.
    EXPECT_TRUE(is_seen || path == ManifestPath(kFolder, kVersion - 1) || path.ends_with("/LOCK"));
    EXPECT_TRUE(reads_right || !report.ok() || !report->ok()) << "verify missed it";
  }

  static constexpr uint64_t kVersion = 2;
  int flips_ = 0;
  int harmless_ = 0;
  int seen_by_verify_ = 0;
  testing::CrashFileSystem disk_;
  std::vector<ExpectedVersion> expected_;
};

TEST_F(FlipTest, AnyBitOfTheSuperblockGivesTheTruthOrAnError) { FlipAll(true); }

TEST_F(FlipTest, AnyBitOfOtherFilesGivesTheTruthOrAnError) { FlipAll(false); }

// Shorter, longer, swapped and foreign files.
TEST_F(FlipTest, AnyWrongFileGivesTheTruthOrAnError) {
  testing::CrashFileSystem other;
  {
    const auto store = Store::OpenWriter(other, kFolder, ScriptOptions());
    for (uint64_t version = 1; version <= kVersion; ++version) {
      ASSERT_TRUE(CommitStep(**store).ok());
    }
  }
  for (const std::string& path : disk_.Paths()) {
    base::Bytes& content = disk_.MutableContent(path);
    const base::Bytes original = content;
    const auto expect_sound = [&](const std::string& what) {
      SCOPED_TRACE(path);
      SCOPED_TRACE(what);
      ReadsRight();
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
    for (size_t begin = 0; begin + 512 <= original.size(); begin += 512) {
      std::fill_n(content.begin() + static_cast<std::ptrdiff_t>(begin), 512, std::byte{0});
      expect_sound("zeros at " + std::to_string(begin));
      std::copy_n(original.begin(), 512, content.begin() + static_cast<std::ptrdiff_t>(begin));
      expect_sound("a misplaced sector at " + std::to_string(begin));
    }
  }
}

}  // namespace
}  // namespace intact::store
