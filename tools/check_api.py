"""check_api.py - every exported function is documented and listed.

A JAY_API function in include/jaycache has a comment directly before it that says since when it is
there and, if it returns a status, which ones or whose. packaging/jaycache.map lists exactly these
functions. With --library FILE, what a built library exports is compared with the list as well.
"""

import argparse
import os
import re
import subprocess
import sys

import project

MAP = "packaging/jaycache.map"
FUNCTION = re.compile(r"^JAY_API\s+([^;(]*?)\s*\**\b(jay_\w+)\s*\(([^;]*)", re.MULTILINE)
STATUS = re.compile(r"\bJAY_(?!API\b)[A-Z_]+\b|[Rr]eturns\b|\bjay_\w+ of\b|\b[Aa]s jay_\w+")


def headers(root):
    return [file for file in project.c_files(root) if file.startswith("include/jaycache/")]


def functions(root):
    """Yields (file, line number, return type, name, parameters, comment directly before)."""
    for file in headers(root):
        text = project.read(root, file)
        for match in FUNCTION.finditer(text):
            before = text[: match.start()]
            comment = ""
            if before.endswith("*/\n"):
                comment = before[before.rindex("/*") :]
            number = before.count("\n") + 1
            kind, name, parameters = match.groups()
            yield file, number, kind.strip(), name, parameters.rstrip(") \n"), comment


def check_comments(root):
    for file, number, kind, name, parameters, comment in functions(root):
        place = f"{file}:{number}: {name}"
        # The whole sentence matters, wherever the lines break.
        flat = re.sub(r"\s+\*?\s*", " ", comment)
        if not comment:
            yield f"{place} has no comment directly before it"
        elif not re.search(r"\bSince \d+\.\d+\.", flat):
            yield f"{place}: its comment does not say 'Since VERSION.'"
        elif kind == "int" and parameters != "void" and not STATUS.search(flat):
            yield f"{place}: its comment does not say which statuses it returns"


def listed(root):
    text = re.sub(r"/\*.*?\*/", "", project.read(root, MAP), flags=re.DOTALL)
    return set(re.findall(r"\b(jay_\w+);", text)), "*" in text.split("local:")[0]


def check_list(root):
    declared = {name for _, _, _, name, _, _ in functions(root)}
    names, has_pattern = listed(root)
    if has_pattern:
        yield f"{MAP}:1: name every export, no patterns"
    for name in sorted(declared - names):
        yield f"{MAP}:1: {name}, which the headers declare, is not listed"
    for name in sorted(names - declared):
        yield f"{MAP}:1: {name} is listed, but no header declares it"


def check_library(root, library):
    done = subprocess.run(
        ["nm", "-D", "--defined-only", library], stdout=subprocess.PIPE, check=True, text=True
    )
    rows = [row.split() for row in done.stdout.split("\n") if row]
    # The version nodes themselves are absolute symbols.
    exported = {row[-1].split("@")[0] for row in rows if row[-2] != "A"}
    names, _ = listed(root)
    for name in sorted(names - exported):
        yield f"{MAP}:1: {name} is listed, but {library} does not export it"
    for name in sorted(exported - names):
        yield f"{MAP}:1: {library} exports {name}, which is not listed"


def problems(root):
    yield from check_comments(root)
    yield from check_list(root)


def main():
    parser = argparse.ArgumentParser(description="Checks what the library exports.")
    parser.add_argument("--library", required=True)
    parser.add_argument("--root", default=os.path.dirname(os.path.dirname(__file__)) or ".")
    arguments = parser.parse_args()
    found = list(problems(arguments.root)) + list(check_library(arguments.root, arguments.library))
    print("\n".join(found) or f"{len(listed(arguments.root)[0])} exports, as listed")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
