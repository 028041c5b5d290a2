"""Each row of what the original promised, where jaycache decides otherwise or more exactly."""

import os
import socket
import stat
import subprocess
import time

import jaycache
import pytest

from jaycache import (
    FileSystemCache,
    MemcachedCache,
    NullCache,
    RedisCache,
    SharedMemoryCache,
    SimpleCache,
)


@pytest.fixture(params=["simple", "shm", "file", "redis", "memcached"])
def cache(request, tmp_path):
    kind = request.param
    if kind == "simple":
        yield SimpleCache()
    elif kind == "shm":
        name = f"python-semantics-{os.getpid()}"
        yield SharedMemoryCache(name)
        SharedMemoryCache.remove(name)
    elif kind == "file":
        yield FileSystemCache(str(tmp_path))
    elif kind == "redis":
        made = RedisCache("127.0.0.1", request.getfixturevalue("redis_port"))
        made.clear()
        yield made
    else:
        port = request.getfixturevalue("memcached_port")
        made = MemcachedCache([f"127.0.0.1:{port}"])
        made.clear()
        yield made


def test_return_values(cache):
    assert cache.set("a", 1) is True and cache.add("b", 1) is True and cache.add("b", 2) is False
    assert cache.has("a") is True and cache.has("missing") is False
    assert cache.delete("a") is True
    assert cache.delete("a") is (cache._scheme == "file")
    assert cache.set_many([("x", 1), ("y", 2)]) == ["x", "y"]
    assert cache.get_dict("x", "missing") == {"x": 1, "missing": None}
    assert cache.get_many() == [] and cache.delete_many() == [] and cache.set_many({}) == []
    assert cache.clear() is True and cache.get("x") is None


def test_negative_timeouts_are_over_at_once(cache):
    for timeout in (-1, -5, -0.5):
        cache.set("key", "there")
        assert cache.set("key", "value", timeout)
        assert cache.get("key") is None
    assert cache.add("key", "value", -1)
    assert cache.get("key") is None


def test_parts_of_seconds_count(cache):
    cache.set("key", "value", 0.5)
    assert cache.get("key") == "value"


def test_timeouts_beyond_a_month_and_beyond_2106(cache):
    for timeout in (31 * 86400, 2**32, 10**12):
        cache.set("key", "value", timeout)
        assert cache.get("key") == "value"


def test_counters(cache):
    assert cache.inc("new", 5) == 5 and cache.dec("gone", 5) == -5
    assert cache.inc("new", -7) == -2 and cache.get("new") == -2
    assert cache.ttl("new") <= 300
    cache.set("kept", 1, 1000)
    cache.inc("kept")
    assert 900 < cache.ttl("kept") <= 1000
    cache.set("text", "no number")
    with pytest.raises((TypeError, jaycache.CacheError)):
        cache.inc("text")
    assert cache.get("text") == "no number"


def test_keys_from_untrusted_input(cache):
    for key in ("a b", "a\r\nflush_all\r\n", "k" * 5000, "!", "a\n", "\x7f", "\0"):
        assert cache.get(key) is None
        assert cache.set(key, key) and cache.get(key) == key
        assert cache.get_many(key, "missing") == [key, None]
        assert cache.delete(key)


def test_null():
    cache = NullCache()
    assert cache.set("a", 1) and cache.add("a", 1) and cache.delete("a") and cache.clear()
    assert cache.inc("k", 5) == 5 and cache.get("k") is None and cache.has("k") is False


def test_entries_that_never_expire_are_not_the_first_to_go():
    cache = SimpleCache(threshold=20)
    for number in range(10):
        cache.set(f"for ever {number}", number, 0)
        cache.get(f"for ever {number}")
    for number in range(11):
        cache.set(f"short {number}", number, 10)
    cache.set("one more", 1)
    assert sum(cache.has(f"for ever {number}") for number in range(10)) >= 9
    assert len(cache._cache) <= 21


def test_files(tmp_path):
    place = tmp_path / "made" / "as needed"
    cache = FileSystemCache(str(place), threshold=2, mode=0o640)
    (place / "foreign").write_text("stays")
    with pytest.raises(Exception):
        cache.set("bad", lambda: None)
    for number in range(5):
        cache.set(f"k{number}", number)
    assert cache._file_count == 3
    assert cache.clear()
    assert (place / "foreign").read_text() == "stays"
    cache.set("key", "value")
    modes = {
        stat.S_IMODE(os.stat(os.path.join(folder, name)).st_mode)
        for folder, _, names in os.walk(place / "jaycache")
        for name in names
    }
    assert modes == {0o640}
    assert FileSystemCache(str(place)).get("key") == "value"
    (tmp_path / "a file").write_text("")
    with pytest.raises(OSError):
        FileSystemCache(str(tmp_path / "a file"))


