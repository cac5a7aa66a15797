// What a store takes on disk, part by part: of an index or of a collection. Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/engine/approx.h"

namespace intact::engine {

struct StatsPart {
  std::string name;  // "vectors", "codes", "keys", "row table", "records", "catalog", ...
  uint64_t bytes = 0;
};

struct StatsReport {
  std::string store;
  bool is_collection = false;  // Else an index of files.
  std::string model;
  std::string metric;
  std::string element;  // What the vectors came as: "float32".
  uint32_t dimensions = 0;
  uint64_t version = 0;   // Number of the last commit.
  uint64_t versions = 0;  // That can be opened, this one included.
  uint64_t segments = 0;
  uint64_t rows = 0;             // Records of a collection; stored vectors of an index.
  uint64_t rows_superseded = 0;  // Of a collection: replaced or deleted, still stored.
  uint64_t raw_bytes = 0;        // `rows` as float32.
  uint64_t given_bytes = 0;      // `rows` as what they came as.
  std::vector<StatsPart> parts;  // Add up to stored_bytes; those that every store has come first.
  uint64_t stored_bytes = 0;     // All files in the store's folder.
  ApproxStatus approx;           // Its lists are one of the parts.
};

// Of the newest version, or the one that `version` says. kNotFound when there is no store at
// `store`, or no such version. Reads headers and the folder, not the vectors.
base::Result<StatsReport> ReadStats(const std::string& store, const std::string& version = {});

}  // namespace intact::engine
