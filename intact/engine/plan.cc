// PlanIndex: what UpdateIndex would do, without doing it.
#include <algorithm>
#include <unordered_set>

#include "intact/embed/embed.h"
#include "intact/engine/changes.h"
#include "intact/engine/index.h"
#include "intact/engine/ingest.h"

namespace intact::engine {
namespace {

constexpr std::string_view kInReasons[] = {"new", "changed", "unchanged", "removed"};

// Groups files by what was decided of them and why.
class RuleTable {
 public:
  void Add(std::string_view reason, const std::string& rule, uint64_t files, uint64_t bytes) {
    if (files == 0) return;
    PlanRule& row = rows_[{std::string(reason), rule}];
    row.reason = reason;
    row.rule = rule;
    row.files += files;
    row.bytes += bytes;
  }
  void AddSkipped(source::SkipReason reason, const std::string& rule, uint64_t files,
                  uint64_t bytes) {
    Add(source::SkipReasonName(reason), rule, files, bytes);
  }
  // What is in, or was, first; most files first in each half.
  std::vector<PlanRule> Finish() const {
    std::vector<PlanRule> rows;
    for (const auto& [key, row] : rows_) rows.push_back(row);
    const auto is_out = [](const PlanRule& row) {
      return std::find(std::begin(kInReasons), std::end(kInReasons), row.reason) ==
             std::end(kInReasons);
    };
    std::stable_sort(rows.begin(), rows.end(), [&](const PlanRule& a, const PlanRule& b) {
      return is_out(a) != is_out(b) ? is_out(b) : a.files > b.files;
    });
    return rows;
  }

 private:
  std::map<std::pair<std::string, std::string>, PlanRule> rows_;
};

// Collects what a run would do, window by window.
class Planner {
 public:
  Planner(const IndexView* view, const embed::Embedder& embedder)
      : view_(view), embedder_(embedder) {}

  void AddWalk(const source::WalkResult& walk, const Changes& changes) {
    rules_.Add("unchanged", "", changes.unchanged, changes.unchanged_bytes);
    for (const RemovedFile& removed : changes.removed) {
      if (removed.was_in) rules_.Add("removed", "", 1, removed.size);
    }
    for (const source::WalkedFile& skipped : walk.skipped) {
      rules_.AddSkipped(skipped.reason, skipped.rule, 1, skipped.stat.size);
    }
    for (const auto& [reason, count] : changes.unchanged_skips) {
      rules_.AddSkipped(static_cast<source::SkipReason>(reason), "by content", count, 0);
    }
    for (const source::WalkError& error : walk.errors) {
      plan_.problems.push_back({error.path, error.status.message()});
    }
  }

  base::Status AddFile(const IngestedFile& file, const PendingFile& pending) {
    if (!file.status.ok()) {
      plan_.problems.push_back({file.walked->path, file.status.message()});
      return base::Ok();
    }
    if (pending.is_doubtful && Describes(*view_, *pending.older, file)) {
      if (file.verdict.is_in()) {
        rules_.Add("unchanged", "", 1, file.text.size());
      } else {
        rules_.AddSkipped(file.verdict.reason, "by content", 1, file.text.size());
      }
      return base::Ok();
    }
    if (!file.verdict.is_in()) {
      rules_.AddSkipped(file.verdict.reason, file.verdict.rule, 1, file.text.size());
      return base::Ok();
    }
    rules_.Add(pending.older ? "changed" : "new", "", 1, file.text.size());
    ++plan_.files_to_read;
    plan_.bytes_to_read += file.text.size();
    plan_.chunks += file.chunks.size();
    for (const IngestedChunk& chunk : file.chunks) {
      std::optional<store::RowId> row;
      if (view_ != nullptr) {
        INTACT_ASSIGN_OR_RETURN(row, view_->snapshot().Find(chunk.key));
      }
      if (row || !unknown_.insert(chunk.key).second) continue;
      ++plan_.chunks_unknown;
      plan_.tokens_estimated += embedder_.CountTokens(file.ChunkText(chunk));
    }
    return base::Ok();
  }

  IndexPlan Finish() {
    plan_.rules = rules_.Finish();
    return std::move(plan_);
  }

 private:
  const IndexView* view_;
  const embed::Embedder& embedder_;
  RuleTable rules_;
  std::unordered_set<base::Digest, base::DigestHash> unknown_;
  IndexPlan plan_;
};

}  // namespace

base::Result<IndexPlan> PlanIndex(const Place& place, const IndexOptions& options) {
  INTACT_ASSIGN_OR_RETURN(const std::unique_ptr<embed::Embedder> embedder,
                          embed::OpenLocalEmbedder(place.model));
  std::shared_ptr<const IndexView> view;
  if (place.exists) {
    INTACT_ASSIGN_OR_RETURN(view, IndexView::Open(place.store));
    INTACT_RETURN_IF_ERROR(CheckModel(view->snapshot(), place.store, embedder->identity()));
    INTACT_RETURN_IF_ERROR(CheckRoot(place, *view));
  }
  const ScopeOptions scope = ChooseScope(options.scope, view.get());
  INTACT_ASSIGN_OR_RETURN(
      const source::WalkResult walk,
      source::Walk(place.root,
                   ToWalkOptions(scope, place.store, os::ThreadCountOr(options.thread_count))));
  const Changes changes = Compare(view.get(), walk);
  Planner planner(view.get(), *embedder);
  planner.AddWalk(walk, changes);
  Ingester ingester({place.root, embedder->identity(), scope.file_size_max,
                     os::ThreadCountOr(options.thread_count), false});
  for (size_t at = 0; at < changes.pending.size();) {
    const auto window = NextWindow(changes.pending, at);
    for (const IngestedFile& file : ingester.Run(window)) {
      INTACT_RETURN_IF_ERROR(planner.AddFile(file, changes.pending[at++]));
    }
  }
  if (view != nullptr) INTACT_RETURN_IF_ERROR(view->snapshot().CheckUnchanged());
  return planner.Finish();
}

}  // namespace intact::engine
