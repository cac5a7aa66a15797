// What the chunker knows of each language's syntax tree: one row per kind of node. Internal to the
// module.
#pragma once

#include <tree_sitter/api.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "intact/source/language.h"

namespace intact::source {

// What a kind of node means for chunks.
enum class Role : uint8_t {
  kOther,    // A statement, an import: one thing, looked into only when it is too large.
  kLead,     // Comments, attributes, decorators: go with what follows.
  kWrapper,  // Something around one definition: `template <...>`, `export`.
  kBlock,    // A list of things; nothing itself.
  kGlue,     // Opens a list whose things belong to the level around it: `#ifdef`, `extern "C" {`.
  kScope,    // A named list: a namespace.
  kType,     // A definition with members that may be definitions.
  kDefinition,  // A definition without such members: functions, structs of C.
  kMinor,       // A definition of a line or so: macros, constants, prototypes.
};

// Where a definition's name is.
enum class NameRule : uint8_t {
  kNone,
  kField,       // The field "name".
  kTagged,      // The same, with a body only: `struct x;` defines nothing.
  kMacro,       // The same, unless it only guards a header.
  kTypeField,   // The field "type": `impl Type`.
  kDeclarator,  // Down the fields "declarator", to functions and variables.
  kPrototype,   // The same, functions only.
  kTypedef,     // The declarators and the name of the type.
  kSpecs,       // The field "name" of each child: Go's `const ( ... )`.
  kReceiver,    // `func (r *Type) Name`: Type.Name
  kAssignment,  // The left side of an assignment inside, when it is a plain name.
  kProperty,    // The left side when it is a path to which a function or class is assigned.
  kVariables,   // The names of `const a = ..., b = ...`; a function assigned makes it a definition.
};

struct NodeKind {
  Role role = Role::kOther;
  NameRule name = NameRule::kNone;
};

// One language: its parser tables and a NodeKind per symbol number of its grammar.
class Grammar {
 public:
  // Null for languages without a grammar here.
  static const TSLanguage* Find(Language language);

  // `language` has a grammar.
  explicit Grammar(Language language);

  const NodeKind& Of(TSNode node) const {
    const TSSymbol symbol = ts_node_symbol(node);
    // ERROR has the highest number there is.
    return symbol < kinds_.size() ? kinds_[symbol] : error_;
  }
  const TSLanguage* language() const { return language_; }
  std::string_view separator() const { return separator_; }

 private:
  const TSLanguage* language_;
  std::vector<NodeKind> kinds_;
  // What could not be parsed may hold what could.
  NodeKind error_ = {Role::kBlock, NameRule::kNone};
  std::string_view separator_;
};

}  // namespace intact::source
