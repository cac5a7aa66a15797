#include "intact/engine/index.h"

#include <algorithm>

#include "intact/embed/embed.h"
#include "intact/engine/changes.h"
#include "intact/engine/collection.h"
#include "intact/engine/ingest.h"
#include "intact/engine/versions.h"
#include "intact/engine/writer.h"
#include "intact/os/os.h"

namespace intact::engine {
namespace {

// A store inside its own root hides itself from git.
base::Status PrepareFolder(const Place& place) {
  os::FileSystem& files = os::RealFileSystem();
  INTACT_RETURN_IF_ERROR(files.CreateDirectories(place.store));
  const std::string parent = os::ParentPath(place.store);
  if (parent != os::JoinPath(place.root, ".intact")) return base::Ok();
  const std::string ignore = os::JoinPath(parent, ".gitignore");
  if (os::StatPath(ignore).ok()) return base::Ok();
  return os::WriteFileDurably(files, ignore, base::AsBytes("*\n"));
}

// One run of UpdateIndex, from the walk to the last commit.
class Update {
 public:
  Update(const Place& place, const IndexOptions& options, const ProgressSink& progress,
         IndexWriter& writer, const std::string& model_identity)
      : place_(place),
        options_(options),
        progress_(progress),
        writer_(writer),
        scope_(ChooseScope(options.scope, &writer.view())),
        ingester_({place.root, model_identity, scope_.file_size_max,
                   os::ThreadCountOr(options.thread_count), true}) {}

  base::Result<IndexReport> Run() {
    writer_.state().chunks_embedded = writer_.state().chunks_reused = 0;
    INTACT_ASSIGN_OR_RETURN(
        walk_, source::Walk(place_.root, ToWalkOptions(scope_, place_.store,
                                                       os::ThreadCountOr(options_.thread_count))));
    changes_ = Compare(&writer_.view(), walk_);
    for (const source::WalkError& error : walk_.errors)
      AddProblem(error.path, error.status.message());
    DescribeScope();
    for (const RemovedFile& removed : changes_.removed) {
      writer_.Remove(removed.document);
      report_.files_removed += removed.was_in ? 1 : 0;
    }
    // From its first moment an index says that it is unfinished, and of which folder.
    if (writer_.view().state().root.empty()) INTACT_RETURN_IF_ERROR(Commit(true));
    INTACT_RETURN_IF_ERROR(ReadPending());
    INTACT_RETURN_IF_ERROR(CommitLast());
    FillReport();
    return std::move(report_);
  }

 private:
  void AddProblem(const std::string& path, const std::string& message) {
    ++report_.files_failed;
    if (report_.problems.size() < format::kIndexProblemsMax)
      report_.problems.push_back({path, message});
  }

  void DescribeScope() {
    format::IndexState& state = writer_.state();
    state.root = place_.root;
    state.scope_flags = (scope_.include_hidden ? format::kScopeHidden : 0) |
                        (scope_.use_ignore_files ? 0 : format::kScopeNoIgnore);
    state.file_size_max = scope_.file_size_max;
    state.skipped = changes_.skipped;
  }

  base::Status ReadPending() {
    IndexProgress progress;
    progress.files_total = changes_.pending.size();
    progress.bytes_total = changes_.pending_bytes;
    for (size_t at = 0; at < changes_.pending.size();) {
      if (options_.stop != nullptr && *options_.stop) {
        report_.is_interrupted = true;
        return base::Ok();
      }
      const auto window = NextWindow(changes_.pending, at);
      const size_t begin = at;
      at += window.size();
      INTACT_RETURN_IF_ERROR(TakeIn(ingester_.Run(window), begin));
      progress.files_done = at;
      for (const source::WalkedFile* file : window) progress.bytes_done += file->stat.size;
      progress.chunks = writer_.state().chunks_embedded + writer_.state().chunks_reused;
      if (progress_) progress_(progress);
      if (writer_.IsFull()) {
        INTACT_RETURN_IF_ERROR(Commit(true));
        os::ReleaseFreeMemory();
      }
    }
    return base::Ok();
  }

  // `begin` is the place of the first file among the pending.
  base::Status TakeIn(std::vector<IngestedFile> ingested, size_t begin) {
    std::vector<IngestedFile> kept;
    for (size_t i = 0; i < ingested.size(); ++i) {
      IngestedFile& file = ingested[i];
      const PendingFile& pending = changes_.pending[begin + i];
      if (!file.status.ok() && !Dismiss(file, pending)) continue;
      report_.bytes_read += file.text.size();
      if (pending.is_doubtful && Describes(writer_.view(), writer_.Resolve(*pending.older), file)) {
        changes_.unchanged += file.verdict.is_in() ? 1 : 0;
        continue;
      }
      if (pending.older) writer_.Remove(*pending.older);
      if (file.verdict.is_in()) {
        ++report_.files_indexed;
      } else if (pending.was_in) {
        ++report_.files_removed;
      }
      kept.push_back(std::move(file));
    }
    return writer_.Add(kept);
  }

