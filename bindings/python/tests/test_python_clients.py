"""Clients handed in: which of their methods are called; clusters and Sentinels, by either client."""

import contextlib

import jaycache
import pytest
import python_servers
from jaycache import Cache, MemcachedCache, RedisCache, RedisClusterCache, RedisSentinelCache

#: What cachelib calls of a client.
OF_REDIS = {"get", "mget", "set", "setex", "setnx", "expire", "pipeline", "delete", "exists"}
OF_REDIS |= {"keys", "flushdb", "incr", "pipe.set", "pipe.setex", "pipe.execute"}
OF_MEMCACHED = {"get", "get_multi", "set", "set_multi", "add", "delete", "delete_multi", "append"}
OF_MEMCACHED |= {"flush_all"}


class Recorder:
    """Passes calls on, and notes the names of the methods."""

    def __init__(self, client, seen, before=""):
        self._client, self._seen, self._before = client, seen, before

    def __getattr__(self, name):
        method = getattr(self._client, name)
        self._seen.add(self._before + name)

        def call(*args, **kwargs):
            made = method(*args, **kwargs)
            return Recorder(made, self._seen, "pipe.") if name == "pipeline" else made

        return call


def use_all(cache):
    assert cache.set("a", [1]) and cache.set("b", 2, 0) and cache.set("c", 3, 60)
    assert cache.get("a") == [1] and cache.get("none") is None
    assert cache.add("d", 1) is True and cache.add("d", 2) is False and cache.add("e", 1, 0)
    assert cache.set_many({"x": 1, "y": "text"}) == ["x", "y"] and cache.set_many([("z", 1)], 0)
    assert cache.get_many("x", "none", "y") == [1, None, "text"]
    assert cache.get_dict("x", "none") == {"x": 1, "none": None}
    assert cache.inc("n") == 1 and cache.dec("n", 3) == -2 and cache.get("n") == -2
    assert cache.has("a") is True and cache.has("none") is False
    assert cache.delete("a") is True and cache.delete("a") is False
    assert cache.delete_many("x", "y") == ["x", "y"] and cache.delete_many() == []
    assert cache.set("b", 1, -1) and cache.set_many({"c": 1}, -1) == ["c"]
    assert cache.get_many("b", "c") == [None, None]
    assert cache.clear() is True and cache.get("d") is None


@pytest.mark.parametrize("prefix", ["", "p:"])
def test_methods_called_of_a_redis_client(redis_port, prefix):
    import redis

    seen = set()
    use_all(RedisCache(Recorder(redis.Redis(port=redis_port), seen), key_prefix=prefix))
    assert seen <= OF_REDIS, seen - OF_REDIS
    # clear is by the keys with a prefix, and by the database without.
    assert seen == OF_REDIS - ({"flushdb"} if prefix else {"keys"})


def test_methods_called_of_a_memcached_client(memcached_port):
    import pylibmc

    seen = set()
    client = pylibmc.Client([f"127.0.0.1:{memcached_port}"])
    use_all(MemcachedCache(Recorder(client, seen)))
    assert seen == OF_MEMCACHED


def test_clients_from_a_pool(memcached_port):
    """import_preferred_memcache_lib of cachelib 0.15 returns a pool, and how to borrow from it."""
    import pylibmc

    borrowed = []

    class Pooled(MemcachedCache):
        def import_preferred_memcache_lib(self, servers, pool_size, pool_blocking=True):
            pool = pylibmc.ClientPool(pylibmc.Client(servers), pool_size)

            @contextlib.contextmanager
            def borrow():
                with pool.reserve(block=pool_blocking) as client:
                    borrowed.append(pool_size)
                    yield client

            return pool, borrow

    class Plain(MemcachedCache):
        def import_preferred_memcache_lib(self, servers):
            return None

    servers = [f"127.0.0.1:{memcached_port}"]
    use_all(Pooled(servers, pool_size=3, pool_blocking=False))
    assert set(borrowed) == {3}
    with pytest.raises(RuntimeError, match="no memcache module found"):
        Plain(servers)
    use_all(MemcachedCache(servers, 300, "pool:", 2, True))


def test_a_cluster():
    with python_servers.redis_cluster() as port:
        nodes = f"127.0.0.1:{port}"
        for cache in (
            RedisClusterCache(nodes, check_connection=True),
            RedisClusterCache(nodes, key_prefix="p{x}*:", socket_timeout=20),
            RedisCache(f"redis+cluster://{nodes}"),
        ):
            assert cache._scheme == "redis+cluster"
            use_all(cache)
            assert type(cache._write_client).__name__ == "RedisCluster"
            # One object of redis-py and the library read the same.
            cache.set("shared", {"a": 1})
            other = RedisClusterCache(cache._write_client, key_prefix=cache.key_prefix)
            assert other._scheme is None and other.get("shared") == {"a": 1}
            # Their keys are in different slots.
            use_all(RedisCache(cache._write_client, key_prefix="q:"))
            cache.set("shared", {"a": 1})
        with Cache(f"redis+cluster://{nodes}", prefix="q:", deadline="20s") as cache:
            assert cache.set_many({f"k{n}": n for n in range(50)}) == [f"k{n}" for n in range(50)]
            assert cache.get_many(*[f"k{n}" for n in range(50)]) == list(range(50))
            assert cache.inc("k7") == 8 and cache.ttl("k7") > 0 and len(cache.keys()) == 50
            assert cache.clear() and cache.get("k7") is None
        by_redis_py = RedisClusterCache(nodes, retry_on_timeout=False)
        assert by_redis_py._scheme is None and by_redis_py.get("shared") == {"a": 1}


