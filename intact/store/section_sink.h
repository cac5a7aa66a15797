// One section on its way to a segment file: buffers, counts, sums up. For SegmentWriter. One thread
// at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "intact/base/base.h"
#include "intact/format/segment.h"
#include "intact/os/file.h"

namespace intact::store {

class SectionSink {
 public:
  // For section `kind` at `offset` of the file. `file` must outlive this.
  SectionSink(os::File& file, const format::Uuid& store, uint64_t segment_id, uint32_t kind,
              uint64_t offset)
      : file_(file), store_(store), segment_id_(segment_id) {
    entry_.kind = kind;
    entry_.offset = offset;
    entry_.crc = format::SectionCrcSeed(store, segment_id, kind);
  }

  // Checks every page too, from the first byte on; call before it is appended.
  void CheckPages() { has_page_checks_ = true; }

  base::Status Append(base::ByteSpan bytes) {
    entry_.crc = base::Crc32c(bytes, entry_.crc);
    if (has_page_checks_) AddToPages(bytes);
    if (buffer_.size() + bytes.size() > kBufferSize) INTACT_RETURN_IF_ERROR(Flush());
    if (bytes.size() < kBufferSize) {
      buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
      return base::Ok();
    }
    INTACT_RETURN_IF_ERROR(file_.WriteAt(entry_.offset + entry_.size, bytes));
    entry_.size += bytes.size();
    return base::Ok();
  }
  template <typename T>
  base::Status AppendValue(const T& value) {
    return Append(std::as_bytes(std::span(&value, 1)));
  }

  base::Result<format::SectionEntry> Finish() {
    INTACT_RETURN_IF_ERROR(Flush());
    if (page_size_ > 0) page_checks_.push_back(page_crc_);
    page_size_ = 0;
    return entry_;
  }

  uint64_t size() const { return entry_.size + buffer_.size(); }
  // Of all pages, once finished.
  std::span<const uint32_t> page_checks() const { return page_checks_; }

 private:
  static constexpr size_t kBufferSize = size_t{256} << 10;

  base::Status Flush() {
    if (buffer_.empty()) return base::Ok();
    INTACT_RETURN_IF_ERROR(file_.WriteAt(entry_.offset + entry_.size, buffer_));
    entry_.size += buffer_.size();
    buffer_.clear();
    return base::Ok();
  }

  void AddToPages(base::ByteSpan bytes) {
    while (!bytes.empty()) {
      if (page_size_ == 0) {
        const auto page = static_cast<uint32_t>(page_checks_.size());
        page_crc_ = format::PageCrcSeed(store_, segment_id_, entry_.kind, page);
      }
      const size_t size = std::min(bytes.size(), format::kPageSize - page_size_);
      page_crc_ = base::Crc32c(bytes.first(size), page_crc_);
      page_size_ += size;
      bytes = bytes.subspan(size);
      if (page_size_ < format::kPageSize) return;
      page_checks_.push_back(page_crc_);
      page_size_ = 0;
    }
  }

  os::File& file_;
  const format::Uuid store_;
  const uint64_t segment_id_;
  format::SectionEntry entry_;
  base::Bytes buffer_;
  bool has_page_checks_ = false;
  std::vector<uint32_t> page_checks_;
  uint32_t page_crc_ = 0;
  size_t page_size_ = 0;  // Bytes of the page at the end so far.
};

}  // namespace intact::store
