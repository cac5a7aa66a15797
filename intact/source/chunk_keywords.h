// Names of definitions in languages whose grammar is not built in, by the words that begin them:
// `fun`, `def`, `class` and their like. Internal to the module.
#pragma once

#include <string_view>
#include <vector>

#include "intact/source/chunk.h"
#include "intact/source/language.h"

namespace intact::source {

// The name that `line` defines; "" when it does not look like a definition. A line does when only
// modifiers and annotations stand before the word: prose that speaks of a class does not.
std::string_view NameByKeyword(std::string_view line);

// Sets symbol and definitions of chunks of `text`, cut without knowing its syntax, where the
// language has such words.
void NameChunks(Language language, std::string_view text, std::vector<Chunk>& chunks);

}  // namespace intact::source
