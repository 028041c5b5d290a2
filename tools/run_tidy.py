#!/usr/bin/env python3
"""run_tidy.py - runs clang-tidy over every source that a build compiles, two or more at a time.

    run_tidy.py BUILD_DIR [FILE...]

Shorter than run-clang-tidy, and quiet about what it suppressed.
"""

import concurrent.futures
import json
import os
import subprocess
import sys

HINTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tidy_hints.h")


def sources(build_dir):
    with open(os.path.join(build_dir, "compile_commands.json"), encoding="utf-8") as stream:
        return sorted({os.path.relpath(entry["file"]) for entry in json.load(stream)})


def hints(file):
    """See tidy_hints.h; the file that defines the function cannot take them."""
    with open(file, encoding="utf-8") as stream:
        defines_it = "\nint jay_error_set(" in stream.read()
    if not file.startswith("src/") or defines_it:
        return []
    return ["--extra-arg=-include", "--extra-arg=" + HINTS]


def tidy(build_dir, file):
    done = subprocess.run(
        ["clang-tidy", "--quiet", "-p", build_dir, *hints(file), file],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # Standard error holds counts of suppressed warnings; it matters only when clang-tidy failed.
    return file, done.returncode, done.stdout + (done.stderr if done.returncode else "")


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: run_tidy.py BUILD_DIR [FILE...]")
    files = sys.argv[2:] or sources(sys.argv[1])
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for file, status, text in pool.map(lambda file: tidy(sys.argv[1], file), files):
            if status != 0:
                failed += 1
                print(f"{file}:\n{text}")
    print(f"clang-tidy: {len(files)} files, {failed} with findings")
    sys.exit(1 if failed or not files else 0)


if __name__ == "__main__":
    main()
