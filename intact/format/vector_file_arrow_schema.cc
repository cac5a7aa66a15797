// Schemas and messages of Arrow IPC, checked (vector_file_arrow.h).
#include <array>

#include "intact/base/utf8.h"
#include "intact/format/vector_file_arrow.h"
#include "intact/format/vector_file_kinds.h"

namespace intact::format {
namespace {

// The first slots of the types' tables.
constexpr size_t kIntBitWidth = 0;
constexpr size_t kIntIsSigned = 1;
constexpr size_t kFloatPrecision = 0;
constexpr size_t kFixedListSize = 0;

constexpr size_t kStructSize = 16;  // FieldNode and Buffer.

constexpr std::array<std::string_view, 27> kTypeNames = {"none",
                                                         "null",
                                                         "integer",
                                                         "float",
                                                         "binary",
                                                         "utf8",
                                                         "bool",
                                                         "decimal",
                                                         "date",
                                                         "time",
                                                         "timestamp",
                                                         "interval",
                                                         "list",
                                                         "struct",
                                                         "union",
                                                         "fixed_size_binary",
                                                         "fixed_size_list",
                                                         "map",
                                                         "duration",
                                                         "large_binary",
                                                         "large_utf8",
                                                         "large_list",
                                                         "run_end_encoded",
                                                         "binary_view",
                                                         "utf8_view",
                                                         "list_view",
                                                         "large_list_view"};

constexpr std::array<std::string_view, 3> kVectorNames = {"vector", "embedding", "values"};
constexpr std::array<std::string_view, 3> kIdNames = {"id", "_id", "key"};

std::string_view TypeName(uint8_t type) {
  return type < kTypeNames.size() ? kTypeNames[type] : "unknown";
}

std::optional<base::ElementType> ElementOfPrecision(int16_t precision) {
  switch (precision) {
    case 0:
      return base::ElementType::kFloat16;
    case 1:
      return base::ElementType::kFloat32;
    case 2:
      return base::ElementType::kFloat64;
    default:
      return std::nullopt;
  }
}

// Of a field whose type is a float; nullopt for all others.
std::optional<base::ElementType> ElementOfField(const FlatTable& field) {
  const auto type = field.Get<uint8_t>(kFieldTypeKind, 0);
  if (type != static_cast<uint8_t>(ArrowType::kFloat)) return std::nullopt;
  if (field.Table(kFieldDictionary).is_present()) return std::nullopt;
  return ElementOfPrecision(field.Table(kFieldType).Get<int16_t>(kFloatPrecision, 0));
}

void ParseList(const FlatTable& field, ArrowColumn& column) {
  const FlatVector children = field.Vector(kFieldChildren, sizeof(uint32_t));
  if (children.size() != 1) return;
  const FlatTable child = children.Table(0);
  const auto element = ElementOfField(child);
  if (!element) {
    column.type_name += " of " + std::string(TypeName(child.Get<uint8_t>(kFieldTypeKind, 0)));
    return;
  }
  column.element = *element;
  column.is_supported = true;
  if (column.type != ArrowType::kFixedSizeList) return;
  const auto size = field.Table(kFieldType).Get<int32_t>(kFixedListSize, 0);
  // What is outside 1 to kDimensionsMax is refused when the column is taken for the vector.
  column.list_size = size < 0 ? 0 : static_cast<uint32_t>(size);
}

void ParseType(const FlatTable& field, ArrowColumn& column) {
  const FlatTable type = field.Table(kFieldType);
  switch (column.type) {
    case ArrowType::kNull:
    case ArrowType::kBool:
    case ArrowType::kUtf8:
    case ArrowType::kLargeUtf8:
    case ArrowType::kUtf8View:
      column.is_supported = true;
      return;
    case ArrowType::kInt:
      column.bit_width = type.Get<uint32_t>(kIntBitWidth, 0);
      column.is_signed = type.Get<uint8_t>(kIntIsSigned, 0) != 0;
      column.is_supported = column.bit_width == 8 || column.bit_width == 16 ||
                            column.bit_width == 32 || column.bit_width == 64;
      return;
    case ArrowType::kFloat:
      if (const auto element = ElementOfField(field)) {
        column.element = *element;
        column.is_supported = true;
      }
      return;
    case ArrowType::kList:
    case ArrowType::kLargeList:
    case ArrowType::kFixedSizeList:
      ParseList(field, column);
      return;
  }
}

base::Result<ArrowColumn> ParseColumn(const FlatTable& field) {
  ArrowColumn column;
  column.name = field.Text(kFieldName);
  if (column.name.size() > kArrowNameSizeMax) {
    return base::Unsupported("a column's name of " + std::to_string(column.name.size()) +
                             " bytes; at most " + std::to_string(kArrowNameSizeMax));
  }
  if (!base::IsUtf8(column.name)) return base::Corruption("a column's name is not UTF-8");
  const auto type = field.Get<uint8_t>(kFieldTypeKind, 0);
  column.type = static_cast<ArrowType>(type);
  column.type_name = TypeName(type);
  ParseType(field, column);
  if (field.Table(kFieldDictionary).is_present()) {
    column.type_name = "dictionary";
    column.is_supported = false;
  }
  return column;
}

// The column of the best ranked of `names` for which `is_meant` holds.
template <typename Names, typename Predicate>
base::Result<std::optional<size_t>> FindNamed(const std::vector<ArrowColumn>& columns,
                                              const Names& names, Predicate is_meant) {
  for (const std::string_view name : names) {
    std::optional<size_t> found;
    for (size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].name != name || !is_meant(columns[i])) continue;
      if (found) {
        return base::InvalidArgument("expected one column '" + std::string(name) + "', found two");
      }
      found = i;
    }
    if (found) return found;
  }
  return std::optional<size_t>();
}

