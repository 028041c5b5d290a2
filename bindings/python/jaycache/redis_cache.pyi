"""Types of redis_cache.py."""

from typing import Any, Optional

from .base import Key, Prefix, Secret, Serializer, StoreCache, Timeout

class BaseRedisCache(StoreCache):
    _client: Any
    _read_client: Any
    _write_client: Any
    def __init__(
        self,
        client: Any,
        default_timeout: Timeout = ...,
        key_prefix: Prefix = ...,
        *,
        serializer: Optional[Serializer] = ...,
        secret_key: Secret = ...,
        ignore_delete_many_errors: bool = ...,
    ) -> None: ...
    def has(self, key: Key) -> bool: ...
    def dump_object(self, value: Any) -> Any: ...
    def load_object(self, value: Any) -> Any: ...

class RedisCache(BaseRedisCache):
    def __init__(
        self,
        host: Any = ...,
        port: int = ...,
        password: Optional[str] = ...,
        db: int = ...,
        default_timeout: Timeout = ...,
        key_prefix: Prefix = ...,
        ignore_delete_many_errors: bool = ...,
        *,
        serializer: Optional[Serializer] = ...,
        secret_key: Secret = ...,
        check_connection: bool = ...,
        **kwargs: Any,
    ) -> None: ...

class ValkeyCache(RedisCache): ...

class RedisSentinelCache(BaseRedisCache):
    def __init__(
        self,
        sentinels: Any = ...,
        master: Optional[str] = ...,
        password: Optional[str] = ...,
        db: int = ...,
        default_timeout: Timeout = ...,
        key_prefix: Prefix = ...,
        *,
        check_connection: bool = ...,
        **kwargs: Any,
    ) -> None: ...

class RedisClusterCache(BaseRedisCache):
    def __init__(
        self,
        cluster: Any = ...,
        password: str = ...,
        default_timeout: Timeout = ...,
        key_prefix: Prefix = ...,
        *,
        redis_url: Optional[str] = ...,
        check_connection: bool = ...,
        **kwargs: Any,
    ) -> None: ...
