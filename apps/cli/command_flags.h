// Flags and positionals that rows of several commands share. Constant data; for commands.cc and the
// headers whose rows it takes in.
#pragma once

#include "apps/cli/flags.h"

namespace intact::cli {

inline constexpr uint64_t kSecondsPerDay = 86400;

inline constexpr std::string_view kColorChoices[] = {"auto", "always", "never"};
inline constexpr std::string_view kMetricChoices[] = {"cosine", "dot", "euclidean", "hamming"};

inline constexpr Flag kHelp{.name = "help", .letter = 'h', .help = "show this help"};
inline constexpr Flag kColor{.name = "color",
                             .kind = FlagKind::kChoice,
                             .help = "colours: auto (on a terminal), always, never",
                             .choices = kColorChoices};
inline constexpr Flag kJson{.name = "json", .help = "print one JSON object; no progress"};
inline constexpr Flag kStore{.name = "store",
                             .kind = FlagKind::kFolder,
                             .value = "PATH",
                             .help = "keep the index in this folder"};
inline constexpr Flag kModel{
    .name = "model",
    .kind = FlagKind::kFolder,
    .value = "PATH",
    .help = "embed with this model: a model2vec folder or an .intactmodel file"};
inline constexpr Flag kLocal{.name = "local", .help = "keep the index in DIR/.intact"};
inline constexpr Flag kQuiet{.name = "quiet", .letter = 'q', .help = "print problems only"};
inline constexpr Flag kYes{.name = "yes", .letter = 'y', .help = "do not ask"};
inline constexpr Flag kHidden{.name = "hidden",
                              .help = "take in files and folders whose name starts with a dot"};
inline constexpr Flag kNoIgnore{.name = "no-ignore",
                                .help = "do not heed .gitignore and .intactignore"};
inline constexpr Flag kDefaultScope{
    .name = "default-scope",
    .help = "forget the --hidden, --no-ignore and --max-file-size of earlier runs"};
inline constexpr Flag kMaxFileSize{
    .name = "max-file-size",
    .kind = FlagKind::kSize,
    .value = "BYTES",
    .help = "leave out larger files; K, M and G are understood (default 2M)",
    .least = 1,
    .most = uint64_t{1} << 30};
inline constexpr Flag kWait{
    .name = "wait",
    .kind = FlagKind::kOptionalNumber,
    .value = "SECONDS",
    .help = "wait while another process writes to the index (a day when no number is given)",
    .most = kSecondsPerDay};

inline constexpr Flag kThreads{
    .name = "threads",
    .kind = FlagKind::kNumber,
    .value = "N",
    .help = "threads to work with (default: one per processor, at most 8)",
    .least = 1,
    .most = 256};

inline constexpr Flag kVectorModel{
    .name = "model",
    .kind = FlagKind::kText,
    .value = "NAME",
    .help = "what made the vectors (default: that of the collection, or unknown)"};
inline constexpr Flag kMetric{
    .name = "metric",
    .kind = FlagKind::kChoice,
    .help =
        "how vectors compare (default: that of the collection, or cosine); hamming is for "
        "vectors of zeros and ones",
    .choices = kMetricChoices};

inline constexpr Flag kDimensions{
    .name = "dimensions",
    .letter = 'd',
    .kind = FlagKind::kNumber,
    .value = "D",
    .help = "values per row; needed for .f32 files whose name does not say",
    .least = 1,
    .most = 65536};

inline constexpr Positional kDirectory{.name = "DIR", .kind = PositionalKind::kFolder};
inline constexpr Flag kCollection{.name = "store",
                                  .kind = FlagKind::kFolder,
                                  .value = "PATH",
                                  .help = "the folder that holds the collection"};

inline constexpr Flag kAt{
    .name = "at",
    .kind = FlagKind::kText,
    .value = "VERSION",
    .help = "read an older version: its number or a tag (see intact versions)"};
inline constexpr Flag kApproximate{
    .name = "approximate",
    .help = "look into the nearest inverted lists only, where intact approx made some"};
inline constexpr Flag kProbes{
    .name = "probes",
    .kind = FlagKind::kNumber,
    .value = "N",
    .help = "with --approximate: lists to look into (default: as many as found 0.99)",
    .least = 1,
    .most = 65536};
inline constexpr Flag kDir{.name = "dir",
                           .kind = FlagKind::kFolder,
                           .value = "DIR",
                           .help = "of the index of this folder (default: the current one)"};
inline constexpr Flag kAnyStore{.name = "store",
                                .kind = FlagKind::kFolder,
                                .value = "PATH",
                                .help = "of the index or collection in this folder"};

}  // namespace intact::cli
