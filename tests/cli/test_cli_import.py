"""test_cli_import.py - import: directories that cachelib has written, directories as werkzeug 0.16
writes them, and whatever else may lie there."""

import hashlib
import json
import os
import pickle
import shutil
import struct
import sys
import tempfile
import time
import unittest

from cli_calls import JAYCACHE, batch, call, call_on_terminal

# Where Debian puts it, whichever Python runs this.
sys.path.append("/usr/lib/python3/dist-packages")
from cachelib import FileSystemCache  # noqa: E402

COUNT_NAME = hashlib.md5(b"__wz_cache_count").hexdigest()
VALUES = {
    "plain": "text",
    "bytes": b"\x00\xff" * 100,
    "number": 17,
    "nothing": None,
    "empty": "",
    "a key \u00fc\n": {"a": [1, 2.5, None], "b": ("x" * 70000,)},
}


def name_of(key):
    return hashlib.md5(key.encode("utf-8")).hexdigest()


def counts(done):
    """The counts of import --json."""
    result = json.loads(done.stdout)
    assert result["command"] == "import", result
    return {name: result[name] for name in ("imported", "expired", "damaged", "foreign", "refused")}


class Import(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="jaycache-import.")
        self.addCleanup(shutil.rmtree, self.root)
        self.old = os.path.join(self.root, "old")
        self.url = "file:" + os.path.join(self.root, "new")

    def put(self, name, content):
        os.makedirs(self.old, exist_ok=True)
        path = os.path.join(self.old, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def put_werkzeug(self, key, value, timeout, protocol=1, value_protocol=2):
        """As FileSystemCache.set of werkzeug 0.16 does."""
        content = pickle.dumps(timeout, protocol) + pickle.dumps(value, value_protocol)
        return self.put(name_of(key), content)

    def bring(self, status=0, **wanted):
        done = call("import", self.old, "--json", url=self.url)
        self.assertEqual(done.returncode, status, done)
        everything = dict(imported=0, expired=0, damaged=0, foreign=0, refused=0)
        everything.update(wanted)
        self.assertEqual(counts(done), everything)

    def value(self, key):
        done = call("get", name_of(key), url=self.url)
        self.assertEqual(done.returncode, 0, done)
        return pickle.loads(done.stdout)

    def ttl_ms(self, key):
        text = call("ttl", name_of(key), url=self.url).stdout.decode().strip()
        return None if text == "forever" else int(text[:-2])

    # ---- what there is ----

    def test_cachelib(self):
        cache = FileSystemCache(self.old, threshold=100, default_timeout=300)
        for key, value in VALUES.items():
            self.assertTrue(cache.set(key, value))
        cache.set("for ever", "and ever", timeout=0)
        cache.set("over", "gone", timeout=-10)
        before = sorted(os.listdir(self.old))
        self.assertIn(COUNT_NAME, before)
        self.bring(imported=len(VALUES) + 1, expired=1)
        self.assertEqual(sorted(os.listdir(self.old)), before)
        for key, value in VALUES.items():
            self.assertEqual(self.value(key), value)
            self.assertTrue(200000 < self.ttl_ms(key) <= 300000)
        self.assertIsNone(self.ttl_ms("for ever"))
        self.assertEqual(self.value("for ever"), "and ever")

    def test_cachelib_with_another_hash(self):
        cache = FileSystemCache(self.old, threshold=0, hash_method=hashlib.sha256)
        cache.set("key", "value")
        self.bring(imported=1)
        done = call("get", hashlib.sha256(b"key").hexdigest(), url=self.url)
        self.assertEqual(pickle.loads(done.stdout), "value")

    def test_werkzeug(self):
        soon = int(time.time()) + 1000
        for value_protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            self.put_werkzeug(f"v{value_protocol}", VALUES, soon, value_protocol=value_protocol)
        self.put_werkzeug("for ever", "x", 0)
        self.put_werkzeug("over", "x", int(time.time()) - 1)
        self.put_werkzeug("beyond 2106", "x", 2**33)
        self.put(COUNT_NAME, pickle.dumps(0, 1) + pickle.dumps(7, 2))
        self.put("tmpab12cd.__wz_cache", b"half")
        self.bring(imported=pickle.HIGHEST_PROTOCOL + 1, expired=1)
        self.assertEqual(self.value("v2"), VALUES)
        self.assertTrue(900000 < self.ttl_ms("v2") <= 1000000)
        self.assertIsNone(self.ttl_ms("for ever"))
        self.assertGreater(self.ttl_ms("beyond 2106"), 10**11)

    def test_every_form_of_an_expiry(self):
        soon = time.time() + 1000
        keys = []
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            for timeout in (soon, int(soon), None, 0, 2**40, float(2**33)):
                keys.append(f"{protocol} {timeout}")
                self.put_werkzeug(keys[-1], timeout, timeout, protocol)
        for timeout in (1, 255, 256, 65535, 65536, -1, -(2**40), 2**31 - 1):
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
                self.put_werkzeug(f"{protocol} {timeout}", 0, timeout, protocol)
        python2 = "of Python 2"
        long = b"L%dL\n." % int(soon) + pickle.dumps(python2, 2)
        self.put(name_of(python2), long)
        past = 7 * (pickle.HIGHEST_PROTOCOL + 1)
        future = pickle.HIGHEST_PROTOCOL + 1  # 2**31 - 1 is in 2038
        if time.time() > 2**31 - 1:
            past, future = past + future, 0
        self.bring(imported=len(keys) + 1 + future, expired=past)
        for key in keys + [python2]:
            self.value(key)

    # ---- what else there may be ----

    def test_what_is_not_whole(self):
        whole = struct.pack("I", 0) + pickle.dumps(VALUES, 4)
        self.put(name_of("whole"), whole)
        self.put(name_of("empty"), b"")
        self.put(name_of("cut"), whole[:-1])
        self.put(name_of("only begun"), whole[:6])
        self.put_werkzeug("cut, too", "x", 0)
        os.truncate(os.path.join(self.old, name_of("cut, too")), 6)
        self.bring(status=1, imported=1, damaged=4)

    def test_foreign_files(self):
        secret = self.put_werkzeug("secret", "of others", 0)
        outside = os.path.join(self.root, "outside")
        os.rename(secret, outside)
        os.symlink(outside, os.path.join(self.old, name_of("link")))
        os.symlink("/nonexistent", os.path.join(self.old, name_of("dangling")))
        os.mkfifo(os.path.join(self.old, name_of("fifo")))
        os.mkdir(os.path.join(self.old, name_of("folder")))
        self.put("README", b"text")
        self.put(name_of("text"), b"The first line of a text.\n")
        self.put(name_of("text 2"), b"N.B.: a text.")
        self.put(name_of("code"), b"cos\nsystem\n(S'touch owned'\ntR.")
        self.put(name_of("upper").upper(), pickle.dumps(0, 1) + pickle.dumps(0, 2))
        self.bring(foreign=9)
        self.assertEqual(call("list", "--json", url=self.url).stdout, b"")

    def test_pickles_are_not_run(self):
        class Evil:
            def __reduce__(self):
                return (os.mkdir, (marker,))

        marker = os.path.join(self.root, "was run")
        self.put(name_of("value"), struct.pack("I", 0) + pickle.dumps(Evil(), 4))
        self.put(name_of("expiry"), pickle.dumps(Evil(), 1) + pickle.dumps(0, 2))
        self.bring(imported=1, foreign=1)
        self.assertFalse(os.path.exists(marker))

    def test_what_the_cache_does_not_take(self):
        self.put(name_of("big"), struct.pack("I", 0) + pickle.dumps("x" * 100000, 4))
        self.put(name_of("small"), struct.pack("I", 0) + pickle.dumps("x", 4))
        self.url += "?max_bytes=64k"
        self.bring(status=1, imported=1, refused=1)

    # ---- how it is called ----

    def test_dry_run(self):
        self.put_werkzeug("key", "value", 0)
        done = call("import", "--dry-run", self.old, url=self.url)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout.decode(), r"imported +1  entries")
        self.assertFalse(os.path.exists(self.url[5:]))
        self.assertEqual(call("import", "--dry-run", self.old, url=None).returncode, 0)

    def test_prefix_and_other_caches(self):
        self.put_werkzeug("key", "value", 0)
        name = name_of("key")
        done, results = batch(
            f"import {self.old}\nget {name}\nimport {self.old}\n", url="memory:?prefix=site:"
        )
        self.assertEqual(done.returncode, 0, done)
        self.assertEqual([result["imported"] for result in results[::2]], [1, 1])
        self.assertEqual(results[1]["size"], len(pickle.dumps("value", 2)))
        done = call("batch", stdin=f"import {self.old}\n".encode())
        self.assertEqual(done.stdout.split(b"\n")[-2], b"ok")

    def test_failures(self):
        done = call("import", self.old, url=self.url)
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"No such file or directory", done.stderr)
        done = call("import", JAYCACHE, url=self.url)
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"Not a directory", done.stderr)
        self.assertEqual(call("import", url=self.url).returncode, 2)
        # A server that is not there ends it.
        self.put_werkzeug("key", "value", 0)
        done = call("import", self.old, url="memcached:///nonexistent/socket")
        self.assertEqual(done.returncode, 3, done)

    def test_many_with_progress(self):
        for i in range(3000):
            self.put_werkzeug(f"key {i}", "v" * i, 0)
        status, stdout, shown = call_on_terminal(
            JAYCACHE, "import", self.old, url=self.url, streams=("stderr",)
        )
        self.assertEqual(status, 0)
        self.assertRegex(stdout.decode(), r"imported +3000  entries")
        # Progress comes after a fifth of a second: it may be done before.
        if shown:
            self.assertRegex(shown.decode(), r"importing, \d+ of 3000 files")
        self.assertEqual(self.value("key 2999"), "v" * 2999)


if __name__ == "__main__":
    unittest.main(argv=["test_cli_import"])
