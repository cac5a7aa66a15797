// simd: kernels per CPU behind plain functions.
//
// The scalar kernels are the definition; every other level gives the same bits on the same input,
// which simd_test.cc proves on odd sizes, unaligned data and special values. Kernels cannot fail:
// callers validate. No allocation; the only state is the choice of CPU. All functions are
// thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace intact::simd {

enum class Level : uint8_t { kScalar, kAvx2, kAvx512, kAvx512Vbmi };

// A stream of prefix codes, lowest bit first, and how far it has been read.
struct PrefixStream {
  const std::byte* data = nullptr;
  size_t size = 0;      // In bytes; beyond there are zeros.
  size_t position = 0;  // In bits.
};

// What a row's bound consists of, 12 bytes a row as quant.h stores it.
enum class BoundLayout : uint8_t {
  kHigh,   // f32 scale, f32 error of the high half, bf16 error, bf16 norm: the first error.
  kSplit,  // The same row; the second error.
  kWhole,  // f32 scale, error, norm.
};

// What a bound is a bound of.
enum class BoundMetric : uint8_t { kDot, kNegativeSquaredDistance, kCosine };

// The query's side of the bounds of rows; search/bounds.h derives the numbers.
struct BoundTerms {
  BoundLayout layout = BoundLayout::kWhole;
  BoundMetric metric = BoundMetric::kDot;
  uint32_t shift = 0;  // A row's integer is (product << shift) - offset, modulo 2^32.
  uint32_t offset = 0;
  float product_factor = 0;
  float error_factor = 0;
  float norm_factor = 0;
  float constant = 0;
  float last_constant = 0;  // Of kCosine: added after the division.
  float norm_shrink = 0;    // A norm times this is at most the true one.
  float norm_limit = 0;     // Rows whose norm or error reaches it are not bounded.
  float norm_floor = 0;     // Nor are, of kCosine, rows whose norm may be below this.
};

// By lane: row r of a call belongs to lane r % 16.
struct BoundSums {
  float sums[16] = {};
  float squares[16] = {};
};

// At most kReachRows rows of a run with their bounds, as bound_rows and the dot kernel of the
// layout read them: high halves, both, or whole codes.
struct CodeRows {
  BoundLayout layout = BoundLayout::kHigh;
  const uint8_t* high = nullptr;
  const uint8_t* low = nullptr;
  const int8_t* codes = nullptr;
  const std::byte* bounds = nullptr;
  size_t stride = 0;
  size_t count = 0;
  uint64_t allowed = ~uint64_t{0};  // Bit r: row r.
  bool has_next = false;  // As many rows follow, and will be read next: they may be prefetched.
};
inline constexpr size_t kReachRows = 64;
inline constexpr size_t kReachQueriesMin = 4;  // Fewer gain nothing by being taken together.

// One of many queries of the same rows.
struct ReachQuery {
  const int8_t* code = nullptr;       // [stride]
  const int8_t* arranged = nullptr;   // [stride], from ArrangeQuery.
  int32_t code_sum = 0;               // Of the code's components.
  const BoundTerms* terms = nullptr;  // Of the rows' layout.
  float cut = 0;
  BoundSums sums;
  uint64_t reached = 0;      // Bit r: row r is allowed and its upper bound reaches the cut.
  float uppers[kReachRows];  // Of those rows; others are left as they were or not.
};

inline constexpr size_t kPrefixStride = 512;
inline constexpr size_t kMultiplesAtOnce = 64;

struct Kernels {
  // The inner product of a [d] and b [d], the canonical score of the project. Definition: 16
  // float32 lanes start at +0; element i adds fl(a[i] * b[i]) to lane i % 16, in order of i; then
  // lanes l and l + 8 are added, then l + 4, l + 2, l + 1. One rounding per operation, no fused
  // multiply-add.
  float (*dot_f32)(const float* a, const float* b, size_t d);

  // products[r] = sum over i of query[i] * rows[r * stride + i], for r in [0, count). d is a
  // multiple of 64; values lie in [-127, 127]; d <= 131,072, so that the sum fits. Reads exactly d
  // bytes of each row.
  void (*dot_i8_rows)(const int8_t* query, const int8_t* rows, size_t stride, size_t count,
                      size_t d, int32_t* products);

  // sums[i] += multiplier * row[i] for i in [0, d); the caller keeps the sums within int32.
  void (*accumulate_i8)(int32_t* sums, const int8_t* row, int32_t multiplier, size_t d);

  // target[i] = the float32 value of the float16 with bits source[i]; exact, and a NaN keeps its
  // payload, quiet or signalling. `source` is [d] u16 at any address.
  void (*widen_f16)(const std::byte* source, float* target, size_t d);

  // target[i] has the upper half of its bits from source[i] and a lower half of zeros. `source` is
  // [d] u16 at any address.
  void (*widen_bf16)(const std::byte* source, float* target, size_t d);

  // values[i] = fl(values[i] / divisor), and fl(values[i] * factor).
  void (*divide_f32)(float* values, float divisor, size_t d);
  void (*multiply_f32)(float* values, float factor, size_t d);

  // target[i] = bits [i * width, (i + 1) * width) of the source, lowest first; width in [1, 32].
  // Reads exactly ceil(count * width / 8) bytes.
  void (*unpack_bits)(const std::byte* source, size_t width, uint32_t* target, size_t count);

  // widen_f16 and widen_bf16, then fl(x / divisor); for a source without NaNs.
  void (*widen_f16_divide)(const std::byte* source, float divisor, float* target, size_t d);
  void (*widen_bf16_divide)(const std::byte* source, float divisor, float* target, size_t d);

