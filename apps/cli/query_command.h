// The row of `intact query` in the table of commands. Constant data; for commands.cc.
#pragma once

#include "apps/cli/command_flags.h"
#include "apps/cli/commands.h"

namespace intact::cli {

inline constexpr Example kQueryExamples[] = {
    {"intact query ./vectors --like doc-17 -k 5", "the five nearest neighbours of a record"},
    {"intact query ./vectors --vector '[0.1, -0.2]' --where lang=cpp --where 'year>=2020'",
     "of those records only"},
    {"intact query ./vectors --file queries.npy --jsonl", "for each row of a file, for scripts"},
    {"intact query ./vectors --file queries.f32 --min-score 0.8 --group-by path",
     "all above a score, the best of each path"},
};
inline constexpr Positional kQueryPositionals[] = {
    {.name = "COLLECTION", .kind = PositionalKind::kFolder}};
inline constexpr Flag kQueryFlags[] = {
    {.name = "vector",
     .kind = FlagKind::kText,
     .is_repeatable = true,
     .value = "JSON",
     .help = "a query vector: '[0.25, -1, ...]'; may be repeated"},
    {.name = "file",
     .kind = FlagKind::kText,
     .value = "FILE",
     .help = "query vectors from a .npy, .f32, .jsonl or Arrow file; - for JSON lines from the "
             "standard input"},
    {.name = "like",
     .kind = FlagKind::kText,
     .is_repeatable = true,
     .value = "ID",
     .help = "the vector of this record, which is left out of the results; may be repeated"},
    {.name = "limit",
     .letter = 'k',
     .kind = FlagKind::kNumber,
     .value = "N",
     .help = "results for each query (default 10; all with --min-score)",
     .least = 1,
     .most = 10000},
    {.name = "min-score",
     .kind = FlagKind::kText,
     .value = "SCORE",
     .help = "only results with at least this score"},
    {.name = "where",
     .kind = FlagKind::kText,
     .is_repeatable = true,
     .value = "CONDITION",
     .help = "only records whose metadata say so: lang=cpp, 'year>=2020', a.b!=x, draft, !draft; "
             "may be repeated: all must hold"},
    {.name = "id",
     .kind = FlagKind::kText,
     .is_repeatable = true,
     .value = "GLOB",
     .help = "only records whose id matches; * stops at /, ** does not; may be repeated"},
    {.name = "id-prefix",
     .kind = FlagKind::kText,
     .is_repeatable = true,
     .value = "TEXT",
     .help = "only records whose id begins with this, or matches --id; may be repeated"},
    {.name = "group-by",
     .kind = FlagKind::kText,
     .value = "KEY",
     .help = "at most --per-group results with the same value of this metadata field"},
    {.name = "per-group",
     .kind = FlagKind::kNumber,
     .value = "N",
     .help = "results of a group (default 1)",
     .least = 1,
     .most = 10000},
    kThreads,
    {.name = "explain", .help = "say what the search took"},
    kApproximate,
    kProbes,
    kAt,
    kCollection,
    kQuiet,
    kJson,
    {.name = "jsonl", .help = "print one JSON object per result and line"},
    kColor,
    kHelp};
inline constexpr Command kQueryCommand{
    .name = "query",
    .summary = "find the records of a collection that are nearest to a vector",
    .description =
        "Searches the collection in the folder COLLECTION, or at --store, for the records whose "
        "vectors score best by its metric: cosine, dot (the inner product) or euclidean (minus "
        "the squared distance), or, of vectors of zeros and ones, hamming (minus the number of "
        "components that differ). The answer is that of a full float32 scan, scores to the bit; "
        "ties go by id. Filters are applied before the best are chosen, so there are as many "
        "results as there are records that pass.\n\n"
        "A condition compares a field of the metadata: KEY=VALUE, !=, <, <=, >, >=; KEY alone is "
        "there, !KEY is not. A value in double quotes is taken as it is written there. KEY may go "
        "into objects: page.number. Numbers compare as numbers, "
        "strings byte by byte, an array holds when one of its elements does; a missing field "
        "holds != alone. With --approximate only the nearest of the inverted lists that intact "
        "approx made are looked into; the answer says so. Records without the field of --group-by "
        "are groups of their own.\n\n"
        "Exit status 1 when there is no result.",
    .examples = kQueryExamples,
    .positionals = kQueryPositionals,
    .flags = kQueryFlags,
    .run = RunQuery};

}  // namespace intact::cli
