// intact versions: which there are.
#include <algorithm>

#include "apps/cli/collection.h"
#include "apps/cli/commands.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"
#include "apps/cli/version_text.h"

namespace intact::cli {
namespace {

constexpr uint64_t kLimitDefault = 50;

void WriteVersion(JsonWriter& json, const engine::VersionReport& version) {
  json.BeginObject().Field("version", version.version).Field("parent", version.parent);
  json.Field("committed_at", FormatTimestamp(version.committed_ns));
  json.Field("is_current", version.is_current).Field("is_unfinished", version.is_unfinished);
  json.Key("tags").BeginArray();
  for (const std::string& tag : version.tags) json.Value(tag);
  json.EndArray();
  json.Field("kind", engine::StoreKindName(version.kind));
  json.Field("files", version.files).Field("chunks", version.chunks);
  json.Field("records", version.records).Field("vectors", version.rows);
  json.Field("bytes", version.bytes).Field("own_bytes", version.own_bytes).EndObject();
}

std::string VersionsAsJson(const engine::VersionsReport& report, size_t limit) {
  JsonWriter json;
  json.PathField("store", report.store).Field("version_count", report.versions.size());
  json.Field("keep_last", report.retention.keep_last);
  json.Field("keep_seconds", report.retention.keep_seconds);
  json.Key("versions").BeginArray();
  for (size_t i = 0; i < std::min(limit, report.versions.size()); ++i) {
    WriteVersion(json, report.versions[i]);
  }
  json.EndArray();
  return json.Finish();
}

std::string PadLeft(const std::string& text, size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + text;
}

void PrintVersions(Context& context, const engine::VersionsReport& report, size_t limit) {
  Output& out = context.out;
  const int64_t now_ns = context.clock.wall_ns();
  const size_t count = std::min(limit, report.versions.size());
  size_t content_width = 0;
  for (size_t i = 0; i < count; ++i) {
    content_width = std::max(content_width, DescribeContent(report.versions[i]).size());
  }
  for (size_t i = 0; i < count; ++i) {
    const engine::VersionReport& version = report.versions[i];
    const std::string content = DescribeContent(version);
    out.Write(PadLeft(std::to_string(version.version), 6), Paint::kName);
    out.Write("  " + FormatTimestamp(version.committed_ns) + "  " + content);
    out.Write(std::string(content_width - content.size(), ' '));
    out.Write("  " + PadLeft(FormatBytes(version.bytes), 9) + ", " +
              PadLeft(FormatBytes(version.own_bytes), 9) + " its own  ");
    for (const std::string& tag : version.tags) {
      out.Write(Printable(tag), Paint::kTitle);
      out.Write(" ");
    }
    out.WriteLine(version.is_current ? "current, " + FormatAge(version.committed_ns, now_ns)
                                     : FormatAge(version.committed_ns, now_ns));
  }
  if (report.versions.size() > count) {
    out.WriteLine("... and " + FormatCount(report.versions.size() - count) +
                  " older: --limit shows more");
  }
  out.WriteLine("kept: " + DescribeRetention(report.retention));
}

}  // namespace

int RunVersions(Context& context, const Arguments& arguments) {
  int exit_code = kExitOk;
  const auto place =
      FindStore(context, arguments, arguments.Positional(0).value_or("."), exit_code);
  if (!place) return exit_code;
  const auto report = engine::ReadVersions(place->store);
  if (!report.ok()) {
    return ReportCollectionFailure(context, report.status(), place->store, kExitNoIndex);
  }
  const uint64_t limit = arguments.NumberOr("limit", kLimitDefault);
  if (arguments.Has("json")) {
    context.out.Write(VersionsAsJson(*report, limit));
  } else {
    PrintVersions(context, *report, limit);
  }
  return kExitOk;
}

}  // namespace intact::cli
