"""Types of file_cache.py."""

import os
from typing import Any, Callable, Optional, Union

from .base import BoundedStore, Secret, Serializer, Timeout

class FileSystemCache(BoundedStore):
    def __init__(
        self,
        cache_dir: Union[str, "os.PathLike[str]"],
        threshold: int = ...,
        default_timeout: Timeout = ...,
        mode: Optional[int] = ...,
        hash_method: Callable[..., Any] = ...,
        ignore_delete_many_errors: bool = ...,
        *,
        hashed_keys: bool = ...,
        max_bytes: Union[int, str, None] = ...,
        serializer: Optional[Serializer] = ...,
        secret_key: Secret = ...,
        **options: Any,
    ) -> None: ...
