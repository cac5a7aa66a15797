// The one translation from what stat(2) fills in; for the .cc files of this module. Thread-safe.
#pragma once

#include "intact/os/directory.h"

struct stat;

namespace intact::os {

FileStat ToFileStat(const struct stat& info);

}  // namespace intact::os
