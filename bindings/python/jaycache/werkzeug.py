"""jaycache.werkzeug: the classes as werkzeug.contrib.cache 0.16 had them.

They differ from those of jaycache in what they return: set_many says whether all were set,
delete_many whether all were there, up to the first that was not, and deleting a file that is not
there is False.
"""

from time import time  # noqa: F401  it may be replaced: see clockmodule.py

from . import _jaycache, base, clockmodule, file_cache, local_caches, memcached_cache, redis_cache
from .uwsgi_cache import UWSGICache as _UWSGICache


class BaseCache(base.BaseCache):
    __doc__ = base.BaseCache.__doc__

    def set_many(self, mapping, timeout=None):
        """Store many values; a mapping, or pairs. Returns whether all were stored."""
        pairs = list(mapping.items() if hasattr(mapping, "items") else mapping)
        return len(super().set_many(pairs, timeout)) == len(pairs)

    def delete_many(self, *keys):
        """Remove entries up to the first that is not there. Returns whether there was none such."""
        return all(self.delete(key) for key in keys)


class NullCache(BaseCache):
    __doc__ = base.NullCache.__doc__

    def has(self, key):
        return False


class SimpleCache(BaseCache, local_caches.SimpleCache):
    __doc__ = local_caches.SimpleCache.__doc__


class FileSystemCache(BaseCache, file_cache.FileSystemCache):
    __doc__ = file_cache.FileSystemCache.__doc__
    _slack = 0
    _traits = file_cache.FileSystemCache._traits & ~_jaycache.PY_DELETES_MISSES


class RedisCache(BaseCache, redis_cache.RedisCache):
    __doc__ = redis_cache.RedisCache.__doc__

    def delete_many(self, *keys):
        """Remove many entries. Returns how many there were."""
        if not keys:
            return None
        if self._writer is None:
            return sum(map(self.delete, keys))
        return self._delete_names([self._name(key) for key in keys])

    def set_many(self, mapping, timeout=None):
        """Store many values; a mapping, or pairs. Returns a list: of each, whether it was stored."""
        pairs = list(mapping.items() if hasattr(mapping, "items") else mapping)
        stored = redis_cache.RedisCache.set_many(self, pairs, timeout)
        return [key in stored for key, _ in pairs]


class MemcachedCache(BaseCache, memcached_cache.MemcachedCache):
    __doc__ = memcached_cache.MemcachedCache.__doc__

    def delete_many(self, *keys):
        """Remove many entries. Returns whether the client says so."""
        if self._given is None:
            return all(self.delete(key) for key in keys)
        return bool(self._given.delete_multi([self._normalize_key(key) for key in keys]))


class GAEMemcachedCache(memcached_cache.GAEMemcachedCache, MemcachedCache):
    __doc__ = memcached_cache.GAEMemcachedCache.__doc__


class UWSGICache(BaseCache, _UWSGICache):
    __doc__ = _UWSGICache.__doc__


clockmodule.watch(__name__)
