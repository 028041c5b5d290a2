"""redis_cache.py - RedisCache: on the C library's own client, or on one that was handed in.

With addresses, the library talks to the servers. With an object like redis.Redis, or when one is
put into `_write_client` or `_read_client` later (Flask-Caching does so for Sentinel and Cluster),
calls go through that object, by the methods that cachelib called and no others. What lies on the
server is the same in both ways, and the same as with cachelib.
"""

import importlib
import math
from urllib.parse import quote, unquote, urlsplit

from . import _jaycache
from .base import BaseCache, StoreCache, own, seconds_of
from .local_caches import clear_prefix
from .serializers import BaseRedisSerializer, RedisSerializer, ValkeySerializer

Store = _jaycache.Store
#: Keyword arguments of redis.Redis that the library's client has, and how it calls them.
KNOWN = {"client_name", "max_connections", "socket_timeout", "socket_connect_timeout"}
KNOWN |= {"username", "ssl", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "unix_socket_path"}
#: Those of them that concern a cluster, or servers behind Sentinels.
KNOWN_TO_GROUPS = KNOWN - {"unix_socket_path"}
GLOB = str.maketrans({character: "\\" + character for character in "*?[]\\"})


def _milliseconds(seconds):
    return max(1, math.ceil(seconds * 1000))


def _is_of_many_slots(error):
    """Whether a cluster's client, or a node, refuses a call because of where its keys are."""
    return type(error).__name__ == "RedisClusterException" or "CROSSSLOT" in str(error)


def _piped(client, method, names):
    """Has a client do a thing with each key, by as few round trips as it can."""
    pipe = client.pipeline(transaction=False)
    for name in names:
        getattr(pipe, method)(name)
    return pipe.execute()


