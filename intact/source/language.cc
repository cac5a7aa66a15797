#include "intact/source/language.h"

#include <algorithm>
#include <array>
#include <iterator>

#include "intact/source/language_probe.h"

namespace intact::source {
namespace {

struct Entry {
  std::string_view text;
  Language language;
};

// In the order of the enumeration.
constexpr std::array<std::string_view, kLanguageCount> kNames = {
    "Text",       "C",        "C++",        "Python",      "JavaScript", "TypeScript",
    "TSX",        "Rust",     "Go",         "Java",        "Markdown",   "reStructuredText",
    "Shell",      "Ruby",     "PHP",        "C#",          "Kotlin",     "Swift",
    "Scala",      "Lua",      "Perl",       "SQL",         "HTML",       "CSS",
    "JSON",       "YAML",     "TOML",       "XML",         "CMake",      "Make",
    "Dockerfile", "Protobuf", "Zig",        "Haskell",     "OCaml",      "Elixir",
    "R",          "Julia",    "Dart",       "Vue",         "TeX",        "Assembly",
    "Erlang",     "Clojure",  "Groovy",     "Objective-C", "CUDA",       "GLSL",
    "Terraform",  "INI",      "PowerShell", "Batch",       "Fortran",    "Pascal",
    "Ada",        "Nim",      "D",          "Tcl",         "Lisp",       "GraphQL",
    "Svelte",     "Nix",      "Bazel",      "Awk",         "Vim",        "Diff",
    "CSV",        "Notebook",
};

// Other names people use, and those of interpreters in "#!" lines; lower case.
constexpr Entry kAliases[] = {
    {"plain", Language::kText},
    {"txt", Language::kText},
    {"cpp", Language::kCpp},
    {"cxx", Language::kCpp},
    {"cc", Language::kCpp},
    {"py", Language::kPython},
    {"python2", Language::kPython},
    {"python3", Language::kPython},
    {"pypy", Language::kPython},
    {"js", Language::kJavaScript},
    {"jsx", Language::kJavaScript},
    {"node", Language::kJavaScript},
    {"nodejs", Language::kJavaScript},
    {"ts", Language::kTypeScript},
    {"deno", Language::kTypeScript},
    {"bun", Language::kTypeScript},
    {"rs", Language::kRust},
    {"golang", Language::kGo},
    {"md", Language::kMarkdown},
    {"rst", Language::kRst},
    {"sh", Language::kShell},
    {"bash", Language::kShell},
    {"zsh", Language::kShell},
    {"dash", Language::kShell},
    {"ksh", Language::kShell},
    {"fish", Language::kShell},
    {"shell-script", Language::kShell},
    {"rb", Language::kRuby},
    {"csharp", Language::kCSharp},
    {"cs", Language::kCSharp},
    {"kt", Language::kKotlin},
    {"pl", Language::kPerl},
    {"yml", Language::kYaml},
    {"makefile", Language::kMake},
    {"docker", Language::kDockerfile},
    {"proto", Language::kProtobuf},
    {"hs", Language::kHaskell},
    {"ml", Language::kOCaml},
    {"ex", Language::kElixir},
    {"rscript", Language::kR},
    {"jl", Language::kJulia},
    {"latex", Language::kTex},
    {"asm", Language::kAssembly},
    {"escript", Language::kErlang},
    {"clj", Language::kClojure},
    {"objc", Language::kObjectiveC},
    {"objectivec", Language::kObjectiveC},
    {"hcl", Language::kTerraform},
    {"ps1", Language::kPowerShell},
    {"pwsh", Language::kPowerShell},
    {"bat", Language::kBatch},
    {"tclsh", Language::kTcl},
    {"wish", Language::kTcl},
    {"elisp", Language::kLisp},
    {"scheme", Language::kLisp},
    {"starlark", Language::kBazel},
    {"gawk", Language::kAwk},
    {"mawk", Language::kAwk},
    {"ipynb", Language::kNotebook},
    {"scss", Language::kCss},
    {"less", Language::kCss},
};

// Whole file names, lower case.
constexpr Entry kFileNames[] = {
    {"makefile", Language::kMake},         {"gnumakefile", Language::kMake},
    {"kbuild", Language::kMake},           {"cmakelists.txt", Language::kCMake},
    {"dockerfile", Language::kDockerfile}, {"containerfile", Language::kDockerfile},
    {"jenkinsfile", Language::kGroovy},    {"rakefile", Language::kRuby},
    {"gemfile", Language::kRuby},          {"podfile", Language::kRuby},
    {"vagrantfile", Language::kRuby},      {"build", Language::kBazel},
    {"workspace", Language::kBazel},       {"build.bazel", Language::kBazel},
    {"workspace.bazel", Language::kBazel}, {"sconstruct", Language::kPython},
    {"sconscript", Language::kPython},     {"wscript", Language::kPython},
    {".bashrc", Language::kShell},         {".profile", Language::kShell},
    {".zshrc", Language::kShell},          {".vimrc", Language::kVim},
    {".emacs", Language::kLisp},           {".gitconfig", Language::kIni},
    {".editorconfig", Language::kIni},     {"readme", Language::kText},
    {"configure.ac", Language::kShell},
};

// Extensions, lower case but ".C" and ".H", which are looked up as written first.
constexpr Entry kExtensions[] = {
    {"C", Language::kCpp},
    {"H", Language::kCpp},
    {"c", Language::kC},
    {"cc", Language::kCpp},
    {"cpp", Language::kCpp},
    {"cxx", Language::kCpp},
    {"c++", Language::kCpp},
    {"hh", Language::kCpp},
    {"hpp", Language::kCpp},
    {"hxx", Language::kCpp},
    {"h++", Language::kCpp},
    {"ipp", Language::kCpp},
    {"tpp", Language::kCpp},
    {"tcc", Language::kCpp},
    {"inl", Language::kCpp},
    {"ixx", Language::kCpp},
    {"cppm", Language::kCpp},
    {"ino", Language::kCpp},
    {"py", Language::kPython},
    {"pyi", Language::kPython},
    {"pyw", Language::kPython},
    {"pyx", Language::kPython},
    {"pxd", Language::kPython},
    {"gyp", Language::kPython},
    {"js", Language::kJavaScript},
    {"mjs", Language::kJavaScript},
    {"cjs", Language::kJavaScript},
    {"jsx", Language::kJavaScript},
    {"es6", Language::kJavaScript},
    {"ts", Language::kTypeScript},
    {"mts", Language::kTypeScript},
    {"cts", Language::kTypeScript},
    {"tsx", Language::kTsx},
    {"rs", Language::kRust},
    {"go", Language::kGo},
    {"java", Language::kJava},
    {"md", Language::kMarkdown},
    {"markdown", Language::kMarkdown},
    {"mdx", Language::kMarkdown},
    {"mdown", Language::kMarkdown},
    {"qmd", Language::kMarkdown},
    {"rmd", Language::kMarkdown},
    {"rst", Language::kRst},
    {"rest", Language::kRst},
    {"sh", Language::kShell},
    {"bash", Language::kShell},
    {"zsh", Language::kShell},
    {"ksh", Language::kShell},
    {"fish", Language::kShell},
    {"bats", Language::kShell},
    {"ebuild", Language::kShell},
    {"m4", Language::kShell},
    {"rb", Language::kRuby},
    {"rake", Language::kRuby},
    {"gemspec", Language::kRuby},
    {"php", Language::kPhp},
    {"phtml", Language::kPhp},
    {"cs", Language::kCSharp},
    {"csx", Language::kCSharp},
    {"kt", Language::kKotlin},
    {"kts", Language::kKotlin},
    {"swift", Language::kSwift},
    {"scala", Language::kScala},
    {"sc", Language::kScala},
    {"sbt", Language::kScala},
    {"lua", Language::kLua},
    {"pl", Language::kPerl},
    {"pm", Language::kPerl},
    {"t", Language::kPerl},
    {"pod", Language::kPerl},
    {"sql", Language::kSql},
    {"ddl", Language::kSql},
    {"html", Language::kHtml},
    {"htm", Language::kHtml},
    {"xhtml", Language::kHtml},
    {"css", Language::kCss},
    {"scss", Language::kCss},
    {"sass", Language::kCss},
    {"less", Language::kCss},
    {"json", Language::kJson},
    {"json5", Language::kJson},
    {"jsonc", Language::kJson},
    {"jsonl", Language::kJson},
    {"ndjson", Language::kJson},
    {"geojson", Language::kJson},
    {"yaml", Language::kYaml},
    {"yml", Language::kYaml},
    {"toml", Language::kToml},
    {"xml", Language::kXml},
    {"xsd", Language::kXml},
    {"xsl", Language::kXml},
    {"xslt", Language::kXml},
    {"svg", Language::kXml},
    {"plist", Language::kXml},
    {"csproj", Language::kXml},
    {"vcxproj", Language::kXml},
    {"ui", Language::kXml},
    {"cmake", Language::kCMake},
    {"mk", Language::kMake},
    {"mak", Language::kMake},
    {"am", Language::kMake},
    {"dockerfile", Language::kDockerfile},
    {"proto", Language::kProtobuf},
    {"zig", Language::kZig},
    {"hs", Language::kHaskell},
    {"lhs", Language::kHaskell},
    {"ml", Language::kOCaml},
    {"mli", Language::kOCaml},
    {"ex", Language::kElixir},
    {"exs", Language::kElixir},
    {"r", Language::kR},
    {"jl", Language::kJulia},
    {"dart", Language::kDart},
    {"vue", Language::kVue},
    {"svelte", Language::kSvelte},
    {"tex", Language::kTex},
    {"sty", Language::kTex},
    {"cls", Language::kTex},
    {"bib", Language::kTex},
    {"s", Language::kAssembly},
    {"asm", Language::kAssembly},
    {"nasm", Language::kAssembly},
    {"erl", Language::kErlang},
    {"hrl", Language::kErlang},
    {"clj", Language::kClojure},
    {"cljs", Language::kClojure},
    {"cljc", Language::kClojure},
    {"edn", Language::kClojure},
    {"groovy", Language::kGroovy},
    {"gradle", Language::kGroovy},
    {"m", Language::kObjectiveC},
    {"mm", Language::kObjectiveC},
    {"cu", Language::kCuda},
    {"cuh", Language::kCuda},
    {"glsl", Language::kGlsl},
    {"vert", Language::kGlsl},
    {"frag", Language::kGlsl},
    {"comp", Language::kGlsl},
    {"hlsl", Language::kGlsl},
    {"wgsl", Language::kGlsl},
    {"metal", Language::kGlsl},
    {"tf", Language::kTerraform},
    {"tfvars", Language::kTerraform},
    {"hcl", Language::kTerraform},
    {"ini", Language::kIni},
    {"cfg", Language::kIni},
    {"conf", Language::kIni},
    {"properties", Language::kIni},
    {"service", Language::kIni},
    {"desktop", Language::kIni},
    {"ps1", Language::kPowerShell},
    {"psm1", Language::kPowerShell},
    {"bat", Language::kBatch},
    {"cmd", Language::kBatch},
    {"f", Language::kFortran},
    {"for", Language::kFortran},
    {"f77", Language::kFortran},
    {"f90", Language::kFortran},
    {"f95", Language::kFortran},
    {"f03", Language::kFortran},
    {"f08", Language::kFortran},
    {"pas", Language::kPascal},
    {"pp", Language::kPascal},
    {"dpr", Language::kPascal},
    {"adb", Language::kAda},
    {"ads", Language::kAda},
    {"nim", Language::kNim},
    {"d", Language::kD},
    {"tcl", Language::kTcl},
    {"tk", Language::kTcl},
    {"lisp", Language::kLisp},
    {"lsp", Language::kLisp},
    {"cl", Language::kLisp},
    {"el", Language::kLisp},
    {"scm", Language::kLisp},
    {"ss", Language::kLisp},
    {"rkt", Language::kLisp},
    {"graphql", Language::kGraphQl},
    {"gql", Language::kGraphQl},
    {"nix", Language::kNix},
    {"bzl", Language::kBazel},
    {"bazel", Language::kBazel},
    {"star", Language::kBazel},
    {"awk", Language::kAwk},
    {"vim", Language::kVim},
    {"diff", Language::kDiff},
    {"patch", Language::kDiff},
    {"csv", Language::kCsv},
    {"tsv", Language::kCsv},
    {"ipynb", Language::kNotebook},
    {"txt", Language::kText},
};

template <size_t kCount>
std::optional<Language> Find(const Entry (&entries)[kCount], std::string_view text) {
  const auto* found = std::find_if(std::begin(entries), std::end(entries),
                                   [&](const Entry& entry) { return entry.text == text; });
  if (found == std::end(entries)) return std::nullopt;
  return found->language;
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return lower;
}

// Extensions that more than one language uses.
Language Settle(Language language, std::string_view extension, std::string_view text) {
  if (extension == "h") return LooksLikeCpp(text) ? Language::kCpp : Language::kC;
  if (extension == "ts" && text.starts_with("<?xml")) return Language::kXml;
  if (extension == "m" && text.find("#import") == std::string_view::npos &&
      text.find("@interface") == std::string_view::npos &&
      text.find("@implementation") == std::string_view::npos) {
    return Language::kText;  // MATLAB, Mercury, Mathematica.
  }
  return language;
}

std::optional<Language> FromName(std::string_view name, std::string_view text) {
  if (const auto found = Find(kFileNames, Lower(name))) return found;
  // Templates are in the language of what they become: config.h.in.
  for (const std::string_view ending : {".in", ".tmpl", ".tpl"}) {
    if (name.ends_with(ending)) name.remove_suffix(ending.size());
  }
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) {
    return Lower(name).starts_with("dockerfile") ? std::optional(Language::kDockerfile)
                                                 : std::nullopt;
  }
  const std::string_view written = name.substr(dot + 1);
  if (const auto found = Find(kExtensions, written); found && written.size() == 1) {
    return Settle(*found, written, text);
  }
  const std::string extension = Lower(written);
  if (extension == "h") return Settle(Language::kC, extension, text);
  const auto found = Find(kExtensions, extension);
  if (!found) return std::nullopt;
  return Settle(*found, extension, text);
}

}  // namespace

