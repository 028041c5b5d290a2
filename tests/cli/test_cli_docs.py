"""test_cli_docs.py - the manual page and the completions list every command and option there is."""

import os
import re
import shutil
import subprocess
import unittest

from cli_calls import JAYCACHE, TIME_LIMIT_S, call

CLI = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "cli")
MANUAL = os.path.join(CLI, "jaycache.1")
BASH = os.path.join(CLI, "completion", "jaycache.bash")
ZSH = os.path.join(CLI, "completion", "jaycache.zsh")


def help_of(*arguments):
    done = call(*arguments, "--help", url=None)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def commands():
    listed = re.search(r"^Commands.*?\n(.*?)\n\n", help_of(), re.S | re.M).group(1)
    return [line.split()[0] for line in listed.split("\n")]


def options(*command):
    """The options that a help text lists: [(letter or None, name)]."""
    found = re.findall(r"^  (?:-(\w), |    )--([a-z-]+)", help_of(*command), re.M)
    return [(letter or None, name) for letter, name in found]


def run(*words, stdin=""):
    return subprocess.run(
        words,
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIME_LIMIT_S,
        check=False,
    )


class Help(unittest.TestCase):
    def test_there_are_commands_and_options(self):
        self.assertGreaterEqual(len(commands()), 19)
        self.assertIn(("u", "url"), options())
        self.assertIn((None, "cas"), options("set"))

    def test_lines_fit_a_terminal(self):
        texts = {name: help_of(name) for name in commands()}
        wide = [line for text in texts.values() for line in text.split("\n") if len(line) > 90]
        self.assertEqual(wide, [])


class Manual(unittest.TestCase):
    def test_every_command_has_its_entry(self):
        described = re.findall(r"^\.It Cm ([a-z-]+)", read(MANUAL), re.M)
        self.assertEqual(described, commands())

    def test_every_command_shows_its_options(self):
        for command in commands():
            line = re.search(rf"^\.It Cm {command}\b(?!-)(.*)$", read(MANUAL), re.M).group(1)
            shown = re.findall(r"Fl (-?[\w-]+)", line)
            letters = "".join(word for word in shown if not word.startswith("-"))
            own = [option for option in options(command) if option not in options()]
            for letter, name in own:
                with self.subTest(command=command, option=name):
                    self.assertTrue(
                        (letter and letter in letters) or f"-{name}" in shown, line
                    )
            self.assertEqual(len(shown) + letters.count("ex"), len(own), line)

    def test_every_option_is_described_once(self):
        text = read(MANUAL)
        everything = set(options())
        for command in commands():
            everything.update(options(command))
        described = re.findall(r"^\.It (?:Fl (\w) , )?Fl -([a-z-]+)", text, re.M)
        described = [(letter or None, name) for letter, name in described]
        self.assertEqual(len(described), len(set(described)))
        self.assertEqual(set(described), everything)

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
    def test_mandoc_finds_no_fault(self):
        done = run("mandoc", "-Tlint", MANUAL)
        self.assertEqual((done.returncode, done.stdout), (0, ""))


class BashCompletion(unittest.TestCase):
    def complete(self, *words):
        """What bash would offer for the last of the words."""
        script = f"""
            compopt() {{ :; }}
            . {BASH}
            COMP_LINE='{" ".join(words)}'
            COMP_POINT=${{#COMP_LINE}}
            _jaycache
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        done = run("bash", "-c", script)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout.split()

    def test_commands(self):
        self.assertEqual(self.complete(JAYCACHE, ""), commands())
        self.assertEqual(self.complete(JAYCACHE, "help", ""), commands())
        self.assertEqual(self.complete(JAYCACHE, "get-"), ["get-many"])
        self.assertEqual(self.complete(JAYCACHE, "-u", "memory:", "-j", "de"),
                         ["delete", "dec", "delete-many"])
        self.assertEqual(self.complete(JAYCACHE, "-u", "memory:", "get", "de"), [])

    def test_options(self):
        for command in [None] + commands():
            words = [] if command is None else [command]
            wanted = set()
            for letter, name in options(*words):
                wanted.add(f"--{name}")
                if letter:
                    wanted.add(f"-{letter}")
            with self.subTest(command=command):
                found = self.complete(JAYCACHE, "-u", "null:", *words, "-")
                self.assertEqual(set(found), wanted)

    def test_arguments_of_options(self):
        self.assertEqual(self.complete(JAYCACHE, "list", "--sort", ""),
                         ["size", "ttl", "heat", "key"])
        self.assertEqual(self.complete(JAYCACHE, "-u", "memo"), ["memory:"])
        self.assertIn("forever", self.complete(JAYCACHE, "set", "-t", ""))
        self.assertIn(BASH, self.complete(JAYCACHE, "batch", "-f", BASH[:-2]))


class ZshCompletion(unittest.TestCase):
    def test_commands_and_options_are_listed(self):
        text = read(ZSH)
        self.assertEqual(re.findall(r"^        '([a-z-]+):", text, re.M), commands())
        for command in commands():
            for letter, name in options(command):
                with self.subTest(command=command, option=name):
                    both = rf"\{{-{letter},--{name}\}}" if letter else rf"'--{name}\["
                    self.assertRegex(text, both)

    @unittest.skipUnless(shutil.which("zsh"), "zsh is not installed")
    def test_zsh_can_read_it(self):
        done = run("zsh", "-n", ZSH)
        self.assertEqual((done.returncode, done.stdout), (0, ""))


if __name__ == "__main__":
    unittest.main(argv=["test_cli_docs"])
