#include "intact/engine/record_filter.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>

#include "intact/base/json_text.h"
#include "intact/engine/records.h"

namespace intact::engine {
namespace {

constexpr size_t kTextSizeMax = kRecordIdSizeMax;
constexpr size_t kIdsMax = 65'536;
constexpr size_t kPatternsMax = 256;

constexpr std::pair<std::string_view, Comparison> kOperators[] = {
    {"!=", Comparison::kNotEqual},
    {"<=", Comparison::kLessOrEqual},
    {">=", Comparison::kGreaterOrEqual},
    {"=", Comparison::kEqual},
    {"<", Comparison::kLess},
    {">", Comparison::kGreater}};

// Whether the string `quoted` is `text`. Few names have escapes.
bool IsName(std::string_view quoted, std::string_view text) {
  const std::string_view inner = quoted.substr(1, quoted.size() - 2);
  if (inner.find('\\') == std::string_view::npos) return inner == text;
  return base::DecodeJsonString(quoted) == text;
}

base::Status CheckTexts(const std::vector<std::string>& texts, size_t count_max,
                        std::string_view what) {
  if (texts.size() > count_max) {
    return base::InvalidArgument("a filter has " + std::to_string(texts.size()) + " " +
                                 std::string(what) + "; at most " + std::to_string(count_max) +
                                 " are taken");
  }
  for (const std::string& text : texts) {
    if (text.size() > kTextSizeMax) {
      return base::InvalidArgument("one of a filter's " + std::string(what) + " has " +
                                   std::to_string(text.size()) + " bytes; the limit is " +
                                   std::to_string(kTextSizeMax));
    }
  }
  return base::Ok();
}

// The comparisons of a value below (-1), at (0) or above (1) the condition's.
bool HoldsOrder(Comparison comparison, int order) {
  switch (comparison) {
    case Comparison::kLess:
      return order < 0;
    case Comparison::kLessOrEqual:
      return order <= 0;
    case Comparison::kGreater:
      return order > 0;
    case Comparison::kGreaterOrEqual:
      return order >= 0;
    default:
      return order == 0;
  }
}

bool IsOrder(Comparison comparison) {
  return comparison != Comparison::kEqual && comparison != Comparison::kNotEqual;
}

std::string_view Trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

// What stands in double quotes, a JSON string, is the text between them.
std::string ValueOf(std::string_view text) {
  base::JsonScanner scanner(text);
  std::string_view quoted;
  if (text.starts_with('"') && scanner.TakeString(quoted) && scanner.AtEnd()) {
    if (auto value = base::DecodeJsonString(quoted)) return *std::move(value);
  }
  return std::string(text);
}

}  // namespace

base::Result<MetadataCondition> ParseCondition(std::string_view text) {
  MetadataCondition condition;
  condition.comparison = Comparison::kExists;
  text = Trimmed(text);
  std::string_view key = text;
  std::string_view value;
  if (const size_t at = text.find_first_of("!=<>", 1); at != std::string_view::npos) {
    for (const auto& [sign, comparison] : kOperators) {
      if (!text.substr(at).starts_with(sign)) continue;
      condition.comparison = comparison;
      key = Trimmed(text.substr(0, at));
      value = Trimmed(text.substr(at + sign.size()));
      break;
    }
  } else if (text.starts_with('!')) {
    condition.comparison = Comparison::kMissing;
    key = Trimmed(text.substr(1));
  }
  if (key.empty() || key.find_first_of("!=<>") != std::string_view::npos ||
      value.find_first_of("=<>") == 0) {
    return base::InvalidArgument("\"" + std::string(text.substr(0, 80)) +
                                 "\" is no condition: write key=value, key!=value, key<value, "
                                 "key<=value, key>value, key>=value, key or !key; a value that "
                                 "begins with a sign stands in double quotes");
  }
  if (key.size() > kTextSizeMax || value.size() > kTextSizeMax) {
    return base::InvalidArgument("a condition has " + std::to_string(text.size()) +
                                 " bytes; key and value have at most " +
                                 std::to_string(kTextSizeMax));
  }
  condition.key = key;
  condition.value = ValueOf(value);
  return condition;
}

base::Status CheckFilter(const RecordFilter& filter) {
  INTACT_RETURN_IF_ERROR(CheckTexts(filter.ids, kIdsMax, "ids"));
  INTACT_RETURN_IF_ERROR(CheckTexts(filter.excluded_ids, kIdsMax, "excluded ids"));
  INTACT_RETURN_IF_ERROR(CheckTexts(filter.id_prefixes, kPatternsMax, "prefixes"));
  INTACT_RETURN_IF_ERROR(CheckTexts(filter.id_globs, kPatternsMax, "patterns"));
  if (filter.conditions.size() > kPatternsMax) {
    return base::InvalidArgument("a filter has " + std::to_string(filter.conditions.size()) +
                                 " conditions; at most " + std::to_string(kPatternsMax) +
                                 " are taken");
  }
  for (const MetadataCondition& condition : filter.conditions) {
    if (condition.key.empty()) return base::InvalidArgument("a condition's key is empty");
    INTACT_RETURN_IF_ERROR(CheckTexts({condition.key, condition.value}, 2, "conditions"));
  }
  return base::Ok();
}

base::Digest DigestOf(const RecordFilter& filter) {
  base::Digester digester;
  const auto add_count = [&](size_t count) {
    const uint64_t number = count;
    digester.Update(base::AsBytes(std::span(&number, 1)));
  };
  for (const auto* texts :
       {&filter.ids, &filter.id_prefixes, &filter.id_globs, &filter.excluded_ids}) {
    add_count(texts->size());
    for (const std::string& text : *texts) digester.UpdateField(text);
  }
  add_count(filter.conditions.size());
  for (const MetadataCondition& condition : filter.conditions) {
    digester.UpdateField(condition.key);
    add_count(static_cast<size_t>(condition.comparison));
    digester.UpdateField(condition.value);
  }
  return digester.Finish();
}

std::optional<std::string_view> FindMetadata(std::string_view metadata, std::string_view key) {
  base::JsonScanner scanner(metadata);
  if (!scanner.Take('{')) return std::nullopt;
  std::optional<std::string_view> found, nested;
  bool is_first = true;
  while (!scanner.Take('}')) {
    std::string_view name, value;
    if (!is_first && !scanner.Take(',')) return std::nullopt;
    if (!scanner.TakeString(name) || !scanner.Take(':') || !scanner.TakeValue(value)) {
      return std::nullopt;
    }
    is_first = false;
    if (IsName(name, key)) {
      found = value;
    } else if (value.starts_with('{') && key.find('.') != std::string_view::npos) {
      for (size_t dot = key.find('.'); dot != std::string_view::npos;
           dot = key.find('.', dot + 1)) {
        if (!IsName(name, key.substr(0, dot))) continue;
        // Each level takes at least two bytes off the key, and the value is no deeper than
        // kJsonDepthMax.
        if (const auto inner = FindMetadata(value, key.substr(dot + 1))) nested = inner;
        break;
      }
    }
  }
  return found ? found : nested;
}

RecordMatcher::RecordMatcher(const RecordFilter& filter)
    : filter_(&filter), ids_(filter.ids.begin(), filter.ids.end()) {
  for (const std::string& glob : filter.id_globs) globs_.emplace_back(glob);
  for (const MetadataCondition& condition : filter.conditions) {
    numbers_.push_back(ParseNumber(condition.value));
  }
}

bool RecordMatcher::MatchesId(std::string_view id) const {
  if (!filter_->has_names()) return true;
  if (ids_.contains(id)) return true;
  for (const std::string& prefix : filter_->id_prefixes) {
    if (id.starts_with(prefix)) return true;
  }
  return std::any_of(globs_.begin(), globs_.end(),
                     [&](const source::Glob& glob) { return glob.Matches(id); });
}

bool RecordMatcher::MatchesMetadata(std::string_view metadata) const {
  for (size_t c = 0; c < filter_->conditions.size(); ++c) {
    const MetadataCondition& condition = filter_->conditions[c];
    const auto value = FindMetadata(metadata, condition.key);
    bool holds = false;
    if (condition.comparison == Comparison::kExists) {
      holds = value.has_value();
    } else if (condition.comparison == Comparison::kMissing) {
      holds = !value.has_value();
    } else {
      holds = value.has_value() && Holds(c, *value);
      if (condition.comparison == Comparison::kNotEqual) holds = !holds;
    }
    if (!holds) return false;
  }
  return true;
}

std::optional<RecordMatcher::Number> RecordMatcher::ParseNumber(std::string_view text) {
  Number number;
  const char* end = text.data() + text.size();
  // from_chars takes "inf" and "nan", which JSON has not.
  const size_t digit = text.starts_with('-') ? 1 : 0;
  if (digit >= text.size() || text[digit] < '0' || text[digit] > '9') return std::nullopt;
  const auto [at, error] = std::from_chars(text.data(), end, number.value);
  if (error != std::errc() || at != end) return std::nullopt;
  int64_t integer = 0;
  const auto whole = std::from_chars(text.data(), end, integer);
  if (whole.ec == std::errc() && whole.ptr == end) number.integer = integer;
  return number;
}

int RecordMatcher::Compare(const Number& a, const Number& b) {
  if (a.integer && b.integer) return *a.integer < *b.integer ? -1 : *a.integer > *b.integer ? 1 : 0;
  return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
}

bool RecordMatcher::Holds(size_t condition, std::string_view value) const {
  if (value.starts_with('{')) return false;
  if (!value.starts_with('[')) return HoldsScalar(condition, value);
  base::JsonScanner scanner(value);
  if (!scanner.Take('[')) return false;
  bool is_first = true;
  while (!scanner.Take(']')) {
    std::string_view element;
    if (!is_first && !scanner.Take(',')) return false;
    if (!scanner.TakeValue(element)) return false;
    is_first = false;
    const bool is_scalar = !element.starts_with('{') && !element.starts_with('[');
    if (is_scalar && HoldsScalar(condition, element)) return true;
  }
  return false;
}

bool RecordMatcher::HoldsScalar(size_t condition, std::string_view value) const {
  const auto& [key, comparison, text] = filter_->conditions[condition];
  const std::optional<Number>& number = numbers_[condition];
  const bool is_order = IsOrder(comparison);
  if (value.starts_with('"')) {
    if (is_order && number) return false;
    if (!is_order) return IsName(value, text);
    const auto decoded = base::DecodeJsonString(value);
    return decoded && HoldsOrder(comparison, decoded->compare(text));
  }
  if (const auto found = number ? ParseNumber(value) : std::nullopt; found) {
    return HoldsOrder(comparison, Compare(*found, *number));
  }
  return !is_order && value == text;
}

}  // namespace intact::engine