bool IsVector(const ArrowColumn& column) { return column.is_supported && column.IsList(); }

base::Status AssignVector(ArrowSchema& schema) {
  INTACT_ASSIGN_OR_RETURN(const auto named, FindNamed(schema.columns, kVectorNames, IsVector));
  if (named) {
    schema.vector = *named;
    return base::Ok();
  }
  std::optional<size_t> found;
  for (size_t i = schema.columns.size(); i-- > 0;) {
    if (!IsVector(schema.columns[i])) continue;
    const bool is_fixed = schema.columns[i].type == ArrowType::kFixedSizeList;
    const bool has_fixed = found && schema.columns[*found].type == ArrowType::kFixedSizeList;
    if (is_fixed || !has_fixed) found = i;
  }
  if (found) {
    schema.vector = *found;
    return base::Ok();
  }
  std::string names;
  for (size_t i = 0; i < std::min<size_t>(schema.columns.size(), 16); ++i) {
    const ArrowColumn& column = schema.columns[i];
    names += (names.empty() ? "" : ", ") + std::string(column.name) + " (" + column.type_name + ")";
  }
  return base::InvalidArgument(
      "expected a column of lists of float16, float32 or float64, found these: " + names);
}

base::Status AssignRoles(ArrowSchema& schema) {
  INTACT_RETURN_IF_ERROR(AssignVector(schema));
  INTACT_ASSIGN_OR_RETURN(schema.id, FindNamed(schema.columns, kIdNames, [&](const auto& column) {
                            return &column != &schema.columns[schema.vector];
                          }));
  for (size_t i = 0; i < schema.columns.size(); ++i) {
    const ArrowColumn& column = schema.columns[i];
    if (i == schema.vector) continue;
    if (i != schema.id) schema.metadata.push_back(i);
    if (column.type_name == "dictionary") {
      return base::Unsupported("column '" + std::string(column.name) +
                               "' is dictionary-encoded; write it as plain values (in pyarrow "
                               "column.dictionary_decode(), in polars cast(pl.String))");
    }
    const bool is_id = column.IsText() || column.type == ArrowType::kInt;
    if (!column.is_supported || column.IsList() || (i == schema.id && !is_id)) {
      return base::Unsupported("column '" + std::string(column.name) + "' is of type " +
                               column.type_name + "; expected " +
                               (i == schema.id ? "utf8 or an integer for an id"
                                               : "utf8, integer, float, bool or null beside the "
                                                 "vectors: cast it or leave it out"));
    }
  }
  return base::Ok();
}

}  // namespace

base::Result<ArrowSchema> ParseArrowSchema(const FlatTable& schema, const FlatBuffer& buffer) {
  if (schema.Get<int16_t>(kSchemaEndianness, 0) != 0) {
    return base::Unsupported("expected little-endian Arrow, found big-endian");
  }
  const FlatVector fields = schema.Vector(kSchemaFields, sizeof(uint32_t));
  if (fields.size() > kArrowColumnCountMax) {
    return base::Unsupported(std::to_string(fields.size()) + " columns; at most " +
                             std::to_string(kArrowColumnCountMax));
  }
  ArrowSchema parsed;
  for (uint32_t i = 0; i < fields.size(); ++i) {
    INTACT_ASSIGN_OR_RETURN(ArrowColumn column, ParseColumn(fields.Table(i)));
    parsed.columns.push_back(std::move(column));
  }
  if (!buffer.ok()) return base::Corruption("the schema refers to bytes outside its message");
  INTACT_RETURN_IF_ERROR(AssignRoles(parsed));
  return parsed;
}

