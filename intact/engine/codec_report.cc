#include "intact/engine/codec_report.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "intact/codec/elements.h"
#include "intact/engine/codec_blocks.h"
#include "intact/engine/codec_code_rest.h"
#include "intact/engine/codec_floor.h"
#include "intact/engine/codec_peers.h"
#include "intact/os/clock.h"

namespace intact::engine {
namespace {

using base::ElementType;
using base::Result;
using base::Status;
using codec::Arithmetic;
using codec::Goal;
using codec::VectorKind;
using codec::Word;

std::string MeaningOf(const codec::Recipe& recipe) {
  if (recipe.word == Word::kFloat32) return "float32 numbers that use all of their bits";
  if (recipe.word == Word::kInteger) {
    return "whole multiples of one step a row, as the mean of some 16-bit vectors gives them";
  }
  std::string word = recipe.word == Word::kBfloat16 ? "bfloat16 numbers" : "float16 numbers";
  switch (recipe.arithmetic) {
    case Arithmetic::kNone:
      return word + " as they are, widened to float32";
    case Arithmetic::kDivided:
      return word + " divided by a float32, one for each row";
    case Arithmetic::kMultiplied:
      return word + " multiplied by a float32, one for each row";
    case Arithmetic::kAveraged:
      return word +
             " multiplied by 1 / T, T a small whole number, then by a float32, both one for "
             "each row";
    case Arithmetic::kNudged:
      return word +
             " multiplied by one number for each row, then rounded again: off by a few "
             "units in the last place";
    case Arithmetic::kDecimal:
      return word + " multiplied by one number for each row, then rounded to nine decimals";
  }
  return word;
}

// `rows` as float32; says of each block whether it is.
std::vector<float> Widen(const RowBlocks& rows, std::vector<bool>& are_float32) {
  std::vector<float> vectors(rows.row_count() * rows.dimensions());
  size_t at = 0;
  for (const base::ByteSpan block : rows.blocks()) {
    const size_t count = block.size() / base::ElementSize(rows.element());
    const auto target = std::span(vectors).subspan(at, count);
    are_float32.push_back(codec::WidenElements(rows.element(), block, target) == count);
    at += count;
  }
  return vectors;
}

bool HasSameBytes(base::ByteSpan given, base::ByteSpan decoded) {
  return given.size() == decoded.size() &&
         (given.empty() || std::memcmp(given.data(), decoded.data(), given.size()) == 0);
}

// True when every way to read `encoded` gives the bytes of `rows`, which are `vectors` when they
// are float32.
bool IsExact(const RowBlocks& rows, const CodecBlocks& encoded, std::span<const float> vectors) {
  size_t first = 0;
  std::vector<float> buffer;
  for (size_t i = 0; i < encoded.open().size(); ++i) {
    const codec::VectorBlock& block = encoded.open()[i];
    const Result<base::Bytes> elements = block.ReadElements();
    if (!elements.ok() || !HasSameBytes(rows.blocks()[i], *elements)) return false;
    if (vectors.empty()) continue;
    const size_t count = block.row_count() * block.dimensions();
    buffer.resize(count);
    const auto wanted = base::AsBytes(vectors.subspan(first, count));
    if (!block.ReadRows(0, block.row_count(), buffer).ok() ||
        !HasSameBytes(wanted, base::AsBytes(std::span<const float>(buffer)))) {
      return false;
    }
    first += count;
  }
  return encoded.row_count() == rows.row_count();
}

bool IsExact(const CodeRest& encoded, std::span<const float> vectors, size_t dimensions) {
  std::vector<float> row(dimensions);
  for (size_t i = 0; i < encoded.row_count(); ++i) {
    const auto wanted = vectors.subspan(i * dimensions, dimensions);
    if (!encoded.ReadRow(i, row).ok() ||
        !HasSameBytes(base::AsBytes(wanted), base::AsBytes(std::span<const float>(row)))) {
      return false;
    }
  }
  return true;
}

// One run of BenchCodecs.
class CodecBench {
 public:
  CodecBench(const VectorSet& set, const CodecBenchOptions& options, const CodecSink& progress)
      : set_(set),
        effort_(options.effort),
        memory_bytes_(options.memory_bytes),
        progress_(progress),
        rows_(set.element, set.dimensions, set.elements) {}

