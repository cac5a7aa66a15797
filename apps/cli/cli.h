// cli: the command `intact`. Reads arguments, calls the engine, prints what it answers; decides
// nothing that the engine decides.
//
// Reading order: flags.h (rows that describe commands, and their parser), commands.h (the one
// table: parsing, help, completions and the man page all come from it), command.h (what a command
// is handed), cmd_*.cc (one file for each command), text.h, numbers.h, json.h, output.h, progress.h
// (how things are printed). Single-threaded.
#pragma once

#include <span>
#include <string_view>

#include "apps/cli/command.h"

namespace intact::cli {

// Runs `words`, the arguments after the program's name, and returns the exit status. Writes
// everything to the context's outputs and flushes them.
int Run(Context& context, std::span<const std::string_view> words);

}  // namespace intact::cli
