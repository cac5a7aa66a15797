#include "intact/store/folder.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <set>
#include <thread>

namespace intact::store {
namespace {

using base::Result;
using base::Status;

constexpr int64_t kLockPollMs = 10;
constexpr std::string_view kManifestPrefix = "manifest-";
constexpr std::string_view kSegmentPrefix = "seg-";
constexpr std::string_view kJournalPrefix = "journal-";

bool IsBeginningOfStore(std::string_view name) {
  const auto [kind, number] = ParseStoreName(name);
  return kind == StoreName::kLock || name == kSuperTemporaryName ||
         (kind == StoreName::kManifest && number == 0);
}

bool IsStoreName(std::string_view name) { return ParseStoreName(name).first != StoreName::kNone; }

// Reads bytes that `digest` seals from `offset` of `file`, or, in a journal, from the same place of
// the other half.
Result<base::Bytes> ReadSealed(const os::File& file, const format::VersionEntry& entry,
                               const std::string& path) {
  base::Bytes bytes(entry.size);
  INTACT_ASSIGN_OR_RETURN(const uint64_t file_size, file.Size());
  const int half_count = entry.location.journal == 0 ? 1 : 2;
  Status failure;
  for (int half = 0; half < half_count; ++half) {
    const uint64_t offset = entry.location.offset + (half == 0 ? 0 : file_size / 2);
    if (const Status read = file.ReadAt(offset, bytes); !read.ok()) {
      failure = read;
      continue;
    }
    const base::Digest digest = base::DigestOf(bytes);
    if (digest == entry.digest) return bytes;
    failure = base::Corruption(path + " at offset " + std::to_string(offset) +
                               ": the digest differs: " + "expected " + entry.digest.ToHex() +
                               ", found " + digest.ToHex());
  }
  return failure;
}

}  // namespace

std::pair<StoreName, uint64_t> ParseStoreName(std::string_view name) {
  if (name == kSuperName || name == kSuperTemporaryName) return {StoreName::kSuper, 0};
  if (name == kLockName) return {StoreName::kLock, 0};
  static constexpr std::pair<std::string_view, StoreName> kPrefixes[] = {
      {kManifestPrefix, StoreName::kManifest},
      {kSegmentPrefix, StoreName::kSegment},
      {kJournalPrefix, StoreName::kJournal}};
  for (const auto& [prefix, kind] : kPrefixes) {
    if (!name.starts_with(prefix)) continue;
    const std::string_view digits = name.substr(prefix.size());
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    const bool is_number = error == std::errc() && end == digits.data() + digits.size();
    if (is_number && std::to_string(number) == digits) return {kind, number};
  }
  return {StoreName::kNone, 0};
}

std::string ManifestPath(const std::string& folder, uint64_t version) {
  return os::JoinPath(folder, std::string(kManifestPrefix) + std::to_string(version));
}

std::string SegmentPath(const std::string& folder, uint64_t id) {
  return os::JoinPath(folder, std::string(kSegmentPrefix) + std::to_string(id));
}

std::string JournalPath(const std::string& folder, uint64_t number) {
  return os::JoinPath(folder, std::string(kJournalPrefix) + std::to_string(number));
}

Result<base::Bytes> ReadSuperFile(os::FileSystem& files, const std::string& folder) {
  const std::string path = SuperPath(folder);
  INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<os::File> file, files.OpenForRead(path));
  INTACT_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  base::Bytes bytes(std::min<uint64_t>(size, format::kSuperFileSize));
  INTACT_RETURN_IF_ERROR(file->ReadAt(0, bytes));
  return bytes;
}

std::string PathOf(const std::string& folder, const format::VersionEntry& entry) {
  return entry.location.journal == 0 ? ManifestPath(folder, entry.version)
                                     : JournalPath(folder, entry.location.journal);
}

std::string PathOf(const std::string& folder, const format::SegmentEntry& entry) {
  return entry.location.journal == 0 ? SegmentPath(folder, entry.id)
                                     : JournalPath(folder, entry.location.journal);
}

