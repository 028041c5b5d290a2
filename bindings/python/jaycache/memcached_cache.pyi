"""Types of memcached_cache.py."""

from typing import Any, Callable, ContextManager, Optional

from .base import Key, Prefix, Secret, Serializer, StoreCache, Timeout

class FromPool:
    def __init__(self, borrow: Callable[[], ContextManager[Any]]) -> None: ...
    def __getattr__(self, name: str) -> Any: ...

class MemcachedCache(StoreCache):
    _client: Any
    def __init__(
        self,
        servers: Any = ...,
        default_timeout: Timeout = ...,
        key_prefix: Prefix = ...,
        pool_size: int = ...,
        pool_blocking: bool = ...,
        ignore_delete_many_errors: bool = ...,
        *,
        serializer: Optional[Serializer] = ...,
        secret_key: Secret = ...,
        **options: Any,
    ) -> None: ...
    def has(self, key: Key) -> bool: ...
    def import_preferred_memcache_lib(self, servers: Any) -> Any: ...
    def _normalize_key(self, key: Any) -> Any: ...

class GAEMemcachedCache(MemcachedCache):
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...
