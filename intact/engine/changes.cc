#include "intact/engine/changes.h"

#include <unordered_map>

#include "intact/engine/terms.h"
#include "intact/model/tokeniser.h"
#include "intact/source/chunk.h"

namespace intact::engine {
namespace {

bool IsSame(const format::FileEntry& file, const os::FileStat& stat) {
  return (file.flags & format::kFileRacy) == 0 && file.size == stat.size &&
         file.mtime_ns == stat.mtime_ns && file.ctime_ns == stat.ctime_ns &&
         file.inode == stat.inode;
}

struct Known {
  DocumentRef document;
  format::FileEntry file;
  bool is_seen = false;
};

}  // namespace

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
      changes.pending.push_back({&walked, std::nullopt});
      changes.pending_bytes += walked.stat.size;
      continue;
    }
    Known& entry = found->second;
    entry.is_seen = true;
    if (is_outdated || !IsSame(entry.file, walked.stat)) {
      changes.pending.push_back({&walked, entry.document});
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
    changes.removed.push_back(
        {entry.document, std::string(path), entry.file.size, entry.file.skip_reason == 0});
  }
  for (const source::WalkedFile& walked : walk.skipped)
    ++changes.skipped[static_cast<uint8_t>(walked.reason)];
  return changes;
}

}  // namespace intact::engine
