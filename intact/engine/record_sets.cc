#include "intact/engine/record_sets.h"

#include <algorithm>
#include <atomic>
#include <unordered_map>
#include <utility>

#include "intact/base/json_text.h"
#include "intact/store/scan.h"

namespace intact::engine {
namespace {

// Keys that are looked up one by one, a few microseconds each, before all keys are read instead.
constexpr size_t kFindsMax = 8192;

size_t SizeOf(const RowSet& rows) {
  size_t size = sizeof(RowSet);
  for (const search::Bitmap& bits : rows) size += sizeof(bits) + bits.byte_size();
  return size;
}

// A glob that is no pattern is an id.
bool IsPattern(const std::string& glob) { return glob.find_first_of("*?[\\") != std::string::npos; }

// What a value is told apart by: a string's text, else the value's own.
base::Digest ValueDigest(std::string_view value) {
  if (!value.starts_with('"')) return base::DigestOf(value);
  return base::DigestOf("\"" + base::DecodeJsonString(value).value_or(std::string(value)));
}

}  // namespace

std::vector<BlockRef> BlocksOf(const CollectionView& view, const RowSet* rows) {
  std::vector<BlockRef> chosen;
  for (size_t s = 0; s < view.segments().size(); ++s) {
    const auto blocks = view.segments()[s].records.blocks();
    for (size_t b = 0; b < blocks.size(); ++b) {
      if (rows == nullptr || (*rows)[s].HasAny(blocks[b].first_row, blocks[b].row_count)) {
        chosen.push_back({s, b});
      }
    }
  }
  return chosen;
}

base::Status ForEachBlock(
    const CollectionView& view, std::span<const BlockRef> blocks, search::Executor& executor,
    const std::function<base::Status(size_t index, const RecordBlock& block)>& body) {
  base::Mutex mutex;
  base::Status failure;  // Guarded by the mutex.
  std::atomic<bool> has_failed = false;
  executor.Run(blocks.size(), [&](size_t i) {
    if (has_failed) return;
    const auto work = [&]() -> base::Status {
      INTACT_RETURN_IF_ERROR(executor.Proceed());
      INTACT_ASSIGN_OR_RETURN(const RecordBlock block,
                              view.segments()[blocks[i].segment].ReadBlock(blocks[i].block));
      return body(i, block);
    };
    base::Status status = work();
    if (status.ok()) return;
    base::MutexLock hold(mutex);
    if (!has_failed.exchange(true)) failure = std::move(status);
  });
  return failure;
}

uint64_t RecordGroups::GroupOf(uint64_t row) const {
  constexpr uint64_t kOwn = uint64_t{1} << 63;
  const auto after = std::upper_bound(first_rows_.begin(), first_rows_.end(), row);
  if (after == first_rows_.begin()) return kOwn | row;
  const auto s = static_cast<size_t>(after - first_rows_.begin()) - 1;
  const uint64_t local = row - first_rows_[s];
  const uint32_t number = local < numbers_[s].size() ? numbers_[s][local] : kNone;
  return number == kNone ? kOwn | row : number;
}

RowSet RecordSets::Empty() const {
  RowSet rows;
  for (const auto& part : view_->segments()) rows.emplace_back(part.segment->row_count());
  return rows;
}

void RecordSets::StartFrom(const RecordSets& other) {
  std::shared_ptr<const RowSet> live;
  {
    base::MutexLock hold(other.live_mutex_);
    if (!other.is_live_known_) return;
    live = other.live_;
  }
  base::MutexLock hold(live_mutex_);
  other_view_ = other.view_;
  other_live_ = std::move(live);
}

base::Result<std::optional<RowSet>> RecordSets::LiveByDifference() const {
  if (other_view_ == nullptr) return std::optional<RowSet>();
  const auto ours = view_->snapshot().segments();
  const auto theirs = other_view_->snapshot().segments();
  size_t shared = 0;
  while (shared < std::min(ours.size(), theirs.size()) && ours[shared] == theirs[shared]) ++shared;
  size_t key_count = 0;
  for (const auto segments : {ours.subspan(shared), theirs.subspan(shared)}) {
    for (const auto& segment : segments) {
      INTACT_RETURN_IF_ERROR(segment->CheckKeys());
      INTACT_RETURN_IF_ERROR(segment->Check(format::kSectionDeletedKeys));
      key_count += segment->keys().size() + segment->deleted_keys().size();
    }
  }
  if (shared == 0 || key_count > kFindsMax) return std::optional<RowSet>();

  RowSet rows = Empty();
  for (size_t s = 0; s < shared; ++s) {
    if (other_live_ != nullptr) {
      rows[s] = (*other_live_)[s];
    } else {
      rows[s].AddRange(0, rows[s].size());
    }
  }
  // What the others' own segments did to the shared rows is undone, what ours do is done.
  const auto mark = [&](const base::Digest& key, bool is_live) -> base::Status {
    INTACT_ASSIGN_OR_RETURN(const auto row, store::FindNewest(ours.first(shared), key));
    if (!row) return base::Ok();
    for (size_t s = 0; s < shared; ++s) {
      if (!ours[s]->HasRow(*row)) continue;
      const auto local = static_cast<size_t>(*row - ours[s]->first_row());
      is_live ? rows[s].Add(local) : rows[s].Remove(local);
    }
    return base::Ok();
  };
  for (const auto segments : {theirs.subspan(shared), ours.subspan(shared)}) {
    const bool is_live = segments.data() != ours.data() + shared;
    for (const auto& segment : segments) {
      for (const auto keys : {segment->keys(), segment->deleted_keys()}) {
        for (const base::Digest& key : keys) INTACT_RETURN_IF_ERROR(mark(key, is_live));
      }
    }
  }
  for (size_t s = shared; s < ours.size(); ++s) {
    for (size_t i = 0; i < ours[s]->keys().size(); ++i) {
      INTACT_ASSIGN_OR_RETURN(const auto row,
                              store::FindNewest(ours.subspan(shared), ours[s]->keys()[i]));
      if (row == ours[s]->first_row() + i) rows[s].Add(i);
    }
  }
  INTACT_RETURN_IF_ERROR(view_->snapshot().CheckUnchanged());
  uint64_t count = 0;
  for (const search::Bitmap& bits : rows) count += bits.Count();
  if (count != view_->record_count()) return std::optional<RowSet>();  // Read all, to say what is.
  return std::optional<RowSet>(std::move(rows));
}

base::Result<std::shared_ptr<const RowSet>> RecordSets::Live() const {
  base::MutexLock hold(live_mutex_);
  if (!is_live_known_ && view_->superseded_count() > 0) {
    INTACT_ASSIGN_OR_RETURN(std::optional<RowSet> rows, LiveByDifference());
    if (!rows) {
      INTACT_ASSIGN_OR_RETURN(const store::LiveRows live, store::LiveRows::Read(view_->snapshot()));
      rows = Empty();
      for (size_t s = 0; s < rows->size(); ++s) {
        for (uint32_t row = 0; row < (*rows)[s].size(); ++row) {
          if (live.Has(s, row)) (*rows)[s].Add(row);
        }
      }
    }
    live_ = std::make_shared<const RowSet>(*std::move(rows));
  }
  is_live_known_ = true;
  other_view_ = nullptr;
  other_live_ = nullptr;
  return live_;
}

template <typename Body>
base::Status RecordSets::ForEachNamed(const std::vector<std::string>& ids,
                                      search::Executor& executor, const Body& body) const {
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i % 256 == 0) INTACT_RETURN_IF_ERROR(executor.Proceed());
    INTACT_ASSIGN_OR_RETURN(const auto row, view_->snapshot().Find(RecordKey(ids[i])));
    if (!row) continue;
    for (size_t s = 0; s < view_->segments().size(); ++s) {
      const store::Segment& segment = *view_->segments()[s].segment;
      if (segment.HasRow(*row)) body(s, static_cast<size_t>(*row - segment.first_row()));
    }
  }
  return base::Ok();
}

