// The names that a definition's node gives. Internal to the module.
#pragma once

#include <tree_sitter/api.h>

#include <string>
#include <string_view>
#include <vector>

#include "intact/source/chunk_grammar.h"

namespace intact::source {

struct FoundNames {
  // As written, without white space and template arguments: "Server::Accept", "Accept". May be
  // empty.
  std::vector<std::string> names;
  // A variable or field that holds a function or class: it is as good as one.
  bool is_definition = false;
};

// `text` is what was parsed.
FoundNames FindNames(TSNode node, NameRule rule, std::string_view text);

}  // namespace intact::source
