// A text as numbered lines with their weights: what all ways of chunking stand on. Internal to the
// module.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace intact::source {

// Lines count from 0 here; a line includes its end. "\r\n" ends in "\n" like any other.
class Lines {
 public:
  // Keeps `text` by reference. Reuses memory of the text before.
  void Assign(std::string_view text);

  uint32_t count() const { return static_cast<uint32_t>(begins_.size() - 1); }
  // First byte of a line; of line count(), the text's size.
  uint32_t begin(uint32_t line) const { return begins_[line]; }
  std::string_view text(uint32_t line) const {
    return text_.substr(begins_[line], begins_[line + 1] - begins_[line]);
  }
  std::string_view text() const { return text_; }
  // Bytes of the longest line.
  uint32_t longest() const { return longest_; }

  // How much the lines [first, end) weigh: their bytes that are no white space, but at least a
  // quarter of all their bytes, so that weight bounds size as well.
  uint32_t Weight(uint32_t first, uint32_t end) const { return weights_[end] - weights_[first]; }
  bool IsBlank(uint32_t line) const;
  // Spaces and tabs at a line's start.
  uint32_t Indent(uint32_t line) const;
  // A number that depends on the line's text alone.
  uint64_t Hash(uint32_t line) const;

 private:
  std::string_view text_;
  uint32_t longest_ = 0;
  std::vector<uint32_t> begins_;
  std::vector<uint32_t> weights_;  // Sums up to each line.
};

}  // namespace intact::source
