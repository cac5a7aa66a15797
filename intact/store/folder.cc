#include "intact/store/folder.h"

#include <algorithm>
#include <charconv>

namespace intact::store {
namespace {

using base::Result;
using base::Status;

constexpr std::string_view kManifestPrefix = "manifest-";
constexpr std::string_view kSegmentPrefix = "seg-";

// The number in "<prefix><decimal>", as this module writes it: no sign, no leading zeros.
std::optional<uint64_t> NumberIn(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  const std::string_view digits = name.substr(prefix.size());
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  if (std::to_string(number) != digits) return std::nullopt;
  return number;
}

bool IsBeginningOfStore(std::string_view name) {
  return name == kLockName || name == kSuperTemporaryName ||
         NumberIn(name, kManifestPrefix) == uint64_t{0};
}

bool IsStoreName(std::string_view name) {
  return IsBeginningOfStore(name) || name == kSuperName || NumberIn(name, kManifestPrefix) ||
         NumberIn(name, kSegmentPrefix);
}

Result<std::shared_ptr<const Snapshot>> LoadSnapshot(os::FileSystem& files,
                                                     const std::string& folder,
                                                     const format::Superblock& super) {
  INTACT_ASSIGN_OR_RETURN(format::Manifest manifest, ReadManifest(files, folder, super));
  std::vector<std::shared_ptr<const Segment>> segments;
  for (const format::SegmentEntry& entry : manifest.segments) {
    INTACT_ASSIGN_OR_RETURN(std::shared_ptr<const Segment> segment,
                            Segment::Open(files, SegmentPath(folder, entry.id), manifest.store,
                                          entry, manifest.spec.dimensions));
    segments.push_back(std::move(segment));
  }
  return std::shared_ptr<const Snapshot>(
      std::make_shared<Snapshot>(std::move(manifest), super.manifest_size, std::move(segments)));
}

}  // namespace

std::string ManifestPath(const std::string& folder, uint64_t version) {
  return os::JoinPath(folder, std::string(kManifestPrefix) + std::to_string(version));
}

std::string SegmentPath(const std::string& folder, uint64_t id) {
  return os::JoinPath(folder, std::string(kSegmentPrefix) + std::to_string(id));
}

Result<base::Bytes> ReadSuperFile(os::FileSystem& files, const std::string& folder) {
  const std::string path = SuperPath(folder);
  INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<os::File> file, files.OpenForRead(path));
  INTACT_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  base::Bytes bytes(std::min<uint64_t>(size, format::kSuperFileSize));
  INTACT_RETURN_IF_ERROR(file->ReadAt(0, bytes));
  return bytes;
}

Result<format::Manifest> ReadManifest(os::FileSystem& files, const std::string& folder,
                                      const format::Superblock& super) {
  const std::string path = ManifestPath(folder, super.manifest_number);
  if (super.manifest_size > format::kManifestSizeMax) {
    return base::Corruption(SuperPath(folder) + ": the manifest's size " +
                            std::to_string(super.manifest_size) + " is above the limit " +
                            std::to_string(format::kManifestSizeMax));
  }
  INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<os::File> file, files.OpenForRead(path));
  INTACT_ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  if (size != super.manifest_size) {
    return base::Corruption(path + ": expected " + std::to_string(super.manifest_size) +
                            " bytes, found " + std::to_string(size));
  }
  base::Bytes bytes(size);
  INTACT_RETURN_IF_ERROR(file->ReadAt(0, bytes));
  const base::Digest digest = base::DigestOf(bytes);
  if (digest != super.manifest_digest) {
    return base::Corruption(path + " at offset 0: the digest differs: expected " +
                            super.manifest_digest.ToHex() + ", found " + digest.ToHex());
  }
  INTACT_ASSIGN_OR_RETURN(format::Manifest manifest, format::DecodeManifest(bytes, path));
  if (manifest.store != super.store || manifest.version != super.manifest_number) {
    return base::Corruption(path + ": expected version " + std::to_string(super.manifest_number) +
                            " of store " + super.store.ToString() + ", found version " +
                            std::to_string(manifest.version) + " of store " +
                            manifest.store.ToString());
  }
  return manifest;
}

Result<LoadedVersion> LoadVersion(os::FileSystem& files, const std::string& folder) {
  base::Bytes previous;
  Status failure;
  for (int attempt = 0; attempt < kReadAttemptsMax; ++attempt) {
    INTACT_ASSIGN_OR_RETURN(base::Bytes bytes, ReadSuperFile(files, folder));
    // Nothing was committed since the last attempt failed, so the failure is not a race.
    if (attempt > 0 && bytes == previous) {
      if (failure.code() != base::Code::kNotFound) return failure;
      return base::Corruption("a file that " + SuperPath(folder) +
                              " needs is missing: " + failure.message());
    }
    Result<format::SuperFile> super = format::DecodeSuperFile(bytes, SuperPath(folder));
    if (super.ok()) {
      Result<std::shared_ptr<const Snapshot>> snapshot = LoadSnapshot(files, folder, super->active);
      if (snapshot.ok()) return LoadedVersion{*std::move(super), *std::move(snapshot)};
      failure = snapshot.status();
      if (failure.code() != base::Code::kNotFound) return failure;
    } else {
      // A page may be read while it is being written.
      failure = super.status();
      if (failure.code() != base::Code::kCorruption) return failure;
    }
    previous = std::move(bytes);
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

Status CreateStore(os::FileSystem& files, const std::string& folder, const CollectionSpec& spec,
                   const format::Uuid& uuid, int64_t wall_ns) {
  format::Manifest manifest;
  manifest.store = uuid;
  manifest.wall_ns = wall_ns;
  manifest.spec = spec;
  const base::Bytes manifest_bytes = format::EncodeManifest(manifest);
  INTACT_RETURN_IF_ERROR(WriteNewFile(files, ManifestPath(folder, 0), manifest_bytes));

  format::Superblock super;
  super.store = uuid;
  super.manifest_size = manifest_bytes.size();
  super.manifest_digest = base::DigestOf(manifest_bytes);
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

void SweepFolder(os::FileSystem& files, const std::string& folder,
                 const format::Manifest& manifest) {
  const Result<std::vector<std::string>> names = files.ListNames(folder);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    bool is_leftover = name == kSuperTemporaryName;
    if (const auto version = NumberIn(name, kManifestPrefix)) {
      is_leftover = *version != manifest.version && *version != manifest.parent;
    } else if (const auto id = NumberIn(name, kSegmentPrefix)) {
      is_leftover = std::none_of(manifest.segments.begin(), manifest.segments.end(),
                                 [&](const auto& entry) { return entry.id == *id; });
    }
    if (is_leftover) static_cast<void>(files.Remove(os::JoinPath(folder, name)).ok());
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