base::Result<RowSet> RecordSets::Named(const std::vector<std::string>& ids,
                                       search::Executor& executor) const {
  RowSet rows = Empty();
  INTACT_RETURN_IF_ERROR(
      ForEachNamed(ids, executor, [&](size_t segment, size_t row) { rows[segment].Add(row); }));
  return rows;
}

base::Result<RowSet> RecordSets::Matching(const RecordFilter& filter, const RowSet* rows,
                                          search::Executor& executor) const {
  const RecordMatcher matcher(filter);
  RowSet passed = Empty();
  base::Mutex mutex;  // Guards `passed`: blocks share words.
  const std::vector<BlockRef> blocks = BlocksOf(*view_, rows);
  const auto match = [&](size_t index, const RecordBlock& block) -> base::Status {
    const size_t segment = blocks[index].segment;
    std::vector<size_t> found;
    for (size_t i = 0; i < block.records().size(); ++i) {
      const size_t row = block.first_row() + i;
      if (rows != nullptr && !(*rows)[segment].Has(row)) continue;
      const Record& record = block.records()[i];
      const std::string number = record.has_id ? "" : std::to_string(record.place);
      if (matcher.Matches(record.has_id ? record.id : number, record.metadata)) {
        found.push_back(row);
      }
    }
    base::MutexLock hold(mutex);
    for (const size_t row : found) passed[segment].Add(row);
    return base::Ok();
  };
  INTACT_RETURN_IF_ERROR(ForEachBlock(*view_, blocks, executor, match));
  return passed;
}

