"""Cuts (documentation sentence, code) pairs out of the downloaded archives, which are read in place.

One line of JSON a pair: {"l": language, "k": kind, "q": query, "n": symbol name, "p": path, "c": code}. Kinds:
  doc    first sentence of a function's documentation -> the function, without that documentation and without comments
  type   the same for classes, structures and the like, the code cut short
  note   a comment inside a function -> the lines below it
  name   the name of a function without documentation -> its body
  prose  a heading with its parent, or a first sentence -> the section below
The name of the function is taken out of "c": training decides for each pair whether it is seen.

Usage: pairs.py WORK_FOLDER [ecosystem ...]; writes WORK_FOLDER/pairs/<ecosystem>/<package>.jsonl and .json (licence).
"""

import ast
import json
import lzma
import multiprocessing
import pathlib
import re
import sys
import tarfile
import textwrap
import time
import warnings
import zipfile

HERE = pathlib.Path(__file__).parent
FILE_SIZE_MAX = 600_000
CODE_SIZE_MAX = 2500
PAIRS_PER_FILE_MAX = 60
PAIRS_PER_PACKAGE_MAX = 5000
SECONDS_PER_PACKAGE_MAX = 40

LANGUAGES = {"c": "c", "h": "c", "cc": "cpp", "cpp": "cpp", "cxx": "cpp", "hpp": "cpp", "hh": "cpp", "hxx": "cpp",
             "py": "python", "js": "js", "mjs": "js", "cjs": "js", "jsx": "js", "ts": "ts", "tsx": "ts", "rs": "rust",
             "go": "go", "java": "java", "kt": "kotlin", "scala": "scala", "md": "prose", "rst": "prose",
             "METADATA": "prose"}
SKIPPED_PATH = re.compile(r"\.min\.|\.d\.ts$|\.d\.mts$|\.bundle\.|/umd/|_pb2|\.pb\.|/locale|/i18n/|/node_modules/|/vendor/"
                          r"|third[-_]?party/|CHANGE|HISTORY|LICENSE|release[-_ ]?note|code_of_conduct|governance|maintain|/zz_generated|/testdata/", re.I)
RESTRICTED = re.compile(r"General Public License|\bGPL|\bMPL\b|Mozilla Public|Server Side Public|Business Source|"
                        r"Elastic License|Creative Commons|Eclipse Public|Common Development and Distribution|"
                        r"All rights reserved\.? *(?:Confidential|Proprietary)", re.I)

# --- licences -------------------------------------------------------------------------------------------------------

PERMISSIVE_NAME = re.compile(r"\b(mit|bsd|apache|isc|zlib|psf|python|unlicense|cc0|boost|bsl-1|0bsd|unicode|x11|expat|"
                             r"curl|postgresql|hpnd|ncsa|libpng|public.domain|wtfpl|historical permission)", re.I)
RESTRICTIVE_NAME = re.compile(r"gpl|general public|mozilla|mpl|eclipse|epl|cddl|sspl|business|elastic|proprietary|"
                              r"commercial|busl|eupl|cc-by", re.I)
LICENCE_TEXTS = [("Apache-2.0", r"Apache License,?\s+Version 2\.0"), ("MIT", r"Permission is hereby granted, free of"),
                 ("BSD", r"Redistribution and use in source and binary forms"),
                 ("ISC", r"Permission to use, copy, modify, and(?:/or)? distribute this"), ("Unlicense", r"This is free and unencumbered")]


def permitted(name):
    """Whether a licence expression or name allows training: permissive, or a choice that holds a permissive one."""
    if not name or not PERMISSIVE_NAME.search(name):
        return False
    return not RESTRICTIVE_NAME.search(name) or bool(re.search(r"\bor\b|/|\|", name, re.I))


def licence_of_text(text):
    head = text[:3000]
    if re.search(r"GNU (?:LESSER |AFFERO )?GENERAL PUBLIC|Mozilla Public License|Business Source License|Elastic License|"
                 r"Server Side Public|Commons Clause|Sustainable Use", head, re.I):
        return None
    for name, pattern in LICENCE_TEXTS:
        if re.search(pattern, text[:12000]):
            return name
    return None


