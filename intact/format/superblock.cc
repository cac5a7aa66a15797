#include "intact/format/superblock.h"

#include <algorithm>
#include <cstddef>

#include "intact/format/journal.h"

namespace intact::format {
namespace {

using base::Result;

constexpr std::array<unsigned char, 8> kMagic = {0x89, 'I', 'N', 'T', '\r', '\n', 0x1a, '\n'};

// The page as it lies on disk.
struct SuperPage {
  std::array<unsigned char, 8> magic;
  uint16_t major;
  uint16_t minor;
  uint32_t copy_index;
  uint64_t compatible;
  uint64_t read_only_compatible;
  uint64_t incompatible;
  Uuid store;
  uint64_t generation;
  uint64_t manifest_number;
  uint64_t manifest_size;
  base::Digest manifest_digest;
  uint64_t journal;
  uint64_t journal_size;
  std::array<std::byte, 3964> reserved;
  uint32_t crc;
};
static_assert(sizeof(SuperPage) == kPageSize);
static_assert(offsetof(SuperPage, copy_index) == 12);
static_assert(offsetof(SuperPage, compatible) == 16);
static_assert(offsetof(SuperPage, store) == 40);
static_assert(offsetof(SuperPage, generation) == 56);
static_assert(offsetof(SuperPage, manifest_digest) == 80);
static_assert(offsetof(SuperPage, journal) == 112);
static_assert(offsetof(SuperPage, crc) == 4092);

std::string Place(const std::string& what, uint32_t copy_index) {
  return what + " at offset " + std::to_string(copy_index * kPageSize) + " (copy " +
         std::to_string(copy_index) + ")";
}

}  // namespace

SuperPageBytes EncodeSuperblock(const Superblock& super, uint32_t copy_index) {
  INTACT_CHECK(copy_index < kSuperCopyCount);
  SuperPage page{};
  page.magic = kMagic;
  page.major = super.major;
  page.minor = super.minor;
  page.compatible = super.flags.compatible;
  page.read_only_compatible = super.flags.read_only_compatible;
  page.incompatible = super.flags.incompatible;
  page.store = super.store;
  page.generation = super.generation;
  page.manifest_number = super.manifest_number;
  page.manifest_size = super.manifest_size;
  page.manifest_digest = super.manifest_digest;
  page.journal = super.journal;
  page.journal_size = super.journal_size;
  return MoveSuperPage(std::bit_cast<SuperPageBytes>(page), copy_index);
}

SuperPageBytes MoveSuperPage(const SuperPageBytes& page, uint32_t copy_index) {
  SuperPageBytes moved = page;
  base::Store(moved.data() + offsetof(SuperPage, copy_index), copy_index);
  base::Store(moved.data() + offsetof(SuperPage, crc),
              base::Crc32c(base::ByteSpan(moved).first(offsetof(SuperPage, crc))));
  return moved;
}

Result<Superblock> DecodeSuperblock(base::ByteSpan bytes, uint32_t copy_index,
                                    const std::string& what) {
  const std::string place = Place(what, copy_index);
  if (bytes.size() != kPageSize) {
    return base::Corruption(place + ": expected a page of 4096 bytes, found " +
                            std::to_string(bytes.size()));
  }
  const auto page = base::Load<SuperPage>(bytes.data());
  if (page.magic != kMagic) return base::Corruption(place + ": no superblock (magic differs)");
  const uint32_t crc = base::Crc32c(bytes.first(offsetof(SuperPage, crc)));
  if (crc != page.crc) {
    return base::Corruption(place + ": checksum differs: " + ExpectedFound(page.crc, crc));
  }
  const FeatureFlags flags{page.compatible, page.read_only_compatible, page.incompatible};
  INTACT_RETURN_IF_ERROR(CheckReadable(page.major, page.minor, flags, what));
  if (page.copy_index != copy_index) {
    return base::Corruption(place + ": found copy " + std::to_string(page.copy_index) + " here");
  }
  if (!base::IsZero(page.reserved) && page.minor <= kFormatMinor) {
    return base::Corruption(place + ": reserved bytes are not zero");
  }
  const bool is_journal_sound = ((page.incompatible & kFlagJournal) != 0 || page.journal == 0) &&
                                (page.journal == 0) == (page.journal_size == 0) &&
                                page.journal_size % kPageSize == 0 &&
                                page.journal_size <= kJournalSizeMax;
  if (!is_journal_sound) {
    return base::Corruption(place + ": journal " + std::to_string(page.journal) + " of " +
                            std::to_string(page.journal_size) + " bytes is not possible");
  }
  Superblock super;
  super.major = page.major;
  super.minor = page.minor;
  super.flags = flags;
  super.store = page.store;
  super.generation = page.generation;
  super.manifest_number = page.manifest_number;
  super.manifest_size = page.manifest_size;
  super.manifest_digest = page.manifest_digest;
  super.journal = page.journal;
  super.journal_size = page.journal_size;
  return super;
}

Result<SuperFile> DecodeSuperFile(base::ByteSpan file, const std::string& what) {
  SuperFile result;
  bool has_active = false;
  for (uint32_t copy = 0; copy < kSuperCopyCount; ++copy) {
    const size_t begin = std::min(file.size(), copy * kPageSize);
    const size_t size = std::min(file.size() - begin, kPageSize);
    Result<Superblock> super = DecodeSuperblock(file.subspan(begin, size), copy, what);
    if (!super.ok()) {
      if (super.code() == base::Code::kUnsupported) return super.status();
      result.copies[copy] = super.status();
      continue;
    }
    result.generations[copy] = super->generation;
    if (has_active && super->store != result.active.store) {
      return base::Corruption(what + " names two stores: " + result.active.store.ToString() +
                              " and " + super->store.ToString());
    }
    if (has_active && super->generation == result.active.generation && *super != result.active) {
      return base::Corruption(Place(what, copy) + ": two different superblocks of generation " +
                              std::to_string(super->generation));
    }
    if (!has_active || super->generation > result.active.generation) {
      result.active = *super;
      std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(begin), kPageSize,
                  result.active_page.begin());
      result.active_pair = copy / 2;
      has_active = true;
    }
  }
  if (!has_active) {
    return base::Corruption("no copy of the superblock is valid: " + result.copies[0].message() +
                            "; " + result.copies[2].message());
  }
  return result;
}

base::Status CheckSuperCopy(const SuperFile& file, uint32_t copy_index, const std::string& what) {
  INTACT_RETURN_IF_ERROR(file.copies[copy_index]);
  const bool is_active = copy_index / 2 == file.active_pair;
  const uint64_t expected = file.active.generation - (is_active ? 0 : 1);
  const uint64_t found = file.generations[copy_index];
  if (found == expected) return base::Ok();
  return base::Corruption(Place(what, copy_index) +
                          ": a superblock of another write: expected generation " +
                          std::to_string(expected) + ", found " + std::to_string(found));
}

}  // namespace intact::format
