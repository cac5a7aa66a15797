#include "intact/store/dump.h"

#include <algorithm>
#include <optional>

#include "intact/store/folder.h"
#include "intact/store/inventory.h"
#include "intact/store/segment_writer.h"

namespace intact::store {
namespace {

using base::Result;

std::string FlagText(const format::FeatureFlags& flags) {
  return std::to_string(flags.compatible) + "/" + std::to_string(flags.read_only_compatible) + "/" +
         std::to_string(flags.incompatible);
}

std::string HexOf(uint32_t value) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (int shift = 28; shift >= 0; shift -= 4) text += kDigits[value >> shift & 15];
  return text;
}

std::string PlaceText(const format::Location& location, const std::string& file) {
  if (location.journal == 0) return file;
  return "journal-" + std::to_string(location.journal) + " at " + std::to_string(location.offset);
}

class Dumper {
 public:
  Dumper(os::FileSystem& files, const std::string& folder, const DumpOptions& options)
      : files_(files), folder_(folder), options_(options), maps_(files, folder_) {}

  Result<DumpReport> Run() {
    INTACT_ASSIGN_OR_RETURN(inventory_, TakeInventory(files_, folder_));
    ChooseVersion();
    if (manifest_) report_.version = manifest_->version;
    const bool has_all = !options_.has_manifest && !options_.has_segments &&
                         !options_.has_journals && options_.record_count == 0;
    if (has_all || options_.has_manifest) {
      AddSuperblock();
      AddManifest();
      AddHistory();
      AddTags();
      AddFiles();
    }
    if (has_all || options_.has_segments) AddSegments();
    if (has_all || options_.has_journals) AddJournals();
    if (options_.record_count > 0) AddRecords();
    return std::move(report_);
  }

 private:
  // The newest version, or, when its manifest cannot be read, the newest whose manifest can.
  void ChooseVersion() {
    std::optional<format::VersionEntry> newest;
    if (inventory_.super) {
      const format::Superblock& super = inventory_.super->active;
      newest = EntryOf(super);
      if (super.journal != 0) {
        const auto mapping = maps_.Get(super.journal);
        if (mapping.ok()) {
          const auto content = LoadJournal(**mapping, super, JournalPath(folder_, super.journal));
          if (content.ok()) newest = NewestOf(super, *content);
        }
      }
    }
    if (newest) Take(*newest);
    const auto& versions = inventory_.versions;
    for (auto entry = versions.rbegin(); !manifest_ && entry != versions.rend(); ++entry) {
      Take(*entry);
    }
  }

  void Take(const format::VersionEntry& entry) {
    auto manifest = ReadManifest(files_, folder_, inventory_.store, entry);
    if (!manifest.ok()) return;
    entry_ = entry;
    manifest_ = *std::move(manifest);
  }

  DumpList& AddList(std::string name, uint64_t count) {
    report_.lists.push_back({std::move(name), count, {}});
    return report_.lists.back();
  }
  bool IsFull(const DumpList& list) const { return list.nodes.size() >= options_.list_max; }

  void AddSuperblock() {
    DumpList& list = AddList("superblock", format::kSuperCopyCount);
    const Result<base::Bytes> bytes = ReadSuperFile(files_, folder_);
    for (uint32_t copy = 0; copy < format::kSuperCopyCount; ++copy) {
      DumpNode node{"copy " + std::to_string(copy), {}, {}, {}};
      if (!bytes.ok()) {
        node.problem = bytes.status().message();
        list.nodes.push_back(std::move(node));
        continue;
      }
      const size_t begin = std::min(bytes->size(), copy * format::kPageSize);
      const size_t size = std::min(bytes->size() - begin, format::kPageSize);
      const auto super = format::DecodeSuperblock(base::ByteSpan(*bytes).subspan(begin, size), copy,
                                                  SuperPath(folder_));
      if (!super.ok()) {
        node.problem = super.status().message();
      } else {
        node.fields = {
            {"format", std::to_string(super->major) + "." + std::to_string(super->minor)},
            {"flags", FlagText(super->flags)},
            {"store", super->store.ToString()},
            {"generation", super->generation},
            {"is_active", inventory_.super && inventory_.super->active_pair == copy / 2},
            {"manifest", super->manifest_number},
            {"manifest_size", super->manifest_size},
            {"manifest_digest", super->manifest_digest.ToHex()},
            {"journal", super->journal},
            {"journal_size", super->journal_size}};
      }
      list.nodes.push_back(std::move(node));
    }
  }

