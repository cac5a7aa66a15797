#include "tests/soak/damage.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

namespace intact::soak {

namespace fs = std::filesystem;

void CopyFolder(const std::string& source, const std::string& target) {
  fs::remove_all(target);
  fs::create_directories(target);
  for (const auto& entry : fs::directory_iterator(source)) {
    fs::copy_file(entry.path(), fs::path(target) / entry.path().filename());
  }
}

namespace {

std::string ReadAll(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void WriteAll(const fs::path& path, const std::string& bytes) {
  fs::permissions(path, fs::perms::owner_write, fs::perm_options::add);
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

void ChangeBytes(Damage damage, std::string& bytes, std::mt19937& random) {
  const size_t at = bytes.empty() ? 0 : random() % bytes.size();
  const size_t size = std::min<size_t>(bytes.size() - at, 1 + random() % 5000);
  switch (damage) {
    case Damage::kFlipBit:
      if (!bytes.empty()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
      return;
    case Damage::kOverwrite:
      for (size_t i = 0; i < size; ++i) bytes[at + i] = static_cast<char>(random());
      return;
    case Damage::kZero:
      std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), size, '\0');
      return;
    case Damage::kTruncate:
      bytes.resize(at);
      return;
    default:
      bytes.resize(bytes.size() + size, 'x');
  }
}

}  // namespace

std::string Inflict(Damage damage, const std::string& folder, std::mt19937& random) {
  constexpr const char* kNames[kDamageCount] = {
      "a bit of ", "bytes of ", "zeros in ", "the end of ", "more in ", "removed ", "swapped "};
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename() != "LOCK") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  if (paths.empty()) return "nothing";
  const fs::path& path = paths[random() % paths.size()];
  std::string what = kNames[static_cast<size_t>(damage)] + path.filename().string();
  if (damage == Damage::kRemove) {
    fs::remove(path);
  } else if (damage == Damage::kSwap) {
    const fs::path& other = paths[random() % paths.size()];
    const fs::path between = fs::path(folder).parent_path() / "between";
    fs::rename(path, between);
    if (other != path) fs::rename(other, path);
    fs::rename(between, other);
    what += " and " + other.filename().string();
  } else {
    std::string bytes = ReadAll(path);
    ChangeBytes(damage, bytes, random);
    WriteAll(path, bytes);
  }
  return what;
}

}  // namespace intact::soak
