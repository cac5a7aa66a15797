// What hostile hands and bad disks do to files. For copies of stores.
#pragma once

#include <random>
#include <string>

namespace intact::soak {

enum class Damage : unsigned char {
  kFlipBit,
  kOverwrite,
  kZero,
  kTruncate,
  kExtend,
  kRemove,
  kSwap,  // Two files change their names.
};
inline constexpr uint32_t kDamageCount = static_cast<uint32_t>(Damage::kSwap) + 1;

// Copies the files of a folder; what was in `target` is gone.
void CopyFolder(const std::string& source, const std::string& target);

// Does it to files of the folder chosen by chance; LOCK is left alone. What was done, in words.
std::string Inflict(Damage damage, const std::string& folder, std::mt19937& random);

}  // namespace intact::soak
