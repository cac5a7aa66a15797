#include "intact/store/journal.h"

#include <algorithm>

#include "intact/store/folder.h"

namespace intact::store {
namespace {

using base::Result;
using base::Status;

constexpr uint64_t kZeroBlockSize = uint64_t{1} << 20;

// The frame that begins at `offset` of `half`, whole; kNotFound when there is none.
Result<format::FrameHead> ReadFrame(base::ByteSpan half, const format::Uuid& store,
                                    uint64_t journal, uint64_t offset, const std::string& what) {
  INTACT_ASSIGN_OR_RETURN(
      const format::FrameHead head,
      format::DecodeFrameHead(half.subspan(offset), store, journal, offset, half.size(), what));
  if (!IsFrameWhole(half.subspan(offset), head)) {
    return base::NotFound(what + " at offset " + std::to_string(offset) +
                          ": the frame's checksum differs");
  }
  return head;
}

// kNotFound when the frame is whole in neither half.
Result<JournalFrame> ReadEither(base::ByteSpan bytes, const format::Uuid& store, uint64_t journal,
                                uint64_t offset, const std::string& what, JournalHalves halves) {
  const uint64_t half_size = bytes.size() / 2;
  std::optional<JournalFrame> frame;
  for (uint32_t half = 0; half < 2; ++half) {
    if (frame && halves == JournalHalves::kOne) break;
    Result<format::FrameHead> head =
        ReadFrame(bytes.subspan(half * half_size, half_size), store, journal, offset, what);
    if (!head.ok()) {
      if (head.code() != base::Code::kNotFound) return head.status();
      if (frame) frame->is_mirrored = false;
    } else if (!frame) {
      frame = JournalFrame{*head, half, half == 0};
    } else if (*head != frame->head) {
      return base::Corruption(what + " at offset " + std::to_string(offset) +
                              ": the halves hold two different frames");
    }
  }
  if (frame) return *frame;
  return base::NotFound(what + " at offset " + std::to_string(offset) + ": no frame");
}

}  // namespace

bool IsFrameWhole(base::ByteSpan bytes, const format::FrameHead& head) {
  if (head.size > bytes.size()) return false;
  const base::ByteSpan payload =
      bytes.subspan(format::kFrameHeadSize, head.size - format::kFrameHeadSize);
  return base::Crc32c(payload, format::FrameCrcSeed(head.store, head.journal, head.offset)) ==
         head.payload_crc;
}

Result<JournalContent> ReadJournal(base::ByteSpan bytes, const format::Uuid& store,
                                   uint64_t journal, const std::string& what,
                                   JournalHalves halves) {
  const uint64_t half_size = bytes.size() / 2;
  if (bytes.empty() || half_size % format::kPageSize != 0 || bytes.size() % 2 != 0 ||
      half_size > format::kJournalSizeMax) {
    return base::Corruption(what + ": a journal cannot have " + std::to_string(bytes.size()) +
                            " bytes");
  }
  JournalContent content;
  for (;;) {
    if (content.end == half_size) return content;
    Result<JournalFrame> frame = ReadEither(bytes, store, journal, content.end, what, halves);
    if (!frame.ok()) {
      if (frame.code() != base::Code::kNotFound) return frame.status();
      break;
    }
    const uint64_t newest = content.frames.empty() ? 0 : content.frames.back().head.version;
    if (frame->head.version <= newest) {
      return base::Corruption(what + " at offset " + std::to_string(content.end) +
                              ": found version " + std::to_string(frame->head.version) +
                              " behind version " + std::to_string(newest));
    }
    content.frames.push_back(*frame);
    content.end += frame->head.size;
  }
  // A frame is written only after the one before was synced: one that is whole behind one that is
  // not means that what was on the disk is damaged, in both halves.
  // Hostile heads may all claim the rest of the half: what is read for them has a bound.
  uint64_t budget = 2 * bytes.size();
  for (uint64_t at = content.end + format::kPageSize; at < half_size; at += format::kPageSize) {
    const Result<format::FrameHead> head = format::DecodeFrameHead(
        bytes.subspan(at, half_size - at), store, journal, at, half_size, what);
    const bool is_mirrored =
        format::DecodeFrameHead(bytes.subspan(half_size + at), store, journal, at, half_size, what)
            .ok();
    if (!head.ok() && !is_mirrored) continue;
    budget -= std::min(budget, 2 * (head.ok() ? head->size : half_size - at));
    if (budget == 0) {
      return base::Corruption(what + " at offset " + std::to_string(content.end) +
                              ": frames are damaged in both halves, and others claim their place");
    }
    const Result<JournalFrame> later =
        ReadEither(bytes, store, journal, at, what, JournalHalves::kOne);
    if (later.code() == base::Code::kNotFound) continue;
    // Unless a writer wrote both since the first was looked for.
    if (ReadEither(bytes, store, journal, content.end, what, halves).ok()) {
      return ReadJournal(bytes, store, journal, what, halves);
    }
    return base::Corruption(what + " at offset " + std::to_string(content.end) +
                            ": frames are damaged in both halves, before one at offset " +
                            std::to_string(at));
  }
  return content;
}

FrameBuilder::FrameBuilder(const format::Uuid& store, uint64_t journal, uint64_t offset)
    : store_(store), journal_(journal), offset_(offset), bytes_(format::kFrameHeadSize) {}

format::Location FrameBuilder::NextLocation() {
  bytes_.resize(base::AlignUp(bytes_.size(), format::kFrameAlignment));
  return {journal_, offset_ + bytes_.size()};
}

void FrameBuilder::AddImage(base::ByteSpan image) {
  bytes_.resize(base::AlignUp(bytes_.size(), format::kFrameAlignment));
  bytes_.insert(bytes_.end(), image.begin(), image.end());
}

format::VersionEntry FrameBuilder::Finish(const format::Manifest& manifest,
                                          uint64_t durable_version) {
  const format::Location location = NextLocation();
  const base::Bytes encoded = format::EncodeManifest(manifest);
  bytes_.insert(bytes_.end(), encoded.begin(), encoded.end());
  bytes_.resize(base::AlignUp(bytes_.size(), format::kPageSize));

  format::FrameHead head;
  head.store = store_;
  head.journal = journal_;
  head.offset = offset_;
  head.version = manifest.version;
  head.durable_version = durable_version;
  head.size = bytes_.size();
  head.manifest_offset = location.offset - offset_;
  head.manifest_size = encoded.size();
  head.manifest_digest = base::DigestOf(encoded);
  head.payload_crc = base::Crc32c(base::ByteSpan(bytes_).subspan(format::kFrameHeadSize),
                                  format::FrameCrcSeed(store_, journal_, offset_));
  const format::FrameHeadBytes head_bytes = format::EncodeFrameHead(head);
  std::copy(head_bytes.begin(), head_bytes.end(), bytes_.begin());
  return {manifest.version, manifest.wall_ns, location, encoded.size(), head.manifest_digest};
}

Result<std::unique_ptr<JournalWriter>> JournalWriter::Create(os::FileSystem& files,
                                                             const std::string& path,
                                                             uint64_t number, uint64_t half_size) {
  INTACT_CHECK(half_size % format::kPageSize == 0 && half_size <= format::kJournalSizeMax);
  INTACT_RETURN_IF_ERROR(RemoveIfThere(files, path));
  INTACT_ASSIGN_OR_RETURN(std::unique_ptr<os::File> file, files.OpenForWrite(path));
  // Zeros, not a hole: a sync of blocks that are already written changes no metadata.
  const base::Bytes zeros(std::min(kZeroBlockSize, 2 * half_size));
  for (uint64_t at = 0; at < 2 * half_size; at += zeros.size()) {
    const uint64_t size = std::min<uint64_t>(zeros.size(), 2 * half_size - at);
    INTACT_RETURN_IF_ERROR(file->WriteAt(at, base::ByteSpan(zeros).first(size)));
  }
  INTACT_RETURN_IF_ERROR(file->Sync());
  INTACT_ASSIGN_OR_RETURN(std::shared_ptr<os::Mapping> mapping, files.Map(path));
  std::unique_ptr<JournalWriter> writer(
      new JournalWriter(std::move(file), std::move(mapping), number));
  writer->half_size_ = half_size;
  return writer;
}

Result<std::unique_ptr<JournalWriter>> JournalWriter::Open(os::FileSystem& files,
                                                           const std::string& path, uint64_t number,
                                                           const JournalContent& content) {
  INTACT_ASSIGN_OR_RETURN(std::unique_ptr<os::File> file, files.OpenForWrite(path));
  INTACT_ASSIGN_OR_RETURN(std::shared_ptr<os::Mapping> mapping, files.Map(path));
  std::unique_ptr<JournalWriter> writer(
      new JournalWriter(std::move(file), std::move(mapping), number));
  writer->half_size_ = writer->mapping_->bytes().size() / 2;
  writer->end_ = content.end;
  for (size_t i = 0; i < content.frames.size(); ++i) {
    const JournalFrame& frame = content.frames[i];
    if (frame.is_mirrored && i + 1 < content.frames.size()) continue;
    base::Bytes bytes(frame.head.size);
    INTACT_RETURN_IF_ERROR(
        writer->file_->ReadAt(frame.half * writer->half_size_ + frame.head.offset, bytes));
    for (uint32_t half = 0; half < 2; ++half) {
      INTACT_RETURN_IF_ERROR(
          writer->file_->WriteAt(half * writer->half_size_ + frame.head.offset, bytes));
    }
  }
  if (!content.frames.empty()) INTACT_RETURN_IF_ERROR(writer->file_->Sync());
  return writer;
}

Status JournalWriter::Write(base::ByteSpan frame) {
  INTACT_CHECK(Fits(frame.size()) && written_size_ == 0);
  written_size_ = frame.size();
  INTACT_RETURN_IF_ERROR(file_->WriteAt(end_, frame));
  return file_->WriteAt(half_size_ + end_, frame);
}

Status JournalWriter::Sync() {
  INTACT_RETURN_IF_ERROR(file_->Sync());
  end_ += std::exchange(written_size_, 0);
  return base::Ok();
}

}  // namespace intact::store
