"""The extension module: values, views, failures, closing, threads, fork, interpreters, memory."""

import doctest
import gc
import importlib
import os
import pickle
import signal
import subprocess
import sys
import threading

import jaycache
import pytest
from jaycache import Cache, RedisCache, SharedMemoryCache, SimpleCache, _jaycache

LONG = bool(os.environ.get("JAY_TEST_LONG"))
VALUES = [
    *("", "a", "é" * 200, "x" * 300, "y" * 70000, "\ud800", "\0"),
    *(b"", b"b", b"\0" * 255, b"z" * 256, b"w" * 70000),
    *(0, 1, -1, 9, 2**63 - 1, -(2**63), 2**63, 10**30, -(10**30)),
    *(0.0, -1.5, float("inf"), None, True, False),
    *([], [1, "a"], {"k": (1, 2)}, (), frozenset([1]), 1j, bytearray(b"q")),
]


@pytest.fixture(params=["memory:", "redis-form", "shm", "file"])
def cache(request, tmp_path):
    if request.param == "shm":
        name = f"python-test-{os.getpid()}"
        yield SharedMemoryCache(name)
        SharedMemoryCache.remove(name)
    elif request.param == "file":
        yield jaycache.FileSystemCache(str(tmp_path))
    elif request.param == "redis-form":
        yield Cache("memory:", serializer="redis")
    else:
        yield Cache(request.param)


def test_values_come_back_as_they_were(cache):
    for value in VALUES:
        assert cache.set("key", value) is True
        for got in (cache.get("key"), cache.get_many("key")[0], cache.gets("key")[0]):
            assert got == value and type(got) is type(value), value