  void AddManifest() {
    DumpList& list = AddList("manifest", manifest_ ? 1 : 0);
    if (!manifest_) return;
    const format::Manifest& manifest = *manifest_;
    DumpNode node{"version " + std::to_string(manifest.version), {}, {}, {}};
    node.fields = {
        {"version", manifest.version},
        {"parent", manifest.parent},
        {"time_ns", manifest.wall_ns},
        {"place", PlaceText(entry_.location, "manifest-" + std::to_string(manifest.version))},
        {"size", entry_.size},
        {"digest", entry_.digest.ToHex()},
        {"collection", manifest.spec.name},
        {"dimensions", uint64_t{manifest.spec.dimensions}},
        {"metric", uint64_t{static_cast<uint32_t>(manifest.spec.metric)}},
        {"model", manifest.spec.model},
        {"next_row", manifest.next_row},
        {"next_segment", manifest.next_segment},
        {"segments", uint64_t{manifest.segments.size()}},
        {"engine_state_size", uint64_t{manifest.engine_state.size()}},
        {"keep_last", uint64_t{manifest.retention.keep_last}},
        {"keep_seconds", manifest.retention.keep_seconds}};
    if (manifest.key_count != format::kUnknownCount) {
      node.fields.push_back({"key_count", manifest.key_count});
    }
    list.nodes.push_back(std::move(node));
  }

  void AddHistory() {
    if (!manifest_) return;
    DumpList& list = AddList("history", manifest_->history.size());
    for (auto entry = manifest_->history.rbegin(); entry != manifest_->history.rend(); ++entry) {
      if (IsFull(list)) break;
      DumpNode node{"version " + std::to_string(entry->version), {}, {}, {}};
      node.fields = {
          {"version", entry->version},
          {"time_ns", entry->wall_ns},
          {"place", PlaceText(entry->location, "manifest-" + std::to_string(entry->version))},
          {"size", entry->size},
          {"digest", entry->digest.ToHex()}};
      const auto manifest = ReadManifest(files_, folder_, inventory_.store, *entry);
      if (!manifest.ok()) node.problem = manifest.status().message();
      list.nodes.push_back(std::move(node));
    }
  }

  void AddTags() {
    if (!manifest_) return;
    DumpList& list = AddList("tags", manifest_->tags.size());
    for (const format::Tag& tag : manifest_->tags) {
      if (IsFull(list)) break;
      list.nodes.push_back({tag.name, {{"version", tag.version}}, {}, {}});
    }
  }

  void AddFiles() {
    DumpList& list = AddList("files", inventory_.names.size());
    for (const std::string& name : inventory_.names) {
      if (IsFull(list)) break;
      DumpNode node{name, {}, {}, {}};
      const auto file = files_.OpenForRead(os::JoinPath(folder_, name));
      const Result<uint64_t> size = file.ok() ? (*file)->Size() : file.status();
      if (size.ok()) {
        node.fields = {{"size", *size}};
      } else {
        node.problem = size.status().message();
      }
      list.nodes.push_back(std::move(node));
    }
  }

  Result<std::shared_ptr<const Segment>> OpenEntry(const format::SegmentEntry& entry) {
    return OpenSegment(files_, folder_, inventory_.store, entry, manifest_->spec.dimensions, maps_);
  }

  void AddSegments() {
    if (!manifest_) return;
    DumpList& list = AddList("segments", manifest_->segments.size());
    const auto& entries = manifest_->segments;
    for (auto entry = entries.rbegin(); entry != entries.rend() && !IsFull(list); ++entry) {
      DumpNode node{"segment " + std::to_string(entry->id), {}, {}, {}};
      node.fields = {{"id", entry->id},
                     {"place", PlaceText(entry->location, "seg-" + std::to_string(entry->id))},
                     {"size", entry->file_size},
                     {"first_row", entry->first_row},
                     {"row_count", entry->row_count},
                     {"header_digest", entry->header_digest.ToHex()}};
      const auto segment = OpenEntry(*entry);
      if (segment.ok()) {
        AddSections(**segment, node);
      } else {
        node.problem = segment.status().message();
      }
      list.nodes.push_back(std::move(node));
    }
  }

