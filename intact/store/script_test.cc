#include "intact/store/script_test.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <set>

#include "intact/format/superblock.h"
#include "intact/store/folder.h"
#include "intact/testing/crash_file_system.h"

namespace intact::store {
namespace {

constexpr ScriptStep kSteps[kScriptLength] = {
    {.new_rows = 3},
    {.new_rows = 2, .has_section = true},
    {},
    {.new_rows = 1, .merge_count = 2},
    {.new_rows = 4, .has_section = true},
    {.new_rows = 0, .has_section = true},
    {.new_rows = 9, .merge_count = 100},
    {.new_rows = 1, .is_rewrite = true, .has_section = true},
    {.new_rows = 2},
    {.new_rows = 0, .merge_count = 2, .has_section = true},
};

}  // namespace

const ScriptStep& StepOf(uint64_t version) { return kSteps[(version - 1) % kScriptLength]; }

base::Digest ScriptKey(uint64_t version, size_t index) {
  return base::DigestOf("row " + std::to_string(version) + "/" + std::to_string(index));
}

std::vector<float> ScriptVector(uint64_t version, size_t index) {
  std::mt19937 random(static_cast<uint32_t>(version * 1000 + index));
  std::vector<float> vector(kScriptDimensions);
  for (float& x : vector) x = std::ldexp(static_cast<float>(random() % 2048) - 1024.0f, -11);
  if (index % 3 == 1) {
    for (float& x : vector) x *= 1.2345678f;
  }
  if (index % 4 == 2) {
    vector[0] = -0.0f;
    const uint32_t payload = 0x7fa00000u | static_cast<uint32_t>(version);
    std::memcpy(&vector[1], &payload, sizeof(payload));
    vector[2] = -std::numeric_limits<float>::infinity();
  }
  return vector;
}

base::Bytes ScriptState(uint64_t version) {
  const std::string text = "state of version " + std::to_string(version);
  return {base::AsBytes(text).begin(), base::AsBytes(text).end()};
}

base::Bytes ScriptSection(uint64_t version) {
  return base::Bytes(100 + 300 * (version % 5), static_cast<std::byte>(version));
}

CollectionSpec ScriptSpec() {
  CollectionSpec spec;
  spec.dimensions = kScriptDimensions;
  spec.model = "test/script 1 d8";
  return spec;
}

OpenOptions ScriptOptions() {
  OpenOptions options;
  options.create = true;
  options.spec = ScriptSpec();
  options.segment_size_max = kScriptSegmentSizeMax;
  options.journal_size_max = kScriptJournalSize;
  return options;
}

ExpectedVersion ExpectedVersion::Next() const {
  ExpectedVersion next;
  next.version = version + 1;
  const ScriptStep& step = StepOf(next.version);
  next.next_row = next_row;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (step.is_rewrite && i % 2 == 1) continue;
    next.rows.push_back(rows[i]);
    if (step.is_rewrite) next.rows.back().id = next.next_row++;
  }
  for (size_t i = 0; i < step.new_rows; ++i) {
    next.rows.push_back(
        {next.next_row++, ScriptKey(next.version, i), ScriptVector(next.version, i)});
  }
  const bool is_manifest_only =
      step.new_rows == 0 && !step.has_section && !step.is_rewrite && step.merge_count == 0;
  if (is_manifest_only) next.section_version = section_version;
  if (step.has_section) next.section_version = next.version;
  return next;
}

std::vector<ExpectedVersion> ExpectedVersions(uint64_t count) {
  std::vector<ExpectedVersion> versions(1);
  while (versions.size() <= count) versions.push_back(versions.back().Next());
  return versions;
}

base::Result<uint64_t> CommitStep(Store& store) {
  const auto snapshot = store.snapshot();
  const uint64_t version = snapshot->version() + 1;
  const ScriptStep& step = StepOf(version);
  std::vector<base::Digest> keys;
  std::vector<float> vectors;
  for (size_t i = 0; i < step.new_rows; ++i) {
    keys.push_back(ScriptKey(version, i));
    const std::vector<float> vector = ScriptVector(version, i);
    vectors.insert(vectors.end(), vector.begin(), vector.end());
  }
  std::vector<RowId> kept;
  size_t index = 0;
  for (const auto& segment : snapshot->segments()) {
    for (uint32_t row = 0; row < segment->row_count(); ++row, ++index) {
      if (index % 2 == 0) kept.push_back(segment->first_row() + row);
    }
  }
  const base::Bytes section = ScriptSection(version);
  CommitRequest request;
  request.rows = {keys, vectors};
  request.merge_count = std::min(step.merge_count, snapshot->segments().size());
  if (step.is_rewrite) request.rewrite_rows = kept;
  if (step.has_section) request.sections.push_back({kScriptSectionKind, section});
  request.engine_state = ScriptState(version);
  return store.Commit(request);
}

