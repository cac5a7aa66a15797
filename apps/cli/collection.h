// What the commands for collections of given vectors share.
#pragma once

#include <optional>
#include <string>

#include "apps/cli/command.h"

namespace intact::cli {

// The folder of the collection, by --store or INTACT_STORE. When neither is given, prints how to
// say it and gives nullopt: the exit status is then kExitUsage.
std::optional<std::string> StoreFrom(Context& context, const Arguments& arguments);

// Prints the failure of a command with the collection at `store`; gives the exit status for it,
// `not_found` when something was not there.
int ReportCollectionFailure(Context& context, const base::Status& status, const std::string& store,
                            ExitCode not_found);

}  // namespace intact::cli
