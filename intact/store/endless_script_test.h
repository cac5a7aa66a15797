// Scripts without an end, for tests that interrupt a store again and again, and for the soak: each
// version follows from the one before it and a seed, so that whoever knows a version's number knows
// what it must hold. The model is the script itself: it is kept in no file.
//
// Thread-compatible: each thread or process has a script of its own, with the same seed.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "intact/store/script_test.h"

namespace intact::store {

// What a version was found to be.
struct Judgement {
  enum class Kind : unsigned char {
    kRight,
    kError,  // The store said that it cannot read something. Nothing wrong was read.
    kWrong,
  };
  Kind kind = Kind::kRight;
  std::string what;

  bool is_right() const { return kind == Kind::kRight; }
  static Judgement Error(const base::Status& status) { return {Kind::kError, status.ToString()}; }
  static Judgement Wrong(std::string what) { return {Kind::kWrong, std::move(what)}; }
};

enum class JudgeDepth : unsigned char {
  kContent,  // Keys and vectors.
  kAll,      // History, tags, retention rule, counts too.
};

class EndlessScript {
 public:
  virtual ~EndlessScript() = default;
  virtual OpenOptions Options() const = 0;
  // The newest version that was worked out.
  virtual uint64_t version() const = 0;
  // Works out all versions up to this one.
  virtual void AdvanceTo(uint64_t version) = 0;
  // Whether the version is worked out and not yet forgotten: the last ones, and those that the
  // newest one's history lists, are known.
  virtual bool Knows(uint64_t version) const = 0;
  // Makes the version after the store's.
  virtual base::Result<uint64_t> Step(Store& store) = 0;
  // Advances to `version`, and compares the snapshot with what it must hold. The version must be
  // known, or newer than all that are.
  virtual Judgement JudgeAs(uint64_t version, const Snapshot& snapshot, JudgeDepth depth) = 0;
  Judgement Judge(const Snapshot& snapshot, JudgeDepth depth) {
    return JudgeAs(snapshot.version(), snapshot, depth);
  }
  // nullopt when it is right in all.
  std::optional<std::string> Difference(const Snapshot& snapshot);

  static constexpr uint64_t kWindow = 64;  // Versions that are known besides the history.
};

// The script of script_test.h, by Store::Commit.
class EndlessCommits final : public EndlessScript {
 public:
  explicit EndlessCommits(uint32_t keep_last = 1) : keep_last_(keep_last) { known_.resize(1); }

  OpenOptions Options() const override;
  uint64_t version() const override { return known_.back().version; }
  void AdvanceTo(uint64_t version) override;
  bool Knows(uint64_t version) const override;
  base::Result<uint64_t> Step(Store& store) override { return CommitStep(store); }
  Judgement JudgeAs(uint64_t version, const Snapshot& snapshot, JudgeDepth depth) override;

 private:
  uint32_t keep_last_;
  std::deque<ExpectedVersion> known_;  // Ascending, without a gap.
};

// Puts, updates, deletes, batches of all of them, large puts, tags, roll backs and retention rules,
// by Store::Write and its like, drawn from a seed.
class EndlessWrites final : public EndlessScript {
 public:
  struct Shape {
    uint32_t seed = 1;
    uint32_t dimensions = kScriptDimensions;
    uint32_t key_count = 200;  // Different keys.
    uint32_t batch_max = 40;   // Puts of a batch; of a large one ten times as many.
    uint32_t keep_last_max = 6;
    uint64_t journal_size_max = 48 << 10;
    uint64_t segment_size_max = 64 << 10;
  };

  explicit EndlessWrites(const Shape& shape);

  OpenOptions Options() const override;
  uint64_t version() const override { return models_.rbegin()->first; }
  void AdvanceTo(uint64_t version) override;
  bool Knows(uint64_t version) const override { return models_.contains(version); }
  base::Result<uint64_t> Step(Store& store) override;
  Judgement JudgeAs(uint64_t version, const Snapshot& snapshot, JudgeDepth depth) override;

 private:
  struct Model {
    uint64_t version = 0;
    std::vector<uint64_t> stamps;  // By key: which vector it has, 0 for none.
    uint32_t keep_last = 1;
    std::map<std::string, uint64_t> tags;
    std::vector<uint64_t> history;
  };
  enum class Kind : unsigned char { kWrite, kTag, kUntag, kRollBack, kRetain };
  struct Change {
    Kind kind = Kind::kWrite;
    std::vector<uint32_t> puts;  // In order; the last of a key counts.
    std::vector<uint32_t> deletes;
    std::string tag;
    uint64_t target = 0;  // A version.
    uint32_t keep_last = 1;
  };

  Change ChangeOf(const Model& before) const;
  void DrawWrite(const Model& before, std::mt19937& random, Change& change) const;
  Model After(const Model& before, const Change& change) const;
  base::Result<uint64_t> Write(Store& store, const Change& change, uint64_t version) const;
  Judgement JudgeKeys(const Snapshot& snapshot, const Model& model) const;

  Shape shape_;
  std::vector<base::Digest> digests_;  // By key.
  std::map<uint64_t, Model> models_;   // By version.
};

// Reads a store that somebody else writes, as a long-lived process would: opens it again and again,
// goes back to older versions, keeps some snapshots for later, and judges all of it.
class ScriptReader {
 public:
  ScriptReader(EndlessScript& script, os::FileSystem& files, std::string folder, uint32_t seed)
      : script_(script), files_(files), folder_(std::move(folder)), random_(seed) {}

  // One look. The current version must be at least `floor`, and at least what this reader saw
  // before; with 0 there may be no store yet. What is wrong, nullopt when nothing is.
  std::optional<std::string> Look(uint64_t floor);

  uint64_t newest_version() const { return newest_version_; }
  uint64_t opened_count() const { return opened_count_; }

 private:
  std::optional<std::string> LookAtOlder(const Snapshot& newest);
  std::optional<std::string> LookAgain();

  static constexpr size_t kHeldMax = 4;

  EndlessScript& script_;
  os::FileSystem& files_;
  std::string folder_;
  std::mt19937 random_;
  uint64_t newest_version_ = 0;
  uint64_t opened_count_ = 0;
  std::vector<std::shared_ptr<const Snapshot>> held_;
};

}  // namespace intact::store