  // Judges a file that could not be read. True when it is to be recorded as left out.
  bool Dismiss(IngestedFile& file, const PendingFile& pending) {
    switch (file.status.code()) {
      case base::Code::kNotFound:         // It vanished after the walk,
      case base::Code::kInvalidArgument:  // or is something else than a file now.
        if (pending.older) writer_.Remove(*pending.older);
        report_.files_removed += pending.was_in ? 1 : 0;
        return false;
      case base::Code::kFull:
        file.verdict = {source::SkipReason::kTooLarge, file.status.message()};
        return true;
      default:
        AddProblem(file.walked->path, file.status.message());
        kept_ += pending.older ? 1 : 0;
        return false;
    }
  }

  void DescribeRun(bool is_unfinished) {
    format::IndexState& state = writer_.state();
    // Only when no document is left that older rules cut: else the next run must not take those for
    // current.
    const bool is_first = writer_.view().state().root.empty();
    if (is_first || (!is_unfinished && kept_ + changes_.kept == 0)) {
      state.chunker_version = source::kChunkerVersion;
      state.tokeniser_version = TermsVersion();
    }
    state.is_interrupted = is_unfinished;
    state.indexed_ns = os::RealClock().wall_ns();
    state.files_failed = report_.files_failed;
    state.problems.clear();
    for (const FileProblem& problem : report_.problems) {
      state.problems.push_back({problem.path, problem.message});
    }
  }

  base::Status Commit(bool is_unfinished) {
    DescribeRun(is_unfinished);
    return writer_.Commit();
  }

  // Nothing new is no new version: a run that only looked changes neither state nor store.
  base::Status CommitLast() {
    DescribeRun(report_.is_interrupted);
    const format::IndexState& before = writer_.view().state();
    format::IndexState after = writer_.StateToCommit();
    after.indexed_ns = before.indexed_ns;
    after.chunks_embedded = before.chunks_embedded;
    after.chunks_reused = before.chunks_reused;
    if (writer_.IsEmpty() && after == before) return writer_.view().snapshot().CheckUnchanged();
    return writer_.Commit();
  }

  void FillReport() {
    const format::IndexState& state = writer_.state();
    report_.version = writer_.view().snapshot().version();
    report_.files = state.files;
    report_.files_unchanged = changes_.unchanged;
    report_.chunks = state.chunks;
    report_.chunks_embedded = state.chunks_embedded;
    report_.chunks_reused = state.chunks_reused;
    report_.skipped = ToReasonCounts(writer_.StateToCommit().skipped);
  }

  const Place& place_;
  const IndexOptions& options_;
  const ProgressSink& progress_;
  IndexWriter& writer_;
  ScopeOptions scope_;
  Ingester ingester_;
  source::WalkResult walk_;
  Changes changes_;
  uint64_t kept_ = 0;  // Documents of files that could not be read.
  IndexReport report_;
};

}  // namespace

base::Result<IndexReport> UpdateIndex(const Place& place, const IndexOptions& options,
                                      const ProgressSink& progress) {
  const int64_t begin_ns = os::RealClock().monotonic_ns();
  INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<embed::Embedder> embedder,
                          embed::OpenLocalEmbedder(place.model));
  INTACT_RETURN_IF_ERROR(PrepareFolder(place));
  if (place.exists) {
    // The store would refuse too, but does not know what to do about it. Other errors are its to
    // report.
    const auto snapshot = store::Store::OpenReadOnly(os::RealFileSystem(), place.store);
    if (snapshot.ok()) {
      INTACT_RETURN_IF_ERROR(CheckIsIndex(**snapshot, place.store));
      INTACT_RETURN_IF_ERROR(CheckModel(**snapshot, place.store, embedder->identity()));
    }
  }
  store::OpenOptions open = WriterOptions(options.lock_wait_ms);
  open.create = true;
  open.spec =
      store::CollectionSpec{.dimensions = embedder->dimensions(), .model = embedder->identity()};
  open.retention = kRetention;
  INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<store::Store> store,
                          store::Store::OpenWriter(os::RealFileSystem(), place.store, open));
  INTACT_ASSIGN_OR_RETURN(
      const std::unique_ptr<IndexWriter> writer,
      IndexWriter::Make(*store, *embedder, os::ThreadCountOr(options.thread_count)));
  INTACT_RETURN_IF_ERROR(CheckRoot(place, writer->view()));
  Update update(place, options, progress, *writer, embedder->identity());
  INTACT_ASSIGN_OR_RETURN(IndexReport report, update.Run());
  report.seconds = os::SecondsSince(begin_ns);
  return report;
}

}  // namespace intact::engine
