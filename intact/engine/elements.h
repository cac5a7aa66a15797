// Rows of a file as float32, or a message that says which value is none. Pure functions;
// thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "intact/base/base.h"

namespace intact::engine {

// codec::WidenElements of whole rows into `target`, resized to fit; the first is row `first_row` of
// its file. kInvalidArgument, naming row and value and saying what to do, when one is not exactly a
// float32.
base::Status WidenRows(base::ElementType type, base::ByteSpan elements, size_t dimensions,
                       uint64_t first_row, std::vector<float>& target);

}  // namespace intact::engine
