"""Types of uwsgi_cache.py."""

from typing import Any

from .base import BaseCache, Secret, Timeout

class UWSGICache(BaseCache):
    serializer: Any
    cache: str
    def __init__(
        self, default_timeout: Timeout = ..., cache: str = ..., *, secret_key: Secret = ...
    ) -> None: ...
