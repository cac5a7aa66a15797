#include "intact/store/segment_health.h"

#include <algorithm>

#include "intact/store/segment_writer.h"

namespace intact::store {
namespace {

using base::Status;

constexpr uint64_t kReleaseSize = uint64_t{1} << 20;

class Examiner {
 public:
  Examiner(const Segment& segment, const HealthProgress& progress)
      : segment_(segment), progress_(progress) {}

  base::Result<SegmentHealth> Run() {
    for (const format::SectionEntry& entry : segment_.header().sections) {
      if (Status checked = segment_.Check(entry.kind, PageUse::kRelease); !checked.ok()) {
        health_.damaged_kinds.push_back(entry.kind);
        Note(entry.offset, checked.message());
      }
      INTACT_RETURN_IF_ERROR(Advance(entry.size));
    }
    CheckPadding();
    CheckLookUp();
    INTACT_RETURN_IF_ERROR(CheckRows());
    segment_.ReleasePages();
    return std::move(health_);
  }

 private:
  void Note(uint64_t offset, const std::string& what) {
    if (!health_.first_problem.empty()) return;
    health_.first_problem = what;
    health_.first_offset = segment_.file_offset() + offset;
  }
  Status Advance(uint64_t bytes) const {
    return progress_ && !progress_(bytes) ? base::Cancelled("the check was stopped") : base::Ok();
  }

  void CheckPadding() {
    uint64_t end = format::kPageSize;
    for (const format::SectionEntry& entry : segment_.header().sections) {
      const base::ByteSpan gap = segment_.FileBytes(end, entry.offset - end);
      if (!base::IsZero(gap)) {
        health_.is_padding_zero = false;
        Note(end, segment_.PlaceOf(end) + ": padding is not zero");
      }
      end = entry.offset + entry.size;
    }
  }

  void CheckLookUp() {
    const auto keys = segment_.keys();
    const auto order = segment_.key_order();
    for (size_t i = 0; i < order.size() && health_.is_look_up_sound; ++i) {
      const bool is_inside = order[i] < keys.size();
      const bool ascends =
          is_inside && (i == 0 || keys[order[i - 1]] < keys[order[i]] ||
                        (keys[order[i - 1]] == keys[order[i]] && order[i - 1] < order[i]));
      if (ascends) continue;
      health_.is_look_up_sound = false;
      Note(segment_.header().Find(format::kSectionKeyOrder)->offset + i * sizeof(uint32_t),
           segment_.path() + ": key order is not ascending at place " + std::to_string(i));
    }
    if (health_.HasDamaged(format::kSectionPageChecks)) return;
    segment_.key_index().Verify([&](uint32_t kind, const Status& problem) {
      if (kind == format::kSectionDeletedKeys && !health_.HasDamaged(kind)) {
        health_.damaged_kinds.push_back(kind);
      }
      health_.is_look_up_sound = false;
      Note(segment_.header().Find(kind)->offset, problem.message());
    });
  }

  Status CheckRows() {
    std::vector<float> vector(segment_.dimensions());
    RowCoder coder(segment_.dimensions());
    uint64_t pending = 0;
    for (uint32_t i = 0; i < segment_.row_count(); ++i) {
      if (Status read = segment_.ReadVector(i, vector); !read.ok()) {
        health_.unreadable_rows.push_back(i);
        Note(segment_.header().Find(format::kSectionRest)->offset, read.message());
      } else {
        coder.Encode(vector);
        if (!coder.IsIn(segment_.codes(), i)) {
          health_.are_codes_sound = false;
          Note(segment_.CodeOffset(i), segment_.path() + ": the code of row " +
                                           std::to_string(segment_.first_row() + i) +
                                           " is not that of its vector");
        }
      }
      pending += vector.size() * sizeof(float);
      if (pending < kReleaseSize) continue;
      segment_.ReleasePages();
      INTACT_RETURN_IF_ERROR(Advance(pending));
      pending = 0;
    }
    return base::Ok();
  }

  const Segment& segment_;
  const HealthProgress& progress_;
  SegmentHealth health_;
};

}  // namespace

bool SegmentHealth::HasDamaged(uint32_t kind) const {
  return std::find(damaged_kinds.begin(), damaged_kinds.end(), kind) != damaged_kinds.end();
}

bool SegmentHealth::IsWhole() const {
  return damaged_kinds.empty() && is_look_up_sound && are_codes_sound && is_padding_zero &&
         unreadable_rows.empty();
}

bool SegmentHealth::IsRebuildable() const {
  const auto is_lost = [](uint32_t kind) {
    return kind == format::kSectionKeys || kind == format::kSectionDeletedKeys ||
           kind >= format::kEngineSectionFirst;
  };
  return !IsWhole() && unreadable_rows.empty() &&
         std::none_of(damaged_kinds.begin(), damaged_kinds.end(), is_lost);
}

base::Result<SegmentHealth> ExamineSegment(const Segment& segment, const HealthProgress& progress) {
  return Examiner(segment, progress).Run();
}

std::string DamagedParts(const SegmentHealth& health) {
  std::vector<std::string> parts;
  for (const uint32_t kind : health.damaged_kinds) {
    std::string name(format::SectionKindName(kind));
    if (kind >= format::kEngineSectionFirst) name += " " + std::to_string(kind);
    parts.push_back(std::move(name));
  }
  if (parts.empty() && !health.unreadable_rows.empty()) parts.emplace_back("rows");
  if (parts.empty() && !health.is_look_up_sound) parts.emplace_back("key order or key filter");
  if (parts.empty() && !health.are_codes_sound) parts.emplace_back("codes");
  if (parts.empty() && !health.is_padding_zero) parts.emplace_back("padding");
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

}  // namespace intact::store
