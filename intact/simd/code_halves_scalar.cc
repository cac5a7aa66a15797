// The definition of the kernels over codes in two halves, in plain arithmetic.
#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>

#include "intact/simd/code_halves.h"
#include "intact/simd/kernels.h"

namespace intact::simd {

void ReachByBounds(const Kernels& kernels, const CodeRows& rows, ReachQuery* queries,
                   size_t query_count) {
  for (size_t q = 0; q < query_count; ++q) {
    ReachQuery& query = queries[q];
    query.reached = 0;
    if (rows.count == 0) continue;
    int32_t products[kReachRows];
    float uppers[kReachRows];
    float maximum;
    if (rows.layout == BoundLayout::kWhole) {
      kernels.dot_i8_rows(query.code, rows.codes, rows.stride, rows.count, rows.stride, products);
    } else if (rows.layout == BoundLayout::kSplit) {
      kernels.dot_split_rows(query.arranged, rows.high, rows.low, rows.stride, rows.count,
                             products);
    } else {
      kernels.dot_half_rows(&query.arranged, 1, rows.high, rows.stride, rows.count, products);
    }
    kernels.bound_rows(*query.terms, rows.bounds, products, rows.count, &rows.allowed, uppers,
                       &maximum, &query.sums);
    if (maximum < query.cut) continue;
    for (size_t r = 0; r < rows.count; ++r) {
      const bool is_reached = (rows.allowed >> r & 1) != 0 && !(uppers[r] < query.cut);
      query.reached |= uint64_t{is_reached} << r;
    }
    std::copy_n(uppers, rows.count, query.uppers);
  }
}

}  // namespace intact::simd

namespace intact::simd::scalar {
namespace {

constexpr size_t kGroup = 64;
constexpr size_t kGroupSize = kGroup / 2;

// Where component `i` is in what ArrangeQuery made of a code [stride].
size_t ArrangedAt(size_t i, size_t stride) {
  const size_t pair = i / (2 * kGroup) * (2 * kGroup);
  if (pair + 2 * kGroup > stride) return i;
  const size_t group = (i - pair) / kGroup;
  const size_t half = i % kGroup / kGroupSize;
  return pair + half * kGroup + group * kGroupSize + i % kGroupSize;
}

uint32_t FourBits(const uint8_t* row, size_t i) {
  const uint32_t byte = row[i / kGroup * kGroupSize + i % kGroupSize];
  return i % kGroup < kGroupSize ? byte & 15 : byte >> 4;
}

uint32_t Word(const std::byte* source, size_t i) {
  uint32_t word;
  std::memcpy(&word, source + 4 * i, sizeof(word));
  return word;
}

struct Row {
  float scale;
  float bound_error;  // The layout's.
  float error;
  float norm;
};

Row ReadRow(BoundLayout layout, const std::byte* bound) {
  const float scale = std::bit_cast<float>(Word(bound, 0));
  const float second = std::bit_cast<float>(Word(bound, 1));
  const uint32_t third = Word(bound, 2);
  if (layout == BoundLayout::kWhole) return {scale, second, second, std::bit_cast<float>(third)};
  const float error = std::bit_cast<float>(third << 16);
  const float norm = std::bit_cast<float>(third & 0xffff0000u);
  return {scale, layout == BoundLayout::kHigh ? second : error, error, norm};
}

}  // namespace

void SplitCodes(const int8_t* code, size_t stride, uint8_t* high, uint8_t* low) {
  for (size_t group = 0; group < stride; group += kGroup) {
    for (size_t j = 0; j < kGroupSize; ++j) {
      const uint32_t first = static_cast<uint32_t>(code[group + j] + 128);
      const uint32_t second = static_cast<uint32_t>(code[group + kGroupSize + j] + 128);
      high[group / 2 + j] = static_cast<uint8_t>(first >> 4 | (second >> 4) << 4);
      low[group / 2 + j] = static_cast<uint8_t>((first & 15) | (second & 15) << 4);
    }
  }
}

void JoinCodes(const uint8_t* high, const uint8_t* low, size_t stride, int8_t* code) {
  for (size_t i = 0; i < stride; ++i) {
    code[i] =
        static_cast<int8_t>(static_cast<int>(FourBits(high, i) << 4 | FourBits(low, i)) - 128);
  }
}

void DotHalfRows(const int8_t* const* queries, size_t query_count, const uint8_t* rows,
                 size_t stride, size_t count, int32_t* products) {
  for (size_t q = 0; q < query_count; ++q) {
    const int8_t* query = queries[q];
    for (size_t r = 0; r < count; ++r) {
      const uint8_t* row = rows + r * (stride / 2);
      int32_t sum = 0;
      for (size_t i = 0; i < stride; ++i) {
        sum += query[ArrangedAt(i, stride)] * static_cast<int32_t>(FourBits(row, i));
      }
      products[q * count + r] = sum;
    }
  }
}

void DotSplitRows(const int8_t* query, const uint8_t* high, const uint8_t* low, size_t stride,
                  size_t count, int32_t* products) {
  for (size_t r = 0; r < count; ++r) {
    const size_t at = r * (stride / 2);
    uint32_t sum = 0;
    for (size_t i = 0; i < stride; ++i) {
      const auto code = static_cast<int32_t>(FourBits(high + at, i) << 4 | FourBits(low + at, i));
      sum += static_cast<uint32_t>(query[ArrangedAt(i, stride)] * code);
    }
    products[r] = static_cast<int32_t>(sum);
  }
}

void BoundRows(const BoundTerms& terms, const std::byte* bounds, const int32_t* products,
               size_t count, const uint64_t* allowed, float* uppers, float* maxima,
               BoundSums* sums) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  for (size_t r = 0; r < count; ++r) {
    if (r % 64 == 0) maxima[r / 64] = -kInfinity;
    if (allowed != nullptr && (allowed[r / 64] >> (r % 64) & 1) == 0) {
      uppers[r] = -kInfinity;
      continue;
    }
    const Row row = ReadRow(terms.layout, bounds + 12 * r);
    const uint32_t integer = (static_cast<uint32_t>(products[r]) << terms.shift) - terms.offset;
    const float a =
        (static_cast<float>(static_cast<int32_t>(integer)) * terms.product_factor) * row.scale;
    const float n = row.norm + row.error;
    float l = row.norm * terms.norm_shrink - row.error;
    l = l > 0.0f ? l : 0.0f;
    float upper =
        a + (terms.error_factor * row.bound_error + (terms.norm_factor * n + terms.constant));
    bool is_bounded = n + row.bound_error < terms.norm_limit;
    if (terms.metric == BoundMetric::kNegativeSquaredDistance) upper = upper - l * l;
    if (terms.metric == BoundMetric::kCosine) {
      upper = upper / (upper > 0.0f ? l : n) + terms.last_constant;
      is_bounded = is_bounded && l >= terms.norm_floor;
    }
    is_bounded = is_bounded && upper == upper;  // Not for a NaN.
    uppers[r] = is_bounded ? upper : kInfinity;
    maxima[r / 64] = std::max(maxima[r / 64], uppers[r]);
    if (!is_bounded) continue;
    sums->sums[r % 16] += a;
    sums->squares[r % 16] += a * a;
  }
}

void ReachRows(const CodeRows& rows, ReachQuery* queries, size_t query_count,
               uint8_t* /*scratch*/) {
  ReachByBounds(kScalarKernels, rows, queries, query_count);
}

}  // namespace intact::simd::scalar
