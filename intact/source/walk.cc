#include "intact/source/walk.h"

#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "intact/os/file.h"
#include "intact/os/tasks.h"
#include "intact/source/walk_rules.h"

namespace intact::source {
namespace {

using base::Result;
using base::Status;

// The chain of folders from the root down, to recognise a mount that shows one of them again.
struct Ancestor {
  uint64_t device;
  uint64_t inode;
  std::shared_ptr<const Ancestor> parent;
};

// A folder still to be listed.
struct Task {
  std::string folder;  // "" for the root, else "a/b/".
  unsigned depth = 0;
  std::shared_ptr<const FolderRules> rules;
  std::shared_ptr<const Ancestor> parent;
};

// Folders to do, shared by the walking threads.
class TaskList {
 public:
  explicit TaskList(Task first) { tasks_.push_back(std::move(first)); }

  // The next task, waiting for one as long as some thread may still add it; nullopt when all is
  // done.
  std::optional<Task> Take() INTACT_EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    while (tasks_.empty() && running_count_ > 0) condition_.Wait(mutex_);
    if (tasks_.empty()) return std::nullopt;
    Task task = std::move(tasks_.back());
    tasks_.pop_back();
    ++running_count_;
    return task;
  }

  // Ends a taken task, adding the folders found in it.
  void Finish(std::vector<Task> found) INTACT_EXCLUDES(mutex_) {
    base::MutexLock lock(mutex_);
    --running_count_;
    for (Task& task : found) tasks_.push_back(std::move(task));
    if (running_count_ == 0 || !tasks_.empty()) condition_.NotifyAll();
  }

 private:
  base::Mutex mutex_;
  base::Condition condition_;
  std::vector<Task> tasks_ INTACT_GUARDED_BY(mutex_);
  size_t running_count_ INTACT_GUARDED_BY(mutex_) = 0;
};

WalkedFile Skipped(std::string path, os::EntryKind kind, Verdict verdict) {
  WalkedFile skipped;
  skipped.path = std::move(path);
  skipped.stat.kind = kind;
  skipped.reason = verdict.reason;
  skipped.rule = std::move(verdict.rule);
  return skipped;
}

// What one thread has found.
class Walker {
 public:
  Walker(const Judge& judge, const WalkOptions& options, std::atomic<uint64_t>& file_count)
      : judge_(judge), options_(options), file_count_(file_count) {}

  // Lists one folder; returns the folders to enter from it.
  std::vector<Task> ListFolder(const Task& task) {
    std::vector<Task> found;
    Result<os::Folder> folder = os::Folder::Open(judge_.Absolute(task.folder));
    if (!folder.ok()) {
      AddError(task.folder, folder.status());
      return found;
    }
    auto self = std::make_shared<const Ancestor>(
        Ancestor{folder->stat().device, folder->stat().inode, task.parent});
    for (const Ancestor* above = task.parent.get(); above != nullptr; above = above->parent.get()) {
      if (above->inode == self->inode && above->device == self->device) {
        result_.skipped.push_back(Skipped(task.folder.substr(0, task.folder.size() - 1),
                                          os::EntryKind::kDirectory,
                                          {SkipReason::kLoop, "a folder above it, mounted again"}));
        return found;
      }
    }
    const Result<std::vector<os::NamedEntry>> entries = folder->List();
    if (!entries.ok()) {
      AddError(task.folder, entries.status());
      return found;
    }
    const size_t error_count = result_.errors.size();
    const auto rules = judge_.Enter(task.rules, task.folder, *entries, result_.errors);
    if (result_.errors.size() > error_count) {
      // What the rules would have kept out must not come in.
      AddError(task.folder,
               base::Unavailable("left as it was, because its ignore rules cannot be read: make "
                                 "them readable, or use --no-ignore"));
      return found;
    }
    for (const os::NamedEntry& entry : *entries) {
      AddEntry(*folder, task, entry, rules, self, found);
    }
    return found;
  }

  WalkResult& result() { return result_; }

 private:
  void AddEntry(const os::Folder& folder, const Task& task, const os::NamedEntry& entry,
                const std::shared_ptr<const FolderRules>& rules,
                const std::shared_ptr<const Ancestor>& self, std::vector<Task>& found) {
    std::string path = task.folder + entry.name;
    Verdict verdict = judge_.JudgeEntry(*rules, path, entry.name, entry.kind);
    if (!verdict.is_in()) {
      result_.skipped.push_back(Skipped(std::move(path), entry.kind, std::move(verdict)));
      return;
    }
    if (entry.kind == os::EntryKind::kDirectory) {
      if (task.depth >= options_.depth_max) {
        verdict = {SkipReason::kTooDeep,
                   "more than " + std::to_string(options_.depth_max) + " folders deep"};
        result_.skipped.push_back(Skipped(std::move(path), entry.kind, std::move(verdict)));
        return;
      }
      found.push_back({std::move(path) + "/", task.depth + 1, rules, self});
      return;
    }
    const Result<os::FileStat> stat = folder.Stat(entry.name);
    if (!stat.ok()) {
      if (stat.code() != base::Code::kNotFound) result_.errors.push_back({path, stat.status()});
      return;
    }
    verdict = judge_.JudgeSize(stat->size);
    // What was a file when listed may be something else by now.
    if (stat->kind != os::EntryKind::kFile) {
      verdict = {SkipReason::kNotRegular, "it was replaced meanwhile"};
    }
    const bool is_in = verdict.is_in();
    WalkedFile file = Skipped(std::move(path), stat->kind, std::move(verdict));
    file.stat = *stat;
    (is_in ? result_.files : result_.skipped).push_back(std::move(file));
    if (is_in) ++file_count_;
  }

