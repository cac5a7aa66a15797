"""Part two: a commit message -> the lines that the commit changed.

Distributions carry fixes as patch files: a commit's subject line, and its difference. Each package's tree is the source
as upstream released it, before any patch. A question is the subject of a patch that came from version control (it has a
commit's header, or says that it was taken from upstream); its answers are the functions that it changed, one answer for
each place that the difference names behind @@, as the lines of the released file that were removed or written at.

Left out: patches of more than five answers or three files, those of tests, documentation, headers or build files alone,
subjects of fewer than four words, and changes whose lines are not in the released file.
"""

import collections
import re
import subprocess

CODE = re.compile(r"\.(?:c|cc|cpp|cxx|py|js|ts|rs|go|java)$")
BESIDE = re.compile(r"(?:^|/)(?:tests?|testsuite|testing|docs?|examples?|po|debian|contrib|tools|build|configure|"
                    r"gnulib)(?:/|$)|test", re.I)
CHORE = re.compile(r"\b(?:typos?|spelling|version|bump|copyright|man ?page|documentation|documents?|tests?|testsuite|"
                   r"test case|makefile|configure|cmake|meson|build|builds|ftbfs|"
                   r"compil\w+|revert|debian|translations?|changelog|news|release|merge|warnings?)\b", re.I)
ANSWER_COUNT_MAX = 5
FILE_COUNT_MAX = 3
QUESTIONS_PER_PACKAGE_MAX = 60
FROM_VERSION_CONTROL = re.compile(r"^From [0-9a-f]{40} |^(?:Origin|Applied-Upstream): *(?:upstream|backport|http|"
                                  r"commit)|^From: .*\n(?:.+\n)*?Date: ", re.M)
MARK_BEFORE = re.compile(r"^(?:\[[^\]]*\]|upstream:|CVE-[\d-]+:?|gh-\d+:|bpo-\d+:|Fixe?[sd]? #\d+ *(?:--|:)|BUG/\w+:"
                         r"|\(?#\d+\)?|Bug \d+:) *")
MARK_AFTER = re.compile(r" *\((?:cherry|GH-|#|CVE|bug|closes|fix)[^)]*\)$|[. ]+(?:bug \d+)?$"
                        r"|[. ]+backported by .*", re.I)
Question = collections.namedtuple("Question", "text answers is_named")


def subject_of(head):
    """The subject of a patch that came from version control, without its marks; None else."""
    is_commit = FROM_VERSION_CONTROL.search(head)
    said = re.search(r"^(?:Subject|Description): *((?:.*)(?:\n[ \t]+\S.*)*)", head, re.M)
    if not is_commit or not said:
        return None
    text = said[1] if head[said.start():].startswith("Subject") else said[1].split("\n")[0]
    text = re.sub(r"\s+", " ", text)
    while True:
        shorter = MARK_AFTER.sub("", MARK_BEFORE.sub("", text))
        if shorter == text:
            break
        text = shorter
    return text if len(re.findall(r"[A-Za-z]{2,}", text)) >= 4 and not CHORE.search(text) else None


