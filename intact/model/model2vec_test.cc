// Goal: a model2vec folder gives the vectors that its numbers say, by a tokeniser that does to text
// what BERT's does; what does not fit, or is damaged, is refused with the file and the reason.
#include "intact/model/model2vec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "intact/model/unicode.h"

namespace intact::model {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kVocabulary =
    R"({"[PAD]":0,"[UNK]":1,"read":2,"##er":3,"file":4,"a":5,"##s":6,"(":7,"中":8,"uber":9})";

std::string TokeniserJson(const std::string& normaliser, const std::string& vocabulary,
                          const std::string& kind = "WordPiece") {
  return R"({"version":"1.0","truncation":null,"padding":null,)"
         R"("added_tokens":[{"id":0,"content":"[PAD]",)"
         R"("single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],)"
         R"("normalizer":)" +
         normaliser + R"(,"pre_tokenizer":{"type":"BertPreTokenizer"},"model":{"type":")" + kind +
         R"(","unk_token":"[UNK]","continuing_subword_prefix":"##","max_input_chars_per_word":8,)"
         R"("vocab":)" +
         vocabulary + "}}";
}

const std::string kBert =
    R"({"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,)"
    R"("strip_accents":null,"lowercase":true})";

std::string PlainTokeniser() { return TokeniserJson(kBert, std::string(kVocabulary)); }

