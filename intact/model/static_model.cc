#include "intact/model/static_model.h"

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>

#include "intact/model/half.h"
#include "intact/simd/simd.h"

namespace intact::model {
namespace {

constexpr std::array<char, 8> kMagic = {'\x89', 'I', 'M', 'D', 'L', '\r', '\n', '\x1a'};
constexpr uint32_t kVersion = 1;
constexpr uint32_t kFlagSquareRootCounts = 1;
constexpr uint32_t kDimensionsMax = 65536;
constexpr size_t kNgramSizeMax = 16;

struct SectionPlace {
  uint64_t offset;
  uint64_t size;
};

struct Header {
  std::array<char, 8> magic;
  uint32_t version;
  uint32_t header_size;
  uint32_t dimensions;
  uint32_t word_count;
  uint32_t bucket_count;
  uint32_t ngram_size;
  uint32_t slot_count;
  uint32_t flags;
  uint32_t weight_max;
  uint32_t reserved;
  SectionPlace slots;
  SectionPlace weights;
  SectionPlace rows;
  SectionPlace words;
  std::array<std::byte, 32> recipe_digest;
  base::Digest digest;
  std::array<char, 32> name;
  std::array<char, 16> revision;
  std::array<std::byte, 28> zero;
  uint32_t crc;
};
static_assert(sizeof(Header) == 256 && offsetof(Header, slots) == 48 &&
              offsetof(Header, digest) == 144 && offsetof(Header, name) == 176 &&
              offsetof(Header, crc) == 252);

struct Slot {
  uint64_t hash;
  uint32_t row;
  uint32_t zero;
};
static_assert(sizeof(Slot) == 16);

template <size_t kSize>
std::string TextOf(const std::array<char, kSize>& field) {
  const std::string_view text(field.data(), field.size());
  return std::string(text.substr(0, text.find('\0')));
}

base::Status CheckHeader(const Header& header, base::ByteSpan file) {
  if (header.magic != kMagic)
    return base::InvalidArgument("not an intact model file: wrong magic number");
  if (header.version != kVersion) {
    return base::Unsupported("a model file of version " + std::to_string(header.version) +
                             "; this build reads version 1: upgrade intact");
  }
  const uint32_t crc = base::Crc32c(file.first(offsetof(Header, crc)));
  if (crc != header.crc)
    return base::Corruption("a model file's header is damaged: its checksum differs");
  if ((header.flags & ~kFlagSquareRootCounts) != 0) {
    return base::Unsupported(
        "a model file has flags that this build does not know: upgrade intact");
  }
  const bool is_sound = header.header_size == sizeof(Header) && header.reserved == 0 &&
                        header.zero == decltype(header.zero){} && header.dimensions > 0 &&
                        header.dimensions <= kDimensionsMax && header.ngram_size > 0 &&
                        header.ngram_size <= kNgramSizeMax && header.bucket_count > 0 &&
                        std::has_single_bit(header.slot_count) && header.weight_max <= UINT16_MAX;
  if (!is_sound) return base::Corruption("a model file's header holds impossible values");
  const uint64_t row_count = uint64_t{header.word_count} + header.bucket_count;
  const auto fits = [&](const SectionPlace& place, uint64_t size) {
    return place.size == size && place.offset % 64 == 0 && place.offset >= sizeof(Header) &&
           place.offset <= file.size() && place.size <= file.size() - place.offset;
  };
  if (!fits(header.slots, uint64_t{header.slot_count} * sizeof(Slot)) ||
      !fits(header.weights, row_count * 2) || !fits(header.rows, row_count * header.dimensions) ||
      !fits(header.words, header.words.size)) {
    return base::Corruption("a model file of " + std::to_string(file.size()) +
                            " bytes does not hold the sections its header names");
  }
  return base::Ok();
}

// floor(64 * sqrt(count)), or 64 * count: the fixed-point weight of a token that occurs `count`
// times.
uint64_t CountWeight(uint64_t count, bool has_square_root) {
  if (!has_square_root) return 64 * count;
  const uint64_t square = 4096 * count;
  auto root = static_cast<uint64_t>(std::sqrt(static_cast<double>(square)));
  while (root * root > square) --root;
  while ((root + 1) * (root + 1) <= square) ++root;
  return root;
}

// Distinct tokens of a text with their counts; the bytes of their first appearance.
class TokenCounts {
 public:
  struct Entry {
    Token token;
    uint64_t count;
  };

  const std::vector<Entry>& Count(std::string_view text) {
    entries_.clear();
    if (slots_.empty()) slots_.resize(1024);
    std::fill(slots_.begin(), slots_.end(), 0u);
    Tokeniser tokeniser(text);
    for (Token token; tokeniser.Next(token);) Add(token);
    return entries_;
  }

 private:
  void Add(const Token& token) {
    const size_t mask = slots_.size() - 1;
    size_t slot = token.hash & mask;
    for (; slots_[slot] != 0; slot = (slot + 1) & mask) {
      Entry& entry = entries_[slots_[slot] - 1];
      if (entry.token.hash == token.hash) {
        ++entry.count;
        return;
      }
    }
    entries_.push_back({token, 1});
    slots_[slot] = static_cast<uint32_t>(entries_.size());
    if (entries_.size() * 2 <= slots_.size()) return;
    slots_.assign(slots_.size() * 2, 0);
    for (size_t i = 0; i < entries_.size(); ++i) {
      size_t at = entries_[i].token.hash & (slots_.size() - 1);
      while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
      slots_[at] = static_cast<uint32_t>(i + 1);
    }
  }

