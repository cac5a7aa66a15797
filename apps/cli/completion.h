// Completion scripts and the manual page, made from the table of commands. Pure functions,
// thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace intact::cli {

std::string BashCompletion();
std::string ZshCompletion();
std::string FishCompletion();

// The manual page intact(1) in roff with the man macros.
std::string ManualPage(std::string_view version);

}  // namespace intact::cli