// A safetensors file of the tensors given as (name, type, shape, bytes).
struct Part {
  std::string name, type, shape, bytes;
};
std::string Safetensors(const std::vector<Part>& parts) {
  std::string header = "{", data;
  for (const Part& part : parts) {
    header += (data.empty() ? "\"" : ",\"") + part.name + R"(":{"dtype":")" + part.type +
              R"(","shape":)" + part.shape + R"(,"data_offsets":[)" + std::to_string(data.size()) +
              "," + std::to_string(data.size() + part.bytes.size()) + "]}";
    data += part.bytes;
  }
  header += "}";
  std::string file(8, '\0');
  base::Store<uint64_t>(file.data(), header.size());
  return file + header + data;
}

template <typename T>
std::string BytesOf(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

// Ten rows of two numbers: row r is (r, 1).
std::string PlainTable() {
  std::vector<float> values;
  for (int row = 0; row < 10; ++row) {
    values.push_back(static_cast<float>(row));
    values.push_back(1);
  }
  return Safetensors({{"embeddings", "F32", "[10,2]", BytesOf(values)}});
}

base::Result<std::unique_ptr<Model2vec>> Parse(const std::string& tensors,
                                               const std::string& tokeniser,
                                               const std::string& config = "{}") {
  return Model2vec::Parse(
      {.tensors = base::AsBytes(tensors), .tokeniser = tokeniser, .config = config});
}

std::vector<float> Embed(const TextModel& model, std::string_view text) {
  std::vector<float> vector(model.dimensions());
  model.Embed(text, vector);
  return vector;
}

std::vector<float> Unit(double x, double y) {
  const double norm = std::sqrt(x * x + y * y);
  return {static_cast<float>(x / norm), static_cast<float>(y / norm)};
}

TEST(WordPiece, CutsAsBertDoes) {
  const auto tokeniser = WordPiece::Parse(PlainTokeniser());
  ASSERT_TRUE(tokeniser.ok()) << tokeniser.status().ToString();
  struct Case {
    std::string_view text;
    std::vector<uint32_t> ids;
  };
  for (const Case& c : std::vector<Case>{
           {"", {}},
           {" \t\n", {}},
           {"Read a FILE", {2, 5, 4}},
           {"readers", {2, 3, 6}},
           {"reads(a", {2, 6, 7, 5}},
           {"readx", {1}},         // One piece is missing: the word is unknown.
           {"file\xc2\xad", {4}},  // A soft hyphen is a format character.
           {"fi\xcc\x81le", {4}},  // An accent of its own.
           {"\xc3\x9c"
            "ber",
            {9}},  // And one within a letter.
           {"a\xe4\xb8\xad"
            "a",
            {5, 8, 5}},  // Chinese stands alone.
           {"a\xe2\x80\x94"
            "a",
            {5, 1, 5}},                            // A dash is punctuation.
           {"aaaaaaaaa", {1}},                     // Nine characters, over the limit.
           {"a[PAD]a [pad]", {5, 0, 5, 1, 1, 1}},  // Added tokens as they are written alone.
           {"\xff\xfe"
            "a",
            {5}},  // What is no UTF-8 goes.
       }) {
    EXPECT_EQ(tokeniser->Tokenise(c.text, 100, 100), c.ids) << c.text;
  }
  EXPECT_THAT(tokeniser->Tokenise("a a a a", 100, 2), ElementsAre(5, 5));
  EXPECT_THAT(tokeniser->Tokenise("a a a a", 3, 100), ElementsAre(5, 5));
}

TEST(WordPiece, NormalisesOnlyAsTold) {
  const auto tokeniser = WordPiece::Parse(
      TokeniserJson(R"({"type":"BertNormalizer","clean_text":false,"handle_chinese_chars":false,)"
                    R"("strip_accents":false,"lowercase":false})",
                    std::string(kVocabulary)));
  ASSERT_TRUE(tokeniser.ok());
  EXPECT_THAT(tokeniser->Tokenise("Read read", 100, 100), ElementsAre(1, 2));
  EXPECT_THAT(tokeniser->Tokenise("\xc3\xbc"
                                  "ber uber",
                                  100, 100),
              ElementsAre(1, 9));
}

TEST(WordPiece, RefusesOtherTokenisersByName) {
  struct Case {
    std::string json;
    std::string_view reason;
  };
  for (const Case& c : std::vector<Case>{
           {TokeniserJson(kBert, "[]", "Unigram"), "\"Unigram\"; supported is WordPiece"},
           {TokeniserJson(kBert, "{}", "BPE"), "\"BPE\"; supported is WordPiece"},
           {TokeniserJson(R"({"type":"NFKC"})", "{}"), "normaliser \"NFKC\""},
           {R"({"model":{"type":"WordPiece"}})", "pre-tokeniser"},
       }) {
    const auto tokeniser = WordPiece::Parse(c.json);
    EXPECT_EQ(tokeniser.code(), base::Code::kUnsupported) << c.json;
    EXPECT_THAT(tokeniser.status().message(), HasSubstr(c.reason));
  }
  for (const std::string_view vocabulary :
       {R"({"a":-1,"[UNK]":1})", R"({"a":1.5,"[UNK]":1})", R"({"a":1})", "{}", "[1]",
        R"({"a":99999999999,"[UNK]":1})"}) {
    EXPECT_EQ(WordPiece::Parse(TokeniserJson(kBert, std::string(vocabulary))).code(),
              base::Code::kCorruption)
        << vocabulary;
  }
}

TEST(Unicode, KnowsCharacters) {
  EXPECT_TRUE(IsOther(0x7f) && IsOther(0xad) && IsOther(0xe000) && IsOther(0x10fffd));
  EXPECT_FALSE(IsOther('a') || IsOther(0x378) || IsOther(0xac) || IsOther(0xae));
  EXPECT_TRUE(IsNonspacingMark(0x300) && IsNonspacingMark(0xe01ef));
  EXPECT_FALSE(IsNonspacingMark(0x2ff) || IsNonspacingMark(0x370));
  EXPECT_TRUE(IsPunctuation('!') && IsPunctuation(0x3001));
  EXPECT_FALSE(IsPunctuation('a') || IsPunctuation('$'));
  std::u32string lower, plain;
  for (const char32_t c : std::u32string_view(U"AZ\u00c4\u0130\u0100\u0101\u0391\U00010400\u00df"))
    AppendLower(c, lower);
  EXPECT_EQ(lower, U"az\u00e4i\u0307\u0101\u0101\u03b1\U00010428\u00df");
  for (const char32_t c : std::u32string_view(U"e\u00e9\u1ed9\u0301\uac01\ufa10\u09cb"))
    AppendWithoutAccents(c, plain);
  EXPECT_EQ(plain, U"eeo\u1100\u1161\u11a8\u585a\u09c7\u09be");
  EXPECT_EQ(CharactersOf("a\xc0\x80\xed\xa0\x80\xf0\x9f\x98\x80\xe2\x82"),
            U"a\ufffd\ufffd\ufffd\ufffd\ufffd\U0001f600\ufffd\ufffd");
}

TEST(Model2vec, AveragesRowsAndNormalises) {
  const std::string table = PlainTable();  // The model reads it in place.
  const auto model = Parse(table, PlainTokeniser());
  ASSERT_TRUE(model.ok()) << model.status().ToString();
  EXPECT_EQ((*model)->dimensions(), 2u);
  EXPECT_EQ(Embed(**model, "read file"), Unit(3, 1));
  EXPECT_EQ(Embed(**model, "read zzz file"), Unit(3, 1)) << "unknown words do not count";
  EXPECT_EQ(Embed(**model, ""), (std::vector<float>{1, 0}));
  EXPECT_EQ(Embed(**model, "zzz"), (std::vector<float>{1, 0}));
  EXPECT_EQ((*model)->CountTokens("read zzz file"), 3u);
}

TEST(Model2vec, ReadsEveryTypeOfTable) {
  const std::string halves = Safetensors(
      {{"embeddings", "F16", "[10,2]", BytesOf(std::vector<uint16_t>(20, 0x3c00))}});  // All 1.
  const std::string bytes =
      Safetensors({{"embeddings", "I8", "[10,2]", BytesOf(std::vector<int8_t>(20, -3))}});
  const auto half = Parse(halves, PlainTokeniser());
  const auto byte = Parse(bytes, PlainTokeniser());
  ASSERT_TRUE(half.ok() && byte.ok());
  EXPECT_EQ(Embed(**half, "a"), (std::vector<float>{0.70703125f, 0.70703125f}));
  EXPECT_EQ(Embed(**byte, "a"), Unit(-1, -1));
  EXPECT_NE((*half)->identity(), (*byte)->identity());
}

TEST(Model2vec, HeedsWeightsMappingAndLength) {
  std::vector<float> weights(10, 1.0f);
  weights[4] = 3;
  const std::vector<int64_t> mapping = {0, 0, 0, 0, 1, 0, 0, 0, 0, 0};
  const std::string tensors =
      Safetensors({{"embeddings", "F32", "[2,2]", BytesOf(std::vector<float>{1, 0, 0, 1})},
                   {"weights", "F32", "[10]", BytesOf(weights)},
                   {"mapping", "I64", "[10]", BytesOf(mapping)}});
  const auto model = Parse(tensors, PlainTokeniser());
  ASSERT_TRUE(model.ok()) << model.status().ToString();
  EXPECT_EQ(Embed(**model, "read file"), Unit(1, 3));
  const auto shorter = Parse(tensors, PlainTokeniser(), R"({"max_length": 1})");
  ASSERT_TRUE(shorter.ok());
  EXPECT_EQ(Embed(**shorter, "read file"), Unit(1, 0));
  EXPECT_NE((*shorter)->identity(), (*model)->identity());
}

TEST(Model2vec, RefusesWhatDoesNotFit) {
  const std::string row(80, '\0');
  std::vector<float> infinite(20, 0.0f);
  infinite[7] = INFINITY;
  struct Case {
    std::string tensors;
    std::string_view reason;
  };
  const Part table = {"embeddings", "F32", "[10,2]", row};
  for (const Case& c : std::vector<Case>{
           {"", "not a safetensors file"},
           {std::string(100, '\xff'), "not a safetensors file"},
           {Safetensors({}), "no tensor embeddings"},
           {Safetensors({{"embeddings", "F32", "[10,3]", row}}),
            "not what its type and shape need"},
           {Safetensors({{"embeddings", "F32", "[4611686018427387904,8]", row}}),
            "not what its type and shape need"},
           {Safetensors({{"embeddings", "BF16", "[20,2]", row}}), "of type BF16"},
           {Safetensors({{"embeddings", "F32", "[20]", row}}), "no table"},
           {Safetensors({{"embeddings", "F32", "[1,20]", row}}), "1 rows"},
           {Safetensors({table, {"weights", "F32", "[2]", std::string(8, '\0')}}),
            "not one number a token"},
           {Safetensors({table, {"weights", "I8", "[10]", std::string(10, '\0')}}), "of type I8"},
           {Safetensors({table, {"mapping", "I32", "[10]", std::string(40, '\x7f')}}),
            "a row that the embeddings do not have"},
           {Safetensors({table, {"mapping", "I32", "[10]", std::string(40, '\xff')}}),
            "a row that the embeddings do not have"},
           {Safetensors({{"embeddings", "F32", "[10,2]", BytesOf(infinite)}}), "infinities"},
           {PlainTable().substr(0, 100), "lies outside the file"},
       }) {
    const auto model = Parse(c.tensors, PlainTokeniser());
    ASSERT_FALSE(model.ok()) << c.reason;
    EXPECT_THAT(model.status().message(), HasSubstr("model.safetensors: "));
    EXPECT_THAT(model.status().message(), HasSubstr(c.reason));
  }
  EXPECT_FALSE(Parse(PlainTable(), "{").ok());
  EXPECT_FALSE(Parse(PlainTable(), PlainTokeniser(), "[]").ok());
  EXPECT_FALSE(Parse(PlainTable(), PlainTokeniser(), R"({"max_length": 0})").ok());
}

}  // namespace
}  // namespace intact::model
