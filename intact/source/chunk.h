// A file's text as a list of chunks, each found as one thing: along syntax for nine languages,
// along headings for Markdown and reStructuredText, in windows of lines for all other text.
//
// Promises, for any language and any bytes:
//  1. the chunks lie end to end, in order, and cover the text exactly; none is empty;
//  2. they begin and end at line ends, except inside a line too long for one chunk;
//  3. the same text gives the same chunks, on every machine, whatever was split before;
//  4. time is linear in the text's size, whatever its nesting: text so far from its grammar that
//  parsing it
//     takes twenty times as long as usual is cut into windows. Only there may machines differ.
//
// Method on syntax: split, then merge, on the tree (Zhang et al., "cAST: Enhancing Code
// Retrieval-Augmented Generation with Structural Chunking via Abstract Syntax Tree", 2025, arXiv
// 2506.15655), where we differ so that a definition of decent size is a chunk of its own, together
// with the comment above it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "intact/source/language.h"

namespace intact::source {

// Raised whenever the same text may give other chunks; an index made with another number is out of
// date.
inline constexpr uint32_t kChunkerVersion = 2;

// Sizes of chunks in bytes that are not white space.
inline constexpr uint32_t kChunkSizeTarget = 1500;
inline constexpr uint32_t kChunkSizeMax = 2400;

// The longest text that Split takes.
inline constexpr uint64_t kChunkTextSizeMax = uint64_t{1} << 30;

struct Chunk {
  uint32_t begin = 0;  // [begin, end) in bytes of the text.
  uint32_t end = 0;
  uint32_t first_line = 0;  // From 1.
  uint32_t last_line = 0;   // Inclusive.
  // For people: "Server::Accept", "Server.accept", "Install > Linux"; of several small definitions
  // their names, "a, b, c …"; empty for none. A later part of a long definition keeps its symbol.
  std::string symbol;
  // The simple names of all definitions that start in this chunk, with spaces between: "Server
  // Accept Close". Where the language has no grammar here, those that keywords begin.
  std::string definitions;

  bool operator==(const Chunk&) const = default;
};

// Holds parsers and buffers: make one per thread and keep it. Not thread-safe.
class Chunker {
 public:
  Chunker();
  ~Chunker();
  Chunker(const Chunker&) = delete;
  Chunker& operator=(const Chunker&) = delete;

  // `text` has at most kChunkTextSizeMax bytes. No text, no chunks.
  std::vector<Chunk> Split(Language language, std::string_view text);

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace intact::source
