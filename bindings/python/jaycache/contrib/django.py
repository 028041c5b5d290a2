"""A back end of Django's cache framework, for any cache of the library:

    CACHES = {
        "default": {
            "BACKEND": "jaycache.contrib.django.JaycacheCache",
            "LOCATION": "shm:site",
            "OPTIONS": {"max_bytes": "256m"},
        }
    }

LOCATION is a URL; OPTIONS are options of its scheme, `serializer` and `secret_key`. TIMEOUT,
KEY_PREFIX, VERSION and KEY_FUNCTION are Django's. Its timeouts are kept: None: never expires;
0: not stored. MAX_ENTRIES is max_items, where the scheme has it.

Django makes a back end for every thread; those of the same LOCATION and OPTIONS are on one cache.
"""

import os
import re
import threading

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache

from .. import local_caches


#: Caches of this process, by LOCATION: pairs of OPTIONS and cache.
_opened = {}
_opening = threading.Lock()


def _renew_lock():
    global _opening
    _opening = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)


class _Counting(local_caches.Cache):
    """A cache that does not take a stored None for 0."""

    def _count(self, key, delta, down):
        if self.get(key) is None:
            raise TypeError("None is not a number")
        return super()._count(key, delta, down)


def _shared(location, options):
    with _opening:
        caches = _opened.setdefault(location, [])
        for known, cache in caches:
            if known == options:
                return cache
        cache = _Counting(location, **options)
        caches.append((options, cache))
        return cache


class JaycacheCache(BaseCache):
    """Django's interface on a cache of the library."""

    def __init__(self, location, params):
        super().__init__(params)
        options = dict(params.get("OPTIONS", {}))
        options.pop("CULL_FREQUENCY", None)
        most = options.pop("MAX_ENTRIES", None)
        if most is not None and re.match(r"memory:|simple:|shm:|file:", location):
            options.setdefault("max_items", most)
        self._cache = _shared(location, options)

    def _seconds(self, timeout):
        """Django's timeout as ours: 0 is for ever, below it is over."""
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        if seconds is None:
            return 0
        return seconds if seconds > 0 else -1

    def _name(self, key, version):
        name = self.make_key(key, version=version)
        self.validate_key(name)
        return name

    def add(self, key, value, timeout=DEFAULT_TIMEOUT, version=None):
        return self._cache.add(self._name(key, version), value, self._seconds(timeout))

    def get(self, key, default=None, version=None):
        # A stored None is not a miss, which the version tells.
        value, found = self._cache.gets(self._name(key, version))
        return value if found is not None else default

    def set(self, key, value, timeout=DEFAULT_TIMEOUT, version=None):
        self._cache.set(self._name(key, version), value, self._seconds(timeout))

    def touch(self, key, timeout=DEFAULT_TIMEOUT, version=None):
        return self._cache.touch(self._name(key, version), self._seconds(timeout))

    def delete(self, key, version=None):
        return self._cache.delete(self._name(key, version))

    def get_many(self, keys, version=None):
        keys = list(keys)
        missing = object()
        values = self._cache._find_many(missing, *[self._name(key, version) for key in keys])
        return {key: value for key, value in zip(keys, values) if value is not missing}

    def set_many(self, data, timeout=DEFAULT_TIMEOUT, version=None):
        names = {self._name(key, version): key for key in data}
        stored = set(
            self._cache.set_many(
                {name: data[key] for name, key in names.items()}, self._seconds(timeout)
            )
        )
        return [key for name, key in names.items() if name not in stored]

    def delete_many(self, keys, version=None):
        self._cache.delete_many(*[self._name(key, version) for key in keys])

    def has_key(self, key, version=None):
        return self._cache.has(self._name(key, version))

    def incr(self, key, delta=1, version=None):
        name = self._name(key, version)
        if not self._cache.has(name):
            raise ValueError(f"Key '{key}' not found")
        return self._cache.inc(name, delta)

    def clear(self):
        self._cache.clear()
