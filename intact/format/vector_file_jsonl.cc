// JSON lines (docs/format/interchange.md, "JSON lines").
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "intact/base/json_text.h"
#include "intact/base/utf8.h"
#include "intact/format/base64.h"
#include "intact/format/vector_file_kinds.h"

namespace intact::format {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
constexpr size_t kFlushSize = size_t{1} << 20;
// Long enough for the shortest text of any float32: "-1.17549435e-38".
constexpr size_t kNumberSizeMax = 24;

struct Field {
  std::string_view name;   // With its quotes, as it stands.
  std::string_view value;  // As it stands.
  size_t depth = 0;
};

// A line's fields by their roles.
struct Line {
  std::optional<Field> vector;
  bool is_base64_name = false;
  std::optional<Field> id;
  std::vector<Field> others;

  bool HasMetadata() const {
    if (others.size() != 1) return !others.empty();
    return others[0].value != "null" || others[0].name != "\"metadata\"";
  }
};

// The fields that name a vector or an id, in order of rank.
struct SpecialName {
  std::string_view name;
  bool is_id;
  bool is_base64;
};
constexpr std::array<SpecialName, 8> kSpecialNames = {{
    {"vector", false, false},
    {"embedding", false, false},
    {"values", false, false},
    {"vector_base64", false, true},
    {"embedding_base64", false, true},
    {"id", true, false},
    {"_id", true, false},
    {"key", true, false},
}};
using SpecialFields = std::array<std::optional<Field>, kSpecialNames.size()>;

// Where `name`, with quotes, stands in kSpecialNames, or its size.
size_t SpecialIndex(std::string_view name) {
  // Escapes in these names are legal and never seen: decode only then.
  std::string decoded;
  std::string_view plain = name.substr(1, name.size() - 2);
  if (plain.find('\\') != std::string_view::npos) {
    decoded = base::DecodeJsonString(name).value_or("");
    plain = decoded;
  }
  size_t index = 0;
  while (index < kSpecialNames.size() && kSpecialNames[index].name != plain) ++index;
  return index;
}

base::Status SyntaxError(const base::JsonScanner& scanner, std::string_view text,
                         std::string_view expected) {
  const size_t at = scanner.position();
  std::string found = "the end of the line";
  if (at < text.size()) {
    const char c = text[at];
    const bool is_plain = c >= ' ' && c <= '~';
    found = is_plain ? "'" + std::string(1, c) + "'"
                     : "byte " + std::to_string(static_cast<unsigned char>(c));
  }
  return base::Corruption("expected " + std::string(expected) + " at its byte " +
                          std::to_string(at) + ", found " + found);
}

// The best ranked of vector and id out of `special` and the rest of it to the others.
void AssignRoles(const SpecialFields& special, Line& line) {
  for (size_t i = 0; i < special.size(); ++i) {
    if (!special[i]) continue;
    std::optional<Field>& role = kSpecialNames[i].is_id ? line.id : line.vector;
    if (role) {
      line.others.push_back(*special[i]);
      continue;
    }
    role = special[i];
    if (!kSpecialNames[i].is_id) line.is_base64_name = kSpecialNames[i].is_base64;
  }
}

base::Result<Line> ParseLine(std::string_view text) {
  constexpr std::string_view kValue = "a JSON value, nested at most 64 deep,";
  if (!base::IsUtf8(text)) return base::Corruption("expected UTF-8, found other bytes");
  base::JsonScanner scanner(text);
  if (!scanner.Take('{')) return SyntaxError(scanner, text, "'{'");
  Line line;
  SpecialFields special;
  bool is_open = !scanner.Take('}');
  while (is_open) {
    Field field;
    if (!scanner.TakeString(field.name)) return SyntaxError(scanner, text, "a field's name");
    if (!scanner.Take(':')) return SyntaxError(scanner, text, "':'");
    if (!scanner.TakeValue(field.value, &field.depth)) return SyntaxError(scanner, text, kValue);
    const size_t index = SpecialIndex(field.name);
    if (index == kSpecialNames.size()) {
      line.others.push_back(field);
    } else if (special[index]) {
      return base::Corruption("expected one field " + std::string(field.name) + ", found two");
    } else {
      special[index] = field;
    }
    if (scanner.Take(',')) continue;
    if (!scanner.Take('}')) return SyntaxError(scanner, text, "',' or '}'");
    is_open = false;
  }
  if (!scanner.AtEnd()) return SyntaxError(scanner, text, "the end of the line");
  AssignRoles(special, line);
  if (!line.vector) {
    return base::InvalidArgument(
        "expected a field vector, embedding, values, vector_base64 or embedding_base64, found "
        "none");
  }
  return line;
}

// Whether a number that float32 cannot hold is too large, and not too small: whether its first
// digit other than 0 stands before the point once the exponent is applied.
bool IsTooLarge(std::string_view number) {
  constexpr int64_t kFar = 1 << 30;
  const size_t e = std::min(number.find_first_of("eE"), number.size());
  int64_t exponent = 0;
  if (e < number.size()) {
    const bool is_plus = number[e + 1] == '+';
    const char* begin = number.data() + e + (is_plus ? 2 : 1);
    const auto [end, error] = std::from_chars(begin, number.data() + number.size(), exponent);
    if (error != std::errc()) exponent = number[e + 1] == '-' ? -kFar : kFar;
    exponent = std::clamp(exponent, -kFar, kFar);
  }
  const std::string_view digits = number.substr(0, e);
  const size_t first = std::min(digits.find_first_of("123456789"), digits.size());
  const size_t point = std::min(digits.find('.'), digits.size());
  return static_cast<int64_t>(point) - static_cast<int64_t>(first) + exponent > 0;
}

// `at` is at a number's text, which is valid JSON, or at something else; `end` gets its end.
base::Status ParseNumber(const char* at, const char* text_end, const char*& end, float& value) {
  if (*at != '-' && (*at < '0' || *at > '9')) {
    return base::InvalidArgument("expected a number (a NaN or an infinity needs vector_base64)");
  }
  const auto result = std::from_chars(at, text_end, value);
  end = result.ptr;
  const std::string_view number(at, static_cast<size_t>(end - at));
  const bool is_out_of_range = result.ec != std::errc() || std::isinf(value);
  if (!is_out_of_range) return base::Ok();
  if (IsTooLarge(number)) {
    return base::InvalidArgument("expected a number that float32 can hold, found " +
                                 std::string(number.substr(0, 40)));
  }
  value = *at == '-' ? -0.0f : 0.0f;
  return base::Ok();
}

// Appends the numbers of `array`, which is valid JSON, as float32.
base::Status AppendNumbers(std::string_view array, uint64_t dimensions_max, base::Bytes& out) {
  base::JsonScanner scanner(array);
  scanner.Take('[');
  if (scanner.Peek() == ']') return base::Ok();
  const char* const text_end = array.data() + array.size();
  const char* at = array.data() + scanner.position();
  uint64_t count = 0;
  const auto skip_blanks = [&] {
    while (*at == ' ' || *at == '\t' || *at == '\r' || *at == '\n') ++at;
  };
  for (bool is_last = false; !is_last; ++at) {
    skip_blanks();
    float value = 0;
    base::Status status = ParseNumber(at, text_end, at, value);
    if (!status.ok()) return status.Annotate("element " + std::to_string(count));
    if (++count > dimensions_max) {
      return base::InvalidArgument("expected " + std::to_string(dimensions_max) +
                                   " dimensions, found more");
    }
    const size_t size = out.size();
    out.resize(size + sizeof(value));
    base::Store(out.data() + size, value);
    skip_blanks();
    is_last = *at == ']';  // Else a comma: the array is valid.
  }
  return base::Ok();
}

// Appends the line's vector; at most `dimensions_max` elements, exactly where `is_exact`.
base::Status AppendVector(const Line& line, uint64_t dimensions_max, base::Bytes& out) {
  const std::string_view value = line.vector->value;
  if (value[0] == '[' && !line.is_base64_name) return AppendNumbers(value, dimensions_max, out);
  if (value[0] != '"') {
    return base::InvalidArgument(
        "expected " +
        std::string(line.is_base64_name ? "a string in base64" : "an array or a base64 string") +
        " as " + std::string(line.vector->name));
  }
  const auto text = base::DecodeJsonString(value);
  const auto bytes = text ? DecodeBase64(*text) : std::nullopt;
  if (!bytes || bytes->size() % sizeof(float) != 0) {
    return base::Corruption("expected padded base64 of whole float32 values in " +
                            std::string(line.vector->name));
  }
  if (bytes->size() / sizeof(float) > dimensions_max) {
    return base::InvalidArgument(
        ExpectedFoundCount(dimensions_max, "dimensions", bytes->size() / sizeof(float)));
  }
  out.insert(out.end(), bytes->begin(), bytes->end());
  return base::Ok();
}

base::Result<std::string> ParseId(const Field& id) {
  if (id.value[0] == '"') {
    auto text = base::DecodeJsonString(id.value);
    if (!text) return base::Corruption("expected an id in Unicode, found half a surrogate pair");
    return *std::move(text);
  }
  const bool is_number = id.value[0] == '-' || (id.value[0] >= '0' && id.value[0] <= '9');
  if (!is_number || id.value.find_first_of(".eE") != std::string_view::npos) {
    return base::InvalidArgument("expected a string or an integer as " + std::string(id.name));
  }
  return std::string(id.value);
}

base::Result<std::string> ComposeMetadata(const Line& line) {
  if (!line.HasMetadata()) return std::string();
  const Field& first = line.others[0];
  if (line.others.size() == 1 && first.name == "\"metadata\"" && first.value[0] == '{') {
    return std::string(first.value);
  }
  std::string object;
  for (const Field& field : line.others) {
    if (field.depth >= base::kJsonDepthMax) {
      return base::InvalidArgument("expected a value nested at most 63 deep in field " +
                                   std::string(field.name.substr(0, 40)));
    }
    object += object.empty() ? '{' : ',';
    object += field.name;
    object += ':';
    object += field.value;
  }
  object += '}';
  return object;
}

// The lines of a file that are not blank.
class LineCursor {
 public:
  explicit LineCursor(std::string_view text) : text_(text) {
    if (text_.starts_with(kByteOrderMark)) text_.remove_prefix(kByteOrderMark.size());
  }

