#include "intact/store/segment_writer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <queue>
#include <unordered_map>

#include "intact/codec/codec.h"
#include "intact/format/key_filter.h"
#include "intact/store/code_layout.h"
#include "intact/store/folder.h"
#include "intact/store/section_sink.h"
#include "intact/store/store.h"

namespace intact::store {
namespace {

using base::Result;
using base::Status;

// After this many bytes of a source all its pages are given back: a fault may have mapped up to 2
// MiB around the byte it was for, so giving back just the bytes read would leave the surroundings
// of each file.
constexpr size_t kReleaseSize = size_t{1} << 20;
constexpr size_t kReleasedReads = 32;  // The same for reads here and there.
// Codes of new rows are made twice, once for their section and once for the vectors that complete
// them, when they are more than this.
constexpr uint64_t kKeptCodesMax = uint64_t{4} << 20;
// Of the sections that a segment's codes take, in the order of format.
using CodeSinks = std::vector<SectionSink>;
constexpr size_t kNoPlace = std::numeric_limits<size_t>::max();

// A file that is a vector of bytes.
class MemoryFile final : public os::File {
 public:
  explicit MemoryFile(base::Bytes& bytes) : bytes_(bytes) { bytes_.clear(); }

  Status ReadAt(uint64_t offset, base::MutableByteSpan target) const override {
    INTACT_CHECK(offset <= bytes_.size() && target.size() <= bytes_.size() - offset);
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), target.size(),
                target.begin());
    return base::Ok();
  }
  Status WriteAt(uint64_t offset, base::ByteSpan source) override {
    if (bytes_.size() < offset + source.size()) bytes_.resize(offset + source.size());
    std::copy(source.begin(), source.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
    return base::Ok();
  }
  Status Sync() override { return base::Ok(); }
  Result<uint64_t> Size() const override { return uint64_t{bytes_.size()}; }
  Result<os::FileId> Id() const override { return os::FileId{}; }

 private:
  base::Bytes& bytes_;
};

// Local row of the source for row `i` of the run.
uint32_t LocalRow(const RowRun& run, size_t i) {
  if (!run.is_picked) return run.begin + static_cast<uint32_t>(i);
  return static_cast<uint32_t>(run.picked[i] - run.source->first_row());
}

// The other way round; kNoPlace when the run does not take the row.
size_t PlaceOf(const RowRun& run, uint32_t local_row) {
  if (!run.is_picked) {
    const bool is_taken = local_row >= run.begin && local_row - run.begin < run.count;
    return is_taken ? local_row - run.begin : kNoPlace;
  }
  const RowId row = run.source->first_row() + local_row;
  const auto it = std::lower_bound(run.picked.begin(), run.picked.end(), row);
  if (it == run.picked.end() || *it != row) return kNoPlace;
  return static_cast<size_t>(it - run.picked.begin());
}

// A run's rows in ascending order of (key, row), one after the other.
class OrderedRun {
 public:
  OrderedRun(const RowRun& run, uint32_t base_place) : run_(run), base_place_(base_place) {
    if (run.source == nullptr) {
      new_order_.resize(run.count);
      std::iota(new_order_.begin(), new_order_.end(), 0);
      std::sort(new_order_.begin(), new_order_.end(), [&](uint32_t a, uint32_t b) {
        return run.keys[a] != run.keys[b] ? run.keys[a] < run.keys[b] : a < b;
      });
    }
    Next();
  }

  bool AtEnd() const { return place_ == kNoPlace; }
  const base::Digest& key() const { return *key_; }
  // Local row in the segment being written.
  uint32_t place() const { return base_place_ + static_cast<uint32_t>(place_); }

  void Next() {
    place_ = kNoPlace;
    if (run_.source == nullptr) {
      if (at_ == new_order_.size()) return;
      place_ = new_order_[at_++];
      key_ = &run_.keys[place_];
      return;
    }
    const std::span<const uint32_t> order = run_.source->key_order();
    while (at_ < order.size() && place_ == kNoPlace) {
      const uint32_t local_row = order[at_++];
      if (local_row >= run_.source->row_count())
        continue;  // Counted, and found missing, at the end.
      place_ = PlaceOf(run_, local_row);
      key_ = &run_.source->keys()[local_row];
    }
  }

