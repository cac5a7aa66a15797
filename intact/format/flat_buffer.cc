#include "intact/format/flat_buffer.h"

#include <algorithm>

namespace intact::format {
namespace {

constexpr size_t kOffsetSize = 4;
constexpr size_t kVtableHeaderSize = 4;
constexpr size_t kMaxAlignment = 8;

}  // namespace

bool FlatBuffer::Has(uint64_t at, uint64_t size) {
  if (at <= bytes_.size() && size <= bytes_.size() - at) return true;
  ok_ = false;
  return false;
}

uint64_t FlatBuffer::Follow(uint64_t at) {
  if (!Has(at, kOffsetSize)) return 0;
  return at + base::Load<uint32_t>(bytes_.data() + at);
}

FlatTable FlatBuffer::Root() {
  const uint64_t at = Follow(0);
  return at == 0 ? FlatTable() : FlatTable(*this, at);
}

base::ByteSpan FlatVector::Bytes() const {
  if (count_ == 0) return {};
  return buffer_->bytes_.subspan(begin_, count_ * element_size_);
}

FlatTable FlatVector::Table(uint32_t index) const {
  INTACT_DCHECK(index < count_ && element_size_ == kOffsetSize);
  return FlatTable(*buffer_, buffer_->Follow(begin_ + uint64_t{index} * kOffsetSize));
}

FlatTable::FlatTable(FlatBuffer& buffer, uint64_t at) {
  if (!buffer.Has(at, kOffsetSize)) return;
  // A signed distance back to the vtable: one that leads outside becomes too large.
  const auto distance = base::Load<int32_t>(buffer.bytes_.data() + at);
  const uint64_t vtable = at - static_cast<uint64_t>(int64_t{distance});
  if (!buffer.Has(vtable, kVtableHeaderSize)) return;
  const auto vtable_size = base::Load<uint16_t>(buffer.bytes_.data() + vtable);
  const auto table_size = base::Load<uint16_t>(buffer.bytes_.data() + vtable + 2);
  if (vtable_size < kVtableHeaderSize || !buffer.Has(vtable, vtable_size) ||
      !buffer.Has(at, table_size)) {
    buffer.ok_ = false;
    return;
  }
  buffer_ = &buffer;
  at_ = at;
  vtable_ = vtable;
  vtable_size_ = vtable_size;
  table_size_ = table_size;
}

uint64_t FlatTable::Place(size_t slot, size_t size) const {
  if (buffer_ == nullptr) return 0;
  const size_t entry = kVtableHeaderSize + 2 * slot;
  if (entry + 2 > vtable_size_) return 0;  // Written by an older schema.
  const auto offset = base::Load<uint16_t>(buffer_->bytes_.data() + vtable_ + entry);
  if (offset == 0) return 0;
  if (offset < kOffsetSize || offset + size > table_size_) {
    buffer_->ok_ = false;
    return 0;
  }
  return at_ + offset;
}

FlatTable FlatTable::Table(size_t slot) const {
  const uint64_t place = Place(slot, kOffsetSize);
  return place == 0 ? FlatTable() : FlatTable(*buffer_, buffer_->Follow(place));
}

FlatVector FlatTable::Vector(size_t slot, size_t element_size) const {
  FlatVector vector;
  const uint64_t place = Place(slot, kOffsetSize);
  if (place == 0) return vector;
  const uint64_t at = buffer_->Follow(place);
  if (!buffer_->Has(at, kOffsetSize)) return vector;
  const auto count = base::Load<uint32_t>(buffer_->bytes_.data() + at);
  if (!buffer_->Has(at + kOffsetSize, uint64_t{count} * element_size)) return vector;
  vector.buffer_ = buffer_;
  vector.begin_ = at + kOffsetSize;
  vector.element_size_ = element_size;
  vector.count_ = count;
  return vector;
}

std::string_view FlatTable::Text(size_t slot) const {
  const FlatVector characters = Vector(slot, 1);
  if (characters.size() == 0) return {};
  return base::AsText(buffer_->bytes_.subspan(characters.begin_, characters.size()));
}

void FlatWriter::Align(size_t alignment, size_t size) {
  const size_t padding = base::AlignUp(bytes_.size() + size, alignment) - bytes_.size() - size;
  bytes_.insert(bytes_.begin(), padding, std::byte{0});
}

void FlatWriter::Prepend(base::ByteSpan bytes) {
  bytes_.insert(bytes_.begin(), bytes.begin(), bytes.end());
}

size_t FlatWriter::Text(std::string_view text) {
  base::ByteWriter out;
  out.Put(static_cast<uint32_t>(text.size()));
  out.PutBytes(base::AsBytes(text));
  out.Put('\0');
  Align(kOffsetSize, out.size());
  Prepend(out.bytes());
  return bytes_.size();
}

size_t FlatWriter::Structs(uint32_t count, base::ByteSpan elements) {
  Align(kMaxAlignment, elements.size());
  Prepend(elements);
  Prepend(std::as_bytes(std::span(&count, 1)));
  return bytes_.size();
}

size_t FlatWriter::Tables(std::span<const size_t> places) {
  const size_t size = (places.size() + 1) * kOffsetSize;
  Align(kOffsetSize, size);
  const size_t begin = bytes_.size() + size;
  base::ByteWriter out;
  out.Put(static_cast<uint32_t>(places.size()));
  for (const size_t place : places) {
    out.Put(static_cast<uint32_t>(begin - out.size() - place));
  }
  Prepend(out.bytes());
  return bytes_.size();
}

size_t FlatWriter::Table(const std::vector<Field>& fields) {
  const size_t slot_count = fields.empty() ? 0 : fields.back().slot + 1;
  std::vector<uint16_t> vtable(2 + slot_count);
  size_t size = kOffsetSize;
  for (const Field& field : fields) {
    size = base::AlignUp(size, field.size);
    vtable[2 + field.slot] = static_cast<uint16_t>(size);
    size += field.size;
  }
  size = base::AlignUp(size, kMaxAlignment);
  vtable[0] = static_cast<uint16_t>(vtable.size() * sizeof(uint16_t));
  vtable[1] = static_cast<uint16_t>(size);

  Align(kMaxAlignment, size);
  const size_t place = bytes_.size() + size;
  base::Bytes table(size);
  base::Store(table.data(), static_cast<int32_t>(vtable[0]));  // The vtable stands just before.
  for (const Field& field : fields) {
    const size_t at = vtable[2 + field.slot];
    const uint64_t value = field.is_place ? place - at - field.value : field.value;
    std::memcpy(table.data() + at, &value, field.size);
  }
  Prepend(table);
  Prepend(std::as_bytes(std::span(vtable)));
  return place;
}

base::Bytes FlatWriter::Finish(size_t root) {
  Align(kMaxAlignment, kOffsetSize);
  const auto offset = static_cast<uint32_t>(bytes_.size() + kOffsetSize - root);
  Prepend(std::as_bytes(std::span(&offset, 1)));
  return std::move(bytes_);
}

}  // namespace intact::format