Language DetectLanguage(std::string_view path, std::string_view text) {
  text = text.substr(0, kLanguageProbeSize);
  const size_t slash = path.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? path : path.substr(slash + 1);
  if (const auto found = FromName(name, text)) return *found;
  if (const std::string_view interpreter = FindInterpreter(text); !interpreter.empty()) {
    if (const auto found = LanguageFromName(interpreter)) return *found;
  }
  if (const std::string_view mode = FindModeLine(text); !mode.empty()) {
    if (const auto found = LanguageFromName(mode)) return *found;
  }
  // C++ headers often have no extension at all.
  const bool has_extension = name.find('.', 1) != std::string_view::npos;
  if (!has_extension && LooksLikeHeader(text)) return Language::kCpp;
  return Language::kText;
}

std::string_view LanguageName(Language language) {
  const auto number = static_cast<size_t>(language);
  return number < kNames.size() ? kNames[number] : kNames[0];
}

std::optional<Language> LanguageFromName(std::string_view name) {
  const std::string lower = Lower(name);
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (Lower(kNames[i]) == lower) return static_cast<Language>(i);
  }
  return Find(kAliases, lower);
}

bool IsCode(Language language) {
  switch (language) {
    case Language::kText:
    case Language::kMarkdown:
    case Language::kRst:
    case Language::kHtml:
    case Language::kCss:
    case Language::kJson:
    case Language::kYaml:
    case Language::kToml:
    case Language::kXml:
    case Language::kTex:
    case Language::kIni:
    case Language::kDiff:
    case Language::kCsv:
    case Language::kNotebook:
      return false;
    default:
      return static_cast<unsigned>(language) < kLanguageCount;
  }
}

}  // namespace intact::source
