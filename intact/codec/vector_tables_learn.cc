// Learns the tables that rows share: a context per dimension, a code book per context.
#include <algorithm>
#include <bit>
#include <cmath>

#include "intact/codec/bit_stream.h"
#include "intact/codec/vector_tables.h"

namespace intact::codec {
namespace {

using base::Result;

constexpr int kBias = 127 - static_cast<int>(kExponentOffset);

void PutNibbles(base::ByteWriter& writer, std::span<const uint8_t> nibbles) {
  for (size_t i = 0; i < nibbles.size(); i += 2) {
    const int high = i + 1 < nibbles.size() ? nibbles[i + 1] : 0;
    writer.Put(static_cast<uint8_t>(nibbles[i] | high << 4));
  }
}

// The exponents that have codes: [first, first + count).
struct ExponentRange {
  size_t first = 0;
  size_t count = 0;
};

ExponentRange RangeOf(const CodeBook& book) {
  size_t first = kHalfCount / 4;
  size_t end = 0;
  for (size_t symbol = 0; symbol < kSymbolCount; ++symbol) {
    if (book[symbol] == 0 || symbol == kEscape) continue;
    const size_t exponent = symbol % kHalfCount / 4;
    first = std::min(first, exponent);
    end = std::max(end, exponent + 1);
  }
  return {end == 0 ? 0 : first, end == 0 ? 0 : end - first};
}

void PutBook(base::ByteWriter& writer, const CodeBook& book) {
  const ExponentRange range = RangeOf(book);
  const auto positive = std::span(book).subspan(4 * range.first, 4 * range.count);
  const auto negative = std::span(book).subspan(kHalfCount + 4 * range.first, 4 * range.count);
  std::vector<uint8_t> negatives(negative.begin(), negative.end());
  // The place of -0 holds the escape's length, which comes last.
  if (range.first == 0 && range.count > 0) negatives[0] = 0;
  const bool is_symmetric = std::equal(positive.begin(), positive.end(), negatives.begin());
  writer.Put(static_cast<uint8_t>(range.first));
  writer.Put(static_cast<uint8_t>(range.count));
  writer.Put(static_cast<uint8_t>(is_symmetric));
  std::vector<uint8_t> nibbles(positive.begin(), positive.end());
  if (!is_symmetric) nibbles.insert(nibbles.end(), negatives.begin(), negatives.end());
  nibbles.push_back(book[kEscape]);
  PutNibbles(writer, nibbles);
}

}  // namespace

// The rows' symbols, and how often each appeared in each dimension.
struct TableLearner::Sample {
  size_t row_count = 0;
  std::vector<uint16_t> symbols;  // [row_count, d]
};

TableLearner::TableLearner(size_t dimensions) : dimensions_(dimensions) {}
TableLearner::~TableLearner() = default;

void TableLearner::Add(const VectorWords& words) {
  std::unique_ptr<Sample>& sample = samples_[static_cast<size_t>(words.recipe.word)];
  if (sample == nullptr) sample = std::make_unique<Sample>();
  if (sample->row_count == kRowCountMax) return;
  if (sample->row_count == 0) sample->symbols.reserve(256 * dimensions_);
  ++sample->row_count;
  for (const uint32_t word : words.words) {
    sample->symbols.push_back(static_cast<uint16_t>(SymbolOf(word >> kHeadShift)));
  }
}

namespace {

// Bits that `counts` take under the code lengths; symbols without a code escape.
uint64_t BitCount(std::span<const uint64_t> counts, const CodeBook& book) {
  uint64_t bits = 0;
  for (size_t symbol = 0; symbol < kSymbolCount; ++symbol) {
    if (counts[symbol] == 0) continue;
    const bool has_code = book[symbol] != 0 && symbol != kEscape;
    bits += counts[symbol] * (has_code ? book[symbol] : uint64_t{book[kEscape]} + kHeadBits);
  }
  return bits;
}

// A code book for these counts [2^symbol_bits]: exponents that are too rare to be worth their place
// in the table escape.
CodeBook LearnBook(std::span<const uint64_t> counts) {
  constexpr uint64_t kLeastCount = 4;
  uint64_t escaped = 1 + counts[kEscape];
  size_t first = kHalfCount / 4, end = 0;
  for (size_t exponent = 0; exponent < kHalfCount / 4; ++exponent) {
    uint64_t sum = 0;
    for (size_t symbol = 4 * exponent; symbol < 4 * exponent + 4; ++symbol) {
      sum += counts[symbol] + (symbol == 0 ? 0 : counts[kHalfCount + symbol]);
    }
    if (sum < kLeastCount) {
      escaped += sum;
      continue;
    }
    first = std::min(first, exponent);
    end = exponent + 1;
  }
  if (end <= first) first = 0, end = 1;
  // 16 to 1 against what the sample happens not to have.
  std::vector<uint64_t> weights(kSymbolCount, 0);
  for (size_t symbol = 4 * first; symbol < 4 * end; ++symbol) {
    weights[symbol] = 16 * counts[symbol] + 1;
    weights[kHalfCount + symbol] = 16 * counts[kHalfCount + symbol] + 1;
  }
  weights[kEscape] = 16 * escaped;
  return CodeLengths(weights);
}

// Dimensions whose symbols are distributed alike get one context: Lloyd's algorithm on counts of
// (sign, exponent), the distance being the bits that a context's mean distribution takes.
class Clusters {
 public:
  Clusters(std::span<const uint16_t> symbols, size_t dimensions)
      : dimensions_(dimensions), bin_count_(kSymbolCount / 4), counts_(dimensions * bin_count_) {
    for (size_t i = 0; i < symbols.size(); ++i) {
      ++counts_[i % dimensions * bin_count_ + symbols[i] / 4];
    }
    // Only bins that appear cost time.
    std::vector<bool> is_used(bin_count_);
    for (size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] != 0) is_used[i % bin_count_] = true;
    }
    std::vector<uint32_t> packed;
    for (size_t i = 0; i < counts_.size(); ++i) {
      if (is_used[i % bin_count_]) packed.push_back(counts_[i]);
    }
    counts_ = std::move(packed);
    std::vector<double> values;
    for (size_t bin = 0; bin < bin_count_; ++bin) {
      if (!is_used[bin]) continue;
      const auto exponent = static_cast<double>(bin % (bin_count_ / 2)) + 1;
      values.push_back(bin < bin_count_ / 2 ? exponent : -exponent);
    }
    bin_count_ = values.size();
    total_.assign(bin_count_, 0);
    for (size_t i = 0; i < counts_.size(); ++i) total_[i % bin_count_] += counts_[i];
    OrderDimensions();
  }