# --- archives -------------------------------------------------------------------------------------------------------

def entries(archive):
    """(path, bytes) of the files of an archive that may hold something of use."""
    def wanted(path, size):
        extension = path.rsplit("/", 1)[-1].rsplit(".", 1)[-1]
        return extension in LANGUAGES and size <= FILE_SIZE_MAX and not SKIPPED_PATH.search(path)

    try:
        if archive.suffix in (".whl", ".zip", ".jar"):
            with zipfile.ZipFile(archive) as opened:
                for info in opened.infolist():
                    if wanted(info.filename, info.file_size):
                        yield info.filename, opened.read(info)
        else:
            with tarfile.open(archive, "r|*") as opened:
                for info in opened:
                    if info.isfile() and wanted(info.name, info.size):
                        yield info.name, opened.extractfile(info).read()
    except (tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, EOFError, OSError, NotImplementedError) as error:
        print("damaged:", archive.name, error, flush=True)


def text_in_archive(archive, pattern):
    """The first file whose path matches, as text."""
    if archive.suffix in (".whl", ".zip", ".jar"):
        with zipfile.ZipFile(archive) as opened:
            for name in opened.namelist():
                if re.search(pattern, name):
                    return opened.read(name).decode("utf-8", "replace")
        return ""
    with tarfile.open(archive, "r|*") as opened:
        for info in opened:
            if info.isfile() and re.search(pattern, info.name):
                return opened.extractfile(info).read().decode("utf-8", "replace")
    return ""


def packages(work, ecosystem):
    """(name, version, archives, licence) of everything downloaded for an ecosystem."""
    folder = work / "downloads" / ecosystem
    if ecosystem == "debian":
        for source in sorted(folder.iterdir()):
            dsc = sorted(source.glob("*.dsc"))
            if dsc:
                archives = sorted(source.glob("*.orig*.tar.*"))
                archives = [a for a in archives if not a.name.endswith(".asc")] or \
                    [a for a in sorted(source.glob("*.tar.*")) if ".debian." not in a.name]
                yield source.name, dsc[0].stem.split("_", 1)[1], archives, lambda s=source: debian_licence(s)
    elif ecosystem == "pypi":
        for wheel in sorted(folder.glob("*.whl")):
            name, version = wheel.name.split("-")[:2]
            yield name, version, [wheel], lambda w=wheel: wheel_licence(w)
    elif ecosystem == "npm":
        for archive in sorted(folder.glob("*.tgz")):
            match = re.match(r"(.+?)-(\d+\..*)", archive.stem)
            if match:
                yield match[1], match[2], [archive], lambda a=archive: npm_licence(a)
    elif ecosystem == "crates":
        latest = {}  # several versions of one crate may be there: the last by name is taken
        for archive in sorted(folder.glob("home/registry/cache/*/*.crate")):
            match = re.match(r"(.+?)-(\d+\..*)", archive.stem)
            if not re.match(r"windows|winapi|web-sys|aws-sdk|linux-raw|.*-sys-", archive.name):
                latest[match[1]] = (match[2], archive)
        for name, (version, archive) in latest.items():
            yield name, version, [archive], lambda a=archive: crate_licence(a)
    elif ecosystem == "go":
        for archive in sorted(folder.glob("modules/cache/download/**/@v/*.zip")):
            module = str(archive.parent.parent.relative_to(folder / "modules/cache/download"))
            yield module, archive.stem, [archive], lambda a=archive: \
                licence_of_text(text_in_archive(a, r"@v[^/]*/(LICEN[CS]E|COPYING)[^/]*$"))
    elif ecosystem == "maven":
        for archive in sorted(folder.glob("repository/**/*-sources.jar")):
            artifact, version = archive.parent.parent.name, archive.parent.name
            group = str(archive.parent.parent.parent.relative_to(folder / "repository")).replace("/", ".")
            yield f"{group}:{artifact}", version, [archive], lambda a=archive, f=folder: \
                pom_licence(f / "repository", a.with_name(a.name.replace("-sources.jar", ".pom")))


