#include "intact/codec/codec.h"

#include <algorithm>

#include "intact/codec/vector_forms.h"

namespace intact::codec {
namespace {

using base::Result;
using base::Status;

constexpr uint8_t kFormShift = 6;
constexpr uint8_t kArithmeticShift = 3;

bool IsKnown(Word word, Arithmetic arithmetic, Form form) {
  if (word > Word::kInteger || arithmetic > Arithmetic::kDecimal) return false;
  if (word == Word::kFloat32) return arithmetic == Arithmetic::kNone;
  if (form == Form::kPlanes) return false;
  if (word == Word::kInteger) return arithmetic == Arithmetic::kNudged && form == Form::kCompact;
  return form != Form::kCompletion || arithmetic <= Arithmetic::kMultiplied;
}

Status ReadPayload(const VectorTables& tables, const VectorHeader& header,
                   std::span<float> target) {
  switch (header.form) {
    case Form::kPlain:
      return ReadPlain(header, target);
    case Form::kCompact:
      return ReadCompact(tables, header, target);
    case Form::kPlanes:
      return ReadPlanes(header, target);
    case Form::kCompletion:
      return base::Unsupported("this vector needs its search code to be decoded");
  }
  return base::Unsupported("unknown form of an encoded vector");
}

}  // namespace

void PutHeader(const Recipe& recipe, Form form, base::Bytes& target) {
  base::ByteWriter writer;
  writer.Put(static_cast<uint8_t>(static_cast<unsigned>(recipe.word) |
                                  static_cast<unsigned>(recipe.arithmetic) << kArithmeticShift |
                                  static_cast<unsigned>(form) << kFormShift));
  switch (recipe.arithmetic) {
    case Arithmetic::kNone:
      break;
    case Arithmetic::kAveraged:
      writer.Put(recipe.token_count);
      [[fallthrough]];
    case Arithmetic::kDivided:
    case Arithmetic::kMultiplied:
      writer.Put(static_cast<float>(recipe.scale));
      break;
    case Arithmetic::kNudged:
    case Arithmetic::kDecimal:
      writer.Put(recipe.scale);
      break;
  }
  target.insert(target.end(), writer.bytes().begin(), writer.bytes().end());
}

Result<VectorHeader> ParseHeader(base::ByteSpan encoded) {
  base::ByteReader reader(encoded);
  if (encoded.empty()) return base::Corruption("an encoded vector has no bytes");
  const auto kind = reader.Get<uint8_t>();
  VectorHeader header;
  header.recipe.word = static_cast<Word>(kind & 7);
  header.recipe.arithmetic = static_cast<Arithmetic>(kind >> kArithmeticShift & 7);
  header.form = static_cast<Form>(kind >> kFormShift);
  if (!IsKnown(header.recipe.word, header.recipe.arithmetic, header.form)) {
    return base::Unsupported("unknown kind " + std::to_string(kind) +
                             " of an encoded vector; it needs a newer version");
  }
  if (header.recipe.arithmetic == Arithmetic::kAveraged) {
    header.recipe.token_count = reader.Get<uint8_t>();
    if (header.recipe.token_count % 2 == 0 || header.recipe.token_count < 3) {
      return base::Corruption("an encoded vector is averaged over " +
                              std::to_string(header.recipe.token_count));
    }
  }
  if (HasResiduals(header.recipe.arithmetic)) {
    header.recipe.scale = reader.Get<double>();
  } else if (header.recipe.arithmetic != Arithmetic::kNone) {
    header.recipe.scale = reader.Get<float>();
  }
  if (!reader.ok()) return base::Corruption("an encoded vector ends within its header");
  header.payload = encoded.subspan(reader.position());
  return header;
}

struct VectorEncoder::State {
  explicit State(const VectorTables& vector_tables) : tables(vector_tables) {}

  const ModelCodes& CodesOf(Word word) {
    auto& made = codes[static_cast<size_t>(word)];
    if (made == nullptr) made = std::make_unique<ModelCodes>(tables.ModelOf(word));
    return *made;
  }
  const ModelCodes& IntegerCodes(unsigned quarter) {
    auto& made = integer_codes[quarter];
    if (made == nullptr) made = std::make_unique<ModelCodes>(tables.IntegerModel(quarter));
    return *made;
  }

