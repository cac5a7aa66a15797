// Question: what do the codecs and levels of a block cost and save, and when does a dictionary, a
// batch or shuffling pay? Data: JSON records of about 110 bytes with common keys (metadata); 4 MiB
// of them end to end (text); float32 rows of 1,024 components, 16-bit values divided by a norm.
// Unit: raw bytes a second; `percent` is the size of the blocks, headers included, in percent of
// raw. Bound: memory copy, timed in the same run.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <string>

#include "intact/codec/block.h"
#include "intact/codec/block_shuffle.h"

namespace intact::codec {
namespace {

constexpr size_t kTextSize = size_t{4} << 20;
constexpr size_t kDimensions = 1024;
constexpr size_t kRows = 1024;

std::string Record(uint64_t number) {
  std::mt19937_64 random(number);
  const char* const languages[] = {"python", "c++", "rust", "go"};
  return "{\"id\": \"doc-" + std::to_string(random() % 1'000'000) + "\", \"path\": \"src/module_" +
         std::to_string(random() % 50) + "/file_" + std::to_string(random() % 900) +
         "\", \"language\": \"" + languages[random() % 4] + "\", \"lines\": [" +
         std::to_string(random() % 1000) + ", " + std::to_string(random() % 1000) +
         "], \"score\": 0." + std::to_string(random() % 100'000) + "}";
}

const base::Bytes& Text() {
  static const base::Bytes bytes = [] {
    std::string text;
    for (uint64_t i = 0; text.size() < kTextSize; ++i) text += Record(i) + "\n";
    text.resize(kTextSize);
    const base::ByteSpan span = base::AsBytes(text);
    return base::Bytes(span.begin(), span.end());
  }();
  return bytes;
}

const base::Bytes& Rows() {
  static const base::Bytes bytes = [] {
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    base::ByteWriter writer;
    for (size_t row = 0; row < kRows; ++row) {
      std::vector<float> vector(kDimensions);
      double squares = 0;
      for (float& x : vector) {
        int exponent = 0;
        const float fraction = std::frexp(normal(random), &exponent);
        x = std::ldexp(std::nearbyint(fraction * 2048) / 2048, exponent);
        squares += static_cast<double>(x) * static_cast<double>(x);
      }
      for (const float x : vector) writer.Put(x / static_cast<float>(std::sqrt(squares)));
    }
    return writer.Take();
  }();
  return bytes;
}

struct Setting {
  const char* name;
  BlockCodec codec;
  int level;
  size_t shuffle_element_size = 0;
};

constexpr Setting kSettings[] = {
    {"stored", BlockCodec::kStored, 0},
    {"lz4", BlockCodec::kLz4, 1},
    {"lz4hc-9", BlockCodec::kLz4, 9},
    {"lz4hc-12", BlockCodec::kLz4, 12},
    {"zstd-1", BlockCodec::kZstd, 1},
    {"zstd-3", BlockCodec::kZstd, 3},
    {"zstd-9", BlockCodec::kZstd, 9},
    {"zstd-19", BlockCodec::kZstd, 19},
    {"lz4-shuffle", BlockCodec::kLz4, 1, 4},
    {"zstd-1-shuffle", BlockCodec::kZstd, 1, 4},
    {"zstd-3-shuffle", BlockCodec::kZstd, 3, 4},
};

BlockOptions OptionsOf(const Setting& setting) {
  BlockOptions options;
  options.codec = setting.codec;
  options.level = setting.level;
  options.shuffle_element_size = setting.shuffle_element_size;
  return options;
}

void Report(benchmark::State& state, size_t raw_size, size_t block_size) {
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * raw_size));
  state.counters["percent"] = 100 * static_cast<double>(block_size) / static_cast<double>(raw_size);
}

void Encode(benchmark::State& state, const base::Bytes& raw, const Setting& setting) {
  auto coder = BlockCoder::Make(OptionsOf(setting));
  base::Bytes block;
  for (auto _ : state) {
    block.clear();
    if (!coder->Compress(raw, block).ok()) state.SkipWithError("cannot compress");
  }
  Report(state, raw.size(), block.size());
}

void Decode(benchmark::State& state, const base::Bytes& raw, const Setting& setting) {
  auto coder = BlockCoder::Make(OptionsOf(setting));
  base::Bytes block;
  if (!coder->Compress(raw, block).ok()) state.SkipWithError("cannot compress");
  base::Bytes decoded;
  for (auto _ : state) {
    decoded.clear();
    if (!coder->Decompress(block, raw.size(), decoded).ok()) state.SkipWithError("cannot read");
  }
  Report(state, raw.size(), block.size());
}

struct Records {
  std::vector<std::string> texts;
  std::vector<base::ByteSpan> raws;
  size_t size = 0;

