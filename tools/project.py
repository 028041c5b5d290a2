#!/usr/bin/env python3
"""project.py - which files the project consists of, for the checks beside it.

It walks the tree instead of asking git, so that checks also run in an unpacked archive. Every check
module has a function `problems(root)` that yields texts "file:line: what is wrong; what to do".
"""

import os
import sys

LEFT_OUT = {"build", ".git", ".cache", "__pycache__", "corpus"}
BINARY = (".png", ".jpg", ".ico", ".gz", ".db", ".pyc")


def files(root):
    """Every file of the project, relative to root, in a fixed order."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in LEFT_OUT)
        found += [os.path.relpath(os.path.join(folder, name), root) for name in names]
    return sorted(found)


def text_files(root):
    return [file for file in files(root) if not file.endswith(BINARY)]


def c_files(root):
    return [file for file in files(root) if file.endswith((".c", ".h", ".cpp", ".cc"))]


def read(root, file):
    with open(os.path.join(root, file), encoding="utf-8", errors="replace") as stream:
        return stream.read()


def is_shell_script(root, file):
    first = read(root, file).split("\n", 1)[0]
    return file.endswith((".sh", ".bash")) or first.startswith(("#!/bin/sh", "#!/bin/bash"))


def shell_scripts(root):
    return [file for file in text_files(root) if is_shell_script(root, file)]


def main():
    lists = {"--c-files": c_files, "--shell-scripts": shell_scripts, "--files": files}
    if len(sys.argv) != 2 or sys.argv[1] not in lists:
        sys.exit("usage: project.py " + "|".join(lists))
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    print("\n".join(lists[sys.argv[1]](root)))


if __name__ == "__main__":
    main()
