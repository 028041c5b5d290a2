"""check_includes.py - which way the rooms may lean: never upward.

core -> backends -> engine, net, wire, codec -> os -> util, and from outside the library only its
public headers. Fuzz targets and most folders of tests look inside on purpose.
"""

import os
import re

import project

RANK = {"util": 0, "os": 1, "engine": 2, "net": 2, "wire": 2, "codec": 2, "backends": 3, "core": 4}
# backends/region is what the backends on the engine share: it is no backend itself.
SHARED_ROOMS = {"backends/region"}
# What is tested from outside, as users see it.
OUTSIDE_TESTS = ("contract", "support", "cli", "site", "install", "tools")
# Folders whose programs may include each other's headers.
SHARED = {"tests/contract": ["tests/support"], "bench": ["tests/redis"]}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]')


def room(path):
    """The room of a path relative to src/: backends are a room each."""
    parts = path.split("/")
    return "/".join(parts[:2]) if parts[0] == "backends" else parts[0]


def check_library(root, file, target):
    inside = file[len("src/") :]
    beside = os.path.normpath(os.path.join(os.path.dirname(inside), target))
    if not os.path.exists(os.path.join(root, "src", target)):
        if os.path.exists(os.path.join(root, "src", beside)):
            target = beside
        else:
            return f'there is no "{target}" in src; name it from src on'
    mine, theirs = inside.split("/")[0], target.split("/")[0]
    if mine not in RANK or theirs not in RANK:
        return f"{mine} and {theirs}: one is no room of the architecture"
    if room(inside) == room(target):
        return None
    if room(target) in SHARED_ROOMS and mine == theirs:
        return None
    if RANK[theirs] > RANK[mine]:
        return f"{mine} may not lean on {theirs}, which is above it"
    if RANK[theirs] == RANK[mine]:
        return f"{room(inside)} and {room(target)} are neighbours, which may not lean on each other"
    return None


def check_outsider(root, file, target):
    parts = file.split("/")
    own = "/".join(parts[:2]) if parts[0] in ("tests", "examples", "bindings") else parts[0]
    for folder in [os.path.dirname(file), own] + SHARED.get(own, []):
        path = os.path.normpath(os.path.join(folder, target))
        inside = [own] + SHARED.get(own, [])
        if os.path.exists(os.path.join(root, path)):
            if any(path.startswith(place + "/") for place in inside):
                return None
    return f'"{target}" is not its own; programs include <jaycache/...> and their own headers only'


def looks_inside(file):
    parts = file.split("/")
    return parts[0] == "fuzz" or (parts[0] == "tests" and parts[1] not in OUTSIDE_TESTS)


def check_line(root, file, quote, target):
    if quote == "<":
        if file.startswith("include/") or not target.startswith("jaycache/"):
            return None
        if not os.path.exists(os.path.join(root, "include", target)):
            return f"there is no public header <{target}>"
        return None
    if file.startswith("include/"):
        return "a public header includes other headers as <jaycache/...>"
    if file.startswith("src/"):
        return check_library(root, file, target)
    if looks_inside(file):
        return None
    return check_outsider(root, file, target)


def problems(root):
    for file in project.c_files(root):
        for number, line in enumerate(project.read(root, file).split("\n"), 1):
            match = INCLUDE.match(line)
            if match:
                problem = check_line(root, file, match.group(1), match.group(2))
                if problem:
                    yield f"{file}:{number}: {problem}"
