"""Types of cachelib.py."""

from .base import BaseCache as BaseCache, NullCache as NullCache
from .file_cache import FileSystemCache as FileSystemCache
from .local_caches import SimpleCache as SimpleCache, ThreadedSimpleCache as ThreadedSimpleCache
from .memcached_cache import MemcachedCache as MemcachedCache
from .redis_cache import (
    BaseRedisCache as BaseRedisCache,
    RedisCache as RedisCache,
    RedisClusterCache as RedisClusterCache,
    RedisSentinelCache as RedisSentinelCache,
    ValkeyCache as ValkeyCache,
)
from .uwsgi_cache import UWSGICache as UWSGICache

__version__: str
