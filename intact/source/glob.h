// Path patterns as git has them: `*` and `?` stop at '/', `[a-z]`, `[!a]`, `[[:alpha:]]`, `\x`, and
// `**` between slashes for any number of folders. Bytes, case-sensitive. Thread-safe.
//
// Time is at most pattern x path steps whatever the pattern: the matcher follows all its states at
// once instead of trying one after the other (K. Thompson, "Regular Expression Search Algorithm",
// 1968).
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace intact::source {

// Longer than any path.
inline constexpr size_t kGlobSizeMax = 4096;

// A compiled pattern. One with an unclosed `[`, a trailing lone backslash or more than kGlobSizeMax
// bytes matches nothing.
class Glob {
 public:
  explicit Glob(std::string_view pattern);
  // Whether the whole of `path` matches, as git's wildmatch with WM_PATHNAME says.
  bool Matches(std::string_view path) const;

 private:
  enum class Kind : uint8_t {
    kByte,       // One given byte.
    kAny,        // `?`: one byte but '/'.
    kSet,        // `[...]`
    kStar,       // `*`: any bytes but '/'.
    kStarStar,   // `**`: any bytes.
    kFolders,    // `**/`: nothing here, or what kFolderEnd takes.
    kFolderEnd,  // Any bytes, then '/'.
  };
  struct Token {
    Kind kind;
    uint8_t byte = 0;  // Of kByte.
    uint16_t set = 0;  // Of kSet, an index into sets_.
  };
  using States = std::vector<uint8_t>;

  size_t AddSet(std::string_view pattern, size_t at);
  size_t AddStars(std::string_view pattern, size_t at);
  bool Takes(const Token& token, uint8_t byte) const;
  void Enter(States& states, size_t state) const;
  void Step(const States& from, States& to, uint8_t byte) const;
  bool Stays(const Token& token, uint8_t byte) const;
  bool MatchesShort(std::string_view path) const;

  std::vector<Token> tokens_;
  std::vector<std::bitset<256>> sets_;
  // Of a pattern with fewer than 64 states: what entering each state enters, as bits. Else empty.
  std::vector<uint64_t> entered_;
  bool is_valid_;
};

bool GlobMatches(std::string_view pattern, std::string_view path);

// A search filter (`--path GLOB`) over paths relative to the root:
//   without a slash the pattern is compared with every name of the path ("*.cc", "tests");
//   with one it starts at the root ("src/*.cc", "/src", "**/x.h"); a leading "./" or "/" is
//   dropped; a pattern that names a folder ("src", "src/") matches everything below it.
// An empty pattern matches everything.
class PathFilter {
 public:
  explicit PathFilter(std::string_view glob);
  bool Matches(std::string_view path) const;

 private:
  Glob glob_;
  bool matches_all_ = false;
  bool is_anchored_ = false;
  bool is_folder_ = false;
};

// One filter, used once.
bool PathMatches(std::string_view glob, std::string_view path);

}  // namespace intact::source
