"""memcached_cache.py - MemcachedCache: on the C library's own client, or on one that was handed in.

With addresses, the library talks to the servers, and stores what pylibmc would: so old and new
programs can share them, keys being spread over several servers as pylibmc does by default. With an
object like memcache.Client, or when one is put into `_client` later (as Flask-Caching's classes for
SASL do), calls go through that object, by the methods that cachelib called. Names that memcached
cannot carry are replaced by a hash then, so no key can end a command or be another's.
"""

import hashlib
import math
import re
import warnings
from time import time

from . import _jaycache
from .base import BaseCache, StoreCache, own, seconds_of
from .serializers import PickleSerializer, SignedSerializer

Store = _jaycache.Store
#: What memcached can carry as a key, to the byte.
_carries = re.compile(rb"[^\x00-\x20\x7f]{1,250}\Z").match
#: Times up to this many seconds are counted from now; above, memcached takes them for a date.
LONGEST_RELATIVE = 30 * 24 * 60 * 60


class PlainMemcached(PickleSerializer):
    """Stands for what pylibmc does, which is the C part's business."""


class FromPool:
    """A client that is borrowed from a pool for each call."""

    def __init__(self, borrow):
        self._borrow = borrow

    def __getattr__(self, name):
        def call(*args, **kwargs):
            with self._borrow() as client:
                return getattr(client, name)(*args, **kwargs)

        return call