  std::vector<uint8_t> Assign(size_t count) const {
    std::vector<uint8_t> contexts(dimensions_);
    for (size_t i = 0; i < dimensions_; ++i) {
      contexts[order_[i]] = static_cast<uint8_t>(i * count / dimensions_);
    }
    constexpr int kRounds = 4;
    for (int round = 0; round < kRounds; ++round) Improve(count, contexts);
    return contexts;
  }

 private:
  // By mean exponent, so that the first guess has the wide and the narrow dimensions apart.
  void OrderDimensions() {
    std::vector<double> means(dimensions_);
    const size_t half = bin_count_ / 2;
    for (size_t i = 0; i < dimensions_; ++i) {
      double sum = 0, weight = 0;
      for (size_t bin = 0; bin < bin_count_; ++bin) {
        const double count = counts_[i * bin_count_ + bin];
        sum += count * static_cast<double>(half == 0 ? 0 : bin % half);
        weight += count;
      }
      means[i] = weight == 0 ? 0 : sum / weight;
    }
    order_.resize(dimensions_);
    for (size_t i = 0; i < dimensions_; ++i) order_[i] = i;
    std::stable_sort(order_.begin(), order_.end(),
                     [&](size_t a, size_t b) { return means[a] < means[b]; });
  }

  void Improve(size_t count, std::vector<uint8_t>& contexts) const {
    std::vector<double> sums(count * bin_count_);
    for (size_t i = 0; i < dimensions_; ++i) {
      for (size_t bin = 0; bin < bin_count_; ++bin) {
        sums[contexts[i] * bin_count_ + bin] += counts_[i * bin_count_ + bin];
      }
    }
    double all = 0;
    for (const uint64_t sum : total_) all += static_cast<double>(sum);
    // By bin, so that the costs of all contexts are summed side by side.
    std::vector<std::array<float, kContextCountMax>> costs(bin_count_);
    for (size_t c = 0; c < count; ++c) {
      double sum = 0;
      for (size_t bin = 0; bin < bin_count_; ++bin) sum += sums[c * bin_count_ + bin];
      for (size_t bin = 0; bin < bin_count_; ++bin) {
        // Half an observation spread like all the rows.
        const double prior = 0.5 * static_cast<double>(total_[bin]) / all + 1e-6;
        costs[bin][c] =
            static_cast<float>(-std::log2((sums[c * bin_count_ + bin] + prior) / (sum + 1)));
      }
    }
    for (size_t i = 0; i < dimensions_; ++i) {
      const uint32_t* row = &counts_[i * bin_count_];
      std::array<float, kContextCountMax> total{};
      for (size_t bin = 0; bin < bin_count_; ++bin) {
        const auto weight = static_cast<float>(row[bin]);
        for (size_t c = 0; c < kContextCountMax; ++c) total[c] += weight * costs[bin][c];
      }
      const auto best = std::min_element(total.begin(), total.begin() + static_cast<long>(count));
      contexts[i] = static_cast<uint8_t>(best - total.begin());
    }
  }

  size_t dimensions_;
  size_t bin_count_;
  std::vector<uint32_t> counts_;  // [d, bin_count]
  std::vector<uint64_t> total_;   // [bin_count]
  std::vector<size_t> order_;     // [d]
};

