// Rows of the table of commands: single records, and versions. Constant data; for commands.cc.
#pragma once

#include "apps/cli/command_flags.h"
#include "apps/cli/commands.h"

namespace intact::cli {

inline constexpr Positional kIdPositionals[] = {
    {.name = "ID", .is_required = true, .is_repeatable = true}};
inline constexpr Positional kOptionalIdPositionals[] = {{.name = "ID", .is_repeatable = true}};
inline constexpr Positional kVersionsPositionals[] = {kDirectory};
inline constexpr Positional kTagPositionals[] = {{.name = "NAME", .is_required = true},
                                                 {.name = "VERSION"}};
inline constexpr Positional kUntagPositionals[] = {{.name = "NAME", .is_required = true}};
inline constexpr Positional kVersionPositionals[] = {{.name = "VERSION", .is_required = true}};
inline constexpr Positional kDiffPositionals[] = {{.name = "VERSION", .is_required = true},
                                                  {.name = "VERSION2"}};

// get, put, delete
inline constexpr Example kGetExamples[] = {
    {"intact get doc-17 --store ./vectors", "one record as a JSON line, bit for bit"},
    {"intact get 0 1 2 --store ./vectors | jq .vector", "rows of a collection without ids"},
};
inline constexpr Flag kGetFlags[] = {kAt, kCollection, kQuiet, kColor, kHelp};
inline constexpr Command kGetCommand{
    .name = "get",
    .summary = "print records of a collection",
    .description =
        "Prints the records of IDs of the collection at --store, one JSON line each, in their "
        "order, as export to .jsonl would: id, vector, metadata. A vector with values that JSON "
        "has no numbers for comes as vector_base64. In a collection without ids an ID is the "
        "number of a row, the first is 0. Exit status 1 when an ID is not there; the others are "
        "printed.",
    .examples = kGetExamples,
    .positionals = kIdPositionals,
    .flags = kGetFlags,
    .run = RunGet};

inline constexpr Example kPutExamples[] = {
    {"echo '{\"id\":\"a\",\"vector\":[0.25,1]}' | intact put --store ./vectors",
     "add a record, or replace it"},
};
inline constexpr Flag kPutFlags[] = {kVectorModel, kMetric, kWait,  kCollection,
                                     kQuiet,       kJson,   kColor, kHelp};
inline constexpr Command kPutCommand{
    .name = "put",
    .summary = "take records from the standard input into a collection",
    .description =
        "Reads JSON lines, as get prints and import reads them, from the standard input and takes "
        "them into the collection at --store, durably: new ids are added, others replaced. What "
        "comes is held in memory, at most 1 GiB: for more there is intact import FILE.",
    .examples = kPutExamples,
    .flags = kPutFlags,
    .run = RunPut};

inline constexpr Example kDeleteExamples[] = {
    {"intact delete doc-17 doc-18 --store ./vectors", "two records"},
    {"intact delete --file old.txt --store ./vectors", "those whose ids a file lists, one a line"},
};
inline constexpr Flag kDeleteFlags[] = {
    {.name = "file",
     .kind = FlagKind::kText,
     .value = "FILE",
     .help = "ids from this file as well, one a line"},
    {.name = "stdin", .help = "ids from the standard input as well, one a line"},
    kWait,
    kCollection,
    kQuiet,
    kJson,
    kColor,
    kHelp};
inline constexpr Command kDeleteCommand{
    .name = "delete",
    .summary = "delete records of a collection",
    .description =
        "Deletes the records of IDs from the collection at --store, durably. IDs that are not "
        "there do no harm. An older version still has the records (intact versions, intact "
        "rollback); intact gc frees what they take. An id that is given again later is a new "
        "record at the end of the order; in a collection without ids a number keeps its place.",
    .examples = kDeleteExamples,
    .positionals = kOptionalIdPositionals,
    .flags = kDeleteFlags,
    .run = RunDelete};

// versions, diff, tag, untag, rollback, retain
inline constexpr Example kVersionsExamples[] = {
    {"intact versions", "of the index of this folder"},
    {"intact versions --store ./vectors --json | jq '.versions[].tags'", "of a collection"},
};
inline constexpr Flag kVersionsFlags[] = {{.name = "limit",
                                           .kind = FlagKind::kNumber,
                                           .value = "N",
                                           .help = "versions to show (default 50)",
                                           .least = 1},
                                          kAnyStore,
                                          kLocal,
                                          kJson,
                                          kColor,
                                          kHelp};
inline constexpr Command kVersionsCommand{
    .name = "versions",
    .summary = "list the versions that can be read and gone back to",
    .description =
        "Lists the versions of DIR's index (the current folder by default), or of the index or "
        "collection at --store, the newest first: number, time, what it holds, the bytes it needs "
        "and those that no other version needs, tags. One run of index or import makes one "
        "version. How many are kept is said by intact retain; a tag keeps its version.",
    .examples = kVersionsExamples,
    .positionals = kVersionsPositionals,
    .flags = kVersionsFlags,
    .run = RunVersions};

inline constexpr Example kDiffExamples[] = {
    {"intact diff 12", "what changed between version 12 and now"},
    {"intact diff before after --store ./vectors --json", "two tags of a collection"},
};
inline constexpr Flag kDiffFlags[] = {{.name = "limit",
                                       .kind = FlagKind::kNumber,
                                       .value = "N",
                                       .help = "differences to list (default 100); all are counted",
                                       .most = 1'000'000},
                                      kDir,
                                      kAnyStore,
                                      kLocal,
                                      kJson,
                                      kColor,
                                      kHelp};
inline constexpr Command kDiffCommand{
    .name = "diff",
    .summary = "show what differs between two versions",
    .description =
        "Compares VERSION (a number or a tag) with VERSION2, the current one by default: files "
        "and chunks of an index, records of a collection. A file differs when its text does; a "
        "record when a bit of its vector or its metadata does. Time goes with what changed, not "
        "with what is there.",
    .examples = kDiffExamples,
    .positionals = kDiffPositionals,
    .flags = kDiffFlags,
    .run = RunDiff};

inline constexpr Example kTagExamples[] = {
    {"intact tag release-1", "name the current version"},
    {"intact tag good 12 --store ./vectors", "name version 12 of a collection"},
};
inline constexpr Flag kTagFlags[] = {kDir, kWait, kAnyStore, kLocal, kQuiet, kJson, kColor, kHelp};
inline constexpr Command kTagCommand{
    .name = "tag",
    .summary = "name a version, and keep it",
    .description =
        "Gives VERSION (the current one by default) the name NAME, which stands for it wherever a "
        "version is asked for, and keeps it until intact untag, through intact gc too. A tag that "
        "is there moves.",
    .examples = kTagExamples,
    .positionals = kTagPositionals,
    .flags = kTagFlags,
    .run = RunTag};
inline constexpr Example kUntagExamples[] = {{"intact untag release-1", "its version may go now"}};
inline constexpr Command kUntagCommand{
    .name = "untag",
    .summary = "take a version's name away",
    .description =
        "Removes the tag NAME. Its version stays as long as the rule of intact retain keeps it.",
    .examples = kUntagExamples,
    .positionals = kUntagPositionals,
    .flags = kTagFlags,
    .run = RunUntag};
inline constexpr Example kRollBackExamples[] = {
    {"intact rollback 12", "what version 12 held is current again"},
    {"intact rollback good --store ./vectors", "by tag, a collection"},
};
inline constexpr Command kRollBackCommand{
    .name = "rollback",
    .summary = "make an older version the current one again",
    .description =
        "Makes a new version that holds what VERSION (a number or a tag) held, at once: nothing "
        "is copied. The versions between stay, so a rollback can be rolled back. The next intact "
        "index finds out by itself which files differ from that version.",
    .examples = kRollBackExamples,
    .positionals = kVersionPositionals,
    .flags = kTagFlags,
    .run = RunRollBack};
inline constexpr Example kRetainExamples[] = {
    {"intact retain", "show the rule"},
    {"intact retain --last 20 --days 7", "the last 20 versions, and all of the last 7 days"},
};
inline constexpr Flag kRetainFlags[] = {
    {.name = "last",
     .kind = FlagKind::kNumber,
     .value = "N",
     .help = "keep the last N versions, the current included",
     .least = 1,
     .most = 4096},
    {.name = "days",
     .kind = FlagKind::kNumber,
     .value = "D",
     .help = "keep those of the last D days; 0 for no such rule",
     .most = 10'000},
    kDir,
    kWait,
    kAnyStore,
    kLocal,
    kQuiet,
    kJson,
    kColor,
    kHelp};
inline constexpr Command kRetainCommand{
    .name = "retain",
    .summary = "show or set how many versions are kept",
    .description =
        "Without --last and --days, shows which versions are kept. With them, sets that rule: a "
        "version is kept when either names it, or a tag. Others are dropped at once, and what "
        "they alone needed is freed. Stores begin with the last 8.",
    .examples = kRetainExamples,
    .flags = kRetainFlags,
    .run = RunRetain};

}  // namespace intact::cli
