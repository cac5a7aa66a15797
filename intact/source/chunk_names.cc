#include "intact/source/chunk_names.h"

#include <algorithm>
#include <cstring>
#include <iterator>

namespace intact::source {
namespace {

constexpr int kDeclaratorDepthMax = 16;
constexpr size_t kNameSizeMax = 120;
constexpr size_t kNamesMax = 64;

TSNode Field(TSNode node, std::string_view field) {
  return ts_node_child_by_field_name(node, field.data(), static_cast<uint32_t>(field.size()));
}
std::string_view Type(TSNode node) { return ts_node_is_null(node) ? "" : ts_node_type(node); }

std::string_view TextOf(TSNode node, std::string_view text) {
  if (ts_node_is_null(node)) return {};
  const uint32_t begin = ts_node_start_byte(node);
  return text.substr(begin, ts_node_end_byte(node) - begin);
}

bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         static_cast<unsigned char>(c) >= 0x80 || std::strchr("_$#.:~", c) != nullptr;
}

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// LIKE_THIS: in the place of a function's name, a macro behind its parameters.
bool IsShouted(std::string_view name) {
  return name.size() > 3 && std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
         });
}

// Words that broken declarations leave where a name should be.
bool IsTypeWord(std::string_view name) {
  static constexpr std::string_view kWords[] = {
      "int",    "char",     "void",  "long",      "short",    "unsigned", "signed",  "float",
      "double", "const",    "bool",  "static",    "extern",   "struct",   "return",  "if",
      "else",   "volatile", "while", "for",       "sizeof",   "switch",   "class",   "enum",
      "union",  "inline",   "using", "namespace", "template", "typename", "typedef",
  };
  return std::find(std::begin(kWords), std::end(kWords), name) != std::end(kWords);
}

// A name fit to be shown and joined: empty when it is none, or too long to be one.
std::string Clean(std::string_view written) {
  if (written.size() > 4 * kNameSizeMax) return "";
  std::string name;
  const size_t operator_at = written.find("operator");
  int depth = 0;
  for (size_t at = 0; at < written.size(); ++at) {
    const char c = written[at];
    if (at >= operator_at) {
      // operator<, operator bool: signs are part of the name, up to the parameters of a conversion.
      const bool is_call = written.substr(at).starts_with("()") && name.ends_with("operator");
      if (c == '(' && !is_call) break;
      if (static_cast<unsigned char>(c) > ' ') name += c;
    } else if (c == '<') {
      ++depth;
    } else if (c == '>') {
      --depth;
    } else if (depth == 0 && c != '\0' && IsNameByte(c)) {
      // Two words in one name: a macro the parser could not place, then the name itself.
      const bool is_word = std::strchr(".:~", c) == nullptr;
      if (at > 0 && IsSpace(written[at - 1]) && is_word && !name.empty() && name.back() != ':') {
        name.clear();
      }
      name += c;
    } else if (depth == 0 && !IsSpace(c) && c != '"' && c != '\'') {
      return "";
    }
  }
  return name.size() <= kNameSizeMax ? name : "";
}

void Add(FoundNames& found, std::string_view written) {
  std::string name = Clean(written);
  if (name.empty() || found.names.size() >= kNamesMax || IsTypeWord(name)) return;
  if (std::find(found.names.begin(), found.names.end(), name) == found.names.end()) {
    found.names.push_back(std::move(name));
  }
}

template <typename Visit>
void ForEachChild(TSNode node, const Visit& visit) {
  TSTreeCursor cursor = ts_tree_cursor_new(node);
  if (ts_tree_cursor_goto_first_child(&cursor)) {
    do {
      const TSNode child = ts_tree_cursor_current_node(&cursor);
      if (ts_node_is_named(child)) visit(child);
    } while (ts_tree_cursor_goto_next_sibling(&cursor));
  }
  ts_tree_cursor_delete(&cursor);
}

// What stands before the first parenthesis, for declarations with macros that the parser took for
// the name.
std::string_view WordBeforeParameters(std::string_view written) {
  const size_t open = written.substr(0, 300).find('(');
  if (open == std::string_view::npos) return {};
  size_t end = open;
  while (end > 0 && IsSpace(written[end - 1])) --end;
  size_t begin = end;
  while (begin > 0 && (IsNameByte(written[begin - 1]))) --begin;
  return written.substr(begin, end - begin);
}

// From `*(*name(int))[3]` down to `name`.
void AddDeclarator(FoundNames& found, TSNode node, std::string_view text, bool functions_only) {
  bool is_function = false;
  TSNode at = Field(node, "declarator");
  for (int depth = 0; depth < kDeclaratorDepthMax && !ts_node_is_null(at); ++depth) {
    const std::string_view type = Type(at);
    is_function = is_function || type == "function_declarator" || type == "operator_cast";
    if (!type.ends_with("_declarator")) {
      std::string_view name = TextOf(at, text);
      if (IsShouted(name)) {
        const std::string_view word = WordBeforeParameters(TextOf(node, text));
        if (!word.empty() && !IsShouted(word)) name = word;
      }
      if (is_function || !functions_only) Add(found, name);
      return;
    }
    const TSNode below = Field(at, "declarator");
    // References and parentheses hold their declarator without naming it.
    at = ts_node_is_null(below) ? ts_node_named_child(at, 0) : below;
    if (ts_node_is_null(below) && Type(at) == "ms_call_modifier") return;
  }
}

