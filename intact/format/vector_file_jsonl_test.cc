// JSON lines read and written through vector_file.h.
#include <gtest/gtest.h>

#include <bit>
#include <limits>

#include "intact/format/vector_file.h"

namespace intact::format {
namespace {

using base::Code;

base::Result<VectorRows> Read(std::string_view file) {
  auto reader = OpenVectorFile("x.jsonl", base::AsBytes(file), {});
  if (!reader.ok()) return reader.status();
  VectorRows rows;
  INTACT_RETURN_IF_ERROR((*reader)->Next(100, rows));
  return rows;
}

std::vector<float> Floats(const VectorRows& rows) {
  std::vector<float> values(rows.elements.size() / sizeof(float));
  std::memcpy(values.data(), rows.elements.data(), rows.elements.size());
  return values;
}

std::string Write(const std::vector<float>& row) {
  VectorFileInfo info;
  info.kind = VectorFileKind::kJsonLines;
  info.dimensions = static_cast<uint32_t>(row.size());
  info.row_count = 1;
  VectorRows rows;
  rows.count = 1;
  const base::ByteSpan bytes = base::AsBytes(std::span<const float>(row));
  rows.elements.assign(bytes.begin(), bytes.end());
  std::string file;
  auto writer = MakeVectorFileWriter(info, [&](base::ByteSpan part) {
    file += base::AsText(part);
    return base::Ok();
  });
  EXPECT_TRUE((*writer)->Append(rows).ok() && (*writer)->Finish().ok());
  return file;
}

TEST(JsonLines, FindsVectorIdAndMetadata) {
  struct Case {
    std::string_view line;
    std::string_view id;        // "-": none.
    std::string_view metadata;  // The same.
  };
  const Case cases[] = {
      {R"({"vector":[1,2]})", "-", "-"},
      {R"({"id":"a","vector":[1,2],"metadata":{"k": 1.0 }})", "a", R"({"k": 1.0 })"},
      {R"({"metadata":{},"embedding":[1,2],"_id":7})", "7", "{}"},
      {R"({"key":-12345678901234567890,"values":[1,2]})", "-12345678901234567890", "-"},
      {R"({"id":"\u20ac\ud83d\ude00","vector":[1,2]})", "\u20ac\U0001f600", "-"},
      {R"({"vector_base64":"AACAPwAAAEA=","id":""})", "", "-"},
      {R"({"embedding_base64":"AACAPwAAAEA="})", "-", "-"},
      {R"({"embedding":"AACAPwAAAEA=","object":"embedding","index":0})", "-",
       R"({"object":"embedding","index":0})"},
      {R"( { "vector" : [ 1 , 2 ] , "t" : "x\ny" , "n" : 1.50e0 } )", "-",
       R"({"t":"x\ny","n":1.50e0})"},
      {R"({"vector":[1,2],"metadata":null})", "-", "-"},
      {R"({"vector":[1,2],"metadata":"text"})", "-", R"({"metadata":"text"})"},
      {R"({"vector":[1,2],"metadata":{"a":1},"b":2})", "-", R"({"metadata":{"a":1},"b":2})"},
      {R"({"vector":[1,2],"embedding":[3]})", "-", R"({"embedding":[3]})"},
      {R"({"id":"a","key":3,"vector":[1,2]})", "a", R"({"key":3})"},
      {R"({"v\u0065ctor":[1,2],"\u0069d":1})", "1", "-"},
      {R"({"vector":[1,2],"a":1,"a":2})", "-", R"({"a":1,"a":2})"},
  };
  for (const Case& test : cases) {
    const auto rows = Read(test.line);
    ASSERT_TRUE(rows.ok()) << test.line << rows.status().ToString();
    ASSERT_EQ(rows->count, 1u);
    EXPECT_EQ(Floats(*rows), (std::vector<float>{1, 2})) << test.line;
    EXPECT_EQ(rows->ids.empty() ? "-" : rows->ids[0], test.id) << test.line;
    EXPECT_EQ(rows->metadata.empty() ? "-" : rows->metadata[0], test.metadata) << test.line;
  }
}

TEST(JsonLines, SkipsBlankLinesAndOneByteOrderMark) {
  const auto rows = Read("\xef\xbb\xbf\r\n{\"vector\":[1]}\r\n \n\n{\"vector\":[2]}");
  ASSERT_TRUE(rows.ok()) << rows.status().ToString();
  EXPECT_EQ(Floats(*rows), (std::vector<float>{1, 2}));
}

TEST(JsonLines, NoticesMetadataThatStartsLater) {
  const std::string_view file = "{\"vector\":[1]}\n{\"vector\":[2],\"a\":1}\nno json";
  auto reader = OpenVectorFile("x.jsonl", base::AsBytes(file), {});
  ASSERT_TRUE(reader.ok());
  EXPECT_TRUE((*reader)->info().has_metadata);
  VectorRows rows;
  ASSERT_TRUE((*reader)->Next(2, rows).ok());
  EXPECT_EQ(rows.metadata, (std::vector<std::string>{"", "{\"a\":1}"}));
  const base::Status status = (*reader)->Next(2, rows);
  EXPECT_EQ(status.code(), Code::kCorruption);
  EXPECT_NE(status.message().find("x.jsonl: line 3: "), std::string::npos) << status.message();
}

TEST(JsonLines, RefusesWhatIsWrong) {
  const std::string deep = std::string(64, '[') + std::string(64, ']');
  const std::string cases[] = {
      "",
      "\n",
      "[]",
      "{}",
      R"({"id":1})",
      R"({"vector":[]})",
      R"({"vector":[1,"2"]})",
      R"({"vector":[1,[2]]})",
      R"({"vector":[1,NaN]})",
      R"({"vector":[1,null]})",
      R"({"vector":[1e39]})",
      R"({"vector":[-1e99999999999999999999]})",
      R"({"vector":null})",
      R"({"vector":"AACAPwA="})",
      R"({"vector":"AACAPw"})",
      R"({"vector_base64":[1,2]})",
      R"({"vector":[1],"vector":[1]})",
      R"({"vector":[1],"id":1,"i\u0064":2})",
      R"({"vector":[1],"id":1.5})",
      R"({"vector":[1],"id":null})",
      R"({"vector":[1],"id":"\ud800"})",
      R"({"vector":[1],"a":01})",
      R"({"vector":[1]} {"vector":[1]})",
      R"({"vector":[1],})",
      "{\"vector\":[1],\"a\":\"\xff\"}",
      "{\"vector\":[1],\"a\":" + deep + "}",
      "{\"vector\":[1]}\n{\"vector\":[1,2]}",
      "{\"vector\":[1,2]}\n{\"vector\":[1]}",
      "{\"vector\":[1],\"id\":1}\n{\"vector\":[1]}",
      "{\"vector\":[1]}\n{\"vector\":[1],\"id\":1}",
  };
  for (const std::string& text : cases) EXPECT_FALSE(Read(text).ok()) << text;
}

TEST(JsonLines, RoundsEachNumberOnce) {
  struct Case {
    std::string_view text;
    uint32_t bits;
  };
  const Case cases[] = {
      {"0.1", 0x3dcccccd},
      {"-0.0", 0x80000000},
      {"-0", 0x80000000},
      {"0e999999999999", 0},
      // Just below the middle of 0x3f800001 and 0x3f800002: by way of float64 it would be the
      // middle, and from there the even neighbour.
      {"1.00000017881393432617187499", 0x3f800001},
      {"1.00000017881393432617187500", 0x3f800002},
      {"16777217", 0x4b800000},
      {"3.4028235e38", 0x7f7fffff},
      {"3.40282356779733661637539395458142568447e38", 0x7f7fffff},
      {"1.401298464324817e-45", 1},
      {"1e-45", 1},
      {"7.0064923216240853e-46", 0},
      {"-1e-60", 0x80000000},
      {"-1e-99999999999999999999", 0x80000000},
      {"0.00000000000000000000000000000000000000000000000000000000001e20", 0x000ae398},
      {"1.17549435E-38", 0x00800000},
  };
  for (const Case& test : cases) {
    const auto rows = Read("{\"vector\":[" + std::string(test.text) + "]}");
    ASSERT_TRUE(rows.ok()) << rows.status().ToString();
    EXPECT_EQ(base::Load<uint32_t>(rows->elements.data()), test.bits) << test.text;
  }
}

TEST(JsonLines, WritesTheShortestTextAndNaNsAsBase64) {
  EXPECT_EQ(Write({0.1f, -0.0f, 3, 1e20f}), "{\"vector\":[0.1,-0.0,3,1e+20]}\n");
  EXPECT_EQ(Write({1, std::numeric_limits<float>::infinity()}),
            "{\"vector_base64\":\"AACAPwAAgH8=\"}\n");
  const float quiet = std::bit_cast<float>(0x7fc12345u);
  const auto rows = Read(Write({std::bit_cast<float>(0xff812345u), quiet}));
  EXPECT_EQ(base::Load<uint32_t>(rows->elements.data()), 0xff812345u);
  EXPECT_EQ(base::Load<uint32_t>(rows->elements.data() + 4), 0x7fc12345u);
}

TEST(JsonLines, KeepsARowOnItsLine) {
  VectorFileInfo info;
  info.kind = VectorFileKind::kJsonLines;
  info.dimensions = 1;
  info.has_metadata = true;
  info.row_count = 1;
  VectorRows rows;
  rows.count = 1;
  rows.elements.resize(4);
  rows.metadata = {"{\n\"a\":\r\n\"\\n\"}"};
  std::string file;
  auto writer = MakeVectorFileWriter(info, [&](base::ByteSpan part) {
    file += base::AsText(part);
    return base::Ok();
  });
  ASSERT_TRUE((*writer)->Append(rows).ok() && (*writer)->Finish().ok());
  EXPECT_EQ(file, "{\"vector\":[0],\"metadata\":{ \"a\":  \"\\n\"}}\n");
}

}  // namespace
}  // namespace intact::format
