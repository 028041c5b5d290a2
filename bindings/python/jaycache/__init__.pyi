"""Types of __init__.py."""

from ._jaycache import (
    CacheError as CacheError,
    CacheArgumentError as CacheArgumentError,
    CacheNoMemoryError as CacheNoMemoryError,
    CacheUrlError as CacheUrlError,
    CacheSchemeError as CacheSchemeError,
    CacheOptionError as CacheOptionError,
    CacheOptionValueError as CacheOptionValueError,
    CacheKeyError as CacheKeyError,
    CacheTooBigError as CacheTooBigError,
    CacheNotIntegerError as CacheNotIntegerError,
    CacheOverflowError as CacheOverflowError,
    CacheUnsupportedError as CacheUnsupportedError,
    CacheBusyError as CacheBusyError,
    CacheFullError as CacheFullError,
    CacheIoError as CacheIoError,
    CachePermissionError as CachePermissionError,
    CacheCorruptError as CacheCorruptError,
    CacheVersionError as CacheVersionError,
    CacheMismatchError as CacheMismatchError,
    CacheTimeoutError as CacheTimeoutError,
    CacheUnreachableError as CacheUnreachableError,
    CacheProtocolError as CacheProtocolError,
    CacheAuthError as CacheAuthError,
    CacheServerError as CacheServerError,
    CacheInternalError as CacheInternalError,
)
from .aio import AsyncCache as AsyncCache
from .base import (
    BaseCache as BaseCache,
    NullCache as NullCache,
)
from .file_cache import FileSystemCache as FileSystemCache
from .install import install_as as install_as
from .local_caches import (
    Cache as Cache,
    SharedMemoryCache as SharedMemoryCache,
    SimpleCache as SimpleCache,
    ThreadedSimpleCache as ThreadedSimpleCache,
)
from .memcached_cache import (
    GAEMemcachedCache as GAEMemcachedCache,
    MemcachedCache as MemcachedCache,
)
from .redis_cache import (
    RedisCache as RedisCache,
    RedisClusterCache as RedisClusterCache,
    RedisSentinelCache as RedisSentinelCache,
    ValkeyCache as ValkeyCache,
)
from .serializers import (
    JSONSerializer as JSONSerializer,
    MessagePackSerializer as MessagePackSerializer,
    PickleSerializer as PickleSerializer,
    RawSerializer as RawSerializer,
    RedisSerializer as RedisSerializer,
    SignedSerializer as SignedSerializer,
)

__version__: str
