"""check_files.py - names, heads, lengths and words of the project's files."""

import os
import re

import project

MAX_FILE_LINES = 900
MAX_COLUMNS = 100
# Names that tools expect, and that so may come more than once.
EXPECTED_NAMES = {"CMakeLists.txt", "README.md", ".gitignore", ".clang-tidy", "__init__.py"}
CODE = (".c", ".h", ".cpp", ".cc", ".py", ".sh")
# Written so that this list does not match itself.
FORBIDDEN = [
    (r"\b(TO[D]O|FIX[M]E|XX[X]|HA[C]K)\b", "finish it, or describe the limit in plain words"),
    (r"/wo[r]k/|/tmp/bri[e]f", "a path of one machine"),
    (r"\bissues? #?\d+|\bbri[e]f says", "the project speaks of itself alone"),
    (r"(?i)\b(cl[a]ude|anthr[o]pic|chat[g]pt|\bL[L]M\b|AI-gener[a]ted)", "not about the project"),
]


def check_names(root):
    seen = {}
    for file in project.files(root):
        name = os.path.basename(file)
        if name in EXPECTED_NAMES:
            continue
        if name in seen:
            yield f"{file}:1: there is a {seen[name]} already; file names are unique in the tree"
        seen.setdefault(name, file)


def has_head(text, file):
    lines = text.split("\n")
    if file.endswith((".c", ".h", ".cpp", ".cc")):
        return text.startswith("/*")
    start = 1 if lines and lines[0].startswith("#!") else 0
    rest = "\n".join(lines[start:]).lstrip()
    return rest.startswith(('"""', "#"))


def check_shape(root):
    for file in project.text_files(root):
        if not file.endswith(CODE):
            continue
        text = project.read(root, file)
        if os.path.basename(file) != "__init__.py" and not has_head(text, file):
            yield f"{file}:1: begin with a comment that says the file's role"
        lines = text.split("\n")
        if len(lines) - 1 > MAX_FILE_LINES:
            yield f"{file}:1: {len(lines) - 1} lines, over {MAX_FILE_LINES}; split the file"
        for number, line in enumerate(lines, 1):
            # A long literal cannot be broken.
            if len(line) > MAX_COLUMNS and '"' not in line and "://" not in line:
                yield (
                    f"{file}:{number}: {len(line)} columns, over {MAX_COLUMNS}; "
                    "./dev check --fix wraps comments"
                )


def check_words(root):
    for file in project.text_files(root):
        for number, line in enumerate(project.read(root, file).split("\n"), 1):
            for pattern, advice in FORBIDDEN:
                match = re.search(pattern, line)
                if match:
                    yield f"{file}:{number}: '{match.group(0)}': {advice}"


def problems(root):
    yield from check_names(root)
    yield from check_shape(root)
    yield from check_words(root)
