// NumPy's .npy (docs/format/interchange.md, ".npy"). Source of the layout: NumPy Enhancement
// Proposal 1, "A Simple File Format for NumPy Arrays", with versions 2.0 and 3.0 as NumPy's own
// documentation of numpy.lib.format has them.
#include <charconv>

#include "intact/format/vector_file_kinds.h"

namespace intact::format {
namespace {

using base::ElementType;

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kHeaderSizeMax = 65535;
// NumPy leaves room for the first axis to grow to this many digits in place.
constexpr size_t kGrowthDigits = 21;
constexpr size_t kAlignment = 64;

struct ElementName {
  std::string_view descr;
  ElementType element;
  bool is_swapped;
};

constexpr ElementName kElementNames[] = {
    {"<f4", ElementType::kFloat32, false}, {"<f2", ElementType::kFloat16, false},
    {"<f8", ElementType::kFloat64, false}, {"<V2", ElementType::kBfloat16, false},
    {">f4", ElementType::kFloat32, true},  {">f2", ElementType::kFloat16, true},
    {">f8", ElementType::kFloat64, true},  {"|V2", ElementType::kBfloat16, false},
    {"=f4", ElementType::kFloat32, false}, {"=f2", ElementType::kFloat16, false},
    {"=f8", ElementType::kFloat64, false}, {"bfloat16", ElementType::kBfloat16, false},
};

struct NpyHeader {
  std::string_view descr;
  bool is_fortran = false;
  std::vector<uint64_t> shape;
};

// The part of Python's literals that a header uses: a dict of strings, booleans and a tuple of
// whole numbers. Each Take returns false, taking nothing that matters, when something else stands
// there.
class LiteralScanner {
 public:
  explicit LiteralScanner(std::string_view text) : text_(text) {}

  size_t position() const { return position_; }
  bool Take(char c) {
    SkipBlanks();
    if (position_ == text_.size() || text_[position_] != c) return false;
    ++position_;
    return true;
  }
  bool TakeWord(std::string_view word) {
    SkipBlanks();
    if (!text_.substr(position_).starts_with(word)) return false;
    position_ += word.size();
    return true;
  }
  bool TakeString(std::string_view& value) {
    SkipBlanks();
    if (position_ == text_.size()) return false;
    const char quote = text_[position_];
    if (quote != '\'' && quote != '"') return false;
    const size_t end = text_.find(quote, position_ + 1);
    if (end == std::string_view::npos) return false;
    value = text_.substr(position_ + 1, end - position_ - 1);
    if (value.find('\\') != std::string_view::npos) return false;
    position_ = end + 1;
    return true;
  }
  bool TakeNumber(uint64_t& value) {
    SkipBlanks();
    const char* begin = text_.data() + position_;
    const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
    if (error != std::errc()) return false;
    position_ += static_cast<size_t>(end - begin);
    return true;
  }
  bool AtEnd() {
    SkipBlanks();
    return position_ == text_.size();
  }

 private:
  void SkipBlanks() {
    position_ = std::min(text_.find_first_not_of(" \t\n", position_), text_.size());
  }

  std::string_view text_;
  size_t position_ = 0;
};

bool TakeShape(LiteralScanner& scanner, std::vector<uint64_t>& shape) {
  if (!scanner.Take('(')) return false;
  while (!scanner.Take(')')) {
    uint64_t count = 0;
    if (shape.size() == 3 || !scanner.TakeNumber(count)) return false;
    shape.push_back(count);
    if (!scanner.Take(',')) return scanner.Take(')');
  }
  return true;
}

bool TakeEntry(LiteralScanner& scanner, std::string_view key, NpyHeader& header) {
  if (key == "descr") return scanner.TakeString(header.descr);
  if (key == "shape") return TakeShape(scanner, header.shape);
  if (key != "fortran_order") return false;
  header.is_fortran = scanner.TakeWord("True");
  return header.is_fortran || scanner.TakeWord("False");
}

base::Result<NpyHeader> ParseHeader(std::string_view text) {
  LiteralScanner scanner(text);
  NpyHeader header;
  std::string seen;
  bool is_valid = scanner.Take('{');
  while (is_valid && !scanner.Take('}')) {
    std::string_view key;
    is_valid = scanner.TakeString(key) && scanner.Take(':') && !key.empty() &&
               seen.find(key[0]) == std::string::npos && TakeEntry(scanner, key, header);
    if (!is_valid) break;
    seen += key[0];  // The three keys differ in their first letters.
    if (!scanner.Take(',')) {
      is_valid = scanner.Take('}');
      break;
    }
  }
  if (!is_valid || seen.size() != 3 || !scanner.AtEnd()) {
    return base::Corruption(
        "expected a header {'descr': ..., 'fortran_order': ..., 'shape': ...}, found something "
        "else at its byte " +
        std::to_string(scanner.position()));
  }
  return header;
}

// Reverses the bytes of each element; only bits move, so every NaN stays what it was.
void SwapElements(base::MutableByteSpan bytes, size_t element_size) {
  for (size_t at = 0; at < bytes.size(); at += element_size) {
    std::reverse(bytes.data() + at, bytes.data() + at + element_size);
  }
}

class NpyReader : public VectorFileReader {
 public:
  NpyReader(base::ByteSpan values, const VectorFileInfo& info, bool is_swapped, bool is_fortran)
      : values_(values), info_(info), is_swapped_(is_swapped), is_fortran_(is_fortran) {}

