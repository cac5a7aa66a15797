#include "intact/store/history_test.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "intact/store/scan.h"

namespace intact::store {
namespace {

const std::string kFolder = "/data/store";
constexpr uint32_t kKeyCount = 150;

}  // namespace

bool HasSameBits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

RandomHistory::RandomHistory(uint32_t seed)
    : random_(seed), dimensions_(1 + random_() % 40), is_written_by_key_(random_() % 2 == 0) {
  models_[0] = {};
  const base::Status opened = Reopen();
  INTACT_CHECK(opened.ok());
}

base::Status RandomHistory::Reopen() {
  store_.reset();
  if (random_() % 2 == 0) disk_ = disk_->AfterPowerLoss(random_());
  OpenOptions options;
  options.create = true;
  options.spec.emplace();
  options.spec->dimensions = dimensions_;
  options.spec->model = "test/model";
  options.retention.keep_last = 6;
  options.segment_size_max = 4000 + random_() % 40000;
  options.journal_size_max = random_() % 3 == 0 ? 0 : 60'000;
  INTACT_ASSIGN_OR_RETURN(store_, Store::OpenWriter(*disk_, kFolder, options));
  return base::Ok();
}

base::Digest RandomHistory::RandomKey() {
  return base::DigestOf("key " + std::to_string(random_() % kKeyCount));
}

std::vector<float> RandomHistory::RandomVector() {
  std::vector<float> vector(dimensions_);
  for (float& x : vector) {
    const auto bits = static_cast<uint32_t>(random_());
    std::memcpy(&x, &bits, sizeof(x));
  }
  return vector;
}

base::Status RandomHistory::Step() {
  switch (random_() % 12) {
    case 0:
      return Reopen();
    case 1:
      return RollBack();
    case 2:
      return Tag();
    default:
      return is_written_by_key_ ? Write() : CommitRows();
  }
}

base::Status RandomHistory::Write() {
  Model next = model();
  std::vector<base::Digest> keys;
  std::vector<base::Digest> deletes;
  std::vector<float> vectors;
  for (size_t count = random_() % 12; count > 0; --count) {
    deletes.push_back(RandomKey());
    next.erase(deletes.back());
  }
  for (size_t count = random_() % 30; count > 0; --count) {
    keys.push_back(RandomKey());
    // Sometimes the very vector that is there.
    const auto known = next.find(keys.back());
    const std::vector<float> vector =
        known != next.end() && random_() % 3 == 0 ? known->second : RandomVector();
    vectors.insert(vectors.end(), vector.begin(), vector.end());
    next[keys.back()] = vector;
  }
  INTACT_ASSIGN_OR_RETURN(const uint64_t version, store_->Write({{keys, vectors}, deletes}));
  models_[version] = std::move(next);
  return base::Ok();
}

base::Status RandomHistory::CommitRows() {
  const auto current = snapshot();
  Model next = model();
  std::set<base::Digest> deletes;
  std::set<base::Digest> keys;
  std::vector<float> vectors;
  for (size_t count = random_() % 8; count > 0; --count) deletes.insert(RandomKey());
  for (const base::Digest& key : deletes) next.erase(key);
  for (size_t count = random_() % 20; count > 0; --count) keys.insert(RandomKey());
  CommitRequest request;
  // A merge of some segments without their dead rows: of the last ones, or of others.
  const size_t segment_count = current->segments().size();
  size_t begin = segment_count - random_() % (segment_count + 1);
  size_t end = segment_count;
  if (begin < segment_count && random_() % 3 == 0) {
    end = begin + 1 + random_() % (segment_count - begin);
    request.merge_begin = begin;
  }
  if (end < segment_count) {
    deletes.clear();
    keys.clear();
    next = model();
  }
  std::vector<RowId> rows;
  if (begin < end) {
    INTACT_ASSIGN_OR_RETURN(const LiveRows live, LiveRows::Read(*current));
    for (size_t s = begin; s < end; ++s) {
      const Segment& segment = *current->segments()[s];
      for (uint32_t row = 0; row < segment.row_count(); ++row) {
        const base::Digest& key = segment.keys()[row];
        const bool is_kept = live.Has(s, row) && !deletes.contains(key) && !keys.contains(key);
        if (is_kept) rows.push_back(segment.first_row() + row);
      }
    }
    request.merge_count = end - begin;
    request.merge_rows = rows;
  }
  for (const base::Digest& key : keys) {
    const std::vector<float> vector = RandomVector();
    vectors.insert(vectors.end(), vector.begin(), vector.end());
    next[key] = vector;
  }
  const std::vector<base::Digest> key_list(keys.begin(), keys.end());
  const std::vector<base::Digest> delete_list(deletes.begin(), deletes.end());
  request.rows = {key_list, vectors};
  request.deletes = delete_list;
  INTACT_ASSIGN_OR_RETURN(const uint64_t version, store_->Commit(request));
  models_[version] = std::move(next);
  return base::Ok();
}

base::Status RandomHistory::RollBack() {
  const auto current = snapshot();
  if (current->history().empty()) return base::Ok();
  const uint64_t target = current->history()[random_() % current->history().size()].version;
  INTACT_ASSIGN_OR_RETURN(const uint64_t version, store_->RollBack(std::to_string(target)));
  models_[version] = models_.at(target);
  return base::Ok();
}

base::Status RandomHistory::Tag() {
  const uint64_t before = snapshot()->version();
  const std::string name = "tag" + std::to_string(random_() % 3);
  INTACT_ASSIGN_OR_RETURN(const uint64_t version, store_->Tag(name));
  models_[version] = models_.at(before);
  return base::Ok();
}

base::Result<std::shared_ptr<const Snapshot>> RandomHistory::OpenVersion(uint64_t version) {
  return Store::OpenVersion(*disk_, kFolder, std::to_string(version));
}

}  // namespace intact::store
