// Proof that the crash test can fail: protocol bugs, put between the store and the disk one at a
// time, each of which the explorer must find.
#include <gtest/gtest.h>

#include <cstdio>

#include "intact/format/superblock.h"
#include "intact/store/crash_explorer_test.h"
#include "intact/store/folder.h"
#include "intact/testing/forwarding_file_system.h"

namespace intact::store {
namespace {

enum class Bug {
  kNone,
  kNoSegmentSync,
  kNoManifestSync,
  kNoSuperSync,
  kNoTemporarySync,
  kNoFolderSync,
  kNoParentSync,
  kFolderSyncAfterSuper,
  kSuperBeforeManifest,
  kSuperBeforeSegment,
  kOnePairOnly,
  kBothPairsAtOnce,
  kUnlinkBeforeSuperSync,
  kSyncErrorsIgnored,
  kNoRewriteOnOpen,
  kNothingIsUnlinked,
};

bool IsSegment(const std::string& path) { return path.find("/seg-") != std::string::npos; }
bool IsManifest(const std::string& path) { return path.find("/manifest-") != std::string::npos; }
bool IsSuper(const std::string& path) { return path.ends_with("/SUPER"); }
bool IsTemporary(const std::string& path) { return path.ends_with("/SUPER.tmp"); }

class BuggyFileSystem final : public testing::ForwardingFileSystem {
 public:
  BuggyFileSystem(os::FileSystem& files, Bug bug) : ForwardingFileSystem(files), bug_(bug) {}

  base::Result<std::unique_ptr<os::File>> OpenForWrite(const std::string& path) override {
    INTACT_ASSIGN_OR_RETURN(std::unique_ptr<os::File> file, below().OpenForWrite(path));
    return std::unique_ptr<os::File>(std::make_unique<BuggyFile>(*this, std::move(file), path));
  }

  base::Status Remove(const std::string& path) override {
    if (bug_ == Bug::kNothingIsUnlinked && (IsSegment(path) || IsManifest(path))) return base::Ok();
    return below().Remove(path);
  }

  base::Status SyncDirectory(const std::string& path) override {
    const bool is_store = path.ends_with("/store");
    if (bug_ == Bug::kNoFolderSync && is_store) return base::Ok();
    if (bug_ == Bug::kNoParentSync && !is_store) return base::Ok();
    if (bug_ == Bug::kFolderSyncAfterSuper && is_store && is_super_open_) {
      late_.push_back([this, path] { return below().SyncDirectory(path); });
      return base::Ok();
    }
    return below().SyncDirectory(path);
  }

 private:
  class BuggyFile final : public testing::ForwardingFile {
   public:
    BuggyFile(BuggyFileSystem& files, std::unique_ptr<os::File> below, std::string path)
        : ForwardingFile(std::move(below)), files_(files), path_(std::move(path)) {
      if (IsSuper(path_)) files_.is_super_open_ = true;
    }
    ~BuggyFile() override {
      if (IsSuper(path_)) files_.is_super_open_ = false;
    }

    base::Status WriteAt(uint64_t offset, base::ByteSpan source) override {
      const Bug bug = files_.bug_;
      if (bug == Bug::kSuperBeforeManifest && IsManifest(path_) && files_.is_super_open_) {
        // Only the bytes are late: the name is there in time, with nothing behind it.
        files_.WriteLate(path_, offset, source);
        return base::Ok();
      }
      if (!IsSuper(path_)) return ForwardingFile::WriteAt(offset, source);
      ++super_writes_;
      if (bug == Bug::kNoRewriteOnOpen && super_writes_ == 1) return base::Ok();
      if (bug == Bug::kOnePairOnly) return WritePair(0, source);
      if (bug == Bug::kBothPairsAtOnce) {
        INTACT_RETURN_IF_ERROR(WritePair(0, source));
        return WritePair(1, source);
      }
      return ForwardingFile::WriteAt(offset, source);
    }

    base::Status Sync() override {
      const Bug bug = files_.bug_;
      const bool is_skipped =
          (bug == Bug::kNoSegmentSync && IsSegment(path_)) ||
          (bug == Bug::kNoManifestSync && IsManifest(path_)) ||
          (bug == Bug::kNoSuperSync && IsSuper(path_)) ||
          (bug == Bug::kNoTemporarySync && IsTemporary(path_)) ||
          (bug == Bug::kNoRewriteOnOpen && IsSuper(path_) && super_writes_ == 1);
      if (is_skipped) return base::Ok();
      if (bug == Bug::kSuperBeforeSegment && IsSegment(path_)) {
        files_.late_.push_back([&files = files_, path = path_] {
          return (*files.below().OpenForWrite(path))->Sync();
        });
        return base::Ok();
      }
      if (!IsSuper(path_)) return ForwardingFile::Sync();
      if (bug == Bug::kUnlinkBeforeSuperSync) files_.UnlinkUnnamed(path_);
      const base::Status synced = ForwardingFile::Sync();
      files_.DoLate();
      return bug == Bug::kSyncErrorsIgnored ? base::Ok() : synced;
    }

