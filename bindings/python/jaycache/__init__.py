"""Jaycache: a cache for dynamic web sites, with the interface of werkzeug.contrib.cache and cachelib.

    >>> from jaycache import SimpleCache
    >>> c = SimpleCache()
    >>> c.set("foo", "value")
    True
    >>> c.get("foo")
    'value'
    >>> c.get("missing") is None
    True

The classes here behave as those of cachelib; jaycache.werkzeug has those of Werkzeug 0.16, and
`install_as` lets programs that import the original get these.
"""

from . import _jaycache
from ._jaycache import *  # noqa: F403  the exceptions
from .aio import AsyncCache
from .base import BaseCache, NullCache
from .file_cache import FileSystemCache
from .install import install_as
from .local_caches import Cache, SharedMemoryCache, SimpleCache, ThreadedSimpleCache
from .memcached_cache import GAEMemcachedCache, MemcachedCache
from .redis_cache import RedisCache, RedisClusterCache, RedisSentinelCache, ValkeyCache
from .serializers import (
    JSONSerializer,
    MessagePackSerializer,
    PickleSerializer,
    RawSerializer,
    RedisSerializer,
    SignedSerializer,
)

__version__ = _jaycache.library_version
__all__ = [
    "AsyncCache",
    "BaseCache",
    "Cache",
    "CacheError",
    "FileSystemCache",
    "GAEMemcachedCache",
    "JSONSerializer",
    "MemcachedCache",
    "MessagePackSerializer",
    "NullCache",
    "PickleSerializer",
    "RawSerializer",
    "RedisCache",
    "RedisClusterCache",
    "RedisSentinelCache",
    "RedisSerializer",
    "SharedMemoryCache",
    "SignedSerializer",
    "SimpleCache",
    "ThreadedSimpleCache",
    "ValkeyCache",
    "install_as",
]
__all__ += [name for name in dir(_jaycache) if name.endswith("Error") and name not in __all__]
