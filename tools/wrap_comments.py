#!/usr/bin/env python3
"""wrap_comments.py - wraps the overlong lines of C comments, and leaves all others alone.

clang-format would flow whole paragraphs anew and lose lists and columns. This moves only the words
that stick out, to the next line where that continues the same paragraph, else to a new one.
"""

import re
import sys

MAX_COLUMNS = 100
LINE = re.compile(r"^(\s*)(/\*|\*|//)(\s+)(- |[\w.]+(?:, \w+)*\s{2,})?(?=\S)")


def continuation(line):
    """What a line begins with that goes on with this one's text."""
    match = LINE.match(line)
    if not match:
        return None
    indent, mark, gap, label = match.groups()
    if len(gap) >= 4 and not label and ";" in line:
        return None  # an example in code
    if mark == "/*":
        indent, mark = indent + " ", "*"
    return indent + mark + gap + " " * len(label or "")


def is_continued_by(line, start):
    """Whether the line goes on with a paragraph whose lines begin with `start`."""
    rest = line[len(start) :]
    return line.startswith(start) and rest[:1].strip() and not rest.startswith(("*/", "- "))


def shorten_ruler(line):
    match = re.match(r"^(\s*/\* -{3,} .* -)(-+) \*/$", line)
    if not match or len(line) <= MAX_COLUMNS:
        return line
    return match.group(1) + "-" * (MAX_COLUMNS - len(match.group(1)) - 3) + " */"


def wrap(lines):
    done, position = [], 0
    lines = list(lines)
    while position < len(lines):
        line = shorten_ruler(lines[position])
        position += 1
        start = continuation(line)
        if len(line) <= MAX_COLUMNS or start is None:
            done.append(line)
            continue
        cut = line.rfind(" ", len(start), MAX_COLUMNS + 1)
        if cut <= len(start) or line.endswith("\\"):
            done.append(line)
            continue
        done.append(line[:cut].rstrip())
        rest = line[cut:].strip()
        if rest == "*/":
            lines.insert(position, start[: start.index("*")] + "*/")
        elif position < len(lines) and is_continued_by(lines[position], start):
            lines[position] = start + rest + " " + lines[position][len(start) :]
        else:
            lines.insert(position, start + rest)
    return done


def main():
    for file in sys.argv[1:]:
        with open(file, encoding="utf-8") as stream:
            text = stream.read()
        wrapped = "\n".join(wrap(text.split("\n")))
        if wrapped != text:
            with open(file, "w", encoding="utf-8") as stream:
                stream.write(wrapped)


if __name__ == "__main__":
    main()
