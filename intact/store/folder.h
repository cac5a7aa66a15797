// A store's folder: the names in it, reading the current version, making an empty store, sweeping
// leftovers. For Store and Verify. Protocol: docs/format/store.md. Thread-safe functions; those
// that write need the lock.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "intact/base/base.h"
#include "intact/format/superblock.h"
#include "intact/os/clock.h"
#include "intact/os/file.h"
#include "intact/store/journal.h"
#include "intact/store/snapshot.h"

namespace intact::store {

inline constexpr std::string_view kSuperName = "SUPER";
inline constexpr std::string_view kSuperTemporaryName = "SUPER.tmp";
inline constexpr std::string_view kLockName = "LOCK";

// "seg-12" -> {kSegment, 12}; kNone for names of others. SUPER.tmp is kSuper too.
enum class StoreName : unsigned char { kNone, kSuper, kLock, kManifest, kSegment, kJournal };
std::pair<StoreName, uint64_t> ParseStoreName(std::string_view name);

std::string ManifestPath(const std::string& folder, uint64_t version);
std::string SegmentPath(const std::string& folder, uint64_t id);
std::string JournalPath(const std::string& folder, uint64_t number);
// The file that a version's manifest lies in, or a segment.
std::string PathOf(const std::string& folder, const format::VersionEntry& entry);
std::string PathOf(const std::string& folder, const format::SegmentEntry& entry);
inline std::string SuperPath(const std::string& folder) { return os::JoinPath(folder, kSuperName); }

// How often a reader begins again because a writer unlinked what it was about to open.
inline constexpr int kReadAttemptsMax = 30;

// At most a few bytes above the size of a whole superblock file. kNotFound when there is none.
base::Result<base::Bytes> ReadSuperFile(os::FileSystem& files, const std::string& folder);

// The bytes of a manifest that is about to be written, and `super` made to name them. kCorruption
// for one that no reader would take, kFull when it is too large.
base::Result<base::Bytes> SealManifest(const format::Manifest& manifest, format::Superblock& super);

// The version that `super` names; newer ones may be in its journal.
format::VersionEntry EntryOf(const format::Superblock& super);

// The manifest of the version that `entry` names, compared with its size and digest. In a journal
// the second half is read when the first is damaged.
base::Result<format::Manifest> ReadManifest(os::FileSystem& files, const std::string& folder,
                                            const format::Uuid& store,
                                            const format::VersionEntry& entry);

// Journals mapped so far, for opening the segments of a version.
class JournalMaps {
 public:
  JournalMaps(os::FileSystem& files, const std::string& folder) : files_(files), folder_(folder) {}
  base::Result<std::shared_ptr<os::Mapping>> Get(uint64_t number);
  // The frames of a journal that were read: in which half each is whole.
  void SetFrames(uint64_t number, std::vector<JournalFrame> frames) {
    frames_[number] = std::move(frames);
  }
  // The half in which the frame at this offset is whole; nullopt when its frames were not set.
  std::optional<uint32_t> HalfOf(const format::Location& location) const;

