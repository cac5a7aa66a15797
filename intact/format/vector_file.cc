#include "intact/format/vector_file.h"

#include <array>

#include "intact/format/vector_file_kinds.h"

namespace intact::format {
namespace {

using base::ElementType;

constexpr std::string_view kNpyMagic = "\x93NUMPY";
constexpr std::string_view kArrowMagic = "ARROW1";
constexpr std::string_view kArrowContinuation = "\xff\xff\xff\xff";

constexpr ElementType kF32 = ElementType::kFloat32;
constexpr ElementType kF16 = ElementType::kFloat16;
constexpr ElementType kBf16 = ElementType::kBfloat16;
constexpr ElementType kF64 = ElementType::kFloat64;

// What a kind can hold, and the endings of its files' names.
struct KindTraits {
  std::string_view name;
  std::array<std::string_view, 4> endings;
  VectorFileKind kind;
  bool holds_text;                      // Ids and metadata.
  std::array<ElementType, 4> elements;  // The unused repeat the first.
};

// In the order of the enumeration.
constexpr KindTraits kKinds[] = {
    {"f32", {".f32"}, VectorFileKind::kF32, false, {kF32, kF32, kF32, kF32}},
    {"npy", {".npy"}, VectorFileKind::kNpy, false, {kF32, kF16, kBf16, kF64}},
    {"jsonl", {".jsonl", ".ndjson"}, VectorFileKind::kJsonLines, true, {kF32, kF32, kF32, kF32}},
    {"arrow",
     {".arrow", ".arrows", ".ipc", ".feather"},
     VectorFileKind::kArrow,
     true,
     {kF32, kF16, kF64, kF32}},
};

const KindTraits& TraitsOf(VectorFileKind kind) { return kKinds[static_cast<size_t>(kind)]; }

bool Holds(const KindTraits& traits, ElementType element) {
  return std::find(traits.elements.begin(), traits.elements.end(), element) !=
         traits.elements.end();
}

// `ending` is in lower case.
bool EndsWith(std::string_view name, std::string_view ending) {
  if (ending.empty() || name.size() < ending.size()) return false;
  const std::string_view tail = name.substr(name.size() - ending.size());
  return std::equal(tail.begin(), tail.end(), ending.begin(), [](char c, char lower) {
    return (c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c) == lower;
  });
}

// "npy, arrow": the kinds that could hold what `info` asks for.
std::string KindsThatHold(const VectorFileInfo& info) {
  std::string names;
  for (const KindTraits& traits : kKinds) {
    const bool needs_text = info.has_ids || info.has_metadata;
    if (!Holds(traits, info.element) || (needs_text && !traits.holds_text)) continue;
    if (!names.empty()) names += ", ";
    names += traits.name;
  }
  return names.empty() ? "no kind" : names;
}

base::Status CheckHolds(const VectorFileInfo& info) {
  const KindTraits& traits = TraitsOf(info.kind);
  std::string missing;
  if (!Holds(traits, info.element)) missing = std::string(base::ElementTypeName(info.element));
  const auto miss = [&](bool is_missing, std::string_view what) {
    if (!is_missing) return;
    if (!missing.empty()) missing += " and ";
    missing += what;
  };
  miss(info.has_ids && !traits.holds_text, "ids");
  miss(info.has_metadata && !traits.holds_text, "metadata");
  if (missing.empty()) return base::Ok();
  return base::InvalidArgument("a file of kind " + std::string(traits.name) + " cannot hold " +
                               missing +
                               "; what is asked for can be held by: " + KindsThatHold(info));
}

VectorFileReaderResult OpenKind(VectorFileKind kind, std::string_view name, base::ByteSpan bytes,
                                const VectorFileOptions& options) {
  switch (kind) {
    case VectorFileKind::kF32:
      return OpenF32(name, bytes, options);
    case VectorFileKind::kNpy:
      return OpenNpy(bytes);
    case VectorFileKind::kJsonLines:
      return OpenJsonLines(bytes, options);
    case VectorFileKind::kArrow:
      return OpenArrow(bytes, options);
  }
  return base::InvalidArgument("no such kind of vector file");
}

// Puts the file's name before every message.
class NamedReader : public VectorFileReader {
 public:
  NamedReader(std::string_view name, std::unique_ptr<VectorFileReader> reader)
      : name_(name), reader_(std::move(reader)) {}

  const VectorFileInfo& info() const override { return reader_->info(); }
  base::Status Next(size_t count_max, VectorRows& rows) override {
    rows.count = 0;
    rows.elements.clear();
    rows.ids.clear();
    rows.metadata.clear();
    base::Status status = reader_->Next(count_max, rows);
    return status.ok() ? status : status.Annotate(name_);
  }