def debian_licence(source):
    for archive in sorted(source.glob("*.debian.tar.*")):
        text = text_in_archive(archive, r"debian/copyright$")
        stanza = re.search(r"^Files: *\*.*?^License: *([^\n]+)", text, re.M | re.S)
        if stanza:
            return stanza[1].strip() if permitted(stanza[1]) else None
        return licence_of_text(text) or ("PSF-2.0" if "PYTHON SOFTWARE FOUNDATION" in text else None)
    return None


def wheel_licence(wheel):
    metadata = text_in_archive(wheel, r"\.dist-info/METADATA$").split("\n\n", 1)[0]
    names = re.findall(r"^(?:License-Expression|Classifier: License ::|License): *([^\n]+)", metadata, re.M)
    names = [name.replace("OSI Approved ::", "").strip() for name in names]
    good = [name for name in names if permitted(name)]
    return good[0][:60] if good and not any(RESTRICTIVE_NAME.search(n) and n not in good for n in names) else None


def npm_licence(archive):
    try:
        described = json.loads(text_in_archive(archive, r"^[^/]+/package\.json$"))
    except ValueError:
        return None
    licence = described.get("license") or described.get("licenses")
    if isinstance(licence, list):
        licence = licence[0] if licence else None
    if isinstance(licence, dict):
        licence = licence.get("type")
    if licence and not permitted(licence):
        return None
    return licence or None


def crate_licence(archive):
    match = re.search(r'^license = "([^"]+)"', text_in_archive(archive, r"^[^/]+/Cargo\.toml$"), re.M)
    return match[1] if match and permitted(match[1]) else None


def pom_licence(repository, pom, depth=0):
    if depth > 6 or not pom.exists():
        return None
    text = pom.read_text(errors="replace")
    found = re.findall(r"<license>.*?<name>\s*([^<]+?)\s*</name>", text, re.S)
    if found:
        good = [name for name in found if permitted(name)]
        return re.sub(r"\s+", " ", good[0]) if good else None
    parent = re.search(r"<parent>(.*?)</parent>", text, re.S)
    if not parent:
        return None
    parts = {tag: re.search(rf"<{tag}>\s*([^<]+?)\s*</{tag}>", parent[1]) for tag in ("groupId", "artifactId", "version")}
    if not all(parts.values()):
        return None
    group, artifact, version = (parts[tag][1] for tag in ("groupId", "artifactId", "version"))
    return pom_licence(repository, repository / group.replace(".", "/") / artifact / version / f"{artifact}-{version}.pom",
                       depth + 1)


# --- documentation text ---------------------------------------------------------------------------------------------

def clean(comment):
    """The describing part of a documentation comment: no comment marks, tags, mark-up or parameter lists."""
    text = re.sub(r"^[ \t]*(?:/\*+!?<?|\*+/|\*(?!\w)|///?[/!<]*|//|#+(?= |$))[ \t]?", "", comment, flags=re.M)
    text = re.sub(r"\*+/\s*$", "", text)
    text = re.split(r"^\s*(?:[@\\](?!brief|summary|description|details|short)\w+|# (?:Examples?|Panics|Errors|Safety|Arguments)\b"
                    r"|Args:|Arguments:|Parameters:?\s*$|Returns:|:param|Example:|```|>>>)", text, maxsplit=1, flags=re.M)[0]
    text = re.sub(r"[@\\](?:brief|summary|description|details|short|p|c|a|ref|em)\b", " ", text)
    text = re.sub(r"\{@\w+\s+([^}]*)\}", r"\1", text)
    text = re.sub(r"</?\w[^>\n]*>", " ", text)
    text = re.sub(r"!?\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])?", r"\1", text)
    text = re.sub(r":\w+:`~?([^`]*)`", r"\1", text)
    return text.replace("`", " ").replace("**", " ").strip()