 private:
  os::FileSystem& files_;
  const std::string& folder_;
  std::map<uint64_t, std::shared_ptr<os::Mapping>> maps_;
  std::map<uint64_t, std::vector<JournalFrame>> frames_;
};

// Whether all its sections have their checksums. Reads it whole: for what lies, or lay, in a
// journal.
bool IsWhole(const Segment& segment);

// Opens the segment wherever it lies; in a journal, in a half in which it is whole.
base::Result<std::shared_ptr<const Segment>> OpenSegment(os::FileSystem& files,
                                                         const std::string& folder,
                                                         const format::Uuid& store,
                                                         const format::SegmentEntry& entry,
                                                         uint32_t dimensions, JournalMaps& maps);

// Opens a version of the store.
base::Result<std::shared_ptr<const Snapshot>> LoadSnapshot(os::FileSystem& files,
                                                           const std::string& folder,
                                                           const format::Uuid& store,
                                                           const format::VersionEntry& entry,
                                                           JournalMaps& maps);

struct LoadedVersion {
  format::SuperFile super;
  std::shared_ptr<const Snapshot> snapshot;
  JournalContent journal;  // Of the superblock's, empty when it names none.
};
// Reads the newest version, as a reader does. kNotFound when there is no superblock. Who is going
// to write asks for both halves of the journal.
base::Result<LoadedVersion> LoadVersion(os::FileSystem& files, const std::string& folder,
                                        JournalHalves halves = JournalHalves::kOne);

// When the pair of the superblock that is not in use is damaged in both copies, it may have been in
// use: then a journal that it named, and that `found` does not know of, may hold versions that were
// acknowledged: kCorruption. What a crash leaves of such a journal is zeros.
base::Status CheckNothingNewer(os::FileSystem& files, const std::string& folder,
                               const format::SuperFile& super, const format::Manifest& found);

// What the journal's last frame says, or else the superblock.
format::VersionEntry NewestOf(const format::Superblock& super, const JournalContent& journal);

// Reads the frames of the superblock's journal and checks that those newer than its manifest follow
// on it without a gap.
base::Result<JournalContent> LoadJournal(const os::Mapping& mapping,
                                         const format::Superblock& super, const std::string& path,
                                         JournalHalves halves = JournalHalves::kBoth);

// Why a folder without a superblock cannot be opened: kNotFound when it is missing, empty or holds
// the beginnings of a store only, kInvalidArgument when it holds files that are not a store's,
// kCorruption when a store has lost its superblock, kUnavailable when it has one by now.
base::Status ExplainMissingSuper(os::FileSystem& files, const std::string& folder);

// Creates the folder and those above it, durably.
base::Status CreateFolderDurably(os::FileSystem& files, const std::string& folder);

// Takes the writer's lock, waiting up to `wait_ms` for another writer. kUnavailable, with the
// holder's process id, when it has it still.
base::Result<std::unique_ptr<os::FileLock>> LockFolder(os::FileSystem& files,
                                                       const std::string& folder, int64_t wait_ms,
                                                       const os::Clock& clock = os::RealClock());

// Makes an empty store in an existing folder that holds nothing but leftovers of this function.
// Needs the lock.
base::Status CreateStore(os::FileSystem& files, const std::string& folder,
                         const CollectionSpec& spec, const format::Retention& retention,
                         const format::Uuid& uuid, int64_t wall_ns);

// Files that the versions kept need, each counted once a version. Thread-compatible.
class FilesInUse {
 public:
  explicit FilesInUse(std::string folder) : folder_(std::move(folder)) {}

  void Add(const format::VersionEntry& entry, const format::Manifest& manifest);
  // Paths that no version needs once this one, added before, is gone.
  std::vector<std::string> Remove(uint64_t version);
  // The journal that commits go to is in use besides, by no version. Paths that nothing needs once
  // it is another.
  std::vector<std::string> SetJournal(uint64_t number);

  bool Needs(const std::string& path) const;

 private:
  std::string folder_;
  uint64_t journal_ = 0;
  std::map<std::string, uint64_t> counts_;
  std::map<uint64_t, std::vector<std::string>> files_;  // By version.
};

// What the newest version and its history need. kCorruption when a manifest of the history cannot
// be read.
base::Result<FilesInUse> ReadFilesInUse(os::FileSystem& files, const std::string& folder,
                                        const Snapshot& newest, const format::Superblock& super);

// Unlinks files of a store's names that are not in use: what a crash left over. Needs the lock.
// Failures do no harm: whoever writes such a name unlinks it first.
void SweepFolder(os::FileSystem& files, const std::string& folder, const FilesInUse& used);

// Writes a whole new file and syncs it, its name not yet; an older file of that name is unlinked
// first.
base::Status WriteNewFile(os::FileSystem& files, const std::string& path, base::ByteSpan bytes);

// Both pages of `pair` in one write, and a sync.
base::Status WriteSuperPair(os::File& file, const format::Superblock& super, uint32_t pair);

// Writes the pair in use again, the same bytes, both copies, and syncs: from here on it is on the
// disk for sure.
base::Status RewriteActivePair(os::File& file, const format::SuperFile& super);

// Unlinks `path`; success when there is no such file.
base::Status RemoveIfThere(os::FileSystem& files, const std::string& path);

}  // namespace intact::store
