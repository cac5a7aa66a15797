// intact query: the records of a collection that are nearest to given vectors.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "apps/cli/approx.h"
#include "apps/cli/collection.h"
#include "apps/cli/commands.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"
#include "intact/base/json_text.h"
#include "intact/os/os.h"

namespace intact::cli {
namespace {

using engine::CollectionSearcher;
using engine::QueryVectors;
using engine::RecordHit;
using engine::VectorSearchRequest;
using engine::VectorSearchResponse;
using engine::VectorSearchResult;

constexpr size_t kLimitDefault = 10;
// Queries that are searched, and answered, together: each pass over the codes serves several.
constexpr size_t kBatchQueries = 256;

// "" when the command line makes sense.
std::string FindMistake(const Arguments& arguments) {
  const int sources = int{arguments.Has("vector")} + arguments.Has("file") + arguments.Has("like");
  if (sources == 0) return "say what to look for: --vector, --file or --like";
  if (sources > 1) return "--vector, --file and --like exclude each other";
  if (arguments.Has("json") && arguments.Has("jsonl")) {
    return "--json and --jsonl exclude each other";
  }
  if (arguments.Positional(0) && arguments.Has("store")) {
    return "COLLECTION and --store exclude each other";
  }
  if (arguments.Has("per-group") && !arguments.Has("group-by")) {
    return "--per-group needs --group-by";
  }
  return FindApproxMistake(arguments);
}

std::optional<float> ParseScore(const std::string& text) {
  float score = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, score);
  if (error != std::errc() || at != end || !std::isfinite(score)) return std::nullopt;
  return score;
}

// All but the queries.
base::Result<VectorSearchRequest> RequestFrom(const Arguments& arguments) {
  VectorSearchRequest request;
  if (const auto text = arguments.Text("min-score")) {
    request.minimum_score = ParseScore(*text);
    if (!request.minimum_score) {
      return base::InvalidArgument("--min-score: " + Quoted(*text) + " is no number");
    }
  }
  request.k = arguments.NumberOr("limit",
                                 request.minimum_score ? VectorSearchRequest::kAll : kLimitDefault);
  for (const std::string& text : arguments.Values("where")) {
    INTACT_ASSIGN_OR_RETURN(request.filter.conditions.emplace_back(), engine::ParseCondition(text));
  }
  request.filter.id_globs = arguments.Values("id");
  request.filter.id_prefixes = arguments.Values("id-prefix");
  request.group_by = arguments.Text("group-by").value_or("");
  request.per_group = arguments.NumberOr("per-group", 1);
  request.is_approximate = arguments.Has("approximate");
  request.probes = arguments.NumberOr("probes", 0);
  return request;
}

base::Result<QueryVectors> ReadQueries(Context& context, const Arguments& arguments,
                                       const CollectionSearcher& searcher) {
  if (const auto file = arguments.Text("file")) {
    if (*file != engine::kStandardInput) {
      return engine::ReadQueryFile(*file, searcher.dimensions());
    }
    INTACT_ASSIGN_OR_RETURN(const std::string lines, ReadStandardInput(context));
    return engine::ReadQueryLines(lines);
  }
  QueryVectors queries;
  queries.dimensions = searcher.dimensions();
  for (const std::string& text : arguments.Values("vector")) {
    INTACT_ASSIGN_OR_RETURN(const QueryVectors one, engine::ParseQueryVector(text));
    if (one.dimensions != queries.dimensions) return one;  // What is wrong with it is said later.
    queries.vectors.insert(queries.vectors.end(), one.vectors.begin(), one.vectors.end());
  }
  for (const std::string& id : arguments.Values("like")) {
    INTACT_ASSIGN_OR_RETURN(const std::vector<float> vector, searcher.ReadVector(id));
    queries.vectors.insert(queries.vectors.end(), vector.begin(), vector.end());
    queries.ids.push_back(id);
  }
  return queries;
}

// A metadata object as a value of the document, on one line.
void WriteMetadata(JsonWriter& json, const std::string& metadata) {
  json.Key("metadata");
  if (metadata.empty()) {
    json.Null();
  } else if (base::IsJsonObject(metadata)) {
    json.JsonValue(metadata);
  } else {
    json.Value(metadata);
  }
}

// Answers as they come, in the form that was asked for.
class Printer {
 public:
  Printer(Context& context, const Arguments& arguments, const QueryVectors& queries)
      : out_(context.out),
        queries_(queries),
        is_json_(arguments.Has("json")),
        is_jsonl_(arguments.Has("jsonl")) {}

