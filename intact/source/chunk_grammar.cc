#include "intact/source/chunk_grammar.h"

#include <span>

extern "C" {
const TSLanguage* tree_sitter_c();
const TSLanguage* tree_sitter_cpp();
const TSLanguage* tree_sitter_python();
const TSLanguage* tree_sitter_javascript();
const TSLanguage* tree_sitter_typescript();
const TSLanguage* tree_sitter_tsx();
const TSLanguage* tree_sitter_rust();
const TSLanguage* tree_sitter_go();
const TSLanguage* tree_sitter_java();
}

namespace intact::source {
namespace {

struct Row {
  std::string_view kind;
  Role role;
  NameRule name = NameRule::kNone;
};

constexpr Row kC[] = {
    {"translation_unit", Role::kBlock},
    {"comment", Role::kLead},
    {"attribute_declaration", Role::kLead},
    {"preproc_if", Role::kGlue},
    {"preproc_ifdef", Role::kGlue},
    {"preproc_else", Role::kGlue},
    {"preproc_elif", Role::kGlue},
    {"preproc_elifdef", Role::kGlue},
    {"linkage_specification", Role::kGlue},
    {"declaration_list", Role::kBlock},
    {"compound_statement", Role::kBlock},
    {"field_declaration_list", Role::kBlock},
    {"preproc_def", Role::kMinor, NameRule::kMacro},
    {"preproc_function_def", Role::kMinor, NameRule::kField},
    {"function_definition", Role::kDefinition, NameRule::kDeclarator},
    {"declaration", Role::kMinor, NameRule::kDeclarator},
    {"type_definition", Role::kDefinition, NameRule::kTypedef},
    {"struct_specifier", Role::kDefinition, NameRule::kTagged},
    {"union_specifier", Role::kDefinition, NameRule::kTagged},
    {"enum_specifier", Role::kDefinition, NameRule::kTagged},
};

// Beside the rows of C, which it starts from.
constexpr Row kCpp[] = {
    {"access_specifier", Role::kLead},
    {"namespace_definition", Role::kScope, NameRule::kField},
    {"template_declaration", Role::kWrapper},
    {"class_specifier", Role::kType, NameRule::kTagged},
    {"struct_specifier", Role::kType, NameRule::kTagged},
    {"union_specifier", Role::kType, NameRule::kTagged},
    {"field_declaration", Role::kMinor, NameRule::kPrototype},
    {"alias_declaration", Role::kMinor, NameRule::kField},
    {"concept_definition", Role::kMinor, NameRule::kField},
};

constexpr Row kPython[] = {
    {"module", Role::kBlock},
    {"block", Role::kBlock},
    {"comment", Role::kLead},
    {"decorated_definition", Role::kWrapper},
    {"decorator", Role::kLead},
    {"if_statement", Role::kGlue},
    {"elif_clause", Role::kGlue},
    {"else_clause", Role::kGlue},
    {"try_statement", Role::kGlue},
    {"except_clause", Role::kGlue},
    {"finally_clause", Role::kGlue},
    {"with_statement", Role::kGlue},
    {"class_definition", Role::kType, NameRule::kField},
    {"function_definition", Role::kDefinition, NameRule::kField},
    {"expression_statement", Role::kMinor, NameRule::kAssignment},
    {"type_alias_statement", Role::kMinor, NameRule::kNone},
};

constexpr Row kJavaScript[] = {
    {"program", Role::kBlock},
    {"statement_block", Role::kBlock},
    {"class_body", Role::kBlock},
    {"comment", Role::kLead},
    {"decorator", Role::kLead},
    {"export_statement", Role::kWrapper},
    {"class_declaration", Role::kType, NameRule::kField},
    {"function_declaration", Role::kDefinition, NameRule::kField},
    {"generator_function_declaration", Role::kDefinition, NameRule::kField},
    {"method_definition", Role::kDefinition, NameRule::kField},
    {"field_definition", Role::kMinor, NameRule::kVariables},
    {"lexical_declaration", Role::kMinor, NameRule::kVariables},
    {"variable_declaration", Role::kMinor, NameRule::kVariables},
    {"expression_statement", Role::kMinor, NameRule::kProperty},
};

// Beside the rows of JavaScript, which they start from.
constexpr Row kTypeScript[] = {
    {"ambient_declaration", Role::kWrapper},
    {"abstract_class_declaration", Role::kType, NameRule::kField},
    {"interface_declaration", Role::kDefinition, NameRule::kField},
    {"enum_declaration", Role::kDefinition, NameRule::kField},
    {"type_alias_declaration", Role::kDefinition, NameRule::kField},
    {"internal_module", Role::kScope, NameRule::kField},
    {"module", Role::kScope, NameRule::kField},
    {"function_signature", Role::kMinor, NameRule::kField},
    {"method_signature", Role::kMinor, NameRule::kField},
    {"abstract_method_signature", Role::kMinor, NameRule::kField},
    {"public_field_definition", Role::kMinor, NameRule::kVariables},
};

constexpr Row kRust[] = {
    {"source_file", Role::kBlock},
    {"declaration_list", Role::kBlock},
    {"block", Role::kBlock},
    {"line_comment", Role::kLead},
    {"block_comment", Role::kLead},
    {"attribute_item", Role::kLead},
    {"mod_item", Role::kScope, NameRule::kField},
    {"foreign_mod_item", Role::kGlue},
    {"impl_item", Role::kType, NameRule::kTypeField},
    {"trait_item", Role::kType, NameRule::kField},
    {"function_item", Role::kDefinition, NameRule::kField},
    {"struct_item", Role::kDefinition, NameRule::kField},
    {"enum_item", Role::kDefinition, NameRule::kField},
    {"union_item", Role::kDefinition, NameRule::kField},
    {"macro_definition", Role::kDefinition, NameRule::kField},
    {"function_signature_item", Role::kMinor, NameRule::kField},
    {"const_item", Role::kMinor, NameRule::kField},
    {"static_item", Role::kMinor, NameRule::kField},
    {"type_item", Role::kMinor, NameRule::kField},
    {"associated_type", Role::kMinor, NameRule::kField},
};

constexpr Row kGo[] = {
    {"source_file", Role::kBlock},
    {"block", Role::kBlock},
    {"statement_list", Role::kBlock},
    {"comment", Role::kLead},
    {"function_declaration", Role::kDefinition, NameRule::kField},
    {"method_declaration", Role::kDefinition, NameRule::kReceiver},
    {"type_declaration", Role::kDefinition, NameRule::kSpecs},
    {"const_declaration", Role::kMinor, NameRule::kSpecs},
    {"var_declaration", Role::kMinor, NameRule::kSpecs},
};

constexpr Row kJava[] = {
    {"program", Role::kBlock},
    {"class_body", Role::kBlock},
    {"interface_body", Role::kBlock},
    {"enum_body", Role::kBlock},
    {"enum_body_declarations", Role::kBlock},
    {"annotation_type_body", Role::kBlock},
    {"block", Role::kBlock},
    {"constructor_body", Role::kBlock},
    {"line_comment", Role::kLead},
    {"block_comment", Role::kLead},
    {"class_declaration", Role::kType, NameRule::kField},
    {"interface_declaration", Role::kType, NameRule::kField},
    {"enum_declaration", Role::kType, NameRule::kField},
    {"record_declaration", Role::kType, NameRule::kField},
    {"annotation_type_declaration", Role::kType, NameRule::kField},
    {"method_declaration", Role::kDefinition, NameRule::kField},
    {"constructor_declaration", Role::kDefinition, NameRule::kField},
    {"compact_constructor_declaration", Role::kDefinition, NameRule::kField},
    {"annotation_type_element_declaration", Role::kMinor, NameRule::kField},
    {"constant_declaration", Role::kMinor, NameRule::kDeclarator},
};

struct Source {
  Language language;
  const TSLanguage* (*table)();
  std::string_view separator;
  std::span<const Row> base;
  std::span<const Row> rows;
};

constexpr Source kSources[] = {
    {Language::kC, tree_sitter_c, "::", {}, kC},
    {Language::kCpp, tree_sitter_cpp, "::", kC, kCpp},
    {Language::kPython, tree_sitter_python, ".", {}, kPython},
    {Language::kJavaScript, tree_sitter_javascript, ".", {}, kJavaScript},
    {Language::kTypeScript, tree_sitter_typescript, ".", kJavaScript, kTypeScript},
    {Language::kTsx, tree_sitter_tsx, ".", kJavaScript, kTypeScript},
    {Language::kRust, tree_sitter_rust, "::", {}, kRust},
    {Language::kGo, tree_sitter_go, ".", {}, kGo},
    {Language::kJava, tree_sitter_java, ".", {}, kJava},
};

const Source* FindSource(Language language) {
  for (const Source& source : kSources) {
    if (source.language == language) return &source;
  }
  return nullptr;
}

}  // namespace

const TSLanguage* Grammar::Find(Language language) {
  const Source* source = FindSource(language);
  return source == nullptr ? nullptr : source->table();
}

Grammar::Grammar(Language language) : language_(Find(language)) {
  const Source& source = *FindSource(language);
  separator_ = source.separator;
  const uint32_t count = ts_language_symbol_count(language_);
  kinds_.resize(count);
  // One name may belong to several symbols: rules that others are aliases of.
  for (uint32_t symbol = 0; symbol < count; ++symbol) {
    if (ts_language_symbol_type(language_, static_cast<TSSymbol>(symbol)) != TSSymbolTypeRegular)
      continue;
    const std::string_view kind = ts_language_symbol_name(language_, static_cast<TSSymbol>(symbol));
    for (const std::span<const Row> rows : {source.base, source.rows}) {
      for (const Row& row : rows) {
        if (row.kind == kind) kinds_[symbol] = {row.role, row.name};
      }
    }
  }
}

}  // namespace intact::source
