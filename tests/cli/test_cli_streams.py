"""test_cli_streams.py - failures of the cache, closed pipes, full disks, no standard output."""

import json
import os
import subprocess
import unittest

from cli_calls import CANNED, JAYCACHE, TIME_LIMIT_S, call, environment


def call_into_closed_pipe(program, *arguments, stdin=b"", **more):
    """Runs the command with a standard output that nobody reads; returns (status, stderr)."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [program, "-u", "memory:", *arguments],
            input=stdin,
            stdout=writer,
            stderr=subprocess.PIPE,
            env=environment(**more),
            timeout=TIME_LIMIT_S,
            check=False,
        )
    finally:
        os.close(writer)
    return done.returncode, done.stderr


class Failures(unittest.TestCase):
    def test_failed_get(self):
        done = call("get", "broken", program=CANNED)
        message = b"jaycache: get: the disk said no; try another\n"
        self.assertEqual((done.returncode, done.stdout, done.stderr), (3, b"", message))

    def test_failed_get_as_json(self):
        done = call("get", "broken", "--json", program=CANNED)
        result = json.loads(done.stdout)
        self.assertEqual(done.returncode, 3)
        self.assertEqual((result["status"], result["error"]), ("error", "JAY_E_IO"))
        self.assertEqual(result["message"], "the disk said no; try another")

    def test_failed_clear_is_reported(self):
        done = call("clear", program=CANNED)
        self.assertEqual(done.returncode, 3)
        self.assertEqual(done.stderr, b"jaycache: clear: no answer; is the server up?\n")

    def test_the_worst_status_of_a_batch_counts(self):
        done = call("batch", stdin=b"get broken\nget none\nget bytes\nget\n", program=CANNED)
        words = [line.split()[0] for line in done.stdout.splitlines()]
        self.assertEqual((done.returncode, words), (3, [b"error", b"miss", b"ok", b"error"]))

    def test_unknown_numbers(self):
        stats = call("stats", program=CANNED).stdout.decode().splitlines()
        self.assertTrue(all(line[10:28].strip() == "-" for line in stats), stats)
        parsed = json.loads(call("stats", "--json", program=CANNED).stdout)
        for name in ("command", "status", "scheme"):
            self.assertIsInstance(parsed.pop(name), str)
        self.assertEqual(set(parsed.values()), {None})
        entries = call("list", program=CANNED).stdout.decode().splitlines()
        self.assertEqual(entries[1].split(), ["1", "forever", "-", "key0"])
        self.assertEqual(len(entries), 4)
        lines = call("list", "--json", program=CANNED).stdout.splitlines()
        self.assertEqual(json.loads(lines[2]), {
            "key": "key2", "size": 1, "ttl_ms": None, "heat": None, "size_bytes": None})


class Streams(unittest.TestCase):
    def test_list_into_a_closed_pipe_ends_quietly_and_soon(self):
        # So many that the end can only be reached by giving up.
        many = {"CANNED_COUNT": str(10**15)}
        for arguments in (["list"], ["list", "--json"]):
            with self.subTest(arguments):
                self.assertEqual(call_into_closed_pipe(CANNED, *arguments, **many), (0, b""))

    def test_get_into_a_closed_pipe_ends_quietly(self):
        self.assertEqual(call_into_closed_pipe(CANNED, "get", "bytes"), (0, b""))
        self.assertEqual(call_into_closed_pipe(CANNED, "get", "none"), (1, b""))

    def test_help_into_a_closed_pipe_ends_quietly(self):
        self.assertEqual(call_into_closed_pipe(JAYCACHE, "--help"), (0, b""))

    def test_batch_into_a_closed_pipe_says_that_it_stopped(self):
        status, stderr = call_into_closed_pipe(JAYCACHE, "batch", stdin=b"set a b\nset c d\n")
        self.assertEqual(status, 3)
        self.assertIn(b"line 1: batch: nobody takes the results", stderr)

    def test_reader_that_takes_one_line(self):
        lister = subprocess.Popen(
            [CANNED, "-u", "memory:", "list"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(CANNED_COUNT=str(10**15)),
        )
        self.addCleanup(lister.kill)
        self.assertEqual(lister.stdout.readline().split()[0], b"SIZE")
        lister.stdout.close()
        self.assertEqual(lister.wait(TIME_LIMIT_S), 0)
        self.assertEqual(lister.stderr.read(), b"")
        lister.stderr.close()

    @unittest.skipUnless(os.path.exists("/dev/full"), "there is no /dev/full here")
    def test_full_disk(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [JAYCACHE, "-u", "memory:", "stats"],
                stdout=full,
                stderr=subprocess.PIPE,
                env=environment(),
                timeout=TIME_LIMIT_S,
                check=False,
            )
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"standard output cannot be written to", done.stderr)

    def test_no_standard_output(self):
        done = subprocess.run(
            ["sh", "-c", 'exec "$0" -u memory: stats >&-', JAYCACHE],
            stderr=subprocess.PIPE,
            env=environment(),
            timeout=TIME_LIMIT_S,
            check=False,
        )
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"standard output cannot be written to", done.stderr)

    def test_a_program_gets_each_result_before_it_writes_the_next_line(self):
        talk = subprocess.Popen(
            [JAYCACHE, "-u", "memory:", "batch"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment(),
        )
        self.addCleanup(talk.kill)
        for number in range(1, 4):
            talk.stdin.write(b"inc n\n")
            talk.stdin.flush()
            self.assertEqual(talk.stdout.readline(), b"ok %d\n" % number)
        talk.stdin.close()
        self.assertEqual(talk.wait(TIME_LIMIT_S), 0)
        talk.stdout.close()

    def test_verbose_prints_the_log_on_standard_error_only(self):
        done = call("-v", "inc", "n")
        self.assertEqual((done.returncode, done.stdout), (0, b"1\n"))
        for line in done.stderr.splitlines():
            self.assertTrue(line.startswith(b"jaycache: log "), line)


if __name__ == "__main__":
    unittest.main(argv=["test_cli_streams"])
