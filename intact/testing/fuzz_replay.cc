// Stands in for libFuzzer where it is not built in: runs a fuzz target over the files of the
// folders named on the command line, over the empty input, and over a fixed number of seeded
// mutations of each.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <system_error>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

constexpr int kMutationsPerInput = 2000;

void RunMutations(const std::vector<uint8_t>& input, std::mt19937_64& random) {
  for (int round = 0; round < kMutationsPerInput; ++round) {
    std::vector<uint8_t> mutant = input;
    const int edits = 1 + static_cast<int>(random() % 4);
    for (int edit = 0; edit < edits; ++edit) {
      const size_t at = mutant.empty() ? 0 : random() % mutant.size();
      switch (random() % 4) {
        case 0:
          if (!mutant.empty()) mutant[at] ^= static_cast<uint8_t>(1u << (random() % 8));
          break;
        case 1:
          if (!mutant.empty()) mutant[at] = static_cast<uint8_t>(random());
          break;
        case 2:
          mutant.resize(at);
          break;
        default:
          mutant.insert(mutant.begin() + static_cast<std::ptrdiff_t>(at),
                        static_cast<uint8_t>(random()));
      }
    }
    LLVMFuzzerTestOneInput(mutant.data(), mutant.size());
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::mt19937_64 random(20261120);
  std::vector<std::vector<uint8_t>> inputs{
      {}, std::vector<uint8_t>(64, 0), std::vector<uint8_t>(4096, 0xff)};
  for (int i = 1; i < argc; ++i) {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(argv[i], error)) {
      std::ifstream file(entry.path(), std::ios::binary);
      inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
  }
  for (const auto& input : inputs) {
    LLVMFuzzerTestOneInput(input.data(), input.size());
    RunMutations(input, random);
  }
  std::printf("%zu inputs, %d mutations each: no crash\n", inputs.size(), kMutationsPerInput);
  return 0;
}
