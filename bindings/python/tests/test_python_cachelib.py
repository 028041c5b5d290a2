"""The cases of cachelib's own tests, on jaycache.cachelib under that name."""

import datetime
import hashlib
import inspect
import logging
import os
import pickle
import threading
import time

import jaycache
import pytest

jaycache.install_as("cachelib")

import cachelib  # noqa: E402
import cachelib.redis  # noqa: E402
from cachelib.serializers import BaseRedisSerializer, BaseSerializer, JSONSerializer  # noqa: E402
from cachelib.simple import ThreadedSimpleCache  # noqa: E402

NUMBERS = [0, 10, 1024000, 9, 5000000000000, 99, 738, 2000000]
ANYTHING = {
    "128": False,
    "beef": True,
    "empty": {},
    "1024": "spam",
    "2048": 2048,
    "list": [],
    "deep": [{}, ["eggs", [512]]],
    "4096": {"sauce": [], 256: "truffle"},
}
TEXTS = {"bacon": "eggs", "sausage": "spam", "brandy": "wine", "sauce": "pate", "a": "b", "c": "d"}


class Repr:
    """A serializer for streams and bytes that is none of ours."""

    def dumps(self, value):
        return repr(value).encode()

    def loads(self, bvalue):
        return None if bvalue is None else eval(bvalue.decode())


class ReprStream:
    def dump(self, value, fs):
        fs.write(f"{value!r}{os.linesep}".encode())

    def load(self, fs):
        try:
            return eval(fs.readline().decode())
        except SyntaxError as error:
            raise EOFError from error


class ReprSimple(cachelib.SimpleCache):
    serializer = Repr()


class ReprRedis(cachelib.RedisCache):
    serializer = Repr()

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)


class ReprFile(cachelib.FileSystemCache):
    serializer = ReprStream()


class Sha256File(cachelib.FileSystemCache):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, hash_method=hashlib.sha256, **kwargs)


class OneServerSentinel:
    def __init__(self, port):
        self.port = port

    def master_for(self, master):
        import redis

        return redis.Redis(port=self.port)

    slave_for = master_for


CLASSES = {
    "simple": cachelib.SimpleCache,
    "simple-repr": ReprSimple,
    "threaded": ThreadedSimpleCache,
    "file": cachelib.FileSystemCache,
    "file-repr": ReprFile,
    "file-sha256": Sha256File,
    "redis": cachelib.RedisCache,
    "redis-repr": ReprRedis,
    "redis-cluster": None,
    "redis-sentinel": None,
    "memcached": cachelib.MemcachedCache,
}


@pytest.fixture(params=sorted(CLASSES))
def make(request, tmp_path):
    kind = request.param

    def factory(**kwargs):
        if kind.startswith("file"):
            return CLASSES[kind](str(tmp_path), **kwargs)
        if kind == "memcached":
            port = request.getfixturevalue("memcached_port")
            cache = CLASSES[kind]([f"127.0.0.1:{port}"], **kwargs)
            cache._client.flush_all()
            return cache
        if kind.startswith("redis"):
            port = request.getfixturevalue("redis_port")
            if kind == "redis-cluster":
                client = OneServerSentinel(port).master_for(None)
                cache = cachelib.redis.RedisClusterCache(client, **kwargs)
            elif kind == "redis-sentinel":
                cache = cachelib.redis.RedisSentinelCache(OneServerSentinel(port), **kwargs)
            else:
                cache = CLASSES[kind](port=port, **kwargs)
            cache._write_client.flushdb()
            return cache
        return CLASSES[kind](**kwargs)

    factory.kind = kind
    return factory


def samples(make):
    return TEXTS if make.kind.startswith("file") else ANYTHING


def test_set_get(make):
    cache = make()
    for key, value in samples(make).items():
        assert cache.set(key, value)
        assert cache.get(key) == value


def test_many(make):
    cache, pairs = make(), samples(make)
    assert cache.set_many(pairs) == list(pairs)
    assert cache.get_many(*pairs) == list(pairs.values())
    assert cache.get_dict(*pairs) == pairs
    assert cache.delete_many(*pairs) == list(pairs)
    assert not any(cache.get_many(*pairs))
    cache.set("bacon", "spam")
    cache.delete_many("eggs", "bacon")
    assert cache.get("bacon") is None


def test_delete(make):
    cache = make()
    for key, value in samples(make).items():
        cache.set(key, value)
        assert cache.delete(key)
        assert not cache.get(key)


