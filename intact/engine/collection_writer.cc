#include "intact/engine/collection_writer.h"

#include <algorithm>

#include "intact/engine/elements.h"

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
constexpr size_t kMergeFanout = 8;
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
  for (uint64_t step = sealed_rows / 4; step >= 2; step /= kMergeFanout) steps.push_back(step);
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
  store::OpenOptions options;
  options.create = true;
  options.lock_wait_ms = lock_wait_ms;
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
  if (is_fresh(*store->snapshot())) {
    CollectionState state;
    state.element = shape.element;
    state.source = shape.source;
    state.has_ids = shape.has_ids;
    store::CommitRequest request;
    request.engine_state = state.Encode();
    const auto made = store->Commit(request);
    if (!made.ok()) return made.status();
  }
  INTACT_ASSIGN_OR_RETURN(auto view, CollectionView::Load(store->snapshot(), path));
  INTACT_RETURN_IF_ERROR(CheckShape(*view, shape));
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
  // Numbers are places, so a number that was not given out needs no search.
  if (!state_.has_ids && next_number_ > state_.place_count) return known;
  INTACT_ASSIGN_OR_RETURN(const auto row, view_->snapshot().Find(key));
  if (!row) return known;
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
  ++(known.place ? counts_.updated : counts_.added);
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

size_t CollectionWriter::ChooseMergeCount() const {
  const auto segments = view_->segments();
  const uint64_t row_size = uint64_t{view_->snapshot().spec().dimensions} * sizeof(float);
  const uint64_t sealed_rows = std::min(kSealedRows, kSealedVectorSize / row_size);
  for (const uint64_t step : MergeLadder(sealed_rows)) {
    uint64_t rows = rows_.size();
    uint64_t records_size = text_size_;
    size_t count = 0;
    while (count < segments.size()) {
      const store::Segment& segment = *segments[segments.size() - 1 - count].segment;
      rows += segment.row_count();
      records_size += segment.Raw(kSectionRecords).size();
      if (segment.row_count() >= step || rows > sealed_rows || records_size > kSealedRecordsSize) {
        break;
      }
      ++count;
    }
    if (count >= kMergeFanout) return count;
  }
  return 0;
}

// The records of the last `merge_count` segments, then those of the batch.
base::Result<base::Bytes> CollectionWriter::PackRecords(size_t merge_count) const {
  const auto merged = view_->segments().last(merge_count);
  uint64_t first_place = view_->state().place_count;
  for (const auto& [segment, records] : merged) {
    if (records.blocks().empty()) continue;
    first_place = records.blocks().front().first_place;
    break;
  }
  RecordsBuilder builder(first_place);
  for (const CollectionView::SegmentRecords& part : merged) {
    for (size_t b = 0; b < part.records.blocks().size(); ++b) {
      INTACT_ASSIGN_OR_RETURN(const RecordBlock block, part.ReadBlock(b));
      for (const Record& record : block.records()) {
        INTACT_RETURN_IF_ERROR(builder.Add(record).Annotate(part.segment->path()));
      }
    }
  }
  for (const BatchRow& row : rows_) {
    INTACT_RETURN_IF_ERROR(
        builder.Add({row.place, row.is_moved, state_.has_ids, row.id, row.metadata}));
  }
  return builder.Finish();
}

base::Status CollectionWriter::Commit() {
  if (rows_.empty()) return base::Ok();
  store::CommitRequest request;
  request.merge_count = ChooseMergeCount();
  INTACT_ASSIGN_OR_RETURN(const base::Bytes records, PackRecords(request.merge_count));
  request.rows = {keys_, vectors_};
  request.sections = {{kSectionRecords, records}};
  request.engine_state = state_.Encode();
  const auto version = store_->Commit(request);
  if (!version.ok()) return version.status();
  INTACT_ASSIGN_OR_RETURN(view_, CollectionView::Load(store_->snapshot(), view_->path()));
  reader_ = RecordReader(*view_);
  rows_.clear();
  keys_.clear();
  vectors_.clear();
  batch_.clear();
  text_size_ = 0;
  view_->snapshot().ReleasePages();  // What look-ups and merges read is not needed for the next.
  return base::Ok();
}

}  // namespace intact::engine
