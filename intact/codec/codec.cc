#include "intact/codec/codec.h"

#include <algorithm>

#include "intact/codec/rounding.h"
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
  return word != Word::kInteger || (arithmetic == Arithmetic::kNudged && form == Form::kCompact);
}

Status ReadPayload(const VectorTables& tables, const VectorHeader& header,
                   std::span<float> target) {
  if (header.is_sparse) return ReadSparse(header, target);
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

// The front of a row, whose place in memory no processor foresees; behind that it sees the pattern.
void Prefetch(base::ByteSpan bytes) {
  constexpr size_t kLine = 64;
  constexpr size_t kSizeMax = 1024;
  for (size_t at = 0; at < std::min(bytes.size(), kSizeMax); at += kLine) {
    __builtin_prefetch(bytes.data() + at);
  }
}

size_t CountZeros(std::span<const float> vector) {
  size_t count = 0;
  for (size_t i = 0; i < vector.size(); ++i) {
    count += BitsAt(vector, i) == 0 ? 1 : 0;
  }
  return count;
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
  if (static_cast<std::byte>(kind) == kSparseKind) {
    header.is_sparse = true;
    header.payload = encoded.subspan(1);
    return header;
  }
  if (static_cast<std::byte>(kind) == kDeltaKind) {
    return base::Unsupported("this vector is a difference from another, which it needs");
  }
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

  // Keeps what `put` appends to empty bytes when it is exact and smaller than what is kept.
  template <typename Put>
  void Try(std::span<const float> vector, Put put) {
    other.clear();
    put(other);
    if (other.empty() || (!best.empty() && other.size() >= best.size())) return;
    if (IsProven(vector, other)) best.swap(other);
  }

  VectorKind AppendBest(base::Bytes& target) const {
    const Result<VectorKind> kind = KindOf(best);
    INTACT_CHECK(kind.ok());
    target.insert(target.end(), best.begin(), best.end());
    return *kind;
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
  base::Bytes best;
  base::Bytes other;
  uint32_t misses = 0;
  uint32_t since_trial = 0;
  std::array<std::unique_ptr<ModelCodes>, kWordCount> codes;
  std::array<std::unique_ptr<ModelCodes>, VectorTables::kQuarterCount> integer_codes;
};

VectorEncoder::VectorEncoder(const VectorTables& tables)
    : state_(std::make_unique<State>(tables)) {}
VectorEncoder::~VectorEncoder() = default;

VectorKind VectorEncoder::Encode(std::span<const float> vector, Goal goal, base::Bytes& target,
                                 const VectorWords* words) {
  const RoundToNearest rounding;
  State& state = *state_;
  INTACT_CHECK(vector.size() == state.tables.dimensions());
  state.best.clear();
  if (words != nullptr) {
    state.words = *words;
  } else {
    state.Analyse(vector, goal == Goal::kCompact);
  }
  const Recipe found = state.words.recipe;
  // Exact 16-bit words are never beaten; what else was found must beat float32 words.
  state.Try(vector, [&](base::Bytes& bytes) { state.PutForm(vector, goal, bytes); });
  const bool is_settled = found.word != Word::kFloat32 && found.word != Word::kInteger &&
                          !HasResiduals(found.arithmetic) && !state.best.empty();
  if (!is_settled && found.word != Word::kFloat32) {
    TakeFloat32(vector, state.words);
    state.Try(vector, [&](base::Bytes& bytes) { state.PutForm(vector, goal, bytes); });
  }
  if (CountZeros(vector) * 8 > vector.size()) {
    state.Try(vector, [&](base::Bytes& bytes) { PutSparse(vector, bytes); });
  }
  if (state.best.empty() || state.best.size() >= EncodedSizeMax(vector.size())) {
    TakeFloat32(vector, state.words);
    state.best.clear();
    PutPlain(vector, state.words, state.best);
  }
  return state.AppendBest(target);
}

VectorKind VectorEncoder::EncodeCompletion(std::span<const float> vector,
                                           std::span<const int8_t> code, float scale,
                                           base::Bytes& target) {
  const RoundToNearest rounding;
  State& state = *state_;
  INTACT_CHECK(vector.size() == state.tables.dimensions() && code.size() == vector.size());
  state.best.clear();
  state.Analyse(vector, true);
  const bool is_sum = state.words.recipe.word == Word::kInteger;
  if (is_sum) {
    state.Try(vector, [&](base::Bytes& bytes) { state.PutCompactForm(vector, bytes); });
    TakeFloat32(vector, state.words);
  }
  state.other.clear();
  if (PutCompletion(vector, state.words, code, scale, state.other)) {
    state.decoded.resize(vector.size());
    const bool is_exact =
        DecodeCompletion(state.tables, state.other, code, scale, state.decoded).ok() &&
        state.IsEqual(vector);
    const size_t size_max = state.best.empty() ? EncodedSizeMax(vector.size()) : state.best.size();
    if (is_exact && state.other.size() <= size_max) state.best.swap(state.other);
  }
  if (state.best.empty() || CountZeros(vector) * 8 > vector.size()) {
    base::Bytes completion = std::move(state.best);
    base::Bytes compact;
    const VectorKind kind = Encode(vector, Goal::kCompact, compact);
    if (completion.empty() || compact.size() < completion.size()) {
      target.insert(target.end(), compact.begin(), compact.end());
      return kind;
    }
    state.best = std::move(completion);
  }
  return state.AppendBest(target);
}

Status DecodeVector(const VectorTables& tables, base::ByteSpan encoded, std::span<float> target) {
  const RoundToNearest rounding;
  Prefetch(encoded);
  INTACT_ASSIGN_OR_RETURN(const VectorHeader header, ParseHeader(encoded));
  INTACT_CHECK(target.size() == tables.dimensions());
  return ReadPayload(tables, header, target);
}

Status DecodeVectors(const VectorTables& tables, std::span<const base::ByteSpan> encoded,
                     std::span<float> target) {
  const RoundToNearest rounding;
  const size_t d = tables.dimensions();
  INTACT_CHECK(target.size() == encoded.size() * d);
  std::array<VectorHeader, kRowsAtOnce> headers;
  std::array<std::span<float>, kRowsAtOnce> targets;
  for (size_t begin = 0; begin < encoded.size();) {
    size_t count = 0;
    for (; count < kRowsAtOnce && begin + count < encoded.size(); ++count) {
      INTACT_ASSIGN_OR_RETURN(headers[count], ParseHeader(encoded[begin + count]));
      targets[count] = target.subspan((begin + count) * d, d);
      const bool is_alike = headers[count].form == Form::kCompact && !headers[count].is_sparse &&
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
  const RoundToNearest rounding;
  INTACT_ASSIGN_OR_RETURN(const VectorHeader header, ParseHeader(encoded));
  INTACT_CHECK(target.size() == tables.dimensions());
  if (header.form == Form::kCompletion) return ReadCompletion(header, code, scale, target);
  return ReadPayload(tables, header, target);
}

Result<VectorKind> KindOf(base::ByteSpan encoded) {
  INTACT_ASSIGN_OR_RETURN(const VectorHeader header, ParseHeader(encoded));
  return VectorKind{header.recipe, header.form, header.is_sparse};
}

std::string_view KindName(const VectorKind& kind) {
  return kind.is_sparse ? "sparse" : KindName(kind.recipe);
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
