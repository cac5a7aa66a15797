// A file system whose calls fail now and then, by seed: EIO, ENOSPC, torn writes, failed syncs.
// Thread-compatible.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "intact/testing/forwarding_file_system.h"
#include "tests/soak/tally.h"

namespace intact::soak {

class FaultyFileSystem final : public testing::ForwardingFileSystem {
 public:
  // One in `interval` calls fails; none when 0.
  FaultyFileSystem(os::FileSystem& below, uint32_t seed, uint32_t interval, Tally& tally)
      : ForwardingFileSystem(below), random_(seed), interval_(interval), tally_(tally) {}

  base::Result<std::unique_ptr<os::File>> OpenForRead(const std::string& path) override;
  base::Result<std::unique_ptr<os::File>> OpenForWrite(const std::string& path) override;
  base::Result<std::unique_ptr<os::Mapping>> Map(const std::string& path) override;
  base::Status Rename(const std::string& source, const std::string& target) override;
  base::Status Remove(const std::string& path) override;
  base::Status SyncDirectory(const std::string& path) override;
  base::Result<std::vector<std::string>> ListNames(const std::string& path) override;

 private:
  class FaultyFile;

  bool Strikes() { return interval_ != 0 && random_() % interval_ == 0; }
  // ok() unless this call fails with EIO.
  base::Status MayFail(const char* action, const std::string& path);

  std::mt19937 random_;
  uint32_t interval_;
  Tally& tally_;
};

}  // namespace intact::soak
