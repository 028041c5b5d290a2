"""check_packages.py - what the build asks for is what ./dev installs.

Every Debian package that a CMakeLists.txt names, in jaycache_require_header or in the advice of an
error, is in packaging/debian-packages.txt.
"""

import re

import project

LIST = "packaging/debian-packages.txt"
NAMED = [
    re.compile(r"jaycache_require_header\(\s*[\w./+-]+\s+([a-z0-9][a-z0-9.+-]+)"),
    re.compile(r"apt-get install ((?:[a-z0-9][a-z0-9.+-]+ ?)+)"),
]


def listed(root):
    lines = [line.split("#")[0].split() for line in project.read(root, LIST).split("\n")]
    return {words[0] for words in lines if words}


def problems(root):
    known = listed(root)
    for file in project.text_files(root):
        if not file.endswith(("CMakeLists.txt", ".cmake")):
            continue
        for number, line in enumerate(project.read(root, file).split("\n"), 1):
            for pattern in NAMED if not line.lstrip().startswith("#") else []:
                for match in pattern.finditer(line):
                    for package in match.group(1).split():
                        if package not in known:
                            yield f"{file}:{number}: {package} is not in {LIST}; add it there"
