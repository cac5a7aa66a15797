#include "intact/store/buggy_file_system_test.h"

#include "intact/format/journal.h"
#include "intact/store/journal.h"

namespace intact::store {
namespace {

// Bytes that nobody changes any more.
class OwnedMapping final : public os::Mapping {
 public:
  explicit OwnedMapping(base::Bytes bytes) : bytes_(std::move(bytes)) {}
  base::ByteSpan bytes() const override { return bytes_; }
  base::Status Check(os::MappingCheck) const override { return base::Ok(); }
  base::Result<os::ChangeMark> Mark() const override { return os::ChangeMark{1, true}; }
  void Release(uint64_t, uint64_t) override {}

 private:
  base::Bytes bytes_;
};

// Gives every frame the payload checksum that its bytes have.
void RepairFrames(base::Bytes& bytes, const format::Uuid& store, uint64_t journal) {
  const uint64_t half_size = bytes.size() / 2;
  for (uint64_t begin = 0; begin < bytes.size(); begin += format::kPageSize) {
    const base::MutableByteSpan half =
        base::MutableByteSpan(bytes).subspan(begin / half_size * half_size, half_size);
    const uint64_t offset = begin % half_size;
    auto head =
        format::DecodeFrameHead(half.subspan(offset), store, journal, offset, half_size, "");
    if (!head.ok()) continue;
    head->payload_crc = base::Crc32c(
        half.subspan(offset + format::kFrameHeadSize, head->size - format::kFrameHeadSize),
        format::FrameCrcSeed(store, journal, offset));
    const format::FrameHeadBytes head_bytes = format::EncodeFrameHead(*head);
    std::copy(head_bytes.begin(), head_bytes.end(),
              half.begin() + static_cast<std::ptrdiff_t>(offset));
  }
}

}  // namespace

base::Result<std::unique_ptr<os::Mapping>> BuggyFileSystem::Map(const std::string& path) {
  INTACT_ASSIGN_OR_RETURN(std::unique_ptr<os::Mapping> mapping, below().Map(path));
  // A writer's own mapping must show what it writes later.
  if (bug_ != Bug::kFrameChecksumIgnored || !IsJournal(path) || open_journals_ > 0) return mapping;
  const auto super_bytes = ReadSuperFile(below(), os::ParentPath(path));
  if (!super_bytes.ok()) return mapping;
  const auto super = format::DecodeSuperFile(*super_bytes, "SUPER");
  base::Bytes bytes(mapping->bytes().begin(), mapping->bytes().end());
  if (!super.ok() || bytes.empty()) return mapping;
  RepairFrames(bytes, super->active.store, super->active.journal);
  return std::unique_ptr<os::Mapping>(std::make_unique<OwnedMapping>(std::move(bytes)));
}

base::Status BuggyFileSystem::BuggyFile::WriteJournal(uint64_t offset, base::ByteSpan source) {
  const bool is_zero =
      std::all_of(source.begin(), source.end(), [](std::byte b) { return b == std::byte{0}; });
  if (is_zero) {
    files_.is_journal_new_ = true;
    return ForwardingFile::WriteAt(offset, source);
  }
  base::Bytes now(source.size());
  const bool is_again = ForwardingFile::ReadAt(offset, now).ok() &&
                        std::equal(now.begin(), now.end(), source.begin());
  has_old_frames_ = is_again && !has_frames_;
  has_frames_ = !is_again;
  if (is_again && files_.bug_ == Bug::kNoTailRewrite) return base::Ok();
  INTACT_ASSIGN_OR_RETURN(const uint64_t size, Size());
  const bool is_first = offset < size / 2;
  if (files_.bug_ == Bug::kOnlyFirstHalf && !is_first) return base::Ok();
  if (files_.bug_ == Bug::kOnlySecondHalf && is_first) return base::Ok();
  return ForwardingFile::WriteAt(offset, source);
}

base::Status BuggyFileSystem::BuggyFile::SyncJournal() {
  const Bug bug = files_.bug_;
  const bool is_tail = std::exchange(has_old_frames_, false);
  const bool is_frame = std::exchange(has_frames_, false);
  const bool is_skipped =
      (bug == Bug::kNoJournalSync && (is_frame || is_tail)) ||
      (bug == Bug::kJournalZerosNotSynced && !is_frame && !is_tail) ||
      (is_tail && (bug == Bug::kNoTailRewrite || bug == Bug::kTailRewrittenWithoutSync));
  if (is_skipped) return base::Ok();
  if (bug == Bug::kUnlinkBeforeJournalSync && is_frame) files_.UnlinkUnnamed(path_);
  const base::Status synced = ForwardingFile::Sync();
  if (is_frame && synced.ok()) files_.UnlinkOlder(path_);
  return bug == Bug::kJournalSyncErrorIgnored && is_frame ? base::Ok() : synced;
}

base::Status BuggyFileSystem::BuggyFile::WriteWithoutJournal(uint64_t offset,
                                                             base::ByteSpan source) {
  base::ByteWriter pages;
  for (uint64_t at = 0; at < source.size(); at += format::kPageSize) {
    const auto copy = static_cast<uint32_t>((offset + at) / format::kPageSize);
    auto super = format::DecodeSuperblock(source.subspan(at, format::kPageSize), copy, "SUPER");
    if (!super.ok()) return super.status();
    super->journal = 0;
    super->journal_size = 0;
    pages.PutBytes(format::EncodeSuperblock(*super, copy));
  }
  return ForwardingFile::WriteAt(offset, pages.bytes());
}

void BuggyFileSystem::UnlinkUnnamed(const std::string& path) {
  const std::string folder = os::ParentPath(path);
  const auto loaded = LoadVersion(below(), folder);
  if (!loaded.ok()) return;
  const auto used = ReadFilesInUse(below(), folder, *loaded->snapshot, loaded->super.active);
  if (!used.ok()) return;
  SweepFolder(below(), folder, *used);
  static_cast<void>(below().SyncDirectory(folder).ok());
}

void BuggyFileSystem::UnlinkOldJournal(const std::string& path) {
  const std::string folder = os::ParentPath(path);
  const auto bytes = ReadSuperFile(below(), folder);
  if (!bytes.ok()) return;
  uint64_t newest = 0;
  uint64_t oldest = ~uint64_t{0};
  for (uint32_t copy = 0; copy < format::kSuperCopyCount; ++copy) {
    const auto super = format::DecodeSuperblock(
        base::ByteSpan(*bytes).subspan(copy * format::kPageSize, format::kPageSize), copy, "SUPER");
    if (!super.ok()) return;
    newest = std::max(newest, super->journal);
    oldest = std::min(oldest, super->journal);
  }
  if (oldest == newest || oldest == 0) return;
  static_cast<void>(below().Remove(JournalPath(folder, oldest)).ok());
  static_cast<void>(below().SyncDirectory(folder).ok());
}

void BuggyFileSystem::UnlinkOlder(const std::string& path) {
  if (bug_ != Bug::kHistoryUnlinked && bug_ != Bug::kTaggedUnlinked) return;
  const std::string folder = os::ParentPath(path);
  const auto loaded = LoadVersion(below(), folder);
  if (!loaded.ok()) return;
  const Snapshot& newest = *loaded->snapshot;
  FilesInUse used(folder);
  used.Add(newest.self(), newest.manifest());
  used.SetJournal(loaded->super.active.journal);
  for (const format::VersionEntry& entry : newest.history()) {
    const bool is_tagged = std::any_of(newest.tags().begin(), newest.tags().end(),
                                       [&](auto& tag) { return tag.version == entry.version; });
    if (is_tagged || bug_ == Bug::kHistoryUnlinked) continue;
    const auto manifest = ReadManifest(below(), folder, newest.uuid(), entry);
    if (manifest.ok()) used.Add(entry, *manifest);
  }
  SweepFolder(below(), folder, used);
}

}  // namespace intact::store