  bool Next(std::string_view& line) {
    while (!text_.empty()) {
      const size_t end = std::min(text_.find('\n'), text_.size());
      line = text_.substr(0, end);
      text_.remove_prefix(std::min(end + 1, text_.size()));
      ++number_;
      if (line.find_first_not_of(" \t\r") != std::string_view::npos) return true;
    }
    return false;
  }
  // Of the line that Next gave, from 1.
  uint64_t number() const { return number_; }

 private:
  std::string_view text_;
  uint64_t number_ = 0;
};

class JsonLinesReader : public VectorFileReader {
 public:
  explicit JsonLinesReader(base::ByteSpan bytes) : lines_(base::AsText(bytes)) {
    info_.kind = VectorFileKind::kJsonLines;
  }

  // Learns from the first row, and on to the first row with metadata, what the file has.
  base::Status Open(const VectorFileOptions& options) {
    LineCursor ahead = lines_;
    std::string_view text;
    if (!ahead.Next(text)) {
      info_.dimensions = options.dimensions;
      if (options.dimensions != 0) return CheckDimensions(options.dimensions);
      return base::InvalidArgument("no rows, and so no dimensions: give them");
    }
    auto first = ParseLine(text);
    if (!first.ok()) return AtLine(ahead, first.status());
    base::Bytes vector;
    base::Status status = AppendVector(*first, kDimensionsMax, vector);
    if (status.ok()) status = CheckDimensions(vector.size() / sizeof(float));
    if (!status.ok()) return AtLine(ahead, status);
    info_.dimensions = static_cast<uint32_t>(vector.size() / sizeof(float));
    info_.has_ids = first->id.has_value();
    info_.has_metadata = first->HasMetadata();
    // What is wrong further on is told when it is read.
    while (!info_.has_metadata && ahead.Next(text)) {
      const auto line = ParseLine(text);
      if (!line.ok()) break;
      info_.has_metadata = line->HasMetadata();
    }
    return base::Ok();
  }

