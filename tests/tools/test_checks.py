#!/usr/bin/env python3
"""test_checks.py - feeds each of the project's checks a sample that it must refuse.

Every sample is a small tree in a temporary folder: a clean one, which all checks accept, with one
fault put into it.
"""

import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))

import check_api
import check_files
import check_functions
import check_includes
import check_packages
import project
import wrap_comments

HEADER = """/* jaycache.h - a sample. */
#include <jaycache/version.h>
#define JAY_API

/* Says one. Returns JAY_OK. Since 0.1. */
JAY_API int jay_one(const char *text,
                    int number);

/* Says what. A constant string. Since 0.1. */
JAY_API const char *jay_what(int number);
"""

CLEAN = {
    "include/jaycache/jaycache.h": HEADER,
    "include/jaycache/version.h": "/* version.h - a sample. */\n",
    "packaging/jaycache.map": "X { global:\n jay_one;\n jay_what;\n local:\n *;\n};\n",
    "packaging/debian-packages.txt": "# a sample\nlibone-dev   test  # one\n",
    "tests/CMakeLists.txt": "# a sample\njaycache_require_header(one.h libone-dev one)\n",
    "src/util/text.h": "/* text.h - a sample. */\n",
    "src/util/text.c": '/* text.c - a sample. */\n#include "util/text.h"\n',
    "src/core/open.h": "/* open.h - a sample. */\n",
    "src/core/open.c": '/* open.c - a sample. */\n#include "util/text.h"\n#include "open.h"\n',
    "src/backends/memory/store.h": "/* store.h - a sample. */\n",
    "src/backends/null/nothing.c": "/* nothing.c - a sample. */\n",
    "cli/args.h": "/* args.h - a sample. */\n",
    "cli/main.c": '/* main.c - a sample. */\n#include <jaycache/jaycache.h>\n#include "args.h"\n',
    "tests/unit/test_text.c": '/* test_text.c - a sample. */\n#include "util/text.h"\n',
}


def function(name, lines=1, decisions=0):
    body = ["    if (x) x--;"] * decisions + ["    x++;"] * (lines - 2 - decisions)
    return "\n".join([f"int {name}(int x) {{"] + body + ["}", ""])


class ChecksTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="jaycache-tools-")
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        for file, text in CLEAN.items():
            self.write(file, text)

    def write(self, file, text):
        path = os.path.join(self.root, file)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(text)

    def append(self, file, text):
        with open(os.path.join(self.root, file), "a", encoding="utf-8") as stream:
            stream.write(text)

    def assert_refused(self, check, *words):
        """The check finds exactly one problem, and its text has all of the words."""
        found = list(check.problems(self.root))
        self.assertEqual(len(found), 1, found)
        for word in words:
            self.assertIn(word, found[0])

    def test_the_clean_tree_is_accepted(self):
        for check in (
            check_api, check_files, check_functions, check_includes, check_packages
        ):
            self.assertEqual(list(check.problems(self.root)), [], check.__name__)

    # ---- includes ----

    def test_util_may_not_lean_on_core(self):
        self.append("src/util/text.c", '#include "core/open.h"\n')
        self.assert_refused(check_includes, "src/util/text.c:3", "above")

    def test_an_upward_include_relative_to_the_file_is_seen(self):
        self.append("src/util/text.c", '#include "../core/open.h"\n')
        self.assert_refused(check_includes, "above")

    def test_an_upward_include_with_spaces_is_seen(self):
        self.append("src/util/text.c", '  #  include  "core/open.h"\n')
        self.assert_refused(check_includes, "above")

    def test_backends_may_not_lean_on_each_other(self):
        self.append("src/backends/null/nothing.c", '#include "backends/memory/store.h"\n')
        self.assert_refused(check_includes, "neighbours")

    def test_backends_may_lean_on_what_they_share(self):
        self.write("src/backends/region/shared.h", "/* shared.h - a sample. */\n")
        self.append("src/backends/null/nothing.c", '#include "backends/region/shared.h"\n')
        self.assertEqual(list(check_includes.problems(self.root)), [])

    def test_what_backends_share_may_not_lean_on_one(self):
        self.write("src/backends/region/a.c", '/* a.c */\n#include "backends/memory/store.h"\n')
        self.assert_refused(check_includes, "neighbours")

    def test_a_room_that_is_not_in_the_plan_is_refused(self):
        self.write("src/misc/any.c", '/* any.c */\n#include "util/text.h"\n')
        self.assert_refused(check_includes, "no room")

    def test_a_header_that_is_not_there_is_refused(self):
        self.append("src/core/open.c", '#include "util/gone.h"\n')
        self.assert_refused(check_includes, "gone.h")

    def test_the_command_may_not_look_inside(self):
        self.append("cli/main.c", '#include "util/text.h"\n')
        self.assert_refused(check_includes, "cli/main.c:4", "not its own")

    def test_the_command_may_not_look_inside_by_path(self):
        self.append("cli/main.c", '#include "../src/util/text.h"\n')
        self.assert_refused(check_includes, "not its own")

    def test_contract_tests_may_not_look_inside(self):
        self.write("tests/contract/a.c", '/* a.c */\n#include "../../src/util/text.h"\n')
        self.assert_refused(check_includes, "not its own")

    def test_a_public_header_may_not_use_quotes(self):
        self.append("include/jaycache/version.h", '#include "jaycache.h"\n')
        self.assert_refused(check_includes, "public header")

    # ---- functions ----

    def test_a_function_of_101_lines_is_refused(self):
        self.append("cli/main.c", function("fits", 100) + function("too_long", 101))
        self.assert_refused(check_functions, "too_long", "101 lines")

    def test_a_complexity_of_21_is_refused(self):
        self.append("cli/main.c", function("fits", 60, 19) + function("too_much", 60, 20))
        self.assert_refused(check_functions, "too_much", "complexity of 21")

    def test_an_exception_with_a_reason_is_accepted(self):
        self.append("cli/main.c", function("long_one", 101))
        self.write(check_functions.EXCEPTIONS, "cli/main.c long_one a table in code\n")
        self.assertEqual(list(check_functions.problems(self.root)), [])

    def test_an_exception_without_a_reason_is_refused(self):
        self.write(check_functions.EXCEPTIONS, "cli/main.c long_one\n")
        self.assert_refused(check_functions, "reason")

    def test_an_exception_that_is_not_needed_is_refused(self):
        self.append("cli/main.c", function("short_one", 10))
        self.write(check_functions.EXCEPTIONS, "cli/main.c short_one it was long once\n")
        self.assert_refused(check_functions, "needs no exception")

    # ---- files ----

    def test_a_second_file_of_the_same_name_is_refused(self):
        self.write("src/core/text.c", "/* text.c - another. */\n")
        self.assert_refused(check_files, "unique")

    def test_a_file_without_a_head_is_refused(self):
        self.write("cli/bare.c", "int x;\n")
        self.assert_refused(check_files, "cli/bare.c", "role")

    def test_a_script_without_a_head_is_refused(self):
        self.write("cli/bare.sh", "#!/bin/sh\necho\n")
        self.assert_refused(check_files, "cli/bare.sh", "role")

    def test_a_file_of_901_lines_is_refused(self):
        self.append("cli/main.c", "\n" * (901 - 3))
        self.assert_refused(check_files, "901 lines")

    def test_a_line_of_101_columns_is_refused(self):
        self.append("cli/main.c", "/*" + "x" * 97 + "*/\n")
        self.assert_refused(check_files, "101 columns")

    def test_forbidden_words_are_refused(self):
        # Put together here, so that this file does not hold them.
        for word in ("TO" + "DO", "FIX" + "ME", "XX" + "X", "/wo" + "rk/", "issue" + " 12"):
            with self.subTest(word):
                self.write("cli/words.c", f"/* words.c - {word} */\n")
                self.assert_refused(check_files, "cli/words.c:1", word)

    def test_words_that_only_contain_them_are_accepted(self):
        self.write("cli/words.c", "/* words.c - mkstemp takes a name.XXXXXX; issues and tissue */\n")
        self.assertEqual(list(check_files.problems(self.root)), [])

    # ---- exports ----

    def change_header(self, old, new):
        self.assertIn(old, HEADER)
        self.write("include/jaycache/jaycache.h", HEADER.replace(old, new))

    def test_an_export_without_a_comment_is_refused(self):
        self.change_header("/* Says what. A constant string. Since 0.1. */\n", "")
        self.assert_refused(check_api, "jay_what", "no comment")

    def test_a_comment_apart_from_the_export_is_refused(self):
        self.change_header("Since 0.1. */\nJAY_API int", "Since 0.1. */\n\nJAY_API int")
        self.assert_refused(check_api, "jay_one", "no comment")

    def test_a_comment_without_since_is_refused(self):
        self.change_header("A constant string. Since 0.1.", "A constant string.")
        self.assert_refused(check_api, "jay_what", "Since")

    def test_a_comment_without_statuses_is_refused(self):
        self.change_header("Says one. Returns JAY_OK.", "Says one.")
        self.assert_refused(check_api, "jay_one", "statuses")

    def test_an_export_that_is_not_listed_is_refused(self):
        self.write("packaging/jaycache.map", "X { global:\n jay_one;\n local:\n *;\n};\n")
        self.assert_refused(check_api, "jay_what", "not listed")

    def test_a_listed_function_that_is_not_declared_is_refused(self):
        text = CLEAN["packaging/jaycache.map"].replace("jay_one;", "jay_one; jay_two;")
        self.write("packaging/jaycache.map", text)
        self.assert_refused(check_api, "jay_two", "no header")

    def test_a_pattern_in_the_list_is_refused(self):
        text = CLEAN["packaging/jaycache.map"].replace("jay_one;", "jay_one; extra_*;")
        self.write("packaging/jaycache.map", text)
        self.assert_refused(check_api, "patterns")

    def library(self, source):
        self.write("built.c", source)
        path = os.path.join(self.root, "built.so")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", path, self.root + "/built.c"], check=True)
        return path

    def test_a_library_is_compared_with_the_list(self):
        one, what = "int jay_one(void) { return 1; }", "int jay_what(void) { return 1; }"
        cases = [
            (one + what, None),
            (one, "does not export"),
            (one + what + "int leaked;", "exports leaked"),
        ]
        for source, expected in cases:
            with self.subTest(source):
                found = list(check_api.check_library(self.root, self.library(source)))
                if expected is None:
                    self.assertEqual(found, [])
                else:
                    self.assertEqual(len(found), 1, found)
                    self.assertIn(expected, found[0])

    # ---- packages ----

    def test_a_package_that_is_not_listed_is_refused(self):
        self.append("tests/CMakeLists.txt", "jaycache_require_header(sys/two.h libtwo-dev)\n")
        self.assert_refused(check_packages, "tests/CMakeLists.txt:3", "libtwo-dev")

    def test_advice_to_install_what_is_not_listed_is_refused(self):
        text = 'message(FATAL_ERROR "On Debian: apt-get install libone-dev tool-two")\n'
        self.append("tests/CMakeLists.txt", text)
        self.assert_refused(check_packages, "tool-two")

    # ---- the whole, layout, and the wrapper ----

    def run_check_all(self):
        command = [sys.executable, "-B", os.path.join(ROOT, "tools/check_all.py")]
        return subprocess.run(
            command + ["--root", self.root], stdout=subprocess.PIPE, text=True
        )

    def test_all_checks_together_pass_and_fail(self):
        self.assertEqual(self.run_check_all().returncode, 0)
        self.write("cli/bare.c", "int x;\n")
        done = self.run_check_all()
        self.assertEqual(done.returncode, 1)
        self.assertIn("cli/bare.c:1", done.stdout)

    def test_layout_is_checked_with_the_projects_own_style(self):
        command = ["clang-format", f"--style=file:{ROOT}/.clang-format", "--dry-run", "-Werror"]
        for text, expected in (("int f(int *p) {\n    return *p;\n}\n", 0), ("int f( );\n", 1)):
            done = subprocess.run(command, input=text, stderr=subprocess.PIPE, text=True)
            self.assertEqual(done.returncode, expected, text)

    def test_the_wrapper_keeps_lists_and_columns(self):
        words = "word " * 18
        self.assertEqual(
            wrap_comments.wrap(["/*", f" *  - {words}over edge", " *    more.", " */"]),
            ["/*", f" *  - {words}over", " *    edge more.", " */"],
        )

    def test_the_wrapper_leaves_other_lines_alone(self):
        for line in ("x" * 120, ' * short', '    puts("' + "x " * 60 + '");'):
            self.assertEqual(wrap_comments.wrap([line]), [line])

    def test_project_files_leave_the_build_out(self):
        self.write("build/release/generated.c", "int x;\n")
        self.assertNotIn("build/release/generated.c", project.files(self.root))


if __name__ == "__main__":
    unittest.main()