def test_add(make):
    cache, pairs = make(), samples(make)
    cache.set_many(pairs)
    for key in pairs:
        assert not cache.add(key, "updated")
    assert cache.get_many(*pairs) == list(pairs.values())
    for key, value in pairs.items():
        assert cache.add(f"{key}-new", value)
        assert cache.get(f"{key}-new") == value


def test_inc_dec(make):
    cache = make()
    for n in NUMBERS:
        assert not cache.get(f"{n}-inc")
        assert cache.inc(f"{n}-inc", n) == n
        assert cache.get(f"{n}-inc") == n
        assert cache.dec(f"{n}-dec", n) == -n
        assert cache.get(f"{n}-dec") == -n
        assert cache.dec(f"{n}-inc", 5) == n - 5


def test_has_and_clear(make):
    cache, pairs = make(), samples(make)
    assert cache.set_many(pairs)
    assert all(cache.has(key) for key in pairs)
    assert not cache.has("unknown")
    assert cache.clear()
    assert not any(cache.get_many(*pairs))


def test_expiration(tmp_path, redis_port, memcached_port):
    """Of all kinds at once, which takes the time of one."""
    sentinel = OneServerSentinel(redis_port)
    caches = {
        "simple": cachelib.SimpleCache(),
        "simple-repr": ReprSimple(),
        "threaded": ThreadedSimpleCache(),
        "file": cachelib.FileSystemCache(str(tmp_path / "file")),
        "file-repr": ReprFile(str(tmp_path / "repr")),
        "file-sha256": Sha256File(str(tmp_path / "sha256")),
        "redis": cachelib.RedisCache(port=redis_port, db=1),
        "redis-repr": ReprRedis(port=redis_port, db=2),
        "redis-cluster": cachelib.redis.RedisClusterCache(sentinel.master_for(None), key_prefix="c:"),
        "redis-sentinel": cachelib.redis.RedisSentinelCache(sentinel, key_prefix="s:"),
        "memcached": cachelib.MemcachedCache([f"127.0.0.1:{memcached_port}"]),
    }
    assert set(caches) == set(CLASSES)
    for cache in caches.values():
        for key, value in TEXTS.items():
            cache.set(f"{key}-t0", value, timeout=0)
            cache.set(f"{key}-t1", value, timeout=1)
    deadline = time.monotonic() + 30
    for kind, cache in caches.items():
        while any(cache.get(f"{key}-t1") is not None for key in TEXTS):
            assert time.monotonic() < deadline, kind
            time.sleep(0.1)
        for key, value in TEXTS.items():
            assert cache.get(f"{key}-t0") == value, kind


@pytest.mark.parametrize("prefix", ["", "prefix:"])
def test_serializer_given(make, prefix):
    if not make.kind.startswith("redis-"):
        pytest.skip("only these take it together with a client")
    cache = make(serializer=JSONSerializer(), key_prefix=prefix)
    pairs = {"k1": "hello", "k2": 42, "k3": [True, None]}
    assert cache.set_many(pairs)
    assert cache.get_many(*pairs) == list(pairs.values())
    assert cache.add("key", {"a": 1}) and not cache.add("key", {"b": 2})
    assert cache.get_dict("k1", "key") == {"k1": "hello", "key": {"a": 1}}
    assert isinstance(cache.serializer, JSONSerializer)
    assert cache.delete_many("k1", "k2") == ["k1", "k2"]


# ---- SimpleCache


@pytest.mark.parametrize("kind", ["simple", "simple-repr"])
def test_simple_threshold(kind):
    cache = CLASSES[kind](threshold=4)
    assert cache.set_many(ANYTHING)
    assert abs(len(cache._cache) - 4) <= 1
    assert CLASSES[kind](threshold=0)._threshold == 500


@pytest.mark.parametrize("kind", ["simple", "simple-repr"])
def test_simple_prunes_expired_first(kind):
    cache = CLASSES[kind](threshold=2 * len(TEXTS) - 1)
    for key in TEXTS:
        assert cache.set(f"{key}-short", key, timeout=0.1)
        assert cache.set(f"{key}-long", key, timeout=300)
    time.sleep(0.3)
    for key, value in TEXTS.items():
        assert cache.set(key, value)
        assert f"{key}-long" in cache._cache.keys()
        assert f"{key}-short" not in cache._cache.keys()


