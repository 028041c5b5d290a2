"""local_caches.py - caches in memory: SimpleCache, SharedMemoryCache; and Cache for any URL."""

import collections.abc
import math
import re
from time import time
from urllib.parse import quote

from . import _jaycache
from .base import BoundedStore, StoreCache, own, seconds_of
from .serializers import (
    JSONSerializer,
    MessagePackSerializer,
    PickleSerializer,
    RawSerializer,
    RedisSerializer,
    SimpleSerializer,
)


class Entries(collections.abc.Mapping):
    """The entries of a cache as a mapping of keys to (date of expiry, bytes): SimpleCache._cache."""

    def __init__(self, cache):
        self._of = cache

    def __len__(self):
        return self._of.stats()["items"]

    def __iter__(self):
        return iter(self._of.keys())

    def __contains__(self, key):
        return _jaycache.Store.has(self._of, key)

    def __getitem__(self, key):
        view, left = self._of.get_view(key), self._of.ttl(key)
        if view is None or left is None:
            raise KeyError(key)
        return (0 if left == math.inf else time() + left), bytes(view)

    def pop(self, key, default=None):
        """Remove an entry and return it."""
        entry = collections.abc.Mapping.get(self, key, default)
        _jaycache.Store.delete(self._of, key)
        return entry

    def clear(self):
        _jaycache.Store.clear(self._of)


class SimpleCache(BoundedStore):
    """A cache in the memory of this process, for all of its threads.

    :param threshold: as many entries are kept; one more comes before old ones go. 0 means 500.
    :param default_timeout: seconds that an entry lives by default; 0: for ever.
    :param max_bytes: the most memory it may take.
    :param serializer: how values become bytes; by default pickle.
    :param secret_key: a key, or a list of keys, to sign every value with.
    """

    serializer = SimpleSerializer()

    def __init__(
        self,
        threshold=500,
        default_timeout=300,
        ignore_delete_many_errors=True,
        *,
        max_bytes=None,
        serializer=None,
        secret_key=None,
    ):
        self._setup(
            default_timeout,
            serializer,
            secret_key,
            ignore_delete_many_errors=ignore_delete_many_errors,
        )
        self._open_bounded("memory:", {}, threshold or 500, max_bytes)

    @property
    def _cache(self):
        return Entries(self)

    @own
    def _normalize_timeout(self, timeout):
        timeout = self.default_timeout if timeout is None else seconds_of(timeout)
        return int(time()) + timeout if timeout > 0 else timeout


class ThreadedSimpleCache(SimpleCache):
    """SimpleCache by another name: every SimpleCache is safe for threads."""


class SharedMemoryCache(BoundedStore):
    """A cache in memory that the processes of a machine share: workers of a server, for instance.

    :param name: the name by which they find it: letters, digits, '.', '_' and '-'.
    :param threshold: the most entries; 0: as many as fit into max_bytes.
    :param default_timeout: seconds that an entry lives by default; 0: for ever.
    :param key_prefix: stands before every key.
    :param max_bytes: the size of the memory, by default 64 MiB; "256m" is possible.
    :param mode: permissions of the memory.
    :param serializer: how values become bytes; by default pickle.
    :param secret_key: a key, or a list of keys, to sign every value with.
    :param options: further options of `shm:`, such as max_processes.
    """

    serializer = PickleSerializer()
    _slack = 0

    def __init__(
        self,
        name,
        threshold=0,
        default_timeout=300,
        key_prefix=None,
        *,
        max_bytes=None,
        mode=None,
        serializer=None,
        secret_key=None,
        **options,
    ):
        self._setup(default_timeout, serializer, secret_key)
        self.name = name
        self.key_prefix = key_prefix
        options["mode"] = mode
        self._open_bounded("shm:" + quote(name, safe=""), options, threshold, max_bytes)

    @staticmethod
    def remove(name):
        """Remove the memory of a name. Who uses it keeps it until he closes it."""
        return _jaycache.shm_remove(name)

    def clear(self):
        return clear_prefix(self)

    @own
    def _normalize_timeout(self, timeout):
        timeout = self.default_timeout if timeout is None else seconds_of(timeout)
        return int(time()) + timeout if timeout > 0 else timeout


def clear_prefix(cache):
    """clear of a cache whose prefix is this package's business, not the library's."""
    prefix = cache._prefix_bytes()
    if prefix is None:
        return _jaycache.Store.clear(cache)
    keys = [key[len(prefix) :] for key in cache._raw_keys() if key.startswith(prefix)]
    _jaycache.Store.delete_many(cache, *keys)
    return True


SERIALIZERS = {
    "pickle": PickleSerializer,
    "json": JSONSerializer,
    "msgpack": MessagePackSerializer,
    "raw": RawSerializer,
    "redis": RedisSerializer,
}


class Cache(StoreCache):
    """Any cache of the C library, by its URL; failures raise :exc:`CacheError`.

    :param url: `memory:`, `shm:NAME`, `file:/var/cache/site`, `memcached://host:11211`,
                `redis://host:6379/0`, ..., with options after a question mark.
    :param default_timeout: seconds that an entry lives by default; 0: for ever.
    :param serializer: an object with dumps and loads, or "pickle", "json", "msgpack", "raw" (bytes
                       as they are), "redis" (the format of RedisCache).
    :param secret_key: a key, or a list of keys, to sign every value with.
    :param options: options of the URL's scheme, such as max_items=500; `prefix` is among them.
    """

    serializer = PickleSerializer()
    _traits = 0

    def __init__(self, url, default_timeout=300, *, serializer=None, secret_key=None, **options):
        if serializer is None and re.match(r"redis|rediss", url):
            serializer = "redis"
        form = _jaycache.PY_PICKLE
        if isinstance(serializer, str):
            if serializer not in SERIALIZERS:
                raise ValueError(f"serializer: one of {', '.join(SERIALIZERS)}, or an object")
            serializer = SERIALIZERS[serializer]()
        if type(serializer) is RedisSerializer:
            form = _jaycache.PY_REDIS
        self._setup(default_timeout, serializer, secret_key)
        if re.match(r"memory:|simple:|shm:|file:|null:", url):
            self._traits = _jaycache.PY_LOCAL
        if type(serializer) is RawSerializer:
            form = _jaycache.PY_RAW
        self.url = url
        self._open(url, options, form, self._traits)

    def _codec(self):
        if type(self.serializer) is RawSerializer and self._signing_keys is None:
            return None, None, True
        return super()._codec()

    @own
    def _normalize_timeout(self, timeout):
        return self.default_timeout if timeout is None else seconds_of(timeout)

    _normalizes_to_date = False
