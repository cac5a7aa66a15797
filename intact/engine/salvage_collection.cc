// Records of a damaged collection into a new one: by id the newest row, unless it was deleted.
#include <algorithm>
#include <unordered_map>

#include "intact/codec/elements.h"
#include "intact/engine/collection_writer.h"
#include "intact/engine/salvage_rows.h"
#include "intact/os/os.h"

namespace intact::engine {
namespace {

constexpr size_t kBatchRows = 256;

// A record's newest row.
struct Candidate {
  uint64_t place = 0;
  size_t segment = 0;
  uint32_t row = 0;
  bool is_lost = false;
};

class CollectionSalvager {
 public:
  explicit CollectionSalvager(SalvageRun& run) : run_(run), source_(run.source()) {}

  base::Status Run() {
    ReadState();
    records_.resize(source_.segments.size());
    for (size_t s = 0; s < source_.segments.size(); ++s) {
      ApplyDeletes(source_.segments[s]);
      INTACT_RETURN_IF_ERROR(CollectSegment(s));
    }
    INTACT_RETURN_IF_ERROR(CheckVectors());
    SayDoubts();
    return Write();
  }

 private:
  void ReadState() {
    const auto state = CollectionState::Parse(source_.engine_state);
    if (state.ok()) {
      state_ = *state;
      return;
    }
    is_state_known_ = false;
    run_.report().caveats.emplace_back(
        "What the vectors came as is not known any more: the new collection takes them as float32, "
        "which holds every bit.");
  }

  // Keys deleted with a segment hide the rows before it.
  void ApplyDeletes(const store::SalvagedSegment& segment) {
    const auto bytes = segment.Section(format::kSectionDeletedKeys);
    if (!bytes.ok()) {
      if (segment.problem().ok()) has_unknown_deletes_ = true;
      return;
    }
    for (size_t at = 0; at + sizeof(base::Digest) <= bytes->size(); at += sizeof(base::Digest)) {
      if (newest_.erase(base::Load<base::Digest>(bytes->data() + at)) > 0) {
        ++run_.report().rows_left_behind;
      }
    }
  }

  void LoseRows(const store::SalvagedSegment& segment, uint32_t begin, uint32_t count,
                const std::string& reason) {
    for (uint32_t i = 0; i < count; ++i) run_.Lose(segment, begin + i, reason);
  }

  base::Status CollectSegment(size_t s) {
    const store::SalvagedSegment& segment = source_.segments[s];
    if (segment.row_count() == 0) return base::Ok();
    if (!segment.problem().ok()) {
      LoseRows(segment, 0, segment.row_count(), segment.problem().message());
      has_unknown_moves_ = true;
      return base::Ok();
    }
    auto view = RecordsView::Parse(segment.RawSection(kSectionRecords), segment.row_count());
    if (const auto whole = segment.Section(kSectionRecords); whole.ok()) {
      view = RecordsView::Parse(*whole, segment.row_count());
    }
    if (!view.ok()) {
      LoseRows(segment, 0, segment.row_count(),
               "ids and metadata are damaged: " + view.status().message());
      has_unknown_moves_ = true;
      return base::Ok();
    }
    records_[s] = *std::move(view);
    for (size_t b = 0; b < records_[s].blocks().size(); ++b) {
      const RecordsView::BlockEntry& entry = records_[s].blocks()[b];
      const auto block = records_[s].Read(b);
      if (!block.ok()) {
        LoseRows(segment, entry.first_row, entry.row_count,
                 "ids and metadata are damaged: " + block.status().message());
        has_unknown_moves_ |= entry.moved_count > 0;
        continue;
      }
      INTACT_RETURN_IF_ERROR(CollectBlock(s, *block));
    }
    return base::Ok();
  }

  base::Status CollectBlock(size_t s, const RecordBlock& block) {
    const store::SalvagedSegment& segment = source_.segments[s];
    uint32_t row = block.first_row();
    for (const Record& record : block.records()) {
      const uint32_t local = row++;
      INTACT_RETURN_IF_ERROR(run_.Step());
      const std::string id = IdOf(record);
      const base::Digest key = RecordKey(id);
      if (const auto stored = segment.Key(local); stored.ok() && *stored != key) {
        run_.Lose(segment, local, "its id does not fit its key");
        continue;
      }
      if (!is_state_known_) {
        state_.has_ids |= record.has_id;
        state_.has_metadata |= !record.metadata.empty();
      }
      const auto [at, is_new] = newest_.try_emplace(key);
      if (!is_new) ++run_.report().rows_left_behind;
      // Rows come oldest first.
      at->second = {record.place, s, local, false};
    }
    return base::Ok();
  }

  static std::string IdOf(const Record& record) {
    return record.has_id ? std::string(record.id) : std::to_string(record.place);
  }

