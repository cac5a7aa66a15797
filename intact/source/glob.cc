#include "intact/source/glob.h"

#include <bit>
#include <cctype>
#include <optional>

namespace intact::source {
namespace {

struct NamedSet {
  std::string_view name;
  int (*contains)(int);
};
constexpr NamedSet kNamedSets[] = {
    {"alnum", std::isalnum}, {"alpha", std::isalpha}, {"blank", std::isblank},
    {"cntrl", std::iscntrl}, {"digit", std::isdigit}, {"graph", std::isgraph},
    {"lower", std::islower}, {"print", std::isprint}, {"punct", std::ispunct},
    {"space", std::isspace}, {"upper", std::isupper}, {"xdigit", std::isxdigit},
};

// Adds the ASCII bytes of [:name:]; false when there is no such set.
bool AddNamedSet(std::string_view name, std::bitset<256>& set) {
  for (const NamedSet& named : kNamedSets) {
    if (named.name != name) continue;
    for (int byte = 0; byte < 128; ++byte) {
      if (named.contains(byte) != 0) set.set(static_cast<size_t>(byte));
    }
    return true;
  }
  return false;
}

uint8_t Byte(char c) { return static_cast<uint8_t>(c); }

// The inside of one bracket expression.
struct SetParser {
  std::string_view pattern;
  size_t at;  // After the bracket and its negation sign.
  std::bitset<256> set{};

  // Returns the position after the closing bracket; nullopt when the expression is malformed.
  std::optional<size_t> Parse() {
    int previous = -1;  // What a range may start from; -1 for nothing.
    for (bool is_first = true; at < pattern.size(); is_first = false) {
      const char c = pattern[at];
      if (c == ']' && !is_first) return at + 1;
      if (pattern.substr(at, 2) == "[:") {
        const size_t close = pattern.find(']', at + 2);
        if (close == std::string_view::npos) return std::nullopt;
        if (close > at + 2 && pattern[close - 1] == ':') {
          if (!AddNamedSet(pattern.substr(at + 2, close - at - 3), set)) return std::nullopt;
          at = close + 1;
          previous = -1;
          continue;
        }
      }
      if (c == '-' && previous >= 0 && at + 1 < pattern.size() && pattern[at + 1] != ']') {
        ++at;
        const int last = TakeByte();
        if (last < 0) return std::nullopt;
        for (int byte = previous; byte <= last; ++byte) set.set(static_cast<size_t>(byte));
        previous = -1;
        continue;
      }
      previous = TakeByte();
      if (previous < 0) return std::nullopt;
      set.set(static_cast<size_t>(previous));
    }
    return std::nullopt;
  }

