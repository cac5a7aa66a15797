#include "intact/store/act_script_test.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "intact/store/folder.h"
#include "intact/testing/crash_file_system.h"

namespace intact::store {
namespace {

// Keys are numbers below this; one above is never there.
constexpr uint64_t kKeys = 40;
constexpr uint64_t kLargeKeys = 12;
constexpr uint64_t kModelsBeyond = 3;

base::Digest KeyOf(uint64_t number) { return base::DigestOf("key " + std::to_string(number)); }

// The vector that version `version` gave key `number`, as one value.
uint64_t VectorName(uint64_t version, uint64_t number) { return version * 1000 + number; }
std::vector<float> VectorOf(uint64_t name) { return ScriptVector(name / 1000, name % 1000); }

}  // namespace

std::optional<std::string> HistoryDifference(const Script& script, os::FileSystem& files,
                                             const std::string& folder, const Snapshot& newest) {
  JournalMaps maps(files, folder);
  for (const format::VersionEntry& entry : newest.history()) {
    // As users do, and, for the rest, what is left of that when the newest version is known.
    const auto older = entry.version % 4 == 0
                           ? Store::OpenVersion(files, folder, "v" + std::to_string(entry.version))
                           : LoadSnapshot(files, folder, newest.uuid(), entry, maps);
    if (!older.ok()) return "history: " + kErrorMark + older.status().ToString();
    if ((*older)->version() != entry.version) return "history: another version";
    if (auto difference = script.Difference(**older)) return "history: " + *difference;
  }
  return std::nullopt;
}

const char* NameOf(Act act) {
  constexpr const char* kNames[] = {
      "put",          "update", "delete",    "batch",      "large put",   "rows",         "section",
      "large commit", "merge",  "rewrite",   "empty",      "drop parent", "drop history", "tag",
      "tag older",    "untag",  "roll back", "keep three", "keep one",    "reopen",       "idle"};
  return kNames[static_cast<size_t>(act)];
}

bool IsOfWrite(Act act) { return act <= Act::kLargePut; }
bool IsOfCommit(Act act) { return act >= Act::kRows && act <= Act::kDropHistory; }

ActScript::ActScript(const std::vector<Act>& acts) {
  reopens_.resize(2);
  for (const Act act : acts) {
    if (act == Act::kReopen || act == Act::kIdle) {
      reopens_.back() += act == Act::kIdle ? 2 : 1;
      continue;
    }
    acts_.push_back(act);
    reopens_.push_back(0);
    is_of_commit_ |= IsOfCommit(act);
  }
  length_ = acts_.size();
  models_.emplace_back();
  while (models_.size() <= length_ + kModelsBeyond) models_.push_back(After(models_.back()));
}

Act ActScript::ActOf(uint64_t version) const {
  const Act act = version <= length_ ? acts_[version - 1] : is_of_commit_ ? Act::kRows : Act::kPut;
  const Model& before = models_[version - 1];
  // Where there is nothing to do it with, something simpler.
  const bool has_none = (act == Act::kUntag && before.tags.empty()) ||
                        (act == Act::kTagOlder && before.history.empty());
  if (has_none) return Act::kTag;
  if (act == Act::kDelete && before.keys.empty()) return Act::kPut;
  return act;
}

int ActScript::ReopensBefore(uint64_t version) const {
  return version < reopens_.size() ? reopens_[version] : 0;
}

OpenOptions ActScript::Options() const {
  OpenOptions options = ScriptOptions();
  options.segment_size_max = 1500;
  options.journal_size_max = kJournalSize;
  return options;
}

ActScript::Changes ActScript::ChangesOf(const Model& before) const {
  const uint64_t version = before.version + 1;
  const uint64_t fresh = 3 * version % kKeys;
  const uint64_t first = before.keys.empty() ? fresh : before.keys.begin()->first;
  const uint64_t last = before.keys.empty() ? fresh : before.keys.rbegin()->first;
  switch (ActOf(version)) {
    case Act::kPut:
    case Act::kMerge:
    case Act::kDropParent:
      return {.puts = {fresh}};
    case Act::kUpdate:
      return {.puts = {last}};
    case Act::kDelete:
      return {.deletes = {first, last, kKeys}};
    case Act::kBatch:
      return {.puts = {fresh, first, fresh, (fresh + 1) % kKeys}, .deletes = {last, first, kKeys}};
    case Act::kLargePut:
    case Act::kLargeCommit: {
      Changes changes;
      for (uint64_t i = 0; i < 3 * kLargeKeys; ++i) changes.puts.push_back((fresh + i) % kKeys);
      return changes;
    }
    case Act::kRows:
    case Act::kDropHistory:
      return {.puts = {fresh, last}};
    case Act::kSection:
      return {.puts = {first}};
    case Act::kRewrite:
      return {.puts = {fresh}, .keep_every = 2};
    default:
      return {};
  }
}

uint64_t ActScript::OldestOf(const Model& model) {
  return model.history.empty() ? model.version : model.history.front();
}

ActScript::Model ActScript::After(const Model& before) {
  Model next = before;
  next.version = before.version + 1;
  const Act act = ActOf(next.version);
  const std::string tag = "tag" + std::to_string(next.version);
  const Changes changes = ChangesOf(before);
  for (const uint64_t key : changes.puts) {
    const uint64_t name = VectorName(next.version, key);
    vectors_[name] = VectorOf(name);
  }
  if (act == Act::kRollBack) {
    const Model& target = models_[OldestOf(before)];
    next.keys = target.keys;
    next.section = target.section;
    next.state = target.state;
  }
  if (act == Act::kTag) next.tags[tag] = before.version;
  if (act == Act::kTagOlder) next.tags[tag] = OldestOf(before);
  if (act == Act::kUntag) next.tags.erase(next.tags.begin());
  if (act == Act::kKeepThree) next.keep_last = 3;
  if (act == Act::kKeepOne) next.keep_last = 1;
  if (act == Act::kRewrite) {
    uint64_t index = 0;
    std::erase_if(next.keys, [&](const auto&) { return index++ % changes.keep_every != 0; });
  }
  for (const uint64_t key : changes.deletes) next.keys.erase(key);
  for (const uint64_t key : changes.puts) next.keys[key] = VectorName(next.version, key);
  if (IsOfCommit(act)) next.state = base::AsText(ScriptState(next.version));
  if (!changes.puts.empty()) next.section.reset();
  if (act == Act::kSection || act == Act::kRewrite) next.section = next.version;

  std::set<uint64_t> tagged;
  for (const auto& [name, version] : next.tags) tagged.insert(version);
  std::vector<uint64_t> candidates = before.history;
  candidates.push_back(before.version);
  next.history.clear();
  uint64_t rank = 1;  // Of the newest that is kept: the new version itself.
  for (size_t i = candidates.size(); i-- > 0;) {
    const bool is_tagged = tagged.contains(candidates[i]);
    const bool is_dropped =
        act == Act::kDropHistory || (act == Act::kDropParent && candidates[i] == before.version);
    if (is_dropped && !is_tagged) continue;
    if (++rank <= next.keep_last || is_tagged) next.history.push_back(candidates[i]);
  }
  std::reverse(next.history.begin(), next.history.end());
  return next;
}

base::Result<uint64_t> ActScript::Step(Store& store) const {
  const Model& before = models_[store.snapshot()->version()];
  const uint64_t version = before.version + 1;
  const std::string tag = "tag" + std::to_string(version);
  const Act act = ActOf(version);
  switch (act) {
    case Act::kTag:
      return store.Tag(tag);
    case Act::kTagOlder:
      return store.Tag(tag, "v" + std::to_string(OldestOf(before)));
    case Act::kUntag:
      return store.Untag(before.tags.begin()->first);
    case Act::kRollBack:
      return store.RollBack(std::to_string(OldestOf(before)));
    case Act::kKeepThree:
      return store.SetRetention({.keep_last = 3});
    case Act::kKeepOne:
      return store.SetRetention({.keep_last = 1});
    default:
      return IsOfCommit(act) ? Commit(store, before) : Write(store, before);
  }
}

base::Result<uint64_t> ActScript::Write(Store& store, const Model& before) const {
  const Changes changes = ChangesOf(before);
  std::vector<base::Digest> puts;
  std::vector<base::Digest> deletes;
  std::vector<float> vectors;
  for (size_t i = 0; i < changes.puts.size(); ++i) {
    const uint64_t key = changes.puts[i];
    puts.push_back(KeyOf(key));
    const bool is_last = std::find(changes.puts.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                   changes.puts.end(), key) == changes.puts.end();
    const std::vector<float> vector = VectorOf(VectorName(before.version + 1, key) + !is_last);
    vectors.insert(vectors.end(), vector.begin(), vector.end());
  }
  for (const uint64_t key : changes.deletes) deletes.push_back(KeyOf(key));
  return store.Write({.puts = {puts, vectors}, .deletes = deletes});
}

base::Result<uint64_t> ActScript::Commit(Store& store, const Model& before) const {
  const uint64_t version = before.version + 1;
  const Act act = ActOf(version);
  const Changes changes = ChangesOf(before);
  const auto snapshot = store.snapshot();
  CommitRequest request;
  std::vector<base::Digest> keys;
  std::vector<float> vectors;
  for (const uint64_t key : changes.puts) {
    keys.push_back(KeyOf(key));
    const std::vector<float> vector = VectorOf(VectorName(version, key));
    vectors.insert(vectors.end(), vector.begin(), vector.end());
  }
  std::vector<RowId> kept;
  uint64_t index = 0;
  for (const auto& [key, vector] : before.keys) {
    if (act != Act::kRewrite || index++ % changes.keep_every != 0) continue;
    INTACT_ASSIGN_OR_RETURN(const std::optional<RowId> row, snapshot->Find(KeyOf(key)));
    if (!row) return base::Corruption("key " + std::to_string(key) + " is lost");
    kept.push_back(*row);
  }
  std::sort(kept.begin(), kept.end());
  const base::Bytes section = ScriptSection(version);
  request.rows = {keys, vectors};
  if (act == Act::kMerge) request.merge_count = std::min<size_t>(2, snapshot->segments().size());
  if (act == Act::kRewrite) request.rewrite_rows = kept;
  if (act == Act::kSection || act == Act::kRewrite) {
    request.sections.push_back({kScriptSectionKind, section});
  }
  request.drops_parent = act == Act::kDropParent;
  request.drops_history = act == Act::kDropHistory;
  request.engine_state = ScriptState(version);
  return store.Commit(request);
}

std::optional<std::string> ActScript::Difference(const Snapshot& snapshot) const {
  if (snapshot.version() >= models_.size()) return "a version nobody made";
  const Model& model = models_[snapshot.version()];
  const std::string where = "version " + std::to_string(model.version) + ": ";
  if (base::AsText(snapshot.engine_state()) != model.state) return where + "engine state";
  std::vector<uint64_t> history;
  for (const format::VersionEntry& entry : snapshot.history()) history.push_back(entry.version);
  if (history != model.history) {
    return where + "history " + ::testing::PrintToString(history) + " instead of " +
           ::testing::PrintToString(model.history);
  }
  std::map<std::string, uint64_t> tags;
  for (const format::Tag& tag : snapshot.tags()) tags[tag.name] = tag.version;
  if (tags != model.tags) return where + "other tags";
  if (snapshot.manifest().retention != format::Retention{.keep_last = model.keep_last}) {
    return where + "another retention rule";
  }
  if (!is_of_commit_ && snapshot.key_count() != model.keys.size()) return where + "count of keys";
  if (auto difference = RowDifference(snapshot, model)) return where + *difference;
  for (const auto& segment : snapshot.segments()) {
    if (const base::Status codes = segment->CheckCodes(); !codes.ok()) {
      return where + kErrorMark + codes.ToString();
    }
  }
  if (snapshot.segments().empty()) return std::nullopt;
  const auto section = snapshot.segments().back()->Section(kScriptSectionKind);
  if (!section.ok()) return where + kErrorMark + section.status().ToString();
  const base::Bytes expected = model.section ? ScriptSection(*model.section) : base::Bytes();
  if (base::AsText(*section) != base::AsText(expected)) return where + "section differs";
  return std::nullopt;
}

std::optional<std::string> ActScript::RowDifference(const Snapshot& snapshot,
                                                    const Model& model) const {
  static const std::vector<base::Digest> kDigests = [] {
    std::vector<base::Digest> digests;
    for (uint64_t key = 0; key <= kKeys; ++key) digests.push_back(KeyOf(key));
    return digests;
  }();
  std::vector<float> vector(kScriptDimensions);
  for (uint64_t key = 0; key <= kKeys; ++key) {
    const auto found = snapshot.Find(kDigests[key]);
    if (!found.ok()) return kErrorMark + found.status().ToString();
    const auto expected = model.keys.find(key);
    const std::string name = "key " + std::to_string(key);
    if (found->has_value() != (expected != model.keys.end())) return name + " is there or is not";
    if (!found->has_value()) continue;
    if (const auto read = snapshot.ReadVector(**found, vector); !read.ok()) {
      return kErrorMark + read.ToString();
    }
    if (std::memcmp(vector.data(), vectors_.at(expected->second).data(),
                    sizeof(float) * vector.size()) != 0) {
      return name + " has other bits";
    }
  }
  return std::nullopt;
}

std::vector<Act> WriteActs() {
  using enum Act;
  return {kPut,     kPut,    kUpdate, kKeepThree, kBatch,    kTag,    kDelete, kLargePut,
          kPut,     kReopen, kBatch,  kTagOlder,  kRollBack, kPut,    kUpdate, kDelete,
          kIdle,    kTag,    kBatch,  kLargePut,  kUntag,    kPut,    kReopen, kUpdate,
          kKeepOne, kPut,    kDelete, kKeepThree, kTag,      kBatch,  kPut,    kRollBack,
          kBatch,   kUntag,  kPut,    kUntag,     kLargePut, kReopen, kDelete, kPut};
}

std::vector<Act> CommitActs() {
  using enum Act;
  return {kRows,  kSection,     kTag,     kRows,     kKeepThree, kRows,     kSection,
          kEmpty, kRows,        kReopen,  kTagOlder, kRows,      kRollBack, kRows,
          kRows,  kRows,        kIdle,    kRows,     kRows,      kRows,     kSection,
          kRows,  kLargeCommit, kRows,    kUntag,    kRollBack,  kRows,     kDropParent,
          kMerge, kMerge,       kReopen,  kSection,  kRewrite,   kTag,      kRows,
          kMerge, kDropHistory, kKeepOne, kRows,     kUntag};
}

std::vector<Act> OldJournalActs() {
  using enum Act;
  std::vector<Act> acts(44, kRows);
  acts[0] = kKeepThree;
  acts[5] = kTag;
  acts[22] = kTag;
  acts[23] = kRollBack;
  acts[42] = kReopen;
  acts[43] = kEmpty;
  return acts;
}

namespace {

// What must have happened for the acts to be worth their time.
struct Seen {
  std::set<uint64_t> journals;
  std::map<uint64_t, bool> was_in_journal;  // By segment.
  int moved_out = 0;
  size_t history_most = 0;
};

void Note(const Snapshot& snapshot, Seen& seen) {
  if (snapshot.self().location.journal != 0) seen.journals.insert(snapshot.self().location.journal);
  for (const auto& segment : snapshot.segments()) {
    const bool is_in_journal = segment->location().journal != 0;
    bool& was = seen.was_in_journal[segment->id()];
    if (was && !is_in_journal) ++seen.moved_out;
    was = is_in_journal;
  }
  seen.history_most = std::max(seen.history_most, snapshot.history().size());
}

Seen RunWhole(const ActScript& script) {
  const std::string folder = "/data/store";
  testing::CrashFileSystem files;
  Seen seen;
  auto store = Store::OpenWriter(files, folder, script.Options());
  EXPECT_TRUE(store.ok());
  for (uint64_t version = 1; version <= script.length() + kModelsBeyond; ++version) {
    SCOPED_TRACE("version " + std::to_string(version));
    for (int i = script.ReopensBefore(version); i > 0; --i) {
      store->reset();
      store = Store::OpenWriter(files, folder, script.Options());
      EXPECT_TRUE(store.ok()) << store.status().ToString();
    }
    const auto made = script.Step(**store);
    EXPECT_TRUE(made.ok() && *made == version) << made.status().ToString();
    if (!made.ok()) return seen;
    EXPECT_EQ(script.Difference(*(*store)->snapshot()), std::nullopt);
    EXPECT_EQ(Leftover(files, folder, *(*store)->snapshot()), std::nullopt);
    const auto reader = Store::OpenReadOnly(files, folder);
    EXPECT_TRUE(reader.ok()) << reader.status().ToString();
    if (!reader.ok()) return seen;
    EXPECT_EQ(script.Difference(**reader), std::nullopt);
    EXPECT_EQ(HistoryDifference(script, files, folder, **reader), std::nullopt);
    const auto report = Verify(files, folder);
    EXPECT_TRUE(report.ok() && report->problem_count == 0) << report->problems[0].what;
    Note(**reader, seen);
  }
  return seen;
}

TEST(ActScript, OfWritesRunsWithoutInterruption) {
  const Seen seen = RunWhole(ActScript(WriteActs()));
  EXPECT_GE(seen.journals.size(), 4u);
  EXPECT_GE(seen.history_most, 3u);
}

TEST(ActScript, OfCommitsRunsWithoutInterruption) {
  const Seen seen = RunWhole(ActScript(CommitActs()));
  EXPECT_GE(seen.journals.size(), 6u);
  EXPECT_GE(seen.history_most, 3u);
}

TEST(ActScript, OfOldJournalsRunsWithoutInterruption) {
  EXPECT_GE(RunWhole(ActScript(OldJournalActs())).moved_out, 4);
}

}  // namespace
}  // namespace intact::store