def hunks(patch):
    """(path, heading, first old line, lines) of each hunk."""
    path, at = None, 0
    lines = patch.split("\n")
    while at < len(lines):
        line = lines[at]
        at += 1
        if line.startswith("--- ") and at < len(lines) and lines[at].startswith("+++ "):
            names = [re.sub(r"^[^/]*/", "", re.split(r"[\t ]", text[4:])[0]) for text in (line, lines[at])]
            path = names[0] if not line.startswith("--- /dev/null") else None
        mark = re.match(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@ ?(.*)", line)
        if not mark or path is None:
            continue
        old, new, body = int(mark[2] or 1), int(mark[4] or 1), []
        while at < len(lines) and (old > 0 or new > 0):
            body.append(lines[at] or " ")
            old -= lines[at][:1] in ("", " ", "-")
            new -= lines[at][:1] in ("", " ", "+")
            at += 1
        yield path, mark[5].strip(), int(mark[1]), body


def changed_lines(body, first, text):
    """Lines of `text` that the hunk changes; None where its old lines are not there, at one place."""
    old = [line[1:].rstrip() for line in body if line[:1] in (" ", "-")]
    if not old:
        return None
    places = [start for start in range(len(text) - len(old) + 1)
              if text[start] == old[0] and text[start:start + len(old)] == old]
    if not places:
        return None
    at = min(places, key=lambda start: abs(start + 1 - first))
    changed = set()
    for line in body:
        if line[:1] == "+":
            changed.add(max(1, at))  # Written after this line.
        else:
            at += 1
            if line[:1] == "-":
                changed.add(at)
    return changed


def name_of(heading):
    """The name that a heading defines, as far as it can be told."""
    found = re.search(r"([A-Za-z_]\w*)\s*\(", heading) or re.search(r"(?:class|struct)\s+(\w+)", heading)
    return found[1] if found else ""


def question_of(patch, tree):
    """One patch as a Question, or None."""
    head = re.split(r"^(?:---$|--- |diff |Index: )", patch, maxsplit=1, flags=re.M)[0]
    text = subject_of(head)
    answers, files = collections.defaultdict(set), {}
    for path, heading, first, body in hunks(patch) if text else ():
        if not CODE.search(path) or BESIDE.search(path):
            continue
        if not re.search(r"\w", heading) or heading.startswith(("#", "import")):
            continue
        if not any(re.match(r"[+-]\s*[^\s#*/]", line) for line in body):
            continue  # Only comments or directives.
        if path not in files:
            source = tree / path
            text_of_file = source.read_text(errors="replace") if source.is_file() else ""
            files[path] = [line.rstrip() for line in text_of_file.split("\n")]
        found = changed_lines(body, first, files[path])
        if found is None:
            return None
        answers[path, heading] |= found
    paths = {path for path, _heading in answers}
    if not answers or len(answers) > ANSWER_COUNT_MAX or len(paths) > FILE_COUNT_MAX:
        return None
    if any(re.search(r"\s", path) for path in paths):
        return None
    words = text.lower()
    names = {name_of(heading).lower() for _path, heading in answers}
    names |= {re.split(r"[/.]", path)[-2].lower() for path in paths}
    is_named = any(len(name) > 2 and re.search(rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])", words) for name in names)
    return Question(text, [(path, sorted(lines)) for (path, _heading), lines in sorted(answers.items())], is_named)


def unpacked(work, name):
    """The folder of a package's source as released, and its patches in order."""
    source = work / "downloads" / "debian" / name
    folder = work / "commits" / name
    tree, patches = folder / "tree", folder / "patches"
    if not patches.exists():
        subprocess.run(["rm", "-rf", folder], check=True)
        folder.mkdir(parents=True)
        description = next(iter(sorted(source.glob("*.dsc"))))
        subprocess.run(["dpkg-source", "--no-check", "--skip-patches", "-x", description, tree], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        (tree / "debian" / "patches").rename(patches)
        subprocess.run(["rm", "-rf", tree / "debian", tree / ".pc"], check=True)
    series = re.findall(r"^(?!#)(\S+)", (patches / "series").read_text(), re.M)
    return folder, [(patches / name).read_text(errors="replace") for name in series if (patches / name).is_file()]


def as_text(lines):
    """Line numbers as "3-5,9-9"."""
    runs = []
    for line in lines:
        if runs and line == runs[-1][1] + 1:
            runs[-1][1] = line
        else:
            runs.append([line, line])
    return ",".join(f"{first}-{last}" for first, last in runs)


def prepare(work, listed):
    """Unpacks all packages; yields (name, side, folder, its questions), the questions also as questions.tsv."""
    for side, names in listed["commits"].items():
        for name in names:
            folder, patches = unpacked(work, name)
            found = {}
            for patch in patches:
                question = question_of(patch, folder / "tree")
                if question:
                    found.setdefault(question.text.lower(), question)
            questions = list(found.values())[:QUESTIONS_PER_PACKAGE_MAX]
            (folder / "questions.tsv").write_text("".join(
                question.text + "\t" + " ".join(f"{path}:{as_text(lines)}" for path, lines in question.answers) + "\n"
                for question in questions), encoding="utf-8")
            yield name, side, folder, questions
