// Scripts of acts on a store, one version an act, with a model that says what each version must
// hold: for tests that interrupt them. ActScript does what a user of a store does, through every
// function that changes one; CommitScript is the script of script_test.h.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "intact/store/script_test.h"

namespace intact::store {

// In what Difference says: reading failed, instead of giving something else.
inline const std::string kErrorMark = "error: ";

class Script {
 public:
  virtual ~Script() = default;
  virtual OpenOptions Options() const = 0;
  virtual uint64_t length() const = 0;  // Versions of one run.
  // Makes the version after the store's; also beyond length().
  virtual base::Result<uint64_t> Step(Store& store) const = 0;
  // How often the store is closed and opened again before the step that makes `version`, and, for
  // length() + 1, at the end.
  virtual int ReopensBefore(uint64_t /*version*/) const { return 0; }
  // What differs between the version and what it must be: nullopt when nothing does.
  virtual std::optional<std::string> Difference(const Snapshot& snapshot) const = 0;
};

// Opens every version that the newest one's history lists and asks the script about it.
std::optional<std::string> HistoryDifference(const Script& script, os::FileSystem& files,
                                             const std::string& folder, const Snapshot& newest);

class CommitScript final : public Script {
 public:
  explicit CommitScript(uint64_t length) : expected_(ExpectedVersions(length + 3)) {}

  OpenOptions Options() const override { return ScriptOptions(); }
  uint64_t length() const override { return expected_.size() - 4; }
  base::Result<uint64_t> Step(Store& store) const override { return CommitStep(store); }
  std::optional<std::string> Difference(const Snapshot& snapshot) const override {
    return store::Difference(snapshot, expected_[snapshot.version()]);
  }

 private:
  std::vector<ExpectedVersion> expected_;
};

enum class Act : unsigned char {
  // Of a store written by Write.
  kPut,       // A new key.
  kUpdate,    // A key that is there, or new.
  kDelete,    // Keys that are there, and one that is not.
  kBatch,     // All three, some keys twice.
  kLargePut,  // Too many for a journal.
  // Of a store written by Commit. All but kEmpty add rows, some with keys that are there.
  kRows,
  kSection,
  kLargeCommit,
  kMerge,
  kRewrite,
  kEmpty,
  kDropParent,
  kDropHistory,
  // Of both.
  kTag,
  kTagOlder,
  kUntag,
  kRollBack,
  kKeepThree,
  kKeepOne,
  // No versions of their own.
  kReopen,
  kIdle,  // Closed, opened and closed without anything in between, and opened.
};
const char* NameOf(Act act);
bool IsOfWrite(Act act);
bool IsOfCommit(Act act);
inline constexpr Act kActLast = Act::kIdle;

class ActScript final : public Script {
 public:
  // Acts of Write and of Commit are not mixed. Beyond them come puts, or rows.
  explicit ActScript(const std::vector<Act>& acts);

  OpenOptions Options() const override;
  uint64_t length() const override { return length_; }
  base::Result<uint64_t> Step(Store& store) const override;
  int ReopensBefore(uint64_t version) const override;
  std::optional<std::string> Difference(const Snapshot& snapshot) const override;

  // Smaller than script_test.h's: two or three commits fill it.
  static constexpr uint64_t kJournalSize = 16 << 10;

 private:
  // What a version must be.
  struct Model {
    uint64_t version = 0;
    std::map<uint64_t, uint64_t> keys;  // By number: which vector it has.
    std::optional<uint64_t> section;    // Of the last segment.
    std::string state;
    uint32_t keep_last = 1;
    std::map<std::string, uint64_t> tags;
    std::vector<uint64_t> history;
  };
  // What an act writes.
  struct Changes {
    std::vector<uint64_t> puts;  // In order; the last of a key counts.
    std::vector<uint64_t> deletes;
    uint64_t keep_every = 1;  // Of a rewrite: of the keys there were.
  };

  Act ActOf(uint64_t version) const;
  Changes ChangesOf(const Model& before) const;
  // Of the oldest version that can be gone back to.
  static uint64_t OldestOf(const Model& model);
  Model After(const Model& before);
  base::Result<uint64_t> Write(Store& store, const Model& before) const;
  base::Result<uint64_t> Commit(Store& store, const Model& before) const;
  std::optional<std::string> RowDifference(const Snapshot& snapshot, const Model& model) const;

  std::vector<Act> acts_;     // Those that make versions.
  std::vector<int> reopens_;  // By version, from 1.
  uint64_t length_ = 0;
  bool is_of_commit_ = false;
  std::deque<Model> models_;                        // By version.
  std::map<uint64_t, std::vector<float>> vectors_;  // By name.
};

// Everything that Write does, with a history, tags, roll backs, reopenings, many small journals.
std::vector<Act> WriteActs();
std::vector<Act> CommitActs();
// No merge for long, so that segments are moved out of old journals; then back to a version from
// before that, and the same again.
std::vector<Act> OldJournalActs();

}  // namespace intact::store
