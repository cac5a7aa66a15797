// The reader of Arrow IPC files and streams (docs/format/interchange.md, "Arrow IPC").
#include "intact/format/vector_file_arrow.h"

#include "intact/base/json_text.h"
#include "intact/format/vector_file_kinds.h"

namespace intact::format {
namespace {

constexpr size_t kFileBegin = 8;  // The magic and two zeros.
constexpr size_t kTrailerSize = 4 + kArrowMagic.size();
constexpr size_t kBlockSize = 24;

// Where the record batches are: as a file's footer lists them, or one after the other in a stream.
class BatchCursor {
 public:
  BatchCursor() = default;
  // A stream whose schema ended at `offset`.
  BatchCursor(base::ByteSpan bytes, uint64_t offset) : bytes_(bytes), offset_(offset) {}
  // A file, with its footer's blocks.
  BatchCursor(base::ByteSpan bytes, base::ByteSpan blocks)
      : bytes_(bytes), blocks_(blocks), is_file_(true) {}

  // The next record batch; none after the last.
  base::Result<std::optional<ArrowMessage>> Next() {
    if (is_file_) {
      if (blocks_.empty()) return std::optional<ArrowMessage>();
      offset_ = base::Load<uint64_t>(blocks_.data());
      blocks_ = blocks_.subspan(kBlockSize);
    }
    place_ = offset_;
    INTACT_ASSIGN_OR_RETURN(auto message, ReadArrowMessage(bytes_, offset_));
    if (!message) {
      if (is_file_) return base::Corruption(Place() + ": expected a message, found the end");
      if (offset_ == bytes_.size()) return message;
      return base::Corruption(std::to_string(bytes_.size() - offset_) +
                              " bytes after the end of the stream");
    }
    if (message->header == ArrowHeader::kDictionary) {
      return base::Unsupported(Place() + ": a dictionary; write columns as plain values");
    }
    if (message->header != ArrowHeader::kRecordBatch) {
      return base::Corruption(Place() + ": expected a record batch, found another message");
    }
    return message;
  }
  // Of what Next gave or refused.
  std::string Place() const { return "record batch at byte " + std::to_string(place_); }

 private:
  base::ByteSpan bytes_;
  base::ByteSpan blocks_;  // Those to come.
  uint64_t offset_ = 0;
  uint64_t place_ = 0;
  bool is_file_ = false;
};

class ArrowReader : public VectorFileReader {
 public:
  base::Status Open(base::ByteSpan bytes, const VectorFileOptions& options) {
    info_.kind = VectorFileKind::kArrow;
    INTACT_RETURN_IF_ERROR(base::AsText(bytes).starts_with(kArrowMagic) ? OpenFile(bytes)
                                                                        : OpenStream(bytes));
    const ArrowColumn& vector = schema_.columns[schema_.vector];
    info_.element = vector.element;
    info_.dimensions = vector.list_size;
    info_.has_ids = schema_.id.has_value();
    info_.has_metadata = !schema_.metadata.empty();
    INTACT_RETURN_IF_ERROR(LookAhead());
    if (info_.dimensions == 0 && vector.type != ArrowType::kFixedSizeList) {
      info_.dimensions = options.dimensions;
    }
    if (info_.dimensions == 0 && *info_.row_count == 0) {
      return base::InvalidArgument("no rows, and so no dimensions: give them");
    }
    INTACT_RETURN_IF_ERROR(CheckDimensions(info_.dimensions));
    for (const size_t index : schema_.metadata) {
      std::string name;
      base::AppendJsonString(schema_.columns[index].name, name);
      field_names_.push_back(name + ":");
    }
    return base::Ok();
  }

  const VectorFileInfo& info() const override { return info_; }
  base::Status Next(size_t count_max, VectorRows& rows) override {
    count_max = BatchCount(count_max, info_.dimensions * base::ElementSize(info_.element));
    size_t text_size = 0;
    while (rows.count < count_max && text_size <= kBatchSizeMax) {
      if (row_ == batch_.row_count) {
        INTACT_ASSIGN_OR_RETURN(const bool has_more, NextBatch());
        if (!has_more) return base::Ok();
        continue;
      }
      base::Status status = AppendRow(rows, text_size);
      if (!status.ok()) return status.Annotate("row " + std::to_string(first_row_ + row_));
      ++row_;
      ++rows.count;
    }
    return base::Ok();
  }