  const VectorFileInfo& info() const override { return info_; }
  base::Status Next(size_t count_max, VectorRows& rows) override {
    count_max = BatchCount(count_max, info_.dimensions * sizeof(float));
    size_t text_size = 0;
    std::string_view text;
    while (rows.count < count_max && text_size <= kBatchSizeMax && lines_.Next(text)) {
      base::Status status = AppendRow(text, rows, text_size);
      if (!status.ok()) return AtLine(lines_, status);
    }
    return base::Ok();
  }

 private:
  static base::Status AtLine(const LineCursor& lines, const base::Status& status) {
    return status.Annotate("line " + std::to_string(lines.number()));
  }

  base::Status AppendRow(std::string_view text, VectorRows& rows, size_t& text_size) {
    INTACT_ASSIGN_OR_RETURN(const Line line, ParseLine(text));
    const size_t size = rows.elements.size();
    INTACT_RETURN_IF_ERROR(AppendVector(line, info_.dimensions, rows.elements));
    const size_t dimensions = (rows.elements.size() - size) / sizeof(float);
    if (dimensions != info_.dimensions) {
      return base::InvalidArgument(ExpectedFoundCount(info_.dimensions, "dimensions", dimensions));
    }
    if (line.id.has_value() != info_.has_ids) {
      return base::InvalidArgument(info_.has_ids ? "expected an id as on the first row, found none"
                                                 : "expected no id as on the first row, found one");
    }
    if (line.id) {
      INTACT_ASSIGN_OR_RETURN(std::string id, ParseId(*line.id));
      text_size += id.size();
      rows.ids.push_back(std::move(id));
    }
    if (info_.has_metadata) {
      INTACT_ASSIGN_OR_RETURN(std::string metadata, ComposeMetadata(line));
      text_size += metadata.size();
      rows.metadata.push_back(std::move(metadata));
    }
    ++rows.count;
    return base::Ok();
  }