def test_a_cluster_over_tls(tmp_path):
    with python_servers.redis_tls_cluster(str(tmp_path)) as (port, made):
        nodes = f"127.0.0.1:{port}"
        cache = RedisClusterCache(nodes, ssl=True, ssl_ca_certs=made, check_connection=True)
        assert cache._scheme == "rediss+cluster"
        use_all(cache)
        cache.set("shared", {"a": 1})
        assert cache._write_client.get("shared").startswith(b"!")
        with pytest.raises(RuntimeError, match="could not connect to Redis"):
            RedisClusterCache(nodes, ssl=True, check_connection=True, socket_timeout=5)


def test_sentinels(redis_port):
    with python_servers.redis_sentinel(redis_port, "the-master") as port:
        places = [("127.0.0.1", port)]
        for cache in (
            RedisSentinelCache(places, "the-master", key_prefix="s:", check_connection=True),
            RedisSentinelCache(places, "the-master", db=3),
            RedisCache(f"redis+sentinel://127.0.0.1:{port}/the-master/0"),
        ):
            assert cache._scheme == "redis+sentinel"
            use_all(cache)
            assert cache._write_client.set("bare", "1") and cache._client.get("bare") == b"1"
        with Cache(f"redis+sentinel://127.0.0.1:{port}/the-master/5") as cache:
            assert cache.set("a", (1, 2)) and cache.get("a") == (1, 2)
        # The package's own client, as what it is asked for is more than the library knows.
        by_redis_py = RedisSentinelCache(places, "the-master", retry_on_timeout=False)
        assert by_redis_py._scheme is None and by_redis_py.set("a", 1)
        assert by_redis_py._write_client is not by_redis_py._read_client
        with pytest.raises(RuntimeError, match="could not connect to Redis"):
            RedisSentinelCache(places, "nobody", check_connection=True)
        # TLS with the servers says nothing of Sentinels in redis-py; the library has one for both.
        both = {"ssl": True, "ssl_ca_certs": "x.pem"}
        own = {f"sentinel_{name}": value for name, value in both.items()}
        assert RedisSentinelCache(places, "the-master", **both)._scheme is None
        assert RedisSentinelCache(places, "the-master", sentinel_ssl=False)._scheme is None
        with pytest.raises(jaycache.CacheError, match="x.pem"):
            RedisSentinelCache(places, "the-master", **both, **own)


def test_one_client_for_all(redis_port):
    """`_client` of Werkzeug is both of cachelib's."""
    import redis

    cache = RedisCache(redis.Redis(port=1))
    client = cache._client = redis.Redis(port=redis_port)
    assert cache._read_client is client and cache._write_client is client
    assert cache.set("a", 1) and cache.get("a") == 1


def test_names_and_refusals():
    jaycache.install_as("cachelib")
    from cachelib.redis_base import BaseRedisCache

    assert issubclass(jaycache.ValkeyCache, BaseRedisCache)
    assert BaseRedisCache(object(), 60, "p:").default_timeout == 60
    with pytest.raises(ValueError, match="ValkeyCache host parameter may not be None"):
        jaycache.ValkeyCache(None)
    with pytest.raises(ValueError, match="not supported by ValkeyCache"):
        jaycache.ValkeyCache(decode_responses=True)


def test_values_of_other_classes_can_be_signed():
    class InADict(jaycache.BaseCache):
        serializer = jaycache.JSONSerializer()

        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.entries = {}

        def get(self, key):
            return self.serializer.loads(self.entries[key]) if key in self.entries else None

        def set(self, key, value, timeout=None):
            self.entries[key] = self.serializer.dumps(value)
            return True

    cache = InADict(secret_key=["new", "old"])
    assert cache.set("a", {"b": 1}) and cache.get("a") == {"b": 1}
    cache.entries["a"] = cache.entries["a"].replace(b"1", b"2")
    assert cache.get("a") is None


def test_values_of_clients_are_signed(redis_port, memcached_port, tmp_path):
    import pylibmc
    import redis

    class Stream:
        def dump(self, value, f):
            f.write(repr(value).encode())

        def load(self, f):
            return int(f.read())

    bare, client = redis.Redis(port=redis_port), pylibmc.Client([f"127.0.0.1:{memcached_port}"])
    caches = [
        (RedisCache(bare, secret_key="key"), bare),
        (MemcachedCache(client, secret_key="key"), client),
    ]
    for cache, below in caches:
        use_all(cache)
        assert cache.set("n", 5) and below.get("n").startswith(b"\x01jh")
        assert cache.inc("n") == 6 == cache.get("n") and below.get("n").startswith(b"\x01jh")
        below.set("n", 7)
        assert cache.get("n") is None and cache.get_many("n") == [None]
    files = jaycache.FileSystemCache(tmp_path, serializer=Stream(), secret_key="key")
    assert files.set("n", 5) and files.get("n") == 5
    assert bytes(files.get_view("n")).startswith(b"\x01jh") and files.get_view("n")[-1:] == b"5"
    cache = Cache("memory:", serializer="json", secret_key="key")
    with pytest.raises(ValueError, match="cannot write this value"):
        cache.set("n", object())