 private:
  std::string name_;
  std::unique_ptr<VectorFileReader> reader_;
};

}  // namespace

std::string_view VectorFileKindName(VectorFileKind kind) { return TraitsOf(kind).name; }

std::optional<VectorFileKind> DetectVectorFile(std::string_view name, base::ByteSpan bytes) {
  const std::string_view text = base::AsText(bytes);
  if (text.starts_with(kNpyMagic)) return VectorFileKind::kNpy;
  if (text.starts_with(kArrowMagic)) return VectorFileKind::kArrow;
  for (const KindTraits& traits : kKinds) {
    for (const std::string_view ending : traits.endings) {
      if (EndsWith(name, ending)) return traits.kind;
    }
  }
  if (text.starts_with(kArrowContinuation)) return VectorFileKind::kArrow;
  const size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && text[first] == '{') return VectorFileKind::kJsonLines;
  return std::nullopt;
}

base::Result<std::unique_ptr<VectorFileReader>> OpenVectorFile(std::string_view name,
                                                               base::ByteSpan bytes,
                                                               const VectorFileOptions& options) {
  const auto kind = DetectVectorFile(name, bytes);
  if (!kind) {
    return base::InvalidArgument(std::string(name) +
                                 ": not known as a file of vectors; expected .npy, .f32, .jsonl "
                                 "or .arrow by its name or content");
  }
  auto reader = OpenKind(*kind, name, bytes, options);
  if (!reader.ok()) return reader.status().Annotate(name);
  const uint32_t dimensions = (*reader)->info().dimensions;
  if (options.dimensions != 0 && options.dimensions != dimensions) {
    return base::InvalidArgument(
        std::string(name) + ": " +
        ExpectedFoundCount(options.dimensions, "dimensions, as was asked for", dimensions));
  }
  return std::unique_ptr<VectorFileReader>(std::make_unique<NamedReader>(name, *std::move(reader)));
}

base::Result<std::unique_ptr<VectorFileWriter>> MakeVectorFileWriter(const VectorFileInfo& info,
                                                                     VectorFileWriter::Sink sink) {
  INTACT_RETURN_IF_ERROR(CheckDimensions(info.dimensions));
  if (!info.row_count) return base::InvalidArgument("the number of rows to write is not given");
  INTACT_RETURN_IF_ERROR(CheckHolds(info));
  switch (info.kind) {
    case VectorFileKind::kF32:
      return MakeF32Writer(info, std::move(sink));
    case VectorFileKind::kNpy:
      return MakeNpyWriter(info, std::move(sink));
    case VectorFileKind::kJsonLines:
      return MakeJsonLinesWriter(info, std::move(sink));
    case VectorFileKind::kArrow:
      return MakeArrowWriter(info, std::move(sink));
  }
  return base::InvalidArgument("no such kind of vector file");
}

base::Status CheckDimensions(uint64_t dimensions) {
  if (dimensions >= 1 && dimensions <= kDimensionsMax) return base::Ok();
  return base::InvalidArgument(std::to_string(dimensions) + " dimensions; expected 1 to " +
                               std::to_string(kDimensionsMax));
}

base::Status CheckedWriter::Start() {
  if (is_finished_) return base::InvalidArgument("the file of vectors is finished already");
  if (is_started_) return base::Ok();
  is_started_ = true;
  return Begin();
}

base::Status CheckedWriter::Append(const VectorRows& rows) {
  INTACT_RETURN_IF_ERROR(Start());
  if (rows.count == 0) return base::Ok();
  if (rows.count > *info_.row_count - row_count_) {
    return base::InvalidArgument("more rows than the " + std::to_string(*info_.row_count) +
                                 " that were promised");
  }
  if (rows.elements.size() / row_size() != rows.count || rows.elements.size() % row_size() != 0) {
    return base::InvalidArgument(
        std::to_string(rows.count) + " rows of " + std::to_string(row_size()) + " bytes: " +
        ExpectedFoundCount(rows.count * row_size(), "bytes of elements", rows.elements.size()));
  }
  const size_t id_count = info_.has_ids ? rows.count : 0;
  if (rows.ids.size() != id_count) {
    return base::InvalidArgument(ExpectedFoundCount(id_count, "ids", rows.ids.size()));
  }
  // A batch in which no row has metadata may come without the column.
  const bool has_none = rows.metadata.empty();
  if (!has_none && (!info_.has_metadata || rows.metadata.size() != rows.count)) {
    return base::InvalidArgument(ExpectedFoundCount(info_.has_metadata ? rows.count : 0,
                                                    "metadata texts", rows.metadata.size()));
  }
  const uint64_t first_row = row_count_;
  row_count_ += rows.count;
  return Write(rows, first_row);
}

base::Status CheckedWriter::Finish() {
  INTACT_RETURN_IF_ERROR(Start());
  is_finished_ = true;
  if (row_count_ != *info_.row_count) {
    return base::InvalidArgument(ExpectedFoundCount(*info_.row_count, "rows", row_count_));
  }
  return End();
}

}  // namespace intact::format
