#include "apps/cli/numbers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>

namespace intact::cli {
namespace {

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

std::string TwoDigits(uint64_t value) {
  return std::string(value < 10 ? "0" : "") + std::to_string(value);
}

}  // namespace

std::string FormatCount(uint64_t count) {
  std::string text = std::to_string(count);
  for (size_t i = text.size(); i > 3; i -= 3) text.insert(i - 3, 1, ',');
  return text;
}

std::string FormatCount(uint64_t count, std::string_view noun) {
  return FormatCount(count) + " " + std::string(noun) + (count == 1 ? "" : "s");
}

std::string FormatBytes(uint64_t bytes) {
  if (bytes < 1000) return std::to_string(bytes) + " B";
  constexpr std::array<std::string_view, 6> kUnits = {" kB", " MB", " GB", " TB", " PB", " EB"};
  double value = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  // 999.95 and more would be printed as "1000.0".
  while (value >= 999.95 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return FormatFixed(value, 1) + std::string(kUnits[unit]);
}

std::string FormatFixed(double value, int digits) {
  if (!std::isfinite(value)) return "-";
  std::array<char, 400> text{};
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value,
                                 std::chars_format::fixed, digits);
  return std::string(text.data(), end.ptr);
}

std::string FormatSeconds(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "-";
  if (seconds < 0.9995) return FormatFixed(seconds * 1000, 0) + " ms";
  if (seconds < 59.995) return FormatFixed(seconds, 2) + " s";
  const auto whole = static_cast<uint64_t>(std::min(std::round(seconds), 1e15));
  if (whole < 3600) return std::to_string(whole / 60) + " min " + TwoDigits(whole % 60) + " s";
  return FormatCount(whole / 3600) + " h " + TwoDigits(whole / 60 % 60) + " min";
}

std::string FormatRate(uint64_t bytes, double seconds) {
  if (!(seconds > 0)) return "-";
  return FormatFixed(static_cast<double>(bytes) / seconds / 1e6, 1) + " MB/s";
}

std::string FormatPercent(uint64_t part, uint64_t whole) {
  if (whole == 0) return "100 %";
  const double ratio = static_cast<double>(part) / static_cast<double>(whole);
  return std::to_string(static_cast<uint64_t>(std::floor(ratio * 100))) + " %";
}

std::string FormatTimestamp(int64_t wall_ns) {
  using std::chrono::days;
  using std::chrono::floor;
  using std::chrono::seconds;
  const std::chrono::sys_time<seconds> time{
      seconds{wall_ns >= 0 ? wall_ns / kNanosecondsPerSecond : 0}};
  const auto day = floor<days>(time);
  const std::chrono::year_month_day date{day};
  const auto second = static_cast<uint64_t>((time - day).count());
  return std::to_string(static_cast<int>(date.year())) + "-" +
         TwoDigits(static_cast<unsigned>(date.month())) + "-" +
         TwoDigits(static_cast<unsigned>(date.day())) + "T" + TwoDigits(second / 3600) + ":" +
         TwoDigits(second / 60 % 60) + ":" + TwoDigits(second % 60) + "Z";
}

std::string FormatAge(int64_t wall_ns, int64_t now_ns) {
  const int64_t age = std::max<int64_t>(0, now_ns - wall_ns) / kNanosecondsPerSecond;
  const auto count = static_cast<uint64_t>(age);
  if (count < 5) return "just now";
  if (count < 120) return FormatCount(count, "second") + " ago";
  if (count < 7200) return FormatCount(count / 60, "minute") + " ago";
  if (count < 172800) return FormatCount(count / 3600, "hour") + " ago";
  return FormatCount(count / 86400, "day") + " ago";
}

}  // namespace intact::cli