Result<base::Bytes> SealManifest(const format::Manifest& manifest, format::Superblock& super) {
  INTACT_RETURN_IF_ERROR(format::CheckManifest(
      manifest, "version " + std::to_string(manifest.version) + " could not be opened"));
  base::Bytes bytes = format::EncodeManifest(manifest);
  if (bytes.size() > format::kManifestSizeMax) {
    return base::Full("the manifest of version " + std::to_string(manifest.version) + " needs " +
                      std::to_string(bytes.size()) + " bytes; the limit is " +
                      std::to_string(format::kManifestSizeMax));
  }
  super.major = format::kFormatMajor;
  super.minor = format::kFormatMinor;
  super.flags = format::kKnownFlags;
  super.store = manifest.store;
  super.manifest_number = manifest.version;
  super.manifest_size = bytes.size();
  super.manifest_digest = base::DigestOf(bytes);
  return bytes;
}

format::VersionEntry EntryOf(const format::Superblock& super) {
  format::VersionEntry entry;
  entry.version = super.manifest_number;
  entry.size = super.manifest_size;
  entry.digest = super.manifest_digest;
  return entry;
}

Result<format::Manifest> ReadManifest(os::FileSystem& files, const std::string& folder,
                                      const format::Uuid& store,
                                      const format::VersionEntry& entry) {
  const bool is_in_journal = entry.location.journal != 0;
  const std::string path = PathOf(folder, entry);
  if (entry.size > format::kManifestSizeMax) {
    return base::Corruption(path + ": the manifest's size " + std::to_string(entry.size) +
                            " is above the limit " + std::to_string(format::kManifestSizeMax));
  }
  INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<os::File> file, files.OpenForRead(path));
  if (!is_in_journal) {
    INTACT_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
    if (size != entry.size) {
      return base::Corruption(path + ": expected " + std::to_string(entry.size) + " bytes, found " +
                              std::to_string(size));
    }
  }
  INTACT_ASSIGN_OR_RETURN(const base::Bytes bytes, ReadSealed(*file, entry, path));
  INTACT_ASSIGN_OR_RETURN(format::Manifest manifest, format::DecodeManifest(bytes, path));
  if (manifest.store != store || manifest.version != entry.version) {
    return base::Corruption(path + ": expected version " + std::to_string(entry.version) +
                            " of store " + store.ToString() + ", found version " +
                            std::to_string(manifest.version) + " of store " +
                            manifest.store.ToString());
  }
  return manifest;
}

bool IsWhole(const Segment& segment) { return segment.CheckAll(PageUse::kKeep).ok(); }

Result<std::shared_ptr<os::Mapping>> JournalMaps::Get(uint64_t number) {
  std::shared_ptr<os::Mapping>& map = maps_[number];
  if (map == nullptr) {
    INTACT_ASSIGN_OR_RETURN(map, files_.Map(JournalPath(folder_, number)));
  }
  return map;
}

std::optional<uint32_t> JournalMaps::HalfOf(const format::Location& location) const {
  const auto frames = frames_.find(location.journal);
  if (frames == frames_.end()) return std::nullopt;
  for (const JournalFrame& frame : frames->second) {
    if (location.offset - frame.head.offset < frame.head.size) return frame.half;
  }
  return std::nullopt;
}

