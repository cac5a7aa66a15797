#include "intact/store/endless_script_test.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <set>

#include "intact/store/scan.h"

namespace intact::store {
namespace {

// The bits of the vector that `stamp` names: float16 values, any bits, or NaNs, infinities and
// zeros.
std::vector<float> VectorOf(uint64_t stamp, size_t dimensions) {
  uint64_t state = stamp * 0x9e3779b97f4a7c15u;
  const auto next = [&] {
    state = (state ^ (state >> 29)) * 0xbf58476d1ce4e5b9u + 0x94d049bb133111ebu;
    return static_cast<uint32_t>(state >> 32);
  };
  std::vector<float> vector(dimensions);
  const bool is_any = stamp % 3 == 1;
  for (float& x : vector) {
    const uint32_t bits = next();
    x = std::ldexp(static_cast<float>(bits % 2048) - 1024.0f, -11);
    if (is_any) std::memcpy(&x, &bits, sizeof(x));
  }
  if (stamp % 5 == 2) {
    vector[0] = -0.0f;
    vector[dimensions / 2] = std::numeric_limits<float>::infinity();
    const uint32_t payload = 0x7fa00000u | (static_cast<uint32_t>(stamp) & 0xfffff);
    std::memcpy(&vector[dimensions - 1], &payload, sizeof(payload));
  }
  return vector;
}

uint64_t StampOf(uint64_t version, uint32_t key) { return version << 16 | key; }

bool IsSame(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

std::string TextOf(const std::vector<uint64_t>& numbers) {
  std::string text;
  for (const uint64_t number : numbers) text += " " + std::to_string(number);
  return "[" + text + " ]";
}

}  // namespace

std::optional<std::string> EndlessScript::Difference(const Snapshot& snapshot) {
  Judgement judgement = Judge(snapshot, JudgeDepth::kAll);
  if (judgement.is_right()) return std::nullopt;
  return std::move(judgement.what);
}

OpenOptions EndlessCommits::Options() const {
  OpenOptions options = ScriptOptions();
  options.retention.keep_last = keep_last_;
  return options;
}

void EndlessCommits::AdvanceTo(uint64_t version) {
  while (known_.back().version < version) known_.push_back(known_.back().Next());
  while (known_.size() > kWindow + keep_last_) known_.pop_front();
}

bool EndlessCommits::Knows(uint64_t version) const {
  return version >= known_.front().version && version <= known_.back().version;
}

Judgement EndlessCommits::JudgeAs(uint64_t version, const Snapshot& snapshot, JudgeDepth depth) {
  AdvanceTo(version);
  const ExpectedVersion& expected = known_[version - known_.front().version];
  if (depth == JudgeDepth::kAll) {
    auto difference = store::Difference(snapshot, expected);
    return difference ? Judgement::Wrong(*std::move(difference)) : Judgement();
  }
  const std::string where = "version " + std::to_string(expected.version) + ", row ";
  std::vector<float> vector(kScriptDimensions);
  std::optional<Judgement> error;
  for (const ExpectedVersion::Row& row : expected.rows) {
    const auto found = snapshot.Find(row.key);
    if (found.ok() && *found != row.id) {
      return Judgement::Wrong(where + std::to_string(row.id) + " is not found by its key");
    }
    const base::Status read = found.ok() ? snapshot.ReadVector(row.id, vector) : found.status();
    if (!read.ok()) {
      error = Judgement::Error(read);
    } else if (!IsSame(vector, row.vector)) {
      return Judgement::Wrong(where + std::to_string(row.id) + " has other bits");
    }
  }
  return error.value_or(Judgement());
}

EndlessWrites::EndlessWrites(const Shape& shape) : shape_(shape) {
  for (uint32_t key = 0; key < shape_.key_count; ++key) {
    digests_.push_back(base::DigestOf("key " + std::to_string(key)));
  }
  models_[0].stamps.resize(shape_.key_count);
}

OpenOptions EndlessWrites::Options() const {
  OpenOptions options = ScriptOptions();
  options.spec->dimensions = shape_.dimensions;
  options.segment_size_max = shape_.segment_size_max;
  options.journal_size_max = shape_.journal_size_max;
  return options;
}

void EndlessWrites::AdvanceTo(uint64_t version) {
  while (this->version() < version) {
    const Model& before = models_.rbegin()->second;
    Model next = After(before, ChangeOf(before));
    models_.emplace(next.version, std::move(next));
    if (models_.size() <= kWindow + shape_.keep_last_max) continue;
    const Model& newest = models_.rbegin()->second;
    const std::set<uint64_t> history(newest.history.begin(), newest.history.end());
    std::erase_if(models_, [&](const auto& entry) {
      return entry.first + kWindow < newest.version && !history.contains(entry.first);
    });
  }
}

void EndlessWrites::DrawWrite(const Model& before, std::mt19937& random, Change& change) const {
  const auto any_key = [&] { return static_cast<uint32_t>(random() % shape_.key_count); };
  std::vector<uint32_t> there;
  for (uint32_t key = 0; key < shape_.key_count; ++key) {
    if (before.stamps[key] != 0) there.push_back(key);
  }
  const auto delete_some = [&](size_t count) {
    for (size_t i = 0; i < count && !there.empty(); ++i) {
      change.deletes.push_back(there[random() % there.size()]);
    }
    change.deletes.push_back(any_key());  // Perhaps not there, perhaps twice.
  };
  const uint32_t choice = random() % 100;
  if (choice < 2) {
    change.deletes = there;
  } else if (choice < 20) {
    delete_some(1 + random() % 5);
  } else if (choice < 40) {
    delete_some(random() % 10);
    for (size_t i = 1 + random() % shape_.batch_max; i > 0; --i) change.puts.push_back(any_key());
  } else if (choice < 44) {
    for (size_t i = 10 * shape_.batch_max; i > 0; --i) change.puts.push_back(any_key());
  } else {
    for (size_t i = 1 + random() % 2; i > 0; --i) change.puts.push_back(any_key());
  }
  // Something must change, or there is no version.
  const bool deletes_one = std::any_of(change.deletes.begin(), change.deletes.end(),
                                       [&](uint32_t key) { return before.stamps[key] != 0; });
  if (change.puts.empty() && !deletes_one) change.puts.push_back(any_key());
}

EndlessWrites::Change EndlessWrites::ChangeOf(const Model& before) const {
  std::mt19937 random(shape_.seed * 0x9e3779b9u + static_cast<uint32_t>(before.version));
  Change change;
  const auto any_version = [&] {
    const size_t choice = random() % (before.history.size() + 1);
    return choice == before.history.size() ? before.version : before.history[choice];
  };
  const uint32_t choice = random() % 100;
  change.tag = "tag" + std::to_string(random() % 4);
  if (choice < 6) {
    change.kind = Kind::kTag;
    change.target = any_version();
  } else if (choice < 10 && before.tags.contains(change.tag)) {
    change.kind = Kind::kUntag;
  } else if (choice < 15 && before.version > 0) {
    change.kind = Kind::kRollBack;
    change.target = any_version();
  } else if (choice < 17) {
    change.kind = Kind::kRetain;
    change.keep_last = 1 + random() % shape_.keep_last_max;
  } else {
    DrawWrite(before, random, change);
  }
  return change;
}

EndlessWrites::Model EndlessWrites::After(const Model& before, const Change& change) const {
  Model next = before;
  next.version = before.version + 1;
  for (const uint32_t key : change.deletes) next.stamps[key] = 0;
  for (const uint32_t key : change.puts) next.stamps[key] = StampOf(next.version, key);
  if (change.kind == Kind::kTag) next.tags[change.tag] = change.target;
  if (change.kind == Kind::kUntag) next.tags.erase(change.tag);
  if (change.kind == Kind::kRetain) next.keep_last = change.keep_last;
  if (change.kind == Kind::kRollBack) next.stamps = models_.at(change.target).stamps;

  std::set<uint64_t> tagged;
  for (const auto& [name, version] : next.tags) tagged.insert(version);
  std::vector<uint64_t> older = before.history;
  older.push_back(before.version);
  next.history.clear();
  for (size_t i = 0; i < older.size(); ++i) {
    const bool is_recent = older.size() - i < next.keep_last;
    if (is_recent || tagged.contains(older[i])) next.history.push_back(older[i]);
  }
  return next;
}

base::Result<uint64_t> EndlessWrites::Step(Store& store) {
  const uint64_t version = store.snapshot()->version();
  AdvanceTo(version);
  const Model& before = models_.at(version);
  const Change change = ChangeOf(before);
  switch (change.kind) {
    case Kind::kTag:
      return store.Tag(change.tag, "v" + std::to_string(change.target));
    case Kind::kUntag:
      return store.Untag(change.tag);
    case Kind::kRollBack:
      return store.RollBack(std::to_string(change.target));
    case Kind::kRetain:
      return store.SetRetention({.keep_last = change.keep_last});
    default:
      return Write(store, change, version + 1);
  }
}

base::Result<uint64_t> EndlessWrites::Write(Store& store, const Change& change,
                                            uint64_t version) const {
  std::vector<base::Digest> puts;
  std::vector<base::Digest> deletes;
  std::vector<float> vectors;
  for (size_t i = 0; i < change.puts.size(); ++i) {
    const uint32_t key = change.puts[i];
    puts.push_back(digests_[key]);
    const auto rest = change.puts.begin() + static_cast<std::ptrdiff_t>(i) + 1;
    const bool is_last = std::find(rest, change.puts.end(), key) == change.puts.end();
    // One that is not the last of its key must never be seen.
    const auto vector = VectorOf(is_last ? StampOf(version, key) : 1, shape_.dimensions);
    vectors.insert(vectors.end(), vector.begin(), vector.end());
  }
  for (const uint32_t key : change.deletes) deletes.push_back(digests_[key]);
  return store.Write({.puts = {puts, vectors}, .deletes = deletes});
}

Judgement EndlessWrites::JudgeAs(uint64_t version, const Snapshot& snapshot, JudgeDepth depth) {
  AdvanceTo(version);
  const Model& model = models_.at(version);
  const std::string where = "version " + std::to_string(model.version) + ": ";
  if (depth == JudgeDepth::kAll) {
    std::vector<uint64_t> history;
    for (const format::VersionEntry& entry : snapshot.history()) history.push_back(entry.version);
    if (history != model.history) {
      return Judgement::Wrong(where + "history " + TextOf(history) + " instead of " +
                              TextOf(model.history));
    }
    std::map<std::string, uint64_t> tags;
    for (const format::Tag& tag : snapshot.tags()) tags[tag.name] = tag.version;
    if (tags != model.tags) return Judgement::Wrong(where + "other tags");
    if (snapshot.manifest().retention != format::Retention{.keep_last = model.keep_last}) {
      return Judgement::Wrong(where + "another retention rule");
    }
    uint64_t there = 0;
    for (const uint64_t stamp : model.stamps) there += stamp != 0;
    if (snapshot.key_count() != there) return Judgement::Wrong(where + "count of keys");
    // Keys that nobody ever wrote.
    const auto counted = CountKeys(snapshot);
    if (!counted.ok()) return Judgement::Error(counted.status());
    if (*counted != there) return Judgement::Wrong(where + "a scan counts other keys");
  }
  return JudgeKeys(snapshot, model);
}

Judgement EndlessWrites::JudgeKeys(const Snapshot& snapshot, const Model& model) const {
  std::vector<float> vector(shape_.dimensions);
  std::optional<Judgement> error;
  for (uint32_t key = 0; key < shape_.key_count; ++key) {
    const std::string name =
        "version " + std::to_string(model.version) + ", key " + std::to_string(key);
    const auto found = snapshot.Find(digests_[key]);
    if (!found.ok()) {
      error = Judgement::Error(found.status());
      continue;
    }
    if (found->has_value() != (model.stamps[key] != 0)) {
      return Judgement::Wrong(name + (found->has_value() ? " is there" : " is not there"));
    }
    if (!found->has_value()) continue;
    if (const base::Status read = snapshot.ReadVector(**found, vector); !read.ok()) {
      error = Judgement::Error(read);
    } else if (!IsSame(vector, VectorOf(model.stamps[key], shape_.dimensions))) {
      return Judgement::Wrong(name + " has other bits");
    }
  }
  return error.value_or(Judgement());
}

std::optional<std::string> ScriptReader::Look(uint64_t floor) {
  const auto snapshot = Store::OpenReadOnly(files_, folder_);
  if (!snapshot.ok()) {
    const bool may_be_missing = floor == 0 && newest_version_ == 0;
    if (may_be_missing && snapshot.code() == base::Code::kNotFound) return std::nullopt;
    return "cannot open: " + snapshot.status().ToString();
  }
  ++opened_count_;
  const uint64_t version = (*snapshot)->version();
  const uint64_t least = std::max(floor, newest_version_);
  if (version < least) {
    return "version " + std::to_string(version) + " after version " + std::to_string(least);
  }
  newest_version_ = version;
  if (auto difference = script_.Difference(**snapshot)) return difference;
  const size_t choice = random_() % 8;
  if (choice < 3) return LookAtOlder(**snapshot);
  if (choice < 5) return LookAgain();
  if (choice < 6) {
    if (held_.size() == kHeldMax) held_.erase(held_.begin());
    held_.push_back(*snapshot);
  }
  return std::nullopt;
}

std::optional<std::string> ScriptReader::LookAtOlder(const Snapshot& newest) {
  if (newest.history().empty()) return std::nullopt;
  const uint64_t version = newest.history()[random_() % newest.history().size()].version;
  const auto older = Store::OpenVersion(files_, folder_, "v" + std::to_string(version));
  if (!older.ok()) {
    // Writers drop versions meanwhile.
    if (older.code() == base::Code::kNotFound) return std::nullopt;
    return "cannot open version " + std::to_string(version) + ": " + older.status().ToString();
  }
  ++opened_count_;
  if ((*older)->version() != version) return "another version was opened";
  return script_.Knows(version) ? script_.Difference(**older) : std::nullopt;
}

// What was opened long ago is still all there, its files unlinked or not.
std::optional<std::string> ScriptReader::LookAgain() {
  if (held_.empty()) return std::nullopt;
  const auto& snapshot = held_[random_() % held_.size()];
  if (!script_.Knows(snapshot->version())) {
    const base::Status unchanged = snapshot->CheckUnchanged();
    if (unchanged.ok()) return std::nullopt;
    return unchanged.ToString();
  }
  return script_.Difference(*snapshot);
}

}  // namespace intact::store
