#include "intact/engine/ingest.h"

#include <atomic>

#include "intact/engine/index_view.h"

namespace intact::engine {
Ingester::Ingester(IngestOptions options) : options_(std::move(options)) {
  for (unsigned i = 0; i < std::max(1u, options_.thread_count); ++i) {
    workers_.push_back(std::make_unique<Worker>());
  }
}

std::vector<IngestedFile> Ingester::Run(std::span<const source::WalkedFile* const> files) {
  std::vector<IngestedFile> result(files.size());
  std::atomic<size_t> next{0};
  const auto worker_count = static_cast<unsigned>(std::min(workers_.size(), files.size()));
  os::ParallelFor(worker_count, worker_count, [&](size_t worker) {
    for (size_t i = next++; i < files.size(); i = next++) {
      result[i] = IngestOne(*files[i], *workers_[worker]);
    }
  });
  return result;
}

IngestedFile Ingester::IngestOne(const source::WalkedFile& walked, Worker& worker) const {
  IngestedFile file;
  file.walked = &walked;
  file.stat = walked.stat;
  const int64_t read_ns = os::RealClock().wall_ns();
  auto content = source::ReadSource(options_.root, walked.path, options_.file_size_max);
  if (!content.ok()) {
    file.status = content.status();
    return file;
  }
  file.text = std::move(content->text);
  file.stat = content->stat;
  file.is_racy = file.stat.ctime_ns + os::kStatSettledNs > read_ns;
  file.language = source::DetectLanguage(walked.path, file.text);
  file.verdict = source::ClassifyContent(walked.path, file.text);
  if (!file.verdict.is_in()) return file;
  for (source::Chunk& chunk : worker.chunker.Split(file.language, file.text)) {
    IngestedChunk ingested;
    ingested.chunk = std::move(chunk);
    const std::string_view text = file.ChunkText(ingested);
    ingested.key = ChunkKey(options_.model_identity, text);
    if (options_.needs_terms) {
      ingested.terms = worker.terms.Count(text);
      ingested.term_count = worker.terms.total();
    }
    file.chunks.push_back(std::move(ingested));
  }
  return file;
}

}  // namespace intact::engine
