// Where git keeps ignore rules that are not in .gitignore files.
#include <algorithm>
#include <cctype>

#include "intact/os/file.h"
#include "intact/os/process.h"
#include "intact/os/read.h"
#include "intact/source/ignore.h"

namespace intact::source {
namespace {

constexpr uint64_t kConfigSizeMax = uint64_t{1} << 20;

// The text of a small file, empty when it cannot be read. Configuration is often a link to
// elsewhere.
std::string ReadText(const std::string& path) {
  const base::Result<std::string> target = os::CanonicalPath(path);
  if (!target.ok()) return "";
  base::Result<os::FileContent> content = os::ReadRegularFile(*target, kConfigSizeMax);
  return content.ok() ? std::move(content->text) : std::string();
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) {
    text.remove_prefix(1);
  }
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
    text.remove_suffix(1);
  }
  return text;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

// A configured value without quotes, escapes and a trailing comment.
std::string Unquote(std::string_view value) {
  std::string result;
  bool is_quoted = false;
  for (size_t at = 0; at < value.size(); ++at) {
    const char c = value[at];
    if (c == '"') {
      is_quoted = !is_quoted;
    } else if (c == '\\' && at + 1 < value.size()) {
      result += value[++at];
    } else if (!is_quoted && (c == '#' || c == ';')) {
      break;
    } else {
      result += c;
    }
  }
  return is_quoted ? result : std::string(Trim(result));
}

std::string ConfigHome() {
  if (auto home = os::Environment("XDG_CONFIG_HOME")) return *home;
  return os::JoinPath(os::HomeDirectory(), ".config");
}

// "~/x" and paths relative to `base` made whole.
std::string ExpandPath(const std::string& path, const std::string& base) {
  if (path.starts_with("~/")) return os::JoinPath(os::HomeDirectory(), path.substr(2));
  if (path.starts_with('/')) return path;
  return os::JoinPath(base, path);
}

// The repository's common folder for a work tree with `.git` at `place`; empty when there is none.
std::string FindCommonFolder(const std::string& folder, const std::string& place) {
  const base::Result<os::FileStat> found = os::StatPath(place, /*follow_links=*/true);
  if (!found.ok()) return "";
  if (found->kind == os::EntryKind::kDirectory) {
    // As git: a folder called .git without HEAD is not a repository.
    return os::StatPath(os::JoinPath(place, "HEAD")).ok() ? place : "";
  }
  const std::string link = ReadText(place);
  if (!link.starts_with("gitdir:")) return "";
  const std::string git_folder = ExpandPath(std::string(Trim(link.substr(7))), folder);
  const std::string common = ReadText(os::JoinPath(git_folder, "commondir"));
  return common.empty() ? git_folder : ExpandPath(std::string(Trim(common)), git_folder);
}

}  // namespace

std::string FindExcludesFile(std::string_view config) {
  std::string found;
  bool is_core = false;
  while (!config.empty()) {
    const size_t end = std::min(config.find('\n'), config.size());
    std::string_view line = Trim(config.substr(0, end));
    config.remove_prefix(std::min(end + 1, config.size()));
    if (line.starts_with('[')) {
      const size_t close = line.find(']');
      is_core = close != std::string_view::npos && Lower(Trim(line.substr(1, close - 1))) == "core";
      line = close == std::string_view::npos ? "" : Trim(line.substr(close + 1));
    }
    const size_t equals = line.find('=');
    if (!is_core || equals == std::string_view::npos) continue;
    if (Lower(Trim(line.substr(0, equals))) == "excludesfile") {
      found = Unquote(Trim(line.substr(equals + 1)));
    }
  }
  return found;
}

std::string FindGitExclude(const std::string& folder) {
  const std::string common = FindCommonFolder(folder, os::JoinPath(folder, ".git"));
  return common.empty() ? "" : os::JoinPath(common, "info/exclude");
}

GitPlaces FindGitPlaces(const std::string& folder) {
  GitPlaces places;
  std::string common;
  for (std::string at = folder;; at = os::ParentPath(at)) {
    common = FindCommonFolder(at, os::JoinPath(at, ".git"));
    if (!common.empty()) {
      places.top = at;
      places.exclude = os::JoinPath(common, "info/exclude");
      break;
    }
    if (at == "/" || at == ".") break;
  }
  // The later file of these wins, as in git.
  const std::string configs[] = {os::JoinPath(ConfigHome(), "git/config"),
                                 os::JoinPath(os::HomeDirectory(), ".gitconfig"),
                                 common.empty() ? "" : os::JoinPath(common, "config")};
  places.global = os::JoinPath(ConfigHome(), "git/ignore");
  for (const std::string& config : configs) {
    if (config.empty()) continue;
    const std::string value = FindExcludesFile(ReadText(config));
    if (!value.empty()) {
      places.global = ExpandPath(value, places.top.empty() ? folder : places.top);
    }
  }
  return places;
}

}  // namespace intact::source