class MemcachedCache(StoreCache):
    """A cache on memcached servers.

    :param servers: a list of addresses, by default 127.0.0.1:11211, or an object like
                    memcache.Client.
    :param default_timeout: seconds that an entry lives by default; 0: for ever.
    :param key_prefix: stands before every key. :meth:`clear` clears other prefixes, too.
    :param pool_size: the most connections to a server at the same time; 1: as many as the library
                      likes, so that threads do not wait for each other.
    :param pool_blocking: taken for the sake of programs that give it: a call waits for a
                          connection, but no longer than its deadline.
    :param serializer: how values become bytes, with the library's client only; by default texts,
                       bytes and integers are themselves, and all else is a pickle, as with pylibmc.
    :param secret_key: a key, or a list of keys, to sign every value with.
    :param options: options of the library's `memcached:`, such as hash="ketama".
    """

    serializer = PlainMemcached()
    _form = _jaycache.PY_MEMCACHED
    _traits = _jaycache.PY_LISTS_MISSES
    _counting = 0
    _given = None
    _spare = None

    def __init__(
        self,
        servers=None,
        default_timeout=300,
        key_prefix=None,
        pool_size=1,
        pool_blocking=True,
        ignore_delete_many_errors=True,
        *,
        serializer=None,
        secret_key=None,
        **options,
    ):
        self._setup(
            default_timeout,
            serializer,
            secret_key,
            ignore_delete_many_errors=ignore_delete_many_errors,
        )
        self.key_prefix = key_prefix
        servers = [servers] if isinstance(servers, str) else servers
        if servers is not None and not isinstance(servers, (list, tuple)):
            self._given = servers
            return
        self._servers = list(servers or ["127.0.0.1:11211"])
        self._pool = pool_size, pool_blocking
        if not hasattr(type(self).import_preferred_memcache_lib, "jaycache_own"):
            self._given = self._make_client()
            return
        options.setdefault("hash", "modula")
        if pool_size > 1:
            options.setdefault("connections", pool_size)
        url = "memcached://" + ",".join(map(self._address, self._servers))
        self._open(url, options, self._form, self._traits)

    @staticmethod
    def _address(server):
        """An address as the library writes it: pylibmc also has (host, port) and "host:port:weight"."""
        if isinstance(server, (list, tuple)):
            return ":".join(map(str, server[:2]))
        server = server.decode() if isinstance(server, bytes) else server
        parts = server.split(":")
        if len(parts) == 3 and not server.startswith(("[", "/")):
            return f"{parts[0]}:{parts[1]}*{parts[2]}"
        return server

    def _make_client(self):
        """A client by import_preferred_memcache_lib, which a subclass may have its own of."""
        import inspect  # takes longer than all else that is imported here, and is seldom needed

        make = self.import_preferred_memcache_lib
        takes_pool = len(inspect.signature(make).parameters) > 1
        made = make(self._servers, *(self._pool if takes_pool else ()))
        client, context = made if isinstance(made, tuple) else (made, None)
        if client is None:
            raise RuntimeError("no memcache module found")
        return client if context is None else FromPool(context)

    @own
    def import_preferred_memcache_lib(self, servers):
        """A client for the servers, of the best package that is there, or None.

        A subclass may also take the size of a pool and whether to wait for it, and return a pair of
        a pool and of a function that lends a client from it.
        """
        try:
            import pylibmc

            return pylibmc.Client(servers)
        except ImportError:
            pass
        try:
            import memcache

            return memcache.Client(servers)
        except ImportError:
            pass
        try:
            import libmc

            return libmc.Client(servers)
        except ImportError:
            return None

    @property
    def _client(self):
        """The client that was given; else one for those who ask, which serves no calls of ours."""
        if self._given is not None:
            return self._given
        if self._spare is None:
            self._spare = self._make_client()
        return self._spare

    @_client.setter
    def _client(self, client):
        self._given = client

    def _codec(self):
        if type(self.serializer) is PlainMemcached and self._signing_keys is None:
            return None, None, True
        inner = self.serializer
        if type(inner) is PlainMemcached:
            inner = self.serializer = PickleSerializer()
        return super()._codec()

    @own
    def _normalize_key(self, key):
        """The name of a key on the servers."""
        key = key() if callable(key) else key
        name = self._get_prefix() + (
            key.decode("utf-8", "surrogateescape") if isinstance(key, bytes) else str(key)
        )
        data = name.encode("utf-8", "surrogatepass")
        if self._given is None or _carries(data):
            return name
        return "jay:" + hashlib.sha256(data).hexdigest()

    def _odd_key(self, key):
        return super()._odd_key(key) or b"\0"

    def _to_client(self, value):
        """A value as a client gets it, which has its own ways to store it, or signed."""
        if self._signing_keys is None:
            return value
        return SignedSerializer(self._signing_keys).dumps(value)

    def _from_client(self, value):
        if self._signing_keys is None:
            return value
        return SignedSerializer(self._signing_keys).loads(value)

    @own
    def _normalize_timeout(self, timeout):
        timeout = self.default_timeout if timeout is None else seconds_of(timeout)
        return int(time()) + timeout if timeout > 0 else timeout

    def _until(self, timeout):
        """What a client is told: seconds from now, or a date; 0: never; below: it is over."""
        timeout = self._asked_ttl_ms(timeout) / 1000 if timeout is None else seconds_of(timeout)
        if timeout <= 0:
            return 0 if timeout == 0 else -1
        timeout = math.ceil(timeout)
        return timeout if timeout <= LONGEST_RELATIVE else int(time()) + timeout

    @own
    def get(self, key):
        if self._given is None:
            return Store.get(self, key)
        return self._from_client(self._given.get(self._normalize_key(key)))

    def get_dict(self, *keys):
        if self._given is None:
            return dict(zip(keys, Store.get_many(self, *keys)))
        names = {key: self._normalize_key(key) for key in keys}
        found = self._given.get_multi(list(names.values())) if keys else {}
        return {key: self._from_client(found.get(name)) for key, name in names.items()}

    def get_many(self, *keys):
        if self._given is None:
            return Store.get_many(self, *keys)
        found = self.get_dict(*keys)
        return [found[key] for key in keys]

    @own
    def set(self, key, value, timeout=None):
        if self._given is None:
            return Store.set(self, key, value, timeout)
        until = self._until(timeout)
        if until < 0:
            self._given.delete(self._normalize_key(key))
            return True
        return bool(self._given.set(self._normalize_key(key), self._to_client(value), until))

    def add(self, key, value, timeout=None):
        if self._given is None:
            return Store.add(self, key, value, timeout)
        name, until = self._normalize_key(key), self._until(timeout)
        value = self._to_client(value)
        added = bool(self._given.add(name, value, until if until >= 0 else 1))
        if added and until < 0:
            self._given.delete(name)
        return added

    def set_many(self, mapping, timeout=None):
        if self._given is None:
            return Store.set_many(self, mapping, timeout)
        pairs = list(mapping.items() if hasattr(mapping, "items") else mapping)
        until = self._until(timeout)
        if until < 0:
            return [key for key, value in pairs if self.set(key, value, -1)]
        named = {self._normalize_key(key): self._to_client(value) for key, value in pairs}
        failed = self._given.set_multi(named, until) or []
        failed = {name.decode() if isinstance(name, bytes) else name for name in failed}
        return [key for key, _ in pairs if self._normalize_key(key) not in failed]

    @own
    def delete(self, key):
        if self._given is None:
            return Store.delete(self, key)
        return bool(self._given.delete(self._normalize_key(key)))

    def delete_many(self, *keys):
        if self._given is None:
            return StoreCache.delete_many(self, *keys)
        self._given.delete_multi([self._normalize_key(key) for key in keys])
        deleted = [key for key in keys if not self.has(key)]
        self._check_deleted(keys, deleted)
        return deleted

    def has(self, key):
        if self._given is None:
            return Store.has(self, key)
        return bool(self._given.append(self._normalize_key(key), ""))

    def clear(self):
        if self._given is None:
            return Store.clear(self)
        done = self._given.flush_all()
        # Some clients return nothing.
        return True if done is None else bool(done)

    def inc(self, key, delta=1):
        if self._given is None:
            return self._count(key, delta, False)
        return BaseCache.inc(self, key, delta)

    def dec(self, key, delta=1):
        if self._given is None:
            return self._count(key, delta, True)
        return BaseCache.dec(self, key, delta)


class GAEMemcachedCache(MemcachedCache):
    """MemcachedCache by its old name."""

    def __init__(self, *args, **kwargs):
        warnings.warn(
            "GAEMemcachedCache is deprecated, use MemcachedCache", DeprecationWarning, stacklevel=2
        )
        super().__init__(*args, **kwargs)
