#include "intact/source/walk_rules.h"

#include <algorithm>

#include "intact/os/file.h"
#include "intact/source/names.h"

namespace intact::source {
namespace {

const os::NamedEntry* Find(const std::vector<os::NamedEntry>& entries, std::string_view name) {
  const auto found = std::lower_bound(
      entries.begin(), entries.end(), name,
      [](const os::NamedEntry& entry, std::string_view wanted) { return entry.name < wanted; });
  return found != entries.end() && found->name == name ? &*found : nullptr;
}

// Git reads its rules from files alone: a folder or link of that name is none.
bool HasFile(const std::vector<os::NamedEntry>& entries, std::string_view name) {
  const os::NamedEntry* entry = Find(entries, name);
  return entry != nullptr && entry->kind == os::EntryKind::kFile;
}

Verdict BuiltIn(const NameVerdict& verdict) {
  return {verdict.reason, "built-in: " + std::string(verdict.rule)};
}

}  // namespace

std::string Judge::Absolute(std::string_view path) const { return os::JoinPath(root_, path); }

std::shared_ptr<const FolderRules> Judge::Start(std::vector<WalkError>& errors) {
  auto rules = std::make_shared<FolderRules>();
  if (!options_.use_ignore_files) return rules;
  const GitPlaces places = FindGitPlaces(root_);
  global_ = places.global;
  // The root's own path inside the work tree, "" or "sub/root/".
  std::string inside;
  if (!places.top.empty() && places.top != root_) {
    inside = root_.substr(places.top == "/" ? 1 : places.top.size() + 1) + "/";
  }
  PushOutside(*rules, global_, global_, inside, "", errors);
  if (inside.empty()) return rules;  // Enter reads the rest at the root.

  PushOutside(*rules, places.exclude, places.exclude, inside, "", errors);
  std::string up;  // "../" for each folder between a .gitignore and the root.
  for (const char c : inside) up += c == '/' ? "../" : "";
  std::string folder = places.top;
  while (!inside.empty()) {
    PushOutside(*rules, os::JoinPath(folder, ".gitignore"), up + ".gitignore", inside, "", errors);
    const size_t slash = inside.find('/');
    folder = os::JoinPath(folder, inside.substr(0, slash));
    inside.erase(0, slash + 1);
    up.erase(0, 3);
  }
  return rules;
}

// A rule file that lies outside the root, or in a repository's own folder; may well not exist, may
// be a link.
void Judge::PushOutside(FolderRules& rules, const std::string& path, const std::string& source,
                        const std::string& above, const std::string& below,
                        std::vector<WalkError>& errors) const {
  const base::Result<std::string> target = os::CanonicalPath(path);
  if (!target.ok()) return;
  base::Result<std::shared_ptr<const IgnoreFile>> file = ReadIgnoreFile(*target, source);
  if (!file.ok()) {
    errors.push_back({source, file.status()});
  } else if (above.empty()) {
    rules.git.PushBelow(*file, below);
  } else {
    rules.git.PushAbove(*file, above);
  }
}

void Judge::Push(FolderRules& rules, const std::string& folder, std::string_view name, bool is_git,
                 std::vector<WalkError>& errors) const {
  const std::string path = folder + std::string(name);
  base::Result<std::shared_ptr<const IgnoreFile>> file = ReadIgnoreFile(Absolute(path), path);
  if (!file.ok()) {
    errors.push_back({path, file.status()});
    return;
  }
  (is_git ? rules.git : rules.intact).PushBelow(*file, folder);
}

std::shared_ptr<const FolderRules> Judge::Enter(const std::shared_ptr<const FolderRules>& parent,
                                                const std::string& folder,
                                                const std::vector<os::NamedEntry>& entries,
                                                std::vector<WalkError>& errors) const {
  if (!options_.use_ignore_files) return parent;
  const bool has_git = Find(entries, ".git") != nullptr;
  const bool has_gitignore = HasFile(entries, ".gitignore");
  const bool has_intactignore = HasFile(entries, ".intactignore");
  if (!has_git && !has_gitignore && !has_intactignore) return parent;

  auto rules = std::make_shared<FolderRules>(*parent);
  if (has_git) {
    const std::string exclude = FindGitExclude(Absolute(folder));
    if (!exclude.empty()) {
      // A repository of its own: git applies nothing from around it but the user's own rules.
      if (!folder.empty()) {
        rules->git.Clear();
        PushOutside(*rules, global_, global_, "", folder, errors);
      }
      PushOutside(*rules, exclude, folder + ".git/info/exclude", "", folder, errors);
    }
  }
  if (has_gitignore) Push(*rules, folder, ".gitignore", true, errors);
  if (has_intactignore) Push(*rules, folder, ".intactignore", false, errors);
  return rules;
}

Verdict Judge::JudgeEntry(const FolderRules& rules, std::string_view path, std::string_view name,
                          os::EntryKind kind) const {
  const bool is_folder = kind == os::EntryKind::kDirectory;
  // .git may also be a file, of a submodule or a linked work tree.
  const NameVerdict always = ClassifyFolderAlways(name);
  if (always.reason == SkipReason::kVersionControl || (is_folder && !always.rule.empty())) {
    return BuiltIn(always);
  }
  if (is_folder && !options_.store_folders.empty()) {
    const std::string absolute = Absolute(path);
    for (const std::string& store : options_.store_folders) {
      if (store == absolute) return {SkipReason::kStoreFolder, "the store's folder"};
    }
  }
  if (kind == os::EntryKind::kLink) return {SkipReason::kLink, "links are not followed"};
  if (kind == os::EntryKind::kOther) return {SkipReason::kNotRegular, "pipe, socket or device"};

  const IgnoreVerdict own = rules.intact.Decide(path, name, is_folder);
  if (own.state == IgnoreState::kIgnored) {
    return {SkipReason::kIgnored, own.file->Describe(*own.rule)};
  }
  if (own.state == IgnoreState::kLetIn) return {};
  if (!options_.include_hidden && name.starts_with('.')) {
    return {SkipReason::kHidden, "hidden: its name starts with a dot"};
  }
  const IgnoreVerdict git = rules.git.Decide(path, name, is_folder);
  if (git.state == IgnoreState::kIgnored) {
    return {SkipReason::kIgnored, git.file->Describe(*git.rule)};
  }
  if (options_.use_ignore_files) {
    const NameVerdict generated = is_folder ? ClassifyFolder(name) : ClassifyGenerated(name);
    if (generated.reason != SkipReason::kNone) return BuiltIn(generated);
  }
  if (!is_folder) {
    const NameVerdict binary = ClassifyBinary(name);
    if (binary.reason != SkipReason::kNone) {
      return {binary.reason, "built-in: *." + std::string(binary.rule)};
    }
  }
  return {};
}

Verdict Judge::JudgeSize(uint64_t size) const {
  if (size <= options_.file_size_max) return {};
  return {SkipReason::kTooLarge,
          "larger than " + std::to_string(options_.file_size_max) + " bytes"};
}

}  // namespace intact::source
