#include "intact/search/bm25.h"

#include <algorithm>
#include <cmath>

namespace intact::search {
namespace {

constexpr double kTermSaturation = 1.2;    // k1
constexpr double kLengthInfluence = 0.75;  // b

uint64_t LiveFrequency(std::span<const TextSegment> segments, uint64_t hash) {
  uint64_t frequency = 0;
  for (const TextSegment& segment : segments) {
    format::PostingList list = segment.postings->Find(hash);
    for (format::Posting posting; list.Next(posting);) {
      if (posting.chunk < segment.live->size() && segment.live->Has(posting.chunk)) ++frequency;
    }
  }
  return frequency;
}

void FillStatistics(std::span<const TextSegment> segments, TextScores& result) {
  double sum = 0, square_sum = 0;
  size_t count = 0;
  for (size_t s = 0; s < segments.size(); ++s) {
    for (const float score : result.scores[s]) {
      sum += static_cast<double>(score);
      square_sum += static_cast<double>(score) * static_cast<double>(score);
      result.best = std::max(result.best, score);
    }
    count += segments[s].allowed->Count();
  }
  if (count == 0) return;
  result.mean = sum / static_cast<double>(count);
  result.deviation =
      std::sqrt(std::max(0.0, square_sum / static_cast<double>(count) - result.mean * result.mean));
}

}  // namespace

TextScores ScoreBm25(std::span<const TextSegment> segments, const TextStatistics& statistics,
                     std::span<const QueryTerm> terms) {
  TextScores result;
  for (const TextSegment& segment : segments) {
    result.scores.emplace_back(segment.allowed->size(), 0.0f);
    result.coverage.emplace_back(segment.allowed->size(), 0.0f);
    result.file_coverage.emplace_back(segment.catalog->file_count(), 0.0f);
  }
  double total = 0;
  const auto chunk_count = static_cast<double>(statistics.chunk_count);
  const double mean_length =
      std::max(1.0, static_cast<double>(statistics.term_count) / std::max(1.0, chunk_count));
  for (const QueryTerm& term : terms) {
    const auto frequency = static_cast<double>(LiveFrequency(segments, term.hash));
    const double idf =
        frequency == 0 ? 0 : std::log(1 + (chunk_count - frequency + 0.5) / (frequency + 0.5));
    result.idf.push_back(idf);
    total += idf * term.weight;
    if (frequency == 0) continue;
    for (size_t s = 0; s < segments.size(); ++s) {
      const TextSegment& segment = segments[s];
      format::PostingList list = segment.postings->Find(term.hash);
      uint32_t last_file = UINT32_MAX;
      for (format::Posting posting; list.Next(posting);) {
        if (posting.chunk >= segment.allowed->size() || !segment.allowed->Has(posting.chunk))
          continue;
        // A file's chunks stand side by side, and postings in the order of chunks.
        const uint32_t file = segment.catalog->chunk_file(posting.chunk);
        if (file != last_file) {
          result.file_coverage[s][file] += static_cast<float>(term.weight * idf);
          last_file = file;
        }
        const auto length = static_cast<double>(segment.catalog->chunk_term_count(posting.chunk));
        const double norm =
            kTermSaturation * (1 - kLengthInfluence + kLengthInfluence * length / mean_length);
        const double count = posting.count;
        const double part = term.weight * idf * count * (kTermSaturation + 1) / (count + norm);
        result.scores[s][posting.chunk] += static_cast<float>(part);
        result.coverage[s][posting.chunk] += static_cast<float>(term.weight * idf);
      }
    }
  }
  for (auto* const parts : {&result.coverage, &result.file_coverage}) {
    for (std::vector<float>& segment : *parts) {
      for (float& part : segment) part = total > 0 ? part / static_cast<float>(total) : 0;
    }
  }
  FillStatistics(segments, result);
  return result;
}

}  // namespace intact::search
