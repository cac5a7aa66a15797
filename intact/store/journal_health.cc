#include "intact/store/journal_health.h"

#include <algorithm>
#include <optional>

namespace intact::store {
namespace {

// Of pages that differ between the halves of a damaged frame: 2^8 joins are tried.
constexpr size_t kJoinedPagesMax = 8;

// A frame that is damaged in both halves, in different pages, put together from the pages that are
// whole in one of them. Checksum and digest of the manifest decide.
std::optional<base::Bytes> JoinHalves(base::ByteSpan first, base::ByteSpan second,
                                      const format::FrameHead& head) {
  std::vector<size_t> differing;
  for (size_t at = 0; at < head.size; at += format::kPageSize) {
    const auto a = first.subspan(at, format::kPageSize);
    const auto b = second.subspan(at, format::kPageSize);
    if (!std::equal(a.begin(), a.end(), b.begin())) differing.push_back(at);
  }
  if (differing.size() > kJoinedPagesMax) return std::nullopt;
  const format::FrameHeadBytes head_bytes = format::EncodeFrameHead(head);
  for (uint32_t mask = 0; mask < (1u << differing.size()); ++mask) {
    base::Bytes joined(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(head.size));
    for (size_t i = 0; i < differing.size(); ++i) {
      if ((mask >> i & 1) == 0) continue;
      const auto page = second.subspan(differing[i], format::kPageSize);
      std::copy(page.begin(), page.end(),
                joined.begin() + static_cast<std::ptrdiff_t>(differing[i]));
    }
    std::copy(head_bytes.begin(), head_bytes.end(), joined.begin());
    const auto manifest = base::ByteSpan(joined).subspan(head.manifest_offset, head.manifest_size);
    if (IsFrameWhole(joined, head) && base::DigestOf(manifest) == head.manifest_digest) {
      return joined;
    }
  }
  return std::nullopt;
}

class Examiner {
 public:
  Examiner(base::ByteSpan bytes, const format::Uuid& store, const FoundJournal& journal,
           uint64_t half_size, const std::string& path)
      : bytes_(bytes), store_(store), journal_(journal), half_size_(half_size), path_(path) {}

  JournalHealth Run() {
    if (!HasTwoHalves()) {
      health_.is_shape_sound = false;
      Add(0,
          path_ + ": " + std::to_string(bytes_.size()) + " bytes are not two halves of a journal",
          "The journal's file was cut or extended. What is still whole in it can be moved to files "
          "of its own.",
          Remedy::kRepair);
      return std::move(health_);
    }
    uint64_t end = 0;
    for (const FoundFrame& frame : journal_.frames) {
      if (frame.head.size > half_size_ - frame.head.offset) continue;
      if (LookAtFrame(frame)) end = std::max(end, frame.head.offset + frame.head.size);
    }
    LookBehind(end);
    return std::move(health_);
  }

 private:
  void Add(uint64_t offset, std::string what, std::string meaning, Remedy remedy) {
    health_.findings.push_back({path_, offset, std::move(what), std::move(meaning), remedy, {}, 0});
  }
  void Mend(uint64_t offset, base::Bytes bytes) {
    health_.mendings.push_back({journal_.number, offset, std::move(bytes)});
  }

  // A wrong guess would make a repair overwrite frames, so each copy must lie where it should.
  bool HasTwoHalves() {
    const bool is_known = half_size_ != 0;
    if (!is_known) half_size_ = bytes_.size() / 2;
    if (bytes_.empty() || bytes_.size() != 2 * half_size_ || half_size_ % format::kPageSize != 0) {
      return false;
    }
    bool has_second = false;
    for (const FoundFrame& frame : journal_.frames) {
      for (const auto* places : {&frame.whole_at, &frame.damaged_at}) {
        for (const uint64_t at : *places) {
          const bool is_second = at == half_size_ + frame.head.offset;
          if (!is_second && at != frame.head.offset) return false;
          has_second |= is_second;
        }
      }
    }
    return is_known || has_second || journal_.frames.empty();
  }

  // True when the frame is, or can be made, whole.
  bool LookAtFrame(const FoundFrame& frame) {
    const format::FrameHead& head = frame.head;
    const std::string number = std::to_string(head.version);
    if (frame.whole_at.size() == 2) return true;
    if (frame.whole_at.size() == 1) {
      const uint64_t whole = frame.whole_at[0];
      const uint64_t other = whole == head.offset ? half_size_ + head.offset : head.offset;
      Add(other,
          path_ + " at offset " + std::to_string(other) + ": the frame of version " + number +
              " is damaged; its other copy is whole",
          "One of the journal's two copies of the commit of version " + number +
              " is damaged. Nothing is lost: the other holds the same.",
          Remedy::kRepair);
      const base::ByteSpan bytes = bytes_.subspan(whole, head.size);
      Mend(other, base::Bytes(bytes.begin(), bytes.end()));
      return true;
    }
    const auto joined = JoinHalves(bytes_.subspan(head.offset, head.size),
                                   bytes_.subspan(half_size_ + head.offset, head.size), head);
    if (!joined) return false;  // What needs it is reported, or nobody does.
    Add(head.offset,
        path_ + " at offset " + std::to_string(head.offset) + ": the frame of version " + number +
            " is damaged in both copies, in different pages",
        "Both of the journal's copies of the commit of version " + number +
            " are damaged, but not in the same places: put together they are whole.",
        Remedy::kRepair);
    Mend(head.offset, *joined);
    Mend(half_size_ + head.offset, *joined);
    return true;
  }

  void LookBehind(uint64_t end) {
    for (const uint64_t half : {uint64_t{0}, half_size_}) {
      const base::ByteSpan tail = bytes_.subspan(half + end, half_size_ - end);
      const auto at =
          std::find_if(tail.begin(), tail.end(), [](std::byte b) { return b != std::byte{0}; });
      if (at == tail.end()) continue;
      // Another journal took this one's name: no rest of a commit, and maybe the only copy.
      if (IsFrameOfOthers(tail, store_, journal_.number, end)) continue;
      const auto offset = static_cast<uint64_t>(&*at - bytes_.data());
      // Up to the last byte that is not zero: journals are mostly zeros.
      const auto last =
          std::find_if(tail.rbegin(), tail.rend(), [](std::byte b) { return b != std::byte{0}; });
      const auto size = static_cast<size_t>(&*last - bytes_.data()) + 1 - offset;
      Add(offset,
          path_ + " at offset " + std::to_string(offset) + ": not zero behind the last frame",
          "Left by a commit that was cut short, or damage where nothing is written yet. It does no "
          "harm; the next commit overwrites it.",
          Remedy::kNone);
      Mend(offset, base::Bytes(size));
    }
  }

  base::ByteSpan bytes_;
  const format::Uuid& store_;
  const FoundJournal& journal_;
  uint64_t half_size_;
  const std::string& path_;
  JournalHealth health_;
};

}  // namespace

JournalHealth ExamineJournal(base::ByteSpan bytes, const format::Uuid& store,
                             const FoundJournal& journal, uint64_t half_size,
                             const std::string& path) {
  return Examiner(bytes, store, journal, half_size, path).Run();
}

}  // namespace intact::store