 private:
  const RowRun& run_;
  uint32_t base_place_;
  std::vector<uint32_t> new_order_;
  size_t at_ = 0;
  size_t place_ = kNoPlace;
  const base::Digest* key_ = nullptr;
};

class SegmentWriter {
 public:
  SegmentWriter(os::File& file, const SegmentPlan& plan) : file_(file), plan_(plan) {
    header_.store = plan.store;
    header_.id = plan.id;
    header_.first_row = plan.first_row;
    header_.dimensions = plan.dimensions;
    header_.file_size = format::kPageSize;
    for (const RowRun& run : plan.runs) header_.row_count += run.count;
    has_key_index_ = header_.row_count >= format::kKeyIndexRowsMin;
  }

  Result<format::SegmentEntry> Write() {
    INTACT_RETURN_IF_ERROR(CheckSources());
    if (header_.row_count > 0) {
      INTACT_RETURN_IF_ERROR(WriteKeys());
      INTACT_RETURN_IF_ERROR(WriteKeyOrder());
      if (has_key_index_) INTACT_RETURN_IF_ERROR(WriteKeyIndex());
    }
    INTACT_RETURN_IF_ERROR(WriteDeletedKeys());
    if (header_.row_count > 0) INTACT_RETURN_IF_ERROR(WriteCodes());
    // Held back until the rest, the one section of unknown size, is written behind the engine's.
    SectionSink row_table = Sink(format::kSectionRowTable);
    if (header_.row_count > 0) {
      Reserve(*format::ColumnSize(format::kSectionRowTable, header_.row_count, plan_.dimensions));
    }
    std::vector<format::SectionEntry> engine_entries;
    for (const SectionInput& section : plan_.sections) {
      SectionSink sink = Sink(section.kind);
      INTACT_RETURN_IF_ERROR(sink.Append(section.bytes));
      INTACT_ASSIGN_OR_RETURN(const format::SectionEntry entry, sink.Finish());
      engine_entries.push_back(entry);
      Reserve(entry.size);
    }
    if (header_.row_count > 0) {
      SectionSink rest = Sink(format::kSectionRest);
      INTACT_RETURN_IF_ERROR(WriteVectors(row_table, rest));
      INTACT_ASSIGN_OR_RETURN(const format::SectionEntry table_entry, row_table.Finish());
      INTACT_ASSIGN_OR_RETURN(const format::SectionEntry rest_entry, rest.Finish());
      header_.sections.push_back(table_entry);
      Reserve(rest_entry.size);
      engine_entries.push_back(rest_entry);
    }
    header_.sections.insert(header_.sections.end(), engine_entries.begin(), engine_entries.end());
    INTACT_RETURN_IF_ERROR(CheckSourcesUnchanged());
    return Finish();
  }

 private:
  SectionSink Sink(uint32_t kind) {
    return SectionSink(file_, plan_.store, plan_.id, kind,
                       base::AlignUp(header_.file_size, format::kSectionAlignment));
  }
  // For one of format::kPageCheckedKinds.
  SectionSink KeySink(uint32_t kind) {
    SectionSink sink = Sink(kind);
    if (has_key_index_) sink.CheckPages();
    return sink;
  }
  // The next section begins behind these bytes.
  void Reserve(uint64_t size) {
    header_.file_size = base::AlignUp(header_.file_size, format::kSectionAlignment) + size;
  }
  Status Close(SectionSink& sink) {
    INTACT_ASSIGN_OR_RETURN(const format::SectionEntry entry, sink.Finish());
    header_.sections.push_back(entry);
    Reserve(entry.size);
    page_checks_.insert(page_checks_.end(), sink.page_checks().begin(), sink.page_checks().end());
    return base::Ok();
  }

