// An outline: where things start in a text, found by its language, and what they are called.
// Packing (chunk_pack.h) turns it into chunks. Internal to the module.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace intact::source {

struct Symbol {
  std::string path;  // "Server::Accept"
  std::string name;  // "Accept"
  uint32_t parent = 0;
};

// Something that starts at a line and reaches to the next atom's; never cut unless too heavy for a
// chunk.
struct Atom {
  enum class Kind : uint8_t {
    kPlain,       // Imports, fields, statements, paragraphs.
    kOpening,     // A line that opens what follows: `namespace x {`, `#ifdef X`.
    kHeader,      // The beginning of a type or section whose members are atoms of their own.
    kDefinition,  // A named thing in one piece.
  };
  uint32_t line = 0;    // From 0.
  uint32_t symbol = 0;  // What it defines, or else what it lies in; an index into symbols.
  uint32_t inside = 0;  // Not 0: a piece of the large definition of that number.
  Kind kind = Kind::kPlain;
  bool is_named = false;  // Defines `symbol`.
};

// A definition's simple name at its line.
struct NamedLine {
  uint32_t line = 0;
  std::string name;
};

struct Outline {
  std::vector<Atom> atoms;  // By rising line, no two at one; the first at line 0.
  std::vector<NamedLine> names;
  std::vector<Symbol> symbols;       // Number 0 is the file itself and has no name.
  std::string_view separator = ".";  // Between the names of a path.

  void Clear(std::string_view path_separator) {
    atoms.clear();
    names.clear();
    symbols.assign(1, Symbol());
    separator = path_separator;
  }

  // `name` may itself be a path ("Server::Accept"); its last part is the simple name.
  uint32_t AddSymbol(uint32_t parent, std::string_view name) {
    Symbol symbol;
    symbol.parent = parent;
    const std::string& above = symbols[parent].path;
    symbol.path =
        above.empty() ? std::string(name) : above + std::string(separator) + std::string(name);
    const size_t last = name.rfind(separator);
    symbol.name = last == std::string_view::npos ? name : name.substr(last + separator.size());
    symbols.push_back(std::move(symbol));
    return static_cast<uint32_t>(symbols.size() - 1);
  }

  // Two atoms at one line become one; what is named wins. Returns the atom's index, or kNotTaken.
  static constexpr size_t kNotTaken = SIZE_MAX;
  size_t AddAtom(const Atom& atom) {
    if (atoms.empty() || atoms.back().line < atom.line) {
      atoms.push_back(atom);
    } else if (atom.is_named && !atoms.back().is_named) {
      const uint32_t line = atoms.back().line;
      atoms.back() = atom;
      atoms.back().line = line;
    } else {
      return kNotTaken;
    }
    return atoms.size() - 1;
  }
};

}  // namespace intact::source