// The name of a type that is defined in passing: `typedef struct x { ... } y;`
void AddInnerType(FoundNames& found, TSNode node, std::string_view text) {
  const TSNode type = Field(node, "type");
  if (ts_node_is_null(type) || ts_node_is_null(Field(type, "body"))) return;
  Add(found, TextOf(Field(type, "name"), text));
}

bool IsFunctionLike(TSNode value) {
  static constexpr std::string_view kTypes[] = {"arrow_function", "function_expression",
                                                "generator_function", "function", "class"};
  return std::find(std::begin(kTypes), std::end(kTypes), Type(value)) != std::end(kTypes);
}

void AddVariable(FoundNames& found, TSNode node, std::string_view text, bool is_field) {
  const bool holds_function = IsFunctionLike(Field(node, "value"));
  TSNode name = Field(node, "name");
  if (ts_node_is_null(name)) name = Field(node, "property");
  if (!Type(name).ends_with("identifier")) return;  // A pattern: `const {a, b} = c`.
  if (is_field && !holds_function) return;
  found.is_definition = found.is_definition || holds_function;
  Add(found, TextOf(name, text));
}

void AddVariables(FoundNames& found, TSNode node, std::string_view text) {
  if (Type(node).ends_with("field_definition")) {
    AddVariable(found, node, text, true);
    return;
  }
  ForEachChild(node, [&](TSNode child) {
    if (Type(child) == "variable_declarator") AddVariable(found, child, text, false);
  });
}

// `exports.name = function`, `Type.prototype.name = () =>`
void AddProperty(FoundNames& found, TSNode node, std::string_view text) {
  const TSNode assignment = ts_node_named_child(node, 0);
  if (Type(assignment) != "assignment_expression") return;
  if (!IsFunctionLike(Field(assignment, "right"))) return;
  std::string name = Clean(TextOf(Field(assignment, "left"), text));
  for (const std::string_view prefix : {"module.", "exports", ".", "window.", "this."}) {
    if (name.starts_with(prefix)) name.erase(0, prefix.size());
  }
  const size_t prototype = name.find(".prototype.");
  if (prototype != std::string::npos) name.erase(prototype, 10);
  found.is_definition = true;
  Add(found, name);
}

// Type.Name of `func (r *Type[T]) Name()`.
void AddReceiver(FoundNames& found, TSNode node, std::string_view text) {
  std::string_view type = TextOf(Field(node, "receiver"), text);
  type = type.substr(0, type.find_first_of("[)"));
  while (type.ends_with(' ')) type.remove_suffix(1);
  const size_t begin = type.find_last_of(" *(");
  if (begin != std::string_view::npos) type.remove_prefix(begin + 1);
  const std::string_view name = TextOf(Field(node, "name"), text);
  Add(found, type.empty() ? std::string(name) : std::string(type) + "." + std::string(name));
}

}  // namespace

FoundNames FindNames(TSNode node, NameRule rule, std::string_view text) {
  FoundNames found;
  switch (rule) {
    case NameRule::kNone:
      break;
    case NameRule::kField:
      Add(found, TextOf(Field(node, "name"), text));
      break;
    case NameRule::kMacro: {
      const std::string_view name = TextOf(Field(node, "name"), text);
      const bool is_guard =
          ts_node_is_null(Field(node, "value")) &&
          (name.find("_H") != std::string_view::npos || name.ends_with("INCLUDED"));
      if (!is_guard) Add(found, name);
      break;
    }
    case NameRule::kTagged:
      if (!ts_node_is_null(Field(node, "body"))) Add(found, TextOf(Field(node, "name"), text));
      break;
    case NameRule::kTypeField:
      Add(found, TextOf(Field(node, "type"), text));
      break;
    case NameRule::kDeclarator:
    case NameRule::kTypedef:
      AddDeclarator(found, node, text, false);
      AddInnerType(found, node, text);
      break;
    case NameRule::kPrototype:
      AddDeclarator(found, node, text, true);
      break;
    case NameRule::kSpecs:
      ForEachChild(node, [&](TSNode child) {
        if (Type(child) == "var_spec_list") {
          ForEachChild(child, [&](TSNode spec) { Add(found, TextOf(Field(spec, "name"), text)); });
        } else {
          Add(found, TextOf(Field(child, "name"), text));
        }
      });
      break;
    case NameRule::kReceiver:
      AddReceiver(found, node, text);
      break;
    case NameRule::kAssignment: {
      const TSNode assignment = ts_node_named_child(node, 0);
      const TSNode left = Type(assignment) == "assignment" ? Field(assignment, "left") : TSNode{};
      if (left.id != nullptr && Type(left) == "identifier") Add(found, TextOf(left, text));
      break;
    }
    case NameRule::kProperty:
      AddProperty(found, node, text);
      break;
    case NameRule::kVariables:
      AddVariables(found, node, text);
      break;
  }
  return found;
}

}  // namespace intact::source
