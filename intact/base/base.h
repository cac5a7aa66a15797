// base: the vocabulary every other module speaks. Nothing here knows what an embedding is.
//
// Reading order: result.h (errors are values), check.h (bugs abort), bytes.h (little-endian
// cursors), aligned.h (arrays), crc32c.h (damage), digest.h (identity), mutex.h (annotated locks),
// log.h (the one hook for messages).
//
// Includes only the standard library and, for digest.cc, libsodium. Under 2,000 lines by rule.
#pragma once

#include "intact/base/aligned.h"  // IWYU pragma: export
#include "intact/base/bytes.h"    // IWYU pragma: export
#include "intact/base/check.h"    // IWYU pragma: export
#include "intact/base/crc32c.h"   // IWYU pragma: export
#include "intact/base/digest.h"   // IWYU pragma: export
#include "intact/base/element.h"  // IWYU pragma: export
#include "intact/base/log.h"      // IWYU pragma: export
#include "intact/base/mutex.h"    // IWYU pragma: export
#include "intact/base/result.h"   // IWYU pragma: export
