// Headerless little-endian float32 (docs/format/interchange.md, ".f32").
#include <charconv>

#include "intact/format/vector_file_kinds.h"

namespace intact::format {
namespace {

struct NameCounts {
  uint32_t dimensions = 0;
  uint64_t row_count = 0;
};

template <typename T>
bool ParseCount(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// Of "model__1024__37.f32".
std::optional<NameCounts> CountsOfName(std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return std::nullopt;
  name = name.substr(0, dot);
  const size_t second = name.rfind("__");
  if (second == std::string_view::npos || second == 0) return std::nullopt;
  const size_t first = name.rfind("__", second - 1);
  if (first == std::string_view::npos) return std::nullopt;
  NameCounts counts;
  if (!ParseCount(name.substr(first + 2, second - first - 2), counts.dimensions)) {
    return std::nullopt;
  }
  if (!ParseCount(name.substr(second + 2), counts.row_count)) return std::nullopt;
  return counts;
}

class F32Reader : public VectorFileReader {
 public:
  F32Reader(base::ByteSpan bytes, const VectorFileInfo& info) : bytes_(bytes), info_(info) {}

  const VectorFileInfo& info() const override { return info_; }
  base::Status Next(size_t count_max, VectorRows& rows) override {
    const size_t row_size = info_.dimensions * sizeof(float);
    rows.count = std::min(BatchCount(count_max, row_size), bytes_.size() / row_size);
    const base::ByteSpan taken = bytes_.first(rows.count * row_size);
    rows.elements.assign(taken.begin(), taken.end());
    bytes_ = bytes_.subspan(taken.size());
    return base::Ok();
  }

 private:
  base::ByteSpan bytes_;  // What is left.
  VectorFileInfo info_;
};

class F32Writer : public CheckedWriter {
 public:
  using CheckedWriter::CheckedWriter;

 protected:
  base::Status Write(const VectorRows& rows, uint64_t) override { return Put(rows.elements); }
};

}  // namespace

VectorFileReaderResult OpenF32(std::string_view name, base::ByteSpan bytes,
                               const VectorFileOptions& options) {
  const auto counts = CountsOfName(name);
  VectorFileInfo info;
  info.dimensions = options.dimensions;
  if (info.dimensions == 0) {
    if (!counts) {
      return base::InvalidArgument(
          "a .f32 file does not say its dimensions: give them, or name it "
          "MODEL__DIMENSIONS__COUNT.f32");
    }
    info.dimensions = counts->dimensions;
  }
  INTACT_RETURN_IF_ERROR(CheckDimensions(info.dimensions));
  const size_t row_size = info.dimensions * sizeof(float);
  if (bytes.size() % row_size != 0) {
    return base::Corruption("expected a multiple of " + std::to_string(row_size) + " bytes (" +
                            std::to_string(info.dimensions) + " dimensions), found " +
                            std::to_string(bytes.size()));
  }
  info.row_count = bytes.size() / row_size;
  if (counts && counts->dimensions == info.dimensions && counts->row_count != *info.row_count) {
    return base::Corruption(
        ExpectedFoundCount(counts->row_count, "rows, by the name", *info.row_count));
  }
  return std::unique_ptr<VectorFileReader>(std::make_unique<F32Reader>(bytes, info));
}

std::unique_ptr<VectorFileWriter> MakeF32Writer(const VectorFileInfo& info,
                                                VectorFileWriter::Sink sink) {
  return std::make_unique<F32Writer>(info, std::move(sink));
}

}  // namespace intact::format