def sentence(comment):
    """(first sentence, longer description) of a comment; None where it says nothing."""
    text = clean(comment)
    paragraph = re.split(r"\n\s*\n|\n\s*(?:[-*=]{3,}|[-*] )", text, maxsplit=1)[0]
    paragraph = re.sub(r"\s+", " ", paragraph).strip()
    first = re.split(r"(?<=[a-z0-9)\]'\"])[.;:](?= [A-Z(]|$)", paragraph, maxsplit=1)[0].strip(" .-*=:")
    words = re.findall(r"[A-Za-z]{2,}", first)
    if len(words) < 3 or len(first) > 400 or len(first) * 0.6 > sum(map(str.isalpha, first)) * 1.0 + first.count(" "):
        return None
    if re.search(r"copyright|licen[cs]e|TODO|FIXME|XXX|\bSPDX|DO NOT EDIT|eslint|NOLINT|clang-format|pylint|istanbul|sourceMapping|prettier-ignore|generated by|^@|^see |^\(non-Javadoc|^inherit|ts-ignore", first, re.I):
        return None
    return first[:240], re.sub(r"\s+", " ", text)[:400]


# --- Python ---------------------------------------------------------------------------------------------------------

def without_hash_comments(lines):
    return "\n".join(line for line in (re.sub(r"(^|\s)#[^\n'\"]*$", "", line) for line in lines) if line.strip())


def python_pairs(text):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    lines = text.split("\n")
    for node in ast.walk(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        body = node.body
        first = body[0]
        documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
        if documented and len(body) < 2:
            continue
        kept = body[1] if documented else body[0]
        start = getattr(kept, "decorator_list", None)
        start = start[0].lineno if start else kept.lineno
        head = lines[node.lineno - 1:(first.lineno if documented else start) - 1] or [lines[node.lineno - 1]]
        head = [re.sub(rf"\b(def|class)\s+{node.name}\b", r"\1", head[0])] + head[1:]
        is_type = isinstance(node, ast.ClassDef)
        rest = lines[start - 1:min(node.end_lineno, start + (30 if is_type else 80))]
        code = textwrap.dedent(without_hash_comments(head + rest))[:CODE_SIZE_MAX]
        if documented:
            said = sentence(textwrap.dedent(first.value.value))
            if said:
                yield "type" if is_type else "doc", said, node.name, code
        elif not is_type and node.name.count("_") >= 2 and len(rest) >= 3 and not node.name.startswith("__"):
            yield "name", (node.name, node.name), node.name, code
        if not is_type:
            yield from notes(lines[start - 1:min(node.end_lineno, start + 120)], re.compile(r"^\s*#\s?(?=[A-Za-z])"), without_hash_comments)


def notes(lines, mark, strip):
    """Comments of a function's inside that stand alone on their line, with up to 12 lines of code below."""
    count = 0
    at = 0
    while at < len(lines) and count < 3:
        if not mark.match(lines[at]):
            at += 1
            continue
        end = at
        while end < len(lines) and mark.match(lines[end]):
            end += 1
        said = sentence(" ".join(mark.sub("", line) for line in lines[at:end]))
        code = strip(lines[end:end + 12])
        if said and len(said[0].split()) >= 5 and len(code) > 60:
            yield "note", said, "", textwrap.dedent(code)
            count += 1
        at = end + 1


# --- languages with braces ------------------------------------------------------------------------------------------

DOCUMENTED = re.compile(r"^[ \t]*/\*(?:[^*]|\*(?!/)){12,4000}\*/[ \t]*\n|(?:^[ \t]*//[^\n]*\n)+", re.M)
SHORT_CHARACTERS = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'|//[^\n]*|/\*.*?\*/|[{}]', re.S)
LONG_CHARACTERS = re.compile(r'"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|`(?:\\.|[^`\\])*`|//[^\n]*|/\*.*?\*/|[{}]', re.S)
COMMENT = re.compile(r'("(?:\\.|[^"\\\n])*")|//[^\n]*|/\*.*?\*/', re.S)
BLANK_LINES = re.compile(r"\n\s*\n+")
TYPE_HEAD = re.compile(r"\b(?:class|struct|enum|interface|trait|union|impl|namespace|module|record|object|type)\b")
NOT_A_NAME = {"if", "for", "while", "switch", "return", "catch", "else", "do", "try", "new", "sizeof", "match", "loop",
              "function", "async", "await", "throw", "case", "using", "synchronized", "static", "when", "super", "this"}
