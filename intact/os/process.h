// The process and its surroundings: environment, memory, terminal, interrupts. Thread-safe unless
// said.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

namespace intact::os {

// nullopt when unset or empty.
std::optional<std::string> Environment(const char* name);
// $HOME, else "/". The password file is not asked: a static program could not.
std::string HomeDirectory();

// The kernel's own figures for this process, in bytes.
struct MemoryUse {
  uint64_t resident = 0;       // Now (VmRSS).
  uint64_t resident_peak = 0;  // Highest so far (VmHWM).
  uint64_t anonymous = 0;      // Of `resident`, what no file backs (RssAnon).
};
MemoryUse CurrentMemoryUse();
// Hands freed heap back to the kernel.
void ReleaseFreeMemory();
// What a program of ours wants of its process; call once, early in main. Every large buffer gets
// pages of its own, which go back when it is freed: without that the allocator learns to keep them,
// and a run's peak becomes its lasting size. A limit on the size of files becomes an error of the
// write instead of the process's end.
void PrepareProcess();

unsigned ProcessorCount();
// Threads that work is shared among: `wanted`, or where that is 0, one for each processor, at most
// 8.
unsigned ThreadCountOr(unsigned wanted);

bool IsTerminal(int descriptor);
// Columns of the terminal at `descriptor`, or `otherwise`.
int TerminalWidth(int descriptor, int otherwise);

// Makes the first SIGINT or SIGTERM set the returned flag and the second end the process at once
// with status 130; makes SIGPIPE an error of the write. Call once, from main.
const std::atomic<bool>& InstallInterruptFlag();

// The id of this process: no other on the machine has it while this one runs.
uint64_t ProcessId();

}  // namespace intact::os
