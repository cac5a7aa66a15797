// Goal: the tokeniser and the built-in model give, bit for bit, what the reference in models/ gave,
// and a damaged model file is refused. Method: models/tokeniser_cases.json and models/golden.json.
#include "intact/model/model.h"

#include <gtest/gtest.h>

#include <bit>
#include <fstream>
#include <iterator>
#include <numeric>
#include <random>
#include <sstream>
#include <unordered_map>

#include "intact/simd/simd.h"

namespace intact::model {
namespace {

std::string FromHex(const std::string& hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

// Reads the lines of a file that hold one JSON object each; enough of JSON for these two files.
class Object {
 public:
  explicit Object(std::string text) : text_(std::move(text)) {}
  bool StartsWith(const std::string& name) const { return text_.starts_with("{\"" + name + "\":"); }
  std::string Text(const std::string& name) const {
    size_t at = text_.find('"', text_.find("\"" + name + "\":") + name.size() + 3);
    return ParseString(at);
  }
  // A list of strings, some as {"hex": "..."}.
  std::vector<std::string> List(const std::string& name) const {
    std::vector<std::string> result;
    size_t at = text_.find('[', text_.find("\"" + name + "\":"));
    for (bool is_hex = false; text_[at] != ']'; ++at) {
      if (text_[at] == '{') {
        at = text_.find(':', at);
        is_hex = true;
      } else if (text_[at] == '"') {
        const std::string value = ParseString(at);
        result.push_back(is_hex ? FromHex(value) : value);
        is_hex = false;
      }
    }
    return result;
  }

 private:
  // The string whose opening quote stands at `at`, which moves to its closing quote.
  std::string ParseString(size_t& at) const {
    std::string result;
    for (++at; text_[at] != '"'; ++at) {
      if (text_[at] != '\\') {
        result += text_[at];
        continue;
      }
      const char c = text_[++at];
      if (c == 'u') {
        AppendUtf8(result, at);
      } else {
        result += c == 'n'   ? '\n'
                  : c == 't' ? '\t'
                  : c == 'r' ? '\r'
                  : c == 'b' ? '\b'
                  : c == 'f' ? '\f'
                             : c;
      }
    }
    return result;
  }
  void AppendUtf8(std::string& target, size_t& at) const {
    uint32_t code = static_cast<uint32_t>(std::stoul(text_.substr(at + 1, 4), nullptr, 16));
    at += 4;
    if (code >= 0xd800 && code < 0xdc00 && text_.compare(at + 1, 2, "\\u") == 0) {
      code = 0x10000 + ((code - 0xd800) << 10) +
             (static_cast<uint32_t>(std::stoul(text_.substr(at + 3, 4), nullptr, 16)) - 0xdc00);
      at += 6;
    }
    const auto put = [&](uint32_t byte) { target += static_cast<char>(byte); };
    if (code < 0x80) {
      put(code);
    } else if (code < 0x800) {
      put(0xc0 | code >> 6), put(0x80 | (code & 63));
    } else if (code < 0x10000) {
      put(0xe0 | code >> 12), put(0x80 | (code >> 6 & 63)), put(0x80 | (code & 63));
    } else {
      put(0xf0 | code >> 18), put(0x80 | (code >> 12 & 63)), put(0x80 | (code >> 6 & 63)),
          put(0x80 | (code & 63));
    }
  }

  std::string text_;
};

std::vector<Object> ReadObjects(const std::string& name) {
  std::ifstream file(std::string(INTACT_MODELS_FOLDER) + "/" + name);
  EXPECT_TRUE(file.is_open()) << name;
  std::vector<Object> objects;
  for (std::string line; std::getline(file, line);) {
    if (line.find('{') != std::string::npos) objects.emplace_back(line);
  }
  return objects;
}

std::string InputOf(const Object& object) {
  return object.StartsWith("hex") ? FromHex(object.Text("hex")) : object.Text("text");
}

TEST(Tokeniser, CutsAsTheReferenceDoes) {
  const std::vector<Object> cases = ReadObjects("tokeniser_cases.json");
  ASSERT_GT(cases.size(), 20u);
  for (const Object& object : cases) {
    const std::string text = InputOf(object);
    std::vector<std::string> tokens;
    Tokeniser tokeniser(text);
    for (Token token; tokeniser.Next(token);) {
      std::string lower(token.bytes);
      for (char& c : lower) c = LowerAscii(c);
      EXPECT_EQ(token.hash, FnvHash(lower));
      tokens.push_back(lower);
    }
    EXPECT_EQ(tokens, object.List("tokens")) << text;
  }
}

// The float16 behind the bits of each float that is one, found by widening them all: clang 14 has
// no float16 type for this processor.
std::unordered_map<uint32_t, uint16_t> HalfByBits() {
  std::vector<uint16_t> halves(65536);
  std::iota(halves.begin(), halves.end(), uint16_t{0});
  std::vector<float> floats(halves.size());
  simd::BestKernels().widen_f16(reinterpret_cast<const std::byte*>(halves.data()), floats.data(),
                                halves.size());
  std::unordered_map<uint32_t, uint16_t> half_by_bits;
  for (size_t i = 0; i < halves.size(); ++i) {
    half_by_bits.emplace(std::bit_cast<uint32_t>(floats[i]), halves[i]);
  }
  return half_by_bits;
}

TEST(StaticModel, GivesTheBitsOfTheReference) {
  const std::unordered_map<uint32_t, uint16_t> half_by_bits = HalfByBits();
  const auto model = StaticModel::Parse(BuiltinModelFile(), DigestCheck::kCompare);
  ASSERT_TRUE(model.ok()) << model.status().ToString();
  const std::vector<Object> cases = ReadObjects("golden.json");
  ASSERT_GT(cases.size(), 10u);
  for (const Object& object : cases) {
    std::vector<float> vector((*model)->dimensions());
    (*model)->Embed(InputOf(object), vector);
    base::ByteWriter halves;
    for (const float x : vector) {
      const auto half = half_by_bits.find(std::bit_cast<uint32_t>(x));
      ASSERT_NE(half, half_by_bits.end()) << x << " is no float16";
      halves.Put(half->second);
    }
    EXPECT_EQ(base::DigestOf(halves.bytes()).ToHex(), object.Text("blake2b_256"))
        << InputOf(object);
  }
}

TEST(StaticModel, RefusesDamage) {
  const base::ByteSpan good = BuiltinModelFile();
  // A copy at an address that is a multiple of 64.
  base::Bytes storage(good.size() + 64);
  std::byte* copy = storage.data() + (64 - reinterpret_cast<uintptr_t>(storage.data()) % 64);
  const auto reset = [&] { std::copy(good.begin(), good.end(), copy); };
  reset();
  ASSERT_TRUE(StaticModel::Parse({copy, good.size()}, DigestCheck::kCompare).ok());
  for (size_t i = 0; i < 256; ++i) {
    copy[i] ^= std::byte{0x10};
    EXPECT_FALSE(StaticModel::Parse({copy, good.size()}, DigestCheck::kSkip).ok()) << i;
    copy[i] ^= std::byte{0x10};
  }
  for (const size_t size :
       {size_t{0}, size_t{255}, size_t{256}, good.size() / 2, good.size() - 1}) {
    EXPECT_FALSE(StaticModel::Parse({copy, size}, DigestCheck::kSkip).ok()) << size;
  }
  copy[good.size() / 2] ^= std::byte{1};
  EXPECT_EQ(StaticModel::Parse({copy, good.size()}, DigestCheck::kCompare).code(),
            base::Code::kCorruption);
}

TEST(StaticModel, EmbedsAnyBytesToAUnitVector) {
  const auto model = StaticModel::Parse(BuiltinModelFile(), DigestCheck::kSkip);
  ASSERT_TRUE(model.ok());
  std::mt19937 random(3);
  std::vector<float> vector((*model)->dimensions());
  for (int round = 0; round < 300; ++round) {
    std::string text(random() % 3000, ' ');
    for (char& c : text)
      c = static_cast<char>(random() % (round % 2 == 0 ? 256 : 96) + (round % 2 == 0 ? 0 : 32));
    (*model)->Embed(text, vector);
    double squares = 0;
    for (const float x : vector) squares += static_cast<double>(x) * static_cast<double>(x);
    EXPECT_NEAR(squares, 1.0, 0.002);
  }
}

}  // namespace
}  // namespace intact::model