NAMES = {"go": re.compile(r"^func\s*(?:\([^)]*\)\s*)?(\w+)"), "rust": re.compile(r"\bfn\s+(\w+)"),
         "kotlin": re.compile(r"\bfun\s+(?:<[^>]*>\s*)?(?:[\w.<>?, ]+\.)?(\w+)\s*\("), "scala": re.compile(r"\bdef\s+(\w+)"),
         "js": re.compile(r"\bfunction\s*\*?\s*([\w$]+)|([\w$]+)\s*[=:]\s*(?:async\s*)?(?:function|\(|\w+\s*=>)|([\w$]+)\s*(?:<[^>]*>)?\("),
         "any": re.compile(r"(~?\w+)\s*\(")}
NAMES["ts"] = NAMES["js"]
ANNOTATION = re.compile(r"@\w+(?:\.\w+)*(?:\((?:[^()]|\([^()]*\))*\))?|#\[[^\]]*\]|\[\[[^\]]*\]\]|__attribute__\s*\(\([^)]*\)\)")
TYPE_NAME = re.compile(r"\b(?:class|struct|enum|interface|trait|union|record|object|type)\s+(?:class\s+)?(?:[A-Z_]+_(?:API|EXPORT)\s+)?(\w+)")


def without_comments(text):
    return BLANK_LINES.sub("\n", COMMENT.sub(lambda match: match[1] or "", text))


def without_comments_in_lines(lines):
    return without_comments("\n".join(lines))


def brace_pairs(text, language):
    marks = LONG_CHARACTERS if language in ("js", "ts") else SHORT_CHARACTERS
    for found in DOCUMENTED.finditer(text):
        start = found.end()
        said = None
        window = text[start:start + 700]
        opening = window.find("{")
        if opening < 0:
            continue
        head = window[:opening]
        if "\n\n" in head.strip("\n") or head.startswith("\n") or "}" in head or len(head.strip()) < 4:
            continue
        plain = COMMENT.sub(lambda match: match[1] or "", ANNOTATION.sub("", head)).strip()
        if ";" in plain or (plain.startswith("#") and language in ("c", "cpp")):
            continue
        is_type = bool(TYPE_HEAD.search(plain)) and "(" not in plain.split("<")[0]
        if is_type:
            match = TYPE_NAME.search(plain)
        else:
            if "(" not in plain and language != "scala":
                continue
            match = NAMES.get(language, NAMES["any"]).search(plain)
        if not match:
            continue
        name = next(group for group in match.groups() if group)
        if name in NOT_A_NAME:
            continue
        said = sentence(found[0])
        depth = 0
        end = None
        for mark in marks.finditer(text, start + opening, start + opening + 6000):
            if mark[0] == "{":
                depth += 1
            elif mark[0] == "}":
                depth -= 1
                if depth == 0:
                    end = mark.end()
                    break
        if end is None:
            if not is_type:
                end = start + opening + CODE_SIZE_MAX
            else:
                end = start + opening + 1200
        body = text[start + opening:end]
        if body.count("\n") < 2 and len(body) < 30:
            continue
        if said and not re.match(r"^(?:Test|Constructor|Destructor)\b", said[0]):
            shown = plain.replace(name, "", 1) + " " + without_comments(body)
            yield "type" if is_type else "doc", said, name, textwrap.dedent(shown)[:1200 if is_type else CODE_SIZE_MAX]
        if not is_type:
            yield from notes(body.split("\n")[1:100], re.compile(r"^\s*(?://|/\*+|\*(?!/))\s?(?=[A-Za-z])"), without_comments_in_lines)


# --- prose ----------------------------------------------------------------------------------------------------------

HEADING = re.compile(r"^(#{1,5})[ \t]+([^\n#]+?)[ \t#]*$|^([^\n]{3,80})\n(?:={3,}|-{3,}|~{3,}|\^{3,})[ \t]*$", re.M)


def prose_pairs(text):
    headings = list(HEADING.finditer(text))
    title = ""
    for index, heading in enumerate(headings):
        words = clean(heading[2] or heading[3])
        if index == 0:
            title = words
        end = headings[index + 1].start() if index + 1 < len(headings) else len(text)
        section = text[heading.end():end].strip()
        section = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", section)[:1500]
        if len(section) < 150 or not re.search("[a-z]{3}", words) or re.search(r"licen[cs]e|changelog|contribut|sponsor|install", words, re.I):
            continue
        if len(words.split()) >= 2:
            query = words if index == 0 or len(words.split()) > 4 else f"{title} {words}"
            yield "prose", (query[:200], query[:200]), "", section
        paragraphs = re.split(r"\n\s*\n", section, maxsplit=1)
        if len(paragraphs) == 2 and len(paragraphs[1]) > 200:
            said = sentence(paragraphs[0])
            if said:
                yield "prose", said, "", words + "\n" + paragraphs[1]


