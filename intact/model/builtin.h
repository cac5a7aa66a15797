// The default model's file, models/default.intactmodel, as bytes of the program: found wherever the
// program is, and paged in only where a look-up touches it. Thread-safe.
#pragma once

#include "intact/base/base.h"

namespace intact::model {

// Starts at a multiple of 4,096 bytes; lives as long as the program.
base::ByteSpan BuiltinModelFile();

}  // namespace intact::model
