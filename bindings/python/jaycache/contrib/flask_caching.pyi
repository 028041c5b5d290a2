"""Types of flask_caching.py."""

from typing import Any, Dict, List, Type, TypeVar

import jaycache
from flask_caching.backends.base import BaseCache

_B = TypeVar("_B", bound="_Backend")

class _Backend(BaseCache):
    @staticmethod
    def _arguments(config: Any) -> Dict[str, Any]: ...
    @classmethod
    def factory(
        cls: Type[_B], app: Any, config: Any, args: List[Any], kwargs: Dict[str, Any]
    ) -> _B: ...

# The two BaseCache say differently what add and set return.
class NullCache(jaycache.NullCache, _Backend): ...  # type: ignore[misc]
class SimpleCache(jaycache.SimpleCache, _Backend): ...  # type: ignore[misc]
class SharedMemoryCache(jaycache.SharedMemoryCache, _Backend): ...  # type: ignore[misc]
class FileSystemCache(jaycache.FileSystemCache, _Backend): ...  # type: ignore[misc]
class RedisCache(jaycache.RedisCache, _Backend): ...  # type: ignore[misc]
class MemcachedCache(jaycache.MemcachedCache, _Backend): ...  # type: ignore[misc]
class UrlCache(jaycache.Cache, _Backend): ...  # type: ignore[misc]