 private:
  base::Status OpenFile(base::ByteSpan bytes) {
    const size_t end = bytes.size() - std::min(bytes.size(), kTrailerSize);
    base::ByteReader trailer(bytes.subspan(end));
    const auto footer_size = trailer.Get<uint32_t>();
    if (bytes.size() < kFileBegin + kTrailerSize ||
        base::AsText(trailer.GetBytes(kArrowMagic.size())) != kArrowMagic) {
      return base::Corruption("an Arrow file without \"ARROW1\" at its end: cut short?");
    }
    if (footer_size > end - kFileBegin) {
      return base::Corruption("expected a footer of " + std::to_string(footer_size) +
                              " bytes before byte " + std::to_string(end) + ", found fewer");
    }
    const base::ByteSpan footer = bytes.subspan(end - footer_size, footer_size);
    FlatBuffer buffer(footer);
    const FlatTable root = buffer.Root();
    const auto version = root.Get<int16_t>(kFooterVersion, 0);
    const FlatVector blocks = root.Vector(kFooterBatches, kBlockSize);
    const FlatTable schema = root.Table(kFooterSchema);
    if (!buffer.ok()) return base::Corruption("the footer refers to bytes outside itself");
    if (version != kArrowVersion4 && version != kArrowVersion5) {
      return base::Unsupported("expected metadata version 4 or 5, found " +
                               std::to_string(version + 1));
    }
    INTACT_ASSIGN_OR_RETURN(schema_, ParseArrowSchema(schema, buffer));
    begin_ = BatchCursor(bytes, blocks.Bytes());
    return base::Ok();
  }

  base::Status OpenStream(base::ByteSpan bytes) {
    uint64_t offset = 0;
    INTACT_ASSIGN_OR_RETURN(const auto message, ReadArrowMessage(bytes, offset));
    if (!message || message->header != ArrowHeader::kSchema) {
      return base::Corruption("expected \"ARROW1\" or a stream that begins with a schema");
    }
    FlatBuffer buffer(message->metadata);
    INTACT_ASSIGN_OR_RETURN(schema_, ParseArrowSchema(buffer.Root().Table(kMessageHeader), buffer));
    begin_ = BatchCursor(bytes, offset);
    return base::Ok();
  }

  // Counts the rows, which checks every batch, and measures the first list where the schema does
  // not say how long lists are.
  base::Status LookAhead() {
    uint64_t row_count = 0;
    cursor_ = begin_;
    while (true) {
      INTACT_ASSIGN_OR_RETURN(const bool has_more, NextBatch());
      if (!has_more) break;
      if (batch_.row_count > UINT64_MAX - row_count) return base::Corruption("too many rows");
      const ArrowColumn& column = schema_.columns[schema_.vector];
      if (row_count == 0 && batch_.row_count > 0 && info_.dimensions == 0) {
        if (!IsArrowValid(batch_.columns[schema_.vector].validity, 0)) {
          return base::InvalidArgument("row 0: expected a vector, found null");
        }
        auto list = ArrowList(column, batch_.columns[schema_.vector], 0);
        if (!list.ok()) return list.status().Annotate("row 0");
        INTACT_RETURN_IF_ERROR(CheckDimensions(list->size() / base::ElementSize(column.element)));
        info_.dimensions = static_cast<uint32_t>(list->size() / base::ElementSize(column.element));
      }
      row_count += batch_.row_count;
    }
    info_.row_count = row_count;
    cursor_ = begin_;
    batch_ = ArrowBatch();
    row_ = 0;
    first_row_ = 0;
    return base::Ok();
  }

  // Makes the next batch the current one; false after the last.
  base::Result<bool> NextBatch() {
    INTACT_ASSIGN_OR_RETURN(const auto message, cursor_.Next());
    if (!message) return false;
    auto batch = ParseArrowBatch(schema_, *message);
    if (!batch.ok()) return batch.status().Annotate(cursor_.Place());
    first_row_ += batch_.row_count;
    batch_ = *std::move(batch);
    row_ = 0;
    return true;
  }

