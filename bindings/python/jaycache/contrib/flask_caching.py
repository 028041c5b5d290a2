"""Back ends of Flask-Caching: CACHE_TYPE = "jaycache.contrib.flask_caching.SharedMemoryCache".

Settings are those of Flask-Caching's own back ends of the same names. In addition:

- SharedMemoryCache: CACHE_SHM_NAME, the name of the memory; CACHE_KEY_PREFIX.
- UrlCache: CACHE_JAYCACHE_URL, the URL of any cache of the library.
- all of them: CACHE_SECRET_KEY, to sign every value.
"""

import jaycache
from flask_caching.backends.base import BaseCache


class _Backend(BaseCache):
    """How Flask-Caching makes a cache from its settings."""

    @staticmethod
    def _arguments(config):
        raise NotImplementedError

    @classmethod
    def factory(cls, app, config, args, kwargs):
        """Called by Flask-Caching."""
        arguments = cls._arguments(config)
        if config.get("CACHE_SECRET_KEY"):
            arguments["secret_key"] = config["CACHE_SECRET_KEY"]
        # Newer versions pass this to every back end.
        if "ignore_delete_many_errors" in kwargs:
            kwargs = dict(kwargs)
            kwargs.pop("ignore_delete_many_errors")
        return cls(*args, **{**kwargs, **arguments})


class NullCache(jaycache.NullCache, _Backend):
    __doc__ = jaycache.NullCache.__doc__

    @staticmethod
    def _arguments(config):
        return {}


class SimpleCache(jaycache.SimpleCache, _Backend):
    __doc__ = jaycache.SimpleCache.__doc__

    @staticmethod
    def _arguments(config):
        return {"threshold": config["CACHE_THRESHOLD"]}


class SharedMemoryCache(jaycache.SharedMemoryCache, _Backend):
    __doc__ = jaycache.SharedMemoryCache.__doc__

    @staticmethod
    def _arguments(config):
        return {"name": config["CACHE_SHM_NAME"], "key_prefix": config.get("CACHE_KEY_PREFIX")}


class FileSystemCache(jaycache.FileSystemCache, _Backend):
    __doc__ = jaycache.FileSystemCache.__doc__

    @staticmethod
    def _arguments(config):
        return {"cache_dir": config["CACHE_DIR"], "threshold": config["CACHE_THRESHOLD"]}


class RedisCache(jaycache.RedisCache, _Backend):
    __doc__ = jaycache.RedisCache.__doc__

    @staticmethod
    def _arguments(config):
        return {
            "host": config.get("CACHE_REDIS_URL") or config.get("CACHE_REDIS_HOST", "localhost"),
            "port": config.get("CACHE_REDIS_PORT", 6379),
            "password": config.get("CACHE_REDIS_PASSWORD"),
            "db": config.get("CACHE_REDIS_DB", 0),
            "key_prefix": config.get("CACHE_KEY_PREFIX"),
        }


class MemcachedCache(jaycache.MemcachedCache, _Backend):
    __doc__ = jaycache.MemcachedCache.__doc__

    @staticmethod
    def _arguments(config):
        return {
            "servers": config["CACHE_MEMCACHED_SERVERS"],
            "key_prefix": config.get("CACHE_KEY_PREFIX"),
        }


class UrlCache(jaycache.Cache, _Backend):
    __doc__ = jaycache.Cache.__doc__

    @staticmethod
    def _arguments(config):
        return {"url": config["CACHE_JAYCACHE_URL"], "prefix": config.get("CACHE_KEY_PREFIX")}
