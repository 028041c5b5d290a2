"""Types of local_caches.py."""

from collections.abc import Iterator, Mapping
from typing import Any, Optional, Tuple, Union

from .base import BoundedStore, Prefix, Secret, Serializer, StoreCache, Timeout

class Entries(Mapping[Any, Tuple[float, bytes]]):
    def __init__(self, cache: StoreCache) -> None: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def __contains__(self, key: object) -> bool: ...
    def __getitem__(self, key: Any) -> Tuple[float, bytes]: ...
    def pop(self, key: Any, default: Any = ...) -> Any: ...
    def clear(self) -> None: ...

class SimpleCache(BoundedStore):
    def __init__(
        self,
        threshold: int = ...,
        default_timeout: Timeout = ...,
        ignore_delete_many_errors: bool = ...,
        *,
        max_bytes: Union[int, str, None] = ...,
        serializer: Optional[Serializer] = ...,
        secret_key: Secret = ...,
    ) -> None: ...
    @property
    def _cache(self) -> Entries: ...

class ThreadedSimpleCache(SimpleCache): ...

class SharedMemoryCache(BoundedStore):
    name: str
    def __init__(
        self,
        name: str,
        threshold: int = ...,
        default_timeout: Timeout = ...,
        key_prefix: Prefix = ...,
        *,
        max_bytes: Union[int, str, None] = ...,
        mode: Optional[int] = ...,
        serializer: Optional[Serializer] = ...,
        secret_key: Secret = ...,
        **options: Any,
    ) -> None: ...
    @staticmethod
    def remove(name: str) -> bool: ...

def clear_prefix(cache: StoreCache) -> Any: ...

class Cache(StoreCache):
    url: str
    def __init__(
        self,
        url: str,
        default_timeout: Timeout = ...,
        *,
        serializer: Union[Serializer, str, None] = ...,
        secret_key: Secret = ...,
        **options: Any,
    ) -> None: ...