  Result<CodecReport> Run() {
    const int64_t start_ns = os::RealClock().monotonic_ns();
    Describe();
    vectors_ = Widen(rows_, are_float32_);
    is_float32_ = std::find(are_float32_.begin(), are_float32_.end(), false) == are_float32_.end();
    INTACT_RETURN_IF_ERROR(MeasureForms());
    if (is_float32_) MeasureCodeRest();
    MeasureFloors();
    INTACT_RETURN_IF_ERROR(MeasurePeers());
    if (effort_ == CodecEffort::kFull && is_float32_) INTACT_RETURN_IF_ERROR(MeasureInMemory());
    report_.seconds = os::SecondsSince(start_ns);
    return std::move(report_);
  }

 private:
  bool is_quick() const { return effort_ != CodecEffort::kFull; }
  bool HasSpeeds() const {
    return effort_ != CodecEffort::kSizes && report_.is_exact && rows_.row_count() > 0;
  }
  uint64_t FloatBytes(uint64_t rows) const { return rows * rows_.dimensions() * sizeof(float); }

  void Step() {
    constexpr size_t kStepCount = 4 + std::size(kPeers);
    if (progress_) progress_(std::min(++step_, kStepCount), kStepCount);
  }

  void Describe() {
    report_.name = set_.name;
    report_.is_generated = set_.is_generated;
    report_.is_whole = set_.is_whole;
    report_.element = base::ElementTypeName(set_.element);
    report_.dimensions = set_.dimensions;
    report_.rows = set_.rows;
    report_.raw_bytes = set_.elements.size();
    report_.block_rows = RowBlocks::RowsMax(rows_.row_size());
  }

  Status MeasureForms() {
    std::vector<std::vector<VectorKind>> compact_kinds;
    std::vector<std::vector<VectorKind>> fast_kinds;
    INTACT_RETURN_IF_ERROR(MeasureForm("compact", Goal::kCompact, compact_kinds, report_.compact));
    INTACT_RETURN_IF_ERROR(MeasureForm("fast", Goal::kFast, fast_kinds, report_.fast));
    CountKinds(compact_kinds, fast_kinds);
    for (const auto& block : compact_kinds) kinds_.insert(kinds_.end(), block.begin(), block.end());
    return base::Ok();
  }

  Status MeasureForm(const char* name, Goal goal, std::vector<std::vector<VectorKind>>& kinds,
                     CodecForm& form) {
    CodecBlocks blocks;
    blocks.Encode(rows_, goal, &kinds);
    form.name = name;
    form.bytes = blocks.size();
    INTACT_RETURN_IF_ERROR(blocks.Open());
    report_.is_exact = report_.is_exact &&
                       IsExact(rows_, blocks, is_float32_ ? vectors_ : std::span<const float>());
    if (HasSpeeds()) {
      MeasureReading(blocks, form);
      form.encode = MeasureRate(rows_.row_count() * rows_.row_size(), is_quick(),
                                [&] { blocks.Encode(rows_, goal); });
    }
    Step();
    return base::Ok();
  }

  void MeasureReading(CodecBlocks& blocks, CodecForm& form) {
    const uint64_t bytes = FloatBytes(blocks.row_count());
    if (!is_float32_) {
      form.decode = MeasureRate(2 * bytes, is_quick(), [&] { blocks.ReadElements(); });
      return;
    }
    form.decode = MeasureRate(bytes, is_quick(), [&] { blocks.ReadInBatches(); });
    const std::vector<RowPlace> order = blocks.MakeOrder();
    form.decode_rows = MeasureRate(bytes, is_quick(), [&] { blocks.ReadInOrder(order); });
  }

  void CountKinds(const std::vector<std::vector<VectorKind>>& compact_kinds,
                  const std::vector<std::vector<VectorKind>>& fast_kinds) {
    for (size_t i = 0; i < compact_kinds.size(); ++i) {
      for (size_t row = 0; row < compact_kinds[i].size(); ++row) {
        const VectorKind& kind = compact_kinds[i][row];
        CodecKind count{.kind = std::string(codec::KindName(kind.recipe)),
                        .meaning = MeaningOf(kind.recipe),
                        .compact_form = std::string(codec::FormName(kind.form)),
                        .fast_form = std::string(codec::FormName(fast_kinds[i][row].form)),
                        .rows = 1};
        if (!are_float32_[i]) {
          count.kind = "float64, upper part " + count.kind;
          count.meaning =
              "float64 numbers that are no float32; their upper 35 bits: " + count.meaning;
        }
        CountKind(count);
      }
    }
    std::stable_sort(report_.kinds.begin(), report_.kinds.end(),
                     [](const CodecKind& a, const CodecKind& b) { return a.rows > b.rows; });
  }

