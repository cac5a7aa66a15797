"""Part one: the first sentence of a function's documentation -> the function.

A tree is the source of one side's packages in one language, as the packages have it, with every comment and docstring
blanked (lines stay where they are). The questions are the sentences that stood above functions; the answer is the
function's lines. Left out: sentences that stand above several functions, bodies of fewer than 12 tokens, and functions
that near_duplicates.txt names, half of whose token 6-grams occur in the default model's training data.

    functions.py --near TRAINING_WORK WORK    writes near_duplicates.txt, from what models/train.sh left in its folder
"""

import ast
import collections
import hashlib
import io
import json
import pathlib
import random
import re
import sys
import tarfile
import tokenize
import warnings
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "models"))
import pairs  # noqa: E402  (models/pairs.py)
import tokenise  # noqa: E402

QUESTION_COUNT_MAX = 1000
QUESTIONS_PER_FILE_MAX = 60
TOKEN_COUNT_MIN = 12
MEMBERS = {"c++": ("cpp", "c"), "js/ts": ("js", "ts")}
FORM = re.compile(r'"""(?:[^"]|"(?!""))*"""|`(?:\\.|[^`\\])*`|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
                  r"|//[^\n]*|/\*.*?\*/", re.S)
FORM_RUST_C = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\\n])\'|//[^\n]*|/\*.*?\*/', re.S)
Function = collections.namedtuple("Function", "question path first last key tokens")


def blanked(text, language):
    """`text` of a language with braces without its comments; every line stays where it is."""
    form = FORM_RUST_C if language in ("c", "cpp", "rust") else FORM
    return form.sub(lambda match: "\n" * match[0].count("\n") if match[0].startswith(("//", "/*")) else match[0], text)


def brace_functions(text, language):
    """(sentence, offset of the definition, offset of its end) of documented functions."""
    marks = pairs.LONG_CHARACTERS if language in ("js", "ts") else pairs.SHORT_CHARACTERS
    for found in pairs.DOCUMENTED.finditer(text):
        begin = found.end()
        head, brace, _ = text[begin:begin + 700].partition("{")
        plain = pairs.COMMENT.sub(lambda match: match[1] or "", pairs.ANNOTATION.sub("", head)).strip()
        if not brace or not plain or head.startswith("\n") or re.search(r"\n\n|\}", head.strip("\n")):
            continue
        if ";" in plain or plain.startswith("#") or ("(" not in plain and language != "scala"):
            continue
        if pairs.TYPE_HEAD.search(plain) and "(" not in plain.split("<")[0]:
            continue
        name = pairs.NAMES.get(language, pairs.NAMES["any"]).search(plain)
        said = pairs.sentence(found[0])
        if not name or not said or pairs.NOT_A_NAME & set(filter(None, name.groups())):
            continue
        if re.match(r"(?:Test|Constructor|Destructor)\b", said[0]):
            continue
        depth = 0
        for mark in marks.finditer(text, begin + len(head), begin + len(head) + 20_000):
            depth += {"{": 1, "}": -1}.get(mark[0], 0)
            if depth == 0 and mark[0] == "}":
                yield said[0], begin, mark.end()
                break


def of_brace_file(text, language):
    """(text without comments, [(sentence, first line, last line)])."""
    functions = [(said, text.count("\n", 0, begin) + 1, text.count("\n", 0, end) + 1)
                 for said, begin, end in brace_functions(text, language)]
    return blanked(text, language), functions


def of_python_file(text, _language):
    """The same for Python; None where the file does not parse."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
        tokens = tokenize.generate_tokens(io.StringIO(text).readline)
        comments = [token for token in tokens if token.type == tokenize.COMMENT]
    except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError):
        return None
    lines = text.split("\n")
    for token in comments:
        line, column = token.start
        lines[line - 1] = lines[line - 1][:column].rstrip()
    functions = []
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(node, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) or not body:
            continue
        said = body[0]
        if not isinstance(said, ast.Expr) or not isinstance(getattr(said.value, "value", None), str):
            continue
        for line in range(said.lineno, said.end_lineno + 1):
            lines[line - 1] = ""
        if len(body) == 1:
            lines[said.lineno - 1] = " " * said.col_offset + "pass"
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            functions.append((pairs.sentence(said.value.value.strip()), node.lineno, node.end_lineno))
    return "\n".join(lines), [(said[0], first, last) for said, first, last in functions if said]


def entries(archive, extensions):
    """(path, text) of an archive's files with one of the extensions, without its top folder."""
    def wanted(path, size):
        is_small = size <= pairs.FILE_SIZE_MAX
        return path.rsplit(".", 1)[-1] in extensions and is_small and not pairs.SKIPPED_PATH.search(path)

    if archive.suffix in (".whl", ".jar", ".zip"):
        with zipfile.ZipFile(archive) as opened:
            for info in opened.infolist():
                if wanted(info.filename, info.file_size):
                    yield info.filename, opened.read(info).decode("utf-8", "replace")
        return
    with tarfile.open(archive, "r|*") as opened:
        for info in opened:
            if info.isfile() and wanted(info.name, info.size):
                yield info.name.split("/", 1)[-1], opened.extractfile(info).read().decode("utf-8", "replace")