  void AddSections(const Segment& segment, DumpNode& node) const {
    for (const format::SectionEntry& section : segment.header().sections) {
      DumpNode part{std::string(format::SectionKindName(section.kind)), {}, {}, {}};
      part.fields = {{"kind", uint64_t{section.kind}},
                     {"offset", section.offset},
                     {"size", section.size},
                     {"crc", HexOf(section.crc)}};
      if (options_.checks) {
        const base::Status checked = segment.Check(section.kind, PageUse::kRelease);
        if (!checked.ok()) part.problem = checked.message();
      }
      node.parts.push_back(std::move(part));
    }
  }

  void AddJournals() {
    DumpList& list = AddList("journals", inventory_.journals.size());
    for (const FoundJournal& journal : inventory_.journals) {
      if (IsFull(list)) break;
      DumpNode node{"journal " + std::to_string(journal.number), {}, {}, {}};
      const bool is_current =
          inventory_.super && inventory_.super->active.journal == journal.number;
      node.fields = {{"number", journal.number},
                     {"size", journal.size},
                     {"is_current", is_current},
                     {"frames", uint64_t{journal.frames.size()}}};
      if (!journal.problem.ok()) node.problem = journal.problem.message();
      const size_t count = std::min<size_t>(journal.frames.size(), options_.list_max);
      for (size_t i = journal.frames.size() - count; i < journal.frames.size(); ++i) {
        node.parts.push_back(FrameNode(journal.frames[i]));
      }
      list.nodes.push_back(std::move(node));
    }
  }

  static DumpNode FrameNode(const FoundFrame& frame) {
    const format::FrameHead& head = frame.head;
    DumpNode node{"frame of version " + std::to_string(head.version), {}, {}, {}};
    node.fields = {{"version", head.version},
                   {"durable_version", head.durable_version},
                   {"offset", head.offset},
                   {"size", head.size},
                   {"manifest_offset", head.manifest_offset},
                   {"manifest_size", head.manifest_size},
                   {"manifest_digest", head.manifest_digest.ToHex()},
                   {"payload_crc", HexOf(head.payload_crc)},
                   {"copies_whole", uint64_t{frame.whole_at.size()}}};
    if (frame.whole_at.size() == 1) node.problem = "one of its two copies is damaged";
    if (frame.whole_at.empty()) node.problem = "no copy of it is whole";
    return node;
  }

  void AddRecords() {
    if (!manifest_) return;
    uint64_t count = 0;
    for (const format::SegmentEntry& entry : manifest_->segments) count += entry.row_count;
    DumpList& list = AddList("records", count);
    for (const format::SegmentEntry& entry : manifest_->segments) {
      if (entry.first_row + entry.row_count <= options_.first_row) continue;
      if (list.nodes.size() >= options_.record_count) return;
      const auto segment = OpenEntry(entry);
      if (!segment.ok()) {
        list.nodes.push_back(
            {"segment " + std::to_string(entry.id), {}, segment.status().message(), {}});
        continue;
      }
      AddRows(**segment, list);
    }
  }

  void AddRows(const Segment& segment, DumpList& list) const {
    const base::Status keys = segment.Check(format::kSectionKeys);
    std::vector<float> vector(segment.dimensions());
    const RowId first = segment.first_row();
    const RowId begin = std::max<RowId>(options_.first_row, first);
    for (RowId row = begin; row - first < segment.row_count(); ++row) {
      if (list.nodes.size() >= options_.record_count) return;
      const auto local = static_cast<uint32_t>(row - first);
      DumpNode node{"row " + std::to_string(row), {}, {}, {}};
      node.fields = {{"row", row}, {"segment", segment.id()}};
      if (keys.ok()) node.fields.push_back({"key", segment.keys()[local].ToHex()});
      if (const auto encoded = segment.EncodedVector(local); encoded.ok()) {
        node.fields.push_back({"encoded_size", uint64_t{encoded->size()}});
      }
      node.fields.push_back({"crc", HexOf(segment.vector_crc(local))});
      const base::Status read = segment.ReadVector(local, vector);
      if (!read.ok() || !keys.ok()) node.problem = (read.ok() ? keys : read).message();
      list.nodes.push_back(std::move(node));
    }
  }

  os::FileSystem& files_;
  const std::string& folder_;
  const DumpOptions& options_;
  JournalMaps maps_;
  Inventory inventory_;
  format::VersionEntry entry_;
  std::optional<format::Manifest> manifest_;
  DumpReport report_;
};

}  // namespace

Result<DumpReport> Dump(os::FileSystem& files, const std::string& folder,
                        const DumpOptions& options) {
  return Dumper(files, folder, options).Run();
}

}  // namespace intact::store