  void PutCompactForm(std::span<const float> vector, base::Bytes& target) {
    const Word word = words.recipe.word;
    if (word == Word::kInteger) {
      const unsigned quarter = IntegerQuarter(words.words);
      PutCompactIntegers(vector, words, quarter, IntegerCodes(quarter), target);
    } else {
      PutCompact(vector, words, tables.ModelOf(word), CodesOf(word), target);
    }
  }

  // Sums are searched for in all vectors while they are being found, then in one of kTrialPeriod.
  bool WantsPooledSearch() {
    constexpr uint32_t kTrialPeriod = 4;
    constexpr uint32_t kMissesMax = 32;
    return misses < kMissesMax || ++since_trial % kTrialPeriod == 0;
  }

  bool IsProven(std::span<const float> vector, base::ByteSpan encoded) {
    decoded.resize(vector.size());
    return DecodeVector(tables, encoded, decoded).ok() && IsEqual(vector);
  }
  bool IsEqual(std::span<const float> vector) const {
    return vector.empty() || std::memcmp(decoded.data(), vector.data(), vector.size_bytes()) == 0;
  }

  void TakeAsFloat32(std::span<const float> vector) {
    words.recipe = {};
    words.residuals.clear();
    words.words.resize(vector.size());
    if (!vector.empty()) std::memcpy(words.words.data(), vector.data(), vector.size_bytes());
  }

  void Analyse(std::span<const float> vector, bool has_sums) {
    const bool wants_sums = has_sums && WantsPooledSearch();
    AnalyseVector(vector, {.has_pooled_search = wants_sums}, words);
    if (words.recipe.word == Word::kInteger) {
      misses = 0;
    } else if (wants_sums && words.recipe.word == Word::kFloat32) {
      ++misses;
    }
  }

  // Appends the form of the words that the goal asks for.
  void PutForm(std::span<const float> vector, Goal goal, base::Bytes& target) {
    if (goal == Goal::kCompact) {
      PutCompactForm(vector, target);
    } else if (words.recipe.word == Word::kFloat32 || !PutPlain(vector, words, target)) {
      PutPlanes(vector, target);
    }
  }

