// intact bench search: how fast vectors are searched, in every way, and that it is exact.
#include <algorithm>

#include "apps/cli/command.h"
#include "apps/cli/commands.h"
#include "apps/cli/numbers.h"
#include "apps/cli/text.h"
#include "apps/cli/wrap.h"
#include "intact/engine/search_report.h"

namespace intact::cli {
namespace {

using engine::SearchBenchOptions;
using engine::SearchBenchReport;
using engine::SearchWay;

// 99 columns in all.
constexpr size_t kNameWidth = 28;
constexpr size_t kTimeWidth = 9;
constexpr size_t kRateWidth = 10;
constexpr size_t kRecallWidth = 8;
constexpr size_t kDifferWidth = 7;
constexpr size_t kBytesWidth = 8;
constexpr size_t kTextWidthMax = 98;

std::string NameOf(const SearchBenchReport& report, const SearchWay& way) {
  if (way.way == "plain") return "plain float32 scan";
  if (way.way == "batch") return "exact, batches of " + FormatCount(way.batch);
  if (way.way == "threads") return "exact, " + FormatCount(way.threads, "thread");
  if (way.way == "approximate") {
    return "approximate, " + FormatCount(way.probes) + "/" + FormatCount(report.lists) + " lists";
  }
  return way.way;
}

std::string Milliseconds(double seconds) { return FormatFixed(1e3 * seconds, 3); }

void PrintWay(Output& out, const SearchBenchReport& report, const SearchWay& way) {
  out.Write("  ");
  out.WriteName(NameOf(report, way), kNameWidth);
  out.WriteLine(AlignRight(Milliseconds(way.p50_seconds), kTimeWidth) +
                AlignRight(Milliseconds(way.p99_seconds), kTimeWidth) +
                AlignRight(Milliseconds(way.processor_seconds), kTimeWidth) +
                AlignRight(FormatCount(static_cast<uint64_t>(way.queries_per_second)), kRateWidth) +
                AlignRight(FormatFixed(way.recall, 4), kRecallWidth) +
                AlignRight(way.differing ? FormatCount(*way.differing) : "-", kDifferWidth) +
                AlignRight(FormatFixed(1e-6 * way.bytes_touched, 2), kBytesWidth) +
                AlignRight(Milliseconds(way.floor_seconds), kTimeWidth));
}

std::string ShapeText(const SearchBenchReport& report) {
  std::string text = FormatCount(report.rows, "row");
  if (!report.is_whole) text = "the first " + text;
  return text + " of " + FormatCount(report.dimensions, "dimension") + ", " +
         FormatBytes(report.raw_bytes) + " as float32, by " + report.metric + "; the " +
         FormatCount(report.k) + " best for " +
         (report.queries == 1 ? "1 query" : FormatCount(report.queries) + " queries") + " (" +
         Printable(report.queries_name) + ")";
}

const SearchWay* FindWay(const SearchBenchReport& report, std::string_view name) {
  const auto found = std::find_if(report.ways.begin(), report.ways.end(),
                                  [&](const SearchWay& way) { return way.way == name; });
  return found == report.ways.end() ? nullptr : &*found;
}

// What the table does not say.
std::string NotesOf(const SearchBenchReport& report) {
  std::string text;
  if (const SearchWay* way = FindWay(report, "exact")) {
    text = "An exact search looks at the high codes of " +
           FormatCount(static_cast<uint64_t>(way->rows_scanned)) + " rows, at the whole codes of " +
           FormatFixed(way->rows_refined, 1) + " and at the vectors of " +
           FormatFixed(way->rows_scored, 1) + " (" + report.processor + ").";
  }
  if (const SearchWay* way = FindWay(report, "approximate")) {
    text += " An approximate one looks at " +
            FormatCount(static_cast<uint64_t>(way->rows_scanned)) + " rows in lists of " +
            FormatBytes(way->bytes_kept) + ".";
    if (report.lists_seconds > 0) {
      text += " Making them took " + FormatSeconds(report.lists_seconds) + ".";
    }
  }
  if (report.resident_bytes) {
    text += " From opening the store to the first answer: " + FormatSeconds(report.first_seconds) +
            "; memory then, for all queries: " + FormatBytes(*report.resident_bytes) + ".";
  }
  return text + (report.is_exact ? " Every exact answer is that of the plain scan, to the bit."
                                 : " EXACT ANSWERS DIFFER FROM THE PLAIN SCAN.");
}

void PrintReport(Output& out, const SearchBenchReport& report) {
  out.Write(Printable(report.name), Paint::kPath);
  out.WriteLine(": " + ShapeText(report));
  out.Write("  ");
  out.WriteName("", kNameWidth);
  out.Write(AlignRight("p50 ms", kTimeWidth) + AlignRight("p99 ms", kTimeWidth) +
                AlignRight("CPU ms", kTimeWidth) + AlignRight("queries/s", kRateWidth) +
                AlignRight("recall", kRecallWidth) + AlignRight("differ", kDifferWidth) +
                AlignRight("MB read", kBytesWidth) + AlignRight("floor ms", kTimeWidth),
            Paint::kFaint);
  out.Write("\n");
  for (const SearchWay& way : report.ways) PrintWay(out, report, way);
  out.Write(Wrap(NotesOf(report), 2, kTextWidthMax));
}

void WriteWay(JsonWriter& json, const SearchBenchReport& report, const SearchWay& way) {
  json.BeginObject().Field("way", way.way).Field("name", NameOf(report, way));
  json.Field("threads", way.threads).Field("batch", way.batch).Field("probes", way.probes);
  json.Field("queries", way.queries);
  json.Field("p50_seconds", way.p50_seconds).Field("p99_seconds", way.p99_seconds);
  json.Field("processor_seconds", way.processor_seconds);
  json.Field("queries_per_second", way.queries_per_second);
  json.Field("recall", way.recall).Key("differing");
  if (way.differing) {
    json.Value(*way.differing);
  } else {
    json.Null();
  }
  json.Field("rows_scanned", way.rows_scanned).Field("rows_refined", way.rows_refined);
  json.Field("rows_scored", way.rows_scored).Field("bytes_touched", way.bytes_touched);
  json.Field("bytes_kept", way.bytes_kept).Field("floor_seconds", way.floor_seconds);
  json.EndObject();
}

std::string ReportJson(const SearchBenchReport& report) {
  JsonWriter json;
  json.PathField("source", report.name).Field("kind", report.kind);
  json.Field("rows", report.rows).Field("dimensions", report.dimensions);
  json.Field("is_whole", report.is_whole).Field("metric", report.metric);
  json.Field("raw_bytes", report.raw_bytes).Field("scanned_bytes", report.scanned_bytes);
  json.Field("queries", report.queries).PathField("queries_from", report.queries_name);
  json.Field("k", report.k).Field("processor", report.processor);
  json.Field("exact", report.is_exact).Key("ways").BeginArray();
  for (const SearchWay& way : report.ways) WriteWay(json, report, way);
  json.EndArray().Field("first_seconds", report.first_seconds).Key("resident_bytes");
  if (report.resident_bytes) {
    json.Value(*report.resident_bytes);
  } else {
    json.Null();
  }
  json.Field("peak_bytes", report.peak_bytes).Field("lists", report.lists);
  json.Field("lists_seconds", report.lists_seconds).Field("seconds", report.seconds);
  return json.Finish();
}

// "" when the command line makes sense.
std::string FindMistake(const Arguments& arguments) {
  const int sources =
      int{arguments.Positional(0).has_value()} + arguments.Has("store") + arguments.Has("generate");
  if (sources == 0) return "missing FILE, --store or --generate";
  if (sources > 1) return "FILE, --store and --generate exclude each other";
  if (arguments.Has("queries") && arguments.Has("questions")) {
    return "--queries and --questions exclude each other";
  }
  if (arguments.Has("questions") && !arguments.Has("store")) {
    return "--questions is for the --store of an index, whose model embeds them";
  }
  if (arguments.Has("model") && !arguments.Has("questions")) return "--model is for --questions";
  if (arguments.Has("store") && arguments.Has("rows")) {
    return "--rows is for a FILE or --generate: a store is searched as a whole";
  }
  if (arguments.Has("store") && arguments.Has("dimensions")) {
    return "--dimensions is for a FILE or --generate: a store knows its own";
  }
  return "";
}

SearchBenchOptions OptionsFrom(const Arguments& arguments) {
  SearchBenchOptions options;
  options.file = arguments.Positional(0).value_or("");
  options.store = arguments.Text("store").value_or("");
  options.rule = arguments.Text("generate").value_or("");
  options.dimensions = static_cast<uint32_t>(arguments.NumberOr("dimensions", 0));
  options.rows = arguments.NumberOr("rows", 0);
  options.queries = arguments.Text("queries").value_or("");
  options.questions = arguments.Text("questions").value_or("");
  options.model = arguments.Text("model").value_or("");
  options.save_folder = arguments.Text("save").value_or("");
  options.query_count = arguments.NumberOr("count", options.query_count);
  options.metric = arguments.Text("metric").value_or("");
  options.seed = arguments.NumberOr("seed", options.seed);
  options.k = arguments.NumberOr("limit", options.k);
  options.threads = static_cast<unsigned>(arguments.NumberOr("threads", options.threads));
  options.batch = arguments.NumberOr("batch", options.batch);
  options.makes_lists = arguments.Has("approximate");
  options.probes = arguments.NumberOr("probes", 0);
  return options;
}

}  // namespace

int RunBenchSearch(Context& context, const Arguments& arguments) {
  const std::string mistake = FindMistake(arguments);
  if (!mistake.empty()) return ReportUsage(context, arguments.command(), mistake);
  if (const auto store = arguments.Text("store")) {
    const auto stats = engine::ReadStats(*store);
    if (!stats.ok() && stats.code() == base::Code::kNotFound) {
      PrintError(context, stats.status().message());
      return kExitNoIndex;
    }
  }
  const bool is_silent = arguments.Has("json") || arguments.Has("quiet");
  Progress progress(context.err, context.clock,
                    is_silent ? ProgressStyle::kNone : ChooseProgressStyle(context.err, false));
  const auto report = engine::BenchSearch(OptionsFrom(arguments), [&](size_t done, size_t total) {
    progress.Update(
        {.verb = "measuring", .noun = "step", .items_done = done, .items_total = total});
  });
  progress.Clear();
  if (!report.ok()) {
    return ReportFailure(context, report.status(),
                         arguments.Has("generate") ? kExitUsage : kExitFailed);
  }
  if (arguments.Has("json")) {
    context.out.Write(ReportJson(*report));
  } else {
    PrintReport(context.out, *report);
  }
  if (report->is_exact) return kExitOk;
  PrintError(context, "an exact search of " + report->name +
                          " found other rows or scores than "
                          "the plain scan");
  return kExitFailed;
}

}  // namespace intact::cli
