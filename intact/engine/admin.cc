#include "intact/engine/admin.h"

#include <algorithm>
#include <set>

#include "intact/embed/embed.h"
#include "intact/engine/approx_lists.h"
#include "intact/engine/changes.h"
#include "intact/engine/collection.h"
#include "intact/engine/collection_writer.h"
#include "intact/engine/index_view.h"
#include "intact/engine/ingest.h"
#include "intact/engine/versions.h"
#include "intact/engine/writer.h"
#include "intact/os/os.h"
#include "intact/simd/simd.h"
#include "intact/source/source.h"
#include "intact/store/versions.h"

namespace intact::engine {
namespace {

uint64_t FolderBytes(const std::string& path) {
  uint64_t total = 0;
  const auto entries = os::ListDirectory(path);
  if (!entries.ok()) return 0;
  for (const os::DirectoryEntry& entry : *entries) {
    if (entry.stat.kind == os::EntryKind::kFile) total += entry.stat.size;
  }
  return total;
}

void FillBytes(const IndexView& view, const std::string& store, StatusReport& report) {
  const store::StoredBytes bytes = view.snapshot().stored_bytes();
  uint64_t catalog = 0, postings = 0;
  for (const SegmentDocuments& documents : view.segments()) {
    for (const format::SectionEntry& section : documents.segment->header().sections) {
      if (section.kind == format::kSectionCatalog) catalog += section.size;
      if (section.kind == format::kSectionPostings) postings += section.size;
    }
  }
  report.raw_bytes = bytes.raw;
  report.approx = ReadApproxStatus(view.snapshot(), store);
  report.stored_bytes = std::max(FolderBytes(store), bytes.total);
  report.stored_by_part = {{"exact vectors", bytes.rest},
                           {"codes", bytes.codes},
                           {"keys", bytes.keys},
                           {"row table", bytes.row_table},
                           {"catalog", catalog},
                           {"postings", postings},
                           {"other", report.stored_bytes - (bytes.rest + bytes.codes + bytes.keys +
                                                            bytes.row_table + catalog + postings)}};
  if (report.approx.bytes == 0) return;
  report.stored_by_part.emplace_back("inverted lists", report.approx.bytes);
  report.stored_bytes += report.approx.bytes;
}

// Of a store and the inverted lists beside it.
uint64_t AllBytes(const std::string& store) {
  return FolderBytes(store) + FolderBytes(ApproxFolder(store));
}

}  // namespace

base::Result<StatusReport> ReadStatus(const Place& place) {
  if (!place.exists) return NoIndex(place.root);
  INTACT_ASSIGN_OR_RETURN(const std::shared_ptr<const IndexView> view,
                          IndexView::Open(place.store, place.version));
  const format::IndexState& state = view->state();
  StatusReport report;
  report.root = state.root.empty() ? place.root : state.root;
  report.store = place.store;
  report.model = view->snapshot().spec().model;
  report.dimensions = view->snapshot().spec().dimensions;
  report.version = view->snapshot().version();
  report.committed_ns = view->snapshot().wall_ns();
  report.indexed_ns = state.indexed_ns;
  report.files = state.files;
  report.chunks = state.chunks;
  report.vectors = view->snapshot().row_count();
  report.vectors_unused = report.vectors;
  for (const search::Bitmap& used : view->UsedRows()) report.vectors_unused -= used.Count();
  report.segments = view->segments().size();
  report.files_failed = state.files_failed;
  report.chunks_embedded = state.chunks_embedded;
  report.chunks_reused = state.chunks_reused;
  report.skipped = ToReasonCounts(state.skipped);
  for (const format::IndexProblem& problem : state.problems) {
    report.problems.push_back({problem.path, problem.message});
  }
  report.is_interrupted = state.is_interrupted;
  report.source_bytes = state.source_bytes;
  FillBytes(*view, place.store, report);
  INTACT_RETURN_IF_ERROR(view->snapshot().CheckUnchanged());
  return report;
}

namespace {

// `path` as it is relative to the root, links in its folders resolved.
base::Result<std::string> RelativePath(const std::string& root, const std::string& path) {
  const std::string absolute = os::AbsolutePath(path);
  INTACT_ASSIGN_OR_RETURN(const std::string parent, os::CanonicalPath(os::ParentPath(absolute)));
  const std::string whole = os::JoinPath(parent, absolute.substr(absolute.rfind('/') + 1));
  const std::string prefix = root == "/" ? root : root + "/";
  if (!whole.starts_with(prefix) || whole.size() == prefix.size()) {
    return base::InvalidArgument(path + " lies outside " + root);
  }
  return whole.substr(prefix.size());
}

// "not indexed", "up to date" or "changed since it was indexed".
std::string IndexState(const IndexView* view, const std::string& path, const os::FileStat& stat) {
  std::string result = "not indexed";
  if (view == nullptr) return result;
  view->ForEachLiveFile([&](size_t, uint32_t, const format::FileEntry& file) {
    if (file.path != path) return;
    result = IsUnchanged(file, stat) ? "up to date" : "changed since it was indexed";
  });
  return result;
}

}  // namespace

base::Result<ExplainReport> ExplainFile(const Place& place,
                                        const std::optional<ScopeOptions>& wanted_scope,
                                        const std::string& path) {
  INTACT_ASSIGN_OR_RETURN(const std::string relative, RelativePath(place.root, path));
  std::shared_ptr<const IndexView> view;
  if (place.exists) {
    INTACT_ASSIGN_OR_RETURN(view, IndexView::Open(place.store));
  }
  const ScopeOptions scope = ChooseScope(wanted_scope, view.get());
  INTACT_ASSIGN_OR_RETURN(
      const source::WalkedFile walked,
      source::ExplainPath(place.root, ToWalkOptions(scope, place.store, 1), relative));
  INTACT_ASSIGN_OR_RETURN(const os::FileStat stat,
                          os::StatPath(os::JoinPath(place.root, relative)));
  ExplainReport report;
  report.path = relative;
  report.size = stat.size;
  report.index_state = IndexState(view.get(), relative, stat);
  if (view != nullptr) INTACT_RETURN_IF_ERROR(view->snapshot().CheckUnchanged());
  source::Verdict verdict{walked.reason, walked.rule};
  if (stat.kind == os::EntryKind::kDirectory) {
    report.is_in = verdict.is_in();
    report.reason = verdict.is_in() ? "a folder; its files are judged one by one"
                                    : std::string(source::SkipReasonName(verdict.reason));
    report.rule = verdict.rule;
    return report;
  }
  if (verdict.is_in()) {
    INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<embed::Embedder> embedder,
                            embed::OpenLocalEmbedder(place.model));
    Ingester ingester({place.root, embedder->identity(), scope.file_size_max, 1, false});
    const source::WalkedFile* file = &walked;
    const std::vector<IngestedFile> ingested = ingester.Run(std::span(&file, 1));
    INTACT_RETURN_IF_ERROR(ingested[0].status);
    verdict = ingested[0].verdict;
    report.language = source::LanguageName(ingested[0].language);
    for (const IngestedChunk& chunk : ingested[0].chunks) {
      const std::string_view text = ingested[0].ChunkText(chunk);
      ExplainedChunk explained{chunk.chunk.first_line,
                               chunk.chunk.last_line,
                               chunk.chunk.symbol,
                               chunk.chunk.definitions,
                               text.size(),
                               embedder->CountTokens(text),
                               chunk.key.ToHex(),
                               false};
      if (view != nullptr) {
        INTACT_ASSIGN_OR_RETURN(const auto row, view->snapshot().Find(chunk.key));
        explained.is_stored = row.has_value();
      }
      report.chunks.push_back(std::move(explained));
    }
  }
  report.is_in = verdict.is_in();
  report.reason = verdict.is_in() ? "in" : std::string(source::SkipReasonName(verdict.reason));
  report.rule = verdict.rule;
  return report;
}

