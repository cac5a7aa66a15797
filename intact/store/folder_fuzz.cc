// A whole store with edits in its files: opened, read, verified, written to and opened again. An
// input is a row of edits; each may ask for checksums and digests to be made right afterwards, so
// that what lies behind them is reached. Nothing may crash, hang or take memory beyond what the
// files are worth; forged bytes may be believed, as a checksum is no signature.
#include <cstring>

#include "intact/format/superblock.h"
#include "intact/store/folder.h"
#include "intact/store/store.h"
#include "intact/testing/crash_file_system.h"

namespace base = intact::base;
namespace format = intact::format;
namespace store = intact::store;
using intact::testing::CrashFileSystem;

namespace {

constexpr char kFolder[] = "/s";
constexpr uint32_t kDimensions = 4;

store::OpenOptions Options() {
  store::OpenOptions options;
  options.create = true;
  options.spec.emplace();
  options.spec->dimensions = kDimensions;
  options.retention.keep_last = 3;
  options.journal_size_max = 48 << 10;
  options.segment_size_max = 4096;
  return options;
}

base::Digest KeyOf(int number) { return base::DigestOf(std::to_string(number)); }

// Files of all kinds: segments, two journals, manifests of older versions, tags, deleted keys.
std::unique_ptr<CrashFileSystem> MakeStore() {
  auto files = std::make_unique<CrashFileSystem>();
  auto opened = store::Store::OpenWriter(*files, kFolder, Options()).value();
  for (int i = 0; i < 12; ++i) {
    std::vector<base::Digest> keys;
    std::vector<float> vectors;
    for (int k = 0; k < 1 + i % 3 * 20; ++k) {
      keys.push_back(KeyOf(i * 7 + k));
      for (uint32_t j = 0; j < kDimensions; ++j) {
        vectors.push_back(static_cast<float>(i * k) / static_cast<float>(j + 1));
      }
    }
    const std::vector<base::Digest> deletes{KeyOf(i * 5)};
    INTACT_CHECK(opened->Write({.puts = {keys, vectors}, .deletes = deletes}).ok());
    if (i == 5) INTACT_CHECK(opened->Tag("five").ok());
  }
  return files;
}

class Edits {
 public:
  Edits(CrashFileSystem& files, base::ByteSpan input) : files_(files), reader_(input) {}

  void Apply() {
    const std::vector<std::string> paths = files_.Paths();
    while (reader_.ok() && !reader_.AtEnd()) {
      const auto choice = reader_.Get<uint8_t>();
      const std::string& path = paths[choice % paths.size()];
      base::Bytes& content = files_.MutableContent(path);
      const size_t offset = reader_.Get<uint32_t>() % (content.size() + 1);
      const auto how = reader_.Get<uint8_t>();
      const base::ByteSpan bytes = reader_.GetBytes(reader_.Get<uint8_t>() % 17);
      if (!reader_.ok()) return;
      if (how % 8 == 7) {
        content.resize(offset);
      } else {
        const size_t size = std::min(bytes.size(), content.size() - offset);
        std::copy_n(bytes.begin(), size, content.begin() + static_cast<std::ptrdiff_t>(offset));
      }
      if (how % 2 == 1) Repair(path, offset);
    }
  }

 private:
  void Repair(const std::string& path, size_t offset) {
    if (path.ends_with("SUPER")) return RepairSuper();
    if (path.find("/manifest-") != std::string::npos) return RepairManifest(path);
    if (path.find("/journal-") != std::string::npos) return RepairFrame(path, offset);
  }

  void RepairSuper() {
    base::Bytes& content = files_.MutableContent(store::SuperPath(kFolder));
    for (uint32_t copy = 0; copy < 4 && content.size() >= (copy + 1) * format::kPageSize; ++copy) {
      format::SuperPageBytes page;
      const auto place = content.begin() + static_cast<std::ptrdiff_t>(copy * format::kPageSize);
      std::copy_n(place, page.size(), page.begin());
      page = format::MoveSuperPage(page, copy);
      std::copy(page.begin(), page.end(), place);
    }
  }

  static void SealManifest(base::MutableByteSpan manifest) {
    if (manifest.size() < 8) return;
    const size_t size = manifest.size() - 4;
    base::Store(manifest.data() + size, base::Crc32c(base::ByteSpan(manifest).first(size)));
  }

