#include "intact/codec/block_dictionary.h"

#include <zdict.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <string>

namespace intact::codec {
namespace {

constexpr std::array<unsigned char, 8> kMagic = {0x89, 'I', 'N', 'D', '\r', '\n', 0x1a, '\n'};
constexpr uint16_t kMajor = 1;
constexpr size_t kSetHeaderSize = 16;
constexpr size_t kEntryHeaderSize = 12;
// ZDICT refuses smaller targets.
constexpr size_t kTrainedSizeMin = 256;

std::string NameText(DictionaryName name) {
  return "dictionary " + std::to_string(name.id) + " version " + std::to_string(name.version);
}

}  // namespace

void Dictionary::ZstdDeleter::operator()(ZSTD_DDict_s* decoder) const { ZSTD_freeDDict(decoder); }

Dictionary::Dictionary(DictionaryName name, base::Bytes bytes)
    : name_(name),
      bytes_(std::move(bytes)),
      crc_(base::Crc32c(bytes_)),
      zstd_decoder_(ZSTD_createDDict(bytes_.data(), bytes_.size())) {}

base::Result<DictionaryPointer> Dictionary::Make(DictionaryName name, base::Bytes bytes) {
  if (name.id == 0 || name.version == 0)
    return base::InvalidArgument("the id and the version of a dictionary count from 1");
  if (bytes.empty() || bytes.size() > kDictionarySizeMax) {
    return base::InvalidArgument(NameText(name) + " has " + std::to_string(bytes.size()) +
                                 " bytes; it must have 1 to " + std::to_string(kDictionarySizeMax));
  }
  std::shared_ptr<const Dictionary> dictionary(new Dictionary(name, std::move(bytes)));
  if (dictionary->zstd_decoder() == nullptr) {
    return base::InvalidArgument(NameText(name) +
                                 " begins as one that zstd trained, but zstd cannot read it");
  }
  return dictionary;
}

base::Result<DictionaryPointer> Dictionary::Train(DictionaryName name,
                                                  std::span<const base::ByteSpan> samples,
                                                  size_t size_max) {
  if (size_max < kTrainedSizeMin || size_max > kDictionarySizeMax) {
    return base::InvalidArgument("a trained dictionary must be allowed " +
                                 std::to_string(kTrainedSizeMin) + " to " +
                                 std::to_string(kDictionarySizeMax) + " bytes");
  }
  size_t total = 0;
  for (const base::ByteSpan sample : samples) {
    if (sample.size() > kTrainingSizeMax - total) {
      return base::InvalidArgument("samples for a dictionary of more than " +
                                   std::to_string(kTrainingSizeMax) + " bytes together");
    }
    total += sample.size();
  }
  base::ByteWriter joined;
  joined.Reserve(total);
  std::vector<size_t> sizes;
  sizes.reserve(samples.size());
  for (const base::ByteSpan sample : samples) {
    joined.PutBytes(sample);
    sizes.push_back(sample.size());
  }
  base::Bytes trained(size_max);
  const size_t size = ZDICT_trainFromBuffer(trained.data(), trained.size(), joined.bytes().data(),
                                            sizes.data(), static_cast<unsigned>(sizes.size()));
  if (ZDICT_isError(size) != 0) {
    return base::InvalidArgument("cannot train " + NameText(name) + " from " +
                                 std::to_string(samples.size()) + " samples of " +
                                 std::to_string(total) + " bytes: " + ZDICT_getErrorName(size));
  }
  trained.resize(size);
  return Make(name, std::move(trained));
}

base::Status DictionarySet::Add(DictionaryPointer dictionary) {
  INTACT_CHECK(dictionary != nullptr);
  const DictionaryName name = dictionary->name();
  const auto found = dictionaries_.find(name);
  if (found != dictionaries_.end()) {
    if (std::ranges::equal(found->second->bytes(), dictionary->bytes())) return base::Ok();
    return base::InvalidArgument(NameText(name) + " is there already, with other bytes");
  }
  if (dictionaries_.size() == kDictionaryCountMax) {
    return base::Full("a set holds at most " + std::to_string(kDictionaryCountMax) +
                      " dictionaries");
  }
  dictionaries_.emplace(name, std::move(dictionary));
  return base::Ok();
}

base::Result<DictionaryPointer> DictionarySet::Find(DictionaryName name) const {
  const auto found = dictionaries_.find(name);
  if (found == dictionaries_.end()) return base::NotFound(NameText(name) + " is not at hand");
  return found->second;
}

DictionaryPointer DictionarySet::Newest(uint16_t id) const {
  const auto after = dictionaries_.upper_bound({id, UINT16_MAX});
  if (after == dictionaries_.begin()) return nullptr;
  const DictionaryPointer& last = std::prev(after)->second;
  return last->name().id == id ? last : nullptr;
}

void DictionarySet::Serialise(base::Bytes& target) const {
  base::ByteWriter writer;
  writer.PutBytes(std::as_bytes(std::span(kMagic)));
  writer.Put<uint16_t>(kMajor);
  writer.Put<uint16_t>(0);
  writer.Put(static_cast<uint32_t>(dictionaries_.size()));
  for (const auto& [name, dictionary] : dictionaries_) {
    writer.Put(name.id);
    writer.Put(name.version);
    writer.Put(static_cast<uint32_t>(dictionary->bytes().size()));
    writer.Put(dictionary->crc());
    writer.PutBytes(dictionary->bytes());
  }
  writer.Put(base::Crc32c(writer.bytes()));
  target.insert(target.end(), writer.bytes().begin(), writer.bytes().end());
}

namespace {

base::Result<DictionaryPointer> ParseEntry(base::ByteReader& reader) {
  DictionaryName name;
  name.id = reader.Get<uint16_t>();
  name.version = reader.Get<uint16_t>();
  const auto size = reader.Get<uint32_t>();
  const auto crc = reader.Get<uint32_t>();
  const base::ByteSpan bytes = reader.GetBytes(size);
  if (!reader.ok()) return base::Corruption("a set of dictionaries ends within " + NameText(name));
  auto dictionary = Dictionary::Make(name, base::Bytes(bytes.begin(), bytes.end()));
  if (!dictionary.ok()) return base::Corruption(dictionary.status().message());
  if ((*dictionary)->crc() != crc) return base::Corruption(NameText(name) + ": wrong CRC");
  return dictionary;
}

}  // namespace

base::Result<DictionarySet> DictionarySet::Parse(base::ByteSpan bytes) {
  if (bytes.size() < kSetHeaderSize + 4 ||
      !std::ranges::equal(bytes.first(kMagic.size()), std::as_bytes(std::span(kMagic))))
    return base::Corruption("not a set of dictionaries: no magic at its start");
  const base::ByteSpan body = bytes.first(bytes.size() - 4);
  if (base::Crc32c(body) != base::Load<uint32_t>(bytes.data() + body.size()))
    return base::Corruption("a set of dictionaries: wrong CRC");
  base::ByteReader reader(body.subspan(kMagic.size()));
  const auto major = reader.Get<uint16_t>();
  reader.Skip(2);  // A minor version changes nothing that is read here.
  if (major != kMajor) {
    return base::Unsupported("a set of dictionaries of version " + std::to_string(major) +
                             ", newer than " + std::to_string(kMajor));
  }
  const auto count = reader.Get<uint32_t>();
  if (count > kDictionaryCountMax || count > reader.remaining() / kEntryHeaderSize)
    return base::Corruption("a set that claims " + std::to_string(count) + " dictionaries");
  DictionarySet set;
  for (uint32_t i = 0; i < count; ++i) {
    INTACT_ASSIGN_OR_RETURN(DictionaryPointer dictionary, ParseEntry(reader));
    if (!set.dictionaries_.empty() && dictionary->name() <= set.dictionaries_.rbegin()->first)
      return base::Corruption(NameText(dictionary->name()) + " is out of order in its set");
    set.dictionaries_.emplace(dictionary->name(), std::move(dictionary));
  }
  if (!reader.AtEnd()) return base::Corruption("bytes after the last dictionary of a set");
  return set;
}

}  // namespace intact::codec