Result<std::shared_ptr<const Segment>> OpenSegment(os::FileSystem& files, const std::string& folder,
                                                   const format::Uuid& store,
                                                   const format::SegmentEntry& entry,
                                                   uint32_t dimensions, JournalMaps& maps) {
  const std::string path = PathOf(folder, entry);
  if (entry.location.journal == 0) {
    INTACT_ASSIGN_OR_RETURN(std::shared_ptr<os::Mapping> mapping, files.Map(path));
    if (mapping->bytes().size() != entry.file_size) {
      return base::Corruption(path + ": expected " + std::to_string(entry.file_size) +
                              " bytes, found " + std::to_string(mapping->bytes().size()));
    }
    return Segment::Open(std::move(mapping), 0, path, store, entry, dimensions);
  }
  INTACT_ASSIGN_OR_RETURN(const std::shared_ptr<os::Mapping> mapping,
                          maps.Get(entry.location.journal));
  const uint64_t half_size = mapping->bytes().size() / 2;
  if (const std::optional<uint32_t> half = maps.HalfOf(entry.location)) {
    return Segment::Open(mapping, *half * half_size + entry.location.offset, path, store, entry,
                         dimensions);
  }
  Result<std::shared_ptr<const Segment>> first =
      Segment::Open(mapping, entry.location.offset, path, store, entry, dimensions);
  if (first.ok() && IsWhole(**first)) return first;
  Result<std::shared_ptr<const Segment>> second =
      Segment::Open(mapping, half_size + entry.location.offset, path, store, entry, dimensions);
  if (second.ok() && (!first.ok() || IsWhole(**second))) return second;
  return first;
}

Result<std::shared_ptr<const Snapshot>> LoadSnapshot(os::FileSystem& files,
                                                     const std::string& folder,
                                                     const format::Uuid& store,
                                                     const format::VersionEntry& entry,
                                                     JournalMaps& maps) {
  INTACT_ASSIGN_OR_RETURN(format::Manifest manifest, ReadManifest(files, folder, store, entry));
  std::vector<std::shared_ptr<const Segment>> segments;
  for (const format::SegmentEntry& segment_entry : manifest.segments) {
    INTACT_ASSIGN_OR_RETURN(
        std::shared_ptr<const Segment> segment,
        OpenSegment(files, folder, store, segment_entry, manifest.spec.dimensions, maps));
    segments.push_back(std::move(segment));
  }
  format::VersionEntry self = entry;
  self.wall_ns = manifest.wall_ns;
  return std::shared_ptr<const Snapshot>(
      std::make_shared<Snapshot>(std::move(manifest), self, std::move(segments)));
}

Result<JournalContent> LoadJournal(const os::Mapping& mapping, const format::Superblock& super,
                                   const std::string& path, JournalHalves halves) {
  if (mapping.bytes().size() != 2 * super.journal_size) {
    return base::Corruption(path + ": expected " + std::to_string(2 * super.journal_size) +
                            " bytes, found " + std::to_string(mapping.bytes().size()));
  }
  Result<JournalContent> content =
      ReadJournal(mapping.bytes(), super.store, super.journal, path, halves);
  // A writer may have appended two frames while the first of them was looked for.
  for (int attempt = 1; content.code() == base::Code::kCorruption && attempt < kReadAttemptsMax;
       ++attempt) {
    Result<JournalContent> again =
        ReadJournal(mapping.bytes(), super.store, super.journal, path, halves);
    if (again.status().message() == content.status().message()) break;
    content = std::move(again);
  }
  // A part that cannot be read looks like one that nobody wrote yet.
  INTACT_RETURN_IF_ERROR(mapping.Check(os::MappingCheck::kSize));
  if (!content.ok()) return content;
  uint64_t expected = super.manifest_number + 1;
  for (const JournalFrame& frame : content->frames) {
    if (frame.head.version <= super.manifest_number) continue;
    if (frame.head.version != expected) {
      return base::Corruption(path + " at offset " + std::to_string(frame.head.offset) +
                              ": expected version " + std::to_string(expected) + ", found " +
                              std::to_string(frame.head.version));
    }
    ++expected;
  }
  return content;
}

