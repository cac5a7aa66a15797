// The writer of Arrow IPC files (docs/format/interchange.md, "Arrow IPC").
#include "intact/base/json_text.h"
#include "intact/base/utf8.h"
#include "intact/format/vector_file_arrow.h"
#include "intact/format/vector_file_kinds.h"

namespace intact::format {
namespace {

constexpr size_t kBatchRowsMax = 65536;
// Of elements, or of ids and metadata; one row may have more.
constexpr size_t kBatchBytesMax = size_t{16} << 20;
constexpr size_t kMessageAlignment = 8;

struct Block {
  uint64_t offset;
  uint32_t metadata_size;
  uint32_t zero;
  uint64_t body_size;
};
static_assert(sizeof(Block) == 24);

using Field = FlatWriter::Field;

size_t WriteField(FlatWriter& out, std::string_view name, bool is_nullable, ArrowType type,
                  size_t type_place, std::vector<size_t> children) {
  const size_t child_list = out.Tables(children);
  const size_t name_place = out.Text(name);
  return out.Table({FlatWriter::Place(kFieldName, name_place),
                    FlatWriter::Scalar(kFieldNullable, static_cast<uint8_t>(is_nullable)),
                    FlatWriter::Scalar(kFieldTypeKind, static_cast<uint8_t>(type)),
                    FlatWriter::Place(kFieldType, type_place),
                    FlatWriter::Place(kFieldChildren, child_list)});
}

int16_t PrecisionOf(base::ElementType element) {
  if (element == base::ElementType::kFloat16) return 0;
  return element == base::ElementType::kFloat32 ? 1 : 2;
}

size_t WriteSchema(FlatWriter& out, const VectorFileInfo& info) {
  std::vector<size_t> fields;
  if (info.has_ids) {
    fields.push_back(WriteField(out, "id", false, ArrowType::kUtf8, out.Table({}), {}));
  }
  const size_t precision = out.Table({FlatWriter::Scalar(0, PrecisionOf(info.element))});
  const size_t item = WriteField(out, "item", true, ArrowType::kFloat, precision, {});
  const size_t list = out.Table({FlatWriter::Scalar(0, info.dimensions)});
  fields.push_back(WriteField(out, "vector", false, ArrowType::kFixedSizeList, list, {item}));
  if (info.has_metadata) {
    fields.push_back(WriteField(out, "metadata", true, ArrowType::kUtf8, out.Table({}), {}));
  }
  const size_t field_list = out.Tables(fields);
  return out.Table({FlatWriter::Scalar(kSchemaEndianness, int16_t{0}),
                    FlatWriter::Place(kSchemaFields, field_list)});
}

base::Bytes WriteMessage(FlatWriter& out, ArrowHeader header, size_t header_place,
                         uint64_t body_size) {
  return out.Finish(out.Table({FlatWriter::Scalar(kMessageVersion, kArrowVersion5),
                               FlatWriter::Scalar(kMessageType, static_cast<uint8_t>(header)),
                               FlatWriter::Place(kMessageHeader, header_place),
                               FlatWriter::Scalar(kMessageBodySize, body_size)}));
}

// A column of texts as it grows: offsets, characters, and which rows have none.
class TextColumn {
 public:
  void Append(std::string_view text) {
    if (validity_.size() * 8 == row_count_) validity_.push_back(std::byte{0});
    if (text.empty()) {
      ++empty_count_;
    } else {
      validity_.back() |= static_cast<std::byte>(1u << (row_count_ % 8));
    }
    ++row_count_;
    characters_.PutBytes(base::AsBytes(text));
    offsets_.Put(static_cast<uint32_t>(characters_.size()));
  }
  void Clear() { *this = TextColumn(); }

  size_t size() const { return characters_.size(); }
  size_t empty_count() const { return empty_count_; }
  base::ByteSpan validity() const { return validity_; }
  base::ByteSpan offsets() const { return offsets_.bytes(); }
  base::ByteSpan characters() const { return characters_.bytes(); }