namespace {

// What the store cannot know: that documents point at rows, and postings at chunks.
void VerifyDocuments(const IndexView& view, VerifyReport& report) {
  for (const SegmentDocuments& documents : view.segments()) {
    const std::string& path = documents.segment->path();
    for (uint32_t c = 0; c < documents.catalog.chunk_count(); ++c) {
      const store::RowId row = documents.catalog.chunk_row(c);
      if (view.SegmentNumberOf(row) < view.segments().size()) continue;
      report.problems.push_back({path, "chunk " + std::to_string(c) + " points at row " +
                                           std::to_string(row) + ", which no segment holds"});
      break;
    }
    const auto postings = documents.ReadPostings();
    if (!postings.ok()) {
      report.problems.push_back({path, postings.status().message()});
    } else if (postings->chunk_count() != documents.catalog.chunk_count()) {
      report.problems.push_back({path, "postings and catalog count different chunks"});
    }
  }
}

// Documents or records, whichever the store holds.
void VerifyContent(const std::string& store, bool is_whole, VerifyReport& report) {
  const auto snapshot = store::Store::OpenReadOnly(os::RealFileSystem(), store);
  report.is_collection = snapshot.ok() && IsCollection((*snapshot)->engine_state());
  if (!is_whole) return;
  base::Status status;
  if (report.is_collection) {
    const auto view = CollectionView::Load(*snapshot, store);
    status = view.ok() ? CheckRecords(**view) : view.status();
  } else {
    const auto view = IndexView::Open(store);
    status = view.status();
    if (view.ok()) {
      VerifyDocuments(**view, report);
      status = (*view)->snapshot().CheckUnchanged();
    }
  }
  if (!status.ok()) report.problems.push_back({store, status.message()});
}

}  // namespace

