// What the readers and writers of the kinds of vector files share, and where vector_file.cc finds
// them. Internal to vector_file*.cc. Thread rule: vector_file.h.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "intact/format/manifest.h"
#include "intact/format/vector_file.h"

namespace intact::format {

using VectorFileReaderResult = base::Result<std::unique_ptr<VectorFileReader>>;
using VectorFileWriterResult = base::Result<std::unique_ptr<VectorFileWriter>>;

// Soft bound on the elements, and on the ids and metadata, that one Next gives: it ends with the
// row that passes it, however many were asked for. Hard bound on one row's id or metadata where a
// file can make them larger than itself.
inline constexpr size_t kBatchSizeMax = size_t{64} << 20;

// Rows of `row_size` bytes in one batch: at most `count_max`, at least one unless that is 0.
inline size_t BatchCount(size_t count_max, size_t row_size) {
  return std::min(count_max, std::max<size_t>(1, kBatchSizeMax / row_size));
}

// Of a column of ids or metadata, which is empty where the rows have none.
inline std::string_view TextAt(const std::vector<std::string>& texts, size_t index) {
  if (texts.empty()) return {};
  return texts[index];
}

// "expected 3 x, found 2".
inline std::string ExpectedFoundCount(uint64_t expected, std::string_view unit, uint64_t found) {
  return "expected " + std::to_string(expected) + " " + std::string(unit) + ", found " +
         std::to_string(found);
}

// kInvalidArgument unless 1 to kDimensionsMax.
base::Status CheckDimensions(uint64_t dimensions);

// A writer that checks rows against what was promised before Write sees them.
class CheckedWriter : public VectorFileWriter {
 public:
  CheckedWriter(const VectorFileInfo& info, Sink sink) : info_(info), sink_(std::move(sink)) {}

  base::Status Append(const VectorRows& rows) final;
  base::Status Finish() final;

 protected:
  // Once, before all rows.
  virtual base::Status Begin() { return base::Ok(); }
  // `rows` are consistent and number at least one; the first of them is row `first_row`.
  virtual base::Status Write(const VectorRows& rows, uint64_t first_row) = 0;
  // Once, after all rows.
  virtual base::Status End() { return base::Ok(); }

  const VectorFileInfo& info() const { return info_; }
  size_t row_size() const { return info_.dimensions * base::ElementSize(info_.element); }
  base::Status Put(base::ByteSpan bytes) { return bytes.empty() ? base::Ok() : sink_(bytes); }

 private:
  base::Status Start();

  VectorFileInfo info_;
  Sink sink_;
  uint64_t row_count_ = 0;
  bool is_started_ = false;
  bool is_finished_ = false;
};

VectorFileReaderResult OpenF32(std::string_view name, base::ByteSpan bytes,
                               const VectorFileOptions& options);
VectorFileReaderResult OpenNpy(base::ByteSpan bytes);
VectorFileReaderResult OpenJsonLines(base::ByteSpan bytes, const VectorFileOptions& options);
VectorFileReaderResult OpenArrow(base::ByteSpan bytes, const VectorFileOptions& options);

// What `info` asks for is known to be what the kind can hold.
std::unique_ptr<VectorFileWriter> MakeF32Writer(const VectorFileInfo& info,
                                                VectorFileWriter::Sink sink);
std::unique_ptr<VectorFileWriter> MakeNpyWriter(const VectorFileInfo& info,
                                                VectorFileWriter::Sink sink);
std::unique_ptr<VectorFileWriter> MakeJsonLinesWriter(const VectorFileInfo& info,
                                                      VectorFileWriter::Sink sink);
std::unique_ptr<VectorFileWriter> MakeArrowWriter(const VectorFileInfo& info,
                                                  VectorFileWriter::Sink sink);

}  // namespace intact::format
