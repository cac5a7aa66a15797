#include "apps/cli/flags.h"

#include <algorithm>
#include <charconv>

#include "apps/cli/text.h"

namespace intact::cli {
namespace {

using base::InvalidArgument;
using base::Result;
using base::Status;

bool TakesValue(const Flag& flag) {
  return flag.kind != FlagKind::kSwitch && flag.kind != FlagKind::kOptionalNumber;
}

std::string Dashed(const Flag& flag) { return "--" + std::string(flag.name); }

std::string JoinChoices(std::span<const std::string_view> choices, std::string_view separator) {
  std::string text;
  for (const std::string_view choice : choices) {
    if (!text.empty()) text += separator;
    text += choice;
  }
  return text;
}

std::string DidYouMean(std::string_view prefix, std::string_view nearest) {
  if (nearest.empty()) return "";
  return "; did you mean " + std::string(prefix) + std::string(nearest) + "?";
}

// Optimal string alignment: like Levenshtein's, and a swap of neighbours counts one (Damerau, "A
// technique for computer detection and correction of spelling errors", CACM 7(3), 1964).
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> before_last(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t cost = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + cost});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    std::swap(before_last, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

Status CheckRange(const Flag& flag, const std::string& text, std::optional<uint64_t> number) {
  const bool is_size = flag.kind == FlagKind::kSize;
  if (!number) {
    return InvalidArgument(Dashed(flag) + " wants " +
                           (is_size ? "a size such as 500K or 2M" : "a number") + ", not " +
                           Quoted(text));
  }
  if (*number >= flag.least && *number <= flag.most) return base::Ok();
  return InvalidArgument(Dashed(flag) + " wants a " + (is_size ? "size" : "number") + " from " +
                         std::to_string(flag.least) + " to " + std::to_string(flag.most) +
                         ", not " + text);
}

Status CheckValue(const Flag& flag, const std::string& text) {
  switch (flag.kind) {
    case FlagKind::kSwitch:
      return base::Ok();
    case FlagKind::kText:
    case FlagKind::kFolder:
      if (text.empty()) return InvalidArgument(Dashed(flag) + " wants a value, not an empty one");
      return base::Ok();
    case FlagKind::kNumber:
      return CheckRange(flag, text, ParseNumber(text));
    case FlagKind::kOptionalNumber:
      return text.empty() ? base::Ok() : CheckRange(flag, text, ParseNumber(text));
    case FlagKind::kSize:
      return CheckRange(flag, text, ParseSize(text));
    case FlagKind::kChoice:
      if (std::find(flag.choices.begin(), flag.choices.end(), text) != flag.choices.end()) {
        return base::Ok();
      }
      return InvalidArgument(Dashed(flag) + " wants " + JoinChoices(flag.choices, ", ") + ", not " +
                             Quoted(text) + DidYouMean("", NearestWord(text, flag.choices)));
  }
  return base::Ok();
}

// Reads words one by one into the values of flags and the positionals.
class Parser {
 public:
  Parser(const Command& command, std::span<const std::string_view> words)
      : command_(command), words_(words) {}

  Status Parse() {
    bool has_flags = true;
    while (next_ < words_.size()) {
      const std::string_view word = words_[next_++];
      if (has_flags && word == "--") {
        has_flags = false;
      } else if (has_flags && word.size() > 2 && word.starts_with("--")) {
        INTACT_RETURN_IF_ERROR(ParseLong(word.substr(2)));
      } else if (has_flags && word.size() > 1 && word.front() == '-') {
        INTACT_RETURN_IF_ERROR(ParseLetters(word.substr(1)));
      } else {
        INTACT_RETURN_IF_ERROR(AddPositional(word));
      }
    }
    return CheckPositionals();
  }

  std::vector<std::string> positionals;
  std::vector<std::pair<const Flag*, std::string>> values;

 private:
  Status ParseLong(std::string_view word) {
    const size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    const auto flag = std::find_if(command_.flags.begin(), command_.flags.end(),
                                   [&](const Flag& row) { return row.name == name; });
    if (flag == command_.flags.end()) {
      std::vector<std::string_view> names;
      for (const Flag& row : command_.flags) names.push_back(row.name);
      return InvalidArgument("unknown flag --" + Printable(name) +
                             DidYouMean("--", NearestWord(name, names)));
    }
    if (equals != std::string_view::npos) {
      if (flag->kind == FlagKind::kSwitch)
        return InvalidArgument(Dashed(*flag) + " takes no value");
      return AddValue(*flag, word.substr(equals + 1));
    }
    return AddValueFromNext(*flag);
  }

  Status ParseLetters(std::string_view letters) {
    while (!letters.empty()) {
      const char letter = letters.front();
      letters.remove_prefix(1);
      const auto flag = std::find_if(command_.flags.begin(), command_.flags.end(),
                                     [&](const Flag& row) { return row.letter == letter; });
      if (flag == command_.flags.end()) {
        return InvalidArgument("unknown flag -" + Printable(std::string(1, letter)) +
                               "; words that begin with a dash go after --");
      }
      if (TakesValue(*flag) && !letters.empty()) return AddValue(*flag, letters);
      INTACT_RETURN_IF_ERROR(AddValueFromNext(*flag));
    }
    return base::Ok();
  }

  Status AddValueFromNext(const Flag& flag) {
    if (!TakesValue(flag)) return AddValue(flag, "");
    if (next_ == words_.size()) {
      return InvalidArgument(Dashed(flag) + " wants a value: " + FlagUsage(flag));
    }
    return AddValue(flag, words_[next_++]);
  }

  Status AddValue(const Flag& flag, std::string_view text) {
    std::string value(text);
    INTACT_RETURN_IF_ERROR(CheckValue(flag, value));
    values.emplace_back(&flag, std::move(value));
    return base::Ok();
  }

  Status AddPositional(std::string_view word) {
    const auto& rows = command_.positionals;
    const bool takes_more = !rows.empty() && rows.back().is_repeatable;
    if (positionals.size() >= rows.size() && !takes_more) {
      std::string message = "unexpected argument " + Quoted(word);
      if (!command_.excess_hint.empty()) message += "; " + std::string(command_.excess_hint);
      return InvalidArgument(std::move(message));
    }
    positionals.emplace_back(word);
    return base::Ok();
  }

  Status CheckPositionals() const {
    for (size_t i = positionals.size(); i < command_.positionals.size(); ++i) {
      const Positional& row = command_.positionals[i];
      if (row.is_required) return InvalidArgument("missing " + std::string(row.name));
    }
    for (size_t i = 0; i < positionals.size(); ++i) {
      const Positional& row = command_.positionals[std::min(i, command_.positionals.size() - 1)];
      const auto& choices = row.choices;
      if (choices.empty()) continue;
      if (std::find(choices.begin(), choices.end(), positionals[i]) == choices.end()) {
        return InvalidArgument(std::string(row.name) + " is one of " + JoinChoices(choices, ", ") +
                               ", not " + Quoted(positionals[i]) +
                               DidYouMean("", NearestWord(positionals[i], choices)));
      }
    }
    return base::Ok();
  }

  const Command& command_;
  std::span<const std::string_view> words_;
  size_t next_ = 0;
};

}  // namespace

std::optional<std::string> Arguments::Positional(size_t index) const {
  if (index >= positionals_.size()) return std::nullopt;
  return positionals_[index];
}

std::optional<std::string> Arguments::Text(std::string_view name) const {
  std::vector<std::string> values = Values(name);
  if (values.empty()) return std::nullopt;
  return std::move(values.back());
}

uint64_t Arguments::NumberOr(std::string_view name, uint64_t otherwise) const {
  const auto text = Text(name);
  if (!text || text->empty()) return otherwise;
  const auto number = ParseSize(*text);
  INTACT_CHECK(number.has_value());
  return *number;
}

std::vector<std::string> Arguments::Values(std::string_view name) const {
  const auto& rows = command_->flags;
  INTACT_CHECK(
      std::any_of(rows.begin(), rows.end(), [&](const Flag& row) { return row.name == name; }));
  std::vector<std::string> values;
  for (const auto& [flag, value] : values_) {
    if (flag->name == name) values.push_back(value);
  }
  return values;
}

Result<Arguments> ParseArguments(const Command& command, std::span<const std::string_view> words) {
  Parser parser(command, words);
  INTACT_RETURN_IF_ERROR(parser.Parse());
  Arguments arguments(command);
  arguments.positionals_ = std::move(parser.positionals);
  arguments.values_ = std::move(parser.values);
  return arguments;
}

bool AsksForHelp(std::span<const std::string_view> words) {
  for (const std::string_view word : words) {
    if (word == "--") return false;
    if (word == "-h" || word == "--help") return true;
  }
  return false;
}

std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || end.ec != std::errc() || end.ptr != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

std::optional<uint64_t> ParseSize(std::string_view text) {
  unsigned shift = 0;
  constexpr std::string_view kSuffixes = "KkMmGg";
  if (const size_t at = text.empty() ? std::string_view::npos : kSuffixes.find(text.back());
      at != std::string_view::npos) {
    shift = 10 * static_cast<unsigned>(at / 2 + 1);
    text.remove_suffix(1);
  }
  const auto number = ParseNumber(text);
  if (!number || *number > std::numeric_limits<uint64_t>::max() >> shift) return std::nullopt;
  return *number << shift;
}

std::string_view NearestWord(std::string_view word, std::span<const std::string_view> candidates) {
  constexpr size_t kWordSizeMax = 64;  // The distance takes quadratic time.
  if (word.empty() || word.size() > kWordSizeMax) return "";
  std::string_view nearest;
  std::string_view completed;
  size_t completion_count = 0;
  size_t distance_min = std::max<size_t>(1, word.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    if (candidate.starts_with(word)) {
      completed = candidate;
      ++completion_count;
    }
    const size_t distance = EditDistance(word, candidate);
    if (distance < distance_min) {
      distance_min = distance;
      nearest = candidate;
    }
  }
  return completion_count == 1 ? completed : nearest;
}

std::string FlagUsage(const Flag& flag) {
  std::string usage = Dashed(flag);
  const std::string value =
      flag.value.empty() ? JoinChoices(flag.choices, "|") : std::string(flag.value);
  if (flag.kind == FlagKind::kOptionalNumber) return usage + "[=" + value + "]";
  if (flag.kind != FlagKind::kSwitch) usage += " " + value;
  return usage;
}

std::string CommandUsage(const Command& command) {
  std::string usage = "intact " + std::string(command.name);
  if (!command.flags.empty()) usage += " [FLAGS]";
  for (const Positional& row : command.positionals) {
    const std::string name = std::string(row.name) + (row.is_repeatable ? "..." : "");
    usage += row.is_required ? " " + name : " [" + name + "]";
  }
  return usage;
}

}  // namespace intact::cli