Status CheckNothingNewer(os::FileSystem& files, const std::string& folder,
                         const format::SuperFile& super, const format::Manifest& found) {
  const uint32_t other = 2 * (1 - super.active_pair);
  if (super.copies[other].ok() || super.copies[other + 1].ok()) return base::Ok();
  INTACT_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.ListNames(folder));
  for (const std::string& name : names) {
    const auto [kind, number] = ParseStoreName(name);
    if (kind != StoreName::kJournal || number < found.next_segment) continue;
    const std::string path = JournalPath(folder, number);
    INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<os::Mapping> mapping, files.Map(path));
    if (base::IsZero(mapping->bytes())) continue;
    return base::Corruption(SuperPath(folder) + ": both copies of a pair are damaged, and " + path +
                            " holds versions newer than " + std::to_string(found.version) +
                            ", to which the other pair leads: repair the store with intact doctor");
  }
  return base::Ok();
}

format::VersionEntry NewestOf(const format::Superblock& super, const JournalContent& journal) {
  if (!journal.frames.empty()) {
    const format::FrameHead& head = journal.frames.back().head;
    const format::Location location{super.journal, head.offset + head.manifest_offset};
    if (head.version > super.manifest_number) {
      return {head.version, 0, location, head.manifest_size, head.manifest_digest};
    }
  }
  return EntryOf(super);
}

namespace {

// The newest version of a superblock: its own, or the newest frame of its journal. `attempted` says
// which one that was, also when its files could not be opened.
Result<LoadedVersion> LoadNewest(os::FileSystem& files, const std::string& folder,
                                 format::SuperFile super, JournalHalves halves,
                                 uint64_t& attempted) {
  LoadedVersion loaded;
  loaded.super = std::move(super);
  const format::Superblock& active = loaded.super.active;
  JournalMaps maps(files, folder);
  if (active.journal != 0) {
    INTACT_ASSIGN_OR_RETURN(const std::shared_ptr<os::Mapping> mapping, maps.Get(active.journal));
    INTACT_ASSIGN_OR_RETURN(
        loaded.journal, LoadJournal(*mapping, active, JournalPath(folder, active.journal), halves));
    mapping->Release(0, mapping->bytes().size());
    maps.SetFrames(active.journal, loaded.journal.frames);
  }
  const format::VersionEntry newest = NewestOf(active, loaded.journal);
  attempted = newest.version;
  INTACT_ASSIGN_OR_RETURN(loaded.snapshot, LoadSnapshot(files, folder, active.store, newest, maps));
  INTACT_RETURN_IF_ERROR(
      CheckNothingNewer(files, folder, loaded.super, loaded.snapshot->manifest()));
  return loaded;
}

}  // namespace

Result<LoadedVersion> LoadVersion(os::FileSystem& files, const std::string& folder,
                                  JournalHalves halves) {
  base::Bytes previous;
  uint64_t previous_version = 0;
  Status failure;
  for (int attempt = 0; attempt < kReadAttemptsMax; ++attempt) {
    INTACT_ASSIGN_OR_RETURN(base::Bytes bytes, ReadSuperFile(files, folder));
    uint64_t version = 0;
    Result<format::SuperFile> super = format::DecodeSuperFile(bytes, SuperPath(folder));
    Status now = super.status();
    if (super.ok()) {
      Result<LoadedVersion> loaded = LoadNewest(files, folder, *std::move(super), halves, version);
      if (loaded.ok()) return loaded;
      now = loaded.status();
      // A journal may have gone on, behind the version of the superblock that followed on this one.
      const bool may_be_race =
          now.code() == base::Code::kNotFound || now.code() == base::Code::kCorruption;
      if (!may_be_race) return now;
    } else if (now.code() != base::Code::kCorruption) {
      return now;
    }
    // Nothing was committed since the last attempt failed, so the failure is not a race: neither a
    // file unlinked by a writer nor a page read while it was written.
    if (attempt > 0 && bytes == previous && version == previous_version) {
      if (now.code() != base::Code::kNotFound) return now;
      return base::Corruption("a file that " + SuperPath(folder) +
                              " needs is missing: " + now.message());
    }
    failure = std::move(now);
    previous = std::move(bytes);
    previous_version = version;
  }
  return base::Unavailable(folder +
                           ": a writer replaces versions faster than they can be opened (" +
                           failure.message() + ")");
}

