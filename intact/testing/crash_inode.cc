#include "intact/testing/crash_inode.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace intact::testing {
namespace {

using Sector = std::array<std::byte, kSectorSize>;

void ApplyBytes(uint64_t offset, base::ByteSpan source, base::Bytes& content) {
  if (content.size() < offset + source.size()) content.resize(offset + source.size());
  std::copy(source.begin(), source.end(), content.begin() + static_cast<std::ptrdiff_t>(offset));
}

// 0 for zeros, so that a file that only grew has the sum it had before.
uint64_t PrintOf(const Sector& sector, uint64_t index) {
  uint64_t hash = 0;
  uint64_t any = 0;
  for (size_t i = 0; i < kSectorSize; i += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, sector.data() + i, sizeof(word));
    any |= word;
    hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
  }
  return any == 0 ? 0 : MixBits(hash + MixBits(index + 1));
}

Sector SectorOf(const base::Bytes& content, uint64_t index) {
  Sector sector{};
  const uint64_t begin = index * kSectorSize;
  if (begin < content.size()) {
    std::memcpy(sector.data(), content.data() + begin,
                std::min<uint64_t>(kSectorSize, content.size() - begin));
  }
  return sector;
}

}  // namespace

uint64_t MixBits(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

void CrashInode::WriteAt(uint64_t offset, base::ByteSpan source) {
  ApplyBytes(offset, source, live_);
  pending_.push_back({offset, base::Bytes(source.begin(), source.end())});
}

void CrashInode::Sync() {
  for (const Write& write : pending_) ApplyBytes(write.offset, write.bytes, durable_);
  pending_.clear();
  sector_prints_.clear();
}

std::vector<CrashInode::Item> CrashInode::Items() const {
  std::vector<Item> items;
  for (size_t i = 0; i < pending_.size(); ++i) {
    const Write& write = pending_[i];
    const uint64_t end = write.offset + write.bytes.size();
    if (end > durable_.size()) items.push_back({i, write.offset, end, true});
    for (uint64_t at = write.offset; at < end;) {
      const uint64_t next = std::min(end, (at / kSectorSize + 1) * kSectorSize);
      items.push_back({i, at, next, false});
      at = next;
    }
  }
  return items;
}

base::ByteSpan CrashInode::BytesOf(const Item& item) const {
  const Write& write = pending_[item.write];
  return base::ByteSpan(write.bytes).subspan(item.begin - write.offset, item.end - item.begin);
}

base::Bytes CrashInode::After(const std::vector<Item>& items, const std::vector<bool>& survives,
                              size_t first) const {
  base::Bytes content = durable_;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!survives[first + i]) continue;
    if (items[i].is_size) {
      content.resize(std::max<size_t>(content.size(), items[i].end));
    } else {
      ApplyBytes(items[i].begin, BytesOf(items[i]), content);
    }
  }
  return content;
}

uint64_t CrashInode::Fingerprint(const std::vector<Item>& items, const std::vector<bool>& survives,
                                 size_t first) const {
  if (sector_prints_.empty()) {
    print_sum_ = 0;
    for (uint64_t i = 0; i * kSectorSize < durable_.size(); ++i) {
      sector_prints_.push_back(PrintOf(SectorOf(durable_, i), i));
      print_sum_ += sector_prints_.back();
    }
  }
  uint64_t size = durable_.size();
  // Few writes of a file are pending at a time, and mostly each to sectors of its own.
  std::vector<std::pair<uint64_t, Sector>> changed;
  for (size_t i = 0; i < items.size(); ++i) {
    if (!survives[first + i]) continue;
    const Item& item = items[i];
    size = std::max(size, item.end);
    if (item.is_size) continue;
    const uint64_t index = item.begin / kSectorSize;
    auto at = std::find_if(changed.rbegin(), changed.rend(),
                           [&](const auto& sector) { return sector.first <= index; });
    if (at == changed.rend() || at->first != index) {
      at = std::make_reverse_iterator(
          changed.insert(at.base(), {index, SectorOf(durable_, index)}) + 1);
    }
    const base::ByteSpan bytes = BytesOf(item);
    std::copy(bytes.begin(), bytes.end(), at->second.begin() + item.begin % kSectorSize);
  }
  uint64_t sum = print_sum_;
  for (const auto& [index, sector] : changed) {
    if (index < sector_prints_.size()) sum -= sector_prints_[index];
    sum += PrintOf(sector, index);
  }
  return MixBits(sum + MixBits(size));
}

}  // namespace intact::testing