 private:
  static base::ByteWriter FirstOffset() {
    base::ByteWriter offsets;
    offsets.Put(uint32_t{0});
    return offsets;
  }

  base::Bytes validity_;
  base::ByteWriter offsets_ = FirstOffset();
  base::ByteWriter characters_;
  size_t row_count_ = 0;
  size_t empty_count_ = 0;
};

// The nodes and buffers of a record batch, and the buffers' bytes in order.
struct BatchLayout {
  base::ByteWriter nodes;
  base::ByteWriter buffers;
  std::vector<base::ByteSpan> pieces;
  uint64_t body_size = 0;

  void AddNode(uint64_t row_count, uint64_t null_count) {
    nodes.Put(row_count);
    nodes.Put(null_count);
  }
  void AddBuffer(base::ByteSpan bytes) {
    buffers.Put(body_size);
    buffers.Put(uint64_t{bytes.size()});
    pieces.push_back(bytes);
    body_size += base::AlignUp(bytes.size(), kArrowAlignment);
  }
  void AddText(const TextColumn& column, uint64_t row_count, bool is_nullable) {
    const uint64_t null_count = is_nullable ? column.empty_count() : 0;
    AddNode(row_count, null_count);
    AddBuffer(null_count > 0 ? column.validity() : base::ByteSpan());
    AddBuffer(column.offsets());
    AddBuffer(column.characters());
  }
};

class ArrowWriter : public CheckedWriter {
 public:
  using CheckedWriter::CheckedWriter;

 protected:
  base::Status Begin() override {
    base::ByteWriter magic;
    magic.PutBytes(base::AsBytes(kArrowMagic));
    magic.PadTo(kMessageAlignment);
    INTACT_RETURN_IF_ERROR(PutCounted(magic.bytes()));
    FlatWriter schema;
    const size_t place = WriteSchema(schema, info());
    return PutMessage(WriteMessage(schema, ArrowHeader::kSchema, place, 0)).status();
  }

  base::Status Write(const VectorRows& rows, uint64_t first_row) override {
    for (size_t i = 0; i < rows.count; ++i) {
      const std::string_view id = TextAt(rows.ids, i);
      const std::string_view metadata = TextAt(rows.metadata, i);
      base::Status status = CheckText(id, metadata);
      if (!status.ok()) return status.Annotate("row " + std::to_string(first_row + i));
      const bool is_full = pending_count_ == kBatchRowsMax ||
                           elements_.size() + row_size() > kBatchBytesMax ||
                           ids_.size() + id.size() > kBatchBytesMax ||
                           metadata_.size() + metadata.size() > kBatchBytesMax;
      if (is_full) INTACT_RETURN_IF_ERROR(Flush());
      elements_.PutBytes(base::ByteSpan(rows.elements).subspan(i * row_size(), row_size()));
      ids_.Append(id);
      metadata_.Append(metadata);
      ++pending_count_;
    }
    return base::Ok();
  }

  base::Status End() override {
    INTACT_RETURN_IF_ERROR(Flush());
    FlatWriter footer;
    const size_t blocks = footer.Structs(static_cast<uint32_t>(blocks_.size()),
                                         base::AsBytes(std::span<const Block>(blocks_)));
    const size_t dictionaries = footer.Structs(0, {});
    const size_t schema = WriteSchema(footer, info());
    const base::Bytes bytes =
        footer.Finish(footer.Table({FlatWriter::Scalar(kFooterVersion, kArrowVersion5),
                                    FlatWriter::Place(kFooterSchema, schema),
                                    FlatWriter::Place(kFooterDictionaries, dictionaries),
                                    FlatWriter::Place(kFooterBatches, blocks)}));
    base::ByteWriter end;
    end.Put(kArrowContinuation);
    end.Put(uint32_t{0});
    end.PutBytes(bytes);
    end.Put(static_cast<uint32_t>(bytes.size()));
    end.PutBytes(base::AsBytes(kArrowMagic));
    return PutCounted(end.bytes());
  }