Status ExplainMissingSuper(os::FileSystem& files, const std::string& folder) {
  const Result<std::vector<std::string>> names = files.ListNames(folder);
  if (!names.ok()) {
    if (names.code() != base::Code::kNotFound) return names.status();
    return base::NotFound("there is no store at " + folder);
  }
  const auto foreign = std::find_if_not(names->begin(), names->end(), IsStoreName);
  if (foreign != names->end()) {
    std::string message = folder + " is not a store: it has no SUPER but other files (";
    message += *foreign + "); nothing was changed";
    return base::InvalidArgument(std::move(message));
  }
  const auto orphan = std::find_if_not(names->begin(), names->end(), IsBeginningOfStore);
  if (orphan != names->end()) {
    // A writer may have made it after the caller looked.
    if (files.OpenForRead(SuperPath(folder)).ok()) {
      return base::Unavailable("a store was made at " + folder + " just now; open it again");
    }
    std::string message = folder + ": SUPER is missing, but files of a store are there (";
    message += *orphan + "); nothing was changed";
    return base::Corruption(std::move(message));
  }
  return base::NotFound("there is no store at " + folder);
}

Status CreateFolderDurably(os::FileSystem& files, const std::string& folder) {
  // Every folder that gets a new entry, nearest first. The parent is synced in any case: a process
  // before may have died between making the folder and syncing it.
  std::vector<std::string> parents{os::ParentPath(folder)};
  while (files.ListNames(parents.back()).code() == base::Code::kNotFound) {
    const std::string above = os::ParentPath(parents.back());
    if (above == parents.back()) break;
    parents.push_back(above);
  }
  INTACT_RETURN_IF_ERROR(files.CreateDirectories(folder));
  for (const std::string& parent : parents) INTACT_RETURN_IF_ERROR(files.SyncDirectory(parent));
  return base::Ok();
}

Result<std::unique_ptr<os::FileLock>> LockFolder(os::FileSystem& files, const std::string& folder,
                                                 int64_t wait_ms, const os::Clock& clock) {
  constexpr int64_t kWaitMsMax = int64_t{1} << 40;  // Longer than anyone waits.
  const int64_t deadline_ns = clock.monotonic_ns() + std::min(wait_ms, kWaitMsMax) * 1'000'000;
  for (;;) {
    Result<std::unique_ptr<os::FileLock>> lock = files.Lock(os::JoinPath(folder, kLockName));
    if (lock.ok() || lock.code() != base::Code::kUnavailable ||
        clock.monotonic_ns() >= deadline_ns) {
      return lock;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(kLockPollMs));
  }
}

Status CreateStore(os::FileSystem& files, const std::string& folder, const CollectionSpec& spec,
                   const format::Retention& retention, const format::Uuid& uuid, int64_t wall_ns) {
  format::Manifest manifest;
  manifest.store = uuid;
  manifest.wall_ns = wall_ns;
  manifest.spec = spec;
  manifest.retention = retention;
  format::Superblock super;
  INTACT_ASSIGN_OR_RETURN(const base::Bytes manifest_bytes, SealManifest(manifest, super));
  INTACT_RETURN_IF_ERROR(WriteNewFile(files, ManifestPath(folder, 0), manifest_bytes));
  base::ByteWriter pages;
  for (uint32_t copy = 0; copy < format::kSuperCopyCount; ++copy) {
    super.generation = copy < 2 ? 2 : 1;
    pages.PutBytes(format::EncodeSuperblock(super, copy));
  }
  const std::string temporary = os::JoinPath(folder, kSuperTemporaryName);
  INTACT_RETURN_IF_ERROR(WriteNewFile(files, temporary, pages.bytes()));
  INTACT_RETURN_IF_ERROR(files.SyncDirectory(folder));
  INTACT_RETURN_IF_ERROR(files.Rename(temporary, SuperPath(folder)));
  return files.SyncDirectory(folder);
}