  LineCursor lines_;
  VectorFileInfo info_;
};

class JsonLinesWriter : public CheckedWriter {
 public:
  using CheckedWriter::CheckedWriter;

 protected:
  base::Status Write(const VectorRows& rows, uint64_t first_row) override {
    for (size_t i = 0; i < rows.count; ++i) {
      base::Status status = AppendRow(rows, i);
      if (!status.ok()) return status.Annotate("row " + std::to_string(first_row + i));
      if (text_.size() >= kFlushSize) INTACT_RETURN_IF_ERROR(Flush());
    }
    return base::Ok();
  }
  base::Status End() override { return Flush(); }

 private:
  base::Status Flush() {
    INTACT_RETURN_IF_ERROR(Put(base::AsBytes(text_)));
    text_.clear();
    return base::Ok();
  }

  base::Status AppendRow(const VectorRows& rows, size_t index) {
    const std::string_view metadata = TextAt(rows.metadata, index);
    if (!metadata.empty() && !base::IsJsonObject(metadata)) {
      return base::InvalidArgument("expected a JSON object as metadata, found something else");
    }
    text_ += '{';
    if (info().has_ids) {
      if (!base::IsUtf8(rows.ids[index])) {
        return base::InvalidArgument("expected an id in UTF-8, found other bytes");
      }
      text_ += "\"id\":";
      base::AppendJsonString(rows.ids[index], text_);
      text_ += ',';
    }
    AppendVector(base::ByteSpan(rows.elements).subspan(index * row_size(), row_size()));
    if (!metadata.empty()) {
      text_ += ",\"metadata\":";
      const size_t begin = text_.size();
      text_ += metadata;
      // In a valid object these stand between tokens only; here they would end the row.
      std::replace(text_.begin() + static_cast<std::ptrdiff_t>(begin), text_.end(), '\n', ' ');
      std::replace(text_.begin() + static_cast<std::ptrdiff_t>(begin), text_.end(), '\r', ' ');
    }
    text_ += "}\n";
    return base::Ok();
  }

  void AppendVector(base::ByteSpan row) {
    bool is_finite = true;
    for (size_t at = 0; at < row.size(); at += sizeof(float)) {
      is_finite = is_finite && std::isfinite(base::Load<float>(row.data() + at));
    }
    if (!is_finite) {
      text_ += "\"vector_base64\":\"";
      AppendBase64(row, text_);
      text_ += '"';
      return;
    }
    text_ += "\"vector\":";
    char separator = '[';
    for (size_t at = 0; at < row.size(); at += sizeof(float)) {
      std::array<char, kNumberSizeMax> number;
      const auto result = std::to_chars(number.data(), number.data() + number.size(),
                                        base::Load<float>(row.data() + at));
      INTACT_DCHECK(result.ec == std::errc());
      text_ += separator;
      text_.append(number.data(), result.ptr);
      // Read as a whole number, -0 would lose its sign.
      if (std::string_view(number.data(), result.ptr) == "-0") text_ += ".0";
      separator = ',';
    }
    text_ += ']';
  }

  std::string text_;  // Rows not yet given to the sink.
};

}  // namespace

VectorFileReaderResult OpenJsonLines(base::ByteSpan bytes, const VectorFileOptions& options) {
  auto reader = std::make_unique<JsonLinesReader>(bytes);
  INTACT_RETURN_IF_ERROR(reader->Open(options));
  return std::unique_ptr<VectorFileReader>(std::move(reader));
}

std::unique_ptr<VectorFileWriter> MakeJsonLinesWriter(const VectorFileInfo& info,
                                                      VectorFileWriter::Sink sink) {
  return std::make_unique<JsonLinesWriter>(info, std::move(sink));
}

}  // namespace intact::format
