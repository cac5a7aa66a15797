#include "intact/source/names.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace intact::source {
namespace {

constexpr std::string_view kGeneratedFolders[] = {
    ".venv",
    "__pycache__",
    "bower_components",
    "node_modules",
};

// Sorted.
constexpr std::string_view kLockFiles[] = {
    "Cargo.lock",
    "Gemfile.lock",
    "Package.resolved",
    "Pipfile.lock",
    "Podfile.lock",
    "bun.lock",
    "bun.lockb",
    "cabal.project.freeze",
    "composer.lock",
    "conda-lock.yml",
    "deno.lock",
    "flake.lock",
    "go.sum",
    "go.work.sum",
    "gradle.lockfile",
    "mix.lock",
    "npm-shrinkwrap.json",
    "package-lock.json",
    "packages.lock.json",
    "pdm.lock",
    "pnpm-lock.yaml",
    "poetry.lock",
    "pubspec.lock",
    "stack.yaml.lock",
    "uv.lock",
    "yarn.lock",
};
static_assert(std::is_sorted(std::begin(kLockFiles), std::end(kLockFiles)));

struct Suffix {
  std::string_view pattern;  // "*" and what names end in.
  SkipReason reason;
};
constexpr Suffix kSuffixes[] = {
    {"*.min.js", SkipReason::kMinified},        {"*.min.mjs", SkipReason::kMinified},
    {"*.min.cjs", SkipReason::kMinified},       {"*.min.css", SkipReason::kMinified},
    {"*.map", SkipReason::kGenerated},          {"*.pb.go", SkipReason::kGenerated},
    {"*.pb.cc", SkipReason::kGenerated},        {"*.pb.h", SkipReason::kGenerated},
    {"*_pb2.py", SkipReason::kGenerated},       {"*_pb2.pyi", SkipReason::kGenerated},
    {"*_pb2_grpc.py", SkipReason::kGenerated},  {"*.g.dart", SkipReason::kGenerated},
    {"*.freezed.dart", SkipReason::kGenerated}, {"*.g.cs", SkipReason::kGenerated},
    {"*.designer.cs", SkipReason::kGenerated},
};

// Extensions of files that hold no text, lower case, sorted.
constexpr std::string_view kBinaryExtensions[] = {
    "3gp",   "7z",          "a",       "aac",    "ai",    "aif",      "aiff",    "apk",
    "arrow", "avi",         "avif",    "bin",    "blend", "bmp",      "br",      "bson",
    "bz2",   "cab",         "cer",     "class",  "cur",   "dat",      "db",      "dcm",
    "deb",   "der",         "dex",     "dll",    "dmg",   "doc",      "docx",    "ds_store",
    "dylib", "ear",         "elc",     "eot",    "epub",  "exe",      "fbx",     "feather",
    "flac",  "flv",         "gch",     "gguf",   "gif",   "glb",      "gmo",     "gz",
    "h5",    "hdf5",        "heic",    "heif",   "icns",  "ico",      "iso",     "jar",
    "jks",   "jp2",         "jpeg",    "jpg",    "jxl",   "keystore", "ko",      "ktx",
    "la",    "lib",         "lo",      "lz",     "lz4",   "lzma",     "m4a",     "m4v",
    "mdb",   "mid",         "midi",    "mkv",    "mo",    "mov",      "mp3",     "mp4",
    "mpeg",  "mpg",         "msi",     "npy",    "npz",   "o",        "obj",     "ocx",
    "odp",   "ods",         "odt",     "ogg",    "ogv",   "onnx",     "opus",    "orc",
    "otf",   "p12",         "parquet", "pb",     "pcap",  "pch",      "pdb",     "pdf",
    "pfx",   "pickle",      "pkl",     "png",    "ppt",   "pptx",     "psd",     "pt",
    "pth",   "pyc",         "pyd",     "pyo",    "qoi",   "rar",      "rlib",    "rmeta",
    "rpm",   "safetensors", "snap",    "so",     "spv",   "sqlite",   "sqlite3", "suo",
    "swf",   "tar",         "tbz2",    "tflite", "tga",   "tgz",      "tif",     "tiff",
    "ttc",   "ttf",         "txz",     "vsix",   "war",   "wasm",     "wav",     "weba",
    "webm",  "webp",        "whl",     "wma",    "wmv",   "woff",     "woff2",   "xcf",
    "xls",   "xlsx",        "xz",      "z",      "zip",   "zst",
};
static_assert(std::is_sorted(std::begin(kBinaryExtensions), std::end(kBinaryExtensions)));
constexpr size_t kExtensionSizeMax = 12;

template <size_t kCount>
std::string_view FindSorted(const std::string_view (&names)[kCount], std::string_view name) {
  const auto* found = std::lower_bound(std::begin(names), std::end(names), name);
  return found != std::end(names) && *found == name ? *found : std::string_view();
}

}  // namespace

NameVerdict ClassifyFolderAlways(std::string_view name) {
  if (name.empty() || name.front() != '.') return {};
  for (const std::string_view folder : {".git", ".hg", ".svn", ".jj"}) {
    if (name == folder) return {SkipReason::kVersionControl, folder};
  }
  if (name == ".intact") return {SkipReason::kStoreFolder, ".intact"};
  return {};
}

NameVerdict ClassifyFolder(std::string_view name) {
  const std::string_view found = FindSorted(kGeneratedFolders, name);
  if (found.empty()) return {};
  return {SkipReason::kGenerated, found};
}

NameVerdict ClassifyGenerated(std::string_view name) {
  const std::string_view lock = FindSorted(kLockFiles, name);
  if (!lock.empty()) return {SkipReason::kGenerated, lock};
  for (const Suffix& suffix : kSuffixes) {
    const std::string_view ending = suffix.pattern.substr(1);
    if (name.size() > ending.size() && name.ends_with(ending)) {
      return {suffix.reason, suffix.pattern};
    }
  }
  if (name.find(".generated.") != std::string_view::npos) {
    return {SkipReason::kGenerated, "*.generated.*"};
  }
  if (name.starts_with("zz_generated.")) return {SkipReason::kGenerated, "zz_generated.*"};
  return {};
}

NameVerdict ClassifyBinary(std::string_view name) {
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || name.size() - dot - 1 > kExtensionSizeMax) return {};
  std::array<char, kExtensionSizeMax> lower{};
  const std::string_view extension = name.substr(dot + 1);
  std::transform(extension.begin(), extension.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  const std::string_view found =
      FindSorted(kBinaryExtensions, std::string_view(lower.data(), extension.size()));
  if (found.empty()) return {};
  return {SkipReason::kBinary, found};
}

}  // namespace intact::source
