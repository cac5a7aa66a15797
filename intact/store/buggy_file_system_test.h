// A file system between the store and the disk that brings in one bug of the protocol: for
// mutant_test.cc.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "intact/format/superblock.h"
#include "intact/store/folder.h"
#include "intact/testing/forwarding_file_system.h"

namespace intact::store {

enum class Bug : unsigned char {
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
  kNoJournalSync,
  kOnlyFirstHalf,
  kOnlySecondHalf,
  kJournalZerosNotSynced,
  kNoFolderSyncWithJournal,
  kNoTailRewrite,
  kTailRewrittenWithoutSync,
  kFrameChecksumIgnored,
  kUnlinkBeforeJournalSync,
  kHistoryUnlinked,
  kTaggedUnlinked,
  kJournalSyncErrorIgnored,
  kSuperForgetsJournal,
  kOldJournalUnlinkedEarly,
  kJournalsStay,
};

inline bool IsSegment(const std::string& path) { return path.find("/seg-") != std::string::npos; }
inline bool IsManifest(const std::string& path) {
  return path.find("/manifest-") != std::string::npos;
}
inline bool IsJournal(const std::string& path) {
  return path.find("/journal-") != std::string::npos;
}
inline bool IsSuper(const std::string& path) { return path.ends_with("/SUPER"); }
inline bool IsTemporary(const std::string& path) { return path.ends_with("/SUPER.tmp"); }

class BuggyFileSystem final : public testing::ForwardingFileSystem {
 public:
  BuggyFileSystem(os::FileSystem& files, Bug bug) : ForwardingFileSystem(files), bug_(bug) {}

  base::Result<std::unique_ptr<os::File>> OpenForWrite(const std::string& path) override {
    INTACT_ASSIGN_OR_RETURN(std::unique_ptr<os::File> file, below().OpenForWrite(path));
    return std::unique_ptr<os::File>(std::make_unique<BuggyFile>(*this, std::move(file), path));
  }

  base::Status Remove(const std::string& path) override {
    if (bug_ == Bug::kNothingIsUnlinked && (IsSegment(path) || IsManifest(path))) return base::Ok();
    if (bug_ == Bug::kJournalsStay && IsJournal(path)) return base::Ok();
    return below().Remove(path);
  }

  base::Status SyncDirectory(const std::string& path) override {
    const bool is_store = path.ends_with("/store");
    if (bug_ == Bug::kNoFolderSync && is_store) return base::Ok();
    if (bug_ == Bug::kNoFolderSyncWithJournal && is_store &&
        std::exchange(is_journal_new_, false)) {
      return base::Ok();
    }
    if (bug_ == Bug::kNoParentSync && !is_store) return base::Ok();
    if (bug_ == Bug::kFolderSyncAfterSuper && is_store && is_super_open_) {
      late_.push_back([this, path] { return below().SyncDirectory(path); });
      return base::Ok();
    }
    return below().SyncDirectory(path);
  }

  base::Result<std::unique_ptr<os::Mapping>> Map(const std::string& path) override;

 private:
  class BuggyFile final : public testing::ForwardingFile {
   public:
    BuggyFile(BuggyFileSystem& files, std::unique_ptr<os::File> below, std::string path)
        : ForwardingFile(std::move(below)), files_(files), path_(std::move(path)) {
      if (IsSuper(path_)) files_.is_super_open_ = true;
      if (IsJournal(path_)) ++files_.open_journals_;
    }
    ~BuggyFile() override {
      if (IsSuper(path_)) files_.is_super_open_ = false;
      if (IsJournal(path_)) --files_.open_journals_;
    }

    base::Status WriteAt(uint64_t offset, base::ByteSpan source) override {
      const Bug bug = files_.bug_;
      if (bug == Bug::kSuperBeforeManifest && IsManifest(path_) && files_.is_super_open_) {
        // Only the bytes are late: the name is there in time, with nothing behind it.
        files_.WriteLate(path_, offset, source);
        return base::Ok();
      }
      if (IsJournal(path_)) return WriteJournal(offset, source);
      if (!IsSuper(path_)) return ForwardingFile::WriteAt(offset, source);
      if (bug == Bug::kSuperForgetsJournal) return WriteWithoutJournal(offset, source);
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
      if (IsJournal(path_)) return SyncJournal();
      if (bug == Bug::kSuperBeforeSegment && IsSegment(path_)) {
        files_.late_.push_back([&files = files_, path = path_] {
          return (*files.below().OpenForWrite(path))->Sync();
        });
        return base::Ok();
      }
      if (!IsSuper(path_)) return ForwardingFile::Sync();
      if (bug == Bug::kUnlinkBeforeSuperSync) files_.UnlinkUnnamed(path_);
      if (bug == Bug::kOldJournalUnlinkedEarly) files_.UnlinkOldJournal(path_);
      const base::Status synced = ForwardingFile::Sync();
      files_.DoLate();
      // Not where it is opened: what the journal holds may not be durable yet.
      if (synced.ok() && super_writes_ > 1) files_.UnlinkOlder(path_);
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

    base::Status WriteJournal(uint64_t offset, base::ByteSpan source);
    base::Status SyncJournal();
    base::Status WriteWithoutJournal(uint64_t offset, base::ByteSpan source);

    BuggyFileSystem& files_;
    std::string path_;
    int super_writes_ = 0;
    bool has_frames_ = false;      // To sync.
    bool has_old_frames_ = false;  // Written again since the last sync, and nothing else.
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

  // What the store does after the sync, done before it, and durably. `path` is of a file of it.
  void UnlinkUnnamed(const std::string& path);
  // The journal that the superblock named before, while the new one is not synced.
  void UnlinkOldJournal(const std::string& path);
  // What older versions need that are still in the history, or those of them that have tags.
  void UnlinkOlder(const std::string& path);

  Bug bug_;
  bool is_super_open_ = false;
  bool is_journal_new_ = false;
  int open_journals_ = 0;
  std::vector<std::function<base::Status()>> late_;
};

}  // namespace intact::store