std::optional<std::string> Difference(const Snapshot& snapshot, const ExpectedVersion& expected) {
  const std::string where = "version " + std::to_string(expected.version) + ": ";
  if (snapshot.version() != expected.version) {
    return where + "found version " + std::to_string(snapshot.version());
  }
  if (snapshot.row_count() != expected.rows.size() || snapshot.next_row() != expected.next_row) {
    return where + std::to_string(snapshot.row_count()) + " rows";
  }
  const base::Bytes state = expected.version == 0 ? base::Bytes() : ScriptState(expected.version);
  if (base::AsText(snapshot.engine_state()) != base::AsText(state)) return where + "engine state";
  for (const auto& segment : snapshot.segments()) {
    if (const base::Status codes = segment->CheckCodes(); !codes.ok())
      return where + codes.message();
  }
  std::vector<float> vector(kScriptDimensions);
  for (const ExpectedVersion::Row& row : expected.rows) {
    const auto found = snapshot.Find(row.key);
    if (!found.ok()) return where + found.status().message();
    if (*found != row.id)
      return where + "row " + std::to_string(row.id) + " has another id or none";
    if (const base::Status read = snapshot.ReadVector(row.id, vector); !read.ok()) {
      return where + read.message();
    }
    if (std::memcmp(vector.data(), row.vector.data(), sizeof(float) * vector.size()) != 0) {
      return where + "row " + std::to_string(row.id) + " has other bits";
    }
  }
  if (!expected.section_version) return std::nullopt;
  if (snapshot.segments().empty()) return where + "no segment with the section";
  const auto section = snapshot.segments().back()->Section(kScriptSectionKind);
  if (!section.ok()) return where + section.status().message();
  if (base::AsText(*section) != base::AsText(ScriptSection(*expected.section_version))) {
    return where + "section differs";
  }
  return std::nullopt;
}

std::optional<std::string> Leftover(os::FileSystem& files, const std::string& folder,
                                    const Snapshot& snapshot) {
  const auto bytes = ReadSuperFile(files, folder);
  if (!bytes.ok()) return bytes.status().message();
  const auto super = format::DecodeSuperFile(*bytes, "SUPER");
  if (!super.ok()) return super.status().message();
  const auto used = ReadFilesInUse(files, folder, snapshot, super->active);
  if (!used.ok()) return used.status().message();
  const auto names = files.ListNames(folder);
  if (!names.ok()) return names.status().message();
  for (const std::string& name : *names) {
    if (name == kLockName || name == kSuperName) continue;
    if (!used->Needs(os::JoinPath(folder, name))) return name;
  }
  return std::nullopt;
}

namespace {

TEST(Script, RunsWithoutInterruption) {
  testing::CrashFileSystem files;
  const auto expected = ExpectedVersions(3 * kScriptLength);
  auto store = Store::OpenWriter(files, "/data/store", ScriptOptions());
  ASSERT_TRUE(store.ok()) << store.status().ToString();
  EXPECT_EQ(Difference(*(*store)->snapshot(), expected[0]), std::nullopt);
  size_t segments_most = 0;
  std::set<uint64_t> journals;
  for (uint64_t version = 1; version < expected.size(); ++version) {
    const auto committed = CommitStep(**store);
    ASSERT_TRUE(committed.ok()) << committed.status().ToString();
    EXPECT_EQ(*committed, version);
    EXPECT_EQ(Difference(*(*store)->snapshot(), expected[version]), std::nullopt);
    EXPECT_EQ(Leftover(files, "/data/store", *(*store)->snapshot()), std::nullopt);
    const auto reader = Store::OpenReadOnly(files, "/data/store");
    ASSERT_TRUE(reader.ok()) << reader.status().ToString();
    EXPECT_EQ(Difference(**reader, expected[version]), std::nullopt);
    const auto report = Verify(files, "/data/store");
    ASSERT_TRUE(report.ok());
    EXPECT_EQ(report->problem_count, 0u) << report->problems[0].what;
    EXPECT_EQ(report->rows, expected[version].rows.size());
    const auto journal = (*reader)->self().location.journal;
    if (journal != 0) journals.insert(journal);
    segments_most = std::max(segments_most, (*reader)->segments().size());
  }
  EXPECT_GE(journals.size(), 3u) << "the script should fill journals";
  EXPECT_GE(segments_most, 4u) << "the script should split rows over segments";
}

}  // namespace
}  // namespace intact::store
