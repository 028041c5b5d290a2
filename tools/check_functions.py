"""check_functions.py - no function is longer than 100 lines or more complex than 20.

Measured by pmccabe, where a switch counts as one decision. tools/function-exceptions.txt
names the functions that may be longer, each with its reason; an exception that is not needed any
more is a problem too.
"""

import os
import re
import subprocess

import project

MAX_LINES = 100
MAX_COMPLEXITY = 20
EXCEPTIONS = "tools/function-exceptions.txt"
ROW = re.compile(r"^(\d+)\t(\d+)\t\d+\t\d+\t(\d+)\t(.+)\((\d+)\): (\S+)")


def exceptions(root):
    """{(file, function): line number}; and problems of the list itself."""
    found, wrong = {}, []
    if not os.path.exists(os.path.join(root, EXCEPTIONS)):
        return found, wrong
    for number, line in enumerate(project.read(root, EXCEPTIONS).split("\n"), 1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split(None, 2)
        if len(parts) < 3 or len(parts[2]) < 10:
            wrong.append(f"{EXCEPTIONS}:{number}: write: file function reason")
        else:
            found[(parts[0], parts[1])] = number
    return found, wrong


def measure(root, files):
    """Yields (file, function, line number, lines, complexity)."""
    done = subprocess.run(
        ["pmccabe"] + files, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    if done.returncode != 0 or done.stderr.strip():
        raise RuntimeError("pmccabe: " + done.stderr.strip())
    for row in done.stdout.split("\n"):
        match = ROW.match(row)
        if match:
            complexity, _, lines, file, number, function = match.groups()
            yield file, function, int(number), int(lines), int(complexity)


def problems(root):
    allowed, wrong = exceptions(root)
    yield from wrong
    files = [file for file in project.c_files(root) if not file.endswith(".h")]
    if not files:
        return
    needed = set()
    for file, function, number, lines, complexity in measure(root, files):
        if lines <= MAX_LINES and complexity <= MAX_COMPLEXITY:
            continue
        needed.add((file, function))
        if (file, function) not in allowed:
            yield (
                f"{file}:{number}: {function} has {lines} lines and a complexity of {complexity}, "
                f"over {MAX_LINES} or {MAX_COMPLEXITY}; split it"
            )
    for (file, function), number in allowed.items():
        if (file, function) not in needed:
            yield f"{EXCEPTIONS}:{number}: {function} in {file} needs no exception; remove the line"
