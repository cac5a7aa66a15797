// What vectors are made of, and what keeping them exactly costs: the figures behind `intact codec`.
// Sizes count every header, table, row size and checksum. Speeds are of one core; processor time of
// the thread, so meant for one call at a time. Free functions, thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/engine/codec_timing.h"
#include "intact/engine/codec_vectors.h"

namespace intact::engine {

// One way to keep the vectors.
struct CodecForm {
  std::string name;  // "compact", "zstd 19", ...
  uint64_t bytes = 0;
  Rate encode;       // Of bytes as given.
  Rate decode;       // Of bytes decoded, some rows at once into a small buffer.
  Rate decode_rows;  // Single rows in random order.
};

// Rows that turned out to be alike.
struct CodecKind {
  std::string kind;     // "float16 / scale"
  std::string meaning;  // In words, to follow "207 rows: ".
  std::string compact_form;
  std::string fast_form;
  uint64_t rows = 0;
};

// The same forms, of a set that no cache holds: blocks repeated until they take that much. Rows too
// few for a block fill it turned, component i where i + k was, since equal rows would be stored
// once.
struct CodecMemoryReport {
  uint64_t encoded_bytes_min = 0;
  std::vector<CodecForm> forms;  // Raw rows among them. Sizes are of the repeated set.
};

struct CodecReport {
  std::string name;
  bool is_generated = false;
  bool is_whole = true;
  std::string element;
  uint32_t dimensions = 0;
  uint64_t rows = 0;
  uint64_t raw_bytes = 0;   // As given.
  uint64_t block_rows = 0;  // The most rows that a block has.
  bool is_exact = true;     // All bytes came back in every form.
  CodecForm compact;
  CodecForm fast;
  // An int8 search code with its scale, and what completes it; none for float64 beyond float32.
  std::optional<CodecForm> code_rest;
  std::vector<CodecKind> kinds;  // The most frequent first.
  // Bits per value that the frequencies of signs and exponents ask for (codec_floor.h), of what was
  // found and of the numbers as they were given; no numbers when there are no rows.
  double floor_bits = std::numeric_limits<double>::quiet_NaN();
  double given_floor_bits = std::numeric_limits<double>::quiet_NaN();
  // Raw copy, LZ4, zstd, zstd of shuffled bytes; the same blocks. Rows cannot be read alone.
  std::vector<CodecForm> peers;
  CodecMemoryReport memory;
  double seconds = 0;  // That it took.
};

enum class CodecEffort : uint8_t {
  kSizes,  // No speeds.
  kQuick,  // One pass of each, nothing that takes long: no zstd 19, no set beyond the caches.
  kFull,
};

struct CodecBenchOptions {
  CodecEffort effort = CodecEffort::kFull;
  uint64_t memory_bytes = uint64_t{64} << 20;  // More than caches hold.
};

// Called with how many of the steps are done; from the calling thread.
using CodecSink = std::function<void(size_t done, size_t total)>;

// Encodes and decodes all of `set`. A failure is a bug of a codec: what does not come back exactly
// is reported as such, not as a failure.
base::Result<CodecReport> BenchCodecs(const VectorSet& set, const CodecBenchOptions& options,
                                      const CodecSink& progress = {});

// One row by itself. Sizes are its own, without its part of the block's tables.
struct CodecRow {
  uint64_t row = 0;
  std::string kind;
  std::string meaning;
  std::optional<double> scale;  // A float32, but for numbers with residuals.
  unsigned token_count = 0;     // Of averages; 0 otherwise.
  std::string compact_form;
  std::string fast_form;
  uint64_t compact_bytes = 0;
  uint64_t fast_bytes = 0;
  uint64_t code_rest_bytes = 0;
};

// kInvalidArgument when `set` has no such row or holds float64 that is no float32.
base::Result<CodecRow> ExplainRow(const VectorSet& set, uint64_t row);

}  // namespace intact::engine
