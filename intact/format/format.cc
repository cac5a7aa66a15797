#include "intact/format/format.h"

namespace intact::format {
namespace {

void AppendHex(std::string& text, uint64_t value, int digit_count) {
  static constexpr char kDigits[] = "0123456789abcdef";
  for (int digit = digit_count - 1; digit >= 0; --digit) {
    text += kDigits[(value >> (4 * digit)) & 15];
  }
}

std::string Hex(uint64_t value) {
  std::string text = "0x";
  AppendHex(text, value, 16);
  return text;
}

}  // namespace

base::Status CheckReadable(uint16_t major, uint16_t minor, const FeatureFlags& flags,
                           const std::string& what) {
  if (major != kFormatMajor) {
    return base::Unsupported(what + " has format " + std::to_string(major) + "." +
                             std::to_string(minor) + "; this build reads " +
                             std::to_string(kFormatMajor) + ".x");
  }
  const uint64_t unknown = flags.incompatible & ~kKnownFlags.incompatible;
  if (unknown != 0) {
    return base::Unsupported(
        what + " needs features this build does not have (incompatible flags " + Hex(unknown) +
        ", format " + std::to_string(major) + "." + std::to_string(minor) + ")");
  }
  return base::Ok();
}

base::Status CheckWritable(const FeatureFlags& flags, const std::string& what) {
  const uint64_t unknown = flags.read_only_compatible & ~kKnownFlags.read_only_compatible;
  if (unknown != 0) {
    return base::Unsupported(
        what + " can be read but not written by this build (read-only compatible flags " +
        Hex(unknown) + ")");
  }
  return base::Ok();
}

std::string Uuid::ToString() const {
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    AppendHex(text, static_cast<uint64_t>(bytes[i]), 2);
  }
  return text;
}

std::string ExpectedFound(uint32_t expected, uint32_t found) {
  std::string text = "expected ";
  AppendHex(text, expected, 8);
  text += ", found ";
  AppendHex(text, found, 8);
  return text;
}

}  // namespace intact::format