   private:
    base::Status WritePair(uint32_t pair, base::ByteSpan source) {
      base::ByteWriter pages;
      for (uint32_t i = 0; i < 2; ++i) {
        format::SuperPageBytes page;
        std::copy_n(source.begin(), page.size(), page.begin());
        pages.PutBytes(format::MoveSuperPage(page, 2 * pair + i));
      }
      return ForwardingFile::WriteAt(pair * format::kSuperPairSize, pages.bytes());
    }

    BuggyFileSystem& files_;
    std::string path_;
    int super_writes_ = 0;
  };

  void WriteLate(const std::string& path, uint64_t offset, base::ByteSpan source) {
    late_.push_back([this, path, offset, bytes = base::Bytes(source.begin(), source.end())] {
      const auto file = below().OpenForWrite(path);
      INTACT_RETURN_IF_ERROR((*file)->WriteAt(offset, bytes));
      return (*file)->Sync();
    });
  }

  void DoLate() {
    for (const auto& action : std::exchange(late_, {})) static_cast<void>(action().ok());
  }

  // What the store does after the sync, done before it, and durably.
  void UnlinkUnnamed(const std::string& super_path) {
    const std::string folder = os::ParentPath(super_path);
    const auto loaded = LoadVersion(below(), folder);
    if (!loaded.ok()) return;
    const auto used = ReadFilesInUse(below(), folder, *loaded->snapshot, loaded->super.active);
    SweepFolder(below(), folder, *used);
    static_cast<void>(below().SyncDirectory(folder).ok());
  }

  Bug bug_;
  bool is_super_open_ = false;
  std::vector<std::function<base::Status()>> late_;
};

// Runs until the first violation; "" when there is none.
std::string FirstViolation(Bug bug) {
  const CommitScript script(kScriptLength);
  CrashExplorer explorer(
      {.script = &script,
       .seeds_per_call = 40,
       .wrap =
           [bug](os::FileSystem& files) { return std::make_unique<BuggyFileSystem>(files, bug); },
       .stop_at_violation = true});
  explorer.ExploreScript();
  if (explorer.violations().empty()) explorer.ExploreFailedSyncs();
  return explorer.violations().empty() ? "" : explorer.violations()[0];
}

TEST(Mutant, NoneIsSeenWhereThereIsNone) { EXPECT_EQ(FirstViolation(Bug::kNone), ""); }

struct MutantCase {
  const char* name;
  Bug bug;
};

class MutantTest : public ::testing::TestWithParam<MutantCase> {};

TEST_P(MutantTest, IsFound) {
  const std::string violation = FirstViolation(GetParam().bug);
  EXPECT_NE(violation, "") << GetParam().name << " went unnoticed";
  std::printf("%s: %s\n", GetParam().name, violation.substr(0, 160).c_str());
}

INSTANTIATE_TEST_SUITE_P(
    Each, MutantTest,
    ::testing::Values(MutantCase{"NoSegmentSync", Bug::kNoSegmentSync},
                      MutantCase{"NoManifestSync", Bug::kNoManifestSync},
                      MutantCase{"NoSuperSync", Bug::kNoSuperSync},
                      MutantCase{"NoTemporarySync", Bug::kNoTemporarySync},
                      MutantCase{"NoFolderSync", Bug::kNoFolderSync},
                      MutantCase{"NoParentSync", Bug::kNoParentSync},
                      MutantCase{"FolderSyncAfterSuper", Bug::kFolderSyncAfterSuper},
                      MutantCase{"SuperBeforeManifest", Bug::kSuperBeforeManifest},
                      MutantCase{"SuperBeforeSegment", Bug::kSuperBeforeSegment},
                      MutantCase{"OnePairOnly", Bug::kOnePairOnly},
                      MutantCase{"BothPairsAtOnce", Bug::kBothPairsAtOnce},
                      MutantCase{"UnlinkBeforeSuperSync", Bug::kUnlinkBeforeSuperSync},
                      MutantCase{"SyncErrorsIgnored", Bug::kSyncErrorsIgnored},
                      MutantCase{"NoRewriteOnOpen", Bug::kNoRewriteOnOpen},
                      MutantCase{"NothingIsUnlinked", Bug::kNothingIsUnlinked}),
    [](const auto& test) { return std::string(test.param.name); });

}  // namespace
}  // namespace intact::store