  Records(uint64_t first, uint64_t count) {
    for (uint64_t i = 0; i < count; ++i) texts.push_back(Record(first + i));
    for (const std::string& text : texts) {
      raws.push_back(base::AsBytes(text));
      size += text.size();
    }
  }
};

// 1,000 records, one block each, by one coder; then each by the function that makes its own.
void Small(benchmark::State& state, Setting setting, bool has_dictionary, bool is_decoding) {
  BlockOptions options = OptionsOf(setting);
  if (has_dictionary) {
    const Records samples(1'000'000, 5000);
    options.dictionary = *Dictionary::Train({1, 1}, samples.raws, size_t{16} << 10);
  }
  const Records records(0, 1000);
  auto coder = BlockCoder::Make(options);
  base::Bytes blocks;
  base::Bytes decoded;
  std::vector<size_t> sizes;
  if (!coder->CompressBatch(records.raws, blocks).ok()) state.SkipWithError("cannot compress");
  for (auto _ : state) {
    if (is_decoding) {
      decoded.clear();
      sizes.clear();
      if (!coder->DecompressBatch(blocks, records.size, decoded, sizes).ok())
        state.SkipWithError("cannot read");
    } else {
      blocks.clear();
      if (!coder->CompressBatch(records.raws, blocks).ok()) state.SkipWithError("cannot compress");
    }
  }
  Report(state, records.size, blocks.size());
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * records.raws.size()));
}

// The text cut into blocks of state.range(0) KiB: what reading one record costs, and saves.
void Cut(benchmark::State& state, bool is_decoding) {
  const size_t block_raw_size = static_cast<size_t>(state.range(0)) << 10;
  std::vector<base::ByteSpan> raws;
  for (base::ByteSpan rest = Text(); !rest.empty();) {
    raws.push_back(rest.first(std::min(block_raw_size, rest.size())));
    rest = rest.subspan(raws.back().size());
  }
  auto coder = BlockCoder::Make({});
  base::Bytes blocks;
  base::Bytes decoded;
  std::vector<size_t> sizes;
  if (!coder->CompressBatch(raws, blocks).ok()) state.SkipWithError("cannot compress");
  for (auto _ : state) {
    base::Bytes& target = is_decoding ? decoded : blocks;
    target.clear();
    sizes.clear();
    if (!(is_decoding ? coder->DecompressBatch(blocks, kTextSize, decoded, sizes)
                      : coder->CompressBatch(raws, blocks))
             .ok())
      state.SkipWithError("cannot code");
  }
  Report(state, kTextSize, blocks.size());
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * raws.size()));
}

void SmallAlone(benchmark::State& state) {
  const Records records(0, 1000);
  base::Bytes blocks;
  for (auto _ : state) {
    blocks.clear();
    for (const base::ByteSpan raw : records.raws)
      if (!CompressBlock(raw, {}, blocks).ok()) state.SkipWithError("cannot compress");
  }
  Report(state, records.size, blocks.size());
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * records.raws.size()));
}

void Copy(benchmark::State& state) {
  base::Bytes target(Rows().size());
  for (auto _ : state) {
    std::memcpy(target.data(), Rows().data(), target.size());
    benchmark::ClobberMemory();
  }
  Report(state, target.size(), target.size());
}

void Shuffle(benchmark::State& state, bool is_inverse) {
  base::Bytes target(Rows().size());
  for (auto _ : state) {
    if (is_inverse)
      UnshuffleBytes(4, Rows(), target);
    else
      ShuffleBytes(4, Rows(), target);
    benchmark::ClobberMemory();
  }
  Report(state, target.size(), target.size());
}

[[maybe_unused]] const bool kRegistered = [] {
  benchmark::RegisterBenchmark("memcpy", Copy);
  benchmark::RegisterBenchmark("shuffle/4", Shuffle, false);
  benchmark::RegisterBenchmark("unshuffle/4", Shuffle, true);
  for (const Setting& setting : kSettings) {
    const std::string name = setting.name;
    for (const bool is_text : {true, false}) {
      const base::Bytes& raw = is_text ? Text() : Rows();
      const std::string data = is_text ? "text/" : "rows/";
      benchmark::RegisterBenchmark((data + "encode/" + name).c_str(),
                                   [&](benchmark::State& state) { Encode(state, raw, setting); });
      benchmark::RegisterBenchmark((data + "decode/" + name).c_str(),
                                   [&](benchmark::State& state) { Decode(state, raw, setting); });
    }
  }
  for (const Setting setting :
       {Setting{"lz4", BlockCodec::kLz4, 1}, Setting{"zstd-3", BlockCodec::kZstd, 3},
        Setting{"zstd-19", BlockCodec::kZstd, 19}}) {
    for (const bool has_dictionary : {false, true}) {
      const std::string name = std::string(setting.name) + (has_dictionary ? "-dictionary" : "");
      benchmark::RegisterBenchmark(("records/encode/" + name).c_str(), Small, setting,
                                   has_dictionary, false);
      benchmark::RegisterBenchmark(("records/decode/" + name).c_str(), Small, setting,
                                   has_dictionary, true);
    }
  }
  for (const bool is_decoding : {false, true}) {
    benchmark::RegisterBenchmark(is_decoding ? "cut/decode/zstd-3" : "cut/encode/zstd-3", Cut,
                                 is_decoding)
        ->RangeMultiplier(4)
        ->Range(1, 1024);
  }
  benchmark::RegisterBenchmark("records/encode/zstd-3-alone", SmallAlone);
  return true;
}();

}  // namespace
}  // namespace intact::codec
