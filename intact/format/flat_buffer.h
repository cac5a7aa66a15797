// FlatBuffers, as much of it as Arrow's messages need: tables, vectors and texts, read from bytes
// that are not trusted and written without a schema compiler. Source of the layout: "FlatBuffers
// Internals" of the FlatBuffers documentation. Thread-compatible values.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "intact/base/base.h"

namespace intact::format {

class FlatTable;

// Bytes, and whether all that was read from them was within them. After a read outside, what is
// read is absent or the default and ok() is false, so a parser may read a whole record and check
// once. Tables and vectors borrow from it.
class FlatBuffer {
 public:
  explicit FlatBuffer(base::ByteSpan bytes) : bytes_(bytes) {}
  FlatBuffer(const FlatBuffer&) = delete;
  FlatBuffer& operator=(const FlatBuffer&) = delete;

  FlatTable Root();
  bool ok() const { return ok_; }

 private:
  friend class FlatTable;
  friend class FlatVector;

  // Whether `size` bytes stand at `at`; notes it when they do not.
  bool Has(uint64_t at, uint64_t size);
  // Where the offset at `at` leads; 0 when outside.
  uint64_t Follow(uint64_t at);

  base::ByteSpan bytes_;
  bool ok_ = true;
};

// The elements of a vector, or none.
class FlatVector {
 public:
  FlatVector() = default;

  uint32_t size() const { return count_; }
  // Element `index` < size() of a vector of structs or scalars, at `offset` within it. The offset
  // and T lie within the element size that the vector was asked for with.
  template <typename T>
  T Get(uint32_t index, size_t offset = 0) const {
    INTACT_DCHECK(index < count_ && offset + sizeof(T) <= element_size_);
    return base::Load<T>(buffer_->bytes_.data() + begin_ + size_t{index} * element_size_ + offset);
  }
  // All elements.
  base::ByteSpan Bytes() const;
  // Element `index` < size() of a vector of tables.
  FlatTable Table(uint32_t index) const;

 private:
  friend class FlatTable;
  FlatBuffer* buffer_ = nullptr;
  size_t begin_ = 0;
  size_t element_size_ = 0;
  uint32_t count_ = 0;
};

// A table, or an absent one, of which every field has its default. Slots count from 0 in the order
// of the schema; a union takes two, its type and its table.
class FlatTable {
 public:
  FlatTable() = default;

  bool is_present() const { return buffer_ != nullptr; }
  template <typename T>
  T Get(size_t slot, T default_value) const {
    const uint64_t at = Place(slot, sizeof(T));
    return at == 0 ? default_value : base::Load<T>(buffer_->bytes_.data() + at);
  }
  FlatTable Table(size_t slot) const;
  FlatVector Vector(size_t slot, size_t element_size) const;
  std::string_view Text(size_t slot) const;

 private:
  friend class FlatBuffer;
  friend class FlatVector;
  FlatTable(FlatBuffer& buffer, uint64_t at);
  // Where the field stands, or 0 when it is absent.
  uint64_t Place(size_t slot, size_t size) const;

  FlatBuffer* buffer_ = nullptr;
  uint64_t at_ = 0;
  uint64_t vtable_ = 0;
  uint16_t vtable_size_ = 0;
  uint16_t table_size_ = 0;
};

// Builds from the leaves to the root: what is referred to comes first and is named by the place
// that its call gave. Made back to front, as offsets point forward; moves all bytes on each call,
// which is fine for the few hundred that a message has.
class FlatWriter {
 public:
  struct Field {
    size_t slot = 0;
    size_t size = 0;     // 1, 2, 4 or 8; of a place 4.
    uint64_t value = 0;  // Little-endian, its lowest `size` bytes.
    bool is_place = false;
  };
  template <typename T>
  static Field Scalar(size_t slot, T value) {
    return {slot, sizeof(T), static_cast<uint64_t>(value), false};
  }
  static Field Place(size_t slot, size_t place) { return {slot, 4, place, true}; }

  size_t Text(std::string_view text);
  // `elements` are `count` structs of 8-byte alignment.
  size_t Structs(uint32_t count, base::ByteSpan elements);
  size_t Tables(std::span<const size_t> places);
  // Slots ascending.
  size_t Table(const std::vector<Field>& fields);
  // The whole buffer, a multiple of 8 bytes.
  base::Bytes Finish(size_t root);

 private:
  // Places are distances from the end. Zeros before, so that after `size` more bytes the place is a
  // multiple of `alignment`.
  void Align(size_t alignment, size_t size);
  void Prepend(base::ByteSpan bytes);

  base::Bytes bytes_;
};

}  // namespace intact::format
