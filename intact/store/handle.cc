#include "intact/store/handle.h"

#include <algorithm>
#include <atomic>
#include <numeric>

namespace intact::store {

using base::Result;

struct VectorHandle::State {
  State(std::shared_ptr<const Snapshot> version, RowId id)
      : snapshot(std::move(version)), row(id) {}

  const std::shared_ptr<const Snapshot> snapshot;
  const RowId row;
  // Guards filling `vector`, which is constant once is_decoded.
  base::Mutex mutex;
  std::atomic<bool> is_decoded = false;
  std::vector<float> vector;
};

VectorHandle::VectorHandle(std::shared_ptr<const Snapshot> snapshot, RowId row)
    : state_(std::make_shared<State>(std::move(snapshot), row)) {}

const std::shared_ptr<const Snapshot>& VectorHandle::snapshot() const { return state_->snapshot; }
RowId VectorHandle::row() const { return state_->row; }
bool VectorHandle::is_decoded() const { return state_->is_decoded.load(std::memory_order_acquire); }

Result<std::span<const float>> VectorHandle::Vector() const {
  if (is_decoded()) return std::span<const float>(state_->vector);
  // Without the lock: who waits for the disk keeps nobody from looking at another copy.
  std::vector<float> vector(state_->snapshot->spec().dimensions);
  INTACT_RETURN_IF_ERROR(state_->snapshot->ReadVector(state_->row, vector));
  const base::MutexLock lock(state_->mutex);
  if (!state_->is_decoded.load(std::memory_order_relaxed)) {
    state_->vector = std::move(vector);
    state_->is_decoded.store(true, std::memory_order_release);
  }
  return std::span<const float>(state_->vector);
}

Result<std::optional<VectorHandle>> Get(const std::shared_ptr<const Snapshot>& snapshot,
                                        const base::Digest& key) {
  INTACT_ASSIGN_OR_RETURN(const std::optional<RowId> row, snapshot->Find(key));
  if (!row) return std::optional<VectorHandle>();
  return std::optional(VectorHandle(snapshot, *row));
}

namespace {

// Asks for the vectors of `rows`, which ascend.
void Prefetch(const Snapshot& snapshot, std::span<const RowId> rows) {
  std::vector<uint32_t> local;
  size_t begin = 0;
  for (const auto& segment : snapshot.segments()) {
    local.clear();
    for (; begin < rows.size() && segment->HasRow(rows[begin]); ++begin) {
      local.push_back(static_cast<uint32_t>(rows[begin] - segment->first_row()));
    }
    segment->Prefetch(local);
  }
}

}  // namespace

Result<std::vector<std::optional<VectorHandle>>> GetMany(
    const std::shared_ptr<const Snapshot>& snapshot, std::span<const base::Digest> keys) {
  // Keys in order touch the pages of a key order one after the other.
  std::vector<size_t> places(keys.size());
  std::iota(places.begin(), places.end(), size_t{0});
  std::sort(places.begin(), places.end(), [&](size_t a, size_t b) { return keys[a] < keys[b]; });
  std::vector<std::optional<RowId>> found(keys.size());
  std::vector<RowId> rows;
  for (const size_t place : places) {
    INTACT_ASSIGN_OR_RETURN(found[place], FindNewest(snapshot->segments(), keys[place]));
    if (found[place]) rows.push_back(*found[place]);
  }
  INTACT_RETURN_IF_ERROR(snapshot->CheckUnchanged());
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  Prefetch(*snapshot, rows);

  std::vector<std::optional<VectorHandle>> handles(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    if (found[i]) handles[i].emplace(snapshot, *found[i]);
  }
  return handles;
}

}  // namespace intact::store
