// What the commands for collections of given vectors share.
#pragma once

#include <optional>
#include <string>

#include "apps/cli/command.h"

namespace intact::cli {

// The folder of the collection, by --store or INTACT_STORE. When neither is given, prints how to
// say it and gives nullopt: the exit status is then kExitUsage.
std::optional<std::string> StoreFrom(Context& context, const Arguments& arguments);

// The place of `directory`, or of the index or collection that --store or INTACT_STORE says. When
// there is none, prints that, and how to make one: `exit_code` is what to return then.
std::optional<engine::Place> FindStore(Context& context, const Arguments& arguments,
                                       const std::string& directory, int& exit_code);

// The version that --at says, or else none.
std::string VersionFrom(const Arguments& arguments);

// All of the standard input. kFull when it is larger than 1 GiB.
base::Result<std::string> ReadStandardInput(Context& context);

// Prints the failure of a command with the collection at `store`; gives the exit status for it,
// `not_found` when something was not there.
int ReportCollectionFailure(Context& context, const base::Status& status, const std::string& store,
                            ExitCode not_found);

}  // namespace intact::cli
