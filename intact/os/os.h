// os: the operating system behind small interfaces, and the only place with system headers.
//
// Reading order: file.h (FileSystem, File, Mapping, FileLock: replaced by tests), mapping_guard.h
// (what happens when a mapped file is truncated), directory.h (listing and stat for walks), read.h
// (a file that may be changing), clock.h, process.h (environment, memory, terminal, interrupts),
// tasks.h (threads).
#pragma once

#include "intact/os/clock.h"          // IWYU pragma: export
#include "intact/os/directory.h"      // IWYU pragma: export
#include "intact/os/file.h"           // IWYU pragma: export
#include "intact/os/mapping_guard.h"  // IWYU pragma: export
#include "intact/os/process.h"        // IWYU pragma: export
#include "intact/os/read.h"           // IWYU pragma: export
#include "intact/os/tasks.h"          // IWYU pragma: export
