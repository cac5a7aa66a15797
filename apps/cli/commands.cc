#include "apps/cli/commands.h"

#include "apps/cli/bench_command.h"
#include "apps/cli/command_flags.h"
#include "apps/cli/query_command.h"
#include "apps/cli/upkeep_commands.h"
#include "apps/cli/version_commands.h"

namespace intact::cli {
namespace {

constexpr std::string_view kModeChoices[] = {"hybrid", "vector", "text"};
constexpr std::string_view kFormatChoices[] = {"npy", "f32", "jsonl", "arrow"};
constexpr std::string_view kShellChoices[] = {"bash", "zsh", "fish"};

// index
constexpr Example kIndexExamples[] = {
    {"intact index", "index the current folder, or bring its index up to date"},
    {"intact index ~/src/redis --dry-run", "say what would be done, write nothing"},
    {"intact index --hidden --max-file-size 500K", "take in dot files, leave out large ones"},
};
constexpr Positional kIndexPositionals[] = {kDirectory};
constexpr Flag kIndexFlags[] = {
    kHidden,
    kNoIgnore,
    kMaxFileSize,
    kDefaultScope,
    kThreads,
    {.name = "dry-run", .letter = 'n', .help = "say what would be done; write nothing"},
    kWait,
    kModel,
    kStore,
    kLocal,
    kQuiet,
    kJson,
    kColor,
    kHelp};

// search
constexpr Example kSearchExamples[] = {
    {"intact search \"where is the retry delay computed\"", "ask a question of the current folder"},
    {"intact search \"parse a date\" ~/src/app -k 3", "the three best places of another folder"},
    {"intact search \"open a socket\" --lang c --path 'src/**'", "in C files below src only"},
    {"intact search \"lock order\" --json | jq -r '.hits[].path'", "for scripts"},
};
constexpr Positional kSearchPositionals[] = {{.name = "QUERY", .is_required = true}, kDirectory};
constexpr Flag kSearchFlags[] = {
    {.name = "limit",
     .letter = 'k',
     .kind = FlagKind::kNumber,
     .value = "N",
     .help = "results to show (default 10)",
     .least = 1,
     .most = 10000},
    {.name = "path",
     .kind = FlagKind::kText,
     .is_repeatable = true,
     .value = "GLOB",
     .help = "only files that match: '*.cc', 'src/**', a folder's name; may be repeated"},
    {.name = "lang",
     .kind = FlagKind::kText,
     .is_repeatable = true,
     .value = "NAME",
     .help = "only files in this language: cpp, python, rust; may be repeated"},
    {.name = "mode",
     .kind = FlagKind::kChoice,
     .help = "rank by meaning and words (hybrid), meaning alone (vector), words alone (text)",
     .choices = kModeChoices},
    {.name = "lines",
     .kind = FlagKind::kNumber,
     .value = "N",
     .help = "lines of text to show for each result (default 6; 0 for none)",
     .most = 100000},
    {.name = "explain-score", .help = "show what each score is made of"},
    kApproximate,
    kProbes,
    kAt,
    {.name = "refresh", .help = "bring the index up to date first"},
    {.name = "no-refresh", .help = "never write: fail when there is no index"},
    {.name = "yes", .letter = 'y', .help = "index without asking when there is no index yet"},
    kModel,
    kStore,
    kLocal,
    kQuiet,
    kJson,
    {.name = "jsonl", .help = "print one JSON object per result and line; no progress"},
    kColor,
    kHelp};

// status, explain, verify, gc
constexpr Example kStatusExamples[] = {
    {"intact status", "what the index of this folder holds"},
    {"intact status --json | jq .stored_bytes", "one figure, for scripts"},
};
constexpr Flag kStatusFlags[] = {kAt, kStore, kLocal, kJson, kColor, kHelp};
constexpr Example kExplainExamples[] = {
    {"intact explain src/main.cc", "its chunks, and whether they are indexed"},
    {"intact explain build/config.h", "which rule leaves it out"},
};
constexpr Positional kExplainPositionals[] = {
    {.name = "FILE", .kind = PositionalKind::kFile, .is_required = true}};
constexpr Flag kExplainFlags[] = {kHidden, kNoIgnore, kMaxFileSize, kDefaultScope, kModel,
                                  kStore,  kLocal,    kJson,        kColor,        kHelp};
constexpr Example kVerifyExamples[] = {
    {"intact verify && echo intact", "check every bit of the index of this folder"},
    {"intact verify --fast --store ./vectors", "checksums only, at the speed of the disk"}};
constexpr Flag kVerifyFlags[] = {
    {.name = "fast", .help = "compare all checksums, decode no vector: as fast as the disk reads"},
    kStore,
    kLocal,
    kQuiet,
    kJson,
    kColor,
    kHelp};
constexpr Example kGcExamples[] = {
    {"intact gc --dry-run", "how much would be freed"},
    {"intact gc --yes", "free it without a question"},
};
constexpr Flag kGcFlags[] = {
    {.name = "dry-run", .letter = 'n', .help = "say what would be removed; write nothing"},
    {.name = "keep-versions", .help = "do not drop older versions"},
    kYes,
    kWait,
    kStore,
    kLocal,
    kQuiet,
    kJson,
    kColor,
    kHelp};
constexpr Positional kDirectoryPositionals[] = {kDirectory};

// import, export, stats
constexpr Example kImportExamples[] = {
    {"intact import vectors.npy --store ./vectors", "make a collection of the rows of a file"},
    {"intact import part-*.jsonl --store ./vectors --model acme/embed-2",
     "several files into one, with the name of the model that made them"},
    {"intact import model__1024__37.f32 --store ./raw", "bare float32, dimensions in the name"},
};
constexpr Positional kImportPositionals[] = {
    {.name = "FILE", .kind = PositionalKind::kFile, .is_required = true, .is_repeatable = true}};
constexpr Flag kImportFlags[] = {
    kDimensions,
    kVectorModel,
    {.name = "append", .help = "number rows without ids on after those that are there"},
    kMetric,
    kWait,
    kCollection,
    kQuiet,
    kJson,
    kColor,
    kHelp};
constexpr Example kExportExamples[] = {
    {"intact export vectors.npy --store ./vectors", "all rows, in the order they first came"},
    {"intact export - --format jsonl --store ./vectors | head", "to another program"},
};
constexpr Positional kExportPositionals[] = {
    {.name = "OUT", .kind = PositionalKind::kFile, .is_required = true}};
constexpr Flag kExportFlags[] = {
    {.name = "format",
     .kind = FlagKind::kChoice,
     .help = "kind of file (default: by the ending of OUT)",
     .choices = kFormatChoices},
    {.name = "force", .letter = 'f', .help = "replace OUT when it exists"},
    {.name = "vectors-only", .help = "leave out ids and metadata"},
    kAt,
    kCollection,
    kQuiet,
    kJson,
    kColor,
    kHelp};
constexpr Example kStatsExamples[] = {
    {"intact stats --store ./vectors", "what a collection takes on disk, part by part"},
    {"intact stats --json | jq .stored_percent", "one figure of this folder's index"},
};
constexpr Flag kStatsFlags[] = {kAt, kStore, kLocal, kJson, kColor, kHelp};

// codec bench, codec explain
constexpr Flag kRows{
    .name = "rows",
    .kind = FlagKind::kNumber,
    .value = "N",
    .help = "take the first N rows of a file (default: as many as fit memory well)",
    .least = 1};
constexpr Example kCodecBenchExamples[] = {
    {"intact codec bench vectors.npy", "sizes and speeds of every form, for the rows of a file"},
    {"intact codec bench *.f32 --json | jq '.files[].compact_percent'", "one figure a file"},
    {"intact codec bench --generate float16-norm:1536:2048", "of vectors made by a rule"},
};
constexpr Positional kCodecBenchPositionals[] = {
    {.name = "FILE", .kind = PositionalKind::kFile, .is_repeatable = true}};
constexpr Flag kCodecBenchFlags[] = {
    {.name = "generate",
     .kind = FlagKind::kText,
     .is_repeatable = true,
     .value = "RULE",
     .help = "vectors made by RULE[:DIMENSIONS[:COUNT]]; may be repeated"},
    {.name = "quick", .help = "one pass of each, no zstd 19, no set beyond the caches"},
    kDimensions,
    kRows,
    kQuiet,
    kJson,
    kColor,
    kHelp};
constexpr Example kCodecExplainExamples[] = {
    {"intact codec explain vectors.npy", "what its numbers are, and what keeping them takes"},
    {"intact codec explain vectors.npy --row 17", "one row of it; the first is row 0"},
};
constexpr Positional kCodecExplainPositionals[] = {
    {.name = "FILE", .kind = PositionalKind::kFile, .is_required = true}};
constexpr Flag kCodecExplainFlags[] = {{.name = "row",
                                        .kind = FlagKind::kNumber,
                                        .value = "N",
                                        .help = "say more about this row; the first is row 0"},
                                       kDimensions,
                                       kRows,
                                       kJson,
                                       kColor,
                                       kHelp};

// completion, help, man
constexpr Example kCompletionExamples[] = {
    {"source <(intact completion bash)", "in bash, for this session"},
    {"intact completion zsh > ~/.zfunc/_intact", "in zsh, for good, when ~/.zfunc is in fpath"},
    {"intact completion fish > ~/.config/fish/completions/intact.fish", "in fish, for good"},
};
constexpr Positional kCompletionPositionals[] = {{.name = "SHELL",
                                                  .kind = PositionalKind::kChoice,
                                                  .is_required = true,
                                                  .choices = kShellChoices}};
constexpr Example kHelpExamples[] = {
    {"intact help search", "all about one command"},
    {"intact help exit-codes", "what the exit status says"},
    {"intact help environment", "which variables count"},
};
constexpr Positional kHelpPositionals[] = {
    {.name = "COMMAND", .kind = PositionalKind::kCommand, .is_repeatable = true}};
constexpr Flag kPlainFlags[] = {kColor, kHelp};

constexpr std::string_view kIndexDescription =
    "Walks DIR (the current folder by default), cuts its files into chunks along their syntax and "
    "stores a "
    "vector for each, so that search finds them. When there is an index already it is brought up "
    "to date: "
    "unchanged files cost a look at their time and size, changed files their changed chunks.\n\n"
    "Without DIR, an index of a parent folder that covers the current one is updated instead of "
    "making a "
    "second one. Files are left out by .gitignore, .git/info/exclude and .intactignore (which may "
    "take "
    "files in again with !name), and when they are binary, generated, minified or too large; "
    "`intact explain FILE` says why. --hidden, --no-ignore and --max-file-size are remembered "
    "together until one of them or --default-scope is given.\n\n"
    "Ctrl-C finishes the batch at hand and keeps it; the next run goes on from there.";

constexpr std::string_view kSearchDescription =
    "Finds the chunks of source and text that answer QUERY best, in words or by meaning. QUERY is "
    "one "
    "argument: put several words in quotes. DIR is the current folder by default; an index of a "
    "parent "
    "folder serves too.\n\n"
    "When the folder has no index, a terminal is asked whether to make one; scripts get it at "
    "once. "
    "The search is exact: what it returns is what a scan over all vectors would return. With "
    "--approximate it looks into inverted lists made by intact approx, and says so.";

constexpr std::string_view kStatusDescription =
    "Shows what the index of DIR (the current folder by default) holds: files, chunks, vectors, "
    "what the last "
    "run embedded, reused, skipped and failed on, and the bytes on disk.";

constexpr std::string_view kExplainDescription =
    "Says whether FILE is in the index or out and by which rule, and lists its chunks as they "
    "would be indexed "
    "now. The scope is that of the last run unless --hidden, --no-ignore or --max-file-size is "
    "given.";

constexpr std::string_view kVerifyDescription =
    "Reads the whole index of DIR (the current folder by default): compares every checksum, "
    "decodes every vector "
    "and compares it with its stored digest. With --fast vectors are not decoded: their bytes are "
    "still covered by checksums. Changes nothing. Exit status 4 when anything is wrong; intact "
    "doctor then says what it means.";

constexpr std::string_view kGcDescription =
    "Rewrites the index of DIR (the current folder by default) without the vectors that no file "
    "uses any more, or the collection at --store without rows that were replaced or deleted. Until "
    "then they are kept, so that text that comes back costs nothing.\n\n"
    "Older versions are dropped, but for those with a tag, unless --keep-versions is given: a "
    "version that stays keeps all that it needs.";

constexpr std::string_view kImportDescription =
    "Takes the vectors of FILEs (.npy, .f32, .jsonl, Arrow IPC) into the collection at --store, "
    "which is made when there is none. Bits are kept: float32 as it is, float16, bfloat16 and "
    "float64 whose values all are float32 so that export gives them back; NaN and infinities too. "
    "Ids and metadata come along from .jsonl and Arrow.\n\n"
    "An id names one record. A row that is there already, with the same id, bits and metadata, is "
    "skipped; one with other bits or metadata replaces the record, which keeps its place in the "
    "order. Rows of files without ids are numbered from 0, on through all FILEs of the command, "
    "and these numbers are their ids: importing the same files again changes nothing, importing "
    "another file replaces row by row, unless --append puts its rows behind the others. All FILEs "
    "must have the same dimensions, the same element "
    "type, and ids all or none; so must a collection that exists.\n\n"
    "Rows are committed in batches. Ctrl-C finishes the batch at hand and keeps it; after that, or "
    "after a crash, the same command goes on from there; not so with --append, which cannot tell "
    "rows that are in from new ones. A FILE that another program cuts while it is read ends the "
    "import; what was committed stays. Replaced records stay in the store, unseen, and are counted "
    "by stats, until intact gc. FILE may be -: JSON lines from the standard input.";

constexpr std::string_view kExportDescription =
    "Writes all records of the collection at --store to OUT, in the order in which their ids first "
    "came, each vector checked on the way. OUT is written under another name beside it, synced "
    "and then renamed, so it is whole or not there; - is the standard output and needs "
    "--format.\n\n"
    "Vectors go out as the element type they came as. A kind of file that cannot hold the "
    "elements, the ids or the metadata is refused.";

constexpr std::string_view kStatsDescription =
    "Shows what the store of DIR's index (the current folder by default), or the index or "
    "collection at --store, takes on disk: vectors, search codes, keys, tables, records or "
    "catalog and postings, overhead; in bytes and in percent of the vectors as float32.";

constexpr std::string_view kCodecBenchDescription =
    "Takes the vectors of FILEs (.npy, .f32, .jsonl, Arrow IPC) and of --generate, finds out what "
    "each row is made of, keeps them in every form and compares every byte that comes back: "
    "compact (the least bytes), fast (decoded at the speed of memory), code + rest (an int8 search "
    "code and what completes it). Beside them stand a copy of the raw rows, LZ4, zstd and zstd of "
    "shuffled bytes, and the floor: what the frequencies of signs and exponents ask for.\n\n"
    "Sizes count headers, tables, row sizes and checksums of blocks of at most 1,024 rows. Speeds "
    "are of one core, in processor time of the thread: the best pass / the median one. A set "
    "repeated beyond the caches stands apart. Rules of --generate: float16-norm, bfloat16-norm "
    "(words divided by a norm), float16, bfloat16, float32, sums (the mean of a few bfloat16 "
    "vectors).\n\n"
    "Exit status 4 when anything did not come back exactly.";

constexpr std::string_view kCodecExplainDescription =
    "Says in words what the numbers of FILE (.npy, .f32, .jsonl, Arrow IPC) are, row by row: of "
    "how "
    "many bits, and by which arithmetic they became what the file holds; how many bits each takes "
    "in each form and with general codecs. It finds arithmetic, not authors: what it says is "
    "proven "
    "by computing the same bytes.";

constexpr std::string_view kCompletionDescription =
    "Prints a script that completes commands, flags and their values in bash, zsh or fish.";

constexpr std::string_view kHelpDescription =
    "Explains COMMAND, or a topic: exit-codes, environment. Without it, lists the commands.";

constexpr Command kCommands[] = {
    {.name = "index",
     .summary = "index a folder, or bring its index up to date",
     .description = kIndexDescription,
     .examples = kIndexExamples,
     .positionals = kIndexPositionals,
     .flags = kIndexFlags,
     .run = RunIndex},
    {.name = "search",
     .summary = "find the places that answer a question",
     .description = kSearchDescription,
     .examples = kSearchExamples,
     .positionals = kSearchPositionals,
     .flags = kSearchFlags,
     .run = RunSearch,
     .excess_hint = "put a query of several words in quotes"},
    {.name = "status",
     .summary = "show what an index holds and what its last run did",
     .description = kStatusDescription,
     .examples = kStatusExamples,
     .positionals = kDirectoryPositionals,
     .flags = kStatusFlags,
     .run = RunStatus},
    {.name = "explain",
     .summary = "say why a file is in or out, and show its chunks",
     .description = kExplainDescription,
     .examples = kExplainExamples,
     .positionals = kExplainPositionals,
     .flags = kExplainFlags,
     .run = RunExplain},
    {.name = "verify",
     .summary = "check every checksum and every vector of an index",
     .description = kVerifyDescription,
     .examples = kVerifyExamples,
     .positionals = kDirectoryPositionals,
     .flags = kVerifyFlags,
     .run = RunVerify},
    {.name = "gc",
     .summary = "free the space of vectors that no file uses any more",
     .description = kGcDescription,
     .examples = kGcExamples,
     .positionals = kDirectoryPositionals,
     .flags = kGcFlags,
     .run = RunGc},
    {.name = "import",
     .summary = "take vectors from files into a collection, bit for bit",
     .description = kImportDescription,
     .examples = kImportExamples,
     .positionals = kImportPositionals,
     .flags = kImportFlags,
     .run = RunImport},
    {.name = "export",
     .summary = "write the vectors of a collection to a file, bit for bit",
     .description = kExportDescription,
     .examples = kExportExamples,
     .positionals = kExportPositionals,
     .flags = kExportFlags,
     .run = RunExport,
     .excess_hint = "one file takes the whole collection"},
    {.name = "stats",
     .summary = "show what an index or a collection takes on disk",
     .description = kStatsDescription,
     .examples = kStatsExamples,
     .positionals = kDirectoryPositionals,
     .flags = kStatsFlags,
     .run = RunStats},
    kQueryCommand,
    kApproxCommand,
    kGetCommand,
    kPutCommand,
    kDeleteCommand,
    kVersionsCommand,
    kDiffCommand,
    kTagCommand,
    kUntagCommand,
    kRollBackCommand,
    kRetainCommand,
    kDoctorCommand,
    kSalvageCommand,
    kBackupCommand,
    kDumpCommand,
    kMigrateCommand,
    {.name = "codec bench",
     .summary = "measure how small and fast vectors are kept, bit for bit",
     .description = kCodecBenchDescription,
     .examples = kCodecBenchExamples,
     .positionals = kCodecBenchPositionals,
     .flags = kCodecBenchFlags,
     .run = RunCodecBench},
    {.name = "codec explain",
     .summary = "say what the vectors of a file are made of",
     .description = kCodecExplainDescription,
     .examples = kCodecExplainExamples,
     .positionals = kCodecExplainPositionals,
     .flags = kCodecExplainFlags,
     .run = RunCodecExplain},
    kBenchSearchCommand,
    {.name = "completion",
     .summary = "print a completion script for a shell",
     .description = kCompletionDescription,
     .examples = kCompletionExamples,
     .positionals = kCompletionPositionals,
     .flags = kPlainFlags,
     .run = RunCompletion},
    {.name = "help",
     .summary = "explain a command or a topic",
     .description = kHelpDescription,
     .examples = kHelpExamples,
     .positionals = kHelpPositionals,
     .flags = kPlainFlags,
     .run = RunHelp},
    {.name = "man",
     .summary = "print the manual page in roff",
     .description = "Prints the manual page, for packagers: intact man > intact.1",
     .flags = kPlainFlags,
     .run = RunMan,
     .is_hidden = true},
};

constexpr EnvironmentRow kEnvironment[] = {
    {"INTACT_MODEL", "the model to embed with, as --model says it; the flag goes first"},
    {"INTACT_STORE", "folder of the index or collection, as --store says it; the flag goes first"},
    {"XDG_DATA_HOME", "where indexes are kept, below intact/stores (default ~/.local/share)"},
    {"NO_COLOR", "when not empty: no colours"},
    {"CLICOLOR_FORCE",
     "when not empty and not 0: colours even where no terminal is; FORCE_COLOR too"},
    {"TERM", "\"dumb\": no colours and no progress bar"},
};

}  // namespace

std::span<const Command> AllCommands() { return kCommands; }

std::span<const EnvironmentRow> EnvironmentTable() { return kEnvironment; }

}  // namespace intact::cli