# --- one package ----------------------------------------------------------------------------------------------------

def pairs_of_file(path, data):
    text = data.decode("utf-8", "replace").replace("\r\n", "\n")
    extension = path.rsplit("/", 1)[-1].rsplit(".", 1)[-1]
    language = LANGUAGES[extension]
    if language == "prose":
        if len(text) > 60_000 and extension != "METADATA":
            return
        if extension == "METADATA":
            text = text.split("\n\n", 1)[-1]
        yield from ((language, *pair) for pair in prose_pairs(text))
        return
    if RESTRICTED.search(text[:4000]) or len(text) > 80 * (text.count("\n") + 3):
        return
    if language == "c" and re.search(r"^\s*(?:namespace|class|template)\b|std::", text, re.M):
        language = "cpp"
    found = python_pairs(text) if language == "python" else brace_pairs(text, language)
    yield from ((language, *pair) for pair in found)


def gather(task):
    work, ecosystem, name, version, archives, licence, held_out = task
    target = work / "pairs" / ecosystem / (re.sub(r"[^\w.-]", "_", name) + ".jsonl")
    described = {"package": name, "version": version, "ecosystem": ecosystem, "licence": licence, "held_out": held_out}
    seen = set()
    started = time.monotonic()
    count = 0
    with open(target.with_suffix(".part"), "w") as out:
        for archive in archives if licence else []:
            for path, data in entries(archive):
                if count >= PAIRS_PER_PACKAGE_MAX or time.monotonic() - started > SECONDS_PER_PACKAGE_MAX:
                    break
                if ecosystem == "debian" and name.startswith("python3") and not (
                        path.split("/", 1)[-1].startswith("Lib/") and not re.search(r"/(tests?|idlelib|lib2to3|site-packages)/", path)):
                    continue
                for index, (language, kind, said, symbol, code) in enumerate(pairs_of_file(path, data)):
                    if index >= PAIRS_PER_FILE_MAX:
                        break
                    key = hash((said[0], code))
                    if key in seen:
                        continue
                    seen.add(key)
                    count += 1
                    out.write(json.dumps({"l": language, "k": kind, "q": said[0], "d": said[1], "n": symbol,
                                          "p": path.split("/", 1)[-1], "c": code}) + "\n")
    described["pairs"] = count
    target.with_suffix(".json").write_text(json.dumps(described))
    target.with_suffix(".part").rename(target)
    return described


def main():
    work = pathlib.Path(sys.argv[1]).resolve()
    listed = json.loads((HERE / "packages.json").read_text())
    listed.pop("about")
    named = {name for sides in listed.values() for side in sides.values() for name in side}
    tasks = []
    for ecosystem in sys.argv[2:] or listed:
        (work / "pairs" / ecosystem).mkdir(parents=True, exist_ok=True)
        held = {re.sub(r"^@|[^\w.]", "", n.replace("/", "-")) for n in listed[ecosystem]["held_out"]}
        for name, version, archives, licence in packages(work, ecosystem):
            target = work / "pairs" / ecosystem / (re.sub(r"[^\w.-]", "_", name) + ".jsonl")
            if target.exists() or (ecosystem == "crates" and name not in named):  # not what it depends on
                continue
            try:
                found = licence()
            except (OSError, EOFError, tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError) as error:
                print("damaged:", name, error)
                continue
            tasks.append((work, ecosystem, name, version, archives, found, re.sub(r"^@|[^\w.]", "", name.replace("/", "-")) in held))
    total = 0
    with multiprocessing.Pool(2) as pool:
        for described in pool.imap_unordered(gather, tasks):
            total += described["pairs"]
            print(described["ecosystem"], described["package"], described["licence"], described["pairs"], flush=True)
    print("total", total)


if __name__ == "__main__":
    main()