def test_files_of_the_original(tmp_path, caplog):
    """They are pointed out; what `jaycache import` takes over is found by keys that are hashed."""
    from python_originals import cachelib

    old = cachelib.FileSystemCache(str(tmp_path))
    kept = {"text": "é", "list": [1, {"a": None}], "n": 41, "": "empty", "k" * 70000: "long"}
    for key, value in kept.items():
        assert old.set(key, value)
    plain = FileSystemCache(tmp_path)
    assert "jaycache -u file:" in caplog.text and "hashed_keys=True" in caplog.text
    assert plain.get("text") is None and old.get("text") == "é"
    plain.close()
    command = os.environ.get("JAYCACHE_COMMAND")
    if not command:
        pytest.skip("the command is not built")
    words = [command, "-u", f"file:{tmp_path}/jaycache", "import", str(tmp_path)]
    subprocess.run(words, check=True, capture_output=True, timeout=100)
    caplog.clear()
    cache = FileSystemCache(tmp_path, hashed_keys=True)
    assert not caplog.text
    assert cache.get_dict(*kept) == kept and 0 < cache.ttl("list") <= 300
    assert set(map(cache._get_filename, kept)) <= set(cache._list_dir())
    assert cache.inc("n") == 42 and not cache.add("text", 1) and cache.has("list")
    assert cache.set("list", "new") and cache.get("list") == "new"
    assert cache.delete("text") and cache.get("text") is None
    assert cache.set_many({"a": 1, ("odd", 1): 2}) == ["a", ("odd", 1)]
    assert cache.get_many("a", ("odd", 1)) == [1, 2]
    assert cache.clear() and old.get("text") == "é"


def test_redis_prefixes(redis_port):
    import redis

    bare = redis.Redis(port=redis_port)
    bare.flushall()
    cache = RedisCache("127.0.0.1", redis_port, key_prefix="p[x]*:")
    other = RedisCache("127.0.0.1", redis_port, key_prefix=lambda: "other:")
    other.set("a", 1)
    bare.set("px:", 1)
    cache.set_many({"a": 1, "b": [2]})
    assert bare.get("p[x]*:a") == b"1" and bare.get("p[x]*:b").startswith(b"!\x80")
    assert cache.keys() and other.get("a") == 1
    cache.clear()
    assert sorted(bare.keys()) == [b"other:a", b"px:"]
    assert cache.add("forever", 1, 0) and bare.ttl("p[x]*:forever") == -1
    cache.key_prefix = "other:"
    assert cache.get("a") == 1
    with pytest.raises(ValueError, match="decode_responses"):
        RedisCache("127.0.0.1", decode_responses=True)
    # With arguments that the library does not have, redis-py does the work.
    assert RedisCache("127.0.0.1", redis_port, key_prefix="other:", retry_on_timeout=True).get("a") == 1


def test_a_server_that_is_down_raises_and_costs_no_time():
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        for cache in (RedisCache("127.0.0.1", port), MemcachedCache([f"127.0.0.1:{port}"])):
            started = time.monotonic()
            for _ in range(50):
                with pytest.raises(ConnectionError):
                    cache.get("key")
            assert time.monotonic() - started < 30
            with pytest.raises(ConnectionError):
                cache.delete("key")


def test_clients_put_in_later(redis_port):
    """As Flask-Caching's classes for Sentinel and Cluster do."""
    import redis

    class Later(RedisCache):
        def __init__(self):
            super().__init__("127.0.0.1", 1)
            self._write_client = redis.Redis(port=redis_port)
            self._read_client = redis.Redis(port=redis_port)

    cache = Later()
    assert cache.set("later", [1]) and cache.get("later") == [1]
    assert cache.get_many("later", "none") == [[1], None] and cache.has("later")
    assert cache.set_many({"x": 1}, -1) == ["x"] and cache.get("x") is None
    assert cache.delete_many("later") == ["later"] and cache.inc("n") == 1