  // Damage must not get a new, valid checksum by being copied.
  Status CheckSources() const {
    for (const RowRun& run : plan_.runs) {
      if (run.source == nullptr) continue;
      for (const uint32_t kind : format::kRowKinds) {
        INTACT_RETURN_IF_ERROR(run.source->Check(kind, PageUse::kRelease));
      }
      for (const uint32_t kind : run.source->CodeKinds()) {
        INTACT_RETURN_IF_ERROR(run.source->Check(kind, PageUse::kRelease));
      }
    }
    return base::Ok();
  }

  Status WriteKeys() {
    SectionSink sink = KeySink(format::kSectionKeys);
    for (const RowRun& run : plan_.runs) {
      if (run.source == nullptr) {
        INTACT_RETURN_IF_ERROR(sink.Append(std::as_bytes(run.keys)));
      } else {
        INTACT_RETURN_IF_ERROR(
            CopyRun(run, run.source->Raw(format::kSectionKeys), sizeof(base::Digest), sink));
      }
    }
    return Close(sink);
  }

  // Columns were copied after their checksums were compared.
  Status CheckSourcesUnchanged() const {
    for (const RowRun& run : plan_.runs) {
      if (run.source != nullptr) INTACT_RETURN_IF_ERROR(run.source->CheckUnchanged());
    }
    return base::Ok();
  }

  // Rows of `row_size` bytes, taken over from the source.
  static Status CopyRun(const RowRun& run, base::ByteSpan column, size_t row_size,
                        SectionSink& sink) {
    const size_t step = run.is_picked ? 1 : std::max<size_t>(1, kReleaseSize / row_size);
    size_t released = 0;
    for (size_t i = 0; i < run.count; i += step) {
      const size_t count = std::min<size_t>(step, run.count - i);
      const size_t begin = LocalRow(run, i) * row_size;
      INTACT_RETURN_IF_ERROR(sink.Append(column.subspan(begin, count * row_size)));
      const size_t end = begin + count * row_size;
      if (end - released >= kReleaseSize) {
        run.source->ReleasePages();
        released = end;
      }
    }
    run.source->ReleasePages();
    return base::Ok();
  }

  Status WriteKeyOrder() {
    std::vector<OrderedRun> runs;
    runs.reserve(plan_.runs.size());
    uint32_t base_place = 0;
    for (const RowRun& run : plan_.runs) {
      runs.emplace_back(run, base_place);
      base_place += run.count;
    }
    const auto is_later = [&](size_t a, size_t b) {
      if (runs[a].key() != runs[b].key()) return runs[b].key() < runs[a].key();
      return runs[b].place() < runs[a].place();
    };
    std::priority_queue<size_t, std::vector<size_t>, decltype(is_later)> heads(is_later);
    for (size_t i = 0; i < runs.size(); ++i) {
      if (!runs[i].AtEnd()) heads.push(i);
    }
    SectionSink sink = KeySink(format::kSectionKeyOrder);
    if (has_key_index_) key_hashes_.reserve(header_.row_count);
    base::Digest last_key;
    uint32_t written = 0;
    while (!heads.empty()) {
      const size_t head = heads.top();
      heads.pop();
      INTACT_RETURN_IF_ERROR(sink.AppendValue(runs[head].place()));
      if (has_key_index_ && (written == 0 || runs[head].key() != last_key)) {
        last_key = runs[head].key();
        key_hashes_.push_back(format::KeyFilter::HashOf(last_key));
      }
      runs[head].Next();
      if (!runs[head].AtEnd()) heads.push(head);
      if (++written % (kReleaseSize / 64) == 0) ReleaseSources();
    }
    ReleaseSources();
    if (written != header_.row_count) {
      return base::Corruption("the key order of a segment to be copied misses rows: expected " +
                              std::to_string(header_.row_count) + ", found " +
                              std::to_string(written));
    }
    return Close(sink);
  }

