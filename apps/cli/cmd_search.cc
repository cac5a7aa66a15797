// intact search: asks an index, makes it first where there is none.
#include <algorithm>

#include "apps/cli/approx.h"
#include "apps/cli/command.h"
#include "apps/cli/commands.h"
#include "apps/cli/hits.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"
#include "apps/cli/update.h"
#include "intact/os/os.h"

namespace intact::cli {
namespace {

constexpr uint64_t kHitsDefault = 10;
constexpr uint64_t kLinesDefault = 6;

bool PrintsJson(const Arguments& arguments) {
  return arguments.Has("json") || arguments.Has("jsonl");
}

// "" when the command line makes sense.
std::string FindMistake(const Arguments& arguments) {
  const std::string query = *arguments.Positional(0);
  if (query.find_first_not_of(" \t\r\n") == std::string::npos) return "the query is empty";
  if (arguments.Has("json") && arguments.Has("jsonl"))
    return "--json and --jsonl exclude each other";
  if (arguments.Has("refresh") && arguments.Has("no-refresh")) {
    return "--refresh and --no-refresh exclude each other";
  }
  if (arguments.Has("refresh") && arguments.Has("at")) {
    return "--at reads an older version, which --refresh would not change";
  }
  if (const std::string mistake = FindApproxMistake(arguments); !mistake.empty()) return mistake;
  if (arguments.Has("approximate") && arguments.Text("mode").value_or("") == "text") {
    return "--approximate is about vectors, which --mode text does not use";
  }
  const auto directory = arguments.Positional(1);
  if (!directory) return "";
  const auto stat = os::StatPath(*directory, true);
  if (stat.ok() && stat->kind == os::EntryKind::kDirectory) return "";
  return Quoted(*directory) +
         " is not a folder; put a query of several words in quotes: intact search " +
         Quoted(query + " " + *directory);
}

engine::SearchMode ModeFrom(const Arguments& arguments) {
  const std::string mode = arguments.Text("mode").value_or("hybrid");
  if (mode == "vector") return engine::SearchMode::kVector;
  return mode == "text" ? engine::SearchMode::kText : engine::SearchMode::kHybrid;
}

// Makes the index, or brings it up to date. kExitOk when a search may follow.
int UpdateBeforeSearch(Context& context, const Arguments& arguments, const engine::Place& place) {
  const bool is_silent = arguments.Has("quiet") || PrintsJson(arguments);
  engine::Place whole = place;
  whole.folder.clear();
  const auto report = UpdateWithProgress(context, whole, {.is_silent = is_silent});
  if (!report.ok()) return ReportFailure(context, report.status(), kExitFailed);
  if (!is_silent && report->files_indexed > 0) {
    PrintNote(context, "indexed " + FormatCount(report->files_indexed, "file") + ", " +
                           FormatCount(report->chunks_embedded + report->chunks_reused, "chunk") +
                           " in " + FormatSeconds(report->seconds));
  }
  // Files that failed were named; the rest can be searched.
  const int exit_code = ReportUpdate(context, *report);
  return exit_code == kExitInterrupted ? exit_code : kExitOk;
}

int EnsureIndex(Context& context, const Arguments& arguments, const engine::Place& place) {
  if (place.exists && !arguments.Has("refresh")) return kExitOk;
  if (!place.exists) {
    const std::string directory = arguments.Positional(1).value_or(".");
    if (arguments.Has("no-refresh") || arguments.Has("at"))
      return ReportNoIndex(context, directory);
    if (context.is_interactive && !arguments.Has("yes") && !arguments.Has("refresh") &&
        !Confirm(context, "No index for " + place.root + " yet. Index it now?")) {
      return ReportNoIndex(context, directory);
    }
  }
  return UpdateBeforeSearch(context, arguments, place);
}

std::string ResponseAsJson(const Arguments& arguments, const engine::Place& place,
                           const engine::SearchResponse& response) {
  JsonWriter json;
  json.PathField("root", place.root).Field("query", *arguments.Positional(0));
  json.Field("mode", arguments.Text("mode").value_or("hybrid"));
  json.Field("version", response.version).Field("chunks_searched", response.chunks_searched);
  json.Field("seconds", response.seconds).Field("is_unfinished", response.is_unfinished);
  WriteApproxAnswer(json, response.approx);
  json.Key("hits").BeginArray();
  for (const engine::SearchHit& hit : response.hits) {
    json.BeginObject();
    WriteHit(json, hit);
    json.EndObject();
  }
  json.EndArray();
  return json.Finish();
}

void PrintJsonLines(Output& out, const engine::Place& place,
                    const engine::SearchResponse& response) {
  for (const engine::SearchHit& hit : response.hits) {
    JsonWriter json;
    json.PathField("root", place.root);
    WriteHit(json, hit);
    if (response.approx.is_approximate) json.Field("is_approximate", true);
    out.Write(json.Finish());
  }
}

void PrintResponse(Context& context, const Arguments& arguments, const engine::Place& place,
                   const engine::SearchResponse& response) {
  if (arguments.Has("json")) {
    context.out.Write(ResponseAsJson(arguments, place, response));
    return;
  }
  if (arguments.Has("jsonl")) return PrintJsonLines(context.out, place, response);
  PrintHits(context.out, response,
            {.root = place.root,
             .query = *arguments.Positional(0),
             .line_count_max = arguments.NumberOr("lines", kLinesDefault),
             .shows_signals = arguments.Has("explain-score")});
}

int ReportHitCount(Context& context, const Arguments& arguments,
                   const engine::SearchResponse& response) {
  if (response.hits.empty()) {
    if (!arguments.Has("quiet")) {
      PrintNote(context, "no results for " + Quoted(*arguments.Positional(0)) + " in " +
                             FormatCount(response.chunks_searched, "chunk"));
    }
    return kExitNoHits;
  }
  const bool has_stale = std::any_of(response.hits.begin(), response.hits.end(),
                                     [](const engine::SearchHit& hit) { return hit.is_stale; });
  if (has_stale && !arguments.Has("quiet")) {
    PrintNote(context,
              "some results are from changed files: run intact index, or search --refresh");
  }
  return kExitOk;
}

}  // namespace

int RunSearch(Context& context, const Arguments& arguments) {
  if (const std::string mistake = FindMistake(arguments); !mistake.empty()) {
    return ReportUsage(context, arguments.command(), mistake);
  }
  auto place = LocatePlace(arguments, arguments.Positional(1).value_or("."), true);
  if (!place.ok()) return ReportFailure(context, place.status());
  if (const int exit_code = EnsureIndex(context, arguments, *place); exit_code != kExitOk) {
    return exit_code;
  }
  place->exists = true;
  place->version = arguments.Text("at").value_or("");
  const auto searcher = engine::Searcher::Open(*place);
  if (searcher.code() == base::Code::kNotFound && !arguments.Has("at")) {
    return ReportNoIndex(context, arguments.Positional(1).value_or("."));
  }
  if (!searcher.ok()) return ReportFailure(context, searcher.status(), kExitFailed);
  engine::SearchRequest request{.query = *arguments.Positional(0), .mode = ModeFrom(arguments)};
  request.k = arguments.NumberOr("limit", kHitsDefault);
  request.path_globs = arguments.Values("path");
  request.languages = arguments.Values("lang");
  request.explain_score = arguments.Has("explain-score");
  request.is_approximate = arguments.Has("approximate");
  request.probes = arguments.NumberOr("probes", 0);
  const auto response = (*searcher)->Search(request);
  if (!response.ok()) return ReportFailure(context, response.status());
  PrintResponse(context, arguments, *place, *response);
  if (request.is_approximate && !arguments.Has("quiet")) {
    PrintApproxAnswer(context, response->approx);
  }
  return ReportHitCount(context, arguments, *response);
}

}  // namespace intact::cli
