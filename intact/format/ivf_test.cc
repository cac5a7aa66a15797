// Goal: files of inverted lists and their summary come back as they were written, and any damage is
// seen before anything is believed.
#include "intact/format/ivf.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <span>

namespace intact::format {
namespace {

constexpr uint32_t kDimensions = 100;
constexpr size_t kHalf = 64;

// Lists of two, no and one rows.
class File {
 public:
  File() {
    header_.store.bytes[3] = std::byte{7};
    header_.segment = 5;
    header_.segment_digest = base::DigestOf("segment");
    header_.dimensions = kDimensions;
    header_.list_count = 3;
    header_.row_count = 3;
    header_.query_norm = 1;
    const uint32_t counts[] = {2, 0, 1};
    std::vector<IvfListEntry> table;
    uint64_t end = header_.lists_offset();
    for (const uint32_t count : counts) {
      table.push_back({end, count, 0});
      end += header_.ListSize(count);
    }
    header_.file_size = end;
    bytes_.resize(end);
    terms_ = {{0.5f, 1, 2, 0}, {0, 0, 0, 0}, {1, -1, 0, 0}};
    std::memcpy(data() + header_.terms_offset(), terms_.data(), 48);
    std::memset(data() + header_.centroids_offset(), 3, header_.centroids_size());
    PutRows(table[0], {0, 2});
    PutRows(table[1], {});
    PutRows(table[2], {1});
    std::memcpy(data() + header_.table_offset(), table.data(), 48);
    Seal();
  }
  std::byte* data() { return bytes_.data(); }
  base::ByteSpan bytes() { return {data(), header_.file_size}; }
  IvfHeader& header() { return header_; }

  void Seal() {
    const uint32_t seed = header_.crc_seed();
    header_.centroids_crc =
        base::Crc32c(bytes().subspan(header_.centroids_offset(), header_.centroids_size()), seed);
    header_.terms_crc = base::Crc32c(bytes().subspan(header_.terms_offset(), 48), seed);
    header_.table_crc = base::Crc32c(bytes().subspan(header_.table_offset(), 48), seed);
    const IvfHeaderBytes page = EncodeIvfHeader(header_);
    std::memcpy(data(), page.data(), page.size());
  }

 private:
  void PutRows(IvfListEntry& entry, std::vector<uint32_t> rows) {
    std::byte* at = data() + entry.offset + rows.size() * (kHalf + 12);
    std::ranges::copy(std::as_bytes(std::span(rows)), at);
    entry.crc = base::Crc32c(bytes().subspan(entry.offset, header_.ListSize(entry.row_count)),
                             header_.crc_seed());
  }

  IvfHeader header_;
  std::vector<IvfTerm> terms_;
  base::AlignedVector<std::byte> bytes_;
};

TEST(Ivf, ComesBackAsItWasWritten) {
  File file;
  const auto view = IvfView::Parse(file.bytes(), "file");
  ASSERT_TRUE(view.ok()) << view.status().ToString();
  EXPECT_EQ(view->header(), file.header());
  EXPECT_EQ(view->centroids()[200], 3);
  EXPECT_EQ(view->terms()[0].spread, 2);
  for (uint32_t list = 0; list < 3; ++list) EXPECT_TRUE(view->CheckList(list).ok());
  EXPECT_EQ(view->ListAt(0).rows.size(), 2u);
  EXPECT_EQ(view->ListAt(0).rows[1], 2u);
  EXPECT_EQ(view->ListAt(1).rows.size(), 0u);
  EXPECT_EQ(view->ListAt(2).rows[0], 1u);
}

TEST(Ivf, EveryFlippedByteIsSeen) {
  File file;
  for (size_t at = 0; at < file.bytes().size(); ++at) {
    file.data()[at] ^= std::byte{0x10};
    const auto view = IvfView::Parse(file.bytes(), "file");
    bool is_seen = !view.ok();
    for (uint32_t list = 0; !is_seen && list < 3; ++list) is_seen = !view->CheckList(list).ok();
    // Padding between parts has no checksum and no meaning.
    const IvfHeader& header = file.header();
    const bool is_padding = (at >= header.terms_offset() + 48 && at < header.table_offset()) ||
                            (at >= header.table_offset() + 48 && at < header.lists_offset());
    EXPECT_EQ(is_seen, !is_padding) << "byte " << at;
    file.data()[at] ^= std::byte{0x10};
  }
}

TEST(Ivf, RefusesWhatContradictsItself) {
  struct Case {
    const char* name;
    void (*change)(File& file);
  };
  const Case cases[] = {
      {"no lists", [](File& file) { file.header().list_count = 0; }},
      {"more rows", [](File& file) { ++file.header().row_count; }},
      {"norm", [](File& file) { file.header().query_norm = -1; }},
      {"dimensions", [](File& file) { file.header().dimensions = 0; }},
      {"size", [](File& file) { file.header().row_count = 0; }},
      {"term",
       [](File& file) {
         base::Store(file.data() + file.header().terms_offset(),
                     std::numeric_limits<float>::infinity());
       }},
      {"list beyond the end",
       [](File& file) {
         base::Store(file.data() + file.header().table_offset() + 40, uint32_t{1000});
       }},
  };
  for (const Case& test : cases) {
    File file;
    const uint64_t size = file.header().file_size;
    test.change(file);
    const IvfHeaderBytes page = EncodeIvfHeader(file.header());
    if (file.header().list_count == 3 && file.header().dimensions == kDimensions) {
      file.Seal();
    } else {
      std::memcpy(file.data(), page.data(), page.size());
    }
    const auto view = IvfView::Parse({file.data(), size}, "file");
    EXPECT_EQ(view.code(), base::Code::kCorruption) << test.name;
  }
}

TEST(Ivf, NamesNewerFormatsAsSuch) {
  File file;
  base::Store(file.data() + 8, uint16_t{2});
  base::Store(file.data() + 4092, base::Crc32c(file.bytes().first(4092)));
  EXPECT_EQ(IvfView::Parse(file.bytes(), "file").code(), base::Code::kUnsupported);
}

TEST(Ivf, NeverReadsBeyondACutFile) {
  File file;
  for (size_t size = 0; size < file.bytes().size(); size += 61) {
    EXPECT_FALSE(IvfView::Parse(file.bytes().first(size), "file").ok()) << size;
  }
}

TEST(IvfSummary, ComesBackAndShowsDamage) {
  IvfSummary summary;
  summary.k = 10;
  summary.training = base::DigestOf("training");
  summary.rows_trained = 100'000;
  summary.probes = 8;
  summary.curve = {{1, 900'000}, {8, 995'000}};
  summary.sample = {{3, 17}, {3, 18}, {9, 0}};
  base::Bytes bytes = EncodeIvfSummary(summary);
  const auto decoded = DecodeIvfSummary(bytes, "summary");
  ASSERT_TRUE(decoded.ok()) << decoded.status().ToString();
  EXPECT_EQ(*decoded, summary);
  for (std::byte& byte : bytes) {
    byte ^= std::byte{4};
    EXPECT_FALSE(DecodeIvfSummary(bytes, "summary").ok());
    byte ^= std::byte{4};
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(DecodeIvfSummary(base::ByteSpan(bytes).first(size), "summary").ok());
  }
}

}  // namespace
}  // namespace intact::format
