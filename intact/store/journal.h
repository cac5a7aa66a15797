// The store's journal: commits too small for files of their own, appended as frames to a file that
// was written with zeros before, so that one sync makes each of them durable. Each frame is written
// twice, once in each half of the file: damage of one is repaired from the other. A journal is
// never rewound; when it is full the next one takes over, and its file is unlinked when no version
// needs it. Layout: docs/format/store.md. For folder.h and Store; thread-compatible.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/format/journal.h"
#include "intact/format/manifest.h"
#include "intact/os/file.h"

namespace intact::store {

struct JournalFrame {
  format::FrameHead head;
  uint32_t half = 0;        // A half in which the frame is whole.
  bool is_mirrored = true;  // It is whole in both, or that was not asked.
};

// What a journal holds.
struct JournalContent {
  std::vector<JournalFrame> frames;  // In the order they were written.
  uint64_t end = 0;                  // Where the next frame goes.
};

enum class JournalHalves : unsigned char {
  kOne,   // The second half is read where the first is damaged.
  kBoth,  // To find what is damaged in one of them.
};

// Reads the frames of `bytes`, the whole file. The newest frame may be there in part, when its
// commit was cut short: it is left out. kCorruption when frames are missing before one that is
// there, kUnsupported for a newer format; messages begin with `what`.
base::Result<JournalContent> ReadJournal(base::ByteSpan bytes, const format::Uuid& store,
                                         uint64_t journal, const std::string& what,
                                         JournalHalves halves = JournalHalves::kBoth);

// The payload of a frame agrees with its head. `bytes` begins at the frame.
bool IsFrameWhole(base::ByteSpan bytes, const format::FrameHead& head);

// A commit on its way into a frame: images of segments, then the manifest, in memory.
class FrameBuilder {
 public:
  FrameBuilder(const format::Uuid& store, uint64_t journal, uint64_t offset);

  // Where the next image will lie.
  format::Location NextLocation();
  // Appends the image that belongs at NextLocation().
  void AddImage(base::ByteSpan image);
  // Where the manifest lies once Finish was called.
  format::VersionEntry Finish(const format::Manifest& manifest, uint64_t durable_version);

  base::ByteSpan bytes() const { return bytes_; }

 private:
  format::Uuid store_;
  uint64_t journal_;
  uint64_t offset_;  // Of the frame, in its half.
  base::Bytes bytes_;
};

// The end of a journal, where frames are appended. Thread-compatible.
class JournalWriter {
 public:
  // Writes a new file of two halves of `half_size` bytes and syncs it, its name not yet.
  static base::Result<std::unique_ptr<JournalWriter>> Create(os::FileSystem& files,
                                                             const std::string& path,
                                                             uint64_t number, uint64_t half_size);
  // Goes on behind `content`. Writes the newest frame again, and every frame that is whole in one
  // half only, in both halves, and syncs: from here on they are on the disk for sure.
  static base::Result<std::unique_ptr<JournalWriter>> Open(os::FileSystem& files,
                                                           const std::string& path, uint64_t number,
                                                           const JournalContent& content);

  uint64_t number() const { return number_; }
  uint64_t half_size() const { return half_size_; }
  uint64_t end() const { return end_; }
  bool Fits(uint64_t size) const { return size <= half_size_ - end_; }
  // The file as this process and all others see it, now and after every later frame.
  const std::shared_ptr<os::Mapping>& mapping() const { return mapping_; }

  // Writes the frame into both halves; nothing is durable yet. After a failure call nothing else.
  base::Status Write(base::ByteSpan frame);
  // Makes what was written durable, and moves the end behind it.
  base::Status Sync();

 private:
  JournalWriter(std::unique_ptr<os::File> file, std::shared_ptr<os::Mapping> mapping,
                uint64_t number)
      : file_(std::move(file)), mapping_(std::move(mapping)), number_(number) {}

  std::unique_ptr<os::File> file_;
  std::shared_ptr<os::Mapping> mapping_;
  uint64_t number_;
  uint64_t half_size_ = 0;
  uint64_t end_ = 0;
  uint64_t written_size_ = 0;  // Behind end_, not yet synced.
};

}  // namespace intact::store
