"""C++ text as the checks need it: comments and literals blanked out, functions found by their braces.

Right for code that clang-format has formatted; it is no parser. Every function keeps line numbers: what is
blanked out is replaced by spaces, line ends stay.
"""

import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""
    //[^\n]*                                  # line comment
  | /\*.*?\*/                                 # block comment
  | R"(?P<tag>[^()\\\s]{0,16})\(.*?\)(?P=tag)"  # raw string
  | "(?:\\.|[^"\\\n])*"                       # string
  | (?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+'      # character, not a digit separator
    """,
    re.DOTALL | re.VERBOSE,
)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.)*(?:\\\n(?:[^\n\\]|\\.)*)*", re.MULTILINE)
_ACCESS = re.compile(r"\b(?:public|private|protected)\s*:(?!:)")
_TYPE = re.compile(r"^(?:template\s*<.*>\s*)?(?:typedef\s+)?(?:class|struct|union|enum)\b", re.DOTALL)
_SCOPE = re.compile(r'^(?:inline\s+)?(?:namespace\b|extern\s*$|extern\s*"|requires\s*$)')


def _spaces(text):
    return re.sub(r"[^\n]", " ", text)


def blank(text):
    """`text` with comments blanked out and literals emptied: "..." becomes quotes around spaces."""

    def replace(match):
        token = match.group(0)
        if token.startswith(("//", "/*")):
            return _spaces(token)
        return token[0].replace("R", " ") + _spaces(token[1:-1]) + token[-1]

    return _TOKEN.sub(replace, text)


def without_directives(blanked):
    return _DIRECTIVE.sub(lambda match: _spaces(match.group(0)), blanked)


@dataclass
class Function:
    name: str
    first_line: int  # of the signature, from 1
    last_line: int  # of the closing brace

    @property
    def line_count(self):
        return self.last_line - self.first_line + 1


def _kind(statement, inside):
    """What the brace after `statement` opens: a scope, a type, a function, or a block of one."""
    if inside == "function":
        return "block"
    if _SCOPE.match(statement):
        return "scope"
    if _TYPE.match(statement) and not statement.endswith(")"):
        return "scope"
    if "(" in statement and not statement.endswith(("=", ",", "return", "(")):
        return "function"
    return "block"


def functions(text):
    """Every function with a body, lambdas and local types counted as part of the one around them."""
    code = _ACCESS.sub(lambda match: _spaces(match.group(0)), without_directives(blank(text)))
    found = []
    stack = []  # (kind, Function or None)
    start = 0  # where the current statement begins
    line = 1
    start_line = 0
    for at, char in enumerate(code):
        if char == "\n":
            line += 1
            continue
        if not start_line and not char.isspace():
            start, start_line = at, line
        if char == "{":
            statement = " ".join(code[start:at].split())
            in_function = any(kind == "function" for kind, _ in stack)
            kind = _kind(statement, "function" if in_function else "")
            function = None
            if kind == "function":
                name = re.search(r"([\w~:]+|operator\S+)\s*\(", statement)
                function = Function(name.group(1) if name else "?", start_line, line)
            stack.append((kind, function))
            start_line = 0
        elif char == "}":
            if stack:
                _, function = stack.pop()
                if function:
                    function.last_line = line
                    found.append(function)
            start_line = 0
        elif char == ";":
            start_line = 0
    return found
