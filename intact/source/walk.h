// A tree's files: which are candidates for an index, which are not and by which rule. Reads folders
// and ignore files, never the files themselves; follows no link. Functions are thread-safe.
//
// The rules, first that speaks decides: folders of version control and of intact's own stores;
// links and what is no regular file; .intactignore; hidden names; .gitignore and the other rules of
// git; names that mark generated files and folders of installed packages; extensions of binary
// files; size. An .intactignore negation (`!name`) lets in what hidden, .gitignore, generated or
// binary names would leave out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "intact/base/base.h"
#include "intact/os/directory.h"
#include "intact/source/skip.h"

namespace intact::source {

struct WalkOptions {
  bool include_hidden = false;
  // False: no ignore file counts, and no built-in folder or file name either; binary names still
  // do.
  bool use_ignore_files = true;
  uint64_t file_size_max = uint64_t{2} << 20;
  // Candidates beyond this are an error (kFull) rather than an endless list.
  uint64_t file_count_max = 10'000'000;
  unsigned depth_max = 256;
  unsigned thread_count = 2;
  // Folders never entered, as absolute paths; kStoreFolder. Folders named ".intact" are left out as
  // well.
  std::vector<std::string> store_folders;
};

struct WalkedFile {
  std::string path;  // Relative to the root, '/' between names; any byte but NUL, newlines too.
  // Of a skipped entry only `kind` is sure to be set: what is skipped by name is not looked at.
  os::FileStat stat;
  SkipReason reason = SkipReason::kNone;
  std::string rule;  // As Verdict::rule.
};

struct WalkError {
  std::string path;  // Relative to the root, "." for the root.
  base::Status status;
};

struct WalkResult {
  std::vector<WalkedFile> files;  // Candidates, sorted by path as bytes.
  std::vector<WalkedFile>
      skipped;  // Sorted; a folder that is left out is one entry and is not entered.
  std::vector<WalkError>
      errors;  // Sorted; folders that could not be listed, rules that could not be read.
};

// Fails only when the root itself cannot be listed (kNotFound, kIo; kInvalidArgument when it is no
// folder) or `file_count_max` is passed (kFull). What vanishes meanwhile is left out silently.
base::Result<WalkResult> Walk(const std::string& root, const WalkOptions& options);

// What Walk says of one path relative to the root, a file or a folder, existing now: its own entry
// or that of the skipped folder above it. kNotFound when there is no such path, kInvalidArgument
// when it leaves the root.
base::Result<WalkedFile> ExplainPath(const std::string& root, const WalkOptions& options,
                                     const std::string& path);

}  // namespace intact::source