  const VectorFileInfo& info() const override { return info_; }
  base::Status Next(size_t count_max, VectorRows& rows) override {
    const size_t element_size = base::ElementSize(info_.element);
    const size_t row_size = info_.dimensions * element_size;
    rows.count = static_cast<size_t>(
        std::min<uint64_t>(BatchCount(count_max, row_size), *info_.row_count - row_));
    rows.elements.resize(rows.count * row_size);
    if (is_fortran_) {
      Transpose(rows, element_size);
    } else if (rows.count > 0) {
      std::memcpy(rows.elements.data(), values_.data() + row_ * row_size, rows.elements.size());
    }
    if (is_swapped_) SwapElements(rows.elements, element_size);
    row_ += rows.count;
    return base::Ok();
  }

 private:
  void Transpose(VectorRows& rows, size_t element_size) const {
    std::byte* target = rows.elements.data();
    for (size_t row = 0; row < rows.count; ++row) {
      for (size_t column = 0; column < info_.dimensions; ++column) {
        const size_t index = column * *info_.row_count + row_ + row;
        std::memcpy(target, values_.data() + index * element_size, element_size);
        target += element_size;
      }
    }
  }

  base::ByteSpan values_;
  VectorFileInfo info_;
  bool is_swapped_;
  bool is_fortran_;
  uint64_t row_ = 0;
};

class NpyWriter : public CheckedWriter {
 public:
  using CheckedWriter::CheckedWriter;

 protected:
  // As numpy.save does it, to the byte: also 64 blanks where 0 would align.
  base::Status Begin() override {
    std::string_view descr;
    for (const ElementName& name : kElementNames) {
      if (descr.empty() && name.element == info().element) descr = name.descr;
    }
    const std::string row_count = std::to_string(*info().row_count);
    std::string header = "{'descr': '" + std::string(descr) +
                         "', 'fortran_order': False, 'shape': (" + row_count + ", " +
                         std::to_string(info().dimensions) + "), }";
    header.append(kGrowthDigits - row_count.size(), ' ');
    const size_t prefix_size = kMagic.size() + 4;
    header.append(kAlignment - (prefix_size + header.size() + 1) % kAlignment, ' ');
    header += '\n';
    base::ByteWriter file;
    file.PutBytes(base::AsBytes(kMagic));
    file.Put(uint8_t{1});
    file.Put(uint8_t{0});
    file.Put(static_cast<uint16_t>(header.size()));
    file.PutBytes(base::AsBytes(header));
    return Put(file.bytes());
  }
  base::Status Write(const VectorRows& rows, uint64_t) override { return Put(rows.elements); }
};

// The header's text; `values` gets what follows it.
base::Result<std::string_view> SplitHeader(base::ByteSpan bytes, base::ByteSpan& values) {
  base::ByteReader reader(bytes);
  if (base::AsText(reader.GetBytes(kMagic.size())) != kMagic) {
    return base::Corruption("expected the bytes 93 'NUMPY' at offset 0, found others");
  }
  const auto major = reader.Get<uint8_t>();
  const auto minor = reader.Get<uint8_t>();
  if (reader.ok() && (major < 1 || major > 3 || minor != 0)) {
    return base::Unsupported("expected version 1.0, 2.0 or 3.0 of .npy, found " +
                             std::to_string(major) + "." + std::to_string(minor));
  }
  const size_t header_size = major == 1 ? reader.Get<uint16_t>() : reader.Get<uint32_t>();
  if (header_size > kHeaderSizeMax) {
    return base::Unsupported("a header of " + std::to_string(header_size) +
                             " bytes; expected at most " + std::to_string(kHeaderSizeMax));
  }
  const std::string_view header = base::AsText(reader.GetBytes(header_size));
  if (!reader.ok()) {
    return base::Corruption("ends within its header, at byte " + std::to_string(bytes.size()));
  }
  values = bytes.subspan(reader.position());
  return header;
}

}  // namespace

VectorFileReaderResult OpenNpy(base::ByteSpan bytes) {
  base::ByteSpan values;
  INTACT_ASSIGN_OR_RETURN(const std::string_view text, SplitHeader(bytes, values));
  INTACT_ASSIGN_OR_RETURN(const NpyHeader header, ParseHeader(text));
  const auto* element =
      std::find_if(std::begin(kElementNames), std::end(kElementNames),
                   [&](const ElementName& name) { return name.descr == header.descr; });
  if (element == std::end(kElementNames)) {
    return base::Unsupported(
        "expected elements float32, float16, float64 or bfloat16 (f4, f2, "
        "f8, V2), found '" +
        std::string(header.descr.substr(0, 32)) + "'");
  }
  if (header.shape.empty() || header.shape.size() > 2) {
    return base::Unsupported("expected a shape of 1 or 2 axes, found " +
                             std::to_string(header.shape.size()) + " or more");
  }
  VectorFileInfo info;
  info.kind = VectorFileKind::kNpy;
  info.element = element->element;
  info.row_count = header.shape.size() == 1 ? 1 : header.shape[0];
  INTACT_RETURN_IF_ERROR(CheckDimensions(header.shape.back()));
  info.dimensions = static_cast<uint32_t>(header.shape.back());
  const size_t row_size = info.dimensions * base::ElementSize(info.element);
  if (values.size() % row_size != 0 || values.size() / row_size != *info.row_count) {
    return base::Corruption("expected " + std::to_string(*info.row_count) + " rows of " +
                            std::to_string(row_size) + " bytes after the header, found " +
                            std::to_string(values.size()) + " bytes");
  }
  const bool is_fortran = header.is_fortran && header.shape.size() == 2;
  return std::unique_ptr<VectorFileReader>(
      std::make_unique<NpyReader>(values, info, element->is_swapped, is_fortran));
}

std::unique_ptr<VectorFileWriter> MakeNpyWriter(const VectorFileInfo& info,
                                                VectorFileWriter::Sink sink) {
  return std::make_unique<NpyWriter>(info, std::move(sink));
}

}  // namespace intact::format
