// Languages, told from a file's name and first bytes. Thread-safe.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace intact::source {

// Numbers are persistent: stores keep them. Append only.
enum class Language : uint8_t {
  kText = 0,
  // Split along their syntax.
  kC = 1,
  kCpp = 2,
  kPython = 3,
  kJavaScript = 4,
  kTypeScript = 5,
  kTsx = 6,
  kRust = 7,
  kGo = 8,
  kJava = 9,
  // Split along headings.
  kMarkdown = 10,
  kRst = 11,
  // Split into windows of lines.
  kShell = 12,
  kRuby = 13,
  kPhp = 14,
  kCSharp = 15,
  kKotlin = 16,
  kSwift = 17,
  kScala = 18,
  kLua = 19,
  kPerl = 20,
  kSql = 21,
  kHtml = 22,
  kCss = 23,
  kJson = 24,
  kYaml = 25,
  kToml = 26,
  kXml = 27,
  kCMake = 28,
  kMake = 29,
  kDockerfile = 30,
  kProtobuf = 31,
  kZig = 32,
  kHaskell = 33,
  kOCaml = 34,
  kElixir = 35,
  kR = 36,
  kJulia = 37,
  kDart = 38,
  kVue = 39,
  kTex = 40,
  kAssembly = 41,
  kErlang = 42,
  kClojure = 43,
  kGroovy = 44,
  kObjectiveC = 45,
  kCuda = 46,
  kGlsl = 47,
  kTerraform = 48,
  kIni = 49,
  kPowerShell = 50,
  kBatch = 51,
  kFortran = 52,
  kPascal = 53,
  kAda = 54,
  kNim = 55,
  kD = 56,
  kTcl = 57,
  kLisp = 58,
  kGraphQl = 59,
  kSvelte = 60,
  kNix = 61,
  kBazel = 62,
  kAwk = 63,
  kVim = 64,
  kDiff = 65,
  kCsv = 66,
  kNotebook = 67,
};
inline constexpr unsigned kLanguageCount = 68;

// By file name, then extension, then "#!" line; `.h` is C++ when its text uses classes, namespaces,
// templates or "::". `text` may be the file's beginning only; the first 64 KiB are looked at. kText
// when nothing fits.
Language DetectLanguage(std::string_view path, std::string_view text);

// "C++", "Python", ...; "Text" for a number that is no language.
std::string_view LanguageName(Language language);

// From a name or alias in any case: "cpp", "c++", "py", "typescript", "ts". nullopt when unknown.
std::optional<Language> LanguageFromName(std::string_view name);

// True for programming languages, false for prose, data and markup.
bool IsCode(Language language);

}  // namespace intact::source
