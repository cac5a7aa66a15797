// The versions of a store that can be opened, as their manifests describe them. Thread-safe; needs
// no lock.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/format/manifest.h"
#include "intact/os/file.h"

namespace intact::store {

struct VersionFacts {
  uint64_t version = 0;
  uint64_t parent = 0;
  int64_t wall_ns = 0;  // When it was committed.
  bool is_current = false;
  std::vector<std::string> tags;
  uint64_t segments = 0;
  uint64_t rows = 0;
  uint64_t size = 0;      // Bytes of its segments and its manifest.
  uint64_t own_size = 0;  // Of those, what no other version that can be opened has.
};

// Called with each version's place in the result, and its manifest; again from the first one when a
// writer dropped a version meanwhile.
using ManifestSink = std::function<void(size_t place, const format::Manifest&)>;

// From the newest to the oldest. Errors as those of Store::OpenReadOnly. Holds one manifest at a
// time, and 16 bytes a segment.
base::Result<std::vector<VersionFacts>> ReadVersions(os::FileSystem& files, const std::string& path,
                                                     const ManifestSink& sink = {});

}  // namespace intact::store