std::vector<FileProblem> CheckContent(const std::string& store) {
  VerifyReport report;
  VerifyContent(store, true, report);
  return std::move(report.problems);
}

base::Result<VerifyReport> VerifyIndex(const Place& place, const VerifyProgress& progress,
                                       bool is_fast) {
  if (!place.exists) return NoIndex(place.root);
  const int64_t begin_ns = os::RealClock().monotonic_ns();
  const auto depth = is_fast ? store::VerifyDepth::kChecksums : store::VerifyDepth::kDeep;
  INTACT_ASSIGN_OR_RETURN(const store::VerifyReport checked,
                          store::Verify(
                              os::RealFileSystem(), place.store,
                              [&](uint64_t done, uint64_t total) {
                                if (progress) progress(done, total);
                                return true;
                              },
                              depth));
  VerifyReport report;
  report.files = checked.files;
  report.sections = checked.sections;
  report.rows = checked.rows;
  report.bytes = checked.bytes;
  for (const store::VerifyProblem& problem : checked.problems) {
    std::string message = "offset " + std::to_string(problem.offset) + ": " + problem.what;
    if (problem.is_harmless) message += " (harmless: another copy holds the same)";
    report.problems.push_back({problem.path, std::move(message)});
  }
  VerifyContent(place.store, checked.ok() && !is_fast, report);
  if (const auto snapshot = OpenSnapshot(place.store, {}); snapshot.ok()) {
    report.approx_problems = CheckApprox(**snapshot, place.store);
  }
  report.seconds = os::SecondsSince(begin_ns);
  return report;
}

