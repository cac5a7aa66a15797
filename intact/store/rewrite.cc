#include "intact/store/rewrite.h"

#include <algorithm>

#include "intact/os/clock.h"
#include "intact/store/folder.h"
#include "intact/store/segment_writer.h"
#include "intact/store/store.h"

namespace intact::store {
namespace {

using base::Result;
using base::Status;

constexpr uint64_t kCopySize = uint64_t{1} << 20;

// The engine's sections of a segment, checked.
Result<std::vector<SectionInput>> EngineSections(const Segment& segment) {
  std::vector<SectionInput> sections;
  for (const format::SectionEntry& entry : segment.header().sections) {
    if (entry.kind < format::kEngineSectionFirst) continue;
    INTACT_ASSIGN_OR_RETURN(const base::ByteSpan bytes, segment.Section(entry.kind));
    sections.push_back({entry.kind, bytes});
  }
  return sections;
}

// All vectors of the segment, decoded and checked, one after the other in a file that is unlinked
// by the caller.
Result<std::unique_ptr<os::Mapping>> SpillVectors(os::FileSystem& files, const Segment& segment,
                                                  const std::string& path) {
  INTACT_RETURN_IF_ERROR(RemoveIfThere(files, path));
  INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<os::File> file, files.OpenForWrite(path));
  const size_t d = segment.dimensions();
  const auto step = static_cast<uint32_t>(std::max<uint64_t>(1, kCopySize / (d * sizeof(float))));
  std::vector<float> vectors;
  uint64_t offset = 0;
  for (uint32_t begin = 0; begin < segment.row_count(); begin += step) {
    const uint32_t count = std::min(step, segment.row_count() - begin);
    vectors.resize(count * d);
    for (uint32_t i = 0; i < count; ++i) {
      INTACT_RETURN_IF_ERROR(segment.ReadVector(begin + i, std::span(vectors).subspan(i * d, d)));
    }
    INTACT_RETURN_IF_ERROR(file->WriteAt(offset, std::as_bytes(std::span(vectors))));
    offset += vectors.size() * sizeof(float);
    segment.ReleasePages();
  }
  return files.Map(path);
}

}  // namespace

Status ReplaceSuper(os::FileSystem& files, const std::string& folder, format::Superblock super) {
  const uint64_t generation = super.generation;
  base::ByteWriter pages;
  for (uint32_t copy = 0; copy < format::kSuperCopyCount; ++copy) {
    super.generation = generation + (copy < 2 ? 2 : 1);
    pages.PutBytes(format::EncodeSuperblock(super, copy));
  }
  const std::string temporary = os::JoinPath(folder, kSuperTemporaryName);
  INTACT_RETURN_IF_ERROR(WriteNewFile(files, temporary, pages.bytes()));
  INTACT_RETURN_IF_ERROR(files.SyncDirectory(folder));
  INTACT_RETURN_IF_ERROR(files.Rename(temporary, SuperPath(folder)));
  return files.SyncDirectory(folder);
}

Status WriteVersion(os::FileSystem& files, const std::string& folder,
                    const format::Manifest& manifest, const format::Superblock& before,
                    bool keeps_journal) {
  format::Superblock super = before;
  INTACT_ASSIGN_OR_RETURN(const base::Bytes bytes, SealManifest(manifest, super));
  const std::string path = ManifestPath(folder, manifest.version);
  const Result<base::Bytes> there = os::ReadFile(files, path, format::kManifestSizeMax);
  if (!there.ok() || *there != bytes) INTACT_RETURN_IF_ERROR(WriteNewFile(files, path, bytes));
  if (!keeps_journal) super.journal = super.journal_size = 0;
  return ReplaceSuper(files, folder, super);
}

Status MakeJournalDurable(os::FileSystem& files, const std::string& folder,
                          const format::Uuid& store, uint64_t journal) {
  const std::string path = JournalPath(folder, journal);
  const auto mapping = files.Map(path);
  if (mapping.code() == base::Code::kNotFound) return base::Ok();
  INTACT_RETURN_IF_ERROR(mapping.status());
  const Result<JournalContent> content = ReadJournal((*mapping)->bytes(), store, journal, path);
  if (!content.ok()) return base::Ok();
  return JournalWriter::Open(files, path, journal, *content).status();
}

Result<format::SegmentEntry> RewriteSegment(os::FileSystem& files, const std::string& folder,
                                            const format::Uuid& store, const Segment& segment,
                                            const SegmentRewrite& rewrite) {
  INTACT_ASSIGN_OR_RETURN(const std::vector<SectionInput> sections, EngineSections(segment));
  INTACT_RETURN_IF_ERROR(segment.Check(format::kSectionDeletedKeys));
  SegmentPlan plan;
  plan.store = store;
  plan.id = rewrite.id;
  plan.first_row = segment.first_row();
  plan.dimensions = segment.dimensions();
  plan.sections = sections;
  plan.deleted_keys.assign(segment.deleted_keys().begin(), segment.deleted_keys().end());
  RowRun run;
  run.count = segment.row_count();
  const std::string path = SegmentPath(folder, rewrite.id);
  if (!rewrite.is_rebuilt) {
    run.source = &segment;
    if (run.count > 0) plan.runs.push_back(run);
    return WriteSegment(files, path, plan);
  }
  INTACT_RETURN_IF_ERROR(segment.Check(format::kSectionKeys));
  const std::string scratch = SegmentPath(folder, rewrite.scratch_id);
  std::unique_ptr<os::Mapping> vectors;
  if (run.count > 0) {
    auto spilled = SpillVectors(files, segment, scratch);
    if (!spilled.ok()) {
      static_cast<void>(RemoveIfThere(files, scratch).ok());
      return spilled.status();
    }
    vectors = *std::move(spilled);
    run.keys = segment.keys();
    // Maps begin at a page: aligned for floats.
    run.vectors = {reinterpret_cast<const float*>(vectors->bytes().data()),
                   size_t{run.count} * plan.dimensions};
    plan.runs.push_back(run);
  }
  Result<format::SegmentEntry> entry = WriteSegment(files, path, plan);
  static_cast<void>(RemoveIfThere(files, scratch).ok());
  if (entry.ok() && vectors != nullptr) {
    INTACT_RETURN_IF_ERROR(vectors->Check(os::MappingCheck::kSize));
  }
  if (entry.ok()) INTACT_RETURN_IF_ERROR(segment.CheckUnchanged());
  return entry;
}

void SweepUnused(os::FileSystem& files, const std::string& folder) {
  const Result<LoadedVersion> loaded = LoadVersion(files, folder);
  if (!loaded.ok()) return;
  const Result<FilesInUse> used =
      ReadFilesInUse(files, folder, *loaded->snapshot, loaded->super.active);
  if (used.ok()) SweepFolder(files, folder, *used);
}

}  // namespace intact::store
