"""aio.py - AsyncCache: a cache for asyncio.

Calls that can wait (for a server, a disk, another process) run in threads, of which the library
lets any number use one handle; those in memory are done on the spot, since they take less time than
handing them to a thread.
"""

import functools

from . import local_caches

# asyncio is imported by who uses it: it takes three times as long as the rest of the package.

_ON_THE_SPOT = ("memory", "simple", "null")


class AsyncCache:
    """The methods of a cache as coroutines, none of which blocks the loop.

    :param cache: a cache, or the URL of one (see :class:`Cache`).
    :param threads: the most calls that wait at the same time.
    :param options: what :class:`Cache` takes, when a URL is given.
    """

    def __init__(self, cache, *, threads=8, **options):
        self.cache = local_caches.Cache(cache, **options) if isinstance(cache, str) else cache
        self._threads = None
        if getattr(self.cache, "_scheme", None) not in _ON_THE_SPOT:
            import concurrent.futures

            self._threads = concurrent.futures.ThreadPoolExecutor(threads, "jaycache")

    async def _call(self, method, *args, **kwargs):
        work = functools.partial(getattr(self.cache, method), *args, **kwargs)
        if self._threads is None:
            return work()
        import asyncio

        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    async def close(self):
        """Close the cache when the calls that run are done."""
        if hasattr(self.cache, "close"):
            await self._call("close")
        if self._threads is not None:
            self._threads.shutdown(wait=False)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *error):
        await self.close()


def _forward(name):
    async def method(self, *args, **kwargs):
        return await self._call(name, *args, **kwargs)

    source = getattr(local_caches.Cache, name)
    method.__name__ = method.__qualname__ = name
    method.__doc__ = source.__doc__
    return method


for _name in (
    *("get", "get_many", "get_dict", "get_view", "gets", "has", "ttl", "keys", "stats"),
    *("set", "set_many", "add", "replace", "cas", "touch", "delete", "delete_many"),
    *("inc", "dec", "clear"),
):
    setattr(AsyncCache, _name, _forward(_name))
