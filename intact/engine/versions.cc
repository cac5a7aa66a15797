#include "intact/engine/versions.h"

#include <algorithm>
#include <functional>

#include "intact/engine/collection_state.h"
#include "intact/format/index_state.h"
#include "intact/os/os.h"
#include "intact/store/store.h"
#include "intact/store/versions.h"

namespace intact::engine {
namespace {

base::Status Describe(const format::Manifest& manifest, VersionReport& report) {
  report.kind = KindOf(manifest);
  switch (report.kind) {
    case StoreKind::kEmpty:
      return base::Ok();
    case StoreKind::kVectors:
      report.records =
          manifest.key_count == format::kUnknownCount ? report.rows : manifest.key_count;
      return base::Ok();
    case StoreKind::kCollection: {
      INTACT_ASSIGN_OR_RETURN(const CollectionState state,
                              CollectionState::Parse(manifest.engine_state));
      report.records = state.record_count();
      return base::Ok();
    }
    case StoreKind::kIndex: {
      INTACT_ASSIGN_OR_RETURN(const format::IndexState state,
                              format::IndexState::Parse(manifest.engine_state));
      report.files = state.files;
      report.chunks = state.chunks;
      report.is_unfinished = state.is_interrupted;
      return base::Ok();
    }
  }
  return base::Ok();
}

// Opens the store, lets `change` commit, and counts what it dropped.
base::Result<VersionChange> Change(
    const std::string& store, const std::string& target, int64_t lock_wait_ms,
    const std::function<base::Result<uint64_t>(store::Store&)>& change) {
  INTACT_ASSIGN_OR_RETURN(
      const std::unique_ptr<store::Store> writer,
      store::Store::OpenWriter(os::RealFileSystem(), store, WriterOptions(lock_wait_ms)));
  const auto before = writer->snapshot();
  VersionChange result;
  result.target_version = before->version();
  if (!target.empty()) {
    INTACT_ASSIGN_OR_RETURN(const format::VersionEntry entry, store::FindVersion(*before, target));
    result.target_version = entry.version;
  }
  INTACT_ASSIGN_OR_RETURN(result.version, change(*writer));
  const size_t kept = writer->snapshot()->history().size();
  result.versions_dropped =
      before->history().size() + 1 - std::min(kept, before->history().size() + 1);
  return result;
}

}  // namespace

store::OpenOptions WriterOptions(int64_t lock_wait_ms) {
  store::OpenOptions options;
  options.lock_wait_ms = lock_wait_ms;
  options.journal_size_max = uint64_t{1} << 20;
  options.first_journal_version = 8;
  return options;
}

std::string_view StoreKindName(StoreKind kind) {
  switch (kind) {
    case StoreKind::kEmpty:
      return "empty";
    case StoreKind::kIndex:
      return "index";
    case StoreKind::kCollection:
      return "collection";
    case StoreKind::kVectors:
      return "vectors";
  }
  return "";
}

StoreKind KindOf(const format::Manifest& manifest) {
  if (IsCollection(manifest.engine_state)) return StoreKind::kCollection;
  if (!manifest.engine_state.empty()) return StoreKind::kIndex;
  return manifest.segments.empty() ? StoreKind::kEmpty : StoreKind::kVectors;
}

base::Result<std::shared_ptr<const store::Snapshot>> OpenSnapshot(const std::string& store,
                                                                  const std::string& version) {
  return version.empty() ? store::Store::OpenReadOnly(os::RealFileSystem(), store)
                         : store::Store::OpenVersion(os::RealFileSystem(), store, version);
}

base::Result<VersionsReport> ReadVersions(const std::string& store) {
  VersionsReport report;
  report.store = store;
  base::Status described;
  const auto describe = [&](size_t place, const format::Manifest& manifest) {
    if (place == 0) {
      report.versions.clear();
      report.retention = manifest.retention;
      described = base::Ok();
    }
    VersionReport& version = report.versions.emplace_back();
    for (const format::SegmentEntry& segment : manifest.segments) version.rows += segment.row_count;
    const base::Status status = Describe(manifest, version);
    if (described.ok()) described = status;
  };
  INTACT_ASSIGN_OR_RETURN(const std::vector<store::VersionFacts> facts,
                          store::ReadVersions(os::RealFileSystem(), store, describe));
  INTACT_RETURN_IF_ERROR(described.Annotate(store));
  for (size_t i = 0; i < facts.size(); ++i) {
    VersionReport& version = report.versions[i];
    version.version = facts[i].version;
    version.parent = facts[i].parent;
    version.committed_ns = facts[i].wall_ns;
    version.is_current = facts[i].is_current;
    version.tags = facts[i].tags;
    version.bytes = facts[i].size;
    version.own_bytes = facts[i].own_size;
  }
  return report;
}

base::Result<VersionChange> TagVersion(const std::string& store, const std::string& tag,
                                       const std::string& version, int64_t lock_wait_ms) {
  return Change(store, version, lock_wait_ms, [&](store::Store& writer) {
    return version.empty() ? writer.Tag(tag) : writer.Tag(tag, version);
  });
}

base::Result<VersionChange> RemoveTag(const std::string& store, const std::string& tag,
                                      int64_t lock_wait_ms) {
  return Change(store, tag, lock_wait_ms, [&](store::Store& writer) { return writer.Untag(tag); });
}

base::Result<VersionChange> RollBack(const std::string& store, const std::string& version,
                                     int64_t lock_wait_ms) {
  return Change(store, version, lock_wait_ms,
                [&](store::Store& writer) { return writer.RollBack(version); });
}

base::Result<VersionChange> SetRetention(const std::string& store,
                                         const format::Retention& retention, int64_t lock_wait_ms) {
  return Change(store, "", lock_wait_ms,
                [&](store::Store& writer) { return writer.SetRetention(retention); });
}

}  // namespace intact::engine