def test_simple_expired_keys():
    cache = cachelib.SimpleCache()
    cache.set("key", "original", timeout=0.05)
    time.sleep(0.2)
    assert cache.has("key") is False
    assert cache.delete("key") is False
    assert cache.add("key", "new") is True
    assert cache.get("key") == "new"
    assert cache.delete("missing") is False


def test_simple_threads():
    class Slow:
        def __init__(self, inner):
            self.dumps_of, self.loads = inner.dumps, inner.loads

        def dumps(self, value):
            time.sleep(0.0001)
            return self.dumps_of(value)

    cache = ThreadedSimpleCache()
    assert isinstance(cache, cachelib.SimpleCache)
    cache.serializer = Slow(type(cache).serializer)
    cache.set("counter", 0)
    wins = []

    def work(number):
        for i in range(20):
            cache.inc("counter")
            cache.set(f"{number}-{i}", i)
        if cache.add("race", number):
            wins.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert cache.get("counter") == 200
    assert len(wins) == 1


# ---- FileSystemCache


@pytest.mark.parametrize("kind", ["file", "file-repr", "file-sha256"])
def test_files(kind, tmp_path, caplog):
    cache = CLASSES[kind](str(tmp_path), threshold=3)
    assert cache.set_many(TEXTS)
    assert cache._file_count == 4
    assert cache.clear()
    cache = CLASSES[kind](str(tmp_path), threshold=0)
    assert cache.set_many(TEXTS)
    assert not cache._file_count
    cache = CLASSES[kind](str(tmp_path))
    for _ in range(2):
        assert cache.set_many(TEXTS)
        assert cache._file_count == len(TEXTS)
    assert cache.clear()
    assert cache._file_count == 0


@pytest.mark.parametrize("kind", ["file", "file-repr", "file-sha256"])
def test_files_of_others(kind, tmp_path, caplog):
    cache = CLASSES[kind](str(tmp_path), threshold=1)
    assert cache.set_many(TEXTS)
    for key in TEXTS:
        open(cache._get_filename(key), "w").close()
    assert cache.set("test", "EOFError")
    assert "Exception raised" in caplog.text
    assert cache.get("test") == "EOFError"


def test_files_prune_expired_first(tmp_path):
    cache = cachelib.FileSystemCache(str(tmp_path), threshold=2 * len(TEXTS) - 1)
    for key in TEXTS:
        assert cache.set(f"{key}-short", key, timeout=0.1)
        assert cache.set(f"{key}-long", key, timeout=300)
    time.sleep(0.3)
    for key, value in TEXTS.items():
        assert cache.set(key, value)
        assert cache.has(f"{key}-long")
        assert not cache.has(f"{key}-short")


# ---- RedisCache and its relatives


def bacon():
    return "bacon"


def test_redis_callable_key(redis_port):
    cache = cachelib.RedisCache(port=redis_port)
    assert cache.set(bacon, "sausages")
    assert cache.get(bacon) == "sausages"
    assert cache.set(lambda: "spam", "sausages")
    assert cache.get(lambda: "spam") == "sausages"


class FakeClient:
    def __init__(self, error=None):
        self.error, self.pinged = error, False

    def ping(self):
        if self.error:
            raise self.error
        self.pinged = True


class FakeSentinel:
    def __init__(self, error=None):
        self.writer, self.reader = FakeClient(error), FakeClient(error)

    def master_for(self, master):
        return self.writer

    def slave_for(self, master):
        return self.reader


def test_cluster_arguments():
    make = cachelib.redis.RedisClusterCache
    with pytest.raises(ValueError, match="cluster is required"):
        make()
    with pytest.raises(ValueError, match="correct cluster argument"):
        make("host-without-port")
    with pytest.raises(ValueError, match="decode_responses"):
        make("localhost:7000", decode_responses=True)
    client = FakeClient()
    cache = make(client, check_connection=True)
    assert cache._write_client is client and cache._read_client is client and client.pinged
    with pytest.raises(RuntimeError, match="could not connect to Redis"):
        make(FakeClient(ConnectionError("boom")), check_connection=True)


def test_sentinel_arguments():
    make = cachelib.redis.RedisSentinelCache
    for nothing in (None, []):
        with pytest.raises(ValueError, match="sentinels is required"):
            make(nothing)
    with pytest.raises(ValueError, match="decode_responses"):
        make([("127.0.0.1", 26379)], decode_responses=True)
    sentinel = FakeSentinel()
    cache = make(sentinel, check_connection=True)
    assert cache._write_client is sentinel.writer and cache._read_client is sentinel.reader
    assert sentinel.writer.pinged and sentinel.reader.pinged
    lazy = FakeSentinel(ConnectionError("boom"))
    make(lazy)
    with pytest.raises(RuntimeError, match="could not connect to Redis"):
        make(lazy, check_connection=True)


