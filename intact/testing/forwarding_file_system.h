// A file system that passes every call on to another: a base for tests that change a few of them.
// Threads: as the one below.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "intact/os/file.h"

namespace intact::testing {

class ForwardingFile : public os::File {
 public:
  explicit ForwardingFile(std::unique_ptr<os::File> below) : below_(std::move(below)) {}

  base::Status ReadAt(uint64_t offset, base::MutableByteSpan target) const override {
    return below_->ReadAt(offset, target);
  }
  base::Status WriteAt(uint64_t offset, base::ByteSpan source) override {
    return below_->WriteAt(offset, source);
  }
  base::Status Sync() override { return below_->Sync(); }
  base::Result<uint64_t> Size() const override { return below_->Size(); }
  base::Result<os::FileId> Id() const override { return below_->Id(); }

 private:
  std::unique_ptr<os::File> below_;
};

class ForwardingFileSystem : public os::FileSystem {
 public:
  // `below` must outlive this.
  explicit ForwardingFileSystem(os::FileSystem& below) : below_(below) {}

  base::Result<std::unique_ptr<os::File>> OpenForRead(const std::string& path) override {
    return below_.OpenForRead(path);
  }
  base::Result<std::unique_ptr<os::File>> OpenForWrite(const std::string& path) override {
    return below_.OpenForWrite(path);
  }
  base::Result<std::unique_ptr<os::Mapping>> Map(const std::string& path) override {
    return below_.Map(path);
  }
  base::Status Rename(const std::string& source, const std::string& target) override {
    return below_.Rename(source, target);
  }
  base::Status Remove(const std::string& path) override { return below_.Remove(path); }
  base::Status CreateDirectories(const std::string& path) override {
    return below_.CreateDirectories(path);
  }
  base::Status SyncDirectory(const std::string& path) override {
    return below_.SyncDirectory(path);
  }
  base::Result<std::vector<std::string>> ListNames(const std::string& path) override {
    return below_.ListNames(path);
  }
  base::Result<std::unique_ptr<os::FileLock>> Lock(const std::string& path) override {
    return below_.Lock(path);
  }

 protected:
  os::FileSystem& below() { return below_; }

 private:
  os::FileSystem& below_;
};

}  // namespace intact::testing
