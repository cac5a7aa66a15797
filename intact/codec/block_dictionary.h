// Dictionaries: what many small blocks have in common, kept once. Byte layout:
// docs/format/blocks.md.
//
// A dictionary is named by an id (which kind of content) and a version (which training), and proved
// by the CRC of its bytes, which each block repeats. A DictionarySet keeps old versions, so blocks
// written with them stay readable. Dictionary and a const DictionarySet are thread-safe.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <utility>

#include "intact/base/base.h"

struct ZSTD_DDict_s;

namespace intact::codec {

constexpr size_t kDictionarySizeMax = size_t{1} << 20;
constexpr size_t kDictionaryCountMax = 1024;                  // In one set.
constexpr size_t kTrainingSizeMax = size_t{256} << 20;        // Of all samples together.
constexpr size_t kDictionarySizeDefault = size_t{110} << 10;  // What zstd's own tool makes.

// Which dictionary: the reference that a block's header holds.
struct DictionaryName {
  uint16_t id = 0;       // >= 1.
  uint16_t version = 0;  // >= 1, one more with each training of this id.

  auto operator<=>(const DictionaryName&) const = default;
};

class Dictionary {
 public:
  // Any 1 to kDictionarySizeMax bytes serve; bytes that zstd trained serve best. kInvalidArgument
  // for a size or a name outside its limits.
  static base::Result<std::shared_ptr<const Dictionary>> Make(DictionaryName name,
                                                              base::Bytes bytes);
  // Trained from `samples`, texts like those to be compressed: a hundred times `size_max` of them
  // is ample. kInvalidArgument when there are too few (zstd wants at least 7, and more bytes than
  // size_max) or more than kTrainingSizeMax bytes.
  static base::Result<std::shared_ptr<const Dictionary>> Train(
      DictionaryName name, std::span<const base::ByteSpan> samples,
      size_t size_max = kDictionarySizeDefault);

  DictionaryName name() const { return name_; }
  base::ByteSpan bytes() const { return bytes_; }
  uint32_t crc() const { return crc_; }
  // Prepared for decoding; lives as long as this.
  const ZSTD_DDict_s* zstd_decoder() const { return zstd_decoder_.get(); }

 private:
  struct ZstdDeleter {
    void operator()(ZSTD_DDict_s* decoder) const;
  };
  Dictionary(DictionaryName name, base::Bytes bytes);

  DictionaryName name_;
  base::Bytes bytes_;
  uint32_t crc_ = 0;
  std::unique_ptr<ZSTD_DDict_s, ZstdDeleter> zstd_decoder_;
};

using DictionaryPointer = std::shared_ptr<const Dictionary>;

// Every version of every dictionary that blocks at hand may name.
class DictionarySet {
 public:
  // kInvalidArgument when another dictionary has this name, kFull beyond kDictionaryCountMax. The
  // same bytes under the same name again are no error.
  base::Status Add(DictionaryPointer dictionary);
  // kNotFound naming id and version.
  base::Result<DictionaryPointer> Find(DictionaryName name) const;
  // The highest version of `id`, for writing new blocks; null when there is none.
  DictionaryPointer Newest(uint16_t id) const;
  size_t count() const { return dictionaries_.size(); }

  // Appends all of them to `target`.
  void Serialise(base::Bytes& target) const;
  // kCorruption when anything does not fit or check; allocates no more than `bytes` twice.
  static base::Result<DictionarySet> Parse(base::ByteSpan bytes);

 private:
  std::map<DictionaryName, DictionaryPointer> dictionaries_;
};

}  // namespace intact::codec