  const VectorTables& tables;
  VectorWords words;
  std::vector<float> decoded;
  base::Bytes other;
  uint32_t misses = 0;
  uint32_t since_trial = 0;
  std::array<std::unique_ptr<ModelCodes>, kWordCount> codes;
  std::array<std::unique_ptr<ModelCodes>, VectorTables::kQuarterCount> integer_codes;
};

VectorEncoder::VectorEncoder(const VectorTables& tables)
    : state_(std::make_unique<State>(tables)) {}
VectorEncoder::~VectorEncoder() = default;

VectorKind VectorEncoder::Encode(std::span<const float> vector, Goal goal, base::Bytes& target) {
  State& state = *state_;
  INTACT_CHECK(vector.size() == state.tables.dimensions());
  const size_t start = target.size();
  const auto appended = [&] { return base::ByteSpan(target).subspan(start); };
  const auto kind = [&] {
    const Result<VectorHeader> header = ParseHeader(appended());
    INTACT_CHECK(header.ok());
    return VectorKind{header->recipe, header->form};
  };
  state.Analyse(vector, goal == Goal::kCompact);
  const Recipe found = state.words.recipe;
  state.PutForm(vector, goal, target);
  const bool is_exact = state.IsProven(vector, appended());
  const bool is_float32 = found.word == Word::kFloat32;
  if (is_exact && !is_float32 && found.word != Word::kInteger && !HasResiduals(found.arithmetic)) {
    return kind();
  }
  // Sums and residuals must also beat the float32 form, and that one the plain bits.
  if (!is_exact) target.resize(start);
  if (!is_float32) {
    state.other.clear();
    state.TakeAsFloat32(vector);
    state.PutForm(vector, goal, state.other);
    const bool is_smaller = !is_exact || state.other.size() < target.size() - start;
    if (is_smaller && state.IsProven(vector, state.other)) {
      target.resize(start);
      target.insert(target.end(), state.other.begin(), state.other.end());
    }
  }
  const size_t size = target.size() - start;
  if (size > 0 && size < EncodedSizeMax(vector.size())) return kind();
  target.resize(start);
  state.TakeAsFloat32(vector);
  PutPlain(vector, state.words, target);
  return kind();
}

VectorKind VectorEncoder::EncodeCompletion(std::span<const float> vector,
                                           std::span<const int8_t> code, float scale,
                                           base::Bytes& target) {
  State& state = *state_;
  INTACT_CHECK(vector.size() == state.tables.dimensions() && code.size() == vector.size());
  const size_t start = target.size();
  state.Analyse(vector, false);
  if (HasResiduals(state.words.recipe.arithmetic) ||
      state.words.recipe.arithmetic == Arithmetic::kAveraged) {
    state.TakeAsFloat32(vector);
  }
  if (PutCompletion(state.words, code, scale, target)) {
    const base::ByteSpan encoded = base::ByteSpan(target).subspan(start);
    state.decoded.resize(vector.size());
    const bool is_exact =
        DecodeCompletion(state.tables, encoded, code, scale, state.decoded).ok() &&
        state.IsEqual(vector);
    if (is_exact && encoded.size() <= EncodedSizeMax(vector.size())) {
      return {state.words.recipe, Form::kCompletion};
    }
  }
  target.resize(start);
  return Encode(vector, Goal::kCompact, target);
}

Status DecodeVector(const VectorTables& tables, base::ByteSpan encoded, std::span<float> target) {
  INTACT_ASSIGN_OR_RETURN(const VectorHeader header, ParseHeader(encoded));
  INTACT_CHECK(target.size() == tables.dimensions());
  return ReadPayload(tables, header, target);
}

Status DecodeVectors(const VectorTables& tables, std::span<const base::ByteSpan> encoded,
                     std::span<float> target) {
  const size_t d = tables.dimensions();
  INTACT_CHECK(target.size() == encoded.size() * d);
  std::array<VectorHeader, kRowsAtOnce> headers;
  std::array<std::span<float>, kRowsAtOnce> targets;
  for (size_t begin = 0; begin < encoded.size();) {
    size_t count = 0;
    for (; count < kRowsAtOnce && begin + count < encoded.size(); ++count) {
      INTACT_ASSIGN_OR_RETURN(headers[count], ParseHeader(encoded[begin + count]));
      targets[count] = target.subspan((begin + count) * d, d);
      const bool is_alike = headers[count].form == Form::kCompact &&
                            headers[count].recipe.word != Word::kInteger &&
                            headers[count].recipe.word == headers[0].recipe.word;
      if (!is_alike) break;
    }
    if (count == kRowsAtOnce) {
      INTACT_RETURN_IF_ERROR(ReadCompactRows(tables, headers, targets));
      begin += kRowsAtOnce;
      continue;
    }
    INTACT_RETURN_IF_ERROR(ReadPayload(tables, headers[0], targets[0]));
    ++begin;
  }
  return base::Ok();
}

Status DecodeCompletion(const VectorTables& tables, base::ByteSpan encoded,
                        std::span<const int8_t> code, float scale, std::span<float> target) {
  INTACT_ASSIGN_OR_RETURN(const VectorHeader header, ParseHeader(encoded));
  INTACT_CHECK(target.size() == tables.dimensions());
  if (header.form == Form::kCompletion) return ReadCompletion(header, code, scale, target);
  return ReadPayload(tables, header, target);
}

Result<VectorKind> KindOf(base::ByteSpan encoded) {
  INTACT_ASSIGN_OR_RETURN(const VectorHeader header, ParseHeader(encoded));
  return VectorKind{header.recipe, header.form};
}

std::string_view KindName(const Recipe& recipe) {
  constexpr std::string_view kNames[2][6] = {
      {"bfloat16", "bfloat16 / scale", "bfloat16 x scale", "bfloat16 averaged x scale",
       "bfloat16 x scale, nudged", "bfloat16 x scale, 9 decimals"},
      {"float16", "float16 / scale", "float16 x scale", "float16 averaged x scale",
       "float16 x scale, nudged", "float16 x scale, 9 decimals"}};
  switch (recipe.word) {
    case Word::kFloat32:
      return "float32";
    case Word::kInteger:
      return "sum of 16-bit numbers";
    case Word::kBfloat16:
    case Word::kFloat16:
      if (recipe.arithmetic > Arithmetic::kDecimal) return "unknown";
      return kNames[recipe.word == Word::kFloat16][static_cast<size_t>(recipe.arithmetic)];
  }
  return "unknown";
}

std::string_view FormName(Form form) {
  constexpr std::string_view kNames[] = {"plain", "compact", "completion", "planes"};
  return kNames[static_cast<size_t>(form) & 3];
}

}  // namespace intact::codec