  // The filter, from what the key order was written from, and the checks of the pages of all three.
  Status WriteKeyIndex() {
    // Any seed does; one of the segment's own keeps what is slow for one from being slow for all.
    const uint64_t seed = base::Load<uint64_t>(plan_.store.bytes.data()) + plan_.id;
    if (const auto filter = format::KeyFilter::Build(std::move(key_hashes_), seed)) {
      SectionSink sink = KeySink(format::kSectionKeyFilter);
      INTACT_RETURN_IF_ERROR(sink.Append(*filter));
      INTACT_RETURN_IF_ERROR(Close(sink));
    }
    SectionSink sink = Sink(format::kSectionPageChecks);
    INTACT_RETURN_IF_ERROR(sink.Append(std::as_bytes(std::span(page_checks_))));
    return Close(sink);
  }

  Status WriteDeletedKeys() {
    if (plan_.deleted_keys.empty()) return base::Ok();
    SectionSink sink = Sink(format::kSectionDeletedKeys);
    INTACT_RETURN_IF_ERROR(sink.Append(std::as_bytes(std::span(plan_.deleted_keys))));
    return Close(sink);
  }

  // For what is read here and there, all over the sources.
  void ReleaseSources() const {
    for (const RowRun& run : plan_.runs) {
      if (run.source != nullptr) run.source->ReleasePages();
    }
  }

  // All sections side by side, so that each code is made once.
  Status WriteCodes() {
    uint64_t new_count = 0;
    for (const RowRun& run : plan_.runs) new_count += run.source == nullptr ? run.count : 0;
    const bool is_kept = new_count * format::CodeStride(plan_.dimensions) <= kKeptCodesMax;
    has_whole_codes_ = SuitsWhole();
    CodeSinks sinks;
    sinks.reserve(CodeKinds().size());
    for (const uint32_t kind : CodeKinds()) {
      sinks.push_back(Sink(kind));
      Reserve(*format::ColumnSize(kind, header_.row_count, plan_.dimensions));
    }
    for (const RowRun& run : plan_.runs) {
      if (run.source == nullptr) {
        INTACT_RETURN_IF_ERROR(MakeCodes(run, is_kept, sinks));
      } else if (run.source->codes().is_whole() == has_whole_codes_) {
        INTACT_RETURN_IF_ERROR(CopyCodes(run, sinks));
      } else {
        INTACT_RETURN_IF_ERROR(ConvertCodes(run, sinks));
      }
    }
    for (SectionSink& sink : sinks) {
      INTACT_ASSIGN_OR_RETURN(const format::SectionEntry entry, sink.Finish());
      header_.sections.push_back(entry);
    }
    return base::Ok();
  }

  std::span<const uint32_t> CodeKinds() const {
    if (has_whole_codes_) return format::kWholeCodeKinds;
    return format::kCodeHalfKinds;
  }

  bool SuitsWhole() const {
    std::vector<uint64_t> ends;
    uint64_t end = 0;
    for (const RowRun& run : plan_.runs) ends.push_back(end += run.count);
    RowCoder coder(plan_.dimensions);
    size_t read_count = 0;
    const auto read_code = [&](uint64_t row, std::span<int8_t> target) {
      const auto number =
          static_cast<size_t>(std::upper_bound(ends.begin(), ends.end(), row) - ends.begin());
      const RowRun& run = plan_.runs[number];
      const size_t i = static_cast<size_t>(row - (ends[number] - run.count));
      std::span<const int8_t> code = coder.code();
      if (run.source == nullptr) {
        coder.Encode(run.vectors.subspan(i * plan_.dimensions, plan_.dimensions));
      } else {
        code = run.source->codes().Read(LocalRow(run, i), target);
      }
      if (code.data() != target.data()) std::copy(code.begin(), code.end(), target.begin());
      // The kernel maps some pages around each that is read.
      if (++read_count % kReleasedReads == 0) ReleaseSources();
    };
    return SuitsWholeCodes(header_.row_count, format::CodeStride(plan_.dimensions), read_code);
  }

