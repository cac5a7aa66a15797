#include "tests/soak/faulty_file_system.h"

namespace intact::soak {

using base::Result;
using base::Status;

class FaultyFileSystem::FaultyFile final : public testing::ForwardingFile {
 public:
  FaultyFile(FaultyFileSystem& files, std::unique_ptr<os::File> below, std::string path)
      : ForwardingFile(std::move(below)), files_(files), path_(std::move(path)) {}

  Status ReadAt(uint64_t offset, base::MutableByteSpan target) const override {
    INTACT_RETURN_IF_ERROR(files_.MayFail("read", path_));
    return ForwardingFile::ReadAt(offset, target);
  }

  Status WriteAt(uint64_t offset, base::ByteSpan source) override {
    if (!files_.Strikes()) return ForwardingFile::WriteAt(offset, source);
    const uint32_t choice = files_.random_() % 3;
    if (choice == 0) {
      files_.tally_.Add(Count::kFaultIo);
      return base::IoError("cannot write " + path_ + ": injected");
    }
    const size_t part = source.empty() ? 0 : files_.random_() % source.size();
    INTACT_RETURN_IF_ERROR(ForwardingFile::WriteAt(offset, source.first(part)));
    files_.tally_.Add(choice == 1 ? Count::kFaultTorn : Count::kFaultFull);
    if (choice == 1) return base::IoError("cannot write " + path_ + ": injected, torn");
    return base::Full("cannot write " + path_ + ": injected, no space");
  }

  Status Sync() override {
    if (!files_.Strikes()) return ForwardingFile::Sync();
    files_.tally_.Add(Count::kFaultSync);
    return base::IoError("cannot sync " + path_ + ": injected");
  }

 private:
  FaultyFileSystem& files_;
  std::string path_;
};

Status FaultyFileSystem::MayFail(const char* action, const std::string& path) {
  if (!Strikes()) return base::Ok();
  tally_.Add(Count::kFaultIo);
  return base::IoError(std::string("cannot ") + action + " " + path + ": injected");
}

Result<std::unique_ptr<os::File>> FaultyFileSystem::OpenForRead(const std::string& path) {
  INTACT_RETURN_IF_ERROR(MayFail("open", path));
  INTACT_ASSIGN_OR_RETURN(std::unique_ptr<os::File> file, below().OpenForRead(path));
  return std::unique_ptr<os::File>(std::make_unique<FaultyFile>(*this, std::move(file), path));
}

Result<std::unique_ptr<os::File>> FaultyFileSystem::OpenForWrite(const std::string& path) {
  INTACT_RETURN_IF_ERROR(MayFail("open", path));
  INTACT_ASSIGN_OR_RETURN(std::unique_ptr<os::File> file, below().OpenForWrite(path));
  return std::unique_ptr<os::File>(std::make_unique<FaultyFile>(*this, std::move(file), path));
}

Result<std::unique_ptr<os::Mapping>> FaultyFileSystem::Map(const std::string& path) {
  INTACT_RETURN_IF_ERROR(MayFail("map", path));
  return below().Map(path);
}

Status FaultyFileSystem::Rename(const std::string& source, const std::string& target) {
  INTACT_RETURN_IF_ERROR(MayFail("rename", source));
  return below().Rename(source, target);
}

Status FaultyFileSystem::Remove(const std::string& path) {
  INTACT_RETURN_IF_ERROR(MayFail("remove", path));
  return below().Remove(path);
}

Status FaultyFileSystem::SyncDirectory(const std::string& path) {
  if (!Strikes()) return below().SyncDirectory(path);
  tally_.Add(Count::kFaultSync);
  return base::IoError("cannot sync " + path + ": injected");
}

Result<std::vector<std::string>> FaultyFileSystem::ListNames(const std::string& path) {
  INTACT_RETURN_IF_ERROR(MayFail("list", path));
  return below().ListNames(path);
}

}  // namespace intact::soak
