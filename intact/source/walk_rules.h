// How a walk judges what it meets: the rules in force at a folder, and the verdict on one entry of
// it. Internal to the module. Judge is thread-safe after Start.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "intact/os/directory.h"
#include "intact/source/ignore.h"
#include "intact/source/walk.h"

namespace intact::source {

// The ignore files that apply to the entries of a folder. Shared by folders that add none.
struct FolderRules {
  IgnoreStack git;
  IgnoreStack intact;
};

class Judge {
 public:
  Judge(std::string root, const WalkOptions& options) : root_(std::move(root)), options_(options) {}

  // Reads what applies to the root from outside of it. Call once, first.
  std::shared_ptr<const FolderRules> Start(std::vector<WalkError>& errors);

  // The rules inside a folder that holds `entries` (sorted by name): its parent's and its own.
  // `folder` is "" for the root, else "a/b/".
  std::shared_ptr<const FolderRules> Enter(const std::shared_ptr<const FolderRules>& parent,
                                           const std::string& folder,
                                           const std::vector<os::NamedEntry>& entries,
                                           std::vector<WalkError>& errors) const;

  // Judges an entry by name and kind alone; a file that is in may still be too large. `path` is
  // `folder` and `name`.
  Verdict JudgeEntry(const FolderRules& rules, std::string_view path, std::string_view name,
                     os::EntryKind kind) const;
  Verdict JudgeSize(uint64_t size) const;

  const std::string& root() const { return root_; }
  // The absolute path of a path below the root.
  std::string Absolute(std::string_view path) const;

 private:
  void Push(FolderRules& rules, const std::string& folder, std::string_view name, bool is_git,
            std::vector<WalkError>& errors) const;
  void PushOutside(FolderRules& rules, const std::string& path, const std::string& source,
                   const std::string& above, const std::string& below,
                   std::vector<WalkError>& errors) const;

  std::string root_;
  const WalkOptions& options_;
  std::string global_;  // The user's own ignore file.
};

}  // namespace intact::source