  void Begin(const std::string& store, const CollectionSearcher& searcher) {
    if (!is_json_) return;
    json_.PathField("store", store).Field("version", searcher.version());
    json_.Field("metric", searcher.metric()).Field("dimensions", searcher.dimensions());
    json_.Field("records", searcher.record_count());
    json_.Key("results").BeginArray();
  }
  // Of the answers that are printed next.
  void SetApproximate(bool is_approximate) { is_approximate_ = is_approximate; }
  void Print(size_t number, const VectorSearchResult& result) {
    if (is_json_) return PrintJson(number, result);
    if (is_jsonl_) return PrintLines(number, result);
    if (queries_.count() > 1) {
      if (number > 0) out_.WriteLine("");
      out_.Write("query " + LabelOf(number), Paint::kTitle);
      out_.WriteLine("");
    }
    for (const RecordHit& hit : result.hits) PrintHit(hit);
  }
  void End(uint64_t records_searched, double seconds, const engine::ApproxAnswer& approx) {
    if (!is_json_) return;
    json_.EndArray().Field("records_searched", records_searched).Field("seconds", seconds);
    WriteApproxAnswer(json_, approx);
    out_.Write(json_.Finish());
  }

 private:
  std::string LabelOf(size_t number) const {
    return queries_.ids.empty() ? std::to_string(number) : Printable(queries_.ids[number]);
  }
  void WriteQuery(JsonWriter& json, size_t number) const {
    json.Field("query", number);
    if (!queries_.ids.empty()) json.PathField("query_id", queries_.ids[number]);
  }
  static void WriteHit(JsonWriter& json, const RecordHit& hit) {
    json.PathField("id", hit.id).Field("score", static_cast<double>(hit.score));
    json.Field("row", hit.row);
    WriteMetadata(json, hit.metadata);
  }

  void PrintHit(const RecordHit& hit) {
    std::string line = FormatFixed(static_cast<double>(hit.score), 6);
    out_.Write(line, Paint::kGood);
    const std::string id = Printable(hit.id);
    out_.Write("  ");
    out_.Write(id, Paint::kPath);
    line += "  " + id;
    if (!hit.metadata.empty()) {
      std::string metadata = Printable(hit.metadata);
      if (out_.is_terminal()) {
        const auto width = static_cast<size_t>(std::max(out_.width(), 20));
        const size_t used = DisplayWidth(line) + 2;
        metadata = ClipToWidth(metadata, width > used ? width - used : 1);
      }
      out_.Write("  ");
      out_.Write(metadata, Paint::kFaint);
    }
    out_.WriteLine("");
  }
  void PrintJson(size_t number, const VectorSearchResult& result) {
    json_.BeginObject();
    WriteQuery(json_, number);
    json_.Field("rows_scanned", result.rows_scanned).Field("rows_refined", result.rows_refined);
    json_.Field("rows_scored", result.rows_scored);
    json_.Key("hits").BeginArray();
    for (const RecordHit& hit : result.hits) {
      json_.BeginObject();
      WriteHit(json_, hit);
      json_.EndObject();
    }
    json_.EndArray().EndObject();
  }
  void PrintLines(size_t number, const VectorSearchResult& result) {
    for (const RecordHit& hit : result.hits) {
      JsonWriter json;
      WriteQuery(json, number);
      WriteHit(json, hit);
      if (is_approximate_) json.Field("is_approximate", true);
      out_.Write(json.Finish());
    }
  }

  Output& out_;
  const QueryVectors& queries_;
  const bool is_json_;
  const bool is_jsonl_;
  bool is_approximate_ = false;
  JsonWriter json_;
};

// What all queries together took.
struct Totals {
  uint64_t hits = 0;
  uint64_t searched = 0;  // Records, by each query.
  uint64_t scanned = 0;
  uint64_t refined = 0;
  uint64_t scored = 0;
  double seconds = 0;
  engine::ApproxAnswer approx;

