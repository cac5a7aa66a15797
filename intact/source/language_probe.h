// What a file's first bytes say of its language. Internal to the module. Thread-safe.
#pragma once

#include <cstddef>
#include <string_view>

namespace intact::source {

// How much of a file is looked at.
inline constexpr size_t kLanguageProbeSize = size_t{64} << 10;

// The interpreter's name in a "#!" line, without folders and version: "python", "bash"; empty
// without one.
std::string_view FindInterpreter(std::string_view text);

// The mode in "-*- C++ -*-" or "-*- mode: python; ... -*-" in the first two lines; empty without
// one.
std::string_view FindModeLine(std::string_view text);

// Whether C-like text uses classes, namespaces, templates or "::", comments and strings aside.
bool LooksLikeCpp(std::string_view text);

// Whether a line starts like a C or C++ header: `#include <`, `#pragma once`, `#ifndef`.
bool LooksLikeHeader(std::string_view text);

}  // namespace intact::source