  Status MakeCodes(const RowRun& run, bool is_kept, CodeSinks& sinks) {
    RowCoder coder(plan_.dimensions);
    for (size_t i = 0; i < run.count; ++i) {
      coder.Encode(run.vectors.subspan(i * plan_.dimensions, plan_.dimensions));
      new_scales_.push_back(coder.scale().scale);
      INTACT_RETURN_IF_ERROR(AppendCode(coder, sinks));
      if (is_kept) new_codes_.insert(new_codes_.end(), coder.code().begin(), coder.code().end());
    }
    return base::Ok();
  }

  // Of a segment in the other layout. The codes stay what they are, the rest completes them; their
  // bounds are made again from the vectors, which alone tell what each layout needs.
  Status ConvertCodes(const RowRun& run, CodeSinks& sinks) const {
    const CodeColumns& codes = run.source->codes();
    std::vector<float> vector(plan_.dimensions);
    std::vector<int8_t> scratch(codes.stride);
    RowCoder coder(plan_.dimensions);
    size_t read = 0;
    for (size_t i = 0; i < run.count; ++i) {
      const uint32_t local_row = LocalRow(run, i);
      INTACT_RETURN_IF_ERROR(run.source->ReadVector(local_row, vector));
      const std::span<const int8_t> code = codes.Read(local_row, scratch);
      if (codes.is_whole()) {
        coder.Take(vector, code, codes.scales[local_row]);
      } else {
        coder.Encode(vector);
        const bool is_same = std::equal(code.begin(), code.end(), coder.code().begin());
        // By a writer that chose otherwise: its bounds hold, if rounded up further.
        if (!is_same) coder.Take(vector, code, codes.ScaleOf(local_row));
      }
      INTACT_RETURN_IF_ERROR(AppendCode(coder, sinks));
      read += codes.stride + vector.size() * sizeof(float);
      if (read < kReleaseSize) continue;
      run.source->ReleasePages();
      read = 0;
    }
    run.source->ReleasePages();
    return base::Ok();
  }

  Status CopyCodes(const RowRun& run, CodeSinks& sinks) const {
    for (size_t i = 0; i < sinks.size(); ++i) {
      const uint32_t kind = CodeKinds()[i];
      const size_t row_size = *format::ColumnSize(kind, 1, plan_.dimensions);
      INTACT_RETURN_IF_ERROR(CopyRun(run, run.source->Raw(kind), row_size, sinks[i]));
    }
    return base::Ok();
  }

  Status AppendCode(const RowCoder& coder, CodeSinks& sinks) const {
    if (has_whole_codes_) {
      INTACT_RETURN_IF_ERROR(sinks[0].Append(std::as_bytes(coder.code())));
      return sinks[1].AppendValue(coder.scale());
    }
    INTACT_RETURN_IF_ERROR(sinks[0].Append(std::as_bytes(coder.high())));
    INTACT_RETURN_IF_ERROR(sinks[1].Append(std::as_bytes(coder.low())));
    return sinks[2].AppendValue(coder.bound());
  }

  Status WriteVectors(SectionSink& row_table, SectionSink& rest) {
    RowId row = plan_.first_row;
    const codec::VectorTables tables(plan_.dimensions);
    codec::VectorEncoder encoder(tables);
    for (const RowRun& run : plan_.runs) {
      INTACT_RETURN_IF_ERROR(run.source == nullptr
                                 ? EncodeVectors(run, row, encoder, row_table, rest)
                                 : CopyVectors(run, row, encoder, row_table, rest));
      row += run.count;
    }
    return base::Ok();
  }