class BaseRedisCache(StoreCache):
    """What the caches on Redis share; by itself, a cache on a client that was handed in.

    :param client: an object like redis.Redis.
    :param default_timeout: seconds that an entry lives by default; 0: for ever.
    :param key_prefix: stands before every key; a text, or a function that returns one.
    :param serializer: how values become bytes; by default integers are digits, all else
                       '!' and a pickle.
    :param secret_key: a key, or a list of keys, to sign every value with.
    """

    serializer = BaseRedisSerializer()
    _form = _jaycache.PY_REDIS
    _traits = _jaycache.PY_LISTS_MISSES
    _normalizes_to_date = False
    _counting = 2
    _reader = None
    _writer = None
    _spare = None

    def __init__(
        self,
        client,
        default_timeout=300,
        key_prefix=None,
        *,
        serializer=None,
        secret_key=None,
        ignore_delete_many_errors=True,
    ):
        self._begin(
            default_timeout,
            key_prefix,
            serializer=serializer,
            secret_key=secret_key,
            ignore_delete_many_errors=ignore_delete_many_errors,
        )
        self._reader = self._writer = client

    def _begin(self, default_timeout, key_prefix, **base):
        self._setup(default_timeout, **base)
        self.key_prefix = key_prefix or ""

    def _connect(self, url, options):
        """Has the library's client do the work."""
        self._open(url, options, self._form, self._traits)

    def _make_client(self):
        """A client of redis-py for the servers that the library talks to."""
        raise RuntimeError("this cache has no client")

    def _check_connection(self):
        try:
            if self._writer is None:
                Store.has(self, "ping")
            else:
                self._writer.ping()
                if self._reader is not self._writer:
                    self._reader.ping()
        except Exception as error:
            raise RuntimeError(f"could not connect to Redis: {error}") from error

    # -- the clients, as subclasses know them -------------------------------------------------

    def _spare_client(self):
        """A client of the same servers, for those who ask for one; it serves no calls of ours."""
        if self._spare is None:
            self._spare = self._make_client()
        return self._spare

    @property
    def _write_client(self):
        return self._writer if self._writer is not None else self._spare_client()

    @_write_client.setter
    def _write_client(self, client):
        self._writer = client
        if self._reader is None:
            self._reader = client

    @property
    def _read_client(self):
        return self._reader if self._reader is not None else self._spare_client()

    @_read_client.setter
    def _read_client(self, client):
        self._reader = client
        if self._writer is None:
            self._writer = client

    @property
    def _client(self):
        return self._write_client

    @_client.setter
    def _client(self, client):
        self._reader = self._writer = client

    # -- what is stored -------------------------------------------------------------------------

    @own
    def _normalize_timeout(self, timeout):
        timeout = self.default_timeout if timeout is None else seconds_of(timeout)
        return -1 if timeout == 0 else timeout

    @own
    def dump_object(self, value):
        """The bytes of a value. A subclass may have its own."""
        return self._dumps(value)

    @own
    def load_object(self, value):
        """The value of bytes, or of None. A subclass may have its own."""
        return self._loads(value) if value is not None else None

    def _codec(self):
        dumps, loads, digits = super()._codec()
        self._dumps = dumps or self.serializer.dumps
        self._loads = loads or self.serializer.loads
        if not hasattr(type(self).dump_object, "jaycache_own") or "dump_object" in self.__dict__:
            dumps, digits = self.dump_object, False
        if not hasattr(type(self).load_object, "jaycache_own") or "load_object" in self.__dict__:
            loads, digits = self.load_object, False
        return dumps, loads, digits

    def _pack(self, value):
        self._codec()
        data = self.dump_object(value)
        if data is None:
            raise ValueError("the serializer cannot write this value")
        return data

    def _name(self, key):
        key = key() if callable(key) else key
        return self._get_prefix() + (key.decode() if isinstance(key, bytes) else str(key))

    def _seconds(self, timeout):
        """For a client: -1: never expires; 0: already expired."""
        seconds = self._normalize_timeout(timeout)
        if seconds == -1 and timeout != -1:
            return -1
        return math.ceil(seconds) if seconds > 0 else 0

    # -- the interface --------------------------------------------------------------------------

    @own
    def get(self, key):
        if self._writer is None:
            return Store.get(self, key)
        self._codec()
        return self.load_object(self._reader.get(self._name(key)))

    def get_many(self, *keys):
        if self._writer is None:
            return Store.get_many(self, *keys)
        if not keys:
            return []
        self._codec()
        names = [self._name(key) for key in keys]
        try:
            values = self._reader.mget(names)
        except Exception as error:
            if not _is_of_many_slots(error):
                raise
            values = _piped(self._reader, "get", names)
        return [self.load_object(value) for value in values]

    @own
    def set(self, key, value, timeout=None):
        if self._writer is None:
            return Store.set(self, key, value, timeout)
        name, data, seconds = self._name(key), self._pack(value), self._seconds(timeout)
        if seconds == -1:
            return self._writer.set(name=name, value=data)
        if seconds == 0:
            self._writer.delete(name)
            return True
        return self._writer.setex(name=name, value=data, time=seconds)

    def add(self, key, value, timeout=None):
        if self._writer is None:
            return Store.add(self, key, value, timeout)
        name, data, seconds = self._name(key), self._pack(value), self._seconds(timeout)
        created = self._writer.setnx(name=name, value=data)
        if created and seconds == 0:
            self._writer.delete(name)
        elif created and seconds != -1:
            self._writer.expire(name=name, time=seconds)
        return bool(created)

    def set_many(self, mapping, timeout=None):
        if self._writer is None:
            return Store.set_many(self, mapping, timeout)
        pairs = list(mapping.items() if hasattr(mapping, "items") else mapping)
        seconds = self._seconds(timeout)
        if seconds == 0:
            return [key for key, value in pairs if self.set(key, value, timeout)]
        pipe = self._writer.pipeline(transaction=False)
        for key, value in pairs:
            if seconds == -1:
                pipe.set(name=self._name(key), value=self._pack(value))
            else:
                pipe.setex(name=self._name(key), value=self._pack(value), time=seconds)
        return [key for (key, _), ok in zip(pairs, pipe.execute()) if ok]

    @own
    def delete(self, key):
        if self._writer is None:
            return Store.delete(self, key)
        return bool(self._writer.delete(self._name(key)))

    def delete_many(self, *keys):
        if self._writer is None:
            return StoreCache.delete_many(self, *keys)
        if not keys:
            return []
        self._delete_names([self._name(key) for key in keys])
        return [key for key in keys if not self.has(key)]

    def _delete_names(self, names):
        try:
            return self._writer.delete(*names)
        except Exception as error:
            if not _is_of_many_slots(error):
                raise
            return sum(_piped(self._writer, "delete", names))

    def has(self, key):
        if self._writer is None:
            return Store.has(self, key)
        return bool(self._reader.exists(self._name(key)))

    def clear(self):
        if self._writer is None:
            return self._clear_native()
        prefix = self._get_prefix()
        if not prefix:
            return bool(self._writer.flushdb())
        names = self._reader.keys(prefix.translate(GLOB) + "*")
        return bool(self._delete_names(names)) if names else False

    def _clear_native(self):
        prefix = self._get_prefix()
        if not prefix:
            return Store.clear(self)
        if len(prefix.encode()) > 1024:
            return clear_prefix(self)
        url, options, _, _ = self._opened
        with PrefixStore() as store:
            store._open(url, dict(options, prefix=prefix), self._form, 0)
            return Store.clear(store)

    def inc(self, key, delta=1):
        if self._writer is None:
            return Store.inc(self, key, delta)
        if self._signing_keys is not None:
            return BaseCache.inc(self, key, delta)
        return self._writer.incr(name=self._name(key), amount=delta)

    def dec(self, key, delta=1):
        if self._writer is None:
            return Store.dec(self, key, delta)
        if self._signing_keys is not None:
            return BaseCache.dec(self, key, delta)
        return self._writer.incr(name=self._name(key), amount=-delta)


