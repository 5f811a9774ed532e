"""What check_layers and check_style share: reading C++ sources, and printing faults."""

import pathlib
import re
import tempfile

SOURCE_SUFFIXES = {".h", ".cpp"}
# Files beside x.h and x.cpp that are not part of the program.
SIDE_SUFFIXES = ("_test", "_fuzz", "_bench")


class Faults:
    """Collects `file:line: what -> use what` lines."""

    def __init__(self):
        self.lines = []
        self.rules = set()

    def add(self, rule, path, line, what, use):
        self.rules.add(rule)
        self.lines.append((str(path), line, f"{path}:{line}: {what} -> {use}"))

    def print(self):
        for _, _, text in sorted(self.lines):
            print(text)
        return 1 if self.lines else 0


class Source:
    """One file: its text, and `code`, the same text with comments and literals blanked out.

    Blanking keeps every line break and column, so that a place in one is a place in the other.
    """

    def __init__(self, root, path):
        self.path = path.relative_to(root)
        self.text = path.read_text(encoding="utf-8", errors="replace")
        self.lines = self.text.split("\n")
        if self.lines and self.lines[-1] == "":
            self.lines.pop()
        self.is_header = path.suffix == ".h"
        self.is_cpp = path.suffix in SOURCE_SUFFIXES
        self._code = None

    @property
    def code(self):
        if self._code is None:
            self._code = blank(self.text) if self.is_cpp else self.text
        return self._code

    @property
    def unit(self):
        stem = self.path.stem
        for suffix in SIDE_SUFFIXES:
            stem = stem.removesuffix(suffix)
        return stem

    @property
    def is_side(self):
        return self.path.stem.endswith(SIDE_SUFFIXES)

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1

    def allows(self, rule, line):
        """`// allow(rule): reason` on the line or the one above."""
        for number in (line, line - 1):
            if 1 <= number <= len(self.lines):
                if re.search(rf"// allow\({re.escape(rule)}\): \S", self.lines[number - 1]):
                    return True
        return False


TOKEN = re.compile(
    r"""
      //[^\n]*                                             # comment
    | /\*.*?\*/                                            # comment
    | (?:\b(?:u8|u|U|L))?R"(?P<tag>[^()\\\s]{0,16})\(.*?\)(?P=tag)"    # raw string
    | "(?:\\.|[^"\\\n])*"                                  # string
    | (?<![0-9a-fA-F])'(?:\\.[^'\n]*|[^'\\\n])'            # character, not a digit separator
    """,
    re.VERBOSE | re.DOTALL,
)


def blank(text):
    """Comments become spaces; literals become "" or '' padded with spaces."""

    def replace(match):
        found = match.group(0)
        spaces = re.sub(r"[^\n]", " ", found)
        if found.startswith(("//", "/*")):
            return spaces
        if len(found) >= 2 and "\n" not in found:
            quote = found[-1]
            return quote + spaces[1:-1] + quote
        return spaces

    return TOKEN.sub(replace, text)


def sources(root, folders, suffixes=SOURCE_SUFFIXES):
    found = []
    for folder in folders:
        base = root / folder
        if not base.is_dir():
            continue
        for path in sorted(base.rglob("*")):
            if path.suffix in suffixes and path.is_file() and "node_modules" not in path.parts:
                found.append(Source(root, path))
    return found


def matching(code, start):
    """The offset after the bracket that closes the one at `start`, or the end of the text."""
    pairs = {"(": ")", "{": "}", "[": "]"}
    opening, closing, depth = code[start], pairs[code[start]], 0
    for offset in range(start, len(code)):
        if code[offset] == opening:
            depth += 1
        elif code[offset] == closing:
            depth -= 1
            if depth == 0:
                return offset + 1
    return len(code)


def self_test(cases, clean, check):
    """Each case is (rule, {file: text}): `check(root)` must see that rule; in `clean`, none."""
    bad = 0
    for rule, files in [(None, clean)] + cases:
        with tempfile.TemporaryDirectory(prefix="weir-check-") as folder:
            root = pathlib.Path(folder)
            for name, text in {**clean, **files}.items():
                path = root / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            faults = check(root)
        if rule is None:
            if faults.lines:
                bad += 1
                print("self-test: the clean tree is faulted")
                faults.print()
        elif rule not in faults.rules:
            bad += 1
            shown = next(iter(files.values()))
            print(f"self-test: '{rule}' was not seen in {', '.join(files)}: {shown!r}")
    print(f"self-test: {len(cases) + 1 - bad} of {len(cases) + 1} seen as they should be")
    return 1 if bad else 0