  std::vector<Entry> entries_;
  std::vector<uint32_t> slots_;  // Index into entries_ + 1; 0 is free.
};

// Weighted sums of rows in int64, added up in int32 as long as that cannot overflow.
class RowSums {
 public:
  explicit RowSums(size_t dimensions) : narrow_(dimensions), wide_(dimensions) {}

  void Add(const int8_t* row, uint64_t multiplier) {
    constexpr uint64_t kMultiplierMax = INT32_MAX / 128;
    while (multiplier > 0) {
      const uint64_t part = std::min(multiplier, kMultiplierMax);
      if (bound_ + part > kMultiplierMax) Flush();
      kernels_.accumulate_i8(narrow_.data(), row, static_cast<int32_t>(part), narrow_.size());
      bound_ += part;
      multiplier -= part;
    }
  }
  const std::vector<int64_t>& Finish() {
    Flush();
    return wide_;
  }

 private:
  void Flush() {
    for (size_t j = 0; j < narrow_.size(); ++j) wide_[j] += narrow_[j];
    std::fill(narrow_.begin(), narrow_.end(), 0);
    bound_ = 0;
  }

  const simd::Kernels& kernels_ = simd::BestKernels();
  std::vector<int32_t> narrow_;
  std::vector<int64_t> wide_;
  uint64_t bound_ = 0;  // |narrow_[j]| <= 128 * bound_.
};

// Steps 4 and 5 of the definition.
void Normalise(const std::vector<int64_t>& sums, std::span<float> vector) {
  double squares = 0;
  for (const int64_t sum : sums) squares += static_cast<double>(sum) * static_cast<double>(sum);
  const double norm = std::sqrt(squares);
  for (size_t j = 0; j < vector.size(); ++j) {
    const double unit = norm > 0 ? static_cast<double>(sums[j]) / norm : (j == 0 ? 1.0 : 0.0);
    vector[j] = RoundToFloat16(static_cast<float>(unit));
  }
}

bool IsNumber(std::string_view token) { return token[0] >= '0' && token[0] <= '9'; }

}  // namespace

base::Result<std::unique_ptr<StaticModel>> StaticModel::Parse(base::ByteSpan file,
                                                              DigestCheck check) {
  if (file.size() < sizeof(Header))
    return base::InvalidArgument("not an intact model file: too short");
  INTACT_CHECK(reinterpret_cast<uintptr_t>(file.data()) % 64 == 0);
  const auto header = base::Load<Header>(file.data());
  INTACT_RETURN_IF_ERROR(CheckHeader(header, file));
  if (check == DigestCheck::kCompare &&
      base::DigestOf(file.subspan(sizeof(Header))) != header.digest) {
    return base::Corruption("a model file is damaged: its digest differs from the header's");
  }
  std::unique_ptr<StaticModel> model(new StaticModel);
  model->dimensions_ = header.dimensions;
  model->word_count_ = header.word_count;
  model->bucket_count_ = header.bucket_count;
  model->ngram_size_ = header.ngram_size;
  model->slot_count_ = header.slot_count;
  model->has_square_root_counts_ = (header.flags & kFlagSquareRootCounts) != 0;
  model->slots_ = file.data() + header.slots.offset;
  model->weights_ = file.data() + header.weights.offset;
  model->rows_ = reinterpret_cast<const int8_t*>(file.data() + header.rows.offset);
  model->identity_ = TextOf(header.name) + "@" + TextOf(header.revision) + "/" +
                     header.digest.ToHex().substr(0, 16) + "/" + std::to_string(header.dimensions);
  return model;
}

int64_t StaticModel::RowOf(uint64_t hash) const {
  const uint32_t mask = slot_count_ - 1;
  auto at = static_cast<uint32_t>(hash) & mask;
  // A file without a free slot would never end the search by itself.
  for (uint32_t steps = 0; steps < slot_count_; ++steps, at = (at + 1) & mask) {
    const auto slot = base::Load<Slot>(slots_ + size_t{at} * sizeof(Slot));
    if (slot.row >= word_count_) return -1;
    if (slot.hash == hash) return slot.row;
  }
  return -1;
}

void StaticModel::Embed(std::string_view text, std::span<float> vector) const {
  INTACT_CHECK(vector.size() == dimensions_);
  thread_local TokenCounts counts;  // Only its buffers outlive the call.
  RowSums sums(dimensions_);
  const auto weight = [&](size_t row) { return base::Load<uint16_t>(weights_ + 2 * row); };
  const auto values = [&](size_t row) { return rows_ + row * dimensions_; };
  for (const auto& [token, count] : counts.Count(text)) {
    const uint64_t count_weight = CountWeight(count, has_square_root_counts_);
    if (const int64_t row = RowOf(token.hash); row >= 0) {
      sums.Add(values(static_cast<size_t>(row)), count_weight * weight(static_cast<size_t>(row)));
      continue;
    }
    if (IsNumber(token.bytes)) continue;
    std::array<char, kTokenSizeMax + 2> framed;
    size_t size = 0;
    framed[size++] = '<';
    for (const char c : token.bytes) framed[size++] = LowerAscii(c);
    framed[size++] = '>';
    const size_t gram_count = size < ngram_size_ ? 1 : size - ngram_size_ + 1;
    for (size_t at = 0; at < gram_count; ++at) {
      const std::string_view gram(framed.data() + at, std::min<size_t>(ngram_size_, size));
      const size_t row = word_count_ + FnvHash(gram) % bucket_count_;
      sums.Add(values(row), count_weight * (weight(row) / gram_count));
    }
  }
  Normalise(sums.Finish(), vector);
}

uint64_t StaticModel::CountTokens(std::string_view text) const {
  uint64_t count = 0;
  Tokeniser tokeniser(text);
  for (Token token; tokeniser.Next(token);) ++count;
  return count;
}

}  // namespace intact::model
