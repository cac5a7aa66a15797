#include "intact/store/versions.h"

#include <unordered_map>

#include "intact/store/folder.h"
#include "intact/store/store.h"

namespace intact::store {
namespace {

using base::Result;
using base::Status;

// One attempt of ReadVersions. Segments are told apart by their ids, which are never given out
// twice.
class Reading {
 public:
  Reading(os::FileSystem& files, const std::string& folder, const ManifestSink& sink)
      : files_(files), folder_(folder), sink_(sink) {}

  Status Run(const Snapshot& newest) {
    for (const format::Tag& tag : newest.tags()) tags_[tag.version].push_back(tag.name);
    Add(newest.manifest(), newest.self());
    facts_.front().is_current = true;
    const auto history = newest.history();
    for (size_t i = history.size(); i-- > 0;) {
      INTACT_ASSIGN_OR_RETURN(const format::Manifest manifest,
                              ReadManifest(files_, folder_, newest.uuid(), history[i]));
      Add(manifest, history[i]);
    }
    for (const auto& [id, segment] : segments_) {
      if (segment.version_count == 1) facts_[segment.first_place].own_size += segment.size;
    }
    return base::Ok();
  }

  std::vector<VersionFacts> Take() { return std::move(facts_); }

 private:
  struct Known {
    uint64_t size = 0;
    size_t first_place = 0;
    size_t version_count = 0;
  };

  void Add(const format::Manifest& manifest, const format::VersionEntry& entry) {
    VersionFacts& facts = facts_.emplace_back();
    facts.version = manifest.version;
    facts.parent = manifest.parent;
    facts.wall_ns = manifest.wall_ns;
    if (const auto found = tags_.find(manifest.version); found != tags_.end()) {
      facts.tags = found->second;
    }
    facts.segments = manifest.segments.size();
    facts.size = facts.own_size = entry.size;
    for (const format::SegmentEntry& segment : manifest.segments) {
      facts.rows += segment.row_count;
      facts.size += segment.file_size;
      Known& known = segments_[segment.id];
      if (known.version_count++ == 0) {
        known.size = segment.file_size;
        known.first_place = facts_.size() - 1;
      }
    }
    if (sink_) sink_(facts_.size() - 1, manifest);
  }

  os::FileSystem& files_;
  const std::string& folder_;
  const ManifestSink& sink_;
  std::unordered_map<uint64_t, std::vector<std::string>> tags_;
  std::unordered_map<uint64_t, Known> segments_;
  std::vector<VersionFacts> facts_;
};

}  // namespace

Result<std::vector<VersionFacts>> ReadVersions(os::FileSystem& files, const std::string& path,
                                               const ManifestSink& sink) {
  for (int attempt = 1;; ++attempt) {
    INTACT_ASSIGN_OR_RETURN(const auto newest, Store::OpenReadOnly(files, path));
    Reading reading(files, path, sink);
    const Status status = reading.Run(*newest);
    if (status.ok()) return reading.Take();
    // A writer may have dropped the version meanwhile.
    if (status.code() != base::Code::kNotFound || attempt == kReadAttemptsMax) return status;
    INTACT_ASSIGN_OR_RETURN(const auto now, Store::OpenReadOnly(files, path));
    if (now->version() == newest->version()) {
      return base::Corruption("a manifest is missing: " + status.message());
    }
  }
}

}  // namespace intact::store