class PrefixStore(StoreCache):
    """One more handle on the same server, whose prefix is the library's business: for clear."""

    serializer = RedisSerializer()


def _options_of(kwargs):
    """Options of the library for what redis.Redis calls otherwise."""
    options = {
        "client_name": kwargs.get("client_name"),
        "connections": kwargs.get("max_connections"),
        "tls_ca": kwargs.get("ssl_ca_certs"),
        "tls_cert": kwargs.get("ssl_certfile"),
        "tls_key": kwargs.get("ssl_keyfile"),
    }
    if kwargs.get("socket_timeout"):
        options["deadline"] = _milliseconds(kwargs["socket_timeout"])
    if kwargs.get("socket_connect_timeout"):
        options["connect_deadline"] = _milliseconds(kwargs["socket_connect_timeout"])
    return options


def _scheme(kwargs):
    return "rediss" if kwargs.get("ssl") else "redis"


def _login(username, password):
    if not password:
        return ""
    return f"{quote(username or '', safe='')}:{quote(password, safe='')}@"


def _host(host):
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


class RedisCache(BaseRedisCache):
    """A cache on a Redis or Valkey server.

    :param host: the address of the server, a URL (`redis://`, `rediss://`, `redis+unix://`,
                 `redis+cluster://`, `redis+sentinel://`), or an object like redis.Redis.
    :param port: the server's port.
    :param password: the password, if it wants one.
    :param db: the number of the database.
    :param default_timeout: seconds that an entry lives by default; 0: for ever.
    :param key_prefix: stands before every key; a text, or a function that returns one.
    :param serializer: how values become bytes; by default integers are digits, all else
                       '!' and a pickle.
    :param secret_key: a key, or a list of keys, to sign every value with.
    :param check_connection: True: RuntimeError if the server does not answer now.
    :param kwargs: arguments of redis.Redis. With one that the library does not know, a redis.Redis
                   is made and used.
    """

    serializer = RedisSerializer()
    _called = "RedisCache"
    #: Packages with a client, the best first, and the class in them.
    _packages = (("redis", "Redis"),)

    def __init__(
        self,
        host="localhost",
        port=6379,
        password=None,
        db=0,
        default_timeout=300,
        key_prefix=None,
        ignore_delete_many_errors=True,
        *,
        serializer=None,
        secret_key=None,
        check_connection=False,
        **kwargs,
    ):
        self._begin(
            default_timeout,
            key_prefix,
            serializer=serializer,
            secret_key=secret_key,
            ignore_delete_many_errors=ignore_delete_many_errors,
        )
        if host is None:
            raise ValueError(f"{self._called} host parameter may not be None")
        if kwargs.get("decode_responses"):
            raise ValueError(f"decode_responses is not supported by {self._called}.")
        self._address = dict(host=host, port=port, password=password, db=db, **kwargs)
        if not isinstance(host, str):
            self._reader = self._writer = host
        elif set(kwargs) <= KNOWN or "://" in host:
            self._connect(*self._url(**self._address))
        else:
            self._reader = self._writer = self._make_client()
        if check_connection:
            self._check_connection()

    @staticmethod
    def _url(host, port, password, db, username=None, ssl=False, unix_socket_path=None, **kwargs):
        options = _options_of(kwargs)
        if "://" in host:
            return host, options
        login = _login(username, password)
        place = unix_socket_path or (host if host.startswith("/") else None)
        if place:
            options["db"] = db
            return f"redis+unix://{login}{quote(place)}", options
        return f"{_scheme({'ssl': ssl})}://{login}{_host(host)}:{port}/{db}", options

    def _make_client(self):
        client_class = self._client_class()
        address = self._address
        host = address["host"]
        if host.partition("://")[0] in ("redis+cluster", "rediss+cluster"):
            return _cluster_client(host.replace("+cluster", "", 1), {})
        if host.startswith("redis+sentinel://"):
            return _sentinel_of_url(host).master_for(urlsplit(host).path.split("/")[1])
        if "://" in host:
            return client_class.from_url(host.replace("redis+unix", "unix"))
        if host.startswith("/"):
            address = dict(address, unix_socket_path=host)
        return client_class(**address)

    def _client_class(self):
        for package, name in self._packages:
            try:
                return getattr(importlib.import_module(package), name)
            except ImportError:
                continue
        raise RuntimeError(f"no {self._packages[0][0]} module found")


