// Files of vectors that other tools read and write: .npy, .f32, .jsonl, Arrow IPC. Parsers over the
// bytes of a whole file (a map), writers over a sink; no files here. What each holds and how it is
// recognised: docs/format/interchange.md. A reader or writer serves one thread at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "intact/base/base.h"

namespace intact::format {

enum class VectorFileKind : uint8_t { kF32, kNpy, kJsonLines, kArrow };

// "f32", "npy", "jsonl", "arrow".
std::string_view VectorFileKindName(VectorFileKind kind);

// By the first bytes where they tell, else by the name's ending; nullopt when neither does.
std::optional<VectorFileKind> DetectVectorFile(std::string_view name, base::ByteSpan bytes);

struct VectorFileInfo {
  VectorFileKind kind = VectorFileKind::kF32;
  base::ElementType element = base::ElementType::kFloat32;
  uint32_t dimensions = 0;
  // Rows, where the file says so before it is read through (not JSON lines).
  std::optional<uint64_t> row_count;
  bool has_ids = false;
  bool has_metadata = false;
};

// Some consecutive rows.
struct VectorRows {
  size_t count = 0;
  base::Bytes elements;               // [count, dimensions] of the element type, row-major.
  std::vector<std::string> ids;       // [count], or empty when the file has none.
  std::vector<std::string> metadata;  // [count] JSON objects as text, or empty when there are none.
};

class VectorFileReader {
 public:
  virtual ~VectorFileReader() = default;
  virtual const VectorFileInfo& info() const = 0;
  // The next at most `count_max` rows into `rows`; none left gives count 0. kCorruption or
  // kInvalidArgument with the row, the offset or the line, and what was expected there.
  virtual base::Status Next(size_t count_max, VectorRows& rows) = 0;
};

struct VectorFileOptions {
  // For .f32, which does not say: 0 takes them from a name such as "model__1024__37.f32".
  uint32_t dimensions = 0;
};

// `bytes` must outlive the reader. `name` is for detection and messages.
base::Result<std::unique_ptr<VectorFileReader>> OpenVectorFile(std::string_view name,
                                                               base::ByteSpan bytes,
                                                               const VectorFileOptions& options);

class VectorFileWriter {
 public:
  // Takes the next bytes of the file.
  using Sink = std::function<base::Status(base::ByteSpan)>;

  virtual ~VectorFileWriter() = default;
  // Rows must have what the info given to MakeVectorFileWriter promised.
  virtual base::Status Append(const VectorRows& rows) = 0;
  // After the last row; kInvalidArgument when not exactly info.row_count rows came.
  virtual base::Status Finish() = 0;
};

// `info.row_count` must be set. kInvalidArgument when the kind cannot hold what `info` asks for:
// .npy has no ids, .f32 only float32, and so on; the message says which kinds can.
base::Result<std::unique_ptr<VectorFileWriter>> MakeVectorFileWriter(const VectorFileInfo& info,
                                                                     VectorFileWriter::Sink sink);

}  // namespace intact::format
