#include "intact/store/inventory.h"

#include <algorithm>
#include <map>

namespace intact::store {
namespace {

using base::Result;
using base::Status;

// Where a manifest, a segment and a frame have the store's uuid, and a frame its own offset.
constexpr size_t kUuidOffset = 16;
constexpr size_t kFrameJournalOffset = 32;
constexpr size_t kFrameOffsetOffset = 40;

// Reads the beginning of a file; fewer bytes when it is shorter, none when it cannot be read.
base::Bytes ReadFront(os::FileSystem& files, const std::string& path, uint64_t size) {
  const auto file = files.OpenForRead(path);
  if (!file.ok()) return {};
  const Result<uint64_t> file_size = (*file)->Size();
  if (!file_size.ok()) return {};
  base::Bytes bytes(std::min(size, *file_size));
  if (!(*file)->ReadAt(0, bytes).ok()) return {};
  return bytes;
}

// What most files say whose store they are of.
format::Uuid VoteForStore(os::FileSystem& files, const std::string& folder,
                          const std::vector<std::string>& names) {
  std::map<format::Uuid, uint64_t> votes;
  for (const std::string& name : names) {
    const StoreName kind = ParseStoreName(name).first;
    if (kind == StoreName::kNone || kind == StoreName::kSuper || kind == StoreName::kLock) continue;
    const base::Bytes front =
        ReadFront(files, os::JoinPath(folder, name), kUuidOffset + sizeof(format::Uuid));
    if (front.size() < kUuidOffset + sizeof(format::Uuid)) continue;
    const auto uuid = base::Load<format::Uuid>(front.data() + kUuidOffset);
    if (uuid != format::Uuid()) ++votes[uuid];
  }
  const auto most = std::max_element(
      votes.begin(), votes.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == votes.end() ? format::Uuid() : most->first;
}

// Whose frame is the first of a journal's file, either half; 0 when there is none.
uint64_t JournalOfFirstFrame(base::ByteSpan bytes, const format::Uuid& store) {
  for (const uint64_t at : {uint64_t{0}, bytes.size() / 2}) {
    if (bytes.size() - at < format::kFrameHeadSize) continue;
    const base::ByteSpan here = bytes.subspan(at);
    const auto journal = base::Load<uint64_t>(here.data() + kFrameJournalOffset);
    const auto head = format::DecodeFrameHead(here, store, journal, 0, bytes.size(), "");
    if (head.ok() && IsFrameWhole(here, *head)) return journal;
  }
  return 0;
}

class InventoryTaker {
 public:
  InventoryTaker(os::FileSystem& files, const std::string& folder)
      : files_(files), folder_(folder) {}

  Result<Inventory> Run() {
    INTACT_ASSIGN_OR_RETURN(std::vector<std::string> names, files_.ListNames(folder_));
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      if (ParseStoreName(name).first != StoreName::kNone) found_.names.push_back(name);
    }
    const bool has_content = std::any_of(names.begin(), names.end(), [](const auto& name) {
      const StoreName kind = ParseStoreName(name).first;
      return kind != StoreName::kNone && kind != StoreName::kLock;
    });
    if (!has_content) {
      const Status reason = ExplainMissingSuper(files_, folder_);
      return reason.ok() ? base::NotFound("there is no store at " + folder_) : reason;
    }
    INTACT_RETURN_IF_ERROR(ReadSuper());
    for (const std::string& name : found_.names) Look(name);
    std::sort(found_.segment_ids.begin(), found_.segment_ids.end());
    std::sort(found_.journals.begin(), found_.journals.end(),
              [](const auto& a, const auto& b) { return a.number < b.number; });
    for (const FoundJournal& journal : found_.journals) AddFrames(journal);
    std::sort(found_.versions.begin(), found_.versions.end(),
              [](const auto& a, const auto& b) { return a.version < b.version; });
    return std::move(found_);
  }

 private:
  Status ReadSuper() {
    const Result<base::Bytes> bytes = ReadSuperFile(files_, folder_);
    found_.is_super_missing = bytes.code() == base::Code::kNotFound;
    if (bytes.ok()) {
      if (const auto file = files_.OpenForRead(SuperPath(folder_)); file.ok()) {
        found_.super_size = (*file)->Size().ok() ? *(*file)->Size() : 0;
      }
      Result<format::SuperFile> super = format::DecodeSuperFile(*bytes, SuperPath(folder_));
      if (super.code() == base::Code::kUnsupported) return super.status();
      found_.super_status = super.status();
      if (super.ok()) found_.super = *std::move(super);
    } else {
      found_.super_status = bytes.status();
    }
    found_.store =
        found_.super ? found_.super->active.store : VoteForStore(files_, folder_, found_.names);
    return base::Ok();
  }

  void Look(const std::string& name) {
    const auto [kind, number] = ParseStoreName(name);
    if (kind == StoreName::kSegment) found_.segment_ids.push_back(number);
    if (kind == StoreName::kManifest) LookAtManifest(number);
    if (kind == StoreName::kJournal) LookAtJournal(number);
  }

  void LookAtManifest(uint64_t version) {
    const std::string path = ManifestPath(folder_, version);
    const Result<base::Bytes> bytes = os::ReadFile(files_, path, format::kManifestSizeMax);
    Status status = bytes.status();
    if (bytes.ok()) {
      const Result<format::Manifest> manifest = format::DecodeManifest(*bytes, path);
      status = manifest.status();
      if (manifest.ok() && (manifest->store != found_.store || manifest->version != version)) {
        status = base::Corruption(path + " is of another store or of another version");
      }
      if (status.ok()) {
        found_.versions.push_back(
            {version, manifest->wall_ns, {}, bytes->size(), base::DigestOf(*bytes)});
        return;
      }
    }
    found_.damaged_manifests.emplace_back(path, status);
  }

  void LookAtJournal(uint64_t number) {
    FoundJournal journal;
    journal.number = number;
    const auto mapping = files_.Map(JournalPath(folder_, number));
    if (mapping.ok()) {
      journal.size = (*mapping)->bytes().size();
      journal.frames = ScanJournal((*mapping)->bytes(), found_.store, number);
      if (journal.frames.empty()) {
        journal.holds = JournalOfFirstFrame((*mapping)->bytes(), found_.store);
      }
      journal.problem = (*mapping)->Check(os::MappingCheck::kSize);
      (*mapping)->Release(0, journal.size);
    } else {
      journal.problem = mapping.status();
    }
    found_.journals.push_back(std::move(journal));
  }

  void AddFrames(const FoundJournal& journal) {
    for (const FoundFrame& frame : journal.frames) {
      const format::FrameHead& head = frame.head;
      const auto same =
          std::find_if(found_.versions.begin(), found_.versions.end(),
                       [&](const auto& entry) { return entry.version == head.version; });
      const bool is_known = same != found_.versions.end();
      // Of a file and a frame that differ, the file is what a commit left that did not happen: a
      // frame that is whole has happened, and then no file of its number is written.
      if (is_known && (same->location.journal != 0 || same->digest == head.manifest_digest)) {
        continue;
      }
      format::VersionEntry entry{head.version,
                                 0,
                                 {journal.number, head.offset + head.manifest_offset},
                                 head.manifest_size,
                                 head.manifest_digest};
      const auto manifest = ReadManifest(files_, folder_, found_.store, entry);
      if (!manifest.ok()) continue;
      entry.wall_ns = manifest->wall_ns;
      if (is_known) {
        *same = entry;
      } else {
        found_.versions.push_back(entry);
      }
    }
  }

  os::FileSystem& files_;
  const std::string& folder_;
  Inventory found_;
};

}  // namespace

bool IsFrameOfOthers(base::ByteSpan bytes, const format::Uuid& store, uint64_t journal,
                     uint64_t offset) {
  if (bytes.size() < format::kFrameHeadSize) return false;
  const auto its_store = base::Load<format::Uuid>(bytes.data() + kUuidOffset);
  const auto its_journal = base::Load<uint64_t>(bytes.data() + kFrameJournalOffset);
  const auto its_offset = base::Load<uint64_t>(bytes.data() + kFrameOffsetOffset);
  if (its_store == store && its_journal == journal && its_offset == offset) return false;
  return format::DecodeFrameHead(bytes, its_store, its_journal, its_offset, format::kJournalSizeMax,
                                 "")
      .ok();
}

std::vector<FoundFrame> ScanJournal(base::ByteSpan bytes, const format::Uuid& store,
                                    uint64_t journal) {
  std::map<uint64_t, FoundFrame> frames;  // By offset.
  // Hostile heads may all claim the rest of the file: what is read for damaged frames has a bound.
  uint64_t budget = 4 * bytes.size();
  for (uint64_t at = 0; at + format::kFrameHeadSize <= bytes.size(); at += format::kPageSize) {
    const base::ByteSpan here = bytes.subspan(at);
    const auto offset = base::Load<uint64_t>(here.data() + kFrameOffsetOffset);
    if (offset > at) continue;
    const auto head = format::DecodeFrameHead(here, store, journal, offset, bytes.size(), "");
    if (!head.ok()) continue;
    const auto [frame, is_new] = frames.try_emplace(offset, FoundFrame{*head, {}, {}});
    if (!is_new && frame->second.head != *head) continue;
    const bool is_whole = head->size <= budget && IsFrameWhole(here, *head);
    if (!is_whole) budget -= std::min(budget, head->size);
    (is_whole ? frame->second.whole_at : frame->second.damaged_at).push_back(at);
    if (is_whole) at += head->size - format::kPageSize;
  }
  std::vector<FoundFrame> result;
  for (auto& [offset, frame] : frames) result.push_back(std::move(frame));
  return result;
}

Result<Inventory> TakeInventory(os::FileSystem& files, const std::string& folder) {
  return InventoryTaker(files, folder).Run();
}

}  // namespace intact::store
