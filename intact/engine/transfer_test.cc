// Goal: files go into collections and come back with the same bytes; what goes wrong is said, and
// leaves files and collections whole. Method: real files in a temporary folder.
#include "intact/engine/transfer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <random>

#include "intact/engine/collection.h"
#include "intact/engine/stats.h"
#include "intact/os/os.h"
#include "intact/testing/testing.h"

namespace intact::engine {
namespace {

using base::Code;
using ::testing::HasSubstr;

class TransferTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }
  std::string Read(const std::string& name) {
    std::ifstream stream(folder_ / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  base::Result<ImportReport> Import(const std::vector<std::string>& files) {
    ImportOptions options;
    options.files = files;
    options.store = Store();
    return ImportFiles(options);
  }
  ExportOptions To(const std::string& name) {
    ExportOptions options;
    options.store = Store();
    options.file = folder_ / name;
    return options;
  }
  std::string Store() const { return folder_ / "store"; }

  testing::TemporaryFolder folder_;
};

std::string RandomBytes(size_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes(size, 0);
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

TEST_F(TransferTest, BringsAFileBackByteForByte) {
  const std::string file = Write("model__6__1000.f32", RandomBytes(24'000, 1));
  uint64_t rows_seen = 0;
  ImportOptions options;
  options.files = {file};
  options.store = Store();
  const auto imported = ImportFiles(options, [&](const TransferProgress& at) {
    rows_seen = at.rows_done;
    EXPECT_EQ(at.rows_total, 1000u);
  });
  ASSERT_TRUE(imported.ok()) << imported.status().ToString();
  EXPECT_EQ(rows_seen, 1000u);
  EXPECT_EQ(imported->rows_added, 1000u);
  EXPECT_EQ(imported->model, "unknown");
  EXPECT_EQ(imported->metric, "cosine");
  const auto exported = ExportFile(To("out.f32"));
  ASSERT_TRUE(exported.ok()) << exported.status().ToString();
  EXPECT_EQ(exported->bytes, 24'000u);
  EXPECT_TRUE(Read("out.f32") == Read("model__6__1000.f32"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out.f32.intact-partial"));
}

TEST_F(TransferTest, NumbersRowsOnThroughSeveralFiles) {
  const std::string a = RandomBytes(40, 2), b = RandomBytes(80, 3);
  const std::vector<std::string> files = {Write("a__2__5.f32", a), Write("b__2__10.f32", b)};
  ASSERT_TRUE(Import(files).ok());
  const auto again = Import(files);
  EXPECT_EQ(again->rows_unchanged, 15u);
  EXPECT_EQ(again->files, 2u);
  ASSERT_TRUE(ExportFile(To("out.f32")).ok());
  EXPECT_TRUE(Read("out.f32") == a + b);
  // The second file alone is numbered from 0.
  const auto second = Import({files[1]});
  EXPECT_EQ(second->rows_updated, 10u);
  EXPECT_EQ(second->records, 15u);
  ASSERT_TRUE(Import(files).ok());
  ExportOptions options = To("out.f32");
  options.overwrite = true;
  ASSERT_TRUE(ExportFile(options).ok());
  EXPECT_TRUE(Read("out.f32") == a + b);
}

TEST_F(TransferTest, WritesNothingWhenFilesDoNotAgreeOrAreNoFiles) {
  const std::string a = Write("a__2__5.f32", RandomBytes(40, 4));
  const std::string other = Write("b__5__2.f32", RandomBytes(40, 4));
  const auto report = Import({a, other});
  EXPECT_EQ(report.code(), Code::kInvalidArgument);
  EXPECT_THAT(report.status().message(), HasSubstr("2 dimensions"));
  EXPECT_THAT(report.status().message(), HasSubstr("5 dimensions"));
  EXPECT_EQ(Import({a, folder_ / "none.npy"}).code(), Code::kNotFound);
  EXPECT_EQ(Import({folder_.path()}).code(), Code::kInvalidArgument);
  EXPECT_EQ(Import({Write("x.npy", "not that")}).code(), Code::kInvalidArgument);
  EXPECT_EQ(Import({}).code(), Code::kInvalidArgument);
  EXPECT_FALSE(std::filesystem::exists(Store()));
}

TEST_F(TransferTest, NeverReplacesAFileUnasked) {
  ASSERT_TRUE(Import({Write("a__2__5.f32", RandomBytes(40, 5))}).ok());
  Write("out.f32", "precious");
  const auto refused = ExportFile(To("out.f32"));
  EXPECT_EQ(refused.code(), Code::kInvalidArgument);
  EXPECT_THAT(refused.status().message(), HasSubstr("--force"));
  EXPECT_EQ(Read("out.f32"), "precious");
  EXPECT_THAT(ExportFile(To("out.txt")).status().message(), HasSubstr("--format"));
  ExportOptions options = To("out.f32");
  options.overwrite = true;
  const std::atomic<bool> stop = true;
  options.stop = &stop;
  EXPECT_EQ(ExportFile(options).code(), Code::kCancelled);
  EXPECT_EQ(Read("out.f32"), "precious");
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out.f32.intact-partial"));
}

TEST_F(TransferTest, FindsDamageOnTheWayOut) {
  ASSERT_TRUE(Import({Write("a__64__500.f32", RandomBytes(128'000, 6))}).ok());
  for (const auto& entry : std::filesystem::directory_iterator(Store())) {
    if (!entry.path().filename().string().starts_with("seg-")) continue;
    std::fstream file(entry.path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-5000, std::ios::end);  // In the exact vectors or the records behind them.
    const char byte = static_cast<char>(file.peek() ^ 1);
    file.seekp(-5000, std::ios::end);
    file.put(byte);
  }
  EXPECT_EQ(ExportFile(To("out.f32")).code(), Code::kCorruption);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out.f32"));
}

TEST_F(TransferTest, StopsBetweenBatchesAndGoesOn) {
  const std::string file = Write("a__2__5.f32", RandomBytes(40, 7));
  ImportOptions options;
  options.files = {file};
  options.store = Store();
  std::atomic<bool> stop = true;
  options.stop = &stop;
  const auto stopped = ImportFiles(options);
  ASSERT_TRUE(stopped.ok()) << stopped.status().ToString();
  EXPECT_TRUE(stopped->is_interrupted);
  EXPECT_EQ(stopped->files, 0u);
  stop = false;
  const auto rest = ImportFiles(options);
  EXPECT_FALSE(rest->is_interrupted);
  EXPECT_EQ(rest->records, 5u);
}

TEST_F(TransferTest, AnInputThatIsCutWhileItIsReadEndsTheImportBehindItsWholeRows) {
  const std::string bytes = RandomBytes(120'000, 21);
  ImportOptions options;
  options.files = {Write("a__6__5000.f32", bytes)};
  options.store = Store();
  for (const bool grows_again : {false, true}) {
    Write("a__6__5000.f32", bytes);
    const auto imported = ImportFiles(options, [&](const TransferProgress&) {
      std::filesystem::resize_file(options.files[0], 30'000);
      if (grows_again) std::filesystem::resize_file(options.files[0], bytes.size());
    });
    EXPECT_EQ(imported.code(), Code::kInvalidArgument);
    EXPECT_THAT(imported.status().message(), HasSubstr("changed while it was open"));
    EXPECT_THAT(imported.status().message(), HasSubstr("the first 1024 rows were imported"));
    ASSERT_TRUE(ExportFile(To(grows_again ? "b.f32" : "a.f32")).ok());
    EXPECT_TRUE(Read(grows_again ? "b.f32" : "a.f32") == bytes.substr(0, 1024 * 24));
  }
}

TEST_F(TransferTest, AStoreThatIsCutWhileItIsReadEndsTheExport) {
  ASSERT_TRUE(Import({Write("a__6__5000.f32", RandomBytes(120'000, 22))}).ok());
  const auto exported = ExportFile(To("out.f32"), [&](const TransferProgress&) {
    for (const auto& entry : std::filesystem::directory_iterator(Store())) {
      std::filesystem::resize_file(entry.path(), entry.file_size() / 3);
    }
  });
  EXPECT_EQ(exported.code(), Code::kCorruption);
  EXPECT_THAT(exported.status().message(), HasSubstr("changed while it was open"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out.f32"));
}

TEST_F(TransferTest, StatsAddUpToTheFilesOfTheStore) {
  const std::string file = Write("a__100__300.f32", RandomBytes(120'000, 8));
  ASSERT_TRUE(Import({file}).ok());
  ASSERT_TRUE(Import({Write("b__100__10.f32", RandomBytes(4'000, 9))}).ok());
  const auto stats = ReadStats(Store());
  ASSERT_TRUE(stats.ok()) << stats.status().ToString();
  EXPECT_TRUE(stats->is_collection);
  EXPECT_EQ(stats->rows, 300u);
  EXPECT_EQ(stats->rows_superseded, 10u);
  EXPECT_EQ(stats->raw_bytes, 120'000u);
  EXPECT_EQ(stats->given_bytes, 120'000u);
  uint64_t in_parts = 0, in_files = 0;
  for (const StatsPart& part : stats->parts) in_parts += part.bytes;
  for (const auto& entry : std::filesystem::directory_iterator(Store())) {
    in_files += entry.file_size();
  }
  EXPECT_EQ(in_parts, in_files);
  EXPECT_EQ(stats->stored_bytes, in_files);
  EXPECT_EQ(ReadStats(folder_ / "none").code(), Code::kNotFound);
}

}  // namespace
}  // namespace intact::engine
