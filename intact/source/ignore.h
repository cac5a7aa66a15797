// Ignore rules as git has them (gitignore(5)): the patterns of one file, and the stack of all files
// that apply at one folder. Values, thread-compatible; a finished stack may be read from many
// threads.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "intact/base/base.h"
#include "intact/source/glob.h"

namespace intact::source {

// One line of an ignore file.
struct IgnoreRule {
  std::string text;  // As written.
  unsigned line = 0;
  bool is_negated = false;  // `!`: lets in again what an earlier rule left out.
  bool is_folder_only = false;
  bool has_slash =
      false;  // Compared with the whole path from the file's folder, not with the last name.

  // The pattern is `literal`, compared at once, then `glob`, when it has wildcards at all. As in
  // git, what follows the literal part is matched on its own.
  std::string literal;
  bool is_suffix = false;  // `*literal`
  std::unique_ptr<const Glob> glob;

  // `path` from the folder of the ignore file, `name` its last part.
  bool Matches(std::string_view path, std::string_view name, bool is_folder) const;
};

// The rules of one file.
class IgnoreFile {
 public:
  // `source` names the file in messages: ".gitignore", "src/.gitignore". Any bytes are valid; a
  // pattern that cannot match matches nothing.
  static IgnoreFile Parse(std::string_view text, std::string source);

  // The last rule that matches decides; nullptr when none does.
  const IgnoreRule* Find(std::string_view path, std::string_view name, bool is_folder) const;

  const std::string& source() const { return source_; }
  bool empty() const { return rules_.empty(); }
  // ".gitignore:3: *.o"
  std::string Describe(const IgnoreRule& rule) const;

 private:
  std::string source_;
  std::vector<IgnoreRule> rules_;
};

enum class IgnoreState : unsigned char { kUndecided, kIgnored, kLetIn };

struct IgnoreVerdict {
  IgnoreState state = IgnoreState::kUndecided;
  const IgnoreFile* file = nullptr;  // Where the rule stands, and the rule; null when undecided.
  const IgnoreRule* rule = nullptr;
};

// Ignore files from the weakest to the strongest: each sees the paths below its own folder.
class IgnoreStack {
 public:
  // `prefix` is put before the paths asked for: the root's path inside the file's folder
  // ("sub/root/").
  void PushAbove(std::shared_ptr<const IgnoreFile> file, std::string prefix);
  // `folder` is the file's folder below the root: "" for the root, else "a/b/".
  void PushBelow(std::shared_ptr<const IgnoreFile> file, std::string folder);
  void Clear() { levels_.clear(); }

  // `path` from the root; `name` its last part. Says nothing of the folders above `path`: ask for
  // each of them first, since what an ignored folder holds cannot be let in again.
  IgnoreVerdict Decide(std::string_view path, std::string_view name, bool is_folder) const;
  bool empty() const { return levels_.empty(); }

 private:
  struct Level {
    std::shared_ptr<const IgnoreFile> file;
    std::string above;  // Put before paths.
    std::string below;  // Taken off paths.
  };
  std::vector<Level> levels_;
};

// What git itself would read beside .gitignore files.
struct GitPlaces {
  std::string top;      // The work tree that holds the folder; empty when there is none.
  std::string exclude;  // info/exclude of the repository; need not exist.
  std::string global;   // core.excludesFile, or its default; need not exist.
};

// Looks at `folder` (absolute) and the folders above it for a repository. Never fails: what cannot
// be read counts as absent.
GitPlaces FindGitPlaces(const std::string& folder);

// Whether `folder` holds .git, as a folder or as the file of a submodule or linked work tree, and
// if so where its info/exclude would be; empty when it does not.
std::string FindGitExclude(const std::string& folder);

// The value of core.excludesFile in the text of a git configuration file, as written; empty when
// unset.
std::string FindExcludesFile(std::string_view config);

// Reads and parses; an empty file when `path` does not exist. kFull above 1 MiB, kIo.
base::Result<std::shared_ptr<const IgnoreFile>> ReadIgnoreFile(const std::string& path,
                                                               std::string source);

}  // namespace intact::source