  Status EncodeVectors(const RowRun& run, RowId row, codec::VectorEncoder& encoder,
                       SectionSink& row_table, SectionSink& rest) {
    const size_t d = plan_.dimensions;
    const size_t stride = format::CodeStride(plan_.dimensions);
    base::Bytes encoded;
    RowCoder coder(plan_.dimensions);
    std::unordered_map<uint32_t, uint32_t> first_of_crc;  // Of the run's rows.
    for (uint32_t i = 0; i < run.count; ++i, ++row) {
      const auto vector = run.vectors.subspan(i * d, d);
      const auto bytes = std::as_bytes(vector);
      const auto [first, is_new] = first_of_crc.try_emplace(base::Crc32c(bytes), i);
      const auto other = std::as_bytes(run.vectors.subspan(first->second * d, d));
      if (!is_new && std::equal(bytes.begin(), bytes.end(), other.begin())) {
        encoded = format::EncodeRepeat(i - first->second);
      } else {
        encoded.clear();
        std::span<const int8_t> code = coder.code();
        if (new_codes_.empty()) {
          coder.Encode(vector);
        } else {
          code = std::span(new_codes_).subspan((encoded_count_ + i) * stride, stride);
        }
        encoder.EncodeCompletion(vector, code.first(d), new_scales_[encoded_count_ + i], encoded);
      }
      INTACT_RETURN_IF_ERROR(
          AppendRow(row_table, rest, encoded, format::RowCrc(plan_.store, row, vector)));
    }
    encoded_count_ += run.count;
    return base::Ok();
  }

  // Encoded bytes are taken over as they are, but for repeats of what is left behind. A checksum is
  // bound to its row id: it is taken over with the id, and made again, after comparing the old one,
  // for a row that gets another.
  Status CopyVectors(const RowRun& run, RowId row, codec::VectorEncoder& encoder,
                     SectionSink& row_table, SectionSink& rest) const {
    std::vector<float> vector(plan_.dimensions);
    std::vector<int8_t> scratch(format::CodeStride(plan_.dimensions));
    base::Bytes again;
    // The row in the run that took the place of the one that repeats say and that is left behind.
    std::unordered_map<uint32_t, size_t> stand_ins;
    const base::ByteSpan column = run.source->Raw(format::kSectionRest);
    size_t released = 0;
    for (size_t i = 0; i < run.count; ++i, ++row) {
      const uint32_t local_row = LocalRow(run, i);
      INTACT_ASSIGN_OR_RETURN(base::ByteSpan encoded, run.source->EncodedVector(local_row));
      const auto end = static_cast<size_t>(encoded.data() - column.data()) + encoded.size();
      uint32_t crc = run.source->vector_crc(local_row);
      bool is_torn = false;
      if (const auto back = format::DecodeRepeat(encoded); back && *back <= local_row) {
        const uint32_t said = local_row - *back;
        const size_t place = PlaceOf(run, said);
        const auto stand_in = stand_ins.try_emplace(said, place == kNoPlace ? i : place).first;
        is_torn = stand_in->second == i;
        if (!is_torn) {
          again = format::EncodeRepeat(static_cast<uint32_t>(i - stand_in->second));
          encoded = again;
        }
      }
      const bool is_renumbered = run.source->first_row() + local_row != row;
      if (is_torn || is_renumbered) {
        INTACT_RETURN_IF_ERROR(run.source->ReadVector(local_row, vector));
      }
      if (is_renumbered) crc = format::RowCrc(plan_.store, row, vector);
      if (is_torn) {
        const CodeColumns& codes = run.source->codes();
        const auto code = codes.Read(local_row, scratch).first(plan_.dimensions);
        again.clear();
        encoder.EncodeCompletion(vector, code, codes.scale(local_row), again);
        encoded = again;
      }
      INTACT_RETURN_IF_ERROR(AppendRow(row_table, rest, encoded, crc));
      // A forged row table may point back; then nothing is released, which is only a hint missed.
      if (end > released && end - released >= kReleaseSize) {
        run.source->ReleasePages();
        released = end;
      }
    }
    run.source->ReleasePages();
    return base::Ok();
  }

  static Status AppendRow(SectionSink& row_table, SectionSink& rest, base::ByteSpan encoded,
                          uint32_t crc) {
    // A forged source can claim one long vector for many rows.
    if (rest.size() + encoded.size() > std::numeric_limits<uint32_t>::max()) {
      return base::Corruption("the encoded vectors of a segment to be copied are too long");
    }
    const format::RowEntry entry{static_cast<uint32_t>(rest.size()), crc};
    INTACT_RETURN_IF_ERROR(row_table.AppendValue(entry));
    return rest.Append(encoded);
  }

