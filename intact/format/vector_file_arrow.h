// Arrow IPC's messages as plain values: which columns a file has and what they are here, and the
// buffers of a record batch, found and bounded (docs/format/interchange.md, "Arrow IPC"). Internal
// to vector_file_arrow*.cc. Source of the layout: the Arrow columnar format, version 1.5, sections
// "Serialization and Interprocess Communication" and "Physical Memory Layout", with its Schema,
// Message and File tables. Views borrow from the file's bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "intact/format/flat_buffer.h"
#include "intact/format/vector_file.h"

namespace intact::format {

inline constexpr std::string_view kArrowMagic = "ARROW1";
inline constexpr uint32_t kArrowContinuation = 0xffffffff;
inline constexpr int16_t kArrowVersion4 = 3;
inline constexpr int16_t kArrowVersion5 = 4;
inline constexpr size_t kArrowAlignment = 64;
inline constexpr size_t kArrowColumnCountMax = 1024;
inline constexpr size_t kArrowNameSizeMax = 4096;

// Slots of the tables, in the order of Arrow's schemas.
enum ArrowMessageSlot : size_t { kMessageVersion, kMessageType, kMessageHeader, kMessageBodySize };
enum ArrowSchemaSlot : size_t { kSchemaEndianness, kSchemaFields };
enum ArrowFieldSlot : size_t {
  kFieldName,
  kFieldNullable,
  kFieldTypeKind,
  kFieldType,
  kFieldDictionary,
  kFieldChildren
};
enum ArrowBatchSlot : size_t {
  kBatchLength,
  kBatchNodes,
  kBatchBuffers,
  kBatchCompression,
  kBatchVariadicCounts
};
enum ArrowFooterSlot : size_t {
  kFooterVersion,
  kFooterSchema,
  kFooterDictionaries,
  kFooterBatches
};

// Numbers of the union of message headers.
enum class ArrowHeader : uint8_t { kSchema = 1, kDictionary = 2, kRecordBatch = 3 };

// Numbers of the union of types.
enum class ArrowType : uint8_t {
  kNull = 1,
  kInt = 2,
  kFloat = 3,
  kUtf8 = 5,
  kBool = 6,
  kList = 12,
  kFixedSizeList = 16,
  kLargeUtf8 = 20,
  kLargeList = 21,
  kUtf8View = 24,
};

// A column, or the type of one that is not read here.
struct ArrowColumn {
  std::string_view name;
  ArrowType type = ArrowType::kNull;
  bool is_supported = false;
  std::string type_name;                                    // For messages: "timestamp".
  uint32_t bit_width = 0;                                   // Of kInt.
  bool is_signed = false;                                   // Of kInt.
  base::ElementType element = base::ElementType::kFloat32;  // Of kFloat and lists.
  uint32_t list_size = 0;                                   // Of kFixedSizeList.

  bool IsText() const {
    return type == ArrowType::kUtf8 || type == ArrowType::kLargeUtf8 ||
           type == ArrowType::kUtf8View;
  }
  bool IsList() const {
    return type == ArrowType::kFixedSizeList || type == ArrowType::kList ||
           type == ArrowType::kLargeList;
  }
};

struct ArrowSchema {
  std::vector<ArrowColumn> columns;
  size_t vector = 0;  // The columns' roles.
  std::optional<size_t> id;
  std::vector<size_t> metadata;  // All others.

  // Whether the metadata is the text of one column "metadata".
  bool HasMetadataText() const {
    return metadata.size() == 1 && columns[metadata[0]].name == "metadata" &&
           columns[metadata[0]].IsText();
  }
};

// kUnsupported, naming the column, for types that are not read; kInvalidArgument without vectors.
base::Result<ArrowSchema> ParseArrowSchema(const FlatTable& schema, const FlatBuffer& buffer);

struct ArrowMessage {
  base::ByteSpan metadata;  // A FlatBuffer.
  base::ByteSpan body;
  ArrowHeader header = ArrowHeader::kSchema;
};

// The message at `offset` of `bytes`, moving `offset` past it; none at the end of a stream.
base::Result<std::optional<ArrowMessage>> ReadArrowMessage(base::ByteSpan bytes, uint64_t& offset);

// One column's buffers in one batch. All rows' fixed-size parts are within them.
struct ArrowBuffers {
  base::ByteSpan validity;          // One bit per row; empty when no row is null.
  base::ByteSpan offsets;           // Of texts and lists: one more than rows.
  base::ByteSpan values;            // Fixed-size values, characters, views, or the list's elements.
  base::ByteSpan element_validity;  // Of lists.
  uint64_t element_count = 0;       // Of lists: all of `values`.
  std::vector<base::ByteSpan> view_characters;  // Of kUtf8View.
};

struct ArrowBatch {
  uint64_t row_count = 0;
  std::vector<ArrowBuffers> columns;
};

// `message` is a record batch. kUnsupported when it is compressed.
base::Result<ArrowBatch> ParseArrowBatch(const ArrowSchema& schema, const ArrowMessage& message);

// Whether bit `index` of a validity or Bool buffer is set; an empty validity buffer has all set.
inline bool ArrowBit(base::ByteSpan bits, uint64_t index) {
  return (static_cast<unsigned>(bits[index / 8]) >> (index % 8) & 1) != 0;
}
inline bool IsArrowValid(base::ByteSpan validity, uint64_t index) {
  return validity.empty() || ArrowBit(validity, index);
}

// The bytes of row `row` of a text column that is not null there.
base::Result<std::string_view> ArrowText(const ArrowColumn& column, const ArrowBuffers& buffers,
                                         uint64_t row);
// The bytes of row `row` of a column of lists.
base::Result<base::ByteSpan> ArrowList(const ArrowColumn& column, const ArrowBuffers& buffers,
                                       uint64_t row);
// Appends a value of a column that is no list, as JSON. `out` may then be longer than `size_max` by
// the text of one number.
base::Status AppendArrowJson(const ArrowColumn& column, const ArrowBuffers& buffers, uint64_t row,
                             size_t size_max, std::string& out);
// The decimal text of an integer.
std::string ArrowIntegerText(const ArrowColumn& column, const ArrowBuffers& buffers, uint64_t row);

}  // namespace intact::format
