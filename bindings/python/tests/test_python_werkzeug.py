"""The cases of werkzeug.contrib.cache's own tests, on jaycache.werkzeug under that name."""

import time

import jaycache
import pytest

jaycache.install_as("werkzeug.contrib.cache")

from werkzeug.contrib import cache as wz  # noqa: E402

LOCAL = ("simple", "file")


@pytest.fixture(params=["simple", "file", "redis", "redis-client", "memcached"])
def c(request, tmp_path):
    kind = request.param
    if kind == "simple":
        yield wz.SimpleCache()
    elif kind == "file":
        yield wz.FileSystemCache(cache_dir=str(tmp_path))
    elif kind.startswith("redis"):
        import redis

        port = request.getfixturevalue("redis_port")
        where = redis.Redis(port=port) if kind == "redis-client" else "127.0.0.1"
        cache = wz.RedisCache(host=where, port=port, key_prefix="werkzeug-test-case:")
        yield cache
        cache.clear()
    else:
        port = request.getfixturevalue("memcached_port")
        cache = wz.MemcachedCache([f"127.0.0.1:{port}"], key_prefix="werkzeug-test-case:")
        yield cache
        cache.clear()


@pytest.fixture
def pass_time(request, monkeypatch):
    """Lets time go by until a key is gone: by replacing the module's clock where the original's tests
    did so."""

    def wait(cache, key):
        deadline = time.monotonic() + 30
        if request.node.callspec.params.get("c") in LOCAL:
            before = wz.time
            monkeypatch.setattr(wz, "time", lambda: before() + 3)
        while cache.has(key):
            assert time.monotonic() < deadline
            time.sleep(0.05)

    return wait


def test_dict_of_keys(c):
    assert c.set("a", "a") and c.set("b", "b")
    found = c.get_dict("a", "b")
    assert found["a"] == "a" and found["b"] == "b"


def test_set_and_get(c):
    for i in range(3):
        assert c.set(str(i), i * i)
    assert [c.get(str(i)) for i in range(3)] == [0, 1, 4]
    assert c.set("foo", ["bar"])
    assert c.get("foo") == ["bar"]


def test_many(c):
    assert c.set_many({"foo": "bar", "spam": ["eggs"]})
    assert c.get_many("foo", "spam") == ["bar", ["eggs"]]
    assert c.set_many((("a", 1), ("b", [2])))
    assert c.get_many("a", "b", "none") == [1, [2], None]


def test_add(c):
    assert c.add("foo", "bar")
    assert c.get("foo") == "bar"
    assert not c.add("foo", "qux")
    assert c.get("foo") == "bar"


def test_delete(c):
    assert c.add("foo", "bar")
    assert c.delete("foo")
    assert c.get("foo") is None
    assert not c.delete("foo")
    assert c.add("foo", "bar") and c.add("spam", "eggs")
    assert c.delete_many("foo", "spam")
    assert c.get_many("foo", "spam") == [None, None]


def test_inc_dec(c):
    assert c.set("foo", 1)
    assert c.inc("foo") == c.get("foo") == 2
    assert c.dec("foo") == c.get("foo") == 1
    assert c.delete("foo")


def test_true_and_false(c):
    assert c.set("foo", True) and c.set("bar", False)
    assert c.get("foo") in (True, 1)
    assert c.get("bar") in (False, 0)


def test_timeout(c, pass_time):
    c.set("foo", "bar", 0)
    c.set("baz", "qux", 1)
    assert c.get_many("foo", "baz") == ["bar", "qux"]
    pass_time(c, "baz")
    assert c.get("foo") == "bar"
    assert c.get("baz") is None
    assert not c.has("baz")
    assert c.add("baz", "again")
    assert c.get("baz") == "again"


def test_has(c):
    assert not c.has("foo") and not c.has("spam")
    assert c.set("foo", "bar")
    assert c.has("foo") and not c.has("spam")
    c.delete("foo")
    assert not c.has("foo")


def test_simple_makes_room_before_it_stores():
    c = wz.SimpleCache(threshold=2)
    for key in "abcd":
        c.set(key, key)
    assert len(c._cache) == 3


def test_files_stay_below_the_threshold(tmp_path):
    c = wz.FileSystemCache(str(tmp_path), threshold=13)
    for i in range(26):
        assert c.set(str(i), i)
    assert 0 < c.get(c._fs_count_file) <= 13


def test_files_are_counted(tmp_path):
    c = wz.FileSystemCache(cache_dir=str(tmp_path))
    assert c.set("foo", "bar") and c.set("moo", "car")
    c.add("moo", "tar")
    assert c.get(c._fs_count_file) == 2
    assert c.add("too", "far")
    assert c.get(c._fs_count_file) == 3
    assert c.delete("moo")
    assert c.get(c._fs_count_file) == 2
    assert c.clear()
    assert c.get(c._fs_count_file) == 0
    assert len(c._list_dir()) == 0


def test_files_without_threshold_are_not_counted(tmp_path):
    c = wz.FileSystemCache(str(tmp_path), threshold=0)
    for i in range(10):
        assert c.set(str(i), i)
    assert len(c._list_dir()) == 10
    assert c.get(c._fs_count_file) is None


def test_redis_reads_what_others_stored(redis_port):
    c = wz.RedisCache("127.0.0.1", redis_port, key_prefix="werkzeug-test-case:")
    assert c._client.set(c.key_prefix + "foo", "Awesome")
    assert c.get("foo") == b"Awesome"
    assert c._client.set(c.key_prefix + "foo", "42")
    assert c.get("foo") == 42


def test_redis_wants_a_host():
    with pytest.raises(ValueError) as error:
        wz.RedisCache(host=None)
    assert str(error.value) == "RedisCache host parameter may not be None"


def test_redis_objects_can_be_written_otherwise(redis_port):
    class Texts(wz.RedisCache):
        def dump_object(self, value):
            return b"T" + str(value).encode()

        def load_object(self, value):
            return None if value is None else value[1:].decode()

    c = Texts("127.0.0.1", redis_port)
    assert c.set("text", "x") and c.get("text") == "x"
    assert c._client.get("text") == b"Tx"
    assert c.get("none") is None


def test_memcached_reads_what_others_stored(memcached_port):
    c = wz.MemcachedCache([f"127.0.0.1:{memcached_port}"], key_prefix="werkzeug-test-case:")
    assert c._client.set(c.key_prefix + "foo", "bar")
    assert c.get("foo") == "bar"


def test_memcached_takes_long_timeouts(memcached_port):
    c = wz.MemcachedCache([f"127.0.0.1:{memcached_port}"])
    c.set("foo", "bar", 2592000 + 100)
    assert c.get("foo") == "bar"


def test_null():
    c = wz.NullCache()
    assert not c.has("foo")
    assert c.set("foo", 1) and c.add("foo", 1) and c.delete("foo") and c.clear()
    assert c.get("foo") is None and c.inc("foo", 5) == 5 and c.dec("foo", 5) == -5
    assert c.set_many({"a": 1}) is True and c.delete_many("a") is True


def test_gae_warns(memcached_port):
    with pytest.warns(DeprecationWarning):
        wz.GAEMemcachedCache([f"127.0.0.1:{memcached_port}"])
