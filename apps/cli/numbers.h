// Numbers, sizes and times as people read them, the same under every locale. Pure functions,
// thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace intact::cli {

// "1,234,567".
std::string FormatCount(uint64_t count);
// "1 file", "1,234 files".
std::string FormatCount(uint64_t count, std::string_view noun);
// "999 B", "1.2 kB", "34.5 MB": powers of 1000.
std::string FormatBytes(uint64_t bytes);
// "0.123" with three digits, rounded; "-" for what is no number.
std::string FormatFixed(double value, int digits);
// "85 ms", "2.31 s", "1 min 05 s", "2 h 03 min".
std::string FormatSeconds(double seconds);
// "12.3 MB/s"; "-" when no time has passed.
std::string FormatRate(uint64_t bytes, double seconds);
// A part of a whole: "62 %"; 100 only when it is all of it.
std::string FormatPercent(uint64_t part, uint64_t whole);
// "2024-02-29T12:34:56Z" from nanoseconds since 1970.
std::string FormatTimestamp(int64_t wall_ns);
// "just now", "5 minutes ago", "3 days ago".
std::string FormatAge(int64_t wall_ns, int64_t now_ns);

}  // namespace intact::cli
