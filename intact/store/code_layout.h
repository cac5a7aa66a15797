// Which of the two layouts of codes suits a segment: docs/format/store.md, "Codes". For the writer
// of segments. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace intact::store {

// Segments of fewer rows have their codes in halves without further ado.
inline constexpr uint64_t kWholeCodesRowsMin = 16'384;

// Fills `code` [stride] with that of row `row`.
using ReadCode = std::function<void(uint64_t row, std::span<int8_t> code)>;

// Whether a scan would look at the lower halves of so many rows that both are better read at once.
// Judged by the directions of a sample's codes alone, so that rows give the same answer whatever
// layout they come from. `stride` is that of the codes. Memory: 1,024 codes.
bool SuitsWholeCodes(uint64_t row_count, size_t stride, const ReadCode& read_code);

}  // namespace intact::store
