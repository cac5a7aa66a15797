// Which records of a collection a search may find, by id and by metadata. What the words of a
// condition mean is part of the interface and stands here. Values; thread-safe functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "intact/base/base.h"
#include "intact/source/glob.h"

namespace intact::engine {

enum class Comparison : uint8_t {
  kExists,
  kMissing,
  kEqual,
  kNotEqual,
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
};

// A statement about one value of the metadata.
//
// The key names a field of the object, or, by names with dots between them, a field of an object in
// it: "page.number"; a field whose name has the dots itself goes first. Of fields with the same
// name the last counts.
//
// kEqual holds for a string with the text `value`, for a number that equals it as a number ("5" and
// 5.0), and for true, false and null by their names. kLess and those that follow compare numbers
// when `value` is a number, else strings, byte by byte; a value of the other kind does not hold.
// Numbers are compared exactly when both are integers of 64 bits, else as float64. Of an array one
// element must hold; an object never does. A missing value holds kMissing alone, and kNotEqual,
// which holds just where kEqual does not.
struct MetadataCondition {
  std::string key;
  Comparison comparison = Comparison::kEqual;
  std::string value;  // Not for kExists and kMissing.

  bool operator==(const MetadataCondition&) const = default;
};

// "lang=cpp", "year>=2020", "page.number<10", "lang!=c", "draft" (exists), "!draft" (missing).
// Blanks around key, sign and value do not count; a value in double quotes is a JSON string.
// kInvalidArgument for an empty key, for a value that begins with =, < or > outside quotes (a
// mistyped sign), and for a key or value of over 4,096 bytes.
base::Result<MetadataCondition> ParseCondition(std::string_view text);

struct RecordFilter {
  // A record must be named by one of these, when there is any. In a collection without ids they are
  // numbers in decimal.
  std::vector<std::string> ids;
  std::vector<std::string> id_prefixes;
  std::vector<std::string> id_globs;  // source/glob.h: `*` stops at '/', `**` between slashes not.
  // And all of these must hold.
  std::vector<MetadataCondition> conditions;
  // And none of these may be its id.
  std::vector<std::string> excluded_ids;

  bool has_names() const { return !ids.empty() || !id_prefixes.empty() || !id_globs.empty(); }
};

// kInvalidArgument when there is more than the stated limits: 65,536 ids of each sort, 256
// prefixes, globs and conditions, 4,096 bytes for each text.
base::Status CheckFilter(const RecordFilter& filter);

// Names what the filter finds; another filter that finds the same may have another.
base::Digest DigestOf(const RecordFilter& filter);

// The text of the field's value in `metadata`, an object's text or empty; nullopt when it is
// missing. Borrowed.
std::optional<std::string_view> FindMetadata(std::string_view metadata, std::string_view key);

// A filter made ready for many records. Immutable.
class RecordMatcher {
 public:
  // The names of `filter` and its conditions, not what it excludes. It must outlive the matcher.
  explicit RecordMatcher(const RecordFilter& filter);

  bool needs_metadata() const { return !filter_->conditions.empty(); }
  bool Matches(std::string_view id, std::string_view metadata) const {
    return MatchesId(id) && MatchesMetadata(metadata);
  }
  bool MatchesId(std::string_view id) const;
  bool MatchesMetadata(std::string_view metadata) const;

 private:
  struct Number {
    double value = 0;
    std::optional<int64_t> integer;
  };
  static std::optional<Number> ParseNumber(std::string_view text);
  // -1 when `a` is below `b`, 0 when it is equal, 1 when it is above.
  static int Compare(const Number& a, const Number& b);
  bool Holds(size_t condition, std::string_view value) const;
  bool HoldsScalar(size_t condition, std::string_view value) const;

  const RecordFilter* filter_;
  std::unordered_set<std::string_view> ids_;
  std::vector<source::Glob> globs_;
  std::vector<std::optional<Number>> numbers_;  // Of the conditions' values.
};

}  // namespace intact::engine
