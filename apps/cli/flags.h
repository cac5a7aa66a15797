// Rows that describe a command and its flags, and the parser that reads words by them. Help,
// completions and the man page are made from the same rows. Thread-safe.
//
// The grammar: flags and positionals in any order; `--name value`, `--name=value`, `-n value`,
// `-nvalue`,
// `-ab` for switches a and b; everything after `--` is positional; `-` alone is positional.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "intact/base/base.h"

namespace intact::cli {

struct Context;
class Arguments;

enum class FlagKind : uint8_t {
  kSwitch,
  kText,
  kFolder,          // Text that names a folder; matters to completions only.
  kNumber,          // Decimal, within [least, most].
  kOptionalNumber,  // `--name` or `--name=N`.
  kSize,    // Bytes with an optional suffix K, M or G (powers of 1024), within [least, most].
  kChoice,  // One of `choices`.
};

struct Flag {
  std::string_view name;  // Without the dashes.
  char letter = 0;        // 0: none.
  FlagKind kind = FlagKind::kSwitch;
  bool is_repeatable = false;
  std::string_view value;  // What help calls the value: "GLOB".
  std::string_view help;
  std::span<const std::string_view> choices;
  uint64_t least = 0;
  uint64_t most = std::numeric_limits<uint64_t>::max();
};

enum class PositionalKind : uint8_t { kText, kFolder, kFile, kChoice, kCommand };

struct Positional {
  std::string_view name;  // "DIR"
  PositionalKind kind = PositionalKind::kText;
  bool is_required = false;
  std::span<const std::string_view> choices;
  bool is_repeatable = false;  // Takes all words that are left; the last row only.
};

struct Example {
  std::string_view line;
  std::string_view meaning;
};

struct Command {
  std::string_view name;
  std::string_view summary;      // One line, no full stop.
  std::string_view description;  // Paragraphs with an empty line between.
  std::span<const Example> examples;
  std::span<const Positional> positionals;
  std::span<const Flag> flags;
  int (*run)(Context& context, const Arguments& arguments) = nullptr;
  // Said when there are more positionals than the command takes.
  std::string_view excess_hint;
  bool is_hidden = false;
};

// What was on the command line, checked against the rows. Asking for a flag that the command does
// not have is a bug.
class Arguments {
 public:
  explicit Arguments(const Command& command) : command_(&command) {}

  const Command& command() const { return *command_; }
  const std::vector<std::string>& positionals() const { return positionals_; }
  // The positional at `index`, nullopt when it was not given.
  std::optional<std::string> Positional(size_t index) const;

  bool Has(std::string_view name) const { return !Values(name).empty(); }
  // The last one given wins.
  std::optional<std::string> Text(std::string_view name) const;
  uint64_t NumberOr(std::string_view name, uint64_t otherwise) const;
  std::vector<std::string> Values(std::string_view name) const;

 private:
  friend base::Result<Arguments> ParseArguments(const Command& command,
                                                std::span<const std::string_view> words);

  const Command* command_;
  std::vector<std::string> positionals_;
  std::vector<std::pair<const Flag*, std::string>> values_;
};

// kInvalidArgument with a message for the user: what is wrong and what was perhaps meant.
base::Result<Arguments> ParseArguments(const Command& command,
                                       std::span<const std::string_view> words);

// True when -h or --help stands among `words` before any `--`.
bool AsksForHelp(std::span<const std::string_view> words);

// nullopt when `text` is no decimal number, or no size, that fits 64 bits.
std::optional<uint64_t> ParseNumber(std::string_view text);
std::optional<uint64_t> ParseSize(std::string_view text);

// The candidate that was probably meant by `word`, "" when none is near (Damerau-Levenshtein
// distance of at most a third of the word, or `word` is the beginning of one candidate alone).
std::string_view NearestWord(std::string_view word, std::span<const std::string_view> candidates);

// "--path GLOB", "--json", "--wait[=SECONDS]".
std::string FlagUsage(const Flag& flag);
// "intact search [FLAGS] QUERY [DIR]".
std::string CommandUsage(const Command& command);

}  // namespace intact::cli