# ---- BaseCache, serializers


def test_base():
    cache = cachelib.BaseCache()
    keys = ["bacon", "spam"]
    assert cache.get("bacon") is None and cache.delete("eggs")
    assert cache.get_many(*keys) == [None, None]
    assert cache.get_dict(*keys) == dict.fromkeys(keys)
    assert cache.set("a", "b") and cache.add("a", "b") and cache.clear()
    assert cache.set_many(dict.fromkeys(keys)) == keys and cache.delete_many(*keys) == keys
    assert cache.inc("a", delta=10) == 10 and cache.dec("a", delta=10) == -10
    with pytest.raises(NotImplementedError):
        cache.has("lobster")


def test_base_reports_failed_deletes():
    class Failing(cachelib.BaseCache):
        def delete(self, key):
            return False

        def has(self, key):
            return True

    with pytest.raises(RuntimeError, match="Failed to delete keys"):
        Failing(ignore_delete_many_errors=False).delete_many("bacon", "spam")
    assert Failing(ignore_delete_many_errors=True).delete_many("bacon") == []


@pytest.mark.parametrize(
    "default, timeout, expected",
    [
        (42, None, 42),
        (300, 0, 0),
        (300, 60, 60),
        (0, None, 0),
        (300, datetime.timedelta(minutes=2), 120),
        (300, datetime.timedelta(), 0),
        (300, datetime.timedelta(milliseconds=500), 1),
        (300, datetime.timedelta(seconds=1, milliseconds=200), 2),
        (datetime.timedelta(minutes=1), None, 60),
        (datetime.timedelta(minutes=1), 30, 30),
    ],
)
def test_base_timeouts(default, timeout, expected):
    assert cachelib.BaseCache(default)._normalize_timeout(timeout) == expected
    assert cachelib.BaseCache(datetime.timedelta(minutes=5)).default_timeout == 300
    minutes = datetime.timedelta(minutes=5)
    assert cachelib.SimpleCache(default_timeout=minutes).default_timeout == 300


def test_all_classes_have_all_methods(tmp_path, redis_port, memcached_port):
    caches = [
        cachelib.FileSystemCache(str(tmp_path)),
        cachelib.MemcachedCache([f"127.0.0.1:{memcached_port}"]),
        cachelib.RedisCache(port=redis_port),
        cachelib.SimpleCache(),
    ]
    for name, method in inspect.getmembers(cachelib.BaseCache, predicate=inspect.isfunction):
        if not name.startswith("_"):
            assert all(callable(getattr(cache, name)) for cache in caches), name


class Unpicklable:
    def __reduce__(self):
        raise pickle.PicklingError("cannot pickle")


VALUES = [None, True, 0, -1, 3.14, "", "hello", b"raw", [1], (1, 2), {"a": [True, None]}]


@pytest.mark.parametrize("make", [BaseSerializer, BaseRedisSerializer, JSONSerializer])
def test_serializers(make):
    import io

    serializer = make()
    for value in VALUES:
        if make is JSONSerializer and isinstance(value, (bytes, tuple)):
            continue
        assert serializer.loads(serializer.dumps(value)) == value
        stream = io.BytesIO()
        serializer.dump(value, stream)
        stream.seek(0)
        assert serializer.load(stream) == value
    if make is BaseRedisSerializer:
        assert serializer.dumps("hello").startswith(b"!")
        assert serializer.loads(None) is None
        assert serializer.loads(b"-5") == -5 and serializer.loads(b"!junk") is None
        assert serializer.loads(b"without mark") == b"without mark"
    else:
        assert serializer.dumps(Unpicklable()) is None
        assert serializer.loads(b"not valid {{{") is None
        assert serializer.load(io.BytesIO(b"not valid {{{")) is None
    if make is JSONSerializer:
        for raw in (b'"hello"', '"hello"', bytearray(b'"hello"')):
            assert serializer.loads(raw) == "hello"
        assert serializer.dumps(b"raw") is None


def test_logging_is_quiet_by_itself(caplog):
    cachelib.SimpleCache().get("nothing")
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