class ValkeyCache(RedisCache):
    """RedisCache by another name."""

    serializer = ValkeySerializer()
    _called = "ValkeyCache"
    _packages = (("valkey", "Valkey"), ("redis", "Redis"))


def _without_base(kwargs):
    """Takes what the base class wants out of the arguments for a client."""
    if kwargs.get("decode_responses"):
        raise ValueError("decode_responses is not supported by RedisCache.")
    names = ("serializer", "secret_key", "ignore_delete_many_errors")
    return {name: kwargs.pop(name) for name in names if name in kwargs}


def _sentinel_of_url(url):
    import redis.sentinel

    parts = urlsplit(url)
    login, _, places = parts.netloc.rpartition("@")
    nodes = []
    for place in places.split(","):
        host, _, port = place.rpartition(":")
        nodes.append((host.strip("[]"), int(port)) if port.isdigit() and host else (place, 26379))
    password = unquote(login.partition(":")[2]) or None
    return redis.sentinel.Sentinel(nodes, password=password)


class RedisSentinelCache(BaseRedisCache):
    """A cache on the server that Sentinels name as their master.

    :param sentinels: a list of (host, port), or an object like redis.sentinel.Sentinel.
    :param master: the name of the set of servers.
    :param kwargs: arguments of redis.sentinel.Sentinel. With one that the library does not know, a
                   Sentinel of that package is made and used.
    """

    serializer = RedisSerializer()

    def __init__(
        self,
        sentinels=None,
        master=None,
        password=None,
        db=0,
        default_timeout=300,
        key_prefix="",
        *,
        check_connection=False,
        **kwargs,
    ):
        if not sentinels:
            raise ValueError("sentinels is required")
        self._begin(default_timeout, key_prefix, **_without_base(kwargs))
        self._arguments = sentinels, master, password, db, kwargs
        if hasattr(sentinels, "master_for"):
            self._writer, self._reader = sentinels.master_for(master), sentinels.slave_for(master)
        elif master and self._is_known(kwargs):
            login = _login(kwargs.get("username"), password)
            places = ",".join(f"{_host(host)}:{port}" for host, port in sentinels)
            url = f"{_scheme(kwargs)}+sentinel://{login}{places}/{quote(master, safe='')}/{db}"
            self._connect(url, _options_of(kwargs))
        else:
            made = self._make_sentinel()
            self._writer, self._reader = made.master_for(master), made.slave_for(master)
        if check_connection:
            self._check_connection()

    @staticmethod
    def _is_known(kwargs):
        """Whether the library has all arguments. It speaks TLS to all, Sentinels too, or to none."""
        own_names = {n[len("sentinel_") :]: v for n, v in kwargs.items() if n.startswith("sentinel_")}
        rest = {n: v for n, v in kwargs.items() if not n.startswith("sentinel_")}
        of_tls = {n: v for n, v in rest.items() if n.startswith("ssl")}
        return set(rest) <= KNOWN_TO_GROUPS and own_names == (of_tls if rest.get("ssl") else {})

    def _make_sentinel(self):
        import redis.sentinel

        sentinels, _, password, db, kwargs = self._arguments
        own_names = {n: v for n, v in kwargs.items() if n.startswith("sentinel_")}
        rest = {n: v for n, v in kwargs.items() if n not in own_names}
        return redis.sentinel.Sentinel(
            sentinels=sentinels,
            password=password,
            db=db,
            sentinel_kwargs={n[len("sentinel_") :]: v for n, v in own_names.items()},
            **rest,
        )

    def _make_client(self):
        return self._make_sentinel().master_for(self._arguments[1])