 private:
  static base::Status CheckText(std::string_view id, std::string_view metadata) {
    if (id.size() > INT32_MAX || metadata.size() > INT32_MAX) {
      return base::InvalidArgument("an id or metadata of more than 2 GiB");
    }
    if (!base::IsUtf8(id))
      return base::InvalidArgument("expected an id in UTF-8, found other bytes");
    if (metadata.empty() || base::IsJsonObject(metadata)) return base::Ok();
    return base::InvalidArgument("expected a JSON object as metadata, found something else");
  }

  base::Status PutCounted(base::ByteSpan bytes) {
    offset_ += bytes.size();
    return Put(bytes);
  }

  // With its prefix, so padded that a body begins aligned; its size.
  base::Result<uint32_t> PutMessage(const base::Bytes& metadata) {
    constexpr size_t kPrefixSize = 8;
    const uint64_t end = base::AlignUp(offset_ + kPrefixSize + metadata.size(), kArrowAlignment);
    const auto size = static_cast<uint32_t>(end - offset_);
    base::ByteWriter message;
    message.Put(kArrowContinuation);
    message.Put(static_cast<uint32_t>(size - kPrefixSize));
    message.PutBytes(metadata);
    message.mutable_bytes().resize(size);
    INTACT_RETURN_IF_ERROR(PutCounted(message.bytes()));
    return size;
  }

  base::Status Flush() {
    if (pending_count_ == 0) return base::Ok();
    BatchLayout layout;
    if (info().has_ids) layout.AddText(ids_, pending_count_, false);
    layout.AddNode(pending_count_, 0);
    layout.AddBuffer({});
    layout.AddNode(pending_count_ * info().dimensions, 0);
    layout.AddBuffer({});
    layout.AddBuffer(elements_.bytes());
    if (info().has_metadata) layout.AddText(metadata_, pending_count_, true);

    FlatWriter message;
    const auto count_of = [](const base::ByteWriter& structs) {
      return static_cast<uint32_t>(structs.size() / 16);
    };
    const size_t buffers = message.Structs(count_of(layout.buffers), layout.buffers.bytes());
    const size_t nodes = message.Structs(count_of(layout.nodes), layout.nodes.bytes());
    const size_t batch = message.Table({FlatWriter::Scalar(kBatchLength, pending_count_),
                                        FlatWriter::Place(kBatchNodes, nodes),
                                        FlatWriter::Place(kBatchBuffers, buffers)});
    Block block{offset_, 0, 0, layout.body_size};
    INTACT_ASSIGN_OR_RETURN(
        block.metadata_size,
        PutMessage(WriteMessage(message, ArrowHeader::kRecordBatch, batch, layout.body_size)));
    blocks_.push_back(block);
    static constexpr std::byte kZeros[kArrowAlignment] = {};
    for (const base::ByteSpan piece : layout.pieces) {
      const size_t padding = base::AlignUp(piece.size(), kArrowAlignment) - piece.size();
      INTACT_RETURN_IF_ERROR(PutCounted(piece));
      INTACT_RETURN_IF_ERROR(PutCounted(base::ByteSpan(kZeros).first(padding)));
    }
    pending_count_ = 0;
    elements_.mutable_bytes().clear();
    ids_.Clear();
    metadata_.Clear();
    return base::Ok();
  }

  uint64_t offset_ = 0;  // Bytes given to the sink.
  std::vector<Block> blocks_;
  // The rows of the batch to come.
  size_t pending_count_ = 0;
  base::ByteWriter elements_;
  TextColumn ids_;
  TextColumn metadata_;
};

}  // namespace

std::unique_ptr<VectorFileWriter> MakeArrowWriter(const VectorFileInfo& info,
                                                  VectorFileWriter::Sink sink) {
  return std::make_unique<ArrowWriter>(info, std::move(sink));
}

}  // namespace intact::format
