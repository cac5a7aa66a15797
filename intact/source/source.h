// source: from a folder to chunks of source text. Knows file names, ignore rules, languages and
// syntax; knows nothing of vectors or stores.
//
// Reading order: skip.h (why a file is left out), glob.h and ignore.h (patterns and rules), walk.h
// (a tree's files, each in or out with its reason), content.h (reading a file and judging its
// bytes), language.h (what language it is in), chunk.h (its text as a list of chunks).
#pragma once

#include "intact/source/chunk.h"     // IWYU pragma: export
#include "intact/source/content.h"   // IWYU pragma: export
#include "intact/source/glob.h"      // IWYU pragma: export
#include "intact/source/ignore.h"    // IWYU pragma: export
#include "intact/source/language.h"  // IWYU pragma: export
#include "intact/source/skip.h"      // IWYU pragma: export
#include "intact/source/walk.h"      // IWYU pragma: export