  void CountKind(const CodecKind& kind) {
    const auto key = [](const CodecKind& k) {
      return std::tie(k.kind, k.compact_form, k.fast_form);
    };
    const auto same = std::find_if(report_.kinds.begin(), report_.kinds.end(),
                                   [&](const CodecKind& known) { return key(known) == key(kind); });
    if (same == report_.kinds.end()) {
      report_.kinds.push_back(kind);
    } else {
      same->rows += kind.rows;
    }
  }

  void MeasureCodeRest() {
    CodeRest encoded(rows_.dimensions());
    encoded.Encode(vectors_);
    CodecForm form{.name = "code + rest", .bytes = encoded.size(report_.block_rows)};
    report_.is_exact = report_.is_exact && IsExact(encoded, vectors_, rows_.dimensions());
    if (HasSpeeds()) {
      const uint64_t bytes = FloatBytes(rows_.row_count());
      const size_t count = encoded.row_count();
      const std::vector<RowPlace> order = RandomOrder({&count, 1});
      form.decode = MeasureRate(bytes, is_quick(), [&] { encoded.ReadAll(); });
      form.decode_rows = MeasureRate(bytes, is_quick(), [&] { encoded.ReadInOrder(order); });
      form.encode = MeasureRate(rows_.row_count() * rows_.row_size(), is_quick(),
                                [&] { encoded.Encode(vectors_); });
    }
    report_.code_rest = std::move(form);
    Step();
  }

  void MeasureFloors() {
    ElementFloor given(set_.element);
    given.Add(set_.elements);
    report_.given_floor_bits = given.BitsPerValue();
    report_.floor_bits = report_.given_floor_bits;
    if (!is_float32_) return;
    WordFloor found;
    for (size_t row = 0; row < kinds_.size(); ++row) {
      found.Add(std::span(vectors_).subspan(row * rows_.dimensions(), rows_.dimensions()),
                kinds_[row].recipe);
    }
    report_.floor_bits = found.BitsPerValue();
  }

  Status MeasurePeers() {
    if (HasSpeeds()) {
      RawRows raw(rows_);
      report_.peers.push_back(MeasureRaw(raw, rows_));
    }
    for (const Peer& peer : kPeers) {
      constexpr int kSlowLevel = 19;
      if (peer.zstd_level != kSlowLevel || effort_ != CodecEffort::kQuick) {
        INTACT_ASSIGN_OR_RETURN(CodecForm form, BenchPeer(rows_, peer, effort_, report_.is_exact));
        report_.peers.push_back(std::move(form));
      }
      Step();
    }
    return base::Ok();
  }

  CodecForm MeasureRaw(RawRows& raw, const RowBlocks& rows) const {
    std::vector<size_t> row_counts;
    for (const base::ByteSpan block : rows.blocks()) {
      row_counts.push_back(block.size() / rows.row_size());
    }
    const std::vector<RowPlace> order = RandomOrder(row_counts);
    const uint64_t bytes = rows.row_count() * rows.row_size();
    return {.name = "raw copy",
            .bytes = bytes,
            .decode = MeasureRate(bytes, is_quick(), [&] { raw.ReadInBatches(); }),
            .decode_rows = MeasureRate(bytes, is_quick(), [&] { raw.ReadInOrder(order); })};
  }

  // Rows over and over, each time turned by one component more.
  base::Bytes RepeatRows(uint64_t size_min) const {
    const size_t row_size = rows_.row_size();
    const size_t element_size = base::ElementSize(set_.element);
    base::Bytes repeated = set_.elements;
    for (uint64_t row = set_.rows; repeated.size() < size_min; ++row) {
      const auto given =
          base::ByteSpan(set_.elements).subspan(row % set_.rows * row_size, row_size);
      const size_t turn = row / set_.rows * element_size % row_size;
      repeated.insert(repeated.end(), given.begin() + static_cast<std::ptrdiff_t>(turn),
                      given.end());
      repeated.insert(repeated.end(), given.begin(),
                      given.begin() + static_cast<std::ptrdiff_t>(turn));
    }
    return repeated;
  }