void FilesInUse::Add(const format::VersionEntry& entry, const format::Manifest& manifest) {
  std::vector<std::string>& names = files_[entry.version];
  std::set<uint64_t> journals;
  if (entry.location.journal == 0) {
    names.push_back(ManifestPath(folder_, entry.version));
  } else {
    journals.insert(entry.location.journal);
  }
  for (const format::SegmentEntry& segment : manifest.segments) {
    if (segment.location.journal == 0) {
      names.push_back(SegmentPath(folder_, segment.id));
    } else {
      journals.insert(segment.location.journal);
    }
  }
  for (const uint64_t journal : journals) names.push_back(JournalPath(folder_, journal));
  for (const std::string& name : names) ++counts_[name];
}

std::vector<std::string> FilesInUse::Remove(uint64_t version) {
  std::vector<std::string> free;
  for (const std::string& name : files_[version]) {
    if (--counts_[name] > 0) continue;
    counts_.erase(name);
    if (!Needs(name)) free.push_back(name);
  }
  files_.erase(version);
  return free;
}

std::vector<std::string> FilesInUse::SetJournal(uint64_t number) {
  std::vector<std::string> free;
  if (journal_ != 0 && journal_ != number) free.push_back(JournalPath(folder_, journal_));
  journal_ = number;
  std::erase_if(free, [&](const std::string& path) { return Needs(path); });
  return free;
}

bool FilesInUse::Needs(const std::string& path) const {
  return counts_.contains(path) || (journal_ != 0 && path == JournalPath(folder_, journal_));
}

Result<FilesInUse> ReadFilesInUse(os::FileSystem& files, const std::string& folder,
                                  const Snapshot& newest, const format::Superblock& super) {
  FilesInUse used(folder);
  used.Add(newest.self(), newest.manifest());
  for (const format::VersionEntry& entry : newest.manifest().history) {
    INTACT_ASSIGN_OR_RETURN(const format::Manifest manifest,
                            ReadManifest(files, folder, newest.uuid(), entry));
    used.Add(entry, manifest);
  }
  used.SetJournal(super.journal);
  return used;
}

void SweepFolder(os::FileSystem& files, const std::string& folder, const FilesInUse& used) {
  const Result<std::vector<std::string>> names = files.ListNames(folder);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    if (!IsStoreName(name) || name == kLockName || name == kSuperName) continue;
    const std::string path = os::JoinPath(folder, name);
    if (!used.Needs(path)) static_cast<void>(files.Remove(path).ok());
  }
}

Status WriteNewFile(os::FileSystem& files, const std::string& path, base::ByteSpan bytes) {
  INTACT_RETURN_IF_ERROR(RemoveIfThere(files, path));
  INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<os::File> file, files.OpenForWrite(path));
  INTACT_RETURN_IF_ERROR(file->WriteAt(0, bytes));
  return file->Sync();
}

Status WriteSuperPair(os::File& file, const format::Superblock& super, uint32_t pair) {
  base::ByteWriter pages;
  pages.PutBytes(format::EncodeSuperblock(super, 2 * pair));
  pages.PutBytes(format::EncodeSuperblock(super, 2 * pair + 1));
  INTACT_RETURN_IF_ERROR(file.WriteAt(pair * format::kSuperPairSize, pages.bytes()));
  return file.Sync();
}

Status RewriteActivePair(os::File& file, const format::SuperFile& super) {
  base::ByteWriter pages;
  pages.PutBytes(format::MoveSuperPage(super.active_page, 2 * super.active_pair));
  pages.PutBytes(format::MoveSuperPage(super.active_page, 2 * super.active_pair + 1));
  INTACT_RETURN_IF_ERROR(file.WriteAt(super.active_pair * format::kSuperPairSize, pages.bytes()));
  return file.Sync();
}

Status RemoveIfThere(os::FileSystem& files, const std::string& path) {
  Status removed = files.Remove(path);
  return removed.code() == base::Code::kNotFound ? base::Ok() : removed;
}

}  // namespace intact::store