def tokens_of(lines):
    """Tokens of some lines as the default model counts them."""
    return tokenise.tokens("\n".join(lines).encode())


def folder_name(name):
    """"npm:@mikro-orm/core@6.6.16" -> "mikro-orm/core"."""
    ecosystem, package = name.split(":", 1)
    if ecosystem == "maven":
        return package.split(":")[1]
    return re.split("==|(?<=.)@", package)[0].lstrip("@")


def functions_of_package(language, name, archives, folder):
    """Writes one package's files into `folder`; yields its documented functions."""
    members = MEMBERS.get(language, (language,))
    extensions = {extension for extension, member in pairs.LANGUAGES.items() if member in members}
    package = folder_name(name)
    for archive in archives:
        if ".debian." in archive.name:
            continue
        for path, text in entries(archive, extensions):
            if name.startswith("debian:python3") and (not path.startswith("Lib/") or re.search(
                    r"/(tests?|idlelib|lib2to3|site-packages)/", path)):
                continue
            if re.search(r"\s", path):
                continue
            text = text.replace("\r\n", "\n").replace("\r", "\n")
            parse = of_python_file if language == "python" else of_brace_file
            found = parse(text, pairs.LANGUAGES[path.rsplit(".", 1)[-1]])
            if found is None:
                continue
            place = f"{package}/{path}"
            target = folder / place
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(found[0], encoding="utf-8")
            lines = found[0].split("\n")
            for said, first, last in found[1][:QUESTIONS_PER_FILE_MAX]:
                tokens = tokens_of(lines[first - 1:last])
                key = hashlib.blake2b(b" ".join(tokens), digest_size=6).hexdigest()
                if len(tokens) >= TOKEN_COUNT_MIN and len(tokenise.tokens(said.encode())) >= 2:
                    yield Function(re.sub(r"\s+", " ", said), place, first, last, key, tokens)


def cut(work, listed, archives):
    """All trees and their documented functions: {(language, side): (folder, functions)}."""
    trees = {}
    for language, sides in listed["functions"].items():
        for side, names in sides.items():
            folder = work / "functions" / f"{language.replace('/', '-')}-{side}"
            functions = [function for name in names
                         for function in functions_of_package(language, name, archives[name], folder / "tree")]
            trees[language, side] = folder, functions
    return trees


def write_questions(folder, functions, dropped):
    """questions.tsv: the question, then the answer as PATH:FIRST-LAST. Returns how many there are."""
    asked = collections.Counter(function.question.lower() for function in functions)
    bodies = collections.Counter(function.key for function in functions)
    chosen = [function for function in functions if asked[function.question.lower()] == 1 and
              bodies[function.key] == 1 and function.key not in dropped]
    random.Random(7).shuffle(chosen)
    chosen = chosen[:QUESTION_COUNT_MAX]
    (folder / "questions.tsv").write_text("".join(
        f"{function.question}\t{function.path}:{function.first}-{function.last}\n" for function in chosen),
        encoding="utf-8")
    return len(chosen)


def prepare(work, listed, archives):
    """Cuts all trees; yields (language, side, folder, question count)."""
    dropped = set((HERE / "near_duplicates.txt").read_text().split())
    for (language, side), (folder, functions) in cut(work, listed, archives).items():
        yield language, side, folder, write_questions(folder, functions, dropped)


def write_near_duplicates(training, work):
    """Compares the functions of all trees with the training pairs in TRAINING_WORK/pairs."""
    import numpy as np

    import corpus  # models/corpus.py
    import download
    listed = json.loads((HERE / "packages.json").read_text())
    vocabulary, found = {}, []

    def shingles(tokens):
        return np.unique(corpus.shingles([vocabulary.setdefault(token, len(vocabulary)) for token in tokens]))

    for description in sorted(training.glob("pairs/*/*.json")):
        described = json.loads(description.read_text())
        if described["held_out"] or not described["pairs"]:
            continue
        with open(description.with_suffix(".jsonl"), encoding="utf-8") as lines:
            of_package = [shingles(tokenise.tokens(json.loads(line)["c"].encode())) for line in lines]
        of_package = np.unique(np.concatenate(of_package))
        found.append(of_package[of_package % np.uint64(2) == 0])
    known = np.unique(np.concatenate(found))
    keys = set()
    for _folder, functions in cut(work, listed, download.fetch(work, listed)).values():
        for function in functions:
            own = shingles(function.tokens)
            own = own[own % np.uint64(2) == 0]
            if len(own) == 0:
                continue
            places = np.minimum(np.searchsorted(known, own), len(known) - 1)
            if (known[places] == own).mean() > corpus.SHINGLES_SHARED_MAX:
                keys.add(function.key)
    (HERE / "near_duplicates.txt").write_text("".join(f"{key}\n" for key in sorted(keys)))
    print(len(keys), "near duplicates")


if __name__ == "__main__":
    if len(sys.argv) != 4 or sys.argv[1] != "--near":
        sys.exit(__doc__)
    write_near_duplicates(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]).resolve())
