#include "intact/engine/changes.h"

#include <algorithm>
#include <unordered_map>

#include "intact/engine/terms.h"
#include "intact/model/tokeniser.h"
#include "intact/os/os.h"
#include "intact/source/chunk.h"

namespace intact::engine {
namespace {

constexpr size_t kWindowFiles = 256;
constexpr uint64_t kWindowBytes = uint64_t{4} << 20;

// A file or folder that could not be looked at says nothing of what lies there.
bool IsUnknown(const source::WalkResult& walk, std::string_view path) {
  return std::any_of(walk.errors.begin(), walk.errors.end(), [&](const source::WalkError& error) {
    return error.path == "." || error.path == path ||
           (path.starts_with(error.path) && path.substr(error.path.size()).starts_with('/'));
  });
}

struct Known {
  DocumentRef document;
  format::FileEntry file;
  bool is_seen = false;
};

}  // namespace

bool IsUnchanged(const format::FileEntry& file, const os::FileStat& stat) {
  return file.size == stat.size && file.mtime_ns == stat.mtime_ns &&
         file.ctime_ns == stat.ctime_ns && file.inode == stat.inode;
}

bool Describes(const IndexView& view, DocumentRef document, const IngestedFile& file) {
  for (const SegmentDocuments& documents : view.segments()) {
    if (documents.segment->id() != document.segment_id) continue;
    const format::FileEntry entry = documents.catalog.file(document.file);
    if (entry.skip_reason != static_cast<uint8_t>(file.verdict.reason)) return false;
    if (entry.chunk_count != file.chunks.size()) return false;
    for (uint32_t i = 0; i < entry.chunk_count; ++i) {
      const format::ChunkEntry chunk = documents.catalog.chunk(entry.first_chunk + i);
      const store::Segment* segment = view.snapshot().SegmentOf(chunk.row);
      if (segment == nullptr || chunk.begin != file.chunks[i].chunk.begin ||
          segment->keys()[chunk.row - segment->first_row()] != file.chunks[i].key) {
        return false;
      }
    }
    return true;
  }
  return false;
}

uint64_t TermsVersion() { return uint64_t{kTermsVersion} << 32 | model::kTokeniserVersion; }

Changes Compare(const IndexView* view, const source::WalkResult& walk) {
  Changes changes;
  std::unordered_map<std::string_view, Known> known;
  bool is_outdated = false;
  if (view != nullptr) {
    is_outdated = view->state().chunker_version != source::kChunkerVersion ||
                  view->state().tokeniser_version != TermsVersion();
    view->ForEachLiveFile([&](size_t s, uint32_t f, const format::FileEntry& file) {
      known.emplace(file.path, Known{{view->segments()[s].segment->id(), f}, file, false});
    });
  }
  for (const source::WalkedFile& walked : walk.files) {
    const auto found = known.find(walked.path);
    if (found == known.end()) {
      changes.pending.push_back({&walked, std::nullopt, false, false});
      changes.pending_bytes += walked.stat.size;
      continue;
    }
    Known& entry = found->second;
    entry.is_seen = true;
    const bool is_same = !is_outdated && IsUnchanged(entry.file, walked.stat);
    if (!is_same || (entry.file.flags & format::kFileRacy) != 0) {
      changes.pending.push_back({&walked, entry.document, entry.file.skip_reason == 0, is_same});
      changes.pending_bytes += walked.stat.size;
    } else if (entry.file.skip_reason != 0) {
      ++changes.unchanged_skips[entry.file.skip_reason];
    } else {
      ++changes.unchanged;
      changes.unchanged_bytes += entry.file.size;
    }
  }
  for (const auto& [path, entry] : known) {
    if (entry.is_seen) continue;
    if (IsUnknown(walk, path)) {
      ++changes.kept;
      continue;
    }
    changes.removed.push_back(
        {entry.document, std::string(path), entry.file.size, entry.file.skip_reason == 0});
  }
  for (const source::WalkedFile& walked : walk.skipped)
    ++changes.skipped[static_cast<uint8_t>(walked.reason)];
  return changes;
}

std::vector<const source::WalkedFile*> NextWindow(const std::vector<PendingFile>& pending,
                                                  size_t begin) {
  std::vector<const source::WalkedFile*> window;
  uint64_t bytes = 0;
  for (size_t i = begin; i < pending.size() && window.size() < kWindowFiles; ++i) {
    bytes += pending[i].walked->stat.size;
    if (!window.empty() && bytes > kWindowBytes) break;
    window.push_back(pending[i].walked);
  }
  return window;
}

std::vector<ReasonCount> ToReasonCounts(const std::map<uint8_t, uint64_t>& skipped) {
  std::vector<ReasonCount> counts;
  for (const auto& [reason, count] : skipped) {
    counts.push_back(
        {std::string(source::SkipReasonName(static_cast<source::SkipReason>(reason))), count});
  }
  std::stable_sort(counts.begin(), counts.end(),
                   [](const ReasonCount& a, const ReasonCount& b) { return a.count > b.count; });
  return counts;
}

base::Status CheckRoot(const Place& place, const IndexView& view) {
  const std::string& root = view.state().root;
  if (root.empty() || root == place.root || place.store == LocalStore(place.root))
    return base::Ok();
  return base::InvalidArgument("the store " + place.store + " holds the index of " + root +
                               ", not of " + place.root + ": give another --store");
}

ScopeOptions ChooseScope(const std::optional<ScopeOptions>& wanted, const IndexView* view) {
  if (wanted) return *wanted;
  if (view == nullptr || view->state().root.empty()) return {};
  const format::IndexState& state = view->state();
  return {(state.scope_flags & format::kScopeHidden) != 0,
          (state.scope_flags & format::kScopeNoIgnore) == 0, state.file_size_max};
}

}  // namespace intact::engine
