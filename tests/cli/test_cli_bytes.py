"""test_cli_bytes.py - keys and values of any bytes come back as they went in."""

import base64
import os
import tempfile
import unittest

from cli_calls import CANNED, batch, call

ALL_BYTES = bytes(range(256))


def value_of(result, name="value"):
    if name in result:
        return result[name].encode()
    return base64.b64decode(result[name + "_base64"], validate=True)


def escaped(data):
    return "".join(f"\\x{byte:02x}" for byte in data)


class Bytes(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="jaycache-cli.")
        self.addCleanup(self.folder.cleanup)

    def file(self, name, data):
        path = os.path.join(self.folder.name, name)
        with open(path, "wb") as out:
            out.write(data)
        return path

    def test_get_prints_the_bytes_and_nothing_else(self):
        done = call("get", "bytes", program=CANNED)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, ALL_BYTES, b""))

    def test_versions_keep_all_64_bits(self):
        done = call("get", "bytes", "--json", program=CANNED)
        self.assertIn(f'"version": "{2**64 - 1}"'.encode(), done.stdout)

    def test_value_from_a_file(self):
        path = self.file("value", ALL_BYTES)
        done, results = batch(f"set k --file {path}\nget k\n")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(value_of(results[1]), ALL_BYTES)

    def test_value_of_every_single_byte(self):
        script = "".join(f"set k '{escaped([byte])}' -e\nget k\n" for byte in range(256))
        done, results = batch(script)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(b"".join(value_of(result) for result in results[1::2]), ALL_BYTES)

    def test_key_of_every_single_byte_in_both_notations(self):
        script = "".join(
            f"set -x {byte:02x} {byte}\nget -e '{escaped([byte])}'\n" for byte in range(256)
        )
        done, results = batch(script)
        self.assertEqual(done.returncode, 0)
        for byte in range(256):
            found = results[2 * byte + 1]
            self.assertEqual(value_of(found, "key"), bytes([byte]))
            self.assertEqual(value_of(found), str(byte).encode())

    def test_plain_results_of_a_batch_can_be_unescaped(self):
        path = self.file("value", ALL_BYTES)
        first = call("batch", stdin=f"set k -f {path}\nget k\n".encode())
        lines = first.stdout.decode().splitlines()
        self.assertEqual(lines[0], "ok")
        text = lines[1][len("ok ") :].replace("'", "\\x27")
        _, results = batch(f"set -e k '{text}'\nget k\n")
        self.assertEqual(value_of(results[1]), ALL_BYTES)

    def test_get_many_feeds_set_many(self):
        path = self.file("value", ALL_BYTES)
        keys = " ".join(f"'{escaped(key)}'" for key in (ALL_BYTES[:128], ALL_BYTES[128:]))
        script = "".join(f"set -e {key} -f {path}\n" for key in keys.split(" "))
        lines = call("batch", stdin=f"{script}get-many -e {keys}\n".encode()).stdout
        pairs = b"\n".join(lines.split(b"\n")[2:4])
        copied = self.file("pairs", pairs)
        _, results = batch(f"set-many -e -f {copied}\nget-many -e {keys}\n")
        self.assertEqual(results[0]["stored"], 2)
        values = [value_of(entry) for entry in results[1]["entries"]]
        self.assertEqual(values, [ALL_BYTES, ALL_BYTES])

    def test_longest_key_and_a_big_value(self):
        key, value = b"k" * 65536, os.urandom(3_000_000)
        lines = self.file("line", key + b"\tx\n" + key + b"k\tx\n")
        big = self.file("big", value)
        _, results = batch(f"set-many -f {lines}\nset big -f {big}\nget big\n")
        self.assertEqual((results[0]["stored"], results[0]["error"]), (1, "JAY_E_KEY"))
        self.assertEqual(value_of(results[2]), value)

    def test_big_value_from_standard_input(self):
        done = call("set", "k", "--json", stdin=b"x" * 3_000_000)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        full = call("set", "k", stdin=b"x" * 3_000_000, url="memory:?max_bytes=1m")
        self.assertEqual((full.returncode, full.stdout), (3, b""))
        self.assertIn(b"jaycache: set: ", full.stderr)


if __name__ == "__main__":
    unittest.main(argv=["test_cli_bytes"])
