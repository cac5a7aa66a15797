// What durable writes, reads by key and opening cost, beside SQLite, LMDB and RocksDB.
//
// Every engine stores the same keys (32 bytes) and vectors, and every put is on the disk when it
// returns. The engines take turns, 50 puts each, so that a slow minute of the disk or of the
// machine's other users hits all of them. "Busy" adds two threads that do nothing but count.
// Vectors come from the generators of testing/vectors.h; what is read back is compared, bit for
// bit.
//
//   store_peers [--folder DIR] [--dimensions D] [--puts N] [--batches N] [--gets N]
//               [--only ENGINE]
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <functional>
#include <random>
#include <string_view>
#include <thread>

#include "bench/store_engines.h"
#include "intact/testing/testing.h"
#include "intact/testing/vectors.h"

namespace intact::bench {
namespace {

constexpr size_t kTurn = 50;      // Puts of one engine before the next one's.
constexpr size_t kBatch = 100;    // Rows.
constexpr size_t kPrefill = 100;  // Batches that are there before anything is timed.

struct Options {
  std::string folder;
  uint32_t dimensions = 1024;
  size_t puts = 2000;
  size_t batches = 200;
  size_t gets = 20'000;
  std::string only;  // Part of an engine's name.
};

double MicrosecondsOf(const std::function<void()>& action) {
  const auto begin = std::chrono::steady_clock::now();
  action();
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin)
      .count();
}

struct Samples {
  std::vector<double> values;
  double At(double quantile) {
    std::sort(values.begin(), values.end());
    if (values.empty()) return 0;
    return values[std::min(values.size() - 1,
                           static_cast<size_t>(quantile * static_cast<double>(values.size())))];
  }
  double Sum() const {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum;
  }
};

// Threads that keep the processors busy.
class Load {
 public:
  explicit Load(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
      threads_.emplace_back([this] {
        while (!stop_.load(std::memory_order_relaxed)) count_.fetch_add(1);
      });
    }
  }
  ~Load() {
    stop_.store(true);
    for (std::thread& thread : threads_) thread.join();
  }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

 private:
  std::atomic<bool> stop_{false};
  std::atomic<uint64_t> count_{0};
  std::vector<std::thread> threads_;
};

// Asks the kernel to drop the files from the page cache; what is mapped and touched stays.
void Evict(const std::string& folder) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const int file = open(entry.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) continue;
    fdatasync(file);
    posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
    close(file);
  }
}

uint64_t FolderSize(const std::string& folder) {
  uint64_t size = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) size += entry.file_size();
  }
  return size;
}

struct Contestant {
  EngineKind kind;
  std::string folder;
  std::unique_ptr<Engine> engine;
  Samples puts;
  Samples batches;
};

class Bench {
 public:
  explicit Bench(Options options)
      : options_(std::move(options)),
        pool_(testing::VectorSource(testing::Origin::kFloat16OverNorm, options_.dimensions, 1)
                  .Rows(kPool)) {
    for (EngineKind& kind : Engines()) {
      if (kind.name.find(options_.only) == std::string::npos) continue;
      const std::string name = kind.name.substr(0, kind.name.find(' '));
      contestants_.push_back({kind, options_.folder + "/" + name, nullptr, {}, {}});
      contestants_.back().engine = kind.open(contestants_.back().folder, options_.dimensions);
    }
  }

  void Run() {
    for (size_t i = 0; i < kPrefill; ++i) {
      const uint64_t first = Take(kBatch);
      for (Contestant& contestant : contestants_) Put(contestant, first, kBatch);
    }
    TimePuts("durable single puts", 0);
    TimePuts("durable single puts, two busy threads beside", 2);
    TimeBatches(0);
    TimeGets();
    TimeCold();
    TimeOpen();
  }

 private:
  static constexpr size_t kPool = 1000;

  uint64_t Take(size_t count) { return std::exchange(key_count_, key_count_ + count); }
  static base::Digest KeyOf(uint64_t number) {
    return base::DigestOf("key " + std::to_string(number));
  }
  std::span<const float> VectorOf(uint64_t number) const {
    return std::span(pool_).subspan(number * 7 % kPool * options_.dimensions, options_.dimensions);
  }