def test_texts_of_all_sizes(cache):
    sizes = [*range(1, 140), 255, 256, *range(4060, 4100), 9000]
    for size in sizes:
        for place in {0, size // 2, size - 1}:
            text = "a" * place + "é" + "b" * (size - place - 1)
            cache.set("key", text)
            assert cache.get("key") == text
        cache.set("key", "c" * size)
        assert cache.get("key") == "c" * size and cache.get_many("key") == ["c" * size]


def test_bytes_are_those_of_the_pickler():
    plain, raw = Cache("memory:"), Cache("memory:", serializer="redis")
    for value in VALUES:
        plain.set("key", value)
        raw.set("key", value)
        digits = str(value).encode() if type(value) is int else None
        if isinstance(value, (str, bytes)) and value != "\ud800":
            data = value.encode() if isinstance(value, str) else value
            assert plain.get_view("key") == data
            if len(data) > 65000:
                continue
        # What a store with the serializer in Python holds.
        by_python = Cache("memory:", serializer=type("Own", (), SERIALIZER)())
        by_python.set("key", value)
        stored = bytes(by_python._raw("key"))
        wanted = digits or pickle.dumps(value, 5)
        assert stored == pickle.dumps(value, 5)
        assert bytes(stored_bytes(plain)) == wanted
        assert bytes(stored_bytes(raw)) == (digits or b"!" + wanted)


SERIALIZER = {
    "dumps": lambda self, value: pickle.dumps(value, 5),
    "loads": lambda self, data: pickle.loads(data),
}
Cache._raw = lambda self, key: self.get_view(key)


def stored_bytes(cache):
    """What is stored, by a serializer that gives it as it is."""
    before = cache.serializer
    cache.serializer = type("As", (), {"dumps": None, "loads": lambda self, data: data})()
    try:
        return cache.get("key")
    finally:
        cache.serializer = before


def test_a_serializer_can_be_replaced_at_any_time():
    class Mine(SimpleCache):
        pass

    cache = Mine()
    cache.set("key", "value")
    Mine.serializer = jaycache.JSONSerializer()
    cache.set("key", {"a": 1})
    assert cache.get_view("key") == b'{"a":1}'
    cache.serializer = jaycache.PickleSerializer()
    cache.set("key", (1, 2))
    assert cache.get("key") == (1, 2)


def test_views_outlive_their_entries(cache):
    cache.set("key", "a text" * 500)
    view = cache.get_view("key")
    assert isinstance(view, memoryview) and view.readonly
    cache.set("key", "another")
    cache.clear()
    assert bytes(view) == b"a text" * 500
    cache.close()
    assert bytes(view[:6]) == b"a text"
    del view
    with pytest.raises(ValueError):
        cache.get("key")
    cache.close()


def test_numbers(cache):
    assert cache.inc("n") == 1 and cache.dec("n", 3) == -2 and cache.get("n") == -2
    cache.set("n", 2**63 - 1)
    assert cache.inc("n") == 2**63 == cache.get("n")
    assert cache.dec("n", 2**64) == 2**63 - 2**64
    assert cache.inc("f", 0.5) == 0.5 and cache.inc("f") == 1.5
    cache.set("n", 5, timeout=1000)
    cache.inc("n")
    cache.inc("n", 0.5)
    assert 300 < cache.ttl("n") <= 1000
    cache.set("text", "abc")
    with pytest.raises(TypeError):
        cache.inc("text")
    assert cache.get("text") == "abc"


def test_times(cache):
    cache.set("key", 1)
    assert 290 < cache.ttl("key") <= 300
    assert cache.touch("key", 0) and cache.ttl("key") == float("inf")
    assert not cache.touch("missing") and cache.ttl("missing") is None
    cache.set("key", 1, timeout=10**15)
    assert cache.ttl("key") == float("inf")
    cache.set("key", 1, -1)
    assert not cache.has("key")
    cache.default_timeout = 7
    cache.set("key", 1)
    assert cache.ttl("key") <= 7
    for wrong in ("soon", float("nan")):
        with pytest.raises((TypeError, ValueError)):
            cache.set("key", 1, wrong)


def test_cas_and_replace(cache):
    assert cache.gets("key") == (None, None)
    assert not cache.replace("key", 1) and cache.add("key", 1) and not cache.add("key", 2)
    value, version = cache.gets("key")
    assert value == 1 and cache.cas("key", "two", version)
    assert not cache.cas("key", "three", version) and cache.get("key") == "two"
    assert cache.replace("key", 4) and cache.get("key") == 4


def test_keys(cache):
    odd = ["", "k" * 70000, b"bytes", bytearray(b"more"), 5, ("a", 1), "\ud800", "né", "a b\n"]
    for number, key in enumerate(odd):
        assert cache.set(key, number)
    assert [cache.get(key) for key in odd] == list(range(len(odd)))
    assert "né" in cache.keys()
    with pytest.raises(TypeError):
        cache.get()
    with pytest.raises(TypeError):
        cache.get("a", "b")
    with pytest.raises(TypeError):
        cache.set("a", value=1, values=2)
    assert cache.set(key="k", value=1, timeout=5) and cache.get(key="k") == 1


@pytest.mark.parametrize("layout", ["auto", "files", "segments"])
def test_file_thresholds_are_exact(layout, tmp_path):
    with jaycache.FileSystemCache(tmp_path, threshold=20, layout=layout) as cache:
        assert cache.stats()["max_bytes"] == 64 << 20
        for number in range(100):
            assert cache.set(f"entry-{number}", number)
            assert cache.stats()["items"] == min(number + 1, 21) == len(cache._list_dir())
        assert cache.get(cache._fs_count_file) == 21
        assert cache.get("entry-99") == 99
    with jaycache.FileSystemCache(tmp_path, threshold=1000, layout=layout) as cache:
        assert cache.stats()["max_bytes"] == 1000 * (256 << 10)
        # What was evicted from the index of segments may be found in the log again.
        assert cache.get("entry-99") == 99 and len(cache.keys()) >= 21
    with jaycache.FileSystemCache(tmp_path, threshold=20, layout=layout) as cache:
        assert cache.set("another", 1)
        assert cache.stats()["items"] == len(cache.keys()) == 21
    with jaycache.FileSystemCache(tmp_path / "mine", threshold=20, max_bytes=1 << 20) as cache:
        assert cache.stats()["max_bytes"] == 1 << 20
    with jaycache.FileSystemCache(tmp_path / "any", threshold=0) as cache:
        assert cache.stats()["max_bytes"] == 1 << 30


def test_few_entries_take_little_room(tmp_path):
    with jaycache.FileSystemCache(tmp_path, threshold=20) as cache:
        assert cache.set("large", b"x" * (8 << 20))
        for _ in range(10):
            assert cache.set("large", b"y" * (8 << 20))
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert sum(path.stat().st_blocks for path in files) * 512 < 80 << 20
        assert cache.get("large") == b"y" * (8 << 20)


def test_failures_have_their_classes():
    with pytest.raises(jaycache.CacheSchemeError) as error:
        Cache("nonsense:")
    assert isinstance(error.value, (jaycache.CacheError, ValueError)) and error.value.status == -4
    with pytest.raises(jaycache.CacheOptionError, match="max_items"):
        Cache("memory:", max_itmes=3)
    with pytest.raises(ConnectionError) as error:
        RedisCache("127.0.0.1", 1).get("key")
    assert error.value.status_name == "JAY_E_UNREACHABLE" and error.value.backend == "redis"
    assert "Cache" not in [n for n in jaycache.__all__ if n in dir(__builtins__)]


def test_what_cannot_be_stored_is_false(caplog):
    cache = SimpleCache(max_bytes="8m")
    assert cache.set("key", "x" * 2**24) is False
    assert "Exception raised" in caplog.text
    with pytest.raises(AttributeError):
        cache.set("key", lambda: None)
    assert cache.get("key") is None


@pytest.mark.parametrize("serializer", ["pickle", "json", "msgpack"])
def test_signed_values(serializer):
    class Trap:
        def __reduce__(self):
            return (pytest.fail, ("unpickled what nobody has signed",))

    def opened(keys):
        cache = Cache("shm:" + name, secret_key=keys, serializer=serializer)
        return cache

    name = f"python-signed-{os.getpid()}-{serializer}"
    try:
        old, both, new = opened("old"), opened(["new", "old"]), opened(b"new")
        old.set("key", [1, "a"])
        assert both.get("key") == [1, "a"] and new.get("key") is None
        both.set("key", [2])
        assert new.get("key") == [2] and old.get("key") is None
        assert new.inc("n", 4) == 4 and new.dec("n") == 3 and new.get("n") == 3
        plain = Cache("shm:" + name)
        plain.set("key", pickle.dumps(Trap()))
        assert new.get("key") is None
        stored = stored_bytes(plain)
        plain.serializer = jaycache.RawSerializer()
        assert stored
    finally:
        SharedMemoryCache.remove(name)
    with pytest.raises(ValueError):
        Cache("memory:", secret_key=[]).set("a", 1)


def test_buffers():
    raw = Cache("memory:", serializer="raw")
    for value in (b"bytes", bytearray(b"bytes"), memoryview(b"xbytes")[1:], "bytes"):
        assert raw.set("key", value) and raw.get("key") == b"bytes"
    cache = SimpleCache()
    cache.set("key", memoryview(b"bytes"))
    assert cache.get("key") == b"bytes"


def test_inheritance():
    class Mixin:
        def get(self, key):
            return "mixed"

    class Two(Mixin, SimpleCache, jaycache.FileSystemCache):
        def __init__(self):
            SimpleCache.__init__(self)

    cache = Two()
    cache.set("key", 1)
    assert cache.get_many("key", "other") == ["mixed", "mixed"]

    class Short(SimpleCache):
        def _normalize_timeout(self, timeout):
            return super()._normalize_timeout(5)

        def set(self, key, value, timeout=None):
            return super().set(key, [value], timeout)

    cache = Short()
    assert cache.set_many({"a": 1}) == ["a"] and cache.get("a") == [1]
    assert cache.ttl("a") <= 5
    with pytest.raises(ValueError):
        _jaycache.Store().get("never opened")


def test_threads_count_exactly(cache):
    def work():
        for _ in range(200):
            cache.inc("n")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.get("n") == 800


def test_closing_beside_calls(redis_port):
    cache = RedisCache("127.0.0.1", redis_port)
    done = []

    def work():
        try:
            for number in range(2000):
                cache.set("key", number)
        except ValueError:
            done.append("closed")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    cache.close()
    for thread in threads:
        thread.join()
    with pytest.raises(ValueError):
        cache.get("key")


def test_fork(cache):
    cache.set("key", "before")
    pid = os.fork()
    if pid == 0:
        ok = cache.get("key") == "before" and cache.set("child", 1) and cache.inc("n") == 1
        os._exit(0 if ok else 1)
    timer = threading.Timer(60, os.kill, (pid, signal.SIGKILL))
    timer.start()
    assert os.waitpid(pid, 0)[1] == 0
    timer.cancel()
    assert cache.get("key") == "before"
    if cache._scheme in ("shm", "file"):
        assert cache.get("child") == 1


IN_ANOTHER_INTERPRETER = """
import sys
sys.path[:] = {path!r}
import jaycache
class Mine(jaycache.SimpleCache):
    def get(self, key):
        return "mine"
assert Mine().get_many("a") == ["mine"]
cache, shared = jaycache.SimpleCache(), jaycache.SharedMemoryCache({name!r})
for number in range(200):
    cache.set("a", [number])
    assert cache.get("a") == [number] and shared.inc("n") > number
try:
    jaycache.Cache("nonsense:")
except jaycache.CacheSchemeError:
    shared.inc("refused")
"""


def test_pickled_caches_are_opened_anew(tmp_path, redis_port, memcached_port):
    name = f"python-pickled-{os.getpid()}"
    caches = [
        SharedMemoryCache(name, default_timeout=7, key_prefix="p:"),
        jaycache.FileSystemCache(tmp_path, 20, 7, serializer=jaycache.JSONSerializer()),
        RedisCache("127.0.0.1", redis_port, default_timeout=7, key_prefix="p:", secret_key="key"),
        jaycache.MemcachedCache([f"127.0.0.1:{memcached_port}"], 7),
        Cache(f"file:{tmp_path}/another", 7, serializer="msgpack", max_items=5),
    ]
    try:
        for cache in caches:
            assert cache.set("a", {"b": 1}) and cache.get("a") == {"b": 1}
            again = pickle.loads(pickle.dumps(cache))
            assert type(again) is type(cache) and again.default_timeout == 7
            assert again.get("a") == {"b": 1} and again.set("c", [2]) and cache.get("c") == [2]
            assert again.key_prefix == cache.key_prefix and again.ttl("c") <= 7
    finally:
        SharedMemoryCache.remove(name)
    with pytest.raises(TypeError, match="in this process only"):
        pickle.dumps(SimpleCache())


def test_other_interpreters():
    """From CPython 3.12 on, each of them has a GIL of its own."""
    try:
        name = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
        interpreters = importlib.import_module(name)
    except ImportError:
        pytest.skip("this Python has no such module")
    name = f"python-interpreters-{os.getpid()}"
    script = IN_ANOTHER_INTERPRETER.format(path=sys.path, name=name)

    def work():
        one = interpreters.create()
        interpreters.run_string(one, script)
        interpreters.destroy(one)

    try:
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        shared = SharedMemoryCache(name)
        assert shared.get("n") == 400 and shared.get("refused") == 2
    finally:
        SharedMemoryCache.remove(name)
    assert SimpleCache().set("a", 1)


def resident_kib():
    with open("/proc/self/statm", encoding="ascii") as stream:
        return int(stream.read().split()[1]) * 4


def test_nothing_leaks():
    cache = SimpleCache(max_bytes="4m")
    rounds = 1_000_000 if LONG else 20_000
    record = {"a": [1, 2.5, "x" * 50]}

    def work(count):
        for number in range(count):
            key = f"k{number % 300}"
            cache.set(key, record)
            cache.get(key)
            cache.set(key, "text" * 400)
            cache.get_many(key, "none", b"bytes")
            cache.set_many({key: b"b" * 300, "n": number})
            cache.inc("n")
            cache.inc("n", 0.5)
            cache.get_view(key)
            cache.delete(key)
            cache.delete_many(key, "none")

    work(5000)
    gc.collect()
    objects, before = len(gc.get_objects()), resident_kib()
    work(rounds)
    gc.collect()
    assert len(gc.get_objects()) - objects < 100
    assert resident_kib() - before < 8 * 1024


def test_caches_are_collected():
    for _ in range(20):
        cache = SimpleCache(max_bytes="4m")
        cache.serializer = jaycache.JSONSerializer()
        cache.serializer.of = cache
        cache.set("a", 1)
        del cache
    gc.collect()
    assert not [each for each in gc.get_objects() if type(each) is SimpleCache]


def test_documentation():
    assert doctest.testmod(jaycache).failed == 0
    for name in ("get", "set", "add", "inc", "get_many", "get_view", "ttl"):
        assert len(getattr(Cache, name).__doc__) > 20


def test_command_line(tmp_path):
    environment = dict(os.environ, JAYCACHE_URL=f"file:{tmp_path}/cache")

    def run(*words, text=None):
        done = subprocess.run(
            [sys.executable, "-m", "jaycache", *words],
            input=text,
            capture_output=True,
            env=environment,
            timeout=60,
        )
        return done.returncode, done.stdout

    assert run("set", "greeting", "hello") == (0, b"")
    assert run("get", "greeting") == (0, b"hello")
    assert run("add", "greeting", text=b"x") == (1, b"")
    assert run("inc", "n", "5") == (0, b"5\n")
    assert run("get", "missing") == (1, b"")
    assert run("delete", "greeting", "missing")[0] == 1
    assert run("list") == (0, b"n\n")
    environment["JAYCACHE_URL"] = "nonsense:"
    assert run("clear")[0] == 3


def test_asyncio(redis_port, tmp_path):
    import asyncio

    async def use(cache):
        assert await cache.set("key", [1]) and await cache.get("key") == [1]
        assert await cache.inc("n") == 1 and await cache.get_many("key", "none") == [[1], None]
        async with cache:
            assert sorted(await asyncio.gather(*[cache.inc("n") for _ in range(20)]))[-1] == 21

    async def all_of_them():
        await use(jaycache.AsyncCache("memory:"))
        await use(jaycache.AsyncCache(f"file:{tmp_path}/cache"))
        await use(jaycache.AsyncCache(RedisCache("127.0.0.1", redis_port, key_prefix="async:")))

    asyncio.run(all_of_them())


def test_a_waiting_server_does_not_block_the_loop():
    import asyncio
    import socket

    silent = socket.create_server(("127.0.0.1", 0))

    async def use():
        cache = jaycache.AsyncCache(
            f"redis://127.0.0.1:{silent.getsockname()[1]}/0", deadline=500, connect_deadline=500
        )
        waiting = asyncio.ensure_future(cache.get("key"))
        turns = 0
        while not waiting.done():
            await asyncio.sleep(0.01)
            turns += 1
        with pytest.raises((TimeoutError, ConnectionError)):
            waiting.result()
        assert turns > 3

    with silent:
        asyncio.run(use())