struct Candidate {
  uint64_t bits = 0;  // Of the rows and the model.
  base::Bytes bytes;  // The model's.
};

void PutModelHead(base::ByteWriter& writer, Word word, size_t contexts) {
  writer.Put(static_cast<uint8_t>(word));
  writer.Put(static_cast<uint8_t>(contexts));
}

// Symbols of all dimensions, and of each context apart.
std::vector<std::vector<uint64_t>> CountByContext(std::span<const uint16_t> symbols,
                                                  size_t dimensions, size_t count,
                                                  std::span<const uint8_t> contexts) {
  std::vector<std::vector<uint64_t>> counts(count, std::vector<uint64_t>(kSymbolCount, 0));
  for (size_t i = 0; i < symbols.size(); ++i) {
    ++counts[contexts.empty() ? 0 : contexts[i % dimensions]][symbols[i]];
  }
  return counts;
}

Candidate LearnedCandidate(Word word, std::span<const uint16_t> symbols, size_t dimensions,
                           size_t count, std::span<const uint8_t> contexts, double share) {
  base::ByteWriter writer;
  PutModelHead(writer, word, count);
  if (count > 1) {
    base::Bytes labels;
    BitWriter bits(labels, contexts.size() * LabelBits(count));
    for (const uint8_t context : contexts) bits.Put(context, LabelBits(count));
    bits.Finish();
    writer.PutBytes(labels);
  }
  double sum = 0;
  for (const auto& counts : CountByContext(symbols, dimensions, count, contexts)) {
    const CodeBook book = LearnBook(counts);
    sum += static_cast<double>(BitCount(counts, book));
    PutBook(writer, book);
  }
  return {static_cast<uint64_t>(sum * share) + 8 * writer.size(), writer.Take()};
}

Candidate GaussianCandidate(Word word, std::span<const uint64_t> counts, int quarter,
                            double share) {
  base::ByteWriter writer;
  PutModelHead(writer, word, 0);
  writer.Put(static_cast<int8_t>(quarter));
  const uint64_t bits = BitCount(counts, GaussianBook(quarter));
  return {static_cast<uint64_t>(static_cast<double>(bits) * share) + 8 * writer.size(),
          writer.Take()};
}

// log2 of the root mean square of the words, in quarters.
int QuarterOf(std::span<const uint64_t> counts) {
  const size_t half = kHalfCount;
  double sum = 0, weight = 0;
  for (size_t symbol = 0; symbol < counts.size(); ++symbol) {
    if (counts[symbol] == 0) continue;
    const auto exponent = static_cast<int>(symbol % half / 4);
    if (exponent == 0) continue;
    const double value = std::ldexp(1.125 + static_cast<double>(symbol % 4) / 4, exponent - kBias);
    sum += static_cast<double>(counts[symbol]) * value * value;
    weight += static_cast<double>(counts[symbol]);
  }
  if (sum <= 0 || !std::isfinite(sum)) return 0;
  const double quarter = 4 * std::log2(std::sqrt(sum / weight));
  return static_cast<int>(std::clamp(std::nearbyint(quarter), -128.0, 127.0));
}

}  // namespace

VectorTables TableLearner::Finish(size_t row_count) const {
  size_t sampled = 0;
  for (const auto& sample : samples_) sampled += sample == nullptr ? 0 : sample->row_count;
  base::ByteWriter models;
  for (size_t w = 0; w < kWordCount; ++w) {
    const auto word = static_cast<Word>(w);
    // Integers have a table each: their steps differ.
    if (samples_[w] == nullptr || word == Word::kInteger) continue;
    const std::span<const uint16_t> symbols = samples_[w]->symbols;
    const double share =
        std::max(1.0, static_cast<double>(row_count) / static_cast<double>(sampled));
    const auto counts = CountByContext(symbols, dimensions_, 1, {}).front();
    const uint64_t unit_bits = static_cast<uint64_t>(
        share * static_cast<double>(BitCount(counts, GaussianBook(UnitQuarter(dimensions_)))));
    // Outliers widen the deviation: look below it too.
    Candidate best{unit_bits, {}};
    const int quarter = QuarterOf(counts);
    for (int q = std::max(quarter - 6, -128); q <= quarter; ++q) {
      Candidate candidate = GaussianCandidate(word, counts, q, share);
      if (candidate.bits < best.bits) best = std::move(candidate);
    }
    const Clusters clusters(symbols, dimensions_);
    for (size_t count = 1; count <= kContextCountMax && count <= dimensions_; count *= 2) {
      Candidate candidate =
          LearnedCandidate(word, symbols, dimensions_, count,
                           count == 1 ? std::vector<uint8_t>() : clusters.Assign(count), share);
      if (candidate.bits < best.bits) best = std::move(candidate);
    }
    models.PutBytes(best.bytes);
  }
  Result<VectorTables> tables = VectorTables::Parse(models.bytes(), dimensions_);
  INTACT_CHECK(tables.ok());
  return std::move(*tables);
}

}  // namespace intact::codec