  Status MeasureInMemory() {
    if (!HasSpeeds() || rows_.row_count() < 2) return base::Ok();
    report_.memory.encoded_bytes_min = memory_bytes_;
    {
      const base::Bytes elements =
          RepeatRows(std::max<uint64_t>(memory_bytes_, report_.block_rows * rows_.row_size()));
      const RowBlocks rows(set_.element, set_.dimensions, elements);
      RawRows raw(rows);
      report_.memory.forms.push_back(MeasureRaw(raw, rows));
    }
    const base::Bytes elements = RepeatRows(report_.block_rows * rows_.row_size());
    const RowBlocks rows(set_.element, set_.dimensions, elements);
    for (const Goal goal : {Goal::kCompact, Goal::kFast}) {
      CodecBlocks blocks;
      blocks.Encode(rows, goal);
      blocks.RepeatTo(memory_bytes_);
      INTACT_RETURN_IF_ERROR(blocks.Open());
      CodecForm form{.name = goal == Goal::kCompact ? "compact" : "fast", .bytes = blocks.size()};
      MeasureReading(blocks, form);
      report_.memory.forms.push_back(std::move(form));
    }
    Step();
    return base::Ok();
  }

  const VectorSet& set_;
  const CodecEffort effort_;
  const uint64_t memory_bytes_;
  const CodecSink& progress_;
  RowBlocks rows_;
  std::vector<float> vectors_;
  std::vector<bool> are_float32_;  // Of each block.
  bool is_float32_ = true;
  std::vector<VectorKind> kinds_;
  size_t step_ = 0;
  CodecReport report_;
};

}  // namespace

Result<CodecReport> BenchCodecs(const VectorSet& set, const CodecBenchOptions& options,
                                const CodecSink& progress) {
  return CodecBench(set, options, progress).Run();
}

Result<CodecRow> ExplainRow(const VectorSet& set, uint64_t row) {
  if (row >= set.rows) {
    return base::InvalidArgument(set.name + " has " + std::to_string(set.rows) +
                                 " rows; the first is row 0, there is no row " +
                                 std::to_string(row));
  }
  const RowBlocks rows(set.element, set.dimensions, set.elements);
  const size_t rows_max = RowBlocks::RowsMax(rows.row_size());
  // The row's block alone: tables are shared within it.
  const RowBlocks own(set.element, set.dimensions, rows.blocks()[row / rows_max]);
  const size_t index = row % rows_max;
  std::vector<bool> are_float32;
  const std::vector<float> vectors = Widen(own, are_float32);
  if (!are_float32[0]) {
    return base::InvalidArgument(set.name +
                                 " holds float64 numbers that are no float32: there is "
                                 "no more to say of its rows one by one");
  }
  CodecBlocks compact;
  CodecBlocks fast;
  std::vector<std::vector<VectorKind>> kinds;
  compact.Encode(own, Goal::kCompact, &kinds);
  fast.Encode(own, Goal::kFast, &kinds);
  INTACT_RETURN_IF_ERROR(compact.Open());
  INTACT_RETURN_IF_ERROR(fast.Open());
  const VectorKind& kind = kinds[0][index];
  CodeRest code_rest(set.dimensions);
  code_rest.Encode(std::span(vectors).subspan(index * set.dimensions, set.dimensions));
  CodecRow result{.row = row,
                  .kind = std::string(codec::KindName(kind.recipe)),
                  .meaning = MeaningOf(kind.recipe),
                  .token_count = kind.recipe.token_count,
                  .compact_form = std::string(codec::FormName(kind.form)),
                  .fast_form = std::string(codec::FormName(kinds[1][index].form)),
                  .compact_bytes = compact.open()[0].encoded(index).size(),
                  .fast_bytes = fast.open()[0].encoded(index).size(),
                  .code_rest_bytes = code_rest.row_size(0)};
  if (kind.recipe.arithmetic != Arithmetic::kNone) result.scale = kind.recipe.scale;
  return result;
}

}  // namespace intact::engine