  // One byte, its backslash removed; -1 at the end.
  int TakeByte() {
    if (pattern[at] == '\\') ++at;
    if (at >= pattern.size()) return -1;
    return Byte(pattern[at++]);
  }
};

}  // namespace

Glob::Glob(std::string_view pattern) : is_valid_(pattern.size() <= kGlobSizeMax) {
  for (size_t at = 0; at < pattern.size() && is_valid_;) {
    const char c = pattern[at];
    if (c == '*') {
      at = AddStars(pattern, at);
    } else if (c == '[') {
      at = AddSet(pattern, at);
    } else if (c == '?') {
      tokens_.push_back({Kind::kAny});
      ++at;
    } else {
      if (c == '\\') ++at;
      is_valid_ = at < pattern.size();
      if (is_valid_) tokens_.push_back({Kind::kByte, Byte(pattern[at++])});
    }
  }
  if (tokens_.size() >= 64) return;
  for (size_t state = 0; state <= tokens_.size(); ++state) {
    States states(tokens_.size() + 1, 0);
    Enter(states, state);
    uint64_t bits = 0;
    for (size_t i = 0; i < states.size(); ++i) bits |= uint64_t{states[i]} << i;
    entered_.push_back(bits);
  }
}

size_t Glob::AddSet(std::string_view pattern, size_t at) {
  ++at;
  const bool is_negated = at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^');
  SetParser parser{pattern, at + (is_negated ? 1 : 0)};
  const std::optional<size_t> end = parser.Parse();
  is_valid_ = end.has_value() && sets_.size() < UINT16_MAX;
  if (!is_valid_) return pattern.size();
  if (is_negated) parser.set.flip();
  parser.set.reset('/');
  tokens_.push_back({Kind::kSet, 0, static_cast<uint16_t>(sets_.size())});
  sets_.push_back(parser.set);
  return *end;
}

size_t Glob::AddStars(std::string_view pattern, size_t at) {
  const size_t begin = at;
  while (at < pattern.size() && pattern[at] == '*') ++at;
  const std::string_view next = pattern.substr(at);
  const bool starts_name = begin == 0 || pattern[begin - 1] == '/';
  if (at - begin >= 2 && starts_name && next.starts_with('/')) {
    tokens_.push_back({Kind::kFolders});
    tokens_.push_back({Kind::kFolderEnd});
    return at + 1;
  }
  const bool crosses = at - begin >= 2 && starts_name && (next.empty() || next.starts_with("\\/"));
  tokens_.push_back({crosses ? Kind::kStarStar : Kind::kStar});
  return at;
}

bool Glob::Takes(const Token& token, uint8_t byte) const {
  switch (token.kind) {
    case Kind::kByte:
      return byte == token.byte;
    case Kind::kAny:
      return byte != '/';
    case Kind::kSet:
      return sets_[token.set][byte];
    case Kind::kFolderEnd:
      return byte == '/';
    default:
      return false;
  }
}

// Marks `state` and all that can be reached from it without taking a byte.
void Glob::Enter(States& states, size_t state) const {
  while (states[state] == 0) {
    states[state] = 1;
    if (state == tokens_.size()) return;
    switch (tokens_[state].kind) {
      case Kind::kStar:
      case Kind::kStarStar:
        ++state;
        break;
      case Kind::kFolders:
        Enter(states, state + 2);
        ++state;
        break;
      default:
        return;
    }
  }
}

bool Glob::Stays(const Token& token, uint8_t byte) const {
  return (token.kind == Kind::kStar && byte != '/') || token.kind == Kind::kStarStar ||
         token.kind == Kind::kFolderEnd;
}

void Glob::Step(const States& from, States& to, uint8_t byte) const {
  to.assign(from.size(), 0);
  for (size_t state = 0; state < tokens_.size(); ++state) {
    if (from[state] == 0) continue;
    const Token& token = tokens_[state];
    if (Stays(token, byte)) Enter(to, state);
    if (Takes(token, byte)) Enter(to, state + 1);
  }
}

bool Glob::MatchesShort(std::string_view path) const {
  uint64_t states = entered_[0];
  for (const char c : path) {
    uint64_t next = 0;
    // The end state takes nothing.
    for (uint64_t left = states & ~(uint64_t{1} << tokens_.size()); left != 0; left &= left - 1) {
      const auto state = static_cast<size_t>(std::countr_zero(left));
      if (Stays(tokens_[state], Byte(c))) next |= entered_[state];
      if (Takes(tokens_[state], Byte(c))) next |= entered_[state + 1];
    }
    states = next;
    if (states == 0) return false;
  }
  return (states >> tokens_.size() & 1) != 0;
}

bool Glob::Matches(std::string_view path) const {
  if (!is_valid_) return false;
  if (!entered_.empty()) return MatchesShort(path);
  States states(tokens_.size() + 1, 0);
  States next;
  Enter(states, 0);
  for (const char c : path) {
    Step(states, next, Byte(c));
    states.swap(next);
  }
  return states.back() != 0;
}

bool GlobMatches(std::string_view pattern, std::string_view path) {
  return Glob(pattern).Matches(path);
}

namespace {

// The pattern itself, without what only says where it applies.
std::string_view FilterPattern(std::string_view glob) {
  while (glob.starts_with("./")) glob.remove_prefix(2);
  while (glob.starts_with('/')) glob.remove_prefix(1);
  while (glob.ends_with('/')) glob.remove_suffix(1);
  return glob;
}

}  // namespace

PathFilter::PathFilter(std::string_view glob) : glob_(FilterPattern(glob)) {
  const std::string_view pattern = FilterPattern(glob);
  matches_all_ = pattern.empty() || pattern == ".";
  is_anchored_ = glob.starts_with("./") || glob.starts_with('/') ||
                 pattern.find('/') != std::string_view::npos;
  is_folder_ = glob.ends_with('/');
}

bool PathFilter::Matches(std::string_view path) const {
  if (matches_all_) return true;
  for (size_t begin = 0;;) {
    const size_t slash = path.find('/', begin);
    const bool is_last = slash == std::string_view::npos;
    // Anchored: "src", "src/a", "src/a/b.cc" in turn; else each name alone.
    const size_t from = is_anchored_ ? 0 : begin;
    const std::string_view part = path.substr(from, is_last ? path.npos : slash - from);
    if (!(is_folder_ && is_last) && glob_.Matches(part)) return true;
    if (is_last) return false;
    begin = slash + 1;
  }
}

bool PathMatches(std::string_view glob, std::string_view path) {
  return PathFilter(glob).Matches(path);
}

}  // namespace intact::source
