#include "apps/cli/hits.h"

#include <algorithm>

#include "apps/cli/command.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"
#include "intact/os/file.h"

namespace intact::cli {
namespace {

bool IsBlank(std::string_view line) {
  return line.find_first_not_of(" \t\v\f") == std::string_view::npos;
}

void PrintMarked(Output& out, std::string_view line, const std::vector<std::string>& words) {
  size_t begin = 0;
  for (const auto& [from, to] : FindWords(line, words)) {
    out.Write(line.substr(begin, from - begin));
    out.Write(line.substr(from, to - from), Paint::kMatch);
    begin = to;
  }
  out.Write(line.substr(begin));
}

void PrintHeader(Output& out, const engine::SearchHit& hit, const HitStyle& style) {
  out.Write(Printable(PathForPeople(os::JoinPath(style.root, hit.path))), Paint::kPath);
  out.Write(":" + std::to_string(hit.first_line) + "-" + std::to_string(hit.last_line),
            Paint::kGood);
  if (!hit.symbol.empty()) {
    out.Write("  ");
    out.Write(Printable(hit.symbol), Paint::kName);
  }
  out.Write("  ");
  out.Write(FormatFixed(hit.score, 3), Paint::kFaint);
  if (hit.is_stale) {
    out.Write("  ");
    out.Write("(changed since indexed)", Paint::kWarning);
  }
  out.WriteLine("");
}

// The first lines of the chunk that hold something, blank ones at both ends left out.
void PrintText(Output& out, const engine::SearchHit& hit, const HitStyle& style,
               const std::vector<std::string>& words) {
  const std::vector<std::string_view> lines = SplitLines(hit.text);
  size_t begin = 0;
  while (begin < lines.size() && IsBlank(lines[begin])) ++begin;
  size_t end = std::min(lines.size(), begin + style.line_count_max);
  while (end > begin && IsBlank(lines[end - 1])) --end;

  const size_t number_width = std::to_string(hit.first_line + lines.size()).size();
  for (size_t i = begin; i < end; ++i) {
    std::string number = std::to_string(hit.first_line + i);
    number.insert(0, number_width - std::min(number_width, number.size()), ' ');
    out.Write("  " + number + "  ", Paint::kFaint);
    std::string line = Printable(lines[i]);
    if (out.is_terminal()) {
      const size_t used = number_width + 4;
      const auto width = static_cast<size_t>(std::max(out.width(), 20));
      line = ClipToWidth(line, width > used ? width - used : 1);
    }
    PrintMarked(out, line, words);
    out.WriteLine("");
  }
}

void PrintSignals(Output& out, const engine::SearchHit& hit) {
  for (const engine::Signal& signal : hit.signals) {
    out.WriteLine("  " + signal.name + " " + FormatFixed(signal.value, 4) + " x " +
                  FormatFixed(signal.weight, 4) + " = " +
                  FormatFixed(signal.value * signal.weight, 4));
  }
}

}  // namespace

void PrintHits(Output& out, const engine::SearchResponse& response, const HitStyle& style) {
  std::vector<std::string> words;
  if (out.has_color()) words = QueryWords(style.query);
  const bool is_spaced = style.line_count_max > 0 || style.shows_signals;
  for (size_t i = 0; i < response.hits.size(); ++i) {
    const engine::SearchHit& hit = response.hits[i];
    if (i > 0 && is_spaced) out.WriteLine("");
    PrintHeader(out, hit, style);
    if (style.shows_signals) PrintSignals(out, hit);
    PrintText(out, hit, style, words);
  }
}

void WriteHit(JsonWriter& json, const engine::SearchHit& hit) {
  json.PathField("path", hit.path);
  json.Field("first_line", hit.first_line).Field("last_line", hit.last_line);
  json.Field("language", hit.language).Field("symbol", hit.symbol).Field("score", hit.score);
  json.Field("is_stale", hit.is_stale).Field("text", hit.text);
  if (hit.signals.empty()) return;
  json.Key("signals").BeginArray();
  for (const engine::Signal& signal : hit.signals) {
    json.BeginObject().Field("name", signal.name).Field("value", signal.value);
    json.Field("weight", signal.weight).EndObject();
  }
  json.EndArray();
}

}  // namespace intact::cli
