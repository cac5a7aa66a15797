// From a file to chunks with keys and terms: everything about a file that needs neither the store's
// writer nor other files. Internal to engine.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "intact/base/base.h"
#include "intact/engine/terms.h"
#include "intact/os/os.h"
#include "intact/source/source.h"

namespace intact::engine {

struct IngestedChunk {
  source::Chunk chunk;
  base::Digest key;
  std::vector<format::TermCount> terms;
  uint32_t term_count = 0;
};

struct IngestedFile {
  const source::WalkedFile* walked = nullptr;
  base::Status status;      // Not ok: it could not be read.
  source::Verdict verdict;  // Of its content.
  source::Language language = source::Language::kText;
  os::FileStat stat;     // Belongs to `text`.
  bool is_racy = false;  // See format::kFileRacy.
  std::string text;
  std::vector<IngestedChunk> chunks;

  std::string_view ChunkText(const IngestedChunk& chunk) const {
    return std::string_view(text).substr(chunk.chunk.begin, chunk.chunk.end - chunk.chunk.begin);
  }
};

struct IngestOptions {
  std::string root;
  std::string model_identity;
  uint64_t file_size_max = 0;
  unsigned thread_count = 1;
  bool needs_terms = true;
};

// Keeps parsers between calls. Not thread-safe; uses threads of its own inside a call.
class Ingester {
 public:
  explicit Ingester(IngestOptions options);
  // In the order of `files`, whatever the number of threads. The files must outlive the result.
  std::vector<IngestedFile> Run(std::span<const source::WalkedFile* const> files);

 private:
  struct Worker {
    source::Chunker chunker;
    TermCounter terms;
  };
  IngestedFile IngestOne(const source::WalkedFile& walked, Worker& worker) const;

  IngestOptions options_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace intact::engine
