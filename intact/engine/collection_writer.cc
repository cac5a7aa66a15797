#include "intact/engine/collection_writer.h"

#include <algorithm>

#include "intact/engine/elements.h"
#include "intact/engine/versions.h"
#include "intact/store/commit_plan.h"
#include "intact/store/key_merge.h"

namespace intact::engine {
namespace {

// A batch ends with the row that reaches either.
constexpr size_t kBatchRows = 16'384;
constexpr uint64_t kBatchSize = uint64_t{64} << 20;
// Stored vectors that may be read before their pages are let go.
constexpr uint64_t kReleaseSize = uint64_t{64} << 20;
// No merge makes a larger segment; far enough below format::kSegmentSizeMax that it is one.
constexpr uint64_t kSealedRows = 262'144;
constexpr uint64_t kSealedVectorSize = uint64_t{256} << 20;
constexpr uint64_t kSealedRecordsSize = uint64_t{64} << 20;
constexpr uint64_t kLadderFactor = 8;
constexpr size_t kBatchDeletes = 65'536;
constexpr char kDefaultModel[] = "unknown";

std::string Quote(std::string_view text) { return "\"" + std::string(text) + "\""; }

// The way out of every difference between a collection and what is to go into it.
base::Status Differs(const std::string& path, const std::string& expected,
                     const std::string& found) {
  return base::InvalidArgument(path + " holds " + expected + "; found " + found +
                               ": name another folder with --store to keep both");
}

std::string IdsText(bool has_ids) { return has_ids ? "rows with ids" : "rows without ids"; }

// Smallest first: what ends below a step is merged once there is enough of it.
std::vector<uint64_t> MergeLadder(uint64_t sealed_rows) {
  std::vector<uint64_t> steps;
  for (uint64_t step = sealed_rows / 4; step >= 2; step /= kLadderFactor) steps.push_back(step);
  std::reverse(steps.begin(), steps.end());
  return steps;
}

bool HasSameBits(std::span<const float> a, std::span<const float> b) {
  return std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

}  // namespace

CollectionShape ShapeOf(const format::VectorFileInfo& info) {
  CollectionShape shape;
  shape.dimensions = info.dimensions;
  shape.element = info.element;
  shape.source = info.kind;
  shape.has_ids = info.has_ids;
  return shape;
}

base::Status CheckShape(const CollectionView& view, const CollectionShape& shape) {
  const store::CollectionSpec& spec = view.snapshot().spec();
  const CollectionState& state = view.state();
  if (shape.dimensions != spec.dimensions) {
    return Differs(view.path(), "vectors of " + std::to_string(spec.dimensions) + " dimensions",
                   std::to_string(shape.dimensions) + " dimensions");
  }
  if (shape.element != state.element) {
    return Differs(view.path(), std::string(base::ElementTypeName(state.element)) + " vectors",
                   std::string(base::ElementTypeName(shape.element)));
  }
  if (shape.has_ids != state.has_ids) {
    return Differs(view.path(), IdsText(state.has_ids), IdsText(shape.has_ids));
  }
  if (shape.model && *shape.model != spec.model) {
    return Differs(view.path(), "vectors of the model " + Quote(spec.model),
                   "the model " + Quote(*shape.model));
  }
  if (shape.metric && *shape.metric != spec.metric) {
    return Differs(view.path(),
                   "a collection with the metric " + std::string(MetricName(spec.metric)),
                   std::string(MetricName(*shape.metric)));
  }
  return base::Ok();
}

CollectionWriter::CollectionWriter(std::unique_ptr<store::Store> store,
                                   std::shared_ptr<const CollectionView> view)
    : store_(std::move(store)), view_(std::move(view)), reader_(*view_), state_(view_->state()) {}

base::Result<std::unique_ptr<CollectionWriter>> CollectionWriter::Open(os::FileSystem& files,
                                                                       const std::string& path,
                                                                       const CollectionShape& shape,
                                                                       int64_t lock_wait_ms) {
  store::OpenOptions options = WriterOptions(lock_wait_ms);
  options.create = true;
  options.retention = kRetention;
  options.spec = store::CollectionSpec{.dimensions = shape.dimensions,
                                       .metric = shape.metric.value_or(format::Metric::kCosine),
                                       .model = shape.model.value_or(kDefaultModel)};
  const auto is_fresh = [](const store::Snapshot& snapshot) {
    return snapshot.version() == 0 && snapshot.engine_state().empty();
  };
  // Looked at before anything is written, and again under the lock.
  const auto found = store::Store::OpenReadOnly(files, path);
  if (!found.ok() && found.code() != base::Code::kNotFound) return found.status();
  if (found.ok() && !is_fresh(**found)) {
    INTACT_ASSIGN_OR_RETURN(const auto view, CollectionView::Load(*found, path));
    INTACT_RETURN_IF_ERROR(CheckShape(*view, shape));
    options.spec = view->snapshot().spec();
  }
  INTACT_RETURN_IF_ERROR(format::CheckSpec(*options.spec));
  INTACT_ASSIGN_OR_RETURN(std::unique_ptr<store::Store> store,
                          store::Store::OpenWriter(files, path, options));
  const bool is_new = is_fresh(*store->snapshot());
  if (is_new) {
    CollectionState state;
    state.element = shape.element;
    state.source = shape.source;
    state.has_ids = shape.has_ids;
    store::CommitRequest request;
    request.engine_state = state.Encode();
    request.drops_parent = true;
    const auto made = store->Commit(request);
    if (!made.ok()) return made.status();
  }
  INTACT_ASSIGN_OR_RETURN(auto view, CollectionView::Load(store->snapshot(), path));
  INTACT_RETURN_IF_ERROR(CheckShape(*view, shape));
  std::unique_ptr<CollectionWriter> writer(new CollectionWriter(std::move(store), std::move(view)));
  writer->goes_on_ = is_new;
  return writer;
}

base::Result<std::unique_ptr<CollectionWriter>> CollectionWriter::OpenExisting(
    os::FileSystem& files, const std::string& path, int64_t lock_wait_ms) {
  // Looked at before the lock is taken: what it says of other folders is clearer.
  INTACT_ASSIGN_OR_RETURN(auto view, CollectionView::Open(files, path));
  INTACT_ASSIGN_OR_RETURN(std::unique_ptr<store::Store> store,
                          store::Store::OpenWriter(files, path, WriterOptions(lock_wait_ms)));
  INTACT_ASSIGN_OR_RETURN(view, CollectionView::Load(store->snapshot(), path));
  return std::unique_ptr<CollectionWriter>(new CollectionWriter(std::move(store), std::move(view)));
}

base::Status CollectionWriter::Widen(const format::VectorRows& rows) {
  const size_t d = view_->snapshot().spec().dimensions;
  const size_t element_size = base::ElementSize(state_.element);
  if (rows.elements.size() != rows.count * d * element_size ||
      rows.ids.size() != (state_.has_ids ? rows.count : 0) ||
      (!rows.metadata.empty() && rows.metadata.size() != rows.count)) {
    return base::InvalidArgument("rows that are not of the collection's shape");
  }
  for (const std::string& id : rows.ids) {
    if (id.size() > kRecordIdSizeMax) {
      return base::InvalidArgument("the id that begins with " + Quote(id.substr(0, 40)) + " has " +
                                   std::to_string(id.size()) + " bytes; the limit is " +
                                   std::to_string(kRecordIdSizeMax));
    }
  }
  for (const std::string& metadata : rows.metadata) {
    if (metadata.size() > kRecordMetadataSizeMax) {
      return base::InvalidArgument("metadata of " + std::to_string(metadata.size()) +
                                   " bytes; the limit is " +
                                   std::to_string(kRecordMetadataSizeMax));
    }
  }
  return WidenRows(state_.element, rows.elements, d, counts_.total(), wide_);
}

base::Status CollectionWriter::Add(const format::VectorRows& rows) {
  INTACT_RETURN_IF_ERROR(Widen(rows));
  // Rows of ids that are being deleted are new ones.
  if (!deletes_.empty()) INTACT_RETURN_IF_ERROR(Commit());
  const size_t d = view_->snapshot().spec().dimensions;
  for (size_t i = 0; i < rows.count; ++i) {
    std::string_view metadata;
    if (!rows.metadata.empty()) metadata = rows.metadata[i];
    const std::string id = state_.has_ids ? rows.ids[i] : std::to_string(next_number_++);
    INTACT_RETURN_IF_ERROR(AddRow(id, metadata, std::span(wide_).subspan(i * d, d)));
    if (IsFull()) INTACT_RETURN_IF_ERROR(Commit());
  }
  return base::Ok();
}

bool CollectionWriter::IsFull() const {
  return rows_.size() >= kBatchRows || vectors_.size() * sizeof(float) + text_size_ >= kBatchSize;
}

base::Result<CollectionWriter::Known> CollectionWriter::LookUp(const base::Digest& key,
                                                               std::string_view metadata,
                                                               std::span<const float> vector) {
  const size_t d = vector.size();
  Known known;
  if (const auto found = batch_.find(key); found != batch_.end()) {
    const BatchRow& row = rows_[found->second];
    known.batch_row = found->second;
    known.place = row.place;
    known.is_same = row.metadata == metadata &&
                    HasSameBits(vector, std::span(vectors_).subspan(found->second * d, d));
    return known;
  }
  // Numbers are places, so a number that was not given out needs no search, and one that was is
  // the place of a deleted record when it is not found.
  const bool is_given_out = state_.has_ids || next_number_ <= state_.place_count;
  if (!is_given_out) return known;
  INTACT_ASSIGN_OR_RETURN(const auto row, view_->snapshot().Find(key));
  if (!row) {
    known.is_deleted = !state_.has_ids;
    if (known.is_deleted) known.place = next_number_ - 1;
    return known;
  }
  INTACT_ASSIGN_OR_RETURN(const Record record, reader_.Read(*row));
  known.place = record.place;
  if (record.metadata != metadata) return known;
  stored_.resize(d);
  INTACT_RETURN_IF_ERROR(view_->snapshot().ReadVector(*row, stored_));
  known.is_same = HasSameBits(vector, stored_);
  compared_size_ += vector.size_bytes();
  if (compared_size_ >= kReleaseSize) {
    view_->snapshot().ReleasePages();
    compared_size_ = 0;
  }
  return known;
}

base::Status CollectionWriter::AddRow(std::string_view id, std::string_view metadata,
                                      std::span<const float> vector) {
  const base::Digest key = RecordKey(id);
  INTACT_ASSIGN_OR_RETURN(const Known known, LookUp(key, metadata, vector));
  if (known.is_same) {
    ++counts_.unchanged;
    return base::Ok();
  }
  ++(known.place && !known.is_deleted ? counts_.updated : counts_.added);
  if (known.is_deleted) --state_.deleted_count;
  state_.has_metadata |= !metadata.empty();
  text_size_ += metadata.size();
  if (known.batch_row) {
    BatchRow& row = rows_[*known.batch_row];
    text_size_ -= row.metadata.size();
    row.metadata = metadata;
    std::copy(vector.begin(), vector.end(),
              vectors_.begin() + static_cast<std::ptrdiff_t>(*known.batch_row * vector.size()));
    return base::Ok();
  }
  BatchRow row;
  row.is_moved = known.place.has_value();
  row.place = known.place ? *known.place : state_.place_count++;
  if (state_.has_ids) row.id = id;
  row.metadata = metadata;
  text_size_ += row.id.size();
  batch_.emplace(key, static_cast<uint32_t>(rows_.size()));
  rows_.push_back(std::move(row));
  keys_.push_back(key);
  vectors_.insert(vectors_.end(), vector.begin(), vector.end());
  return base::Ok();
}

base::Status CollectionWriter::Delete(std::span<const std::string> ids) {
  if (!rows_.empty()) INTACT_RETURN_IF_ERROR(Commit());
  for (const std::string& id : ids) {
    const base::Digest key = RecordKey(id);
    INTACT_ASSIGN_OR_RETURN(const auto row, view_->snapshot().Find(key));
    if (!row || !deletes_.insert(key).second) {
      ++delete_counts_.missing;
      continue;
    }
    ++delete_counts_.deleted;
    ++state_.deleted_count;
    if (deletes_.size() >= kBatchDeletes) INTACT_RETURN_IF_ERROR(Commit());
  }
  return base::Ok();
}

uint64_t CollectionWriter::SealedRows() const {
  const uint64_t row_size = uint64_t{view_->snapshot().spec().dimensions} * sizeof(float);
  return std::min(kSealedRows, kSealedVectorSize / row_size);
}

size_t CollectionWriter::ChooseMergeCount() const {
  const auto segments = view_->segments();
  // As many as have few enough records to go into one segment.
  std::vector<uint64_t> sizes;
  uint64_t records_size = text_size_;
  for (size_t i = segments.size(); i-- > 0;) {
    records_size += segments[i].segment->Raw(kSectionRecords).size();
    if (records_size > kSealedRecordsSize) break;
    sizes.push_back(segments[i].segment->row_count());
  }
  std::reverse(sizes.begin(), sizes.end());
  const uint64_t sealed_rows = SealedRows();
  return store::ChooseMergeCount(sizes, rows_.size(), MergeLadder(sealed_rows), sealed_rows);
}

base::Result<CollectionWriter::Merge> CollectionWriter::PlanMerge(size_t merge_count) const {
  Merge merge;
  const auto segments = view_->snapshot().segments();
  merge.begin = segments.size() - merge_count;
  merge.count = merge_count;
  if (merge_count == 0) return merge;
  const auto merged = segments.subspan(merge.begin);
  // These are the newest segments, so what they say of a key is the last word but for the batch.
  INTACT_ASSIGN_OR_RETURN(store::KeyMerge keys, store::KeyMerge::Make(merged));
  std::vector<store::RowId> rows;
  for (;;) {
    INTACT_ASSIGN_OR_RETURN(const auto entry, keys.Next());
    if (!entry) break;
    if (!entry->row || batch_.contains(entry->key) || deletes_.contains(entry->key)) continue;
    rows.push_back(merged[entry->segment]->first_row() + *entry->row);
  }
  // Rows can keep their ids when they are all there and nothing is between them.
  bool keeps_ids = deletes_.empty();
  store::RowId expected = view_->snapshot().next_row();
  uint64_t row_count = 0;
  for (size_t i = merged.size(); i-- > 0;) {
    keeps_ids = keeps_ids && merged[i]->deleted_keys().empty() &&
                merged[i]->first_row() + merged[i]->row_count() == expected;
    expected = merged[i]->first_row();
    row_count += merged[i]->row_count();
  }
  if (keeps_ids && rows.size() == row_count) return merge;
  std::sort(rows.begin(), rows.end());
  merge.rows = std::move(rows);
  return merge;
}

base::Result<base::Bytes> CollectionWriter::PackRecords(const Merge& merge) const {
  const auto merged = view_->segments().subspan(merge.begin, merge.count);
  uint64_t first_place = merge.count == 0 ? view_->state().place_count : 0;
  for (const auto& [segment, records] : merged) {
    if (records.blocks().empty()) continue;
    first_place = records.blocks().front().first_place;
    break;
  }
  RecordsBuilder builder(first_place);
  bool has_rows = !rows_.empty();
  size_t next = 0;  // Of merge.rows.
  for (const CollectionView::SegmentRecords& part : merged) {
    for (size_t b = 0; b < part.records.blocks().size(); ++b) {
      INTACT_ASSIGN_OR_RETURN(const RecordBlock block, part.ReadBlock(b));
      store::RowId row = part.segment->first_row() + block.first_row();
      for (const Record& record : block.records()) {
        const store::RowId id = row++;
        if (merge.rows && (next == merge.rows->size() || (*merge.rows)[next] != id)) continue;
        ++next;
        has_rows = true;
        INTACT_RETURN_IF_ERROR(builder.Add(record).Annotate(part.segment->path()));
      }
    }
  }
  for (const BatchRow& row : rows_) {
    INTACT_RETURN_IF_ERROR(
        builder.Add({row.place, row.is_moved, state_.has_ids, row.id, row.metadata}));
  }
  if (!has_rows) return base::Bytes();
  return builder.Finish();
}

base::Status CollectionWriter::Commit() {
  if (rows_.empty() && deletes_.empty()) return base::Ok();
  INTACT_ASSIGN_OR_RETURN(const Merge merge, PlanMerge(ChooseMergeCount()));
  return CommitMerge(merge, false);
}

base::Status CollectionWriter::CommitMerge(const Merge& merge, bool drops_history) {
  store::CommitRequest request;
  request.merge_count = merge.count;
  if (merge.count > 0 && merge.rows) {
    request.merge_begin = merge.begin;
    request.merge_rows = *merge.rows;
  }
  INTACT_ASSIGN_OR_RETURN(const base::Bytes records, PackRecords(merge));
  // What was decided and copied came from these files.
  INTACT_RETURN_IF_ERROR(view_->snapshot().CheckUnchanged());
  const std::vector<base::Digest> deletes(deletes_.begin(), deletes_.end());
  request.rows = {keys_, vectors_};
  request.deletes = deletes;
  if (!records.empty()) request.sections = {{kSectionRecords, records}};
  request.engine_state = state_.Encode();
  request.drops_parent = goes_on_;
  request.drops_history = drops_history;
  const auto version = store_->Commit(request);
  if (!version.ok()) return version.status();
  goes_on_ = true;
  INTACT_ASSIGN_OR_RETURN(view_, CollectionView::Load(store_->snapshot(), view_->path()));
  reader_ = RecordReader(*view_);
  rows_.clear();
  keys_.clear();
  vectors_.clear();
  batch_.clear();
  deletes_.clear();
  text_size_ = 0;
  view_->snapshot().ReleasePages();  // What look-ups and merges read is not needed for the next.
  return base::Ok();
}

CollectionWriter::Merge CollectionWriter::PlanDrop(
    size_t begin, const std::unordered_map<uint64_t, size_t>& numbers, const store::LiveRows& live,
    bool& is_clean) const {
  const auto segments = view_->segments();
  Merge merge;
  merge.begin = begin;
  merge.rows.emplace();
  uint64_t records_size = 0;
  is_clean = true;
  while (begin + merge.count < segments.size()) {
    const store::Segment& segment = *segments[begin + merge.count].segment;
    const size_t number = numbers.at(segment.id());
    std::vector<store::RowId> rows;
    for (uint32_t row = 0; row < segment.row_count(); ++row) {
      if (live.Has(number, row)) rows.push_back(segment.first_row() + row);
    }
    records_size += segment.Raw(kSectionRecords).size();
    const bool fits =
        merge.rows->size() + rows.size() <= SealedRows() && records_size <= kSealedRecordsSize;
    if (merge.count > 0 && !fits) break;
    is_clean = is_clean && rows.size() == segment.row_count() && segment.deleted_keys().empty();
    merge.rows->insert(merge.rows->end(), rows.begin(), rows.end());
    ++merge.count;
  }
  return merge;
}

base::Status CollectionWriter::DropDeadRows(bool drops_history, const std::atomic<bool>* stop) {
  INTACT_RETURN_IF_ERROR(Commit());
  const std::shared_ptr<const store::Snapshot> first = store_->snapshot();
  // Segments keep their rows until their turn comes, so what is live is read once.
  INTACT_ASSIGN_OR_RETURN(const store::LiveRows live, store::LiveRows::Read(*first));
  std::unordered_map<uint64_t, size_t> numbers;
  for (size_t i = 0; i < first->segments().size(); ++i) numbers[first->segments()[i]->id()] = i;
  bool is_history_dropped = !drops_history;
  for (size_t begin = 0; begin < view_->segments().size();) {
    if (stop != nullptr && *stop) return base::Cancelled("stopped; what was done so far is kept");
    bool is_clean = true;
    const Merge merge = PlanDrop(begin, numbers, live, is_clean);
    if (is_clean) {
      begin += merge.count;
      continue;
    }
    INTACT_RETURN_IF_ERROR(CommitMerge(merge, drops_history));
    is_history_dropped = true;
    begin += merge.rows->empty() ? 0 : 1;
  }
  if (is_history_dropped || view_->snapshot().history().empty()) return base::Ok();
  Merge nothing;
  nothing.begin = view_->segments().size();
  return CommitMerge(nothing, true);
}

}  // namespace intact::engine
