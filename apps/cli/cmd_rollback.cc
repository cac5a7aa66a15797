// intact tag, untag, rollback, retain: commits that change what versions there are, and no data.
#include <algorithm>

#include "apps/cli/collection.h"
#include "apps/cli/commands.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"
#include "apps/cli/update.h"
#include "apps/cli/version_text.h"

namespace intact::cli {
namespace {

std::optional<engine::Place> PlaceFrom(Context& context, const Arguments& arguments,
                                       int& exit_code) {
  return FindStore(context, arguments, arguments.Text("dir").value_or("."), exit_code);
}

int Fail(Context& context, const base::Status& status, const engine::Place& place) {
  if (status.code() == base::Code::kInvalidArgument) {
    return ReportFailure(context, status, kExitUsage);
  }
  return ReportCollectionFailure(context, status, place.store, kExitUsage);
}

// Prints what was done, as the flags say.
int Report(Context& context, const Arguments& arguments, const std::string& json,
           const std::string& text) {
  if (arguments.Has("json")) {
    context.out.Write(json);
  } else if (!arguments.Has("quiet")) {
    context.out.WriteLine(text);
  }
  return kExitOk;
}

std::string ChangeAsJson(const std::string& store, const std::string& tag,
                         const engine::VersionChange& change) {
  JsonWriter json;
  json.PathField("store", store).Field("version", change.version);
  if (!tag.empty()) json.Field("tag", tag);
  json.Field("target_version", change.target_version);
  json.Field("versions_dropped", change.versions_dropped);
  return json.Finish();
}

std::string RuleAsJson(const std::string& store, uint64_t version,
                       const engine::RetentionRule& rule, uint64_t dropped) {
  JsonWriter json;
  json.PathField("store", store).Field("version", version);
  json.Field("keep_last", rule.keep_last).Field("keep_seconds", rule.keep_seconds);
  json.Field("versions_dropped", dropped);
  return json.Finish();
}

// What the new version holds, and how to undo the rollback.
std::string DescribeRollBack(const engine::Place& place, const std::string& asked,
                             const engine::VersionChange& change) {
  std::string text = "back at " + VersionName(change.target_version, asked) + ", as version " +
                     std::to_string(change.version);
  const auto versions = engine::ReadVersions(place.store);
  if (!versions.ok()) return text;
  text += ": " + DescribeContent(versions->versions.front());
  const uint64_t before = change.version - 1;
  const bool is_kept =
      std::any_of(versions->versions.begin(), versions->versions.end(),
                  [&](const engine::VersionReport& version) { return version.version == before; });
  return is_kept ? text + ". To undo: intact rollback " + std::to_string(before) : text;
}

}  // namespace

int RunTag(Context& context, const Arguments& arguments) {
  int exit_code = kExitOk;
  const auto place = PlaceFrom(context, arguments, exit_code);
  if (!place) return exit_code;
  const std::string name = *arguments.Positional(0);
  const std::string asked = arguments.Positional(1).value_or("");
  const auto change = engine::TagVersion(place->store, name, asked, LockWaitFrom(arguments));
  if (!change.ok()) return Fail(context, change.status(), *place);
  return Report(context, arguments, ChangeAsJson(place->store, name, *change),
                Printable(name) + " is " + VersionName(change->target_version, asked));
}

int RunUntag(Context& context, const Arguments& arguments) {
  int exit_code = kExitOk;
  const auto place = PlaceFrom(context, arguments, exit_code);
  if (!place) return exit_code;
  const std::string name = *arguments.Positional(0);
  const auto change = engine::RemoveTag(place->store, name, LockWaitFrom(arguments));
  if (!change.ok()) return Fail(context, change.status(), *place);
  return Report(context, arguments, ChangeAsJson(place->store, name, *change),
                Printable(name) + " no longer names " + VersionName(change->target_version, ""));
}

int RunRollBack(Context& context, const Arguments& arguments) {
  int exit_code = kExitOk;
  const auto place = PlaceFrom(context, arguments, exit_code);
  if (!place) return exit_code;
  const std::string asked = *arguments.Positional(0);
  const auto change = engine::RollBack(place->store, asked, LockWaitFrom(arguments));
  if (!change.ok()) return Fail(context, change.status(), *place);
  return Report(context, arguments, ChangeAsJson(place->store, "", *change),
                DescribeRollBack(*place, asked, *change));
}

int RunRetain(Context& context, const Arguments& arguments) {
  int exit_code = kExitOk;
  const auto place = PlaceFrom(context, arguments, exit_code);
  if (!place) return exit_code;
  const auto versions = engine::ReadVersions(place->store);
  if (!versions.ok()) return Fail(context, versions.status(), *place);
  engine::RetentionRule rule = versions->retention;
  if (!arguments.Has("last") && !arguments.Has("days")) {
    return Report(context, arguments,
                  RuleAsJson(place->store, versions->versions.front().version, rule, 0),
                  "kept: " + DescribeRetention(rule));
  }
  rule.keep_last = static_cast<uint32_t>(arguments.NumberOr("last", rule.keep_last));
  if (arguments.Has("days")) {
    constexpr uint64_t kDaySeconds = 86400;
    rule.keep_seconds = arguments.NumberOr("days", 0) * kDaySeconds;
  }
  const auto change = engine::SetRetention(place->store, rule, LockWaitFrom(arguments));
  if (!change.ok()) return Fail(context, change.status(), *place);
  return Report(context, arguments,
                RuleAsJson(place->store, change->version, rule, change->versions_dropped),
                "kept: " + DescribeRetention(rule) +
                    (change->versions_dropped > 0
                         ? "; " + FormatCount(change->versions_dropped, "version") + " dropped"
                         : ""));
}

}  // namespace intact::cli
