"""memcached_cache.py - MemcachedCache, on a client library of memcached.

The client is an object like memcache.Client that was handed in, or the best that is installed. Only
the methods are called that cachelib called, and what they are given is made safe: names that
memcached cannot carry are replaced by a hash, so no key can end a command or be another's.
"""

import hashlib
import math
import re
import warnings
from time import time

from .base import BaseCache, own, seconds_of

#: What memcached can carry as a key, to the byte.
_carries = re.compile(rb"[^\x00-\x20\x7f]{1,250}\Z").match
#: Times up to this many seconds are counted from now; above, memcached takes them for a date.
LONGEST_RELATIVE = 30 * 24 * 60 * 60


class MemcachedCache(BaseCache):
    """A cache on memcached servers.

    :param servers: a list of addresses, by default 127.0.0.1:11211, or an object like
                    memcache.Client.
    :param default_timeout: seconds that an entry lives by default; 0: for ever.
    :param key_prefix: stands before every key.
    """

    def __init__(
        self, servers=None, default_timeout=300, key_prefix=None, ignore_delete_many_errors=True
    ):
        BaseCache.__init__(self, default_timeout, ignore_delete_many_errors)
        if servers is None or isinstance(servers, (list, tuple)):
            self._client = self.import_preferred_memcache_lib(servers or ["127.0.0.1:11211"])
            if self._client is None:
                raise RuntimeError("no memcache module found")
        else:
            self._client = servers
        self.key_prefix = key_prefix

    def import_preferred_memcache_lib(self, servers):
        """A client for the servers, of the best library that is there, or None."""
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

    def _normalize_key(self, key):
        prefix = self.key_prefix() if callable(self.key_prefix) else self.key_prefix
        name = key if isinstance(key, str) else key.decode("utf-8", "surrogateescape")
        name = (prefix or "") + name
        data = name.encode("utf-8", "surrogatepass")
        if _carries(data):
            return name
        return "jay:" + hashlib.sha256(data).hexdigest()

    @own
    def _normalize_timeout(self, timeout):
        """What memcached is told: seconds from now, or a date; 0: never."""
        timeout = self.default_timeout if timeout is None else seconds_of(timeout)
        if timeout <= 0:
            return 0 if timeout == 0 else -1
        timeout = math.ceil(timeout)
        return timeout if timeout <= LONGEST_RELATIVE else int(time()) + timeout

    def get(self, key):
        return self._client.get(self._normalize_key(key))

    def get_dict(self, *keys):
        names = {key: self._normalize_key(key) for key in keys}
        found = self._client.get_multi(list(names.values())) if keys else {}
        return {key: found.get(name) for key, name in names.items()}

    def get_many(self, *keys):
        found = self.get_dict(*keys)
        return [found[key] for key in keys]

    def set(self, key, value, timeout=None):
        until = self._normalize_timeout(timeout)
        if until < 0:
            self.delete(key)
            return True
        return bool(self._client.set(self._normalize_key(key), value, until))

    def add(self, key, value, timeout=None):
        name, until = self._normalize_key(key), self._normalize_timeout(timeout)
        added = bool(self._client.add(name, value, max(until, 0) if until >= 0 else 1))
        if added and until < 0:
            self._client.delete(name)
        return added

    def set_many(self, mapping, timeout=None):
        pairs = list(mapping.items() if hasattr(mapping, "items") else mapping)
        until = self._normalize_timeout(timeout)
        if until < 0:
            return [key for key, value in pairs if self.set(key, value, -1)]
        named = {self._normalize_key(key): value for key, value in pairs}
        failed = self._client.set_multi(named, until) or []
        failed = {name.decode() if isinstance(name, bytes) else name for name in failed}
        return [key for key, _ in pairs if self._normalize_key(key) not in failed]

    def delete(self, key):
        return bool(self._client.delete(self._normalize_key(key)))

    def delete_many(self, *keys):
        self._client.delete_multi([self._normalize_key(key) for key in keys])
        deleted = [key for key in keys if not self.has(key)]
        self._check_deleted(keys, deleted)
        return deleted

    def has(self, key):
        return bool(self._client.append(self._normalize_key(key), ""))

    def clear(self):
        done = self._client.flush_all()
        # Some clients return nothing.
        return True if done is None else bool(done)

    def inc(self, key, delta=1):
        value = (self.get(key) or 0) + delta
        return value if self.set(key, value) else None

    def dec(self, key, delta=1):
        value = (self.get(key) or 0) - delta
        return value if self.set(key, value) else None


class GAEMemcachedCache(MemcachedCache):
    """MemcachedCache by its old name."""

    def __init__(self, *args, **kwargs):
        warnings.warn(
            "GAEMemcachedCache is deprecated, use MemcachedCache", DeprecationWarning, stacklevel=2
        )
        super().__init__(*args, **kwargs)
