#include "apps/cli/command.h"

#include <algorithm>

#include "apps/cli/numbers.h"
#include "apps/cli/text.h"
#include "intact/os/os.h"

namespace intact::cli {
namespace {

using base::Code;

void PrintLabelled(Context& context, std::string_view label, Paint paint,
                   std::string_view message) {
  context.out.Flush();
  context.err.Write(label, paint);
  // Messages hold paths and texts of strangers, line ends among them.
  context.err.WriteLine(Printable(message));
  context.err.Flush();
}

}  // namespace

void PrintError(Context& context, std::string_view message) {
  PrintLabelled(context, "error: ", Paint::kError, message);
}

void PrintWarning(Context& context, std::string_view message) {
  PrintLabelled(context, "warning: ", Paint::kWarning, message);
}

void PrintNote(Context& context, std::string_view message) {
  PrintLabelled(context, "", Paint::kPlain, message);
}

int ReportFailure(Context& context, const base::Status& status, ExitCode invalid_argument) {
  PrintError(context, status.message());
  switch (status.code()) {
    case Code::kOk:
      return kExitOk;
    case Code::kInvalidArgument:
      return invalid_argument;
    case Code::kNotFound:
      return kExitUsage;
    case Code::kUnavailable:
      PrintNote(context, "Wait for it to finish, or let intact wait: --wait.");
      return kExitLocked;
    case Code::kCancelled:
      return kExitInterrupted;
    case Code::kCorruption:
      PrintNote(context,
                "See all damage: intact verify. Make the index anew: remove its store, then "
                "run intact index.");
      return kExitFailed;
    case Code::kUnsupported:
    case Code::kIo:
    case Code::kFull:
      return kExitFailed;
  }
  return kExitFailed;
}

int ReportUsage(Context& context, const Command& command, std::string_view message) {
  PrintError(context, message);
  PrintNote(context, "Usage: " + CommandUsage(command));
  PrintNote(context, "Help:  intact " + std::string(command.name) + " --help");
  return kExitUsage;
}

base::Result<engine::Place> LocatePlace(const Arguments& arguments, const std::string& directory,
                                        bool search_parents) {
  engine::LocateOptions options{.directory = directory, .search_parents = search_parents};
  options.local = arguments.Has("local");
  options.store = arguments.Text("store");
  if (options.local && options.store) {
    return base::InvalidArgument("--store and --local exclude each other");
  }
  if (!options.store && !options.local) options.store = os::Environment("INTACT_STORE");
  const std::span<const Flag> flags = arguments.command().flags;
  const bool takes_model = std::any_of(flags.begin(), flags.end(),
                                       [](const Flag& flag) { return flag.name == "model"; });
  if (takes_model) options.model = arguments.Text("model").value_or("");
  if (options.model.empty()) options.model = os::Environment("INTACT_MODEL").value_or("");
  return engine::Locate(options);
}

int ReportNoIndex(Context& context, const std::string& directory) {
  const std::string quoted =
      directory.find_first_of(" '\"\\$`\n\t") == std::string::npos ? directory : Quoted(directory);
  PrintError(context, "there is no index for " + PathForPeople(os::AbsolutePath(directory)));
  PrintNote(context, "Make one: intact index" + (directory == "." ? "" : " " + quoted));
  return kExitNoIndex;
}

std::optional<engine::ScopeOptions> ScopeFrom(const Arguments& arguments) {
  const bool is_given = arguments.Has("hidden") || arguments.Has("no-ignore") ||
                        arguments.Has("max-file-size") || arguments.Has("default-scope");
  if (!is_given) return std::nullopt;
  engine::ScopeOptions scope;
  scope.include_hidden = arguments.Has("hidden");
  scope.use_ignore_files = !arguments.Has("no-ignore");
  scope.file_size_max = arguments.NumberOr("max-file-size", scope.file_size_max);
  return scope;
}

bool Confirm(Context& context, std::string_view question) {
  context.out.Flush();
  context.err.Write(Printable(question), Paint::kTitle);
  context.err.Write(" [Y/n] ");
  context.err.Flush();
  std::string answer;
  int c = 0;
  while ((c = std::fgetc(context.in)) != EOF && c != '\n') answer += static_cast<char>(c);
  if (c == EOF) {
    context.err.WriteLine("");
    context.err.Flush();
    return false;
  }
  return answer.empty() || answer.front() == 'y' || answer.front() == 'Y';
}

void PrintProblems(Context& context, const std::vector<engine::FileProblem>& problems,
                   uint64_t problem_count, size_t count_max) {
  const size_t count = std::min(problems.size(), count_max);
  for (size_t i = 0; i < count; ++i) {
    const engine::FileProblem& problem = problems[i];
    // Messages of the system name the path already.
    const bool is_named = problem.message.find(problem.path) != std::string::npos;
    PrintWarning(context, is_named ? problem.message : problem.path + ": " + problem.message);
  }
  if (problem_count > count) {
    PrintNote(context,
              "... and " + FormatCount(problem_count - count) + " more; intact status shows them");
  }
}

void WriteSkipped(JsonWriter& json, const std::vector<engine::ReasonCount>& skipped) {
  json.Key("skipped").BeginArray();
  for (const auto& [reason, count] : skipped) {
    json.BeginObject().Field("reason", reason).Field("count", count).EndObject();
  }
  json.EndArray();
}

void WriteProblems(JsonWriter& json, const std::vector<engine::FileProblem>& problems,
                   std::string_view key) {
  json.Key(key).BeginArray();
  for (const auto& [path, message] : problems) {
    json.BeginObject().PathField("path", path).Field("message", message).EndObject();
  }
  json.EndArray();
}

std::string JoinReasons(const std::vector<engine::ReasonCount>& reasons) {
  std::string text;
  for (const auto& [reason, count] : reasons) {
    if (!text.empty()) text += ", ";
    text += FormatCount(count) + " " + reason;
  }
  return text;
}

std::string PathForPeople(const std::string& absolute_path) {
  const std::string here = os::AbsolutePath(".");
  if (absolute_path == here) return ".";
  const std::string prefix = here == "/" ? here : here + "/";
  if (absolute_path.size() > prefix.size() && absolute_path.starts_with(prefix)) {
    return absolute_path.substr(prefix.size());
  }
  return absolute_path;
}

}  // namespace intact::cli
