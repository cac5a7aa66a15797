#include "apps/cli/progress.h"

#include <algorithm>
#include <vector>

#include "apps/cli/numbers.h"
#include "apps/cli/text.h"
#include "intact/os/process.h"

namespace intact::cli {
namespace {

// What ends sooner than the first bar shows nothing; after it the eye wants a steady pace.
constexpr int64_t kBarDelayNs = 150'000'000;
constexpr int64_t kBarIntervalNs = 100'000'000;
constexpr int64_t kLineIntervalNs = 2'000'000'000;
// A rate from less than this is noise.
constexpr double kRateSecondsMin = 0.1;
constexpr size_t kBarWidthMin = 10;
constexpr size_t kBarWidthMax = 30;

// Done and total in the unit that tells best how far it is.
struct Fraction {
  uint64_t done = 0;
  uint64_t total = 0;
};

Fraction FractionOf(const ProgressFacts& facts) {
  Fraction fraction = facts.bytes_total > 0 ? Fraction{facts.bytes_done, facts.bytes_total}
                                            : Fraction{facts.items_done, facts.items_total};
  // A file that grows meanwhile must not give more than 100 %.
  fraction.done = std::min(fraction.done, fraction.total);
  return fraction;
}

std::string TimeLeft(const ProgressFacts& facts) {
  const Fraction fraction = FractionOf(facts);
  if (fraction.done == 0 || fraction.done >= fraction.total || facts.seconds < kRateSecondsMin) {
    return "";
  }
  const double left = facts.seconds * static_cast<double>(fraction.total - fraction.done) /
                      static_cast<double>(fraction.done);
  const double whole = left < 1 ? 1 : left;
  return (whole < 60 ? FormatFixed(whole, 0) + " s" : FormatSeconds(whole)) + " left";
}

// The parts after the bar, most wanted first.
std::vector<std::string> Parts(const ProgressFacts& facts) {
  std::vector<std::string> parts;
  const Fraction fraction = FractionOf(facts);
  if (fraction.total > 0) parts.push_back(FormatPercent(fraction.done, fraction.total));
  if (facts.items_total > 0) {
    parts.push_back(FormatCount(facts.items_done) + " of " +
                    FormatCount(facts.items_total, facts.noun));
  } else {
    parts.push_back(FormatCount(facts.items_done, facts.noun));
  }
  if (facts.bytes_done > 0 && facts.seconds >= kRateSecondsMin) {
    parts.push_back(FormatRate(facts.bytes_done, facts.seconds));
  }
  if (std::string left = TimeLeft(facts); !left.empty()) parts.push_back(std::move(left));
  return parts;
}

std::string Bar(const Fraction& fraction, size_t width) {
  const double ratio = static_cast<double>(fraction.done) / static_cast<double>(fraction.total);
  const auto filled = static_cast<size_t>(ratio * static_cast<double>(width));
  std::string bar(width, ' ');
  std::fill_n(bar.begin(), filled, '=');
  if (filled < width) bar[filled] = '>';
  return "[" + bar + "]";
}

}  // namespace

std::string RenderBar(const ProgressFacts& facts, size_t width) {
  std::string tail;
  size_t tail_width = facts.verb.size();
  for (const std::string& part : Parts(facts)) {
    if (tail_width + 2 + part.size() > width) break;
    tail += "  " + part;
    tail_width += 2 + part.size();
  }
  std::string line(facts.verb);
  const Fraction fraction = FractionOf(facts);
  const size_t room = width > tail_width + 4 ? width - tail_width - 4 : 0;
  if (fraction.total > 0 && room >= kBarWidthMin) {
    line += "  " + Bar(fraction, std::min(room, kBarWidthMax));
  }
  return ClipToWidth(line + tail, width);
}

std::string RenderLine(const ProgressFacts& facts) {
  std::string line = std::string(facts.verb) + ":";
  std::string_view separator = " ";
  for (const std::string& part : Parts(facts)) {
    line += separator;
    line += part;
    separator = ", ";
  }
  return line;
}

ProgressStyle ChooseProgressStyle(const Output& output, bool is_silent) {
  if (is_silent) return ProgressStyle::kNone;
  const bool can_move = output.is_terminal() && os::Environment("TERM").value_or("dumb") != "dumb";
  return can_move ? ProgressStyle::kBar : ProgressStyle::kLines;
}

Progress::Progress(Output& output, const os::Clock& clock, ProgressStyle style)
    : output_(output),
      clock_(clock),
      style_(style),
      started_ns_(clock.monotonic_ns()),
      next_ns_(started_ns_ + (style == ProgressStyle::kBar ? kBarDelayNs : kLineIntervalNs)) {}

void Progress::UpdateBytes(std::string_view verb, uint64_t done, uint64_t total) {
  Update({.verb = verb,
          .noun = "byte",
          .items_done = done,
          .items_total = total,
          .bytes_done = done,
          .bytes_total = total});
}

void Progress::Update(ProgressFacts facts) {
  if (style_ == ProgressStyle::kNone) return;
  const int64_t now_ns = clock_.monotonic_ns();
  if (now_ns < next_ns_) return;
  facts.seconds = static_cast<double>(now_ns - started_ns_) / 1e9;
  if (style_ == ProgressStyle::kBar) {
    next_ns_ = now_ns + kBarIntervalNs;
    // The last column stays free: some terminals wrap when it is written.
    const auto width = static_cast<size_t>(std::max(output_.width(), 2) - 1);
    output_.Write("\r" + RenderBar(facts, width) + "\x1b[K");
    is_shown_ = true;
  } else {
    next_ns_ = now_ns + kLineIntervalNs;
    output_.WriteLine(RenderLine(facts));
  }
  output_.Flush();
}

void Progress::Clear() {
  if (!is_shown_) return;
  output_.Write("\r\x1b[K");
  output_.Flush();
  is_shown_ = false;
}

}  // namespace intact::cli
