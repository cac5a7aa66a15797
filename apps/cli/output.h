// A stream of output with optional colour, buffered, that remembers the first failure. Not
// thread-safe.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace intact::cli {

enum class ColorWhen : uint8_t { kAuto, kAlways, kNever };

// What decides about colour: the flag, then NO_COLOR, then what forces it, then the terminal.
struct ColorFacts {
  ColorWhen when = ColorWhen::kAuto;
  bool has_no_color = false;  // NO_COLOR is set and not empty.
  bool is_forced = false;     // CLICOLOR_FORCE or FORCE_COLOR, and not "0".
  bool is_dumb = false;       // TERM=dumb.
  bool is_terminal = false;
};
bool UsesColor(const ColorFacts& facts);
// The environment's part of the facts.
ColorFacts ReadColorFacts(ColorWhen when, bool is_terminal);

enum class Paint : uint8_t {
  kPlain,
  kPath,
  kFaint,
  kName,
  kMatch,
  kTitle,
  kGood,
  kWarning,
  kError
};

// `text`, ASCII, after as many blanks as make it `width` columns wide.
std::string AlignRight(std::string_view text, size_t width);

class Output {
 public:
  // `stream` is borrowed; nullptr keeps everything in memory, for tests.
  explicit Output(std::FILE* stream, bool is_terminal = false, int width = 80)
      : stream_(stream), is_terminal_(is_terminal), width_(width) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  void Write(std::string_view text);
  void WriteLine(std::string_view text) {
    Write(text);
    Write("\n");
  }
  // Writes `text` in the colour of `paint` when colours are on.
  void Write(std::string_view text, Paint paint);
  // A name, and blanks up to `width` columns; `name` is ASCII.
  void WriteName(std::string_view name, size_t width);
  // Hands everything to the system.
  void Flush();

  // errno of the first write that failed, 0 when none did. After it nothing more is written.
  int error() const { return error_; }

  bool is_terminal() const { return is_terminal_; }
  int width() const { return width_; }
  bool has_color() const { return has_color_; }
  void set_color(bool has_color) { has_color_ = has_color; }
  // What was written to memory.
  const std::string& text() const { return buffer_; }

 private:
  std::FILE* stream_;
  std::string buffer_;
  bool is_terminal_;
  int width_;
  bool has_color_ = false;
  int error_ = 0;
};

}  // namespace intact::cli
