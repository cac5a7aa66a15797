#include "intact/format/vector_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>

namespace intact::format {
namespace {

using base::Code;
using base::ElementType;

template <typename T>
std::string Raw(const std::vector<T>& values) {
  std::string bytes(values.size() * sizeof(T), '\0');
  if (!values.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

// A whole file's rows, read `count_max` at a time.
base::Result<VectorRows> ReadAll(std::string_view name, std::string_view file,
                                 size_t count_max = 1000, uint32_t dimensions = 0,
                                 VectorFileInfo* info = nullptr) {
  VectorFileOptions options;
  options.dimensions = dimensions;
  auto reader = OpenVectorFile(name, base::AsBytes(file), options);
  if (!reader.ok()) return reader.status();
  if (info != nullptr) *info = (*reader)->info();
  VectorRows all;
  VectorRows rows;
  do {
    base::Status status = (*reader)->Next(count_max, rows);
    if (!status.ok()) return status;
    EXPECT_LE(rows.count, count_max);
    all.count += rows.count;
    all.elements.insert(all.elements.end(), rows.elements.begin(), rows.elements.end());
    all.ids.insert(all.ids.end(), rows.ids.begin(), rows.ids.end());
    all.metadata.insert(all.metadata.end(), rows.metadata.begin(), rows.metadata.end());
  } while (rows.count > 0);
  return all;
}

VectorRows Slice(const VectorRows& rows, size_t row_size, size_t begin, size_t count) {
  VectorRows part;
  const auto at = [](size_t index) { return static_cast<std::ptrdiff_t>(index); };
  part.count = count;
  part.elements.assign(rows.elements.begin() + at(begin * row_size),
                       rows.elements.begin() + at((begin + count) * row_size));
  const auto take = [&](const std::vector<std::string>& from, std::vector<std::string>& to) {
    if (!from.empty()) to.assign(from.begin() + at(begin), from.begin() + at(begin + count));
  };
  take(rows.ids, part.ids);
  take(rows.metadata, part.metadata);
  return part;
}

base::Result<std::string> WriteAll(VectorFileInfo info, const VectorRows& rows,
                                   size_t batch_count = 7) {
  std::string file;
  info.row_count = rows.count;
  auto writer = MakeVectorFileWriter(info, [&](base::ByteSpan bytes) {
    file += base::AsText(bytes);
    return base::Ok();
  });
  if (!writer.ok()) return writer.status();
  const size_t row_size = info.dimensions * base::ElementSize(info.element);
  for (size_t row = 0; row < rows.count; row += batch_count) {
    const size_t count = std::min(batch_count, rows.count - row);
    INTACT_RETURN_IF_ERROR((*writer)->Append(Slice(rows, row_size, row, count)));
  }
  INTACT_RETURN_IF_ERROR((*writer)->Finish());
  return file;
}

std::string NpyFile(std::string_view header, std::string_view values, char major = 1) {
  std::string file = "\x93NUMPY";
  file += major;
  file += '\0';
  file += static_cast<char>(header.size());
  file += static_cast<char>(header.size() >> 8);
  if (major > 1) file += std::string(2, '\0');
  return file.append(header).append(values);
}

TEST(DetectVectorFile, GoesByFirstBytesThenName) {
  struct Case {
    std::string_view name;
    std::string_view bytes;
    std::optional<VectorFileKind> kind;
  };
  const Case cases[] = {
      {"x.f32", "\x93NUMPY\x01", VectorFileKind::kNpy},
      {"x", "ARROW1", VectorFileKind::kArrow},
      {"x.f32", "\xff\xff\xff\xff", VectorFileKind::kF32},
      {"x.F32", "{", VectorFileKind::kF32},
      {"x.npy", "", VectorFileKind::kNpy},
      {"a/x.JsonL", "", VectorFileKind::kJsonLines},
      {"x.ndjson", "", VectorFileKind::kJsonLines},
      {"x.feather", "", VectorFileKind::kArrow},
      {"x.arrows", "", VectorFileKind::kArrow},
      {"x", "\xff\xff\xff\xff\x10", VectorFileKind::kArrow},
      {"x.txt", " \n{\"id\":1}", VectorFileKind::kJsonLines},
      {"x.txt", "id", std::nullopt},
      {"f32", "", std::nullopt},
      {"", "", std::nullopt},
  };
  for (const Case& test : cases) {
    EXPECT_EQ(DetectVectorFile(test.name, base::AsBytes(test.bytes)), test.kind) << test.name;
  }
  EXPECT_EQ(OpenVectorFile("x.txt", {}, {}).code(), Code::kInvalidArgument);
}

TEST(F32File, TakesDimensionsFromNameOrCaller) {
  const std::string six = Raw<float>({1, 2, 3, 4, 5, 6});
  struct Case {
    std::string_view name;
    uint32_t dimensions;
    size_t rows;  // 0 for an error.
  };
  const Case cases[] = {
      {"model__3__2.f32", 0, 2}, {"a/b__c__2__3.f32", 0, 3},
      {"model__3__2.f32", 2, 3}, {"x.f32", 6, 1},
      {"x.f32", 0, 0},           {"model__3__3.f32", 0, 0},
      {"x.f32", 4, 0},           {"x.f32", 65537, 0},
      {"model__0__2.f32", 0, 0}, {"m__3__2x.f32", 0, 0},
      {"__3__2.f32", 0, 2},      {"__2.f32", 0, 0},
      {"3__2.f32", 0, 0},        {"m__99999999999__2.f32", 0, 0},
  };
  for (const Case& test : cases) {
    const auto rows = ReadAll(test.name, six, 1000, test.dimensions);
    ASSERT_EQ(rows.ok(), test.rows > 0) << test.name << rows.status().ToString();
    if (rows.ok()) {
      EXPECT_EQ(rows->count, test.rows);
    }
  }
  EXPECT_EQ(ReadAll("m__3__0.f32", "")->count, 0u);
}

TEST(NpyFile, IsWrittenAsNumpySavesIt) {
  VectorFileInfo info;
  info.kind = VectorFileKind::kNpy;
  info.dimensions = 4;
  VectorRows rows;
  rows.count = 3;
  rows.elements.resize(48);
  const auto file = WriteAll(info, rows);
  ASSERT_TRUE(file.ok());
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }";
  header.resize(117, ' ');
  EXPECT_EQ(*file, NpyFile(header + "\n", std::string(48, '\0')));
}

TEST(NpyFile, IsReadInEveryForm) {
  const std::string row_major = Raw<float>({1, 2, 3, 4, 5, 6});
  const std::string column_major = Raw<float>({1, 4, 2, 5, 3, 6});
  std::string swapped = row_major;
  for (size_t i = 0; i < swapped.size(); i += 4) std::reverse(&swapped[i], &swapped[i] + 4);
  struct Case {
    std::string_view header;
    std::string_view values;
    char major;
  };
  const Case cases[] = {
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }  \n", row_major, 1},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }  \n", row_major, 2},
      {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }  \n", row_major, 3},
      {"{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<f4\"}", row_major, 1},
      {"{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3)}", column_major, 1},
      {"{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3)}", swapped, 1},
  };
  for (const Case& test : cases) {
    for (const size_t count_max : {1, 2, 100}) {
      const auto rows = ReadAll("x", NpyFile(test.header, test.values, test.major), count_max);
      ASSERT_TRUE(rows.ok()) << test.header << rows.status().ToString();
      EXPECT_EQ(base::AsText(rows->elements), row_major) << test.header;
    }
  }
  VectorFileInfo info;
  const std::string one = "{'descr': '|V2', 'fortran_order': True, 'shape': (12,)}";
  EXPECT_EQ(base::AsText(ReadAll("x", NpyFile(one, row_major), 9, 0, &info)->elements), row_major);
  EXPECT_EQ(info.element, ElementType::kBfloat16);
  EXPECT_EQ(info.row_count, 1u);
}

TEST(NpyFile, RefusesOtherHeaders) {
  const auto expect = [](std::string_view file, Code code) {
    EXPECT_EQ(ReadAll("x.npy", file).code(), code) << file;
  };
  const auto header = [](std::string_view descr, std::string_view shape) {
    return "{'descr': '" + std::string(descr) +
           "', 'fortran_order': False, 'shape': " + std::string(shape) + ", }";
  };
  const std::string values(24, '\0');
  expect(NpyFile(header("<i4", "(2, 3)"), values), Code::kUnsupported);
  expect(NpyFile(header("<f4", "(1, 2, 3)"), values), Code::kUnsupported);
  expect(NpyFile(header("<f4", "()"), values), Code::kUnsupported);
  expect(NpyFile(header("<f4", "(2, 0)"), ""), Code::kInvalidArgument);
  expect(NpyFile(header("<f4", "(1, 65537)"), values), Code::kInvalidArgument);
  for (const std::string_view shape :
       {"(2, 4)", "(3, 3)", "(2, 3", "(2 3)", "(-2, 3)", "(,)", "2", "(18446744073709551616, 3)",
        "(18446744073709551615, 3)", "(4611686018427387906, 3)"}) {
    expect(NpyFile(header("<f4", shape), values), Code::kCorruption);
  }
  expect(NpyFile("{'descr': '<f4', 'fortran_order': False}", values), Code::kCorruption);
  expect(NpyFile("{'descr': '<f4', 'descr': '<f4', 'shape': (2, 3)}", values), Code::kCorruption);
  expect(NpyFile(header("<f4", "(2, 3)") + "x", values), Code::kCorruption);
  expect(NpyFile(header("<f4", "(2, 3)"), values, 4), Code::kUnsupported);
  expect("\x93NUMPX", Code::kCorruption);
  expect(std::string_view("\x93NUMPY\x01\x00\xff", 9), Code::kCorruption);
  EXPECT_EQ(ReadAll("x", NpyFile(header("<f4", "(2, 3)"), values), 9, 4).code(),
            Code::kInvalidArgument)
      << "other dimensions than the caller asks for";
}

struct RoundTrip {
  VectorFileKind kind;
  ElementType element;
  bool has_text;
};

TEST(VectorFile, BringsEveryBitBack) {
  const RoundTrip cases[] = {
      {VectorFileKind::kF32, ElementType::kFloat32, false},
      {VectorFileKind::kNpy, ElementType::kFloat32, false},
      {VectorFileKind::kNpy, ElementType::kFloat16, false},
      {VectorFileKind::kNpy, ElementType::kBfloat16, false},
      {VectorFileKind::kNpy, ElementType::kFloat64, false},
      {VectorFileKind::kJsonLines, ElementType::kFloat32, false},
      {VectorFileKind::kJsonLines, ElementType::kFloat32, true},
      {VectorFileKind::kArrow, ElementType::kFloat32, true},
      {VectorFileKind::kArrow, ElementType::kFloat16, false},
      {VectorFileKind::kArrow, ElementType::kFloat64, true},
  };
  std::mt19937_64 random(1);
  for (const RoundTrip& test : cases) {
    for (const size_t count : {0, 1, 2, 17, 100}) {
      VectorFileInfo info;
      info.kind = test.kind;
      info.element = test.element;
      info.dimensions = 5;
      info.has_ids = test.has_text;
      info.has_metadata = test.has_text;
      VectorRows rows;
      rows.count = count;
      rows.elements.resize(count * 5 * base::ElementSize(test.element));
      for (std::byte& byte : rows.elements) byte = static_cast<std::byte>(random());
      for (size_t i = 0; i < count && test.has_text; ++i) {
        rows.ids.push_back("id \"" + std::to_string(i) + "\"\n\u20ac");
        rows.metadata.push_back(i % 3 == 1 ? "" : "{ \"a\" : [1.50, \"\\u00e9\"] }");
      }
      const auto file = WriteAll(info, rows);
      ASSERT_TRUE(file.ok()) << file.status().ToString();
      VectorFileInfo read_info;
      const auto name = "x." + std::string(VectorFileKindName(test.kind));
      const auto read = ReadAll(name, *file, 8, 5, &read_info);
      ASSERT_TRUE(read.ok()) << read.status().ToString();
      EXPECT_EQ(read->elements, rows.elements);
      EXPECT_EQ(read->ids, rows.ids);
      EXPECT_EQ(read->metadata, rows.metadata);
      EXPECT_EQ(read_info.element, test.element);
      EXPECT_EQ(read_info.row_count.value_or(count), count);
      if (count > 0) {
        EXPECT_EQ(read_info.has_ids, test.has_text);
      }
    }
  }
}

TEST(VectorFile, IsAnErrorOrAPrefixWhereItIsCutShort) {
  for (const VectorFileKind kind : {VectorFileKind::kF32, VectorFileKind::kNpy,
                                    VectorFileKind::kJsonLines, VectorFileKind::kArrow}) {
    VectorFileInfo info;
    info.kind = kind;
    info.dimensions = 2;
    info.has_ids = info.has_metadata =
        kind == VectorFileKind::kJsonLines || kind == VectorFileKind::kArrow;
    VectorRows rows;
    rows.count = 3;
    rows.elements.resize(24);
    if (info.has_ids) rows.ids = {"a", "b", "c"};
    if (info.has_ids) rows.metadata = {"{}", "", "{\"k\":1}"};
    const std::string whole = *WriteAll(info, rows);
    const std::string name = "m__2__3." + std::string(VectorFileKindName(kind));
    ASSERT_TRUE(ReadAll(name, whole).ok());
    for (size_t size = 0; size < whole.size(); ++size) {
      const auto read = ReadAll(name, std::string_view(whole).substr(0, size));
      if (kind == VectorFileKind::kJsonLines && read.ok()) {
        EXPECT_TRUE(whole[size] == '\n' || whole[size - 1] == '\n') << size;
      } else {
        EXPECT_FALSE(read.ok()) << name << " " << size;
      }
    }
  }
}

TEST(VectorFileWriter, RefusesWhatAKindCannotHold) {
  struct Case {
    VectorFileKind kind;
    ElementType element;
    bool has_ids;
    std::string_view kinds_that_can;
  };
  const Case cases[] = {
      {VectorFileKind::kF32, ElementType::kFloat16, false, "npy, arrow"},
      {VectorFileKind::kJsonLines, ElementType::kBfloat16, false, "npy"},
      {VectorFileKind::kArrow, ElementType::kBfloat16, false, "npy"},
      {VectorFileKind::kNpy, ElementType::kFloat32, true, "jsonl, arrow"},
      {VectorFileKind::kArrow, ElementType::kBfloat16, true, "no kind"},
  };
  for (const Case& test : cases) {
    VectorFileInfo info;
    info.kind = test.kind;
    info.element = test.element;
    info.dimensions = 2;
    info.has_ids = test.has_ids;
    const auto file = WriteAll(info, {});
    EXPECT_EQ(file.code(), Code::kInvalidArgument);
    EXPECT_TRUE(file.status().message().ends_with(": " + std::string(test.kinds_that_can)))
        << file.status().message();
  }
}

TEST(VectorFileWriter, HoldsCallersToTheirPromise) {
  VectorFileInfo info;
  info.kind = VectorFileKind::kJsonLines;
  info.dimensions = 1;
  info.has_ids = true;
  info.has_metadata = true;
  const auto sink = [](base::ByteSpan) { return base::Ok(); };
  EXPECT_EQ(MakeVectorFileWriter(info, sink).code(), Code::kInvalidArgument) << "no count";
  info.row_count = 2;
  VectorRows row;
  row.count = 1;
  row.elements.resize(4);
  row.ids = {"a"};
  row.metadata = {"{}"};
  const auto append = [&](auto change) {
    auto writer = MakeVectorFileWriter(info, sink);
    VectorRows changed = row;
    change(changed);
    return (*writer)->Append(changed).code();
  };
  EXPECT_EQ(append([](VectorRows&) {}), Code::kOk);
  EXPECT_EQ(append([](VectorRows& rows) { rows.metadata.clear(); }), Code::kOk);
  EXPECT_EQ(append([](VectorRows& rows) { rows.count = 3; }), Code::kInvalidArgument);
  EXPECT_EQ(append([](VectorRows& rows) { rows.elements.resize(5); }), Code::kInvalidArgument);
  EXPECT_EQ(append([](VectorRows& rows) { rows.ids.clear(); }), Code::kInvalidArgument);
  EXPECT_EQ(append([](VectorRows& rows) { rows.ids = {"\xff"}; }), Code::kInvalidArgument);
  EXPECT_EQ(append([](VectorRows& rows) { rows.metadata = {"[]"}; }), Code::kInvalidArgument);
  auto writer = MakeVectorFileWriter(info, sink);
  EXPECT_EQ((*writer)->Append(row).code(), Code::kOk);
  EXPECT_EQ((*writer)->Finish().code(), Code::kInvalidArgument) << "a row is missing";
  EXPECT_EQ((*writer)->Append(row).code(), Code::kInvalidArgument) << "after the end";
}

}  // namespace
}  // namespace intact::format