  double Put(Contestant& contestant, uint64_t first, size_t count) {
    std::vector<base::Digest> keys;
    std::vector<float> vectors;
    for (uint64_t i = first; i < first + count; ++i) {
      keys.push_back(KeyOf(i));
      vectors.insert(vectors.end(), VectorOf(i).begin(), VectorOf(i).end());
    }
    return MicrosecondsOf([&] { contestant.engine->Put(keys, vectors); });
  }

  void TimePuts(const char* title, unsigned load_count) {
    const Load load(load_count);
    for (Contestant& contestant : contestants_) contestant.puts.values.clear();
    for (size_t done = 0; done < options_.puts; done += kTurn) {
      const uint64_t first = Take(kTurn);
      for (Contestant& contestant : contestants_) {
        for (uint64_t i = first; i < first + kTurn; ++i) {
          contestant.puts.values.push_back(Put(contestant, i, 1));
        }
      }
    }
    std::printf("\n%s, %u dimensions, us\n%-16s %9s %9s %9s %9s %12s\n", title, options_.dimensions,
                "", "p50", "p99", "p99.9", "max", "above 10 ms");
    for (Contestant& contestant : contestants_) {
      Samples& puts = contestant.puts;
      const auto slow = std::count_if(puts.values.begin(), puts.values.end(),
                                      [](double value) { return value > 10'000; });
      std::printf("%-16s %9.0f %9.0f %9.0f %9.0f %11.2f%%\n", contestant.kind.name.c_str(),
                  puts.At(0.5), puts.At(0.99), puts.At(0.999), puts.At(1),
                  100.0 * static_cast<double>(slow) / static_cast<double>(puts.values.size()));
    }
  }

  void TimeBatches(unsigned load_count) {
    const Load load(load_count);
    for (size_t done = 0; done < options_.batches; done += 10) {
      const uint64_t first = Take(10 * kBatch);
      for (Contestant& contestant : contestants_) {
        for (uint64_t i = 0; i < 10; ++i) {
          contestant.batches.values.push_back(Put(contestant, first + i * kBatch, kBatch));
        }
      }
    }
    std::printf("\ndurable batches of %zu\n%-16s %12s %9s %9s %14s\n", kBatch, "", "rows/s",
                "p50 ms", "p99 ms", "bytes on disk");
    for (Contestant& contestant : contestants_) {
      Samples& batches = contestant.batches;
      const double rows = static_cast<double>(batches.values.size() * kBatch);
      std::printf("%-16s %12.0f %9.2f %9.2f %13.1f%%\n", contestant.kind.name.c_str(),
                  rows / batches.Sum() * 1e6, batches.At(0.5) / 1000, batches.At(0.99) / 1000,
                  100.0 * static_cast<double>(FolderSize(contestant.folder)) /
                      static_cast<double>(key_count_ * options_.dimensions * sizeof(float)));
    }
    std::printf("(bytes on disk as %% of the vectors' own)\n");
  }

  void TimeGets() {
    std::printf("\nreads by key, page cache warm, %llu keys, us\n%-16s %9s %9s %9s %12s\n",
                static_cast<unsigned long long>(key_count_), "", "find p50", "get p50", "get p99",
                "absent p50");
    std::mt19937_64 random(3);
    std::vector<uint64_t> numbers(options_.gets);
    for (uint64_t& number : numbers) number = random() % key_count_;
    std::vector<float> vector(options_.dimensions);
    for (Contestant& contestant : contestants_) {
      Samples find;
      Samples get;
      Samples absent;
      for (int pass = 0; pass < 2; ++pass) {
        find.values.clear(), get.values.clear(), absent.values.clear();
        for (const uint64_t number : numbers) {
          const base::Digest key = KeyOf(number);
          find.values.push_back(
              MicrosecondsOf([&] { INTACT_CHECK(contestant.engine->Find(key)); }));
          get.values.push_back(
              MicrosecondsOf([&] { INTACT_CHECK(contestant.engine->Get(key, vector)); }));
          CheckVector(number, vector);
          const base::Digest other = base::DigestOf("no key " + std::to_string(number));
          absent.values.push_back(
              MicrosecondsOf([&] { INTACT_CHECK(!contestant.engine->Find(other)); }));
        }
      }
      std::printf("%-16s %9.2f %9.2f %9.2f %12.2f\n", contestant.kind.name.c_str(), find.At(0.5),
                  get.At(0.5), get.At(0.99), absent.At(0.5));
    }
  }

  void CheckVector(uint64_t number, std::span<const float> vector) const {
    INTACT_CHECK(std::memcmp(vector.data(), VectorOf(number).data(), vector.size_bytes()) == 0);
  }

  // Each read after the files were dropped from the page cache.
  void TimeCold() {
    std::printf("\nreads by key, page cache cold, us\n%-16s %9s %9s %18s\n", "", "get p50",
                "get p99", "index warm, p50");
    std::mt19937_64 random(4);
    std::vector<float> vector(options_.dimensions);
    for (Contestant& contestant : contestants_) {
      Samples cold;
      Samples warm_index;
      for (size_t i = 0; i < std::min<size_t>(200, options_.gets); ++i) {
        const uint64_t number = random() % key_count_;
        const base::Digest key = KeyOf(number);
        contestant.engine->ReleasePages();
        Evict(contestant.folder);
        cold.values.push_back(
            MicrosecondsOf([&] { INTACT_CHECK(contestant.engine->Get(key, vector)); }));
        contestant.engine->ReleasePages();
        Evict(contestant.folder);
        contestant.engine->Find(key);
        warm_index.values.push_back(
            MicrosecondsOf([&] { INTACT_CHECK(contestant.engine->Get(key, vector)); }));
        CheckVector(number, vector);
      }
      std::printf("%-16s %9.0f %9.0f %18.0f\n", contestant.kind.name.c_str(), cold.At(0.5),
                  cold.At(0.99), warm_index.At(0.5));
    }
    std::printf(
        "(SQLite and RocksDB find a key by reading its vector; SQLite and RocksDB keep caches "
        "of their own)\n");
  }

  void TimeOpen() {
    std::printf("\nopening, page cache warm, us\n%-16s %9s\n", "", "p50");
    std::vector<float> vector(options_.dimensions);
    for (Contestant& contestant : contestants_) {
      Samples opens;
      for (int i = 0; i < 20; ++i) {
        contestant.engine.reset();
        opens.values.push_back(MicrosecondsOf([&] {
          contestant.engine = contestant.kind.open(contestant.folder, options_.dimensions);
        }));
      }
      INTACT_CHECK(contestant.engine->Get(KeyOf(0), vector));
      CheckVector(0, vector);
      std::printf("%-16s %9.0f\n", contestant.kind.name.c_str(), opens.At(0.5));
    }
  }

  Options options_;
  std::vector<float> pool_;  // [kPool, d]
  std::vector<Contestant> contestants_;
  uint64_t key_count_ = 0;
};

// 0, which times nothing, for what is no number.
size_t NumberIn(std::string_view text) {
  size_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

}  // namespace
}  // namespace intact::bench

int main(int argument_count, char** arguments) {
  intact::testing::TemporaryFolder temporary;
  using intact::bench::NumberIn;
  intact::bench::Options options;
  options.folder = temporary.path();
  for (int i = 1; i + 1 < argument_count; i += 2) {
    const std::string name = arguments[i];
    const std::string value = arguments[i + 1];
    if (name == "--folder") options.folder = value;
    if (name == "--only") options.only = value;
    if (name == "--dimensions") options.dimensions = static_cast<uint32_t>(NumberIn(value));
    if (name == "--puts") options.puts = NumberIn(value);
    if (name == "--batches") options.batches = NumberIn(value);
    if (name == "--gets") options.gets = NumberIn(value);
  }
  intact::bench::Bench(options).Run();
  return 0;
}