  void AddError(const std::string& folder, const Status& status) {
    if (status.code() == base::Code::kNotFound && !folder.empty()) return;  // Vanished.
    result_.errors.push_back({folder.empty() ? "." : folder.substr(0, folder.size() - 1), status});
  }

  const Judge& judge_;
  const WalkOptions& options_;
  std::atomic<uint64_t>& file_count_;
  WalkResult result_;
};

template <typename T>
void MoveAll(std::vector<T>& from, std::vector<T>& to) {
  to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

template <typename T>
void SortByPath(std::vector<T>& items) {
  std::sort(items.begin(), items.end(), [](const T& a, const T& b) { return a.path < b.path; });
}

// The root with links resolved: rules and loops are told by where things really lie.
Result<std::string> OpenRoot(const std::string& root) {
  INTACT_ASSIGN_OR_RETURN(std::string path, os::CanonicalPath(root));
  INTACT_ASSIGN_OR_RETURN(const os::FileStat stat, os::StatPath(path));
  if (stat.kind != os::EntryKind::kDirectory) {
    return base::InvalidArgument("cannot walk " + root + ": it is not a folder");
  }
  return path;
}

}  // namespace

Result<WalkResult> Walk(const std::string& root, const WalkOptions& options) {
  INTACT_ASSIGN_OR_RETURN(const std::string path, OpenRoot(root));
  WalkResult result;
  Judge judge(path, options);
  TaskList tasks({"", 0, judge.Start(result.errors), nullptr});
  std::atomic<uint64_t> file_count{0};
  const unsigned thread_count = std::max(1u, options.thread_count);
  std::vector<Walker> walkers(thread_count, Walker(judge, options, file_count));
  os::ParallelFor(thread_count, thread_count, [&](size_t i) {
    while (std::optional<Task> task = tasks.Take()) {
      // Past the limit nothing is listed any more, but every task must still be ended.
      std::vector<Task> found;
      if (file_count <= options.file_count_max) found = walkers[i].ListFolder(*task);
      tasks.Finish(std::move(found));
    }
  });
  if (file_count > options.file_count_max) {
    return base::Full(root + " holds more than " + std::to_string(options.file_count_max) +
                      " files; index a folder below it, or leave some out in .intactignore");
  }
  for (Walker& walker : walkers) {
    MoveAll(walker.result().files, result.files);
    MoveAll(walker.result().skipped, result.skipped);
    MoveAll(walker.result().errors, result.errors);
  }
  SortByPath(result.files);
  SortByPath(result.skipped);
  SortByPath(result.errors);
  for (const WalkError& error : result.errors) {
    if (error.path == ".") return error.status;
  }
  return result;
}

Result<WalkedFile> ExplainPath(const std::string& root, const WalkOptions& options,
                               const std::string& path) {
  INTACT_ASSIGN_OR_RETURN(const std::string base, OpenRoot(root));
  const std::string absolute = os::AbsolutePath(os::JoinPath(base, path));
  const std::string prefix = base == "/" ? base : base + "/";
  if (path.starts_with('/') || !absolute.starts_with(prefix) || absolute == prefix) {
    return base::InvalidArgument(path + " does not name anything below " + root);
  }
  const std::string inside = absolute.substr(prefix.size());
  INTACT_RETURN_IF_ERROR(os::StatPath(absolute).status());

  Judge judge(base, options);
  std::vector<WalkError> errors;
  std::shared_ptr<const FolderRules> rules = judge.Start(errors);
  std::string folder;
  for (unsigned depth = 0;; ++depth) {
    INTACT_ASSIGN_OR_RETURN(os::Folder opened, os::Folder::Open(judge.Absolute(folder)));
    INTACT_ASSIGN_OR_RETURN(const std::vector<os::NamedEntry> entries, opened.List());
    rules = judge.Enter(rules, folder, entries, errors);
    const size_t slash = inside.find('/', folder.size());
    const std::string here = inside.substr(0, slash);
    const std::string name = here.substr(folder.size());
    INTACT_ASSIGN_OR_RETURN(const os::FileStat stat, opened.Stat(name));
    Verdict verdict = judge.JudgeEntry(*rules, here, name, stat.kind);
    if (verdict.is_in() && stat.kind == os::EntryKind::kFile) verdict = judge.JudgeSize(stat.size);
    if (verdict.is_in() && stat.kind == os::EntryKind::kDirectory && depth >= options.depth_max) {
      verdict = {SkipReason::kTooDeep,
                 "more than " + std::to_string(options.depth_max) + " folders deep"};
    }
    if (!verdict.is_in() || slash == std::string::npos) {
      WalkedFile file = Skipped(here, stat.kind, std::move(verdict));
      file.stat = stat;
      return file;
    }
    folder = here + "/";
  }
}

}  // namespace intact::source
