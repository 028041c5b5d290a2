"""test_cli_terminal.py - what differs on a terminal: progress, notes, prompts, a missing value."""

import unittest

from cli_calls import CANNED, JAYCACHE, call, call_on_terminal

ERASE = b"\r\x1b[K"


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
