// What can be read of a damaged store, as a new store that is whole. Free functions, thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "intact/base/base.h"

namespace intact::engine {

// Rows that are not in the new store and should be.
struct SalvageLoss {
  uint64_t segment = 0;
  std::string path;  // Of the damaged file.
  uint64_t first_row = 0;
  uint64_t row_count = 1;
  std::string id;   // Of a collection's record, when it is known; then it is one row.
  std::string key;  // Hexadecimal, when it is known; then it is one row.
  std::string reason;
};
inline constexpr size_t kSalvageLossesMax = 10'000;

enum class SalvageKind : unsigned char { kCollection, kIndex, kVectors };

struct SalvageReport {
  SalvageKind kind = SalvageKind::kVectors;
  uint64_t version = 0;  // Of the damaged store whose manifest was used; 0: none could be read.
  bool is_newest = false;
  uint64_t rows_saved = 0;  // In the new store: records, or vectors.
  uint64_t rows_lost = 0;
  // Rows that nobody finds any more, replaced or deleted: not taken over.
  uint64_t rows_left_behind = 0;
  // Of an index: documents that can be searched at once, and those `intact index` makes again.
  uint64_t documents_saved = 0;
  uint64_t documents_dropped = 0;
  bool are_documents_complete = true;
  std::vector<SalvageLoss> losses;  // The first kSalvageLossesMax.
  uint64_t loss_count = 0;
  std::vector<std::string> caveats;  // Sentences.
  double seconds = 0;
};

struct SalvageOptions {
  std::string store;
  std::string target;  // Must not exist or be empty.
  // Called with the rows looked at.
  std::function<void(uint64_t rows)> progress;
  const std::atomic<bool>* stop = nullptr;  // Set from elsewhere to give up with kCancelled.
};

// Reads every row of `store` that can be read and writes a new store of the same kind: records with
// ids and metadata, vectors by key, documents of which everything is whole. The damaged store is
// not written to. The new one is made beside `target` and renamed at the end: after any failure
// there is none. kInvalidArgument when `target` is not free, kNotFound when there is no store,
// kCorruption when nothing of it can be read, kFull when there is no room.
base::Result<SalvageReport> Salvage(const SalvageOptions& options);

}  // namespace intact::engine