base::Result<std::optional<ArrowMessage>> ReadArrowMessage(base::ByteSpan bytes, uint64_t& offset) {
  const std::string place = "message at byte " + std::to_string(offset) + ": ";
  if (offset > bytes.size()) return base::Corruption(place + "beyond the end of the file");
  base::ByteReader reader(bytes.subspan(offset));
  if (reader.remaining() == 0) return std::optional<ArrowMessage>();
  const auto continuation = reader.Get<uint32_t>();
  const auto size = reader.Get<uint32_t>();
  if (reader.ok() && continuation != kArrowContinuation) {
    return base::Corruption(place + "expected the bytes FF FF FF FF, found others");
  }
  if (reader.ok() && size == 0) {
    offset += reader.position();
    return std::optional<ArrowMessage>();
  }
  ArrowMessage message;
  message.metadata = reader.GetBytes(size);
  if (!reader.ok()) return base::Corruption(place + "ends before its metadata does");
  FlatBuffer buffer(message.metadata);
  const FlatTable root = buffer.Root();
  const auto version = root.Get<int16_t>(kMessageVersion, 0);
  const auto body_size = root.Get<int64_t>(kMessageBodySize, 0);
  message.header = static_cast<ArrowHeader>(root.Get<uint8_t>(kMessageType, 0));
  if (!buffer.ok()) return base::Corruption(place + "its metadata refers to bytes outside itself");
  if (version != kArrowVersion4 && version != kArrowVersion5) {
    return base::Unsupported(place + "expected metadata version 4 or 5, found " +
                             std::to_string(version + 1));
  }
  if (body_size < 0 || static_cast<uint64_t>(body_size) > reader.remaining()) {
    return base::Corruption(place + "expected a body of " + std::to_string(body_size) +
                            " bytes, found " + std::to_string(reader.remaining()));
  }
  message.body = reader.GetBytes(static_cast<size_t>(body_size));
  offset += reader.position();
  return std::optional<ArrowMessage>(message);
}

namespace {

// Hands out a batch's nodes and buffers in the order of its columns.
class BatchParts {
 public:
  BatchParts(const FlatTable& batch, base::ByteSpan body)
      : nodes_(batch.Vector(kBatchNodes, kStructSize)),
        buffers_(batch.Vector(kBatchBuffers, kStructSize)),
        variadic_counts_(batch.Vector(kBatchVariadicCounts, sizeof(int64_t))),
        body_(body) {}

  // The next column's rows and nulls.
  base::Status TakeNode(uint64_t& row_count, bool& has_nulls) {
    if (node_ == nodes_.size()) return base::Corruption("fewer columns than its schema");
    const auto length = nodes_.Get<int64_t>(node_);
    has_nulls = nodes_.Get<int64_t>(node_, sizeof(int64_t)) != 0;
    ++node_;
    if (length < 0) return base::Corruption("a negative number of rows");
    row_count = static_cast<uint64_t>(length);
    return base::Ok();
  }
  base::Status TakeBuffer(base::ByteSpan& bytes) {
    if (buffer_ == buffers_.size()) return base::Corruption("fewer buffers than its schema asks");
    const auto offset = buffers_.Get<uint64_t>(buffer_);
    const auto size = buffers_.Get<uint64_t>(buffer_, sizeof(uint64_t));
    ++buffer_;
    if (offset > body_.size() || size > body_.size() - offset) {
      return base::Corruption("buffer " + std::to_string(buffer_ - 1) + " at " +
                              std::to_string(offset) + " with " + std::to_string(size) +
                              " bytes is outside the body of " + std::to_string(body_.size()));
    }
    bytes = body_.subspan(offset, size);
    return base::Ok();
  }
  // A buffer of `count` items of `item_size` bits, each of which is there.
  base::Status TakeItems(uint64_t count, uint64_t item_bits, base::ByteSpan& bytes) {
    INTACT_RETURN_IF_ERROR(TakeBuffer(bytes));
    if (count == 0) return base::Ok();
    // Division, as the product might not fit.
    if (bytes.size() < UINT64_MAX / 8 && count <= bytes.size() * 8 / item_bits) return base::Ok();
    return base::Corruption("buffer " + std::to_string(buffer_ - 1) + " is too short: expected " +
                            std::to_string(count) + " items of " + std::to_string(item_bits) +
                            " bits, found " + std::to_string(bytes.size()) + " bytes");
  }
  base::Status TakeValidity(uint64_t count, bool has_nulls, base::ByteSpan& bytes) {
    if (has_nulls) return TakeItems(count, 1, bytes);
    INTACT_RETURN_IF_ERROR(TakeBuffer(bytes));
    bytes = {};
    return base::Ok();
  }
  base::Status TakeViewCharacters(std::vector<base::ByteSpan>& characters) {
    if (variadic_ == variadic_counts_.size()) {
      return base::Corruption("no count of buffers for a column of views");
    }
    const auto count = variadic_counts_.Get<uint64_t>(variadic_++);
    if (count > buffers_.size() - buffer_) {
      return base::Corruption("fewer buffers than a column of views has");
    }
    characters.resize(count);
    for (base::ByteSpan& bytes : characters) INTACT_RETURN_IF_ERROR(TakeBuffer(bytes));
    return base::Ok();
  }