  Result<format::SegmentEntry> Finish() {
    const auto page = format::EncodeSegmentHeader(header_);
    INTACT_RETURN_IF_ERROR(file_.WriteAt(0, page));
    // An empty last section after padding ends the file beyond its last written byte.
    INTACT_ASSIGN_OR_RETURN(const uint64_t size, file_.Size());
    if (size < header_.file_size) {
      const std::byte zero{0};
      INTACT_RETURN_IF_ERROR(file_.WriteAt(header_.file_size - 1, base::ByteSpan(&zero, 1)));
    }
    INTACT_RETURN_IF_ERROR(file_.Sync());
    format::SegmentEntry entry;
    entry.id = header_.id;
    entry.file_size = header_.file_size;
    entry.first_row = header_.first_row;
    entry.row_count = header_.row_count;
    entry.header_digest = base::DigestOf(page);
    return entry;
  }

  os::File& file_;
  const SegmentPlan& plan_;
  format::SegmentHeader header_;
  // Of the new rows of all runs: scales, and codes unless they are too many to keep.
  std::vector<float> new_scales_;
  std::vector<int8_t> new_codes_;
  size_t encoded_count_ = 0;  // New rows whose vectors are written.
  bool has_key_index_ = false;
  bool has_whole_codes_ = false;
  std::vector<uint64_t> key_hashes_;   // Of the distinct keys, until the filter is built.
  std::vector<uint32_t> page_checks_;  // Of the sections in format::kPageCheckedKinds.
};

}  // namespace

RowRun RowRun::TakeFront(uint32_t head_count, uint32_t dimensions) {
  INTACT_CHECK(head_count <= count);
  RowRun head = *this;
  head.count = head_count;
  count -= head_count;
  begin += head_count;
  if (is_picked) {
    head.picked = picked.first(head_count);
    picked = picked.subspan(head_count);
  }
  if (source == nullptr) {
    head.keys = keys.first(head_count);
    keys = keys.subspan(head_count);
    head.vectors = vectors.first(size_t{head_count} * dimensions);
    vectors = vectors.subspan(size_t{head_count} * dimensions);
  }
  return head;
}

uint64_t RowSizeMax(uint32_t dimensions) {
  return sizeof(base::Digest) + sizeof(uint32_t) + format::CodeStride(dimensions) +
         sizeof(quant::CodeBound) + sizeof(format::RowEntry) + codec::EncodedSizeMax(dimensions);
}

Result<format::SegmentEntry> WriteSegment(os::FileSystem& files, const std::string& path,
                                          const SegmentPlan& plan) {
  INTACT_RETURN_IF_ERROR(RemoveIfThere(files, path));
  INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<os::File> file, files.OpenForWrite(path));
  return SegmentWriter(*file, plan).Write();
}

Result<format::SegmentEntry> WriteSegmentImage(const SegmentPlan& plan, base::Bytes& image) {
  MemoryFile file(image);
  return SegmentWriter(file, plan).Write();
}

Status CopySegment(os::FileSystem& files, const Segment& segment, const std::string& path) {
  INTACT_RETURN_IF_ERROR(segment.CheckAll(PageUse::kRelease));
  INTACT_RETURN_IF_ERROR(RemoveIfThere(files, path));
  INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<os::File> file, files.OpenForWrite(path));
  for (uint64_t at = 0; at < segment.file_size(); at += kReleaseSize) {
    const uint64_t size = std::min(kReleaseSize, segment.file_size() - at);
    INTACT_RETURN_IF_ERROR(file->WriteAt(at, segment.FileBytes(at, size)));
    segment.ReleasePages();
  }
  INTACT_RETURN_IF_ERROR(segment.CheckUnchanged());
  return file->Sync();
}

}  // namespace intact::store