  // Float32 words from groups of 16, the last of fewer. A group of n is u16[n], u8[n] and n numbers
  // of 3 bits padded to a byte: bits 0-15 of the words, bits 16-22 and 31, and what to add to
  // exponent_base <= 248 for bits 23-30. Reads nothing beyond the groups.
  void (*join_planes)(const std::byte* groups, uint32_t exponent_base, uint32_t* target, size_t d);

  // Reads `count` <= kPrefixStride codes of at most 10 bits from each stream. An entry of a table
  // [1024], found by the next 10 bits, is symbol << 6 | length; the table of code i begins at
  // tables + offsets[i]. entries[s * kPrefixStride + i] gets the entry of code i of stream s.
  void (*read_prefix_codes)(const uint16_t* tables, const uint32_t* offsets, size_t count,
                            PrefixStream* streams, size_t stream_count, uint16_t* entries);

  // Float32 words from what read_prefix_codes gave and the bits below. Entry i holds, from bit 6
  // up, a symbol s of 10 bits: sign, e of 7 bits, f of two bits. The word has the sign, the
  // exponent e + 64, or 0 when e = 0, then f, then the i-th number of raw_bits of the packed `raw`,
  // then zeros up to 21 bits. Reads exactly ceil(d * raw_bits / 8) bytes. True when a symbol is
  // 512.
  bool (*join_heads)(const uint16_t* entries, const std::byte* raw, size_t raw_bits,
                     uint32_t* target, size_t d);

  // near[i], for i in [0, 32): whether t = ratio * (2^(bits - 1) + begin + i), brought into
  // [2^(bits - 1), 2^bits) by a factor of two either way, is within `tolerance` of a whole number.
  // Returns them as bits of a number. ratio in (0.5, 2), bits <= 16.
  uint32_t (*near_significands)(float ratio, size_t bits, size_t begin, float tolerance);
  // counts[i], for i in [0, kMultiplesAtOnce): for how many j < ratio_count t = ratios[j] * (begin
  // + i), below 2^22, is within t * tolerance of a whole number.
  void (*count_near_multiples)(const float* ratios, size_t ratio_count, float tolerance,
                               uint32_t begin, uint32_t* counts);

  // A code [stride] in two halves [stride / 2], and back. With u = code + 128: byte j of the 32
  // bytes of group g has u >> 4 (high) or u & 15 (low) of component 64 g + j in its lower four
  // bits, of component 64 g + 32 + j in its upper four. stride is a multiple of 64 here and below.
  void (*split_codes)(const int8_t* code, size_t stride, uint8_t* high, uint8_t* low);
  void (*join_codes)(const uint8_t* high, const uint8_t* low, size_t stride, int8_t* code);

  // products[q * count + r] = sum over i of query q's component i times the four bits of component
  // i of row r. Each of `queries` is [stride], from ArrangeQuery, values in [-127, 127];
  // `rows` is one half, [count, stride / 2]; stride <= 65,536.
  void (*dot_half_rows)(const int8_t* const* queries, size_t query_count, const uint8_t* rows,
                        size_t stride, size_t count, int32_t* products);

  // products[r] = sum over i of query[i] * (16 U + L) of row r, modulo 2^32: 128 times the sum of
  // the query's components above the product of codes. Query and rows as above.
  void (*dot_split_rows)(const int8_t* query, const uint8_t* high, const uint8_t* low,
                         size_t stride, size_t count, int32_t* products);

  // uppers[r] for r in [0, count): with w the row's integer, in float32, one rounding each,
  //   a = (w * product_factor) * scale
  //   n = norm + error; l = max(norm * norm_shrink - error, 0)
  //   u = a + (error_factor * e + (norm_factor * n + constant)), e the layout's error
  //   kDot: u; kNegativeSquaredDistance: u - l * l; kCosine: u / (u > 0 ? l : n) + last_constant.
  // Infinite unless a number with n + e < norm_limit (and l >= norm_floor for kCosine); minus
  // infinity for rows whose bit of `allowed` (all set when null) is clear. Others, if not infinite
  // by the limits, add a to sums[r % 16] and a * a to squares[r % 16]. maxima[i] is the largest of
  // uppers [64 i, 64 i + 64). Reads 12 * count bytes of `bounds`.
  void (*bound_rows)(const BoundTerms& terms, const std::byte* bounds, const int32_t* products,
                     size_t count, const uint64_t* allowed, float* uppers, float* maxima,
                     BoundSums* sums);

  // For each query its `reached` and `uppers`, and what is added to its sums: all of it as
  // bound_rows gives it. `scratch` is [kReachRows * stride] and begins at a multiple of 64; not
  // used for fewer than kReachQueriesMin queries.
  void (*reach_rows)(const CodeRows& rows, ReachQuery* queries, size_t query_count,
                     uint8_t* scratch);

  // The canonical squared distance of a [d] and b [d]: as dot_f32, with fl(x * x), x = fl(a[i] -
  // b[i]), for the product.
  float (*squared_distance_f32)(const float* a, const float* b, size_t d);
};

// The code of a query [stride] in the order in which dot_half_rows and dot_split_rows read it: of
// two neighbouring groups of 64 the first 32 of each, then the second 32 of each; a last odd group
// as it is.
void ArrangeQuery(const int8_t* code, size_t stride, int8_t* target);

// The best level this CPU has; decided once.
Level BestLevel();
// The kernels of `level`, which must be at most BestLevel().
const Kernels& KernelsFor(Level level);
inline const Kernels& BestKernels() { return KernelsFor(BestLevel()); }
// "scalar", "avx2", "avx512", "avx512vbmi".
std::string_view LevelName(Level level);

}  // namespace intact::simd
