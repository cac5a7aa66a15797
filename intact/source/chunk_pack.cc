#include "intact/source/chunk_pack.h"

#include <algorithm>

#include "intact/source/chunk_window.h"

namespace intact::source {
namespace {

// Weights, in bytes that are no white space.
constexpr uint32_t kTiny = 100;    // Less than this does not stand alone if it can be helped.
constexpr uint32_t kDecent = 300;  // A definition of this much is a chunk of its own.
constexpr uint32_t kRunMin = 500;  // A run of small things is cut into chunks between these two,
constexpr uint32_t kRunMax = 1200;
constexpr uint32_t kPartMin = 700;  // the inside of a large definition between these.
constexpr uint32_t kPartMax = 1600;
constexpr WindowLimits kPartWindow = {kPartMin, kPartMax};
constexpr WindowLimits kTextWindow = {kPartMin, kPartMax, 25, 50};

// Atoms [first, end) that become one chunk.
struct Span {
  size_t first;
  size_t end;
};

class Packer {
 public:
  Packer(const Lines& lines, const Outline& outline) : lines_(lines), outline_(outline) {}

  std::vector<Chunk> RunWindows() {
    Chunk chunk;
    EmitWindows(0, lines_.count(), kTextWindow, chunk);
    return std::move(chunks_);
  }

  std::vector<Chunk> Run() {
    FindSpans();
    JoinTinySpans();
    for (const Span& span : spans_) EmitSpan(span);
    return std::move(chunks_);
  }

 private:
  const Atom& atom(size_t i) const { return outline_.atoms[i]; }
  uint32_t LineOf(size_t i) const {
    return i < outline_.atoms.size() ? atom(i).line : lines_.count();
  }
  uint32_t Weight(size_t first, size_t end) const {
    return lines_.Weight(LineOf(first), LineOf(end));
  }
  // A chunk of its own.
  bool IsSolid(size_t i) const {
    return atom(i).kind != Atom::Kind::kHeader && atom(i).is_named && Weight(i, i + 1) >= kDecent;
  }

  void FindSpans() {
    size_t run = 0;  // Where the current run of atoms that are not solid began.
    for (size_t i = 0; i < outline_.atoms.size(); ++i) {
      if (IsSolid(i)) {
        CutRun(run, i);
        spans_.push_back({i, i + 1});
        run = i + 1;
      } else if (run < i && EndsRun(run, i)) {
        CutRun(run, i);
        run = i;
      }
    }
    CutRun(run, outline_.atoms.size());
  }

  // Whether a new run begins at atom i: always where a large definition begins or ends, and where a
  // type does unless little would be left.
  bool EndsRun(size_t run, size_t i) const {
    if (atom(i).inside != atom(i - 1).inside) return true;
    const bool changes_scope =
        atom(i).kind == Atom::Kind::kHeader || ScopeOf(atom(i)) != ScopeOf(atom(i - 1));
    return changes_scope && Weight(run, i) >= kDecent;
  }

  uint32_t ScopeOf(const Atom& of) const {
    return of.is_named && of.kind != Atom::Kind::kHeader ? outline_.symbols[of.symbol].parent
                                                         : of.symbol;
  }

  // Cuts atoms [first, end) into spans of bearable weight.
  void CutRun(size_t first, size_t end) {
    if (first == end) return;
    const bool is_part = atom(first).inside != 0;
    const uint32_t weight_min = is_part ? kPartMin : kRunMin;
    const uint32_t weight_max = is_part ? kPartMax : kRunMax;
    for (size_t i = first + 1; i < end; ++i) {
      while (Weight(first, i + 1) > weight_max && first < i) {
        const size_t cut = BestCut(first, i, weight_min);
        spans_.push_back({first, cut});
        first = cut;
      }
    }
    spans_.push_back({first, end});
  }

  // The best atom of (first, last] to cut before, such that no less than `weight_min` is cut off.
  size_t BestCut(size_t first, size_t last, uint32_t weight_min) const {
    size_t best = last;
    uint64_t best_score = CutScore(lines_, LineOf(last));
    for (size_t i = last - 1; i > first && Weight(first, i) >= weight_min; --i) {
      const uint64_t score = CutScore(lines_, LineOf(i));
      if (score > best_score) {
        best = i;
        best_score = score;
      }
    }
    return best;
  }

  // Appends spans of next to no weight to a neighbour: forwards what opens something, backwards
  // what follows the line above without a blank line, such as a macro behind its function.
  void JoinTinySpans() {
    std::vector<Span> joined;
    for (size_t i = 0; i < spans_.size(); ++i) {
      Span span = spans_[i];
      if (Weight(span.first, span.end) < kTiny) {
        const bool has_next = i + 1 < spans_.size() && Fits(span.first, spans_[i + 1].end);
        const bool has_previous = !joined.empty() && Fits(joined.back().first, span.end);
        if (has_previous && (!has_next || BelongsBackwards(span))) {
          joined.back().end = span.end;
          continue;
        }
        if (has_next) {
          spans_[i + 1].first = span.first;
          continue;
        }
      }
      joined.push_back(span);
    }
    spans_ = std::move(joined);
  }

  bool Fits(size_t first, size_t end) const { return Weight(first, end) <= kChunkSizeMax; }

