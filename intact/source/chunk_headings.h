// Outlines of prose with headings. Internal to the module.
#pragma once

#include "intact/source/chunk_lines.h"
#include "intact/source/chunk_outline.h"

namespace intact::source {

// Markdown (CommonMark): `#` headings and underlined ones; what lies in fenced code is no heading.
void OutlineMarkdown(const Lines& lines, Outline& outline);

// reStructuredText: underlined titles, whose levels are told by the order in which their signs
// appear.
void OutlineRst(const Lines& lines, Outline& outline);

}  // namespace intact::source
