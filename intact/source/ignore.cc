#include "intact/source/ignore.h"

#include <algorithm>

#include "intact/os/read.h"

namespace intact::source {
namespace {

constexpr uint64_t kIgnoreFileSizeMax = uint64_t{1} << 20;

// Removes trailing spaces but those behind a backslash, and the end of a CRLF line.
std::string_view TrimLine(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  size_t end = 0;
  for (size_t at = 0; at < line.size(); ++at) {
    if (line[at] == '\\') {
      ++at;
      end = std::min(at + 1, line.size());
    } else if (line[at] != ' ') {
      end = at + 1;
    }
  }
  return line.substr(0, end);
}

bool IsWild(char c) { return c == '*' || c == '?' || c == '[' || c == '\\'; }

bool HasWild(std::string_view pattern) {
  return std::any_of(pattern.begin(), pattern.end(), IsWild);
}

// Fills in what matching needs from `pattern`, which has neither `!` nor a trailing slash any more.
void Compile(std::string_view pattern, IgnoreRule& rule) {
  rule.has_slash = pattern.find('/') != std::string_view::npos;
  if (pattern.starts_with('/')) pattern.remove_prefix(1);
  if (!HasWild(pattern)) {
    rule.literal = pattern;
  } else if (!rule.has_slash && pattern.starts_with('*') && !HasWild(pattern.substr(1))) {
    rule.is_suffix = true;
    rule.literal = pattern.substr(1);
  } else {
    const size_t wild =
        static_cast<size_t>(std::find_if(pattern.begin(), pattern.end(), IsWild) - pattern.begin());
    // A name is matched as a whole; only paths are matched behind their literal part.
    const size_t cut = rule.has_slash ? wild : 0;
    rule.literal = pattern.substr(0, cut);
    rule.glob = std::make_unique<const Glob>(pattern.substr(cut));
  }
}

}  // namespace

bool IgnoreRule::Matches(std::string_view path, std::string_view name, bool is_folder) const {
  if (is_folder_only && !is_folder) return false;
  const std::string_view subject = has_slash ? path : name;
  if (is_suffix) return subject.ends_with(literal);
  if (!glob) return subject == literal;
  return subject.starts_with(literal) && glob->Matches(subject.substr(literal.size()));
}

IgnoreFile IgnoreFile::Parse(std::string_view text, std::string source) {
  IgnoreFile file;
  file.source_ = std::move(source);
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  for (unsigned line = 1; !text.empty(); ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view pattern = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    // git reads a line up to its first NUL.
    pattern = pattern.substr(0, pattern.find('\0'));
    if (pattern.starts_with('#')) continue;
    pattern = TrimLine(pattern);
    IgnoreRule rule;
    rule.text = pattern;
    rule.line = line;
    rule.is_negated = pattern.starts_with('!');
    if (rule.is_negated) pattern.remove_prefix(1);
    rule.is_folder_only = pattern.ends_with('/');
    if (rule.is_folder_only) pattern.remove_suffix(1);
    if (pattern.empty()) continue;
    Compile(pattern, rule);
    file.rules_.push_back(std::move(rule));
  }
  return file;
}

const IgnoreRule* IgnoreFile::Find(std::string_view path, std::string_view name,
                                   bool is_folder) const {
  for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
    if (rule->Matches(path, name, is_folder)) return &*rule;
  }
  return nullptr;
}

std::string IgnoreFile::Describe(const IgnoreRule& rule) const {
  return source_ + ":" + std::to_string(rule.line) + ": " + rule.text;
}

void IgnoreStack::PushAbove(std::shared_ptr<const IgnoreFile> file, std::string prefix) {
  if (!file->empty()) levels_.push_back({std::move(file), std::move(prefix), ""});
}

void IgnoreStack::PushBelow(std::shared_ptr<const IgnoreFile> file, std::string folder) {
  if (!file->empty()) levels_.push_back({std::move(file), "", std::move(folder)});
}

IgnoreVerdict IgnoreStack::Decide(std::string_view path, std::string_view name,
                                  bool is_folder) const {
  for (auto level = levels_.rbegin(); level != levels_.rend(); ++level) {
    const IgnoreRule* rule = nullptr;
    if (level->above.empty()) {
      if (!path.starts_with(level->below)) continue;
      rule = level->file->Find(path.substr(level->below.size()), name, is_folder);
    } else {
      rule = level->file->Find(level->above + std::string(path), name, is_folder);
    }
    if (rule == nullptr) continue;
    return {rule->is_negated ? IgnoreState::kLetIn : IgnoreState::kIgnored, level->file.get(),
            rule};
  }
  return {};
}

base::Result<std::shared_ptr<const IgnoreFile>> ReadIgnoreFile(const std::string& path,
                                                               std::string source) {
  base::Result<os::FileContent> content = os::ReadRegularFile(path, kIgnoreFileSizeMax);
  if (content.code() == base::Code::kNotFound) {
    return std::make_shared<const IgnoreFile>(IgnoreFile::Parse("", std::move(source)));
  }
  if (!content.ok()) return content.status();
  return std::make_shared<const IgnoreFile>(IgnoreFile::Parse(content->text, std::move(source)));
}

}  // namespace intact::source