  bool BelongsBackwards(const Span& span) const {
    const Atom& first = atom(span.first);
    if (first.kind == Atom::Kind::kOpening || first.kind == Atom::Kind::kHeader) return false;
    if (first.inside != 0 && first.inside == atom(span.first - 1).inside) return true;
    return !lines_.IsBlank(first.line - 1);
  }

  void EmitSpan(const Span& span) {
    Chunk chunk;
    chunk.symbol = SymbolOf(span);
    const uint32_t first = LineOf(span.first);
    const uint32_t end = LineOf(span.end);
    if (lines_.Weight(first, end) <= kChunkSizeMax) {
      EmitLines(first, end, chunk);
    } else {
      EmitWindows(first, end, kPartWindow, chunk);
    }
  }

  void EmitWindows(uint32_t first, uint32_t end, const WindowLimits& limits, Chunk& chunk) {
    std::vector<uint32_t> cuts = CutLines(lines_, first, end, limits);
    // A tiny last window goes with the one before it.
    if (!cuts.empty() && lines_.Weight(cuts.back(), end) < kTiny &&
        lines_.Weight(cuts.size() > 1 ? cuts[cuts.size() - 2] : first, end) <= kChunkSizeMax) {
      cuts.pop_back();
    }
    for (const uint32_t cut : cuts) {
      EmitLines(first, cut, chunk);
      first = cut;
    }
    EmitLines(first, end, chunk);
  }

  void EmitLines(uint32_t first, uint32_t end, Chunk& chunk) {
    chunk.first_line = first + 1;
    chunk.last_line = end;
    chunk.definitions = TakeNames(end);
    chunk.begin = lines_.begin(first);
    chunk.end = lines_.begin(end);
    if (lines_.Weight(first, end) <= kChunkSizeMax || end - first > 1) {
      chunks_.push_back(chunk);
      return;
    }
    CutLongLine(chunk);
  }

  // One line that is too long: pieces cut between words where there are any, else between
  // characters.
  void CutLongLine(Chunk chunk) {
    const std::string_view text = lines_.text();
    const uint32_t line_end = chunk.end;
    while (line_end - chunk.begin > kChunkSizeMax) {
      uint32_t cut = chunk.begin + kChunkSizeMax;
      const std::string_view piece = text.substr(chunk.begin, kChunkSizeMax);
      const size_t space = piece.find_last_of(" ,;\t");
      if (space != std::string_view::npos && space >= kChunkSizeTarget) {
        cut = chunk.begin + static_cast<uint32_t>(space) + 1;
      } else {
        for (int i = 0; i < 3 && (static_cast<uint8_t>(text[cut]) & 0xC0) == 0x80; ++i) --cut;
      }
      chunk.end = cut;
      chunks_.push_back(chunk);
      chunk.begin = cut;
      chunk.definitions.clear();
    }
    chunk.end = line_end;
    chunks_.push_back(std::move(chunk));
  }

  // The names before line `end` that no chunk has yet, each once.
  std::string TakeNames(uint32_t end) {
    std::string names;
    const size_t first = next_name_;
    for (; next_name_ < outline_.names.size() && outline_.names[next_name_].line < end;
         ++next_name_) {
      const std::string& name = outline_.names[next_name_].name;
      const auto before = outline_.names.begin() + static_cast<std::ptrdiff_t>(first);
      const auto here = outline_.names.begin() + static_cast<std::ptrdiff_t>(next_name_);
      if (std::any_of(before, here, [&](const NamedLine& n) { return n.name == name; })) continue;
      if (!names.empty()) names += ' ';
      names += name;
    }
    return names;
  }

  bool LiesIn(uint32_t symbol, uint32_t ancestor) const {
    while (symbol != 0 && symbol != ancestor) symbol = outline_.symbols[symbol].parent;
    return symbol == ancestor;
  }

  std::string SymbolOf(const Span& span) const {
    std::vector<uint32_t> named;  // In order, each once.
    for (size_t i = span.first; i < span.end; ++i) {
      if (!atom(i).is_named) continue;
      if (IsSolid(i)) return outline_.symbols[atom(i).symbol].path;
      const std::string& path = outline_.symbols[atom(i).symbol].path;
      // Overloads, and several blocks for one type, are one name.
      if (named.empty() || outline_.symbols[named.back()].path != path) {
        named.push_back(atom(i).symbol);
      }
    }
    if (named.empty()) return outline_.symbols[atom(span.first).symbol].path;
    const Symbol& first = outline_.symbols[named.front()];
    if (std::all_of(named.begin(), named.end(),
                    [&](uint32_t other) { return LiesIn(other, named.front()); })) {
      return first.path;
    }
    std::string text = first.path;
    for (size_t i = 1; i < named.size() && i < 3; ++i) {
      text += ", " + outline_.symbols[named[i]].name;
    }
    if (named.size() > 3) text += " …";
    return text;
  }

  const Lines& lines_;
  const Outline& outline_;
  std::vector<Span> spans_;
  std::vector<Chunk> chunks_;
  size_t next_name_ = 0;
};

}  // namespace

std::vector<Chunk> PackOutline(const Lines& lines, const Outline& outline) {
  if (lines.count() == 0) return {};
  return Packer(lines, outline).Run();
}

std::vector<Chunk> PackLines(const Lines& lines) {
  if (lines.count() == 0) return {};
  return Packer(lines, Outline()).RunWindows();
}

}  // namespace intact::source