  // Which vectors can be read decides whether ids must be given to rows that had none.
  base::Status CheckVectors() {
    for (auto& [key, candidate] : newest_) order_.push_back(&candidate);
    std::sort(order_.begin(), order_.end(), [](const Candidate* a, const Candidate* b) {
      return a->segment != b->segment ? a->segment < b->segment : a->row < b->row;
    });
    std::vector<float> vector(source_.spec.dimensions);
    base::Bytes elements(vector.size() * base::ElementSize(state_.element));
    for (Candidate* candidate : order_) {
      INTACT_RETURN_IF_ERROR(run_.Step());
      const store::SalvagedSegment& segment = source_.segments[candidate->segment];
      base::Status read = source_.ReadRow(segment, candidate->row, vector);
      if (read.ok() && codec::NarrowElements(state_.element, vector, elements) != vector.size()) {
        read = base::Corruption("its values are not what the collection says it holds");
      }
      if (read.ok()) continue;
      candidate->is_lost = true;
      INTACT_ASSIGN_OR_RETURN(const Record record, ReadRecord(*candidate));
      run_.Lose(segment, candidate->row, read.message(), IdOf(record));
    }
    std::erase_if(order_, [](const Candidate* candidate) { return candidate->is_lost; });
    std::sort(order_.begin(), order_.end(), [](const Candidate* a, const Candidate* b) {
      if (a->place != b->place) return a->place < b->place;
      return a->segment != b->segment ? a->segment < b->segment : a->row < b->row;
    });
    return base::Ok();
  }

  base::Result<Record> ReadRecord(const Candidate& candidate) {
    const RecordsView& records = records_[candidate.segment];
    const bool is_at_hand = block_segment_ == candidate.segment &&
                            candidate.row >= block_.first_row() &&
                            candidate.row - block_.first_row() < block_.records().size();
    if (!is_at_hand) {
      INTACT_ASSIGN_OR_RETURN(block_, records.Read(records.BlockOf(candidate.row)));
      block_segment_ = candidate.segment;
    }
    return block_.records()[candidate.row - block_.first_row()];
  }

  void SayDoubts() {
    std::vector<std::string>& caveats = run_.report().caveats;
    if (has_unknown_deletes_) {
      caveats.emplace_back("A list of deleted records is damaged: some of them may be back.");
    }
    if (has_unknown_moves_) {
      caveats.emplace_back(
          "Of some lost rows the ids are not known: where such a row had replaced an older one, "
          "the "
          "older one is in the new collection.");
    }
  }

  base::Status Write() {
    CollectionShape shape;
    shape.dimensions = source_.spec.dimensions;
    shape.element = state_.element;
    shape.source = state_.source;
    shape.model = source_.spec.model;
    shape.metric = source_.spec.metric;
    // A row without an id is called by its place, which others must not move to.
    const bool are_places_kept = order_.empty() || order_.back()->place + 1 == order_.size();
    shape.has_ids = state_.has_ids || !are_places_kept;
    if (shape.has_ids && !state_.has_ids) {
      run_.report().caveats.emplace_back(
          "Rows are missing between others that are called by their numbers: in the new collection "
          "the numbers are ids, so that every row keeps its own.");
    }
    INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<CollectionWriter> writer,
                            CollectionWriter::Open(os::RealFileSystem(), run_.target(), shape));
    format::VectorRows batch;
    std::vector<float> vector(shape.dimensions);
    const size_t row_size = vector.size() * base::ElementSize(shape.element);
    for (const Candidate* candidate : order_) {
      INTACT_RETURN_IF_ERROR(run_.Step());
      INTACT_RETURN_IF_ERROR(
          source_.ReadRow(source_.segments[candidate->segment], candidate->row, vector));
      const size_t begin = batch.elements.size();
      batch.elements.resize(begin + row_size);
      codec::NarrowElements(shape.element, vector,
                            base::MutableByteSpan(batch.elements).subspan(begin));
      INTACT_ASSIGN_OR_RETURN(const Record record, ReadRecord(*candidate));
      if (shape.has_ids) batch.ids.push_back(IdOf(record));
      if (state_.has_metadata) batch.metadata.emplace_back(record.metadata);
      if (++batch.count < kBatchRows) continue;
      INTACT_RETURN_IF_ERROR(writer->Add(batch));
      batch = {};
    }
    INTACT_RETURN_IF_ERROR(writer->Add(batch));
    run_.report().rows_saved = order_.size();
    return writer->Commit();
  }

  SalvageRun& run_;
  const store::SalvagedStore& source_;
  CollectionState state_;
  bool is_state_known_ = true;
  std::vector<RecordsView> records_;                                      // By segment.
  std::unordered_map<base::Digest, Candidate, base::DigestHash> newest_;  // By key.
  std::vector<Candidate*> order_;                                         // Into newest_.
  RecordBlock block_;
  size_t block_segment_ = SIZE_MAX;
  bool has_unknown_deletes_ = false;
  bool has_unknown_moves_ = false;
};

}  // namespace

base::Status SalvageCollection(SalvageRun& run) { return CollectionSalvager(run).Run(); }

}  // namespace intact::engine
