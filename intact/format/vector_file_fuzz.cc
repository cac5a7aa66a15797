// Any bytes as a file of vectors of each kind. What can be read is written in every kind that holds
// it and must come back, bit for bit.
#include <algorithm>

#include "intact/format/vector_file.h"

namespace base = intact::base;
namespace format = intact::format;

namespace {

constexpr size_t kRowsMax = 2000;
constexpr size_t kBytesMax = size_t{1} << 22;
constexpr std::string_view kNames[] = {"x.f32", "x.npy", "x.jsonl", "x.arrow", "x"};

struct File {
  format::VectorFileInfo info;
  format::VectorRows rows;
};

void Append(const format::VectorRows& from, format::VectorRows& to) {
  to.count += from.count;
  to.elements.insert(to.elements.end(), from.elements.begin(), from.elements.end());
  to.ids.insert(to.ids.end(), from.ids.begin(), from.ids.end());
  to.metadata.insert(to.metadata.end(), from.metadata.begin(), from.metadata.end());
}

// All rows; nothing when the file is refused, or has too much for one run.
std::optional<File> Read(std::string_view name, base::ByteSpan bytes,
                         const format::VectorFileOptions& options) {
  auto reader = format::OpenVectorFile(name, bytes, options);
  if (!reader.ok()) return std::nullopt;
  File file;
  file.info = (*reader)->info();
  const size_t row_size = file.info.dimensions * base::ElementSize(file.info.element);
  INTACT_CHECK(row_size > 0);
  format::VectorRows rows;
  while (true) {
    if (!(*reader)->Next(7, rows).ok()) return std::nullopt;
    INTACT_CHECK(rows.count <= 7 && rows.elements.size() == rows.count * row_size);
    INTACT_CHECK(rows.ids.size() == (file.info.has_ids ? rows.count : 0));
    INTACT_CHECK(rows.metadata.size() == (file.info.has_metadata ? rows.count : 0));
    if (rows.count == 0) break;
    Append(rows, file.rows);
    if (file.rows.count > kRowsMax || file.rows.elements.size() > kBytesMax) return std::nullopt;
  }
  INTACT_CHECK(file.info.row_count.value_or(file.rows.count) == file.rows.count);
  return file;
}

// As JSON lines keeps a row's metadata: on one line, without blanks around it.
std::string OnOneLine(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  std::replace(text.begin(), text.end(), '\r', ' ');
  const size_t begin = std::min(text.find_first_not_of(" \t"), text.size());
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

void CheckRoundTrip(const File& file, format::VectorFileKind kind) {
  format::VectorFileInfo info = file.info;
  info.kind = kind;
  info.row_count = file.rows.count;
  std::string bytes;
  auto writer = format::MakeVectorFileWriter(info, [&](base::ByteSpan part) {
    bytes += base::AsText(part);
    return base::Ok();
  });
  if (!writer.ok()) return;
  INTACT_CHECK((*writer)->Append(file.rows).ok());
  INTACT_CHECK((*writer)->Finish().ok());
  const std::string name = "x." + std::string(format::VectorFileKindName(kind));
  const auto again = Read(name, base::AsBytes(bytes), {info.dimensions});
  INTACT_CHECK(again && again->rows.count == file.rows.count);
  INTACT_CHECK(again->info.element == info.element && again->info.dimensions == info.dimensions);
  INTACT_CHECK(again->rows.elements == file.rows.elements && again->rows.ids == file.rows.ids);
  for (size_t i = 0; i < file.rows.metadata.size(); ++i) {
    const std::string& before = file.rows.metadata[i];
    // JSON lines does not know of metadata that no row has.
    const std::string after = again->rows.metadata.empty() ? "" : again->rows.metadata[i];
    const bool is_lines = kind == format::VectorFileKind::kJsonLines;
    INTACT_CHECK(after == (is_lines ? OnOneLine(before) : before));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const base::ByteSpan input = std::as_bytes(std::span(data, size));
  // The first byte says the name and, for .f32, the dimensions.
  const std::string_view name = kNames[data[0] % std::size(kNames)];
  format::VectorFileOptions options;
  if (name == "x.f32") options.dimensions = 1 + data[0] / 64u;
  const auto file = Read(name, input.subspan(1), options);
  if (!file) return 0;
  for (const auto kind : {format::VectorFileKind::kF32, format::VectorFileKind::kNpy,
                          format::VectorFileKind::kJsonLines, format::VectorFileKind::kArrow}) {
    CheckRoundTrip(*file, kind);
  }
  return 0;
}
