// Rows of the table of commands: looking after stores. Constant data; for commands.cc.
#pragma once

#include "apps/cli/command_flags.h"
#include "apps/cli/commands.h"

namespace intact::cli {

inline constexpr Positional kUpkeepPositionals[] = {kDirectory};
inline constexpr Positional kCopyPositionals[] = {
    {.name = "OUT", .kind = PositionalKind::kFolder, .is_required = true}, kDirectory};

inline constexpr Example kDoctorExamples[] = {
    {"intact doctor", "what is wrong with the index of this folder, if anything"},
    {"intact doctor --repair --store ./vectors", "rebuild what the rest of a collection says"},
};
inline constexpr Flag kDoctorFlags[] = {
    {.name = "repair", .help = "repair what can be; without it nothing is written"},
    {.name = "accept-loss",
     .help = "with --repair: drop versions that are damaged, even the newest"},
    kWait,
    kAnyStore,
    kLocal,
    kQuiet,
    kJson,
    kColor,
    kHelp};
inline constexpr Command kDoctorCommand{
    .name = "doctor",
    .summary = "say what is wrong with a store, and repair it",
    .description =
        "Looks at every byte of DIR's index (the current folder by default), or of the index or "
        "collection at --store, and says of all damage what it means: which version, how many "
        "rows, what can be made again. Writes nothing and takes no lock without --repair.\n\n"
        "--repair makes again what the rest of the store says: copies of the superblock, or all of "
        "it; commits that are whole in one half of a journal; what finds keys, and codes; it "
        "forgets older versions that cannot be opened, and removes leftover files. Rows that "
        "cannot be read it leaves alone: intact salvage saves the others. After that "
        "--accept-loss drops older versions that lost rows and, when the newest version cannot be "
        "opened, makes the newest current that can.\n\n"
        "Exit status 4 while anything is damaged.",
    .examples = kDoctorExamples,
    .positionals = kUpkeepPositionals,
    .flags = kDoctorFlags,
    .run = RunDoctor};

inline constexpr Example kSalvageExamples[] = {
    {"intact salvage ./saved --store ./vectors", "every readable record, as a new collection"},
    {"intact salvage ./saved && intact index --store ./saved",
     "an index: what is damaged is made again, and nothing is embedded twice"},
};
inline constexpr Flag kSalvageFlags[] = {kAnyStore, kLocal, kQuiet, kJson, kColor, kHelp};
inline constexpr Command kSalvageCommand{
    .name = "salvage",
    .summary = "save what can be read of a damaged store into a new one",
    .description =
        "Writes every row that can be read of DIR's index (the current folder by default), or of "
        "the index or collection at --store, into a new store OUT, and lists what is lost. OUT "
        "must not exist or be empty. The damaged store is not written to, and may lack anything: "
        "superblock, manifests, headers, parts of files.\n\n"
        "Records keep ids, metadata and order. Of an index, documents that are whole can be "
        "searched at once; intact index --store OUT makes the others again from the files, without "
        "embedding a text whose vector was saved. Older versions and tags are not taken over.\n\n"
        "Exit status 4 when rows are lost.",
    .examples = kSalvageExamples,
    .positionals = kCopyPositionals,
    .flags = kSalvageFlags,
    .run = RunSalvage};

inline constexpr Example kDumpExamples[] = {
    {"intact dump", "superblock, manifest, history, tags, files, segments, journals"},
    {"intact dump --segments --checks --limit 0 --json", "every section, its checksum compared"},
    {"intact dump --records 5 --store ./vectors", "five rows: key, size, checksum"},
};
inline constexpr Flag kDumpFlags[] = {
    {.name = "manifest", .help = "superblock, current manifest, history, tags and files only"},
    {.name = "segments", .help = "segments with their sections only"},
    {.name = "journal", .help = "journals with their frames only"},
    {.name = "records",
     .kind = FlagKind::kNumber,
     .value = "N",
     .help = "N rows only, decoded and compared with their checksums",
     .least = 1,
     .most = 10'000'000},
    {.name = "first-row",
     .kind = FlagKind::kNumber,
     .value = "ROW",
     .help = "with --records: begin with this row id (default 0)"},
    {.name = "checks", .help = "compare the checksum of each section that is shown"},
    {.name = "limit",
     .kind = FlagKind::kNumber,
     .value = "N",
     .help = "entries of each list, the newest (default 20; 0 for all)"},
    kAnyStore,
    kLocal,
    kJson,
    kColor,
    kHelp};
inline constexpr Command kDumpCommand{
    .name = "dump",
    .summary = "describe what the files of a store hold, field by field",
    .description =
        "Shows everything that the format has in the files of DIR's index (the current folder by "
        "default), or of the index or collection at --store: the superblock's copies, versions, "
        "tags, segments with offsets, sizes and checksums of their sections, frames of journals. "
        "Works on damaged stores too. docs/format/store.md explains the fields.",
    .examples = kDumpExamples,
    .positionals = kUpkeepPositionals,
    .flags = kDumpFlags,
    .run = RunDump};

inline constexpr Example kBackupExamples[] = {
    {"intact backup /mnt/usb/app-index", "the index of this folder, as it is now"},
    {"intact backup ./copy --all-versions --store ./vectors", "a collection with its history"},
};
inline constexpr Flag kBackupFlags[] = {
    {.name = "all-versions", .help = "older versions and tags too, not the current version alone"},
    kAnyStore,
    kLocal,
    kQuiet,
    kJson,
    kColor,
    kHelp};
inline constexpr Command kBackupCommand{
    .name = "backup",
    .summary = "copy a store, consistent and checked, while others write to it",
    .description =
        "Copies DIR's index (the current folder by default), or the index or collection at "
        "--store, into OUT, which must not exist or be empty. Writers may go on meanwhile: the "
        "copy is the version that was current when the command began, with the same number. Every "
        "checksum is compared before and after copying; OUT becomes a store with the last step. To "
        "use a copy, name it with --store, or put it where the store was.",
    .examples = kBackupExamples,
    .positionals = kCopyPositionals,
    .flags = kBackupFlags,
    .run = RunBackup};

inline constexpr Example kApproxExamples[] = {
    {"intact approx --store ./vectors", "make lists, or extend them to new rows"},
    {"intact query ./vectors --like doc-17 --approximate", "search them"},
    {"intact approx --drop --store ./vectors", "remove them"},
};
inline constexpr Flag kApproxFlags[] = {
    {.name = "drop", .help = "remove all lists"},
    {.name = "retrain", .help = "make all lists anew"},
    {.name = "lists",
     .kind = FlagKind::kNumber,
     .value = "N",
     .help = "lists (default: about twice the square root of the rows)",
     .least = 1,
     .most = 65536},
    kThreads,
    kWait,
    kAnyStore,
    kLocal,
    kQuiet,
    kJson,
    kColor,
    kHelp};
inline constexpr Command kApproxCommand{
    .name = "approx",
    .summary = "make lists for approximate search of millions of vectors",
    .description =
        "Puts the rows of large segments of DIR's index (the current folder by default), or of the "
        "index or collection at --store, into lists of rows that are near each other, so that "
        "search --approximate and query --approximate look at a small part of them. Rows written "
        "later are always found: they are scanned exactly until this command runs again, which "
        "makes lists for new segments only, or all anew when the rows grew to four times what "
        "they were. Searches without --approximate stay exact and do not use the lists.\n\n"
        "How much of the exact answer is found is measured with rows of the store, drawn evenly, "
        "each asking for its nearest others; intact stats shows it, and searches look into as "
        "many lists as found 0.99. Lists lie in the store's folder and can be removed at any "
        "time; intact gc removes those of segments it rewrites.",
    .examples = kApproxExamples,
    .positionals = kUpkeepPositionals,
    .flags = kApproxFlags,
    .run = RunApprox};

inline constexpr Example kMigrateExamples[] = {
    {"intact migrate", "bring the index of this folder to the current format"},
    {"intact migrate --keep --store ./vectors", "and keep the version as it was"},
};
inline constexpr Flag kMigrateFlags[] = {
    {.name = "keep", .help = "keep the version as it was, to go back to"},
    kWait,
    kAnyStore,
    kLocal,
    kQuiet,
    kJson,
    kColor,
    kHelp};
inline constexpr Command kMigrateCommand{
    .name = "migrate",
    .summary = "bring a store of an older format to the current one",
    .description =
        "Writes what is of an older format in DIR's index (the current folder by default), or in "
        "the index or collection at --store, anew, reads all of it back, and only then drops what "
        "was there, unless --keep is given. Older formats are read and written to without it. "
        "Vectors in files of other tools (.npy, .f32, .jsonl, Arrow) are taken in by intact "
        "import.",
    .examples = kMigrateExamples,
    .positionals = kUpkeepPositionals,
    .flags = kMigrateFlags,
    .run = RunMigrate};

}  // namespace intact::cli
