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
0: not stored.
"""

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache

from .. import local_caches


class JaycacheCache(BaseCache):
    """Django's interface on a cache of the library."""

    def __init__(self, location, params):
        super().__init__(params)
        options = dict(params.get("OPTIONS", {}))
        for name in ("MAX_ENTRIES", "CULL_FREQUENCY"):
            options.pop(name, None)
        self._cache = local_caches.Cache(location, **options)

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
        name = self._name(key, version)
        value = self._cache.get(name)
        if value is None:
            # A stored None is not a miss.
            value, found = self._cache.gets(name)
            return value if found is not None else default
        return value

    def set(self, key, value, timeout=DEFAULT_TIMEOUT, version=None):
        self._cache.set(self._name(key, version), value, self._seconds(timeout))

    def touch(self, key, timeout=DEFAULT_TIMEOUT, version=None):
        return self._cache.touch(self._name(key, version), self._seconds(timeout))

    def delete(self, key, version=None):
        return self._cache.delete(self._name(key, version))

    def get_many(self, keys, version=None):
        keys = list(keys)
        values = self._cache.get_many(*[self._name(key, version) for key in keys])
        missing = object()
        found = {}
        for key, value in zip(keys, values):
            if value is None:
                value = self.get(key, missing, version)
            if value is not missing:
                found[key] = value
        return found

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
