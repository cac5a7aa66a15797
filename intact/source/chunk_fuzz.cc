// Input: a byte that chooses the language, then text. Chunks must cover the text end to end, be
// small, and be the same again with a fresh parser.
#include <cstdint>
#include <string_view>
#include <vector>

#include "intact/base/check.h"
#include "intact/source/chunk.h"
#include "intact/source/content.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using intact::source::Chunk;
  using intact::source::Chunker;
  static Chunker chunker;  // As in use: one per thread, for many texts.
  if (size == 0) return 0;
  const auto language = static_cast<intact::source::Language>(data[0] % 13);
  const std::string_view text(reinterpret_cast<const char*>(data) + 1,
                              size - 1 < 20'000 ? size - 1 : 20'000);
  const std::vector<Chunk> chunks = chunker.Split(language, text);
  uint32_t end = 0;
  for (const Chunk& chunk : chunks) {
    INTACT_CHECK(chunk.begin == end && chunk.end > chunk.begin);
    INTACT_CHECK(chunk.end - chunk.begin <= 4 * intact::source::kChunkSizeMax + 4);
    INTACT_CHECK(chunk.first_line >= 1 && chunk.first_line <= chunk.last_line);
    end = chunk.end;
  }
  INTACT_CHECK(end == text.size());
  if (size % 8 == 0) INTACT_CHECK(Chunker().Split(language, text) == chunks);
  static_cast<void>(intact::source::ClassifyContent("x", text));
  return 0;
}
