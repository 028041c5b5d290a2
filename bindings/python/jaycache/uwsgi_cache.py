"""uwsgi_cache.py - UWSGICache: the cache inside a uWSGI server, by its module `uwsgi`."""

from .base import BaseCache
from .serializers import UWSGISerializer


class UWSGICache(BaseCache):
    """A cache of the uWSGI server that the program runs in; elsewhere it cannot be made.

    :param default_timeout: seconds that an entry lives by default; 0: for ever.
    :param cache: the name of the server's cache; "" is its default.
    """

    serializer = UWSGISerializer()

    def __init__(self, default_timeout=300, cache="", *, secret_key=None):
        super().__init__(default_timeout, secret_key=secret_key)
        try:
            import uwsgi
        except ImportError as error:
            raise RuntimeError("uWSGI could not be imported, are you running under uWSGI?") from error
        self._uwsgi = uwsgi
        self.cache = cache

    def get(self, key):
        data = self._uwsgi.cache_get(key, self.cache)
        return None if data is None else self.serializer.loads(data)

    def set(self, key, value, timeout=None):
        seconds = self._normalize_timeout(timeout)
        return self._uwsgi.cache_update(key, self.serializer.dumps(value), seconds, self.cache)

    def add(self, key, value, timeout=None):
        seconds = self._normalize_timeout(timeout)
        return self._uwsgi.cache_set(key, self.serializer.dumps(value), seconds, self.cache)

    def delete(self, key):
        is_there = self._uwsgi.cache_exists(key, self.cache)
        return bool(is_there and self._uwsgi.cache_del(key, self.cache))

    def clear(self):
        return self._uwsgi.cache_clear(self.cache)

    def has(self, key):
        return self._uwsgi.cache_exists(key, self.cache) is not None
