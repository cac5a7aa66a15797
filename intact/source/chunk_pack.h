// From an outline to chunks: small neighbours are put together, what is too heavy is cut. Internal
// to the module.
//
// Where a run of small things must be cut is decided by the text around the cut (a blank line
// first, then the highest hash of the line below it), not by counting from the run's start, so that
// an edit moves the cuts near it and leaves the others where they were.
#pragma once

#include <vector>

#include "intact/source/chunk.h"
#include "intact/source/chunk_lines.h"
#include "intact/source/chunk_outline.h"

namespace intact::source {

// Chunks along the outline's atoms.
std::vector<Chunk> PackOutline(const Lines& lines, const Outline& outline);

// Windows of about 40 lines, for text of which nothing is known.
std::vector<Chunk> PackLines(const Lines& lines);

}  // namespace intact::source
