// What the commands that look after stores share.
#pragma once

#include <optional>
#include <string>

#include "apps/cli/command.h"

namespace intact::cli {

// The place of positional `index` by --store, --local and INTACT_STORE, also of a store that lost
// its superblock. When there is none, says so and gives nullopt; `exit_code` is then the exit
// status.
std::optional<engine::Place> FindDamagedStore(Context& context, const Arguments& arguments,
                                              size_t index, int& exit_code);

// Prints the failure of a command with the store at `store`; gives the exit status for it.
int ReportUpkeepFailure(Context& context, const base::Status& status, const std::string& store);

// "--store PATH" as it is to be typed for `store`.
std::string StoreFlag(const engine::Place& place);

}  // namespace intact::cli
