"""jaycache.cachelib: the classes as cachelib has them, under the names it has them."""

from time import time  # noqa: F401  it may be replaced: see clockmodule.py

from . import clockmodule
from .base import BaseCache, NullCache
from .file_cache import FileSystemCache
from .local_caches import SimpleCache, ThreadedSimpleCache
from .memcached_cache import MemcachedCache
from .redis_cache import (
    BaseRedisCache,
    RedisCache,
    RedisClusterCache,
    RedisSentinelCache,
    ValkeyCache,
)
from .uwsgi_cache import UWSGICache

#: The modules of the package cachelib, and what programs import from them.
SUBMODULES = {
    "base": ["BaseCache", "NullCache"],
    "file": ["FileSystemCache"],
    "memcached": ["MemcachedCache"],
    "redis": ["RedisCache", "RedisClusterCache", "RedisSentinelCache"],
    "redis_base": ["BaseRedisCache"],
    "simple": ["SimpleCache", "ThreadedSimpleCache"],
    "uwsgi": ["UWSGICache"],
    "valkey": ["ValkeyCache"],
    "serializers": None,
}
__all__ = [
    "BaseCache",
    "NullCache",
    "SimpleCache",
    "ThreadedSimpleCache",
    "FileSystemCache",
    "MemcachedCache",
    "RedisCache",
    "UWSGICache",
    "ValkeyCache",
]
__version__ = "0.15.4"
clockmodule.watch(__name__)