  void Add(const VectorSearchResponse& response) {
    const bool is_approximate = approx.is_approximate || response.approx.is_approximate;
    approx = response.approx;
    approx.is_approximate = is_approximate;
    searched = response.records_searched;
    seconds += response.seconds;
    for (const VectorSearchResult& result : response.results) {
      hits += result.hits.size();
      scanned += result.rows_scanned;
      refined += result.rows_refined;
      scored += result.rows_scored;
    }
  }
};

// Queries [begin, begin + count) of `queries`; a record is no neighbour of itself.
base::Result<VectorSearchResponse> SearchSome(const CollectionSearcher& searcher,
                                              VectorSearchRequest& request,
                                              const QueryVectors& queries, bool is_like,
                                              size_t begin, size_t count) {
  const auto first = queries.vectors.begin() + static_cast<ptrdiff_t>(begin * queries.dimensions);
  request.queries.assign(first, first + static_cast<ptrdiff_t>(count * queries.dimensions));
  if (is_like) request.filter.excluded_ids = {queries.ids[begin]};
  return searcher.Search(request);
}

int Query(Context& context, const Arguments& arguments, const std::string& store,
          VectorSearchRequest request) {
  const size_t threads = os::ThreadCountOr(static_cast<unsigned>(arguments.NumberOr("threads", 0)));
  engine::ThreadPool pool(threads - 1);  // This thread works too.
  const auto searcher =
      CollectionSearcher::Open(store, {.version = VersionFrom(arguments), .pool = &pool});
  if (!searcher.ok()) {
    return ReportCollectionFailure(context, searcher.status(), store,
                                   arguments.Has("at") ? kExitUsage : kExitNoIndex);
  }
  const auto queries = ReadQueries(context, arguments, **searcher);
  if (!queries.ok()) return ReportFailure(context, queries.status());
  if (queries->dimensions != (*searcher)->dimensions()) {
    PrintError(context, "the query has " + FormatCount(queries->dimensions, "dimension") +
                            "; the vectors of " + PathForPeople(store) + " have " +
                            FormatCount((*searcher)->dimensions()));
    return kExitUsage;
  }
  const bool is_like = arguments.Has("like");
  // So that no batch has more hits than are given at once.
  const size_t k = std::min(std::max<size_t>(request.k, 1), engine::kRecordHitsMax);
  const size_t batch =
      is_like ? 1 : std::clamp<size_t>(engine::kRecordHitsMax / k, 1, kBatchQueries);
  Printer printer(context, arguments, *queries);
  printer.Begin(store, **searcher);
  Totals totals;
  for (size_t q = 0; q < queries->count() && context.out.error() == 0; q += batch) {
    const size_t count = std::min(batch, queries->count() - q);
    const auto response = SearchSome(**searcher, request, *queries, is_like, q, count);
    if (response.code() == base::Code::kInvalidArgument) {
      return ReportFailure(context, response.status());
    }
    if (!response.ok()) {
      return ReportCollectionFailure(context, response.status(), store, kExitFailed);
    }
    printer.SetApproximate(response->approx.is_approximate);
    for (size_t i = 0; i < count; ++i) printer.Print(q + i, response->results[i]);
    totals.Add(*response);
  }
  printer.End(totals.searched, totals.seconds, totals.approx);
  const bool is_quiet = arguments.Has("quiet");
  if (arguments.Has("approximate") && !is_quiet) PrintApproxAnswer(context, totals.approx);
  if (arguments.Has("explain")) {
    PrintNote(context, "version " + std::to_string((*searcher)->version()) + ", " +
                           std::string((*searcher)->metric()) + ": " +
                           FormatCount(totals.searched, "record") + " searched; " +
                           FormatCount(totals.scanned, "row") + " scanned, " +
                           FormatCount(totals.refined) + " refined, " + FormatCount(totals.scored) +
                           " scored in " + FormatFixed(totals.seconds * 1e3, 3) + " ms");
  }
  if (totals.hits > 0) return kExitOk;
  if (!is_quiet) {
    PrintNote(context, "no results in " + FormatCount(totals.searched, "record"));
  }
  return kExitNoHits;
}

}  // namespace

int RunQuery(Context& context, const Arguments& arguments) {
  if (const std::string mistake = FindMistake(arguments); !mistake.empty()) {
    return ReportUsage(context, arguments.command(), mistake);
  }
  const auto request = RequestFrom(arguments);
  if (!request.ok()) return ReportUsage(context, arguments.command(), request.status().message());
  std::optional<std::string> store;
  if (const auto folder = arguments.Positional(0)) {
    store = os::AbsolutePath(*folder);
  } else {
    store = StoreFrom(context, arguments);
  }
  if (!store) return kExitUsage;
  return Query(context, arguments, *store, *request);
}

}  // namespace intact::cli
