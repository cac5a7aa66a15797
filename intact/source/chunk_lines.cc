#include "intact/source/chunk_lines.h"

#include <algorithm>
#include <cstring>

namespace intact::source {
namespace {

// Without branches, so that compilers turn it into vector code.
uint32_t CountNonWhite(const char* text, size_t size) {
  uint32_t count = 0;
  for (size_t i = 0; i < size; ++i) {
    const auto byte = static_cast<uint8_t>(text[i]);
    count += static_cast<uint32_t>((byte != ' ') & (static_cast<uint8_t>(byte - 9) > 4));
  }
  return count;
}

}  // namespace

void Lines::Assign(std::string_view text) {
  text_ = text;
  longest_ = 0;
  begins_.assign(1, 0);
  weights_.assign(1, 0);
  uint32_t weight = 0;
  for (size_t at = 0; at < text.size();) {
    const void* found = std::memchr(text.data() + at, '\n', text.size() - at);
    const size_t end = found == nullptr
                           ? text.size()
                           : static_cast<size_t>(static_cast<const char*>(found) - text.data()) + 1;
    const auto size = static_cast<uint32_t>(end - at);
    longest_ = std::max(longest_, size);
    weight += std::max(CountNonWhite(text.data() + at, size), (size + 3) / 4);
    begins_.push_back(static_cast<uint32_t>(end));
    weights_.push_back(weight);
    at = end;
  }
}

bool Lines::IsBlank(uint32_t line) const {
  return CountNonWhite(text_.data() + begins_[line], begins_[line + 1] - begins_[line]) == 0;
}

uint32_t Lines::Indent(uint32_t line) const {
  const std::string_view all = text(line);
  return static_cast<uint32_t>(std::min(all.find_first_not_of(" \t"), all.size()));
}

uint64_t Lines::Hash(uint32_t line) const {
  // FNV-1a, then a multiplication to spread the low bits; only ever compared with its like.
  uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : text(line)) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3u;
  return hash * 0x9E3779B97F4A7C15u;
}

}  // namespace intact::source