base::Result<std::shared_ptr<const RowSet>> RecordSets::Filtered(const RecordFilter& filter,
                                                                 search::Executor& executor) const {
  if (!filter.has_names() && filter.conditions.empty()) return Live();
  RecordFilter known = filter;
  known.excluded_ids.clear();
  const base::Digest key = DigestOf(known);
  if (const auto made = made_.Find(key)) return made->rows;
  // Ids are looked up; all else reads records.
  const auto patterns =
      std::stable_partition(known.id_globs.begin(), known.id_globs.end(),
                            [](const std::string& glob) { return IsPattern(glob); });
  known.ids.insert(known.ids.end(), patterns, known.id_globs.end());
  known.id_globs.erase(patterns, known.id_globs.end());
  Made made;
  if (known.id_globs.empty() && known.id_prefixes.empty() && !known.ids.empty()) {
    INTACT_ASSIGN_OR_RETURN(RowSet rows, Named(known.ids, executor));
    if (!known.conditions.empty()) {
      INTACT_ASSIGN_OR_RETURN(rows, Matching(known, &rows, executor));
    }
    made.rows = std::make_shared<const RowSet>(std::move(rows));
  } else {
    INTACT_ASSIGN_OR_RETURN(const std::shared_ptr<const RowSet> live, Live());
    INTACT_ASSIGN_OR_RETURN(RowSet rows, Matching(known, live.get(), executor));
    made.rows = std::make_shared<const RowSet>(std::move(rows));
  }
  made_.Add(key, std::make_shared<const Made>(made), sizeof(Made) + SizeOf(*made.rows));
  return made.rows;
}

base::Result<std::shared_ptr<const RowSet>> RecordSets::Rows(const RecordFilter& filter,
                                                             search::Executor& executor) const {
  INTACT_RETURN_IF_ERROR(CheckFilter(filter));
  INTACT_ASSIGN_OR_RETURN(const std::shared_ptr<const RowSet> rows, Filtered(filter, executor));
  if (filter.excluded_ids.empty()) return rows;
  RowSet rest;
  if (rows != nullptr) {
    rest = *rows;
  } else {
    rest = Empty();
    for (search::Bitmap& bits : rest) bits.AddRange(0, bits.size());
  }
  INTACT_RETURN_IF_ERROR(
      ForEachNamed(filter.excluded_ids, executor,
                   [&](size_t segment, size_t row) { rest[segment].Remove(row); }));
  return std::make_shared<const RowSet>(std::move(rest));
}

base::Result<std::shared_ptr<const RecordGroups>> RecordSets::Groups(
    const std::string& key, search::Executor& executor) const {
  base::Digester digester;
  digester.UpdateField("groups");  // No filter's digest is made of one such field and a key.
  digester.UpdateField(key);
  const base::Digest digest = digester.Finish();
  if (const auto made = made_.Find(digest)) return made->groups;
  INTACT_ASSIGN_OR_RETURN(const std::shared_ptr<const RowSet> live, Live());

  auto groups = std::make_shared<RecordGroups>();
  size_t size = sizeof(RecordGroups) + sizeof(Made);
  for (const auto& part : view_->segments()) {
    groups->first_rows_.push_back(part.segment->first_row());
    groups->numbers_.emplace_back(part.segment->row_count(), RecordGroups::kNone);
    size += sizeof(uint64_t) + sizeof(std::vector<uint32_t>) +
            part.segment->row_count() * sizeof(uint32_t);
  }
  base::Mutex mutex;  // Guards the numbers given so far.
  std::unordered_map<base::Digest, uint32_t, base::DigestHash> numbers;
  const std::vector<BlockRef> blocks = BlocksOf(*view_, live.get());
  const auto number_rows = [&](size_t index, const RecordBlock& block) -> base::Status {
    const size_t segment = blocks[index].segment;
    std::vector<std::pair<size_t, base::Digest>> found;
    for (size_t i = 0; i < block.records().size(); ++i) {
      const size_t row = block.first_row() + i;
      if (live != nullptr && !(*live)[segment].Has(row)) continue;
      const auto value = FindMetadata(block.records()[i].metadata, key);
      if (value) found.emplace_back(row, ValueDigest(*value));
    }
    base::MutexLock hold(mutex);
    for (const auto& [row, value] : found) {
      const auto next = static_cast<uint32_t>(numbers.size());
      groups->numbers_[segment][row] = numbers.try_emplace(value, next).first->second;
    }
    return base::Ok();
  };
  INTACT_RETURN_IF_ERROR(ForEachBlock(*view_, blocks, executor, number_rows));
  Made made;
  made.groups = std::move(groups);
  made_.Add(digest, std::make_shared<const Made>(made), size);
  return made.groups;
}

}  // namespace intact::engine
