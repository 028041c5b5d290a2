"""test_cli_terminal.py - what differs on a terminal: progress, notes, prompts, a missing value."""

import os
import pty
import subprocess
import threading
import unittest

from cli_calls import CANNED, JAYCACHE, TIME_LIMIT_S, call, environment

ERASE = b"\r\x1b[K"


def read_to_end(master):
    """What a terminal shows until its other side is closed, which Linux reports as an error."""
    shown = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:
            return shown
        if not piece:
            return shown
        shown += piece


def call_on_terminal(program, *arguments, streams=("stderr",), typed=b"", term="xterm"):
    """
    Runs the command with these of its streams on a terminal of their own; the others are pipes.
    Returns (status, standard output if it is a pipe, what the terminal showed).
    """
    master, slave = pty.openpty()
    given = {name: slave for name in streams}
    running = subprocess.Popen(
        [program, "-u", "memory:", *arguments],
        stdin=given.get("stdin", subprocess.DEVNULL),
        stdout=given.get("stdout", subprocess.PIPE),
        stderr=given.get("stderr", subprocess.PIPE),
        env=environment(TERM=term),
    )
    os.close(slave)
    late = threading.Timer(TIME_LIMIT_S, running.kill)
    late.start()
    try:
        os.write(master, typed)
        shown = read_to_end(master)
        stdout, _ = running.communicate(timeout=TIME_LIMIT_S)
    finally:
        running.kill()
        late.cancel()
        os.close(master)
    return running.returncode, stdout, shown


class Terminal(unittest.TestCase):
    def test_progress_of_clear(self):
        status, _, shown = call_on_terminal(CANNED, "clear")
        self.assertEqual(status, 3)
        self.assertIn(ERASE + b"clearing", shown)
        end = ERASE + b"jaycache: clear: no answer; is the server up?\r\n"
        self.assertTrue(shown.endswith(end), shown)

    def test_progress_of_bench(self):
        status, stdout, shown = call_on_terminal(
            JAYCACHE, "bench", "--seconds", "1", "--keys", "10"
        )
        self.assertEqual(status, 0)
        self.assertIn(b"measuring, ", shown)
        self.assertTrue(shown.endswith(ERASE))
        self.assertNotIn(ERASE, stdout)

    def test_no_progress_without_a_terminal_that_can_erase(self):
        self.assertEqual(call("clear", program=CANNED).stderr.count(b"\n"), 1)
        _, _, shown = call_on_terminal(CANNED, "clear", term="dumb")
        self.assertEqual(shown, b"jaycache: clear: no answer; is the server up?\r\n")

    def test_a_miss_is_told_to_a_person(self):
        status, stdout, shown = call_on_terminal(JAYCACHE, "get", "foo")
        self.assertEqual((status, stdout), (1, b""))
        self.assertEqual(shown, b"jaycache: get: no live entry has this key\r\n")
        self.assertEqual(call("get", "foo").stderr, b"")

    def test_a_value_is_not_awaited_from_a_terminal(self):
        for arguments in (["set", "foo"], ["set", "foo", "-"], ["get-many"], ["set-many"]):
            with self.subTest(arguments):
                status, _, shown = call_on_terminal(
                    JAYCACHE, *arguments, streams=("stdin", "stderr")
                )
                self.assertEqual(status, 2)
                self.assertIn(b"on standard input or with --file FILE", shown)

    def test_batch_prompts_a_person(self):
        status, stdout, shown = call_on_terminal(
            JAYCACHE, "batch", streams=("stdin", "stderr"), typed=b"set a b\nget a\n\x04"
        )
        self.assertEqual((status, stdout), (0, b"ok\nok b\n"))
        self.assertEqual(shown.count(b"jaycache> "), 3)


if __name__ == "__main__":
    unittest.main(argv=["test_cli_terminal"])