  void RepairManifest(const std::string& path) {
    base::Bytes& content = files_.MutableContent(path);
    SealManifest(content);
    base::Bytes& super = files_.MutableContent(store::SuperPath(kFolder));
    const base::Digest digest = base::DigestOf(content);
    for (size_t page = 0; page + format::kPageSize <= super.size(); page += format::kPageSize) {
      base::Store(super.data() + page + 72, uint64_t{content.size()});
      std::memcpy(super.data() + page + 80, &digest, sizeof(digest));
    }
    RepairSuper();
  }

  // The frame that `offset` lies in, in both halves.
  void RepairFrame(const std::string& path, size_t offset) {
    base::Bytes& content = files_.MutableContent(path);
    const size_t half = content.size() / 2;
    if (half == 0 || half % format::kPageSize != 0) return;
    size_t at = 0;
    const size_t wanted = offset % half;
    for (;;) {
      if (half - at < format::kPageSize) return;
      const auto size = base::Load<uint64_t>(content.data() + at + 64);
      if (size < format::kPageSize || size % format::kPageSize != 0 || size > half - at) return;
      if (wanted < at + size) return SealFrame(content, half, at, size);
      at += size;
    }
  }

  static void SealFrame(base::Bytes& content, size_t half, size_t at, size_t size) {
    std::byte* frame = content.data() + at;
    format::Uuid uuid;
    std::memcpy(&uuid, frame + 16, sizeof(uuid));
    const auto manifest_size = base::Load<uint64_t>(frame + 72);
    const auto manifest_offset = base::Load<uint64_t>(frame + 112);
    if (manifest_offset <= size && manifest_size <= size - manifest_offset) {
      const base::MutableByteSpan manifest(frame + manifest_offset, manifest_size);
      SealManifest(manifest);
      const base::Digest digest = base::DigestOf(manifest);
      std::memcpy(frame + 80, &digest, sizeof(digest));
    }
    const uint32_t seed = format::FrameCrcSeed(uuid, base::Load<uint64_t>(frame + 32), at);
    base::Store(frame + 12, base::Crc32c(base::ByteSpan(frame + 128, size - 128), seed));
    base::Store(frame + 124, base::Crc32c(base::ByteSpan(frame, 124)));
    std::memcpy(content.data() + half + at, frame, size);
  }

  CrashFileSystem& files_;
  base::ByteReader reader_;
};

void ReadAll(const store::Snapshot& snapshot) {
  std::vector<float> vector(snapshot.spec().dimensions);
  for (int number = 0; number < 40; number += 3) {
    const auto row = snapshot.Find(KeyOf(number));
    if (row.ok() && *row) static_cast<void>(snapshot.ReadVector(**row, vector).ok());
  }
  for (const auto& segment : snapshot.segments()) {
    static_cast<void>(segment->CheckCodes().ok());
    for (uint32_t i = 0; i < std::min<uint32_t>(segment->row_count(), 50); ++i) {
      static_cast<void>(segment->ReadVector(i, vector).ok());
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::unique_ptr<CrashFileSystem> base_store = MakeStore();
  const auto files = base_store->AfterKill();
  Edits(*files, std::as_bytes(std::span(data, size))).Apply();

  const auto reader = store::Store::OpenReadOnly(*files, kFolder);
  if (reader.ok()) {
    ReadAll(**reader);
    for (const format::VersionEntry& entry : (*reader)->history()) {
      const auto older = store::Store::OpenVersion(*files, kFolder, std::to_string(entry.version));
      if (older.ok()) ReadAll(**older);
    }
  }
  static_cast<void>(store::Verify(*files, kFolder).ok());
  store::OpenOptions options = Options();
  options.spec.reset();
  const auto writer = store::Store::OpenWriter(*files, kFolder, options);
  if (!writer.ok()) return 0;
  const uint32_t d = (*writer)->snapshot()->spec().dimensions;
  if (d > 64) return 0;
  const std::vector<base::Digest> keys{KeyOf(1), KeyOf(1000)};
  const std::vector<float> vectors(2 * d, 0.5f);
  for (int i = 0; i < 5; ++i) {
    static_cast<void>((*writer)->Write({.puts = {keys, vectors}, .deletes = {}}).ok());
  }
  static_cast<void>((*writer)->RollBack("five").ok());
  ReadAll(*(*writer)->snapshot());
  return 0;
}
