#include "apps/cli/output.h"

#include <array>
#include <cerrno>

#include "intact/os/process.h"

namespace intact::cli {
namespace {

constexpr size_t kBufferSize = size_t{64} << 10;

// SGR codes in the order of Paint. Only the sixteen colours every theme defines.
constexpr std::array<std::string_view, 9> kCodes = {"",         "\x1b[35m",   "\x1b[2m",
                                                    "\x1b[36m", "\x1b[1;31m", "\x1b[1m",
                                                    "\x1b[32m", "\x1b[33m",   "\x1b[1;31m"};

bool IsOn(const char* name) {
  const auto value = os::Environment(name);
  return value && *value != "0";
}

}  // namespace

bool UsesColor(const ColorFacts& facts) {
  if (facts.when != ColorWhen::kAuto) return facts.when == ColorWhen::kAlways;
  if (facts.has_no_color) return false;
  if (facts.is_forced) return true;
  return facts.is_terminal && !facts.is_dumb;
}

ColorFacts ReadColorFacts(ColorWhen when, bool is_terminal) {
  return {.when = when,
          .has_no_color = os::Environment("NO_COLOR").has_value(),
          .is_forced = IsOn("CLICOLOR_FORCE") || IsOn("FORCE_COLOR"),
          .is_dumb = os::Environment("TERM") == "dumb",
          .is_terminal = is_terminal};
}

std::string AlignRight(std::string_view text, size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + std::string(text);
}

void Output::Write(std::string_view text) {
  if (error_ != 0) return;
  buffer_ += text;
  if (stream_ != nullptr && buffer_.size() >= kBufferSize) Flush();
}

void Output::Write(std::string_view text, Paint paint) {
  if (!has_color_ || paint == Paint::kPlain || text.empty()) return Write(text);
  Write(kCodes[static_cast<size_t>(paint)]);
  Write(text);
  Write("\x1b[0m");
}

void Output::WriteName(std::string_view name, size_t width) {
  Write(name, Paint::kName);
  Write(std::string(width - std::min(width, name.size()), ' '));
}

void Output::Flush() {
  if (stream_ == nullptr || buffer_.empty()) return;
  if (error_ == 0) {
    errno = 0;
    const size_t put = std::fwrite(buffer_.data(), 1, buffer_.size(), stream_);
    if (put != buffer_.size() || std::fflush(stream_) != 0) error_ = errno != 0 ? errno : EIO;
  }
  buffer_.clear();
}

}  // namespace intact::cli
