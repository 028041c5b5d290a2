#!/usr/bin/env python3
"""check_all.py - runs the project's own checks; `./dev check house` calls it."""

import argparse
import os
import sys

import check_api
import check_files
import check_functions
import check_includes
import check_packages

CHECKS = [
    ("includes point one way", check_includes),
    ("functions are short and simple", check_functions),
    ("files: names, heads, lengths, words", check_files),
    ("exports are documented and listed", check_api),
    ("packages that the build asks for are listed", check_packages),
]


def main():
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    parser = argparse.ArgumentParser(description="Runs the project's own checks.")
    parser.add_argument("--root", default=here, help="the tree to check")
    root = parser.parse_args().root
    total = 0
    for title, module in CHECKS:
        found = list(module.problems(root))
        total += len(found)
        print(f"{'FAILED' if found else 'ok':7}{title}")
        for problem in found:
            print("  " + problem)
    sys.exit(1 if total else 0)


if __name__ == "__main__":
    main()
