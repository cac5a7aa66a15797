// The row of `intact bench search` in the table of commands. Constant data; for commands.cc.
#pragma once

#include "apps/cli/command_flags.h"
#include "apps/cli/commands.h"

namespace intact::cli {

inline constexpr std::string_view kSearchRuleChoices[] = {"isotropic", "clustered"};
inline constexpr Example kBenchSearchExamples[] = {
    {"intact bench search vectors.npy", "rows of a file; some are held out and asked for"},
    {"intact bench search --store ./vectors --queries questions.f32 --metric dot",
     "the rows of a store, with queries of your own"},
    {"intact bench search --generate clustered --rows 100000 --approximate --json",
     "vectors made by a rule, with inverted lists, for scripts"},
};
inline constexpr Positional kBenchSearchPositionals[] = {
    {.name = "FILE", .kind = PositionalKind::kFile}};
inline constexpr Flag kBenchSearchFlags[] = {
    kAnyStore,
    {.name = "generate",
     .kind = FlagKind::kChoice,
     .help = "vectors made by this rule: isotropic (no structure), clustered (as embeddings lie)",
     .choices = kSearchRuleChoices},
    {.name = "rows",
     .kind = FlagKind::kNumber,
     .value = "N",
     .help = "rows to make (default 100000), or to take from a file (default: all)",
     .least = 2,
     .most = 100'000'000},
    kDimensions,
    {.name = "queries",
     .kind = FlagKind::kText,
     .value = "FILE",
     .help = "query vectors from a .npy, .f32, .jsonl or Arrow file"},
    {.name = "questions",
     .kind = FlagKind::kText,
     .value = "FILE",
     .help = "texts to be embedded and asked of an index, one a line"},
    kModel,
    {.name = "count",
     .kind = FlagKind::kNumber,
     .value = "N",
     .help = "queries at most (default 1000)",
     .least = 1,
     .most = 100'000},
    {.name = "limit",
     .letter = 'k',
     .kind = FlagKind::kNumber,
     .value = "N",
     .help = "results of a query (default 10)",
     .least = 1,
     .most = 10'000},
    kMetric,
    {.name = "threads",
     .kind = FlagKind::kNumber,
     .value = "N",
     .help = "threads of the way that uses several, and for getting ready (default 2)",
     .least = 1,
     .most = 256},
    {.name = "batch",
     .kind = FlagKind::kNumber,
     .value = "N",
     .help = "queries of a batch (default 64)",
     .least = 2,
     .most = 10'000},
    {.name = "approximate",
     .help = "make inverted lists in memory, where the store has none, and measure them too"},
    {.name = "probes",
     .kind = FlagKind::kNumber,
     .value = "N",
     .help = "lists that an approximate search looks into (default: what found 99 of 100)",
     .least = 1,
     .most = 65'536},
    {.name = "seed",
     .kind = FlagKind::kNumber,
     .value = "N",
     .help = "of what is made or drawn (default 1)"},
    {.name = "save",
     .kind = FlagKind::kFolder,
     .value = "FOLDER",
     .help = "write rows and queries there as .f32 files, for other programs to search"},
    kQuiet,
    kJson,
    kColor,
    kHelp};
inline constexpr Command kBenchSearchCommand{
    .name = "bench search",
    .summary = "measure how fast vectors are searched, and that it is exact",
    .description =
        "Searches the vectors of FILE (.npy, .f32, .jsonl, Arrow IPC), of --store or of --generate "
        "in every way there is, with the same queries in one run, in turns: a plain float32 scan, "
        "the exact search one query at a time, in batches and with several threads, and the "
        "approximate search where there are inverted lists. What each exact way finds is compared "
        "with the plain scan: ids and score bits.\n\n"
        "Without --queries, rows of a file are held out and asked for, rows of a store are asked "
        "for with noise of half their length added, and a rule makes further vectors. A store is "
        "searched with all its rows, those that nothing refers to any more among them.\n\n"
        "Times are of one query, by the clock; CPU is processor time of all threads. The floor is "
        "the time to read the bytes that are scanned and do nothing else, in the same run.\n\n"
        "Exit status 4 when an exact search found anything else than the plain scan.",
    .examples = kBenchSearchExamples,
    .positionals = kBenchSearchPositionals,
    .flags = kBenchSearchFlags,
    .run = RunBenchSearch};

}  // namespace intact::cli