  base::Status AppendRow(VectorRows& rows, size_t& text_size) const {
    INTACT_RETURN_IF_ERROR(AppendVector(rows));
    if (schema_.id) {
      INTACT_ASSIGN_OR_RETURN(std::string id, Id());
      text_size += id.size();
      rows.ids.push_back(std::move(id));
    }
    if (!schema_.metadata.empty()) {
      INTACT_ASSIGN_OR_RETURN(std::string metadata,
                              schema_.HasMetadataText() ? MetadataText() : MetadataObject());
      text_size += metadata.size();
      rows.metadata.push_back(std::move(metadata));
    }
    return base::Ok();
  }

  base::Status AppendVector(VectorRows& rows) const {
    const ArrowColumn& column = schema_.columns[schema_.vector];
    const ArrowBuffers& buffers = batch_.columns[schema_.vector];
    if (!IsArrowValid(buffers.validity, row_)) {
      return base::InvalidArgument("expected a vector, found null");
    }
    INTACT_ASSIGN_OR_RETURN(const base::ByteSpan list, ArrowList(column, buffers, row_));
    const size_t dimensions = list.size() / base::ElementSize(column.element);
    if (dimensions != info_.dimensions) {
      return base::InvalidArgument(ExpectedFoundCount(info_.dimensions, "dimensions", dimensions));
    }
    rows.elements.insert(rows.elements.end(), list.begin(), list.end());
    return base::Ok();
  }

  base::Result<std::string> Id() const {
    const ArrowColumn& column = schema_.columns[*schema_.id];
    const ArrowBuffers& buffers = batch_.columns[*schema_.id];
    if (!IsArrowValid(buffers.validity, row_)) {
      return base::InvalidArgument("expected an id, found null");
    }
    if (!column.IsText()) return ArrowIntegerText(column, buffers, row_);
    INTACT_ASSIGN_OR_RETURN(const std::string_view text, ArrowText(column, buffers, row_));
    return std::string(text);
  }

  // Of one column of JSON texts.
  base::Result<std::string> MetadataText() const {
    const ArrowColumn& column = schema_.columns[schema_.metadata[0]];
    const ArrowBuffers& buffers = batch_.columns[schema_.metadata[0]];
    if (!IsArrowValid(buffers.validity, row_)) return std::string();
    INTACT_ASSIGN_OR_RETURN(const std::string_view text, ArrowText(column, buffers, row_));
    if (!text.empty() && !base::IsJsonObject(text)) {
      return base::InvalidArgument(
          "expected the text of a JSON object in column 'metadata', found other text");
    }
    return std::string(text);
  }

  // Of columns that become fields.
  base::Result<std::string> MetadataObject() const {
    std::string object;
    for (size_t i = 0; i < schema_.metadata.size(); ++i) {
      const size_t index = schema_.metadata[i];
      object += i == 0 ? '{' : ',';
      object += field_names_[i];
      base::Status status = AppendArrowJson(schema_.columns[index], batch_.columns[index], row_,
                                            kBatchSizeMax, object);
      if (!status.ok()) {
        return status.Annotate("column '" + std::string(schema_.columns[index].name) + "'");
      }
    }
    object += '}';
    return object;
  }

  VectorFileInfo info_;
  ArrowSchema schema_;
  std::vector<std::string> field_names_;  // Of schema_.metadata, as JSON with the colon.
  BatchCursor begin_;
  BatchCursor cursor_;
  ArrowBatch batch_;        // The current one, empty before the first.
  uint64_t row_ = 0;        // Within it.
  uint64_t first_row_ = 0;  // The number of its first row.
};

}  // namespace

VectorFileReaderResult OpenArrow(base::ByteSpan bytes, const VectorFileOptions& options) {
  auto reader = std::make_unique<ArrowReader>();
  INTACT_RETURN_IF_ERROR(reader->Open(bytes, options));
  return std::unique_ptr<VectorFileReader>(std::move(reader));
}

}  // namespace intact::format
