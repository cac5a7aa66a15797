// Arrow files as other writers make them, built here by hand, read through vector_file.h.
#include "intact/format/vector_file_arrow.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "intact/format/vector_file.h"

namespace intact::format {
namespace {

using base::Code;

constexpr uint8_t kTimestamp = 10;

// A column with its rows, as one batch holds them.
struct TestColumn {
  std::string name;
  ArrowType type = ArrowType::kUtf8;
  std::vector<FlatWriter::Field> type_fields;
  uint64_t row_count = 0;
  uint64_t null_count = 0;
  std::vector<std::string> buffers;
  // Of lists: the float32 child.
  std::optional<uint64_t> element_count;
  uint64_t element_null_count = 0;
  std::vector<std::string> element_buffers;
  std::optional<int64_t> variadic_count;
  bool is_dictionary = false;
};

template <typename T>
std::string Raw(std::initializer_list<T> values) {
  return std::string(
      base::AsText(base::AsBytes(std::span<const T>(values.begin(), values.size()))));
}

TestColumn Vectors() {
  TestColumn column;
  column.name = "v";
  column.type = ArrowType::kFixedSizeList;
  column.type_fields = {FlatWriter::Scalar(0, int32_t{2})};
  column.row_count = 3;
  column.buffers = {""};
  column.element_count = 6;
  column.element_buffers = {"", Raw<float>({1, 2, 3, 4, 5, 6})};
  return column;
}

TestColumn Lists(ArrowType type, const std::string& offsets) {
  TestColumn column = Vectors();
  column.type = type;
  column.type_fields.clear();
  column.buffers = {"", offsets};
  return column;
}

TestColumn Plain(std::string name, ArrowType type, std::vector<FlatWriter::Field> type_fields,
                 std::vector<std::string> buffers) {
  TestColumn column;
  column.name = std::move(name);
  column.type = type;
  column.type_fields = std::move(type_fields);
  column.row_count = 3;
  column.buffers = std::move(buffers);
  return column;
}

size_t WriteField(FlatWriter& out, std::string_view name, uint8_t type, size_t type_place,
                  const std::vector<size_t>& children, bool is_dictionary = false) {
  std::vector<FlatWriter::Field> fields = {FlatWriter::Place(kFieldName, out.Text(name)),
                                           FlatWriter::Scalar(kFieldTypeKind, type),
                                           FlatWriter::Place(kFieldType, type_place)};
  if (is_dictionary) fields.push_back(FlatWriter::Place(kFieldDictionary, out.Table({})));
  fields.push_back(FlatWriter::Place(kFieldChildren, out.Tables(children)));
  return out.Table(fields);
}

struct StreamOptions {
  int16_t endianness = 0;
  int16_t version = kArrowVersion5;
  bool is_compressed = false;
  bool has_end = true;
  int batch_count = 1;
};

void AppendMessage(FlatWriter& out, ArrowHeader header, size_t place, const std::string& body,
                   int16_t version, std::string& file) {
  const base::Bytes metadata =
      out.Finish(out.Table({FlatWriter::Scalar(kMessageVersion, version),
                            FlatWriter::Scalar(kMessageType, static_cast<uint8_t>(header)),
                            FlatWriter::Place(kMessageHeader, place),
                            FlatWriter::Scalar(kMessageBodySize, uint64_t{body.size()})}));
  file += Raw<uint32_t>({kArrowContinuation, static_cast<uint32_t>(metadata.size())});
  file += base::AsText(metadata);
  file += body;
}

std::string SchemaMessage(const std::vector<TestColumn>& columns, const StreamOptions& options) {
  FlatWriter out;
  std::vector<size_t> fields;
  for (const TestColumn& column : columns) {
    std::vector<size_t> children;
    if (column.element_count) {
      const size_t single = out.Table({FlatWriter::Scalar(0, int16_t{1})});
      children.push_back(
          WriteField(out, "item", static_cast<uint8_t>(ArrowType::kFloat), single, {}));
    }
    const size_t type = out.Table(column.type_fields);
    fields.push_back(WriteField(out, column.name, static_cast<uint8_t>(column.type), type, children,
                                column.is_dictionary));
  }
  const size_t list = out.Tables(fields);
  const size_t schema = out.Table({FlatWriter::Scalar(kSchemaEndianness, options.endianness),
                                   FlatWriter::Place(kSchemaFields, list)});
  std::string message;
  AppendMessage(out, ArrowHeader::kSchema, schema, "", options.version, message);
  return message;
}

std::string BatchMessage(const std::vector<TestColumn>& columns, const StreamOptions& options) {
  std::string body;
  base::ByteWriter nodes;
  base::ByteWriter buffers;
  base::ByteWriter variadic_counts;
  const auto add = [&](uint64_t rows, uint64_t nulls, const std::vector<std::string>& parts) {
    nodes.Put(rows);
    nodes.Put(nulls);
    for (const std::string& part : parts) {
      buffers.Put(uint64_t{body.size()});
      buffers.Put(uint64_t{part.size()});
      body += part;
    }
  };
  for (const TestColumn& column : columns) {
    add(column.row_count, column.null_count, column.buffers);
    if (column.element_count) {
      add(*column.element_count, column.element_null_count, column.element_buffers);
    }
    if (column.variadic_count) variadic_counts.Put(*column.variadic_count);
  }
  const auto count = [](const base::ByteWriter& items, size_t size) {
    return static_cast<uint32_t>(items.size() / size);
  };
  FlatWriter out;
  std::vector<FlatWriter::Field> fields = {
      FlatWriter::Scalar(kBatchLength, columns[0].row_count),
      FlatWriter::Place(kBatchNodes, out.Structs(count(nodes, 16), nodes.bytes())),
      FlatWriter::Place(kBatchBuffers, out.Structs(count(buffers, 16), buffers.bytes()))};
  if (options.is_compressed) fields.push_back(FlatWriter::Place(kBatchCompression, out.Table({})));
  if (variadic_counts.size() > 0) {
    fields.push_back(FlatWriter::Place(
        kBatchVariadicCounts, out.Structs(count(variadic_counts, 8), variadic_counts.bytes())));
  }
  const size_t batch = out.Table(fields);
  std::string message;
  AppendMessage(out, ArrowHeader::kRecordBatch, batch, body, options.version, message);
  return message;
}

std::string Stream(const std::vector<TestColumn>& columns, const StreamOptions& options = {}) {
  std::string file = SchemaMessage(columns, options);
  for (int i = 0; i < options.batch_count; ++i) file += BatchMessage(columns, options);
  if (options.has_end) file += Raw<uint32_t>({kArrowContinuation, 0});
  return file;
}

base::Result<VectorRows> Read(const std::string& file) {
  auto reader = OpenVectorFile("x.arrows", base::AsBytes(file), {});
  if (!reader.ok()) return reader.status();
  VectorRows rows;
  INTACT_RETURN_IF_ERROR((*reader)->Next(100, rows));
  EXPECT_EQ((*reader)->info().row_count, rows.count);
  return rows;
}

void ExpectVectors(const base::Result<VectorRows>& rows, std::string_view what) {
  ASSERT_TRUE(rows.ok()) << what << rows.status().ToString();
  EXPECT_EQ(base::AsText(rows->elements), Raw<float>({1, 2, 3, 4, 5, 6})) << what;
}

TEST(Arrow, ReadsVectorsOfEveryListType) {
  const std::vector<TestColumn> cases = {Vectors(),
                                         Lists(ArrowType::kList, Raw<uint32_t>({0, 2, 4, 6})),
                                         Lists(ArrowType::kLargeList, Raw<uint64_t>({0, 2, 4, 6}))};
  for (const TestColumn& column : cases) {
    ExpectVectors(Read(Stream({column})), column.name);
    ExpectVectors(Read(Stream({column}, {.has_end = false})), "without an end");
    ExpectVectors(Read(Stream({column}, {.version = kArrowVersion4})), "version 4");
  }
  TestColumn shifted = Lists(ArrowType::kList, Raw<uint32_t>({1, 3, 5, 7}));
  shifted.element_count = 7;
  shifted.element_buffers[1] = Raw<float>({0, 1, 2, 3, 4, 5, 6});
  ExpectVectors(Read(Stream({shifted})), "offsets that do not begin at 0");
  EXPECT_EQ(Read(Stream({Vectors()}, {.batch_count = 4}))->count, 12u);
  EXPECT_EQ(Read(Stream({Vectors()}, {.batch_count = 0}))->count, 0u);
}

TEST(Arrow, ReadsIdsAndFields) {
  const auto integer = [](int32_t bits, bool is_signed) {
    return std::vector<FlatWriter::Field>{FlatWriter::Scalar(0, bits),
                                          FlatWriter::Scalar(1, static_cast<uint8_t>(is_signed))};
  };
  TestColumn texts =
      Plain("t", ArrowType::kUtf8, {}, {"\x05", Raw<uint32_t>({0, 1, 1, 3}), "a\"\n"});
  texts.null_count = 1;
  TestColumn views = Plain("w", ArrowType::kUtf8View, {},
                           {"",
                            Raw<uint32_t>({2, 0x6968, 0, 0}) +
                                Raw<uint32_t>({13, 0x33323130, 0, 1}) + Raw<uint32_t>({0, 0, 0, 0}),
                            "x0123456789abc"});
  views.variadic_count = 1;
  const auto rows = Read(Stream(
      {Plain("id", ArrowType::kInt, integer(16, true), {"", Raw<int16_t>({-3, 0, 300})}), texts,
       views, Vectors(),
       Plain("u", ArrowType::kInt, integer(64, false), {"", Raw<uint64_t>({~uint64_t{0}, 0, 1})}),
       Plain("b", ArrowType::kBool, {}, {"", "\x02"}),
       Plain("f", ArrowType::kFloat, {FlatWriter::Scalar(0, int16_t{2})},
             {"", Raw<double>({0.1, -HUGE_VAL, 1e300})}),
       Plain("h", ArrowType::kFloat, {FlatWriter::Scalar(0, int16_t{0})},
             {"", Raw<uint16_t>({0x3555, 0x0001, 0x7e00})}),
       Plain("n", ArrowType::kNull, {}, {})}));
  ExpectVectors(rows, "fields");
  EXPECT_EQ(rows->ids, (std::vector<std::string>{"-3", "0", "300"}));
  EXPECT_EQ(rows->metadata,
            (std::vector<std::string>{
                R"({"t":"a","w":"hi","u":18446744073709551615,"b":false,"f":0.1,"h":0.33325195,)"
                R"("n":null})",
                R"({"t":null,"w":"0123456789abc","u":0,"b":true,"f":"-Infinity","h":5.9604645e-08,)"
                R"("n":null})",
                R"({"t":"\"\u000a","w":"","u":1,"b":false,"f":1e+300,"h":"NaN","n":null})"}));
}

TEST(Arrow, TakesAMetadataColumnAsItIs) {
  const std::string texts = "{ \"a\":1}{}";
  TestColumn metadata =
      Plain("metadata", ArrowType::kLargeUtf8, {}, {"\x05", Raw<uint64_t>({0, 8, 8, 10}), texts});
  metadata.null_count = 1;
  auto rows = Read(Stream({Vectors(), metadata}));
  ExpectVectors(rows, "metadata");
  EXPECT_EQ(rows->metadata, (std::vector<std::string>{"{ \"a\":1}", "", "{}"}));
  rows = Read(Stream({Vectors(), metadata, Plain("b", ArrowType::kBool, {}, {"", "\x07"})}));
  EXPECT_EQ(rows->metadata[0], R"({"metadata":{ "a":1},"b":true})");
  metadata.buffers[1] = Raw<uint64_t>({0, 7, 7, 10});
  EXPECT_EQ(Read(Stream({Vectors(), metadata})).code(), Code::kInvalidArgument);
}

TEST(Arrow, ChoosesTheVectorByNameThenByType) {
  const auto named = [](TestColumn column, std::string name) {
    column.name = std::move(name);
    return column;
  };
  const TestColumn list = Lists(ArrowType::kList, Raw<uint32_t>({0, 2, 4, 6}));
  // A second column of lists is never a field: the message tells which was not chosen.
  const auto left_over = [](const std::vector<TestColumn>& columns) {
    return Read(Stream(columns)).status().message();
  };
  EXPECT_NE(left_over({Vectors(), named(list, "embedding")}).find("'v'"), std::string::npos);
  EXPECT_NE(left_over({list, named(Vectors(), "x")}).find("'v'"), std::string::npos);
  EXPECT_NE(left_over({Vectors(), named(Vectors(), "x")}).find("'x'"), std::string::npos);
  EXPECT_NE(left_over({named(list, "values"), named(list, "vector")}).find("'values'"),
            std::string::npos);
}

struct Change {
  const char* name;
  Code code;
  std::function<void(std::vector<TestColumn>&, StreamOptions&)> apply;
};

TEST(Arrow, RefusesWhatIsWrong) {
  const auto id = Plain("id", ArrowType::kUtf8, {}, {"", Raw<uint32_t>({0, 1, 2, 3}), "abc"});
  const Change cases[] = {
      {"compressed", Code::kUnsupported, [](auto&, auto& o) { o.is_compressed = true; }},
      {"big-endian", Code::kUnsupported, [](auto&, auto& o) { o.endianness = 1; }},
      {"version 3", Code::kUnsupported, [](auto&, auto& o) { o.version = 2; }},
      {"dictionary", Code::kUnsupported, [](auto& c, auto&) { c[0].is_dictionary = true; }},
      {"timestamp", Code::kUnsupported,
       [](auto& c, auto&) { c[0].type = static_cast<ArrowType>(kTimestamp); }},
      {"no vectors", Code::kInvalidArgument, [](auto& c, auto&) { c.pop_back(); }},
      {"two ids", Code::kInvalidArgument, [](auto& c, auto&) { c.insert(c.begin(), c[0]); }},
      {"a null id", Code::kInvalidArgument,
       [](auto& c, auto&) { c[0].buffers[0] = "\x03", c[0].null_count = 1; }},
      {"a null vector", Code::kInvalidArgument,
       [](auto& c, auto&) { c[1].buffers[0] = "\x03", c[1].null_count = 1; }},
      {"a null element", Code::kInvalidArgument,
       [](auto& c, auto&) { c[1].element_buffers[0] = "\x1f", c[1].element_null_count = 1; }},
      {"lists of other lengths", Code::kInvalidArgument,
       [](auto& c, auto&) {
         c[1] = Lists(ArrowType::kList, Raw<uint32_t>({0, 2, 3, 5}));
       }},
      {"no dimensions", Code::kInvalidArgument,
       [](auto& c, auto&) {
         c[1] = Lists(ArrowType::kList, Raw<uint32_t>({0, 0, 0, 0}));
       }},
      {"nulls without bits", Code::kCorruption, [](auto& c, auto&) { c[1].null_count = 1; }},
      {"other rows", Code::kCorruption, [](auto& c, auto&) { c[1].row_count = 2; }},
      {"negative rows", Code::kCorruption,
       [](auto& c, auto&) { c[0].row_count = c[1].row_count = ~uint64_t{0}; }},
      {"rows without end", Code::kCorruption,
       [](auto& c, auto&) { c[0].row_count = c[1].row_count = uint64_t{INT64_MAX}; }},
      {"few elements", Code::kCorruption, [](auto& c, auto&) { c[1].element_count = 5; }},
      {"many elements", Code::kCorruption, [](auto& c, auto&) { c[1].element_count = 7; }},
      {"no buffer", Code::kCorruption, [](auto& c, auto&) { c[1].element_buffers.pop_back(); }},
      {"no node", Code::kCorruption, [](auto& c, auto&) { c[1].element_count.reset(); }},
      {"short offsets", Code::kCorruption, [](auto& c, auto&) { c[0].buffers[1].resize(12); }},
      {"offsets beyond", Code::kCorruption, [](auto& c, auto&) { c[0].buffers[2] = "ab"; }},
      {"falling offsets", Code::kCorruption,
       [](auto& c, auto&) {
         c[0].buffers[1] = Raw<uint32_t>({0, 2, 1, 3});
       }},
      {"no UTF-8", Code::kCorruption,
       [](auto& c, auto&) {
         c[0].buffers[2] =
             "a\xff"
             "c";
       }},
      {"list offsets beyond", Code::kCorruption,
       [](auto& c, auto&) {
         c[1] = Lists(ArrowType::kList, Raw<uint32_t>({0, 2, 4, 7}));
       }},
  };
  EXPECT_TRUE(Read(Stream({id, Vectors()})).ok());
  for (const Change& change : cases) {
    std::vector<TestColumn> columns = {id, Vectors()};
    StreamOptions options;
    change.apply(columns, options);
    const std::string file = change.name == std::string_view("no node")
                                 ? SchemaMessage({id, Vectors()}, {}) + BatchMessage(columns, {})
                                 : Stream(columns, options);
    const auto rows = Read(file);
    EXPECT_EQ(rows.code(), change.code) << change.name << ": " << rows.status().ToString();
  }
  EXPECT_EQ(Read(Stream({Vectors()}) + "x").code(), Code::kCorruption) << "bytes after the end";
  EXPECT_EQ(Read(BatchMessage({Vectors()}, {})).code(), Code::kCorruption) << "no schema";
}

TEST(Arrow, StaysWithinAViewsBuffers) {
  for (const std::string& view :
       {Raw<uint32_t>({13, 0, 0, 2}), Raw<uint32_t>({13, 0, 1, 0}),
        Raw<uint32_t>({13, 0, 0, 0xffffffff}), Raw<uint32_t>({0xffffffff, 0, 0, 0})}) {
    TestColumn ids =
        Plain("id", ArrowType::kUtf8View, {}, {"", view + std::string(32, '\0'), "x0123456789abc"});
    ids.variadic_count = 1;
    EXPECT_EQ(Read(Stream({ids, Vectors()})).code(), Code::kCorruption);
    ids.variadic_count = 100;
    EXPECT_EQ(Read(Stream({ids, Vectors()})).code(), Code::kCorruption);
  }
}

TEST(Arrow, SurvivesEveryFlippedBit) {
  std::string file = Stream(
      {Plain("id", ArrowType::kUtf8, {}, {"", Raw<uint32_t>({0, 1, 2, 3}), "abc"}), Vectors()});
  for (size_t bit = 0; bit < 8 * file.size(); ++bit) {
    const auto flip = static_cast<char>(1u << (bit % 8));
    file[bit / 8] = static_cast<char>(file[bit / 8] ^ flip);
    auto reader = OpenVectorFile("x.arrows", base::AsBytes(file), {});
    VectorRows rows;
    if (reader.ok() && (*reader)->Next(100, rows).ok()) {
      EXPECT_EQ(
          rows.count * (*reader)->info().dimensions * base::ElementSize((*reader)->info().element),
          rows.elements.size());
    }
    file[bit / 8] = static_cast<char>(file[bit / 8] ^ flip);
  }
}

}  // namespace
}  // namespace intact::format