namespace {

// Versions that would be dropped, and about what the files would take: what tagged versions need,
// and this one less its share of rows that go.
base::Status EstimateGc(const std::string& store, const store::Snapshot& snapshot,
                        const GcOptions& options, GcReport& report) {
  INTACT_ASSIGN_OR_RETURN(const std::vector<store::VersionFacts> versions,
                          store::ReadVersions(os::RealFileSystem(), store));
  uint64_t dropped_bytes = 0;
  for (const store::VersionFacts& version : versions) {
    if (options.keeps_versions || version.is_current || !version.tags.empty()) continue;
    ++report.versions_removed;
    dropped_bytes += version.own_size;
  }
  const bool shares = versions.size() - report.versions_removed > 1;
  const uint64_t rows = snapshot.row_count();
  const uint64_t size = snapshot.stored_bytes().total;
  const auto gone =
      static_cast<uint64_t>(static_cast<double>(size) * static_cast<double>(report.rows_removed) /
                            static_cast<double>(std::max<uint64_t>(rows, 1)));
  // A version that stays keeps the old rows too.
  const uint64_t freed = dropped_bytes + (shares ? 0 : gone);
  report.bytes_after = report.bytes_before - std::min(report.bytes_before, freed);
  return base::Ok();
}

uint64_t UntaggedVersions(const store::Snapshot& snapshot) {
  std::set<uint64_t> tagged;
  for (const format::Tag& tag : snapshot.tags()) tagged.insert(tag.version);
  uint64_t count = 0;
  for (const format::VersionEntry& entry : snapshot.history()) {
    if (!tagged.contains(entry.version)) ++count;
  }
  return count;
}

base::Status CollectIndexGarbage(const std::string& store, const GcOptions& options) {
  INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<embed::Embedder> embedder,
                          embed::OpenLocalEmbedder());
  INTACT_ASSIGN_OR_RETURN(
      const std::unique_ptr<store::Store> writable,
      store::Store::OpenWriter(os::RealFileSystem(), store, WriterOptions(options.lock_wait_ms)));
  INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<IndexWriter> writer,
                          IndexWriter::Make(*writable, *embedder, 1));
  return writer->Rewrite(!options.keeps_versions);
}

base::Status CollectCollectionGarbage(const std::string& store, const GcOptions& options) {
  INTACT_ASSIGN_OR_RETURN(
      const std::unique_ptr<CollectionWriter> writer,
      CollectionWriter::OpenExisting(os::RealFileSystem(), store, options.lock_wait_ms));
  return writer->DropDeadRows(!options.keeps_versions);
}

}  // namespace

base::Result<GcReport> CollectGarbage(const Place& place, const GcOptions& options) {
  if (!place.exists) return NoIndex(place.root);
  GcReport report;
  report.bytes_before = AllBytes(place.store);
  INTACT_ASSIGN_OR_RETURN(const auto snapshot, OpenSnapshot(place.store, {}));
  if (KindOf(snapshot->manifest()) == StoreKind::kVectors) {
    return base::InvalidArgument(
        place.store +
        " holds vectors by key that no index or collection lists: what is "
        "garbage there is for its own program to say; nothing was changed");
  }
  report.is_collection = IsCollection(snapshot->engine_state());
  if (report.is_collection) {
    INTACT_ASSIGN_OR_RETURN(const auto view, CollectionView::Load(snapshot, place.store));
    report.rows_removed = view->superseded_count();
  } else {
    INTACT_ASSIGN_OR_RETURN(const auto view, IndexView::Load(snapshot));
    report.rows_removed = snapshot->row_count();
    for (const search::Bitmap& used : view->UsedRows()) report.rows_removed -= used.Count();
  }
  INTACT_RETURN_IF_ERROR(snapshot->CheckUnchanged());
  if (options.is_dry_run) {
    INTACT_RETURN_IF_ERROR(EstimateGc(place.store, *snapshot, options, report));
    return report;
  }
  if (!options.keeps_versions) report.versions_removed = UntaggedVersions(*snapshot);
  INTACT_RETURN_IF_ERROR(report.is_collection ? CollectCollectionGarbage(place.store, options)
                                              : CollectIndexGarbage(place.store, options));
  SweepApprox(place.store);
  report.bytes_after = AllBytes(place.store);
  return report;
}

BuildFacts ReadBuildFacts() {
  BuildFacts facts;
  facts.version = INTACT_VERSION;
  facts.simd_level = simd::LevelName(simd::BestLevel());
  const auto embedder = embed::OpenLocalEmbedder();
  facts.model = embedder.ok() ? (*embedder)->identity() : embedder.status().ToString();
#if defined(__clang__)
  facts.compiler = "clang " __clang_version__;
#else
  facts.compiler = "g++ " __VERSION__;
#endif
  return facts;
}

}  // namespace intact::engine
