// Which rows are in which inverted list. Internal to search; a thread-compatible value.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace intact::search {

class RowsByList {
 public:
  RowsByList() = default;
  // `lists[row]` < list_count is the list of a row; below 2^32 rows.
  RowsByList(std::span<const uint32_t> lists, size_t list_count)
      : rows_(lists.size()), ends_(list_count) {
    for (const uint32_t list : lists) ++ends_[list];
    size_t begin = 0;
    for (size_t& end : ends_) begin += std::exchange(end, begin);
    for (size_t row = 0; row < lists.size(); ++row) {
      rows_[ends_[lists[row]]++] = static_cast<uint32_t>(row);
    }
  }

  size_t list_count() const { return ends_.size(); }
  // Ascending.
  std::span<const uint32_t> Of(size_t list) const {
    const size_t begin = list == 0 ? 0 : ends_[list - 1];
    return std::span(rows_).subspan(begin, ends_[list] - begin);
  }

 private:
  std::vector<uint32_t> rows_;  // Those of list l are [ends_[l - 1], ends_[l]).
  std::vector<size_t> ends_;
};

}  // namespace intact::search