def _cluster_client(nodes, kwargs):
    """A client of redis-py for "host:port,host:port", or for a URL."""
    from redis.cluster import ClusterNode, RedisCluster

    if "://" in nodes:
        return RedisCluster.from_url(nodes, **kwargs)
    places = [place.rpartition(":") for place in nodes.split(",")]
    start = [ClusterNode(host.strip("[]"), int(port)) for host, _, port in places]
    return RedisCluster(startup_nodes=start, **kwargs)


class RedisClusterCache(BaseRedisCache):
    """A cache on a Redis Cluster.

    :param cluster: the nodes, as "host:port,host:port", or an object like redis.RedisCluster.
    :param kwargs: arguments of redis.RedisCluster. With one that the library does not know, a
                   RedisCluster of that package is made and used.
    """

    serializer = RedisSerializer()

    def __init__(
        self,
        cluster="",
        password="",
        default_timeout=300,
        key_prefix="",
        *,
        redis_url=None,
        check_connection=False,
        **kwargs,
    ):
        if not cluster and not redis_url:
            raise ValueError("cluster is required, or redis_url")
        self._begin(default_timeout, key_prefix, **_without_base(kwargs))
        if redis_url or isinstance(cluster, str):
            nodes = redis_url or self._nodes(cluster)
            self._arguments = nodes, dict(kwargs, password=password or None)
            if not redis_url and set(kwargs) <= KNOWN_TO_GROUPS:
                login = _login(kwargs.get("username"), password)
                self._connect(f"{_scheme(kwargs)}+cluster://{login}{nodes}", _options_of(kwargs))
            else:
                self._reader = self._writer = self._make_client()
        else:
            self._reader = self._writer = cluster
        if check_connection:
            self._check_connection()

    @staticmethod
    def _nodes(cluster):
        nodes = [node.strip() for node in cluster.split(",") if node.strip()]
        if not all(node.rpartition(":")[0] and node.rpartition(":")[2].isdigit() for node in nodes):
            raise ValueError("Please give the correct cluster argument: host1:port1,host2:port2")
        return ",".join(nodes)

    def _make_client(self):
        return _cluster_client(*self._arguments)