 private:
  FlatVector nodes_;
  FlatVector buffers_;
  FlatVector variadic_counts_;
  base::ByteSpan body_;
  uint32_t node_ = 0;
  uint32_t buffer_ = 0;
  uint32_t variadic_ = 0;
};

base::Status TakeList(const ArrowColumn& column, uint64_t row_count, BatchParts& parts,
                      ArrowBuffers& buffers) {
  if (column.type != ArrowType::kFixedSizeList) {
    const uint64_t bits = column.type == ArrowType::kList ? 32 : 64;
    const uint64_t offset_count = row_count == 0 ? 0 : row_count + 1;
    INTACT_RETURN_IF_ERROR(parts.TakeItems(offset_count, bits, buffers.offsets));
  }
  bool has_nulls = false;
  INTACT_RETURN_IF_ERROR(parts.TakeNode(buffers.element_count, has_nulls));
  INTACT_RETURN_IF_ERROR(
      parts.TakeValidity(buffers.element_count, has_nulls, buffers.element_validity));
  const size_t element_bits = 8 * base::ElementSize(column.element);
  INTACT_RETURN_IF_ERROR(parts.TakeItems(buffers.element_count, element_bits, buffers.values));
  if (column.type == ArrowType::kFixedSizeList && row_count > 0 &&
      (column.list_size == 0 || buffers.element_count / column.list_size < row_count)) {
    return base::Corruption("expected " + std::to_string(row_count) + " lists of " +
                            std::to_string(column.list_size) + " elements, found " +
                            std::to_string(buffers.element_count) + " elements");
  }
  return base::Ok();
}

base::Status TakeColumn(const ArrowColumn& column, uint64_t row_count, BatchParts& parts,
                        ArrowBuffers& buffers) {
  uint64_t column_rows = 0;
  bool has_nulls = false;
  INTACT_RETURN_IF_ERROR(parts.TakeNode(column_rows, has_nulls));
  if (column_rows != row_count) {
    return base::Corruption(ExpectedFoundCount(row_count, "rows", column_rows));
  }
  if (column.type == ArrowType::kNull) return base::Ok();
  INTACT_RETURN_IF_ERROR(parts.TakeValidity(row_count, has_nulls, buffers.validity));
  const uint64_t offset_count = row_count == 0 ? 0 : row_count + 1;
  switch (column.type) {
    case ArrowType::kBool:
      return parts.TakeItems(row_count, 1, buffers.values);
    case ArrowType::kInt:
      return parts.TakeItems(row_count, column.bit_width, buffers.values);
    case ArrowType::kFloat:
      return parts.TakeItems(row_count, 8 * base::ElementSize(column.element), buffers.values);
    case ArrowType::kUtf8:
    case ArrowType::kLargeUtf8:
      INTACT_RETURN_IF_ERROR(parts.TakeItems(
          offset_count, column.type == ArrowType::kUtf8 ? 32 : 64, buffers.offsets));
      return parts.TakeBuffer(buffers.values);
    case ArrowType::kUtf8View:
      INTACT_RETURN_IF_ERROR(parts.TakeItems(row_count, 128, buffers.values));
      return parts.TakeViewCharacters(buffers.view_characters);
    default:
      return TakeList(column, row_count, parts, buffers);
  }
}

}  // namespace

base::Result<ArrowBatch> ParseArrowBatch(const ArrowSchema& schema, const ArrowMessage& message) {
  FlatBuffer buffer(message.metadata);
  const FlatTable table = buffer.Root().Table(kMessageHeader);
  if (table.Table(kBatchCompression).is_present()) {
    return base::Unsupported(
        "compressed buffers; write the file without: pyarrow IpcWriteOptions(compression=None), "
        "write_feather(compression=\"uncompressed\"), polars "
        "write_ipc(compression=\"uncompressed\")");
  }
  BatchParts parts(table, message.body);
  const auto row_count = table.Get<int64_t>(kBatchLength, 0);
  if (!buffer.ok() || row_count < 0) {
    return base::Corruption("its metadata refers to bytes outside itself");
  }
  ArrowBatch batch;
  batch.row_count = static_cast<uint64_t>(row_count);
  batch.columns.resize(schema.columns.size());
  for (size_t i = 0; i < schema.columns.size(); ++i) {
    base::Status status = TakeColumn(schema.columns[i], batch.row_count, parts, batch.columns[i]);
    if (!status.ok()) {
      return status.Annotate("column '" + std::string(schema.columns[i].name) + "'");
    }
  }
  return batch;
}

}  // namespace intact::format
